"""Systems, claims and verdicts as people read them in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from makespan.claims import Verdict
from makespan.cli._report import facts
from makespan.cli._wording import describe_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from makespan.claims import ClaimResult
    from makespan.core.registry import Claim, System

_STYLE = {
    Verdict.REPRODUCED: "green",
    Verdict.PARTLY: "yellow",
    Verdict.NOT: "red",
    Verdict.UNCONFIRMED: "magenta",
}


def _verdict(result: ClaimResult | None) -> Text:
    if result is None:
        return Text("not measured yet", style="dim")
    return Text(result.verdict.value, style=_STYLE[result.verdict])


def system_table(
    systems: Sequence[System], results: Mapping[tuple[str, str], ClaimResult]
) -> RenderableType:
    """One row per claim, grouped by system."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column("system", style="cyan", no_wrap=True)
    table.add_column("what it is", ratio=2)
    table.add_column("claim", ratio=1)
    table.add_column("verdict", no_wrap=True)
    for system in systems:
        title = Text.assemble(system.title, "\n", (f"{system.room} · {system.source}", "dim"))
        claims = Text("\n".join(claim.slug for claim in system.claims))
        verdicts = Text("\n").join(
            _verdict(results.get((system.slug, claim.slug))) for claim in system.claims
        )
        table.add_row(system.slug, title, claims, verdicts)
    return table


def system_details(
    system: System, results: Mapping[tuple[str, str], ClaimResult]
) -> RenderableType:
    """A system with its claims in full."""
    table = facts()
    table.add_row("source", Text(str(system.source)))
    if system.source.url:
        table.add_row("", Text(system.source.url))
    table.add_row("room", system.room)
    table.add_row("what it does", Text(system.summary))
    table.add_row("start at", Text("\n".join(system.entry_points)))
    parts: list[RenderableType] = [
        Text.assemble((system.slug, "bold cyan"), f"  {system.title}"),
        Text(),
        table,
    ]
    for claim in system.claims:
        parts += [Text(), claim_report(claim, results.get((system.slug, claim.slug)))]
    return Group(*parts)


def claim_report(claim: Claim, result: ClaimResult | None) -> RenderableType:
    """A claim, what was measured, and the verdict."""
    table = facts()
    table.add_row("claim", Text(claim.statement))
    table.add_row("source", Text(str(claim.source)))
    table.add_row("experiment", Text(claim.measured_as))
    table.add_row("tolerance", Text(claim.tolerance))
    if claim.inference:
        table.add_row("ours", Text(claim.inference))
    if result is None:
        table.add_row("verdict", _verdict(None))
    else:
        for name, figure in result.measured.items():
            table.add_row("measured", Text.assemble(f"{name}  ", (str(figure), "bold")))
        table.add_row("verdict", _verdict(result))
        table.add_row("because", Text(result.explanation))
        table.add_row(
            "run",
            Text(f"{result.scope}, {describe_seconds(result.seconds)}, {result.date}, "
                 f"{result.machine}", style="dim"),
        )  # fmt: skip
    return Group(Text(f"{claim.system} / {claim.slug}", style="bold"), table)
