"""What people read at the end: summary of a solve, violations, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from makespan.cli._best_known import known_sentence
from makespan.cli._wording import count, describe_problem, describe_seconds, level_names, percent
from makespan.core.vocabulary import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from makespan.core.problem import Problem
    from makespan.core.result import Result
    from makespan.core.schedule import Schedule
    from makespan.core.verify import Violation
    from makespan.generators import BestKnown

_STATUS_STYLE = {
    Status.OPTIMAL: "bold green",
    Status.FEASIBLE: "bold yellow",
    Status.INFEASIBLE: "bold red",
    Status.UNKNOWN: "bold magenta",
}

_STATUS_MEANING = {
    Status.OPTIMAL: "no better schedule exists",
    Status.FEASIBLE: "a better schedule may exist",
    Status.INFEASIBLE: "no schedule satisfies every constraint",
    Status.UNKNOWN: "no schedule found, none excluded",
}

_VIOLATIONS_SHOWN = 50


def facts() -> Table:
    """Empty two-column table of labels and values."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


_NAME = 14
"""Characters of names that are not given up for figures side by side."""


def figure_table(
    names: Sequence[str],
    labels: Sequence[Sequence[str]],
    heads: Sequence[str],
    cells: Sequence[Sequence[tuple[str, ...]]],
    width: int,
    joint: str = " / ",
) -> Table:
    """Table of rows with labels and figures, of so many characters a line.

    The parts of a cell stand side by side, or below each other where there is little room. Labels
    are broken where that is not enough, never figures.

    Parameters
    ----------
    names, labels
        Heads of the labels, and those of each row.
    heads, cells
        Heads of the figures, and those of each row in parts.
    joint
        What stands between parts side by side.
    """

    def needed(between: str) -> int:
        lengths = [
            max([len(head), *(len(between.join(row[k])) for row in cells)])
            for k, head in enumerate(heads)
        ]
        return sum(lengths) + 2 * len(heads)

    shortest = sum(
        min(_NAME, max([len(name), *(len(row[k]) for row in labels)])) + 2
        for k, name in enumerate(names)
    )
    between = joint if needed(joint) + shortest <= width else "\n"
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for label, row in zip(labels, cells, strict=True):
        table.add_row(*label, *(between.join(parts) for parts in row))
    return table


def title(problem: Problem) -> RenderableType:
    """Name and sizes of a problem."""
    return Text.assemble(
        (problem.name or "problem", "bold"), "  ", (describe_problem(problem), "dim")
    )


def summary(
    problem: Problem,
    result: Result,
    violations: Sequence[Violation],
    *,
    best_known: BestKnown | None,
    limit_reached: str = "",
) -> RenderableType:
    """Outcome of a solve on a few lines."""
    table = facts()
    meaning = _STATUS_MEANING[result.status]
    if result.cancelled:
        meaning = f"stopped by you; {meaning}"
    elif limit_reached and result.status in (Status.FEASIBLE, Status.UNKNOWN):
        meaning = f"{limit_reached}; {meaning}"
    table.add_row(
        "status", Text.assemble((result.status.value, _STATUS_STYLE[result.status]), f"  {meaning}")
    )
    for k, name in enumerate(level_names(problem.objective)):
        bound = result.bounds[k] if k < len(result.bounds) else None
        if k < len(result.objectives):
            table.add_row(name, _value(result.objectives[k], bound))
        elif bound is not None:
            table.add_row(name, f"at least {bound}")
    if best_known is not None:
        table.add_row("best known", known_sentence(best_known, result.objective))
    if result.schedule is not None:
        absent = int((~result.schedule.present).sum())
        if absent:
            table.add_row("left out", count(absent, "optional task"))
        table.add_row("verified", _verdict(violations))
    if result.message:
        table.add_row("note", escape(result.message))
    threads = "" if result.threads is None else f", {count(result.threads, 'thread')}"
    seed = "" if result.seed is None else f", seed {result.seed}"
    table.add_row("engine", f"{result.engine}{threads}{seed}, {describe_seconds(result.seconds)}")
    return table


def _value(value: int, bound: int | None) -> Text:
    text = Text(str(value), style="bold")
    if bound is None:
        text.append("  (no bound)", style="dim not bold")
    elif bound >= value:
        text.append("  (proved: bound is equal)", style="dim not bold")
    else:
        gap = percent((value - bound) / max(1, abs(value)))
        text.append(f"  (bound {bound}, gap {gap})", style="dim not bold")
    return text


def _verdict(violations: Sequence[Violation]) -> Text:
    if violations:
        return Text(f"no: {count(len(violations), 'violation')}", style="bold red")
    return Text.assemble(("yes", "green"), ("  every constraint holds", "dim"))


def verdict(
    problem: Problem,
    schedule: Schedule,
    values: Sequence[int],
    violations: Sequence[Violation],
    *,
    best_known: BestKnown | None,
) -> RenderableType:
    """Outcome of a verification on a few lines."""
    table = facts()
    table.add_row("verified", _verdict(violations))
    for name, value in zip(level_names(problem.objective), values, strict=False):
        table.add_row(name, Text(str(value), style="bold"))
    if values and not any(name == "makespan" for name in level_names(problem.objective)):
        table.add_row("makespan", str(schedule.makespan))
    if best_known is not None and values and not violations:
        table.add_row("best known", known_sentence(best_known, values[0]))
    absent = int((~schedule.present).sum())
    if absent:
        table.add_row("left out", count(absent, "task"))
    return table


def violation_list(violations: Sequence[Violation]) -> RenderableType:
    """Every violation with its kind, the first fifty in full."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("violation", style="red", no_wrap=True)
    table.add_column("what is wrong", overflow="fold")
    for violation in violations[:_VIOLATIONS_SHOWN]:
        table.add_row(violation.kind.value, escape(violation.sentence))
    rest = len(violations) - _VIOLATIONS_SHOWN
    if rest > 0:
        table.add_row("…", f"and {rest} more; --json lists them all")
    return table


def gantt(problem: Problem, schedule: Schedule, *, width: int, colour: bool) -> RenderableType:
    """Small text Gantt chart."""
    from makespan.viz.terminal import terminal_gantt

    return Text.from_ansi(terminal_gantt(problem, schedule, width=width, colour=colour))
