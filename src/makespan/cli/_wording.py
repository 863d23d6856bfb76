"""How numbers and problems are put into words, the same in every command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from makespan.core.problem import Objective, Problem

_MINUTE = 60


def describe_seconds(seconds: float) -> str:
    """Seconds as "0.4 s", "12 s" or "3 min 05 s"."""
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    text = f"{rest // 60} min {rest % 60:02d} s"
    return f"{hours} h {text}" if hours else text


def describe_gap(value: int, bound: int) -> str:
    """Relative distance of a value to its bound, in percent of the value."""
    gap = max(0.0, (value - bound) / max(1, abs(value)))
    return percent(gap)


def percent(fraction: float) -> str:
    """A fraction as percent with as many digits as mean something."""
    shown = 100 * fraction
    if shown == 0:
        return "0 %"
    return f"{shown:.2f} %" if abs(shown) < 1 else f"{shown:.1f} %"


def count(number: int, word: str) -> str:
    """A number with its noun: "1 task", "2 tasks", "2 families"."""
    if number == 1:
        return f"1 {word}"
    plural = word[:-1] + "ies" if word[-1] == "y" and word[-2] not in "aeiou" else word + "s"
    return f"{number:,} {plural}".replace(",", " ")


def level_names(objective: Objective) -> list[str]:
    """One short name per objective level."""
    return [
        " + ".join(
            term.kind.value.replace("_", " ")
            if term.coefficient == 1
            else f"{term.coefficient} {term.kind.value.replace('_', ' ')}"
            for term in level
        )
        for level in objective.levels
    ]


def describe_problem(problem: Problem) -> str:
    """Sizes and objective on one line."""
    from makespan.core.vocabulary import ResourceKind

    parts = [count(problem.tasks.count, "task")]
    if problem.jobs.count:
        parts.insert(0, count(problem.jobs.count, "job"))
    for kind in ResourceKind:
        number = int((problem.resources.kind == kind).sum())
        if number:
            noun = (
                kind.name.lower()
                if kind == ResourceKind.MACHINE
                else f"{kind.name.lower()} resource"
            )
            parts.append(count(number, "reservoir" if kind == ResourceKind.RESERVOIR else noun))
    return f"{' · '.join(parts)} · minimise {', then '.join(level_names(problem.objective))}"
