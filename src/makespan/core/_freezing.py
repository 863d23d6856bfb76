"""Turns a builder's rows into the frozen tables of a Problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from makespan.core._checks import nonnegative
from makespan.core._rows import JobRow, ResourceRow, TaskRow
from makespan.core.errors import ProblemError
from makespan.core.names import NameTable
from makespan.core.problem import (
    Jobs,
    Links,
    Modes,
    Precedences,
    Resources,
    Selections,
    Sets,
    Tasks,
)
from makespan.core.vocabulary import BoolArray, CodeArray, IndexArray, IntArray


def _i64(values: Iterable[int]) -> IntArray:
    return np.array(list(values), dtype=np.int64)


def _i32(values: Iterable[int]) -> IndexArray:
    return np.array(list(values), dtype=np.int32)


def _u8(values: Iterable[int]) -> CodeArray:
    return np.array(list(values), dtype=np.uint8)


def _flags(values: Iterable[bool]) -> BoolArray:
    return np.array(list(values), dtype=np.bool_)


def _ptr(lengths: Iterable[int]) -> IntArray:
    return np.concatenate(([0], np.cumsum(_i64(lengths)))).astype(np.int64)


def matrix(values: Sequence[Sequence[int]] | np.ndarray, where: str) -> IntArray:
    """Square matrix of whole numbers >= 0, shape (f, f)."""
    try:
        rows = [list(row) for row in values]
    except TypeError:
        raise ProblemError(f"{where}: the matrix is no list of rows") from None
    if any(len(row) != len(rows) for row in rows) or not rows:
        raise ProblemError(f"{where}: the matrix is not square")
    return np.array(
        [
            [nonnegative(v, f"{where}[{i}][{j}]") for j, v in enumerate(r)]
            for i, r in enumerate(rows)
        ],
        dtype=np.int64,
    )


def vector(values: Sequence[int] | None, size: int, where: str) -> IntArray:
    """``size`` whole numbers >= 0; None means zeros."""
    if values is None:
        return np.zeros(size, dtype=np.int64)
    if len(values) != size:
        raise ProblemError(f"{where}: {len(values)} values for {size} families")
    return _i64(nonnegative(v, f"{where}[{k}]") for k, v in enumerate(values))


def tasks(rows: Sequence[TaskRow]) -> Tasks:
    """Task table of the rows."""
    return Tasks(
        names=NameTable.explicit(r.name for r in rows),
        job=_i32(r.job for r in rows),
        release=_i64(r.release for r in rows),
        deadline=_i64(r.deadline for r in rows),
        due=_i64(r.due for r in rows),
        weight=_i64(r.weight for r in rows),
        optional=_flags(r.optional for r in rows),
        reward=_i64(r.reward for r in rows),
        family=_i32(r.family for r in rows),
        blocking=_u8(r.blocking for r in rows),
        baseline_start=_i64(r.baseline_start for r in rows),
        baseline_mode=_i32(r.baseline_mode for r in rows),
        mode_ptr=_ptr(len(r.modes) for r in rows),
        forbidden_ptr=_ptr(len(r.forbidden) for r in rows),
        forbidden_start=_i64(a for r in rows for a, _ in r.forbidden),
        forbidden_end=_i64(b for r in rows for _, b in r.forbidden),
    )


def modes(rows: Sequence[TaskRow]) -> Modes:
    """Mode table of the rows, in task order."""
    listed = [m for r in rows for m in r.modes]
    return Modes(
        task=_i32(i for i, r in enumerate(rows) for _ in r.modes),
        duration=_i64(m.duration for m in listed),
        cost=_i64(m.cost for m in listed),
        demand_ptr=_ptr(len(m.demands) for m in listed),
        demand_resource=_i32(d[0] for m in listed for d in m.demands),
        demand_amount=_i64(d[1] for m in listed for d in m.demands),
        demand_timing=_u8(d[2] for m in listed for d in m.demands),
    )


def resources(rows: Sequence[ResourceRow]) -> Resources:
    """Resource table of the rows."""
    return Resources(
        names=NameTable.explicit(r.name for r in rows),
        kind=_u8(r.kind for r in rows),
        capacity=_i64(r.capacity for r in rows),
        minimum=_i64(r.minimum for r in rows),
        initial=_i64(r.initial for r in rows),
        calendar=_i32(r.calendar for r in rows),
        suspend=_flags(r.suspend for r in rows),
        released_in_breaks=_flags(r.released for r in rows),
        blocking=_u8(r.blocking for r in rows),
        rate=_i64(r.rate for r in rows),
        setup=_i32(r.setup for r in rows),
        step_ptr=_ptr(len(r.steps) for r in rows),
        step_time=_i64(t for r in rows for t, _ in r.steps),
        step_capacity=_i64(c for r in rows for _, c in r.steps),
    )


def jobs(rows: Sequence[JobRow]) -> Jobs:
    """Job table of the rows."""
    return Jobs(
        names=NameTable.explicit(r.name for r in rows),
        release=_i64(r.release for r in rows),
        deadline=_i64(r.deadline for r in rows),
        due=_i64(r.due for r in rows),
        weight=_i64(r.weight for r in rows),
        task_ptr=_ptr(len(r.tasks) for r in rows),
        task=_i32(t for r in rows for t in r.tasks),
    )


def precedences(rows: Sequence[tuple[int, int, int, int, int]]) -> Precedences:
    """Precedence table from (source, target, kind, minimum, maximum) rows."""
    return Precedences(
        source=_i32(r[0] for r in rows),
        target=_i32(r[1] for r in rows),
        kind=_u8(r[2] for r in rows),
        minimum=_i64(r[3] for r in rows),
        maximum=_i64(r[4] for r in rows),
    )


def sets(rows: Sequence[tuple[str, list[int]]]) -> Sets:
    """CSR of named index sets."""
    return Sets(
        NameTable.explicit(name for name, _ in rows),
        _ptr(len(members) for _, members in rows),
        _i32(m for _, members in rows for m in members),
    )


def links(rows: Sequence[tuple[int, int, int, int]]) -> Links:
    """Link table from (kind, first, second, group) rows."""
    return Links(
        _u8(r[0] for r in rows),
        _i32(r[1] for r in rows),
        _i32(r[2] for r in rows),
        _i32(r[3] for r in rows),
    )


def selections(rows: Sequence[tuple[int, list[int]]]) -> Selections:
    """Selection table from (kind, tasks) rows."""
    return Selections(
        _u8(r[0] for r in rows),
        _ptr(len(r[1]) for r in rows),
        _i32(t for r in rows for t in r[1]),
    )
