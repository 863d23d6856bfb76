"""What ``makespan repair`` tells people and machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from makespan.cli._report import facts
from makespan.cli._wording import count, describe_seconds, level_names

if TYPE_CHECKING:
    from rich.console import RenderableType

    from makespan.core.result import Result
    from makespan.core.verify import Violation
    from makespan.solvers.repair import Repair

_MOVES_SHOWN = 20


def summary(mended: Repair, violations: Sequence[Violation]) -> RenderableType:
    """Outcome of a repair on a few lines."""
    table = facts()
    if mended.schedule is None:
        table.add_row("status", Text.assemble((mended.result.status.value, "bold red")))
        if mended.result.message:
            table.add_row("note", escape(mended.result.message))
        return table
    names = level_names(mended.problem.objective)
    for k, name in enumerate(names):
        shifted = f", right shift {mended.shifted[k]}" if mended.shifted else ""
        table.add_row(
            name,
            Text.assemble(
                (str(mended.after[k]), "bold"), (f"  (plan {mended.before[k]}{shifted})", "dim")
            ),
        )
    table.add_row("moved", count(len(mended.moves), "task"))
    if mended.added:
        table.add_row("new", ", ".join(map(escape, mended.added[:_MOVES_SHOWN])))
    if mended.dropped:
        table.add_row("left out", ", ".join(map(escape, mended.dropped[:_MOVES_SHOWN])))
    for sentence in mended.waived:
        table.add_row("waived", escape(sentence))
    verdict = Text.assemble(("yes", "green"), ("  every constraint holds", "dim"))
    if violations:
        verdict = Text(f"no: {count(len(violations), 'violation')}", style="bold red")
    table.add_row("verified", verdict)
    table.add_row("engine", f"{mended.result.engine}, {describe_seconds(mended.result.seconds)}")
    return table


def moves(mended: Repair) -> RenderableType:
    """The moved tasks, the first twenty in full."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("moved task", "from", "to", "mode"):
        table.add_column(heading)
    for move in mended.moves[:_MOVES_SHOWN]:
        old, new = move.mode
        table.add_row(
            escape(move.task),
            str(move.start[0]),
            str(move.start[1]),
            "" if old == new else f"{old} to {new}",
        )
    rest = len(mended.moves) - _MOVES_SHOWN
    if rest > 0:
        table.add_row("…", "", f"and {rest} more", "")
    return table


def text(option: str, mended: Repair) -> str:
    """Text of the file that an output option asks for."""
    from makespan.cli._drawings import draw

    if option == "--rest":
        from makespan.io import to_text

        return to_text(mended.problem, "json")
    return draw(option, mended.problem, _shown(mended), None)


def _shown(mended: Repair) -> Result:
    """The result with the values of the plan's own objective."""
    none = (None,) * len(mended.after)
    return replace(mended.result, objectives=mended.after, bounds=none)


def document(
    mended: Repair,
    violations: Sequence[Violation],
    *,
    now: int,
    limit: float | None,
    stopped: bool,
    outputs: Mapping[str, str | None],
) -> dict[str, Any]:
    """The JSON document."""
    from makespan.cli._documents import (
        absent_tasks,
        problem_document,
        schedule_rows,
        violation_documents,
    )

    found, result = mended.schedule, mended.result
    return {
        "instance": mended.problem.name,
        "problem": problem_document(mended.problem),
        "now": now,
        "status": result.status.value,
        "levels": level_names(mended.problem.objective),
        "before": list(mended.before),
        "shifted": list(mended.shifted),
        "after": list(mended.after),
        "moves": [
            {"task": move.task, "start": list(move.start), "mode": list(move.mode)}
            for move in mended.moves
        ],
        "dropped": list(mended.dropped),
        "added": list(mended.added),
        "waived": list(mended.waived),
        "verified": None if found is None else not violations,
        "violations": violation_documents(violations),
        "engine": result.engine,
        "seed": result.seed,
        "threads": result.threads,
        "time_limit": limit,
        "seconds": round(result.seconds, 6),
        "cancelled": stopped,
        "message": result.message,
        "schedule": None if found is None else schedule_rows(mended.problem, found),
        "absent": [] if found is None else absent_tasks(mended.problem, found),
        "outputs": {
            option.lstrip("-"): target
            for option, target in outputs.items()
            if target is not None and option != "--json"
        },
    }
