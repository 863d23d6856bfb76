"""Sentences about constraints; chains of plain precedences are told in one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, PrecedenceKind
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind

_NAMED: Final = 6
"""Most tasks of a chain that are named one by one."""


def told(problem: Problem, constraints: Sequence[ConstraintLabel]) -> tuple[str, ...]:
    """Sentences for constraints, in their order."""
    plain = {c.index: c for c in constraints if _is_plain(problem, c)}
    after: dict[int, list[int]] = {}
    before: dict[int, list[int]] = {}
    table = problem.precedences
    for row in plain:
        after.setdefault(int(table.source[row]), []).append(row)
        before.setdefault(int(table.target[row]), []).append(row)
    chains: dict[int, list[int]] = {}
    inside: set[int] = set()
    for row in plain:
        if row in inside or _previous(problem, row, after, before) is not None:
            continue
        chain = [row]
        while (following := _following(problem, chain[-1], after, before)) is not None:
            chain.append(following)
        if len(chain) > 1:
            chains[row] = chain
            inside.update(chain)
    sentences = []
    for c in constraints:
        if c.kind is LabelKind.PRECEDENCE and c.index in chains:
            sentences.append(_chain(problem, chains[c.index]))
        elif c.kind is not LabelKind.PRECEDENCE or c.index not in inside:
            sentences.append(c.text)
    return tuple(sentences)


def _is_plain(problem: Problem, label: ConstraintLabel) -> bool:
    table, k = problem.precedences, label.index
    return (
        label.kind is LabelKind.PRECEDENCE
        and table.kind[k] == PrecedenceKind.FS
        and table.minimum[k] == 0
        and table.maximum[k] == INFINITY
    )


def _following(
    problem: Problem, row: int, after: dict[int, list[int]], before: dict[int, list[int]]
) -> int | None:
    """The only precedence from the target on, if no other one leads there."""
    task = int(problem.precedences.target[row])
    onward = after.get(task, [])
    return onward[0] if len(onward) == len(before[task]) == 1 else None


def _previous(
    problem: Problem, row: int, after: dict[int, list[int]], before: dict[int, list[int]]
) -> int | None:
    task = int(problem.precedences.source[row])
    back = before.get(task, [])
    return back[0] if len(back) == len(after[task]) == 1 else None


def _chain(problem: Problem, rows: list[int]) -> str:
    table, names = problem.precedences, problem.tasks.names
    tasks = [int(table.source[rows[0]]), *(int(table.target[row]) for row in rows)]
    shown = [repr(names[i]) for i in tasks]
    if len(shown) > _NAMED:
        shown = [*shown[:2], f"… ({len(shown) - 3} more)", shown[-1]]
    return f"{', '.join(shown)} run one after the other"
