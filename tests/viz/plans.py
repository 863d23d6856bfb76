"""Problems with feasible schedules for the drawing tests, made without any engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from makespan import ProblemBuilder
from makespan.core.names import NameTable
from makespan.core.problem import Jobs, Modes, Precedences, Problem, Resources, Tasks
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Blocking, ResourceKind


def job_shop(jobs: int, machines: int, seed: int = 0) -> tuple[Problem, Schedule]:
    """Random job shop and the schedule that dispatches the job with the least work so far."""
    random = np.random.default_rng(seed)
    n = jobs * machines
    route = np.argsort(random.random((jobs, machines)), axis=1)
    duration = random.integers(1, 100, (jobs, machines))
    job = np.repeat(np.arange(jobs, dtype=np.int32), machines)
    position = np.tile(np.arange(machines, dtype=np.int64), jobs)
    job_names = NameTable.numbered("J", jobs)
    each = np.arange(n + 1, dtype=np.int64)
    tasks = np.arange(n, dtype=np.int32)
    first = tasks[position < machines - 1]
    problem = Problem(
        name=f"job shop {jobs} x {machines}",
        tasks=Tasks.plain(NameTable.per_job(job_names, job, position), job, each),
        modes=Modes(
            task=tasks,
            duration=duration.reshape(-1).astype(np.int64),
            cost=np.zeros(n, dtype=np.int64),
            demand_ptr=each,
            demand_resource=route.reshape(-1).astype(np.int32),
            demand_amount=np.ones(n, dtype=np.int64),
            demand_timing=np.zeros(n, dtype=np.uint8),
        ),
        resources=Resources.plain(
            NameTable.numbered("M", machines),
            np.full(machines, ResourceKind.MACHINE, dtype=np.uint8),
            np.ones(machines, dtype=np.int64),
        ),
        jobs=Jobs.plain(job_names, np.arange(0, n + 1, machines, dtype=np.int64), tasks),
        precedences=Precedences.finish_to_start(first, first + 1),
    )
    start = np.zeros((jobs, machines), dtype=np.int64)
    ready, free = np.zeros(jobs, dtype=np.int64), np.zeros(machines, dtype=np.int64)
    for step in range(machines):
        for j in np.argsort(ready, kind="stable").tolist():
            m = route[j, step]
            start[j, step] = max(ready[j], free[m])
            ready[j] = free[m] = start[j, step] + duration[j, step]
    flat = start.reshape(-1)
    return problem, Schedule(flat, flat + problem.modes.duration, tasks)


def workshop() -> tuple[Problem, Schedule]:
    """A plan that uses everything there is to draw; hand-made and feasible.

    Calendars that forbid and that suspend, setups, blocking, an absent task, milestones, a crew
    whose capacity steps down, a tank, a budget, due dates met and missed, alternative modes.
    """
    b = ProblemBuilder(
        "workshop week",
        time_unit="hour",
        origin=datetime(2026, 3, 2, 6, 0, tzinfo=timezone(timedelta(hours=1))),
    )
    shifts = b.calendar("two shifts", working=[(0, 16)], period=24)
    day = b.calendar("day shift", working=[(2, 10)], period=24, exceptions=[(50, 58, False)])
    colours = b.setups("colours", time=[[0, 3], [2, 0]], initial_time=[0, 0])
    saw = b.machine("saw", calendar=shifts, breaks="suspend")
    press = b.machine("press", calendar=day)
    paint = b.machine("paint booth", setup=colours)
    line_a = b.machine("line A", blocking=Blocking.SWAP)
    line_b = b.machine("line B")
    crew = b.renewable("crew", capacity=4, steps=[(20, 3), (60, 5)])
    tank = b.reservoir("lacquer tank", initial=3, minimum=0, maximum=10)
    budget = b.consumable("budget", amount=100)
    table = b.job("table", due=40)
    chair = b.job("chair", release=2, due=90)
    shelf = b.job("shelf", due=30)
    plan: list[tuple[object, int]] = []

    def add(name: str, start: int, **options: object) -> object:
        task = b.task(name, **options)  # type: ignore[arg-type]
        plan.append((task, start))
        return task

    t1 = add("saw table", 0, duration=20, machine=saw, job=table, demands={crew: 2, budget: 20})
    t2 = add("press table", 28, duration=5, machine=press, job=table)
    t3 = add("paint table", 36, duration=8, machine=paint, job=table, starts_with={tank: -4})
    t4 = add("table done", 44, duration=0, job=table)
    c1 = add("saw chair", 28, duration=8, machine=saw, job=chair, demands={crew: 1})
    c2 = add("glue chair", 36, duration=6, machine=line_a, job=chair, demands={crew: 1})
    c3 = add("trim chair", 50, duration=9, machine=line_b, job=chair, demands={crew: 2})
    c4 = add(
        "paint chair", 62, duration=10, machine=paint, job=chair, family=1, starts_with={tank: -2}
    )
    s1 = add("saw shelf", 36, duration=4, machine=saw, job=shelf, demands={crew: 2})
    s2 = add("trim shelf", 42, duration=8, machine=line_b, job=shelf)
    s2.mode(10, line_a)  # type: ignore[attr-defined]
    refill = add("refill the tank", 30, duration=3, demands={crew: 1}, ends_with={tank: 7})
    audit = add("audit", 64, duration=6)
    gate = add("gate of the press", 28, duration=0, machine=press)
    wish = b.task("polish", duration=5, machine=paint, optional=True, reward=3)
    for chain in ((t1, t2, t3, t4), (c1, c2, c3, c4), (s1, s2)):
        b.chain(*chain)
    b.precedence(refill, t3, min_lag=2)
    b.precedence(t4, audit, kind="SS", min_lag=3, max_lag=40)
    b.minimise({"makespan": 1, "total_tardiness": 2})
    problem = b.build()
    start = np.zeros(problem.tasks.count, dtype=np.int64)
    mode = problem.tasks.mode_ptr[:-1].astype(np.int32)
    for task, when in plan:
        start[task.index] = when  # type: ignore[attr-defined]
    mode[wish.index] = -1
    del gate
    return problem, Schedule.from_starts(problem, start, mode)


def project(tasks: int = 60, seed: int = 1) -> tuple[Problem, Schedule]:
    """Random project on three renewables, scheduled serially in precedence order."""
    random = np.random.default_rng(seed)
    b = ProblemBuilder(
        f"project of {tasks}", time_unit="day", origin=datetime(2026, 1, 5, tzinfo=UTC)
    )
    crews = [b.renewable(name, capacity=size) for name, size in (("masons", 6), ("cranes", 3))]
    limits = [6, 3]
    begin = b.task("begin", duration=0)
    made = [begin]
    needs, lengths, before = [(0, 0)], [0], [[]]
    for k in range(tasks):
        length = int(random.integers(1, 10))
        need = (int(random.integers(0, 4)), int(random.integers(0, 3)))
        demands = {c: a for c, a in zip(crews, need, strict=True) if a}
        task = b.task(f"activity {k + 1}", duration=length, demands=demands)
        past = sorted({int(v) for v in random.integers(max(0, k - 12), k + 1, 2)})
        for p in past:
            b.precedence(made[p], task)
        made.append(task)
        needs.append(need)
        lengths.append(length)
        before.append(past)
    problem = b.build()
    load = np.zeros((2, sum(lengths) + 1), dtype=np.int64)
    start: list[int] = []
    for need, length, past in zip(needs, lengths, before, strict=True):
        t = max((start[p] + lengths[p] for p in past), default=0)
        while any((load[r, t : t + length] + need[r] > limits[r]).any() for r in range(2)):
            t += 1
        for r in range(2):
            load[r, t : t + length] += need[r]
        start.append(t)
    return problem, Schedule.from_starts(problem, np.array(start))
