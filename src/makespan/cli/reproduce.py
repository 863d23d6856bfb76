"""``makespan reproduce``: run the experiments behind a system's claims."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from makespan.cli import _complete, _options
from makespan.cli._files import check_targets
from makespan.cli._session import NEGATIVE, OK, Session


def reproduce(
    slug: Annotated[
        str,
        typer.Argument(
            metavar="SLUG",
            help="System whose claims to measure, as `makespan systems` lists it; all for every "
            "one.",
            autocompletion=_complete.system_slugs,
            show_default=False,
        ),
    ],
    claim: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this claim of the system.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick", metavar="", help="A small sample, in less than half a minute per claim."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the experiment.", min=0)] = 0,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Measure what a paper claims and say whether it holds here.

    Exit code 1 means that a claim was not reproduced.
    """
    with Session("reproduce", json_target=json, quiet=quiet, debug=debug) as session:
        check_targets({"--json": json})
        from makespan.claims import Verdict, registry
        from makespan.claims import reproduce as measure
        from makespan.claims.running import conditions
        from makespan.cli._ledger_report import claim_report
        from makespan.core.errors import OptionError

        known = registry()
        chosen = list(known) if slug == "all" else [known.get(slug)]
        claims = [c for system in chosen for c in system.claims if claim in (None, c.slug)]
        if not claims:
            names = ", ".join(c.slug for system in chosen for c in system.claims)
            raise OptionError(f"{slug} has no claim {claim!r}", hint=f"its claims: {names}")
        given = conditions(quick=quick, seed=seed, say=lambda line: session.note(f"  {line}"))
        documents: list[dict[str, Any]] = []
        refuted = False
        for item in claims:
            session.note(f"measuring {item.system} / {item.slug} ...")
            result = measure(item, given)
            refuted = refuted or result.verdict is Verdict.NOT
            documents.append({"statement": item.statement, **result.document()})
            session.print()
            session.print(claim_report(item, result))
        exit_code = NEGATIVE if refuted else OK
        session.emit({"results": documents}, exit_code)
        session.finish(exit_code)
