"""A problem without one of its stated constraints, made by editing the problem itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from makespan.core.problem import Links, Precedences, Problem, Selections, Sets
from makespan.core.vocabulary import INFINITY, TICK_LIMIT, ResourceKind
from makespan.solvers.cpsat import build
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind


def stated(problem: Problem) -> list[ConstraintLabel]:
    """Every constraint that can be part of a conflict."""
    return list(build(problem, relaxable=True).model.switches)


def only(problem: Problem, kept: Iterable[ConstraintLabel]) -> Problem:
    """The problem with nothing stated but ``kept``."""
    return without(problem, set(stated(problem)) - set(kept))


def without(problem: Problem, dropped: Iterable[ConstraintLabel]) -> Problem:
    """The problem without ``dropped``; rows of relations go last, as labels count them."""
    gone: dict[LabelKind, list[ConstraintLabel]] = {}
    for label in dropped:
        gone.setdefault(label.kind, []).append(label)
    for kind, labels in gone.items():
        problem = _EDITS[kind](problem, labels)
    return problem


def _window(column: str, value: int):
    def edit(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
        free = problem.horizon_start if column == "release" else value
        for label in labels:
            table = problem.jobs if label.text.startswith("job ") else problem.tasks
            dates = getattr(table, column).copy()
            dates[label.index] = free
            name = "jobs" if label.text.startswith("job ") else "tasks"
            problem = replace(problem, **{name: replace(table, **{column: dates})})
        return problem

    return edit


def _horizon(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    return replace(problem, horizon_end=INFINITY)


def _forbidden(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    t = problem.tasks
    gone = {label.text for label in labels}
    owner = np.repeat(np.arange(t.count), np.diff(t.forbidden_ptr))
    kept = [
        f"{t.names[i]!r} does not run in [{a}, {b})" not in gone
        for i, a, b in zip(
            owner.tolist(), t.forbidden_start.tolist(), t.forbidden_end.tolist(), strict=True
        )
    ]
    keep = np.array(kept, dtype=bool)
    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner[keep], minlength=t.count))))
    tasks = replace(
        t,
        forbidden_ptr=ptr.astype(np.int64),
        forbidden_start=t.forbidden_start[keep],
        forbidden_end=t.forbidden_end[keep],
    )
    return replace(problem, tasks=tasks)


def _resources(problem: Problem, rows: list[int], **columns: int) -> Problem:
    r = problem.resources
    changed = {}
    for name, value in columns.items():
        column = getattr(r, name).copy()
        column[rows] = value
        changed[name] = column
    return replace(problem, resources=replace(r, **changed))


def _calendar(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    return _resources(problem, [label.index for label in labels], calendar=-1)


def _machine(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    """A machine that holds any number of tasks: a renewable with room for all, and no order."""
    rows = [label.index for label in labels]
    sets = problem.same_orders
    keep = ~np.isin(sets.member, rows)
    kept = np.concatenate(([0], np.cumsum(keep)))
    problem = replace(problem, same_orders=Sets(sets.names, kept[sets.ptr], sets.member[keep]))
    return _resources(
        problem, rows, kind=ResourceKind.RENEWABLE, capacity=TICK_LIMIT, setup=-1, blocking=0
    )


def _renewable(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    rows = [label.index for label in labels]
    problem = _resources(problem, rows, capacity=TICK_LIMIT)
    r = problem.resources
    owner = np.repeat(np.arange(r.count), np.diff(r.step_ptr))
    keep = ~np.isin(owner, rows)
    ptr = np.concatenate(([0], np.cumsum(np.bincount(owner[keep], minlength=r.count))))
    resources = replace(
        r,
        step_ptr=ptr.astype(np.int64),
        step_time=r.step_time[keep],
        step_capacity=r.step_capacity[keep],
    )
    return replace(problem, resources=resources)


def _consumable(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    return _resources(problem, [label.index for label in labels], capacity=TICK_LIMIT)


def _reservoir(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    rows = [label.index for label in labels]
    return _resources(problem, rows, capacity=INFINITY, minimum=-TICK_LIMIT)


def _precedence(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    p = problem.precedences
    keep = np.setdiff1d(np.arange(p.count), [label.index for label in labels])
    return replace(
        problem,
        precedences=Precedences(
            p.source[keep], p.target[keep], p.kind[keep], p.minimum[keep], p.maximum[keep]
        ),
    )


def _no_overlap(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    return replace(problem, no_overlaps=_left(problem.no_overlaps, labels))


def _same_order(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    return replace(problem, same_orders=_left(problem.same_orders, labels))


def _left(sets: Sets, labels: list[ConstraintLabel]) -> Sets:
    gone = {label.index for label in labels}
    kept = [members for k, members in enumerate(sets) if k not in gone]
    names = [n for k, n in enumerate(sets.names) if k not in gone]
    ptr = np.concatenate(([0], np.cumsum([len(m) for m in kept]))).astype(np.int64)
    member = np.concatenate([np.empty(0, dtype=np.int32), *kept]).astype(np.int32)
    return Sets(type(sets.names).explicit(names), ptr, member)


def _selection(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    s, gone = problem.selections, {label.index for label in labels}
    rows = [k for k in range(s.count) if k not in gone]
    kept = [s.task[s.ptr[k] : s.ptr[k + 1]] for k in rows]
    ptr = np.concatenate(([0], np.cumsum([len(m) for m in kept]))).astype(np.int64)
    task = np.concatenate([np.empty(0, dtype=np.int32), *kept]).astype(np.int32)
    return replace(problem, selections=Selections(s.kind[rows], ptr, task))


def _link(problem: Problem, labels: list[ConstraintLabel]) -> Problem:
    links = problem.links
    keep = np.setdiff1d(np.arange(links.count), [label.index for label in labels])
    return replace(
        problem,
        links=Links(links.kind[keep], links.first[keep], links.second[keep], links.group[keep]),
    )


_EDITS = {
    LabelKind.HORIZON: _horizon,
    LabelKind.RELEASE: _window("release", 0),
    LabelKind.DEADLINE: _window("deadline", INFINITY),
    LabelKind.FORBIDDEN: _forbidden,
    LabelKind.CALENDAR: _calendar,
    LabelKind.PRECEDENCE: _precedence,
    LabelKind.MACHINE: _machine,
    LabelKind.RENEWABLE: _renewable,
    LabelKind.CONSUMABLE: _consumable,
    LabelKind.RESERVOIR: _reservoir,
    LabelKind.NO_OVERLAP: _no_overlap,
    LabelKind.SAME_ORDER: _same_order,
    LabelKind.SELECTION: _selection,
    LabelKind.LINK: _link,
}
