"""``makespan systems``: the published methods in this library and how their claims fare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from makespan.cli import _complete, _options
from makespan.cli._files import check_targets
from makespan.cli._session import Session

if TYPE_CHECKING:
    from makespan.claims import ClaimResult
    from makespan.core.registry import Claim, System


def systems(
    slug: Annotated[
        str | None,
        typer.Argument(
            metavar="[SLUG]",
            help="One system, with its claims in full.",
            autocompletion=_complete.system_slugs,
            show_default=False,
        ),
    ] = None,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """List the published methods in here and how their claims fare."""
    with Session("systems", json_target=json, quiet=quiet, debug=debug) as session:
        check_targets({"--json": json})
        from makespan.claims import ledger, registry
        from makespan.cli._ledger_report import system_details, system_table

        known = registry()
        results = ledger()
        chosen = list(known) if slug is None else [known.get(slug)]
        session.print(
            system_table(chosen, results) if slug is None else system_details(chosen[0], results)
        )
        for failure in known.failures:
            session.print(f"[red]not loaded[/] {failure.path}: {failure.reason}")
        session.emit(
            {
                "systems": [_system_document(system, results) for system in chosen],
                "failures": [
                    {"path": failure.path, "reason": failure.reason} for failure in known.failures
                ],
            }
        )


def _system_document(system: System, results: dict[tuple[str, str], ClaimResult]) -> dict[str, Any]:
    return {
        "slug": system.slug,
        "title": system.title,
        "source": _source_document(system),
        "room": system.room,
        "summary": system.summary,
        "entry_points": list(system.entry_points),
        "claims": [_claim_document(claim, results) for claim in system.claims],
    }


def _claim_document(claim: Claim, results: dict[tuple[str, str], ClaimResult]) -> dict[str, Any]:
    result = results.get((claim.system, claim.slug))
    return {
        "slug": claim.slug,
        "statement": claim.statement,
        "source": _source_document(claim),
        "measured_as": claim.measured_as,
        "tolerance": claim.tolerance,
        "inference": claim.inference,
        "result": None if result is None else result.document(),
    }


def _source_document(owner: System | Claim) -> dict[str, str]:
    source = owner.source
    return {"paper": source.paper, "identifier": source.identifier, "url": source.url}
