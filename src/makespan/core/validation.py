"""Referential checks of a whole Problem, in the user's own names; vectorised, O(size log size).

Local rules are checked where values enter (builder, readers). Here the tables are checked against
each other, so that engines may rely on them whatever built them. Rules that would make a problem
merely infeasible (a deadline too tight) are not errors: engines and ``explain`` answer those.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from makespan.core.errors import ProblemError
from makespan.core.names import NameTable
from makespan.core.problem import Problem, SetupMatrix
from makespan.core.vocabulary import (
    INFINITY,
    TICK_LIMIT,
    Blocking,
    DemandTiming,
    IntArray,
    LinkKind,
    ObjectiveKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)


class ModelWarning(UserWarning):
    """A model is legal but probably not what was meant."""


def validate(problem: Problem) -> None:
    """Check every rule between the parts of ``problem``.

    Raises
    ------
    ProblemError
        On the first rule broken, naming tasks and resources.
    """
    _names(problem)
    _shapes(problem)
    _resources(problem)
    _modes(problem)
    _jobs(problem)
    _relations(problem)
    _same_orders(problem)
    _setups(problem)
    _objective(problem)


def _first(mask: npt.NDArray[np.bool_]) -> int | None:
    """Index of the first True, or None."""
    where = np.flatnonzero(mask)
    return int(where[0]) if len(where) else None


def _names(p: Problem) -> None:
    for what, table in (
        ("tasks", p.tasks.names),
        ("resources", p.resources.names),
        ("jobs", p.jobs.names),
        ("no-overlap sets", p.no_overlaps.names),
        ("same-order sets", p.same_orders.names),
        ("groups", p.groups.names),
        ("calendars", NameTable.explicit(c.name for c in p.calendars)),
        ("setup matrices", NameTable.explicit(s.name for s in p.setups)),
    ):
        twice = table.first_duplicate()
        if twice is not None:
            raise ProblemError(f"two {what} are named {twice!r}", hint="names must be distinct")


def _table_shapes(what: str, table: Any, rows: int, columns: Iterable[str]) -> None:
    for column in columns:
        if getattr(table, column).shape != (rows,):
            raise ProblemError(
                f"{what}.{column} has shape {getattr(table, column).shape}, not ({rows},)"
            )


def _csr(what: str, ptr: IntArray, rows: int, values: int) -> None:
    if ptr.shape != (rows + 1,) or ptr[0] != 0 or ptr[-1] != values or (np.diff(ptr) < 0).any():
        raise ProblemError(f"{what} is not a CSR pointer of {rows} rows over {values} values")


def _within(what: str, index: npt.NDArray[Any], size: int, low: int = 0) -> None:
    if len(index) and (int(index.min()) < low or int(index.max()) >= size):
        raise ProblemError(f"{what} refers outside the {size} rows it may name")


def _codes(what: str, codes: npt.NDArray[Any], size: int) -> None:
    if len(codes) and int(codes.max()) >= size:
        raise ProblemError(f"{what} holds the unknown code {int(codes.max())}")


def _bounded(what: str, values: IntArray, low: int = -TICK_LIMIT, infinite: bool = False) -> None:
    finite = values[values != INFINITY] if infinite else values
    if len(finite) and (int(finite.min()) < low or int(finite.max()) > TICK_LIMIT):
        bad = int(finite.min()) if int(finite.min()) < low else int(finite.max())
        raise ProblemError(f"{what} holds {bad}, outside [{low}, 2^44]")


def _shapes(p: Problem) -> None:
    t, m, r, j = p.tasks, p.modes, p.resources, p.jobs
    n = t.count
    _table_shapes(
        "tasks",
        t,
        n,
        (
            *("release", "deadline", "due", "weight", "optional", "reward", "family", "blocking"),
            *("baseline_start", "baseline_mode"),
        ),
    )
    for what, names, rows in (
        ("tasks", t.names, n),
        ("resources", r.names, r.count),
        ("jobs", j.names, j.count),
        ("no_overlaps", p.no_overlaps.names, p.no_overlaps.count),
        ("same_orders", p.same_orders.names, p.same_orders.count),
        ("groups", p.groups.names, p.groups.count),
    ):
        if len(names) != rows:
            raise ProblemError(f"{what} has {len(names)} names for {rows} rows")
    _csr("tasks.mode_ptr", t.mode_ptr, n, m.count)
    _csr("tasks.forbidden_ptr", t.forbidden_ptr, n, len(t.forbidden_start))
    _table_shapes("tasks", t, len(t.forbidden_start), ("forbidden_end",))
    _table_shapes("modes", m, m.count, ("task", "cost"))
    _csr("modes.demand_ptr", m.demand_ptr, m.count, len(m.demand_resource))
    _table_shapes("modes", m, len(m.demand_resource), ("demand_amount", "demand_timing"))
    _table_shapes(
        "resources",
        r,
        r.count,
        (
            *("capacity", "minimum", "initial", "calendar", "suspend", "released_in_breaks"),
            *("blocking", "rate", "setup"),
        ),
    )
    _csr("resources.step_ptr", r.step_ptr, r.count, len(r.step_time))
    _table_shapes("resources", r, len(r.step_time), ("step_capacity",))
    _table_shapes("jobs", j, j.count, ("deadline", "due", "weight"))
    _csr("jobs.task_ptr", j.task_ptr, j.count, len(j.task))
    q = p.precedences
    _table_shapes("precedences", q, q.count, ("target", "kind", "minimum", "maximum"))
    _csr("no_overlaps.ptr", p.no_overlaps.ptr, p.no_overlaps.count, len(p.no_overlaps.member))
    _csr("same_orders.ptr", p.same_orders.ptr, p.same_orders.count, len(p.same_orders.member))
    _csr("groups.ptr", p.groups.ptr, p.groups.count, len(p.groups.member))
    _table_shapes("links", p.links, p.links.count, ("first", "second", "group"))
    s = p.selections
    _csr("selections.ptr", s.ptr, s.count, len(s.task))

    _within("tasks.job", t.job, j.count, -1)
    _within("modes.task", m.task, n)
    _within("demand_resource", m.demand_resource, r.count)
    _within("resources.calendar", r.calendar, len(p.calendars), -1)
    _within("resources.setup", r.setup, len(p.setups), -1)
    _within("jobs.task", j.task, n)
    _within("precedences.source", q.source, n)
    _within("precedences.target", q.target, n)
    _within("no_overlaps.member", p.no_overlaps.member, n)
    _within("same_orders.member", p.same_orders.member, r.count)
    _within("groups.member", p.groups.member, r.count)
    _within("links.first", p.links.first, n)
    _within("links.second", p.links.second, n)
    _within("links.group", p.links.group, p.groups.count)
    _within("selections.task", s.task, n)
    for what, codes, size in (
        ("resources.kind", r.kind, len(ResourceKind)),
        ("resources.blocking", r.blocking, len(Blocking)),
        ("tasks.blocking", t.blocking, len(Blocking)),
        ("demand_timing", m.demand_timing, len(DemandTiming)),
        ("precedences.kind", q.kind, len(PrecedenceKind)),
        ("links.kind", p.links.kind, len(LinkKind)),
        ("selections.kind", s.kind, len(SelectionKind)),
    ):
        _codes(what, codes, size)
    for what, values, low, infinite in (
        ("tasks.release", t.release, -TICK_LIMIT, False),
        ("tasks.deadline", t.deadline, -TICK_LIMIT, True),
        ("tasks.due", t.due, -TICK_LIMIT, True),
        ("tasks.weight", t.weight, 0, False),
        ("tasks.reward", t.reward, 0, False),
        ("tasks.baseline_start", t.baseline_start, -TICK_LIMIT, True),
        ("tasks.forbidden_start", t.forbidden_start, -TICK_LIMIT, False),
        ("tasks.forbidden_end", t.forbidden_end, -TICK_LIMIT, False),
        ("modes.duration", m.duration, 0, False),
        ("modes.cost", m.cost, 0, False),
        ("modes.demand_amount", m.demand_amount, -TICK_LIMIT, False),
        ("resources.capacity", r.capacity, -TICK_LIMIT, True),
        ("resources.minimum", r.minimum, -TICK_LIMIT, False),
        ("resources.initial", r.initial, -TICK_LIMIT, False),
        ("resources.rate", r.rate, 0, False),
        ("resources.step_time", r.step_time, -TICK_LIMIT, False),
        ("resources.step_capacity", r.step_capacity, 0, False),
        ("jobs.release", j.release, -TICK_LIMIT, False),
        ("jobs.deadline", j.deadline, -TICK_LIMIT, True),
        ("jobs.due", j.due, -TICK_LIMIT, True),
        ("jobs.weight", j.weight, 0, False),
        ("precedences.minimum", q.minimum, -TICK_LIMIT, False),
        ("precedences.maximum", q.maximum, -TICK_LIMIT, True),
    ):
        _bounded(what, values, low, infinite)
    end = () if p.horizon_end == INFINITY else (p.horizon_end,)
    _bounded("horizon", np.array([p.horizon_start, *end], dtype=np.int64))
    if p.horizon_end < p.horizon_start:
        raise ProblemError(
            f"the horizon ends at {p.horizon_end} before it starts at {p.horizon_start}"
        )
    k = _first(t.forbidden_end <= t.forbidden_start)
    if k is not None:
        i = int(np.searchsorted(t.forbidden_ptr, k, side="right")) - 1
        raise ProblemError(f"task {t.names[i]!r}: a forbidden interval is empty or reversed")


def _resources(p: Problem) -> None:
    r = p.resources
    machine = r.kind == ResourceKind.MACHINE
    renewable = r.kind == ResourceKind.RENEWABLE
    reservoir = r.kind == ResourceKind.RESERVOIR
    for bad, text in (
        (machine & (r.capacity != 1), "is a machine, so its capacity is 1"),
        (~reservoir & ~machine & (r.capacity < 0), "has a negative capacity"),
        (~reservoir & (r.capacity == INFINITY), "needs a finite capacity"),
        (reservoir & (r.capacity < r.minimum), "has its maximum level below its minimum"),
        (
            reservoir & ((r.initial < r.minimum) | (r.initial > r.capacity)),
            "starts outside its own minimum and maximum level",
        ),
        (
            ~(machine | renewable) & (r.calendar >= 0),
            "has a calendar, but only machines and renewables work in time",
        ),
        (r.suspend & (r.calendar < 0), "suspends in breaks but has no calendar"),
        (
            r.released_in_breaks & ~(renewable & r.suspend),
            "is released in breaks, which only a renewable that suspends can be",
        ),
        (~machine & (r.blocking > 0), "blocks, but only machines can"),
        (~machine & (r.setup >= 0), "has setups, but only machines can"),
        (~renewable & (np.diff(r.step_ptr) > 0), "has capacity steps, but only renewables can"),
        (reservoir & (r.rate > 0), "has a cost rate, but reservoirs cannot"),
    ):
        k = _first(bad)
        if k is not None:
            raise ProblemError(f"resource {r.names[k]!r} {text}")
    inner = np.ones(len(r.step_time), dtype=bool)
    inner[r.step_ptr[:-1][r.step_ptr[:-1] < len(inner)]] = False
    falling = np.zeros(len(r.step_time), dtype=bool)
    falling[1:] = np.diff(r.step_time) <= 0
    k = _first(inner & falling)
    if k is not None:
        row = int(np.searchsorted(r.step_ptr, k, side="right")) - 1
        raise ProblemError(
            f"resource {r.names[row]!r}: step times must increase, {r.step_time[k]} does not"
        )


def _modes(p: Problem) -> None:
    t, m, r = p.tasks, p.modes, p.resources
    k = _first(np.diff(t.mode_ptr) == 0)
    if k is not None:
        raise ProblemError(f"task {t.names[k]!r} has no mode", hint="give it a duration")
    owner = np.repeat(np.arange(t.count), np.diff(t.mode_ptr))
    if not np.array_equal(owner, m.task):
        raise ProblemError("modes are not in task order")
    k = _first((t.baseline_mode < -1) | (t.baseline_mode >= np.diff(t.mode_ptr)))
    if k is not None:
        raise ProblemError(f"task {t.names[k]!r}: its baseline names a mode it does not have")
    if not len(m.demand_resource):
        return
    mode = m.demand_mode()
    kind = r.kind[m.demand_resource]
    during = m.demand_timing == DemandTiming.DURING
    for bad, text in (
        ((kind == ResourceKind.RESERVOIR) & during, "demands reservoir {} like a renewable"),
        ((kind != ResourceKind.RESERVOIR) & ~during, "changes {}, which is not a reservoir"),
        ((kind == ResourceKind.MACHINE) & (m.demand_amount != 1), "demands machine {} not once"),
        (during & (m.demand_amount < 0), "demands a negative amount of {}"),
    ):
        k = _first(bad)
        if k is not None:
            resource = r.names[int(m.demand_resource[k])]
            task = t.names[int(m.task[mode[k]])]
            raise ProblemError(f"task {task!r} {text.format(repr(resource))}")
    key = (mode * r.count + m.demand_resource) * len(DemandTiming) + m.demand_timing
    ordered = np.sort(key)
    k = _first(ordered[1:] == ordered[:-1])
    if k is not None:
        row, column = divmod(int(ordered[k]) // len(DemandTiming), r.count)
        task, resource = t.names[int(m.task[row])], r.names[column]
        raise ProblemError(f"task {task!r} demands {resource!r} twice in a mode")


def _jobs(p: Problem) -> None:
    t, j = p.tasks, p.jobs
    member = np.full(t.count, -1, dtype=np.int64)
    member[j.task] = np.repeat(np.arange(j.count), np.diff(j.task_ptr))
    listed = np.bincount(j.task, minlength=t.count) if len(j.task) else np.zeros(t.count)
    k = _first((member != t.job) | (listed > 1))
    if k is not None:
        raise ProblemError(
            f"task {t.names[k]!r}: the job it names and the jobs that list it disagree"
        )


def _relations(p: Problem) -> None:
    t, q, s = p.tasks, p.precedences, p.selections
    k = _first(q.source == q.target)
    if k is not None:
        raise ProblemError(f"task {t.names[int(q.source[k])]!r} precedes itself")
    k = _first(q.maximum < q.minimum)
    if k is not None:
        raise ProblemError(
            f"precedence {t.names[int(q.source[k])]!r} -> {t.names[int(q.target[k])]!r}: "
            f"maximum lag {q.maximum[k]} is below minimum lag {q.minimum[k]}"
        )
    for k in range(p.no_overlaps.count):
        members = p.no_overlaps.member[p.no_overlaps.ptr[k] : p.no_overlaps.ptr[k + 1]]
        if len(np.unique(members)) != len(members):
            raise ProblemError(f"no-overlap set {p.no_overlaps.names[k]!r} lists a task twice")
    for k in range(s.count):
        members = s.task[s.ptr[k] : s.ptr[k + 1]]
        kind = SelectionKind(int(s.kind[k]))
        if len(members) < (2 if kind is SelectionKind.IMPLIES else 1):
            raise ProblemError(f"selection {kind.name.lower()} number {k + 1} has too few tasks")
        if len(np.unique(members)) != len(members):
            raise ProblemError(f"selection {kind.name.lower()} number {k + 1} lists a task twice")
    same = _first(p.links.first == p.links.second)
    if same is not None:
        raise ProblemError(f"task {t.names[int(p.links.first[same])]!r} is linked to itself")
    from makespan.core.graph import find_precedence_cycle

    cycle = find_precedence_cycle(p)
    if cycle is not None:
        path = " -> ".join(repr(t.names[i]) for i in [*cycle, cycle[0]])
        raise ProblemError(f"precedences form a cycle: {path}", hint="remove one of them")


def _same_orders(p: Problem) -> None:
    t, m, r = p.tasks, p.modes, p.resources
    if not p.same_orders.count:
        return
    # A task without a job is its own job, numbered after the jobs.
    job = np.where(t.job >= 0, t.job, p.jobs.count + np.arange(t.count))
    owner = m.task[m.demand_mode()]
    # A task may use a machine in several modes; the pair still counts once.
    pair = np.unique(owner.astype(np.int64) * r.count + m.demand_resource)
    task, machine = pair // max(r.count, 1), pair % max(r.count, 1)
    for name, members in zip(p.same_orders.names, p.same_orders, strict=True):
        what = f"same-order set {name!r}"
        other = _first(r.kind[members] != ResourceKind.MACHINE)
        if other is not None:
            raise ProblemError(f"{what}: {r.names[int(members[other])]!r} is not a machine")
        if len(np.unique(members)) != len(members):
            raise ProblemError(f"{what} lists a machine twice")
        here = np.flatnonzero(np.isin(machine, members))
        key = job[task[here]] * r.count + machine[here]
        order = np.argsort(key, kind="stable")
        k = _first(key[order][1:] == key[order][:-1])
        if k is not None:
            one, two = (t.names[int(task[here[order[at]]])] for at in (k, k + 1))
            resource = r.names[int(machine[here[order[k]]])]
            raise ProblemError(
                f"{what}: tasks {one!r} and {two!r} of one job may both run on {resource!r}",
                hint="its machines order jobs, so a job has one task on each at most",
            )


def _setups(p: Problem) -> None:
    t, m, r = p.tasks, p.modes, p.resources
    for number, table in enumerate(p.setups):
        _setup_table(table)
        machines = np.flatnonzero(r.setup == number)
        if not len(machines):
            continue
        users = np.isin(m.demand_resource, machines)
        used = m.task[m.demand_mode()[users]]
        families = len(table.initial_time)
        bad = used[(t.family[used] >= families) | (t.family[used] < 0)]
        if len(bad):
            raise ProblemError(
                f"task {t.names[int(bad[0])]!r} has family {int(t.family[bad[0]])}, but setups "
                f"{table.name!r} know families 0 to {families - 1}"
            )


def _setup_table(table: SetupMatrix) -> None:
    families = len(table.initial_time)
    if (
        table.time.shape != (families, families)
        or table.cost.shape != (families, families)
        or table.initial_cost.shape != (families,)
    ):
        raise ProblemError(f"setups {table.name!r}: tables differ in their number of families")
    for values in (table.time, table.cost, table.initial_time, table.initial_cost):
        _bounded(f"setups {table.name!r}", values.reshape(-1), 0)
    # Setups bind immediate successors only; a detour that is shorter than the direct change
    # surprises users, so say it once. O(f^3), hence only for tables a person typed.
    if 0 < families <= 200:
        for k in range(families):
            detour = table.time[:, k][:, None] + table.time[k][None, :]
            if (detour < table.time).any():
                i, j = (int(x) for x in np.argwhere(detour < table.time)[0])
                warnings.warn(
                    f"setups {table.name!r} break the triangle inequality: {i} -> {j} takes "
                    f"{table.time[i, j]}, but {i} -> {k} -> {j} takes {detour[i, j]}; only "
                    f"immediate successors on a machine are kept apart",
                    ModelWarning,
                    stacklevel=5,  # whoever called ProblemBuilder.build
                )
                return


def _objective(p: Problem) -> None:
    if not p.objective.levels or not all(p.objective.levels):
        raise ProblemError("the objective has an empty level")
    for level in p.objective.levels:
        for term in level:
            if not isinstance(term.kind, ObjectiveKind):
                raise ProblemError(f"unknown objective {term.kind!r}")
            if not 0 <= term.coefficient <= TICK_LIMIT:
                raise ProblemError(
                    f"objective {term.kind.value}: coefficient {term.coefficient} is out of range"
                )
        kinds = [term.kind for term in level]
        if len(set(kinds)) != len(kinds):
            raise ProblemError("an objective level names a term twice")
