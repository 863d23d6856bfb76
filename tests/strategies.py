"""Hypothesis strategies: small random problems over the whole vocabulary, and schedules for them.

``problems()`` draws from every feature of the vocabulary unless told which; engines that lack one
ask for ``problems(features=ALL - {"reservoirs"})``. Each problem uses a few features at a time,
so that schedules exist often enough and failures shrink to something readable.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeVar

import numpy as np
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.handles import (
    GroupHandle,
    JobHandle,
    ResourceHandle,
    SetupHandle,
    TaskHandle,
)
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.validation import ModelWarning
from makespan.core.vocabulary import Blocking, ObjectiveKind
from tests.oracle import Placed, Plan, options, plan_of, schedule_of, some_feasible

T = TypeVar("T")

ALL = frozenset(
    {
        "baselines",  # starts and modes of an earlier plan
        "blocking",  # on tasks and machines, with and without swap
        "calendars",  # working time that forbids tasks
        "consumables",
        "forbidden",  # forbidden intervals of tasks
        "horizon",  # a start other than 0 and a finite end
        "jobs",
        "lags",  # SS, FF, SF; minimum lags of either sign, maximum lags, backward relations
        "lexicographic",  # two or three objective levels
        "links",  # same and different resource
        "milestones",  # durations of 0
        "modes",  # alternatives
        "multi",  # modes that hold two machines
        "no_overlap",
        "no_wait",
        "objectives",  # every term, weighted sums (else: makespan)
        "optional",
        "released",  # renewables released in breaks
        "renewables",
        "reservoirs",
        "same_order",  # machines that take jobs in one order
        "selections",  # exactly one, at most one, all or none, implies
        "setups",  # with initial setups, triangular or not
        "steps",  # capacity steps of renewables
        "suspend",  # working time that suspends tasks
        "weights",  # weights other than 1
        "windows",  # releases, deadlines and due dates of tasks and jobs
    }
)
"""Every feature ``problems`` knows; plain machines, precedences and renewables need none."""

_NEEDS = {
    "released": {"renewables", "suspend"},
    "steps": {"renewables"},
    "selections": {"optional"},
    "links": {"modes"},
    "blocking": {"jobs"},
    "same_order": {"jobs"},
}

HORIZON = 16
"""Times that problems mention stay about within this many ticks of the horizon start."""


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    max_tasks: int = 5,
    min_tasks: int = 1,
    features: Iterable[str] = ALL,
    most_features: int = 6,
    objectives: Iterable[ObjectiveKind] = tuple(ObjectiveKind),
) -> Problem:
    """A random valid problem.

    Parameters
    ----------
    features
        Subset of ``ALL`` to draw from.
    most_features
        How many features one problem combines at most (what they need comes on top).
    objectives
        Terms an objective may use when "objectives" is drawn.
    """
    allowed = sorted(features)
    chosen = draw(st.sets(st.sampled_from(allowed), max_size=most_features)) if allowed else set()
    on = set(chosen)
    for feature in chosen:
        on |= _NEEDS.get(feature, set())
    return _Drawing(draw, frozenset(on & set(allowed)), tuple(objectives)).problem(
        min_tasks, max_tasks
    )


class _Drawing:
    """One problem in the making."""

    def __init__(
        self, draw: st.DrawFn, on: frozenset[str], objectives: tuple[ObjectiveKind, ...]
    ) -> None:
        self.draw, self.on, self.objectives = draw, on, objectives
        self.first, last = 0, None
        if "horizon" in on:
            self.first = self.number(-4, 4)
            last = self.first + self.number(HORIZON // 2, 2 * HORIZON)
        self.b = ProblemBuilder("random", horizon=(self.first, last))

    def problem(self, min_tasks: int, max_tasks: int) -> Problem:
        self.families = self.number(1, 3) if "setups" in self.on else 1
        calendars = self.some(self.calendar, 1, 2, {"calendars", "suspend"})
        setups = self.some(self.setups, 1, 1, {"setups"})
        fewest = 2 if "same_order" in self.on else 1
        self.machines = [self.machine(k, calendars, setups) for k in range(self.number(fewest, 3))]
        #: Machines that tasks of each job may use; a task without a job counts as one.
        self.visits: dict[object, list[ResourceHandle]] = {}
        self.flowing = self.has("same_order")
        self.renewables = [
            self.renewable(k, calendars)
            for k in range(self.number(1, 2) if "renewables" in self.on else 0)
        ]
        self.consumables = self.some(
            lambda k: self.b.consumable(f"C{k}", amount=self.number(0, 8), rate=self.number(0, 3)),
            1,
            1,
            {"consumables"},
        )
        self.reservoirs = self.some(self.reservoir, 1, 1, {"reservoirs"})
        self.jobs = self.some(self.job, 1, 3, {"jobs"})
        # Larger problems more often; small ones first, for they are what failures shrink to.
        sizes = [size for size in range(min_tasks, max_tasks + 1) for _ in range(max(1, size))]
        self.tasks = [self.task(k) for k in range(self.draw(st.sampled_from(sizes)))]
        self.relations()
        self.objective()
        with warnings.catch_warnings():
            # Setups that break the triangle inequality are drawn on purpose.
            warnings.simplefilter("ignore", ModelWarning)
            return self.b.build()

    # Draws ---------------------------------------------------------------------------------------

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def chance(self, one_in: int = 2) -> bool:
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def has(self, feature: str, one_in: int = 2) -> bool:
        return feature in self.on and self.chance(one_in)

    def time(self, low: int = 0, high: int = HORIZON) -> int:
        return self.first + self.number(low, high)

    def pick(self, items: list[TaskHandle], size: int) -> list[TaskHandle]:
        return self.draw(st.permutations(items))[:size]

    def some(self, make: Callable[[int], T], low: int, high: int, needed: set[str]) -> list[T]:
        if not needed & self.on:
            return []
        return [make(k) for k in range(self.number(low, high))]

    def span(self, low: int, high: int, longest: int) -> tuple[int, int]:
        a = self.number(low, high)
        return a, a + self.number(1, longest)

    # Resources -----------------------------------------------------------------------------------

    def calendar(self, k: int) -> Calendar:
        exceptions = [
            (*self.span(self.first, self.first + HORIZON, 4), self.chance())
            for _ in range(self.number(0, 2))
        ]
        shape = self.number(0, 2)
        if shape == 0:  # every tick works but for the exceptions
            return self.b.calendar(f"cal{k}", exceptions=exceptions)
        if shape == 1:  # explicit
            working = [
                self.span(self.first - 2, self.first + HORIZON, 8) for _ in range(self.number(1, 3))
            ]
            return self.b.calendar(f"cal{k}", working=working, exceptions=exceptions)
        period = self.number(2, 7)
        cuts = sorted(self.draw(st.sets(st.integers(0, period), min_size=2, max_size=4)))
        working = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
        return self.b.calendar(f"cal{k}", working=working, period=period, exceptions=exceptions)

    def setups(self, k: int) -> SetupHandle:
        f = self.families

        def table() -> list[list[int]]:
            return [[self.number(0, 3) for _ in range(f)] for _ in range(f)]

        def row() -> list[int]:
            return [self.number(0, 2) for _ in range(f)]

        return self.b.setups(f"S{k}", table(), initial_time=row(), cost=table(), initial_cost=row())

    def timed(self, calendars: list[Calendar]) -> tuple[Calendar | None, str]:
        if not calendars or self.chance():
            return None, "forbid"
        kinds = [kind for kind in ("calendars", "suspend") if kind in self.on]
        kind = self.draw(st.sampled_from(kinds))
        calendar = self.draw(st.sampled_from(calendars))
        return calendar, "suspend" if kind == "suspend" else "forbid"

    def machine(
        self, k: int, calendars: list[Calendar], setups: list[SetupHandle]
    ) -> ResourceHandle:
        calendar, breaks = self.timed(calendars)
        return self.b.machine(
            f"M{k}",
            calendar=calendar,
            breaks=breaks,
            blocking=self.blocking(),
            setup=self.draw(st.sampled_from([None, *setups])),
            rate=self.number(0, 3),
        )

    def blocking(self) -> Blocking:
        if not self.has("blocking"):
            return Blocking.NONE
        return self.draw(st.sampled_from(list(Blocking)))

    def renewable(self, k: int, calendars: list[Calendar]) -> ResourceHandle:
        calendar, breaks = self.timed(calendars)
        steps: list[tuple[int, int]] = []
        if self.has("steps"):
            times = self.draw(st.sets(st.integers(self.first, self.first + HORIZON), max_size=3))
            steps = [(t, self.number(0, 4)) for t in sorted(times)]
        return self.b.renewable(
            f"R{k}",
            capacity=self.number(1, 4),
            steps=steps,
            calendar=calendar,
            breaks=breaks,
            released_in_breaks=breaks == "suspend" and self.has("released"),
            rate=self.number(0, 3),
        )

    def reservoir(self, k: int) -> ResourceHandle:
        low = self.number(-2, 1)
        high = low + self.number(0, 5)
        return self.b.reservoir(
            f"V{k}",
            initial=self.number(low, high),
            minimum=low,
            maximum=None if self.chance(4) else high,
        )

    # Work ----------------------------------------------------------------------------------------

    def weight(self) -> int:
        return self.number(0, 3) if "weights" in self.on else 1

    def job(self, k: int) -> JobHandle:
        return self.b.job(
            f"J{k}",
            release=self.time(0, 4) if self.has("windows") else self.first,
            due=self.time() if self.chance() else None,
            deadline=self.time(6, 2 * HORIZON) if self.has("windows", 3) else None,
            weight=self.weight(),
        )

    def task(self, k: int) -> TaskHandle:
        modes = self.number(1, 2) if "modes" in self.on else 1
        optional = self.has("optional")
        baseline: int | tuple[int, int] | None = None
        if self.has("baselines"):
            start = self.time(0, 8)
            baseline = (start, self.number(0, modes - 1)) if self.chance() else start
        job = self.draw(st.sampled_from([*self.jobs, *self.jobs, None]))
        if self.flowing:
            job = self.jobs[k % len(self.jobs)]
        task = self.b.task(
            f"T{k}",
            job=job,
            release=self.time(0, 5) if self.has("windows", 3) else None,
            deadline=self.time(5, 2 * HORIZON) if self.has("windows", 3) else None,
            due=self.time() if self.chance() else None,
            weight=self.weight(),
            optional=optional,
            reward=self.number(0, 9) if optional else 0,
            family=self.number(0, self.families - 1),
            blocking=self.blocking(),
            forbidden=[
                self.span(self.first, self.first + HORIZON, 3)
                for _ in range(self.number(1, 2) if self.has("forbidden") else 0)
            ],
            baseline=baseline,
        )
        usable: set[ResourceHandle] = set()
        for _ in range(modes):
            usable.update(self.mode(task, k))
        self.visits.setdefault(job if job is not None else task, []).extend(usable)
        return task

    def mode(self, task: TaskHandle, k: int) -> list[ResourceHandle]:
        held = 2 if self.has("multi") else 1
        least = 0 if "milestones" in self.on else 1
        ambient: dict[ResourceHandle, int] = {}
        for r in self.renewables:
            if self.chance():
                ambient[r] = self.number(0, 3)
        for c in self.consumables:
            ambient[c] = self.number(0, 4)
        machines = self.draw(st.permutations(self.machines))[:held] if not self.chance(4) else []
        if self.flowing:  # job after job through the machines
            machines = [self.machines[k // len(self.jobs) % len(self.machines)]]
        changes = [{v: self.number(-2, 2) for v in self.reservoirs} for _ in range(2)]
        task.mode(
            self.number(least, 4),
            machines,
            demands=ambient,
            starts_with=changes[0],
            ends_with=changes[1],
            cost=self.number(0, 5),
        )
        return list(machines)

    # Relations -----------------------------------------------------------------------------------

    def relations(self) -> None:
        tasks = self.tasks
        if "same_order" in self.on:
            self.same_order()
        if len(tasks) < 2:
            if tasks and "selections" in self.on and self.chance():
                self.b.at_most_one(tasks)
            return
        for _ in range(self.number(0, len(tasks) - 1)):
            self.precedence()
        if self.has("no_wait"):
            i = self.number(0, len(tasks) - 2)
            self.b.no_wait(tasks[i], tasks[i + 1])
        if "no_overlap" in self.on:
            for _ in range(self.number(1, 2)):
                self.b.no_overlap(self.pick(tasks, self.number(2, len(tasks))))
        if "links" in self.on:
            groups = [self.group(k) for k in range(self.number(1, 2))]
            for _ in range(self.number(1, 2)):
                first, second = self.pick(tasks, 2)
                group = self.draw(st.sampled_from(groups))
                if self.chance():
                    self.b.same_resource(first, second, group)
                else:
                    self.b.different_resource(first, second, group)
        if "selections" in self.on:
            for _ in range(self.number(1, 2)):
                members = self.pick(tasks, self.number(2, len(tasks)))
                kind = self.number(0, 3)
                if kind == 0:
                    self.b.exactly_one(members)
                elif kind == 1:
                    self.b.at_most_one(members)
                elif kind == 2:
                    self.b.all_or_none(members)
                else:
                    self.b.implies(*members)

    def same_order(self) -> None:
        """Some of the machines that no job may visit twice."""
        once = [m for m in self.machines if all(v.count(m) < 2 for v in self.visits.values())]
        for _ in range(self.number(1, 2)):
            self.b.same_order(*self.draw(st.permutations(once))[: self.number(0, len(once))])

    def precedence(self) -> None:
        i = self.number(0, len(self.tasks) - 2)
        j = self.number(i + 1, len(self.tasks) - 1)
        first, second = self.tasks[i], self.tasks[j]
        if "lags" not in self.on:
            self.b.precedence(first, second)
            return
        kind = self.draw(st.sampled_from(["FS", "SS", "FF", "SF"]))
        low = self.number(-4, 3)
        high = low + self.number(0, 6) if self.chance() else None
        if self.chance(4):  # a backward relation; order arcs must not form a cycle
            first, second = second, first
            kind = "SS" if kind == "FS" and low >= 0 else kind
        self.b.precedence(first, second, kind=kind, min_lag=low, max_lag=high)

    def group(self, k: int) -> GroupHandle:
        pool = [*self.machines, *self.renewables]
        return self.b.group(f"G{k}", self.draw(st.permutations(pool))[: self.number(1, len(pool))])

    def objective(self) -> None:
        if "objectives" not in self.on or not self.objectives:
            return
        kinds = st.dictionaries(
            st.sampled_from(self.objectives), st.integers(0, 3), min_size=1, max_size=3
        )
        self.b.minimise(self.draw(kinds))
        if "lexicographic" in self.on:
            for _ in range(self.number(1, 2)):
                self.b.then_minimise(self.draw(kinds))


# Schedules ---------------------------------------------------------------------------------------


@st.composite
def schedules(draw: st.DrawFn, problem: Problem, *, horizon: int | None = None) -> Schedule:
    """A schedule for ``problem``: feasible where a short search finds one, else nearly so."""
    last = problem.horizon_start + 2 * HORIZON if horizon is None else horizon
    random = Random(draw(st.integers(0, 1 << 16)))
    found = some_feasible(problem, last, random=random)
    if found is not None:
        return found
    plan: Plan = {}
    for i, mine in enumerate(options(problem, last)):
        chosen = random.choice(mine) if mine else _anywhere(problem, i, random)
        if chosen is not None:
            plan[i] = chosen
    return schedule_of(problem, plan)


@st.composite
def broken_schedules(draw: st.DrawFn, problem: Problem) -> Schedule:
    """A schedule from ``schedules`` with a few random changes, feasible only by luck."""
    schedule = draw(schedules(problem))
    random = Random(draw(st.integers(0, 1 << 16)))
    for _ in range(draw(st.integers(1, 3))):
        schedule = mutate(problem, schedule, random)
    return schedule


def _anywhere(problem: Problem, task: int, random: Random) -> Placed:
    modes = range(int(problem.tasks.mode_ptr[task]), int(problem.tasks.mode_ptr[task + 1]))
    mode = random.choice(modes)
    start = problem.horizon_start + random.randint(0, HORIZON)
    return Placed(mode, start, start + int(problem.modes.duration[mode]))


def mutate(problem: Problem, schedule: Schedule, random: Random) -> Schedule:
    """One random change: shift, stretch, swap, another mode, absence, presence, a mode astray."""
    n = problem.tasks.count
    plan = plan_of(problem, schedule)
    i = random.randrange(n)
    here = plan.get(i)
    change = random.choice(
        ["shift", "shift", "shift", "stretch", "mode", "drop", "swap", "swap", "astray", "add"]
    )
    if here is None or change == "add":
        plan[i] = _anywhere(problem, i, random)
    elif change == "shift":
        by = random.choice([-3, -2, -1, 1, 2, 3])
        plan[i] = Placed(here.mode, here.start + by, here.end + by)
    elif change == "stretch":
        plan[i] = Placed(here.mode, here.start, here.end + random.choice([-1, 1, 2]))
    elif change == "mode":
        other = _anywhere(problem, i, random).mode
        length = int(problem.modes.duration[other])
        plan[i] = Placed(other, here.start, here.start + length)
    elif change == "drop":
        del plan[i]
    elif change == "swap":
        j = random.choice(sorted(plan))
        there = plan[j]
        plan[i] = Placed(here.mode, there.start, there.start + here.end - here.start)
        plan[j] = Placed(there.mode, here.start, here.start + there.end - there.start)
    else:
        changed = schedule_of(problem, plan)
        mode = np.array(changed.mode)
        mode[i] = random.randrange(problem.modes.count + 2)
        return Schedule(changed.start, changed.end, mode)
    return schedule_of(problem, plan)
