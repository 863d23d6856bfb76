"""The frozen Problem: flat arrays that every engine, verifier and writer reads.

Each table is a set of parallel NumPy arrays; variable-length parts are CSR: the entries of row
``i`` are ``values[ptr[i]:ptr[i + 1]]``. Arrays are read-only. ``INFINITY`` stands for "no
deadline", "no maximum lag", "no due date", "no baseline".
Use :class:`makespan.ProblemBuilder` to build one by hand, or the readers of ``makespan.io``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.names import NameTable
from makespan.core.vocabulary import (
    INFINITY,
    BoolArray,
    CodeArray,
    IndexArray,
    IntArray,
    ObjectiveKind,
)


class _Table:
    """Makes every array of a table read-only and compares tables by content."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                frozen = np.ascontiguousarray(value)
                if frozen is value and value.flags.writeable:
                    frozen = value.view()
                frozen.flags.writeable = False
                object.__setattr__(self, item.name, frozen)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        for item in fields(self):  # type: ignore[arg-type]
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            if isinstance(mine, np.ndarray):
                if not np.array_equal(mine, theirs):
                    return False
            elif mine != theirs:
                return False
        return True

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, eq=False)
class Tasks(_Table):
    """Tasks, n rows.

    Attributes
    ----------
    job
        Job index or -1, int32 (n,).
    release, deadline, due
        Window in ticks, int64 (n,): release <= start, end <= deadline (INFINITY: none), due date
        (INFINITY: none).
    weight, reward
        Weight of due-date and completion terms; reward lost if an optional task is left out.
    optional
        Whether the task may be left out, bool (n,).
    family
        Setup family: row/column of the setup matrices, int32 (n,).
    blocking
        ``Blocking`` code, uint8 (n,).
    baseline_start, baseline_mode
        Start (INFINITY: none) and local mode number (-1: none) in the plan that change terms
        compare with.
    mode_ptr
        Modes of task i are ``mode_ptr[i] .. mode_ptr[i+1]-1``, int64 (n+1,).
    forbidden_ptr, forbidden_start, forbidden_end
        CSR of forbidden intervals.
    """

    names: NameTable
    job: IndexArray
    release: IntArray
    deadline: IntArray
    due: IntArray
    weight: IntArray
    optional: BoolArray
    reward: IntArray
    family: IndexArray
    blocking: CodeArray
    baseline_start: IntArray
    baseline_mode: IndexArray
    mode_ptr: IntArray
    forbidden_ptr: IntArray
    forbidden_start: IntArray
    forbidden_end: IntArray

    @property
    def count(self) -> int:
        """Number of tasks n."""
        return len(self.job)

    @classmethod
    def plain(cls, names: NameTable, job: IndexArray, mode_ptr: IntArray) -> Tasks:
        """Mandatory tasks without windows, weights or blocking: what classic formats hold."""
        n = len(job)
        none = np.full(n, INFINITY, dtype=np.int64)
        zero = np.zeros(n, dtype=np.int64)
        return cls(
            names=names,
            job=job,
            release=zero,
            deadline=none,
            due=none,
            weight=np.ones(n, dtype=np.int64),
            optional=np.zeros(n, dtype=np.bool_),
            reward=zero,
            family=np.zeros(n, dtype=np.int32),
            blocking=np.zeros(n, dtype=np.uint8),
            baseline_start=none,
            baseline_mode=np.full(n, -1, dtype=np.int32),
            mode_ptr=mode_ptr,
            forbidden_ptr=np.zeros(n + 1, dtype=np.int64),
            forbidden_start=np.empty(0, dtype=np.int64),
            forbidden_end=np.empty(0, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Modes(_Table):
    """Modes of all tasks, m rows in task order.

    Attributes
    ----------
    task
        Owner, int32 (m,).
    duration, cost
        Processing ticks and mode cost, int64 (m,).
    demand_ptr, demand_resource, demand_amount, demand_timing
        CSR of demands. ``DURING`` for machines (amount 1), renewables and consumables;
        ``AT_START``/``AT_END`` with a signed amount for reservoirs.
    """

    task: IndexArray
    duration: IntArray
    cost: IntArray
    demand_ptr: IntArray
    demand_resource: IndexArray
    demand_amount: IntArray
    demand_timing: CodeArray

    @property
    def count(self) -> int:
        """Number of modes m over all tasks."""
        return len(self.duration)

    def demand_mode(self) -> IntArray:
        """Mode index of each demand entry, int64 (d,)."""
        return np.repeat(np.arange(self.count, dtype=np.int64), np.diff(self.demand_ptr))


@dataclass(frozen=True, slots=True, eq=False)
class Resources(_Table):
    """Resources, r rows.

    Attributes
    ----------
    kind
        ``ResourceKind`` code, uint8 (r,).
    capacity
        Renewable: units per tick before the first step; consumable: total amount; reservoir:
        maximum level (INFINITY: none); machine: 1.
    minimum, initial
        Lowest allowed and initial level of a reservoir.
    calendar
        Index into ``Problem.calendars`` or -1, int32 (r,).
    suspend, released_in_breaks
        Whether breaks suspend tasks (else they forbid them), and whether a suspended task frees
        this renewable in its breaks.
    blocking
        ``Blocking`` code applied to every task on this machine.
    rate
        Cost per unit of usage (see the resource_cost objective).
    setup
        Index into ``Problem.setups`` or -1 (machines only).
    step_ptr, step_time, step_capacity
        CSR of capacity steps of renewables: from ``step_time`` on, capacity is ``step_capacity``.
    """

    names: NameTable
    kind: CodeArray
    capacity: IntArray
    minimum: IntArray
    initial: IntArray
    calendar: IndexArray
    suspend: BoolArray
    released_in_breaks: BoolArray
    blocking: CodeArray
    rate: IntArray
    setup: IndexArray
    step_ptr: IntArray
    step_time: IntArray
    step_capacity: IntArray

    @property
    def count(self) -> int:
        """Number of resources r."""
        return len(self.kind)

    @classmethod
    def plain(cls, names: NameTable, kind: CodeArray, capacity: IntArray) -> Resources:
        """Resources without calendars, setups, steps or rates."""
        r = len(kind)
        zero = np.zeros(r, dtype=np.int64)
        none = np.full(r, -1, dtype=np.int32)
        return cls(
            names=names,
            kind=kind,
            capacity=capacity,
            minimum=zero,
            initial=zero,
            calendar=none,
            suspend=np.zeros(r, dtype=np.bool_),
            released_in_breaks=np.zeros(r, dtype=np.bool_),
            blocking=np.zeros(r, dtype=np.uint8),
            rate=zero,
            setup=none,
            step_ptr=np.zeros(r + 1, dtype=np.int64),
            step_time=np.empty(0, dtype=np.int64),
            step_capacity=np.empty(0, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Jobs(_Table):
    """Jobs, j rows; ``task[task_ptr[k]:task_ptr[k+1]]`` are job k's tasks in their order."""

    names: NameTable
    release: IntArray
    deadline: IntArray
    due: IntArray
    weight: IntArray
    task_ptr: IntArray
    task: IndexArray

    @property
    def count(self) -> int:
        """Number of jobs j."""
        return len(self.release)

    @classmethod
    def plain(cls, names: NameTable, task_ptr: IntArray, task: IndexArray) -> Jobs:
        """Jobs without windows or weights."""
        j = len(task_ptr) - 1
        none = np.full(j, INFINITY, dtype=np.int64)
        return cls(
            names=names,
            release=np.zeros(j, dtype=np.int64),
            deadline=none,
            due=none,
            weight=np.ones(j, dtype=np.int64),
            task_ptr=task_ptr,
            task=task,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Precedences(_Table):
    """Lags: ``minimum <= y[target] - x[source] <= maximum`` with ends chosen by ``kind``."""

    source: IndexArray
    target: IndexArray
    kind: CodeArray
    minimum: IntArray
    maximum: IntArray

    @property
    def count(self) -> int:
        """Number of precedence relations."""
        return len(self.source)

    @classmethod
    def finish_to_start(cls, source: IndexArray, target: IndexArray) -> Precedences:
        """Plain "source ends before target starts" relations."""
        p = len(source)
        return cls(
            source=source,
            target=target,
            kind=np.zeros(p, dtype=np.uint8),
            minimum=np.zeros(p, dtype=np.int64),
            maximum=np.full(p, INFINITY, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sets(_Table):
    """Named sets of indices in CSR: of tasks (no-overlap sets) or of resources (the others)."""

    names: NameTable
    ptr: IntArray
    member: IndexArray

    @property
    def count(self) -> int:
        """Number of sets."""
        return len(self.ptr) - 1

    def __iter__(self) -> Iterator[IndexArray]:
        for k in range(self.count):
            yield self.member[self.ptr[k] : self.ptr[k + 1]]

    @classmethod
    def empty(cls) -> Sets:
        """No sets at all."""
        return cls(NameTable.explicit(()), np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32))

    @classmethod
    def single(cls, name: str, member: IndexArray) -> Sets:
        """One set."""
        return cls(NameTable.explicit((name,)), np.array([0, len(member)], dtype=np.int64), member)


@dataclass(frozen=True, slots=True, eq=False)
class Links(_Table):
    """Same-/different-resource constraints: tasks ``first``, ``second``, resource set ``group``."""

    kind: CodeArray
    first: IndexArray
    second: IndexArray
    group: IndexArray

    @property
    def count(self) -> int:
        """Number of links."""
        return len(self.kind)

    @classmethod
    def empty(cls) -> Links:
        """No links at all."""
        none = np.empty(0, dtype=np.int32)
        return cls(np.empty(0, dtype=np.uint8), none, none, none)


@dataclass(frozen=True, slots=True, eq=False)
class Selections(_Table):
    """Selection groups: ``kind`` per row and CSR of tasks; IMPLIES reads first -> all others."""

    kind: CodeArray
    ptr: IntArray
    task: IndexArray

    @property
    def count(self) -> int:
        """Number of selection groups."""
        return len(self.kind)

    @classmethod
    def empty(cls) -> Selections:
        """No selection groups at all."""
        return cls(
            np.empty(0, dtype=np.uint8),
            np.zeros(1, dtype=np.int64),
            np.empty(0, dtype=np.int32),
        )


@dataclass(frozen=True, slots=True, eq=False)
class SetupMatrix(_Table):
    """Sequence-dependent setups between families on the machines that refer to it.

    Attributes
    ----------
    time, cost
        ``[i, j]``: ticks and cost when a task of family j follows one of family i, int64 (f, f).
    initial_time, initial_cost
        The same for the first task on the machine, int64 (f,).
    """

    name: str
    time: IntArray
    initial_time: IntArray
    cost: IntArray
    initial_cost: IntArray


@dataclass(frozen=True, slots=True)
class ObjectiveTerm:
    """One term with its non-negative integer coefficient."""

    kind: ObjectiveKind
    coefficient: int = 1


@dataclass(frozen=True, slots=True)
class Objective:
    """Lexicographic list of levels, each a weighted sum of terms; all minimised."""

    levels: tuple[tuple[ObjectiveTerm, ...], ...] = ((ObjectiveTerm(ObjectiveKind.MAKESPAN),),)

    @property
    def kinds(self) -> frozenset[ObjectiveKind]:
        """Every kind of term that occurs in some level."""
        return frozenset(term.kind for level in self.levels for term in level)

    def __str__(self) -> str:
        return ", then ".join(
            " + ".join(
                t.kind.value if t.coefficient == 1 else f"{t.coefficient} {t.kind.value}"
                for t in level
            )
            for level in self.levels
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """What must be done: tasks with modes on limited resources, and what is to be minimised.

    Attributes
    ----------
    horizon_start, horizon_end
        Every present task lies in ``[horizon_start, horizon_end]``; the end may be INFINITY.
    same_orders
        Sets of machines that take the jobs they share in the same order.
    time_unit, origin
        For display only: name of a tick ("minute") and the date of tick 0.
    """

    name: str
    tasks: Tasks
    modes: Modes
    resources: Resources
    jobs: Jobs
    precedences: Precedences
    calendars: tuple[Calendar, ...] = ()
    setups: tuple[SetupMatrix, ...] = ()
    no_overlaps: Sets = field(default_factory=Sets.empty)
    same_orders: Sets = field(default_factory=Sets.empty)
    groups: Sets = field(default_factory=Sets.empty)
    links: Links = field(default_factory=Links.empty)
    selections: Selections = field(default_factory=Selections.empty)
    objective: Objective = field(default_factory=Objective)
    horizon_start: int = 0
    horizon_end: int = INFINITY
    time_unit: str = ""
    origin: datetime | None = None

    def __repr__(self) -> str:
        return (
            f"Problem({self.name!r}: {self.tasks.count} tasks, {self.jobs.count} jobs, "
            f"{self.resources.count} resources, minimise {self.objective})"
        )

    __hash__ = None  # type: ignore[assignment]
