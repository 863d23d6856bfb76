"""Plans: feasible schedules drawn before the problem that they will be planted in.

Resources with calendars are drawn first, then job after job is appended at the first places where
its tasks can run. :mod:`makespan.generators.everything` reads the other constraints off the plan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.vocabulary import Blocking, BoolArray, IntArray
from makespan.generators.draws import Draws
from makespan.generators.shops import triangular

FAMILIES = 3
RENEWABLES = 2


def calendars(make: Callable[..., Calendar]) -> dict[str, Calendar]:
    """The calendars of every plan, made by ``Calendar.create`` or by a builder."""
    return {
        "two shifts": make("two shifts", working=[(0, 7), (9, 18)], period=24),
        "maintenance": make("maintenance", exceptions=[(5, 9, False), (30, 41, False)]),
    }


@dataclass
class PlannedResource:
    """A machine or renewable of a plan and when it works, bool (ticks,)."""

    name: str
    calendar: str
    suspends: bool
    works: BoolArray
    blocking: Blocking = Blocking.NONE
    setup: bool = False
    free: int = 0
    """Machines: end of the last occupancy."""
    family: int = -1
    """Machines: family of the last task, -1 before the first."""


@dataclass
class PlannedMode:
    """A mode; machine -1 means none, ``renewables`` maps their number to units."""

    duration: int
    machine: int
    renewables: dict[int, int]
    budget: int
    cost: int


@dataclass
class PlannedTask:
    """A task; one that is left out keeps the end of the task before it as its times."""

    name: str
    job: int
    family: int
    blocking: Blocking
    modes: list[PlannedMode]
    chosen: int
    present: bool
    start: int = 0
    end: int = 0
    at_start: int = 0
    at_end: int = 0
    """Changes of the reservoir."""

    @property
    def mode(self) -> PlannedMode:
        """The chosen mode."""
        return self.modes[self.chosen]

    @property
    def busy(self) -> bool:
        """Present and not a milestone."""
        return self.present and self.mode.duration > 0


@dataclass
class Plan:
    """Resources, setup times and placed tasks."""

    machines: list[PlannedResource]
    renewables: list[PlannedResource]
    setup: IntArray
    initial: IntArray
    jobs: list[list[PlannedTask]]

    @property
    def tasks(self) -> list[PlannedTask]:
        """All tasks in the order of jobs."""
        return [task for job in self.jobs for task in job]

    @property
    def end(self) -> int:
        """Latest end of a present task."""
        return max((t.end for t in self.tasks if t.present), default=0)


def draw_plan(count: int, draws: Draws, *, breaks: bool) -> Plan:
    """A plan of ``count`` tasks in jobs of up to four, with calendars if there are ``breaks``."""
    ticks = 400 + 120 * count
    known = calendars(Calendar.create) if breaks else {}

    def resource(name: str, stream: Draws) -> PlannedResource:
        calendar = stream.pick(["", *known])
        works = np.ones(ticks, dtype=np.bool_)
        if calendar:
            works[:] = False
            for a, b in known[calendar].working_in(0, ticks).tolist():
                works[a:b] = True
        return PlannedResource(name, calendar, bool(calendar) and stream.chance(0.5), works)

    machines = []
    for k in range(2 + min(count // 5, 4)):
        stream = draws.stream("machine", str(k))
        made = resource(f"M{k + 1}", stream)
        made.setup = stream.chance(0.5)
        made.blocking = stream.pick([Blocking.NONE, Blocking.NONE, Blocking.SWAP, Blocking.NO_SWAP])
        machines.append(made)
    renewables = [
        resource(f"R{k + 1}", draws.stream("renewable", str(k))) for k in range(RENEWABLES)
    ]
    setup = draws.stream("setup").integers(0, 6, FAMILIES, FAMILIES)
    np.fill_diagonal(setup, 0)
    initial = draws.stream("initial").integers(0, 4, FAMILIES)
    jobs: list[list[PlannedTask]] = []
    made_tasks = 0
    while made_tasks < count:
        stream = draws.stream("job", str(len(jobs)))
        size = min(stream.integer(1, 4), count - made_tasks)
        names = [f"T{made_tasks + k + 1}" for k in range(size)]
        jobs.append(
            [_draw_task(name, len(jobs), len(machines), stream.stream(name)) for name in names]
        )
        made_tasks += size
    plan = Plan(machines, renewables, triangular(setup), initial, jobs)
    for number, job in enumerate(jobs):
        _place_job(plan, job, draws.stream("places", str(number)))
    return plan


def _draw_task(name: str, job: int, machines: int, draws: Draws) -> PlannedTask:
    milestone = draws.chance(0.15)
    # Six ticks fit into every shift that is not cut by maintenance.
    modes = [
        PlannedMode(
            duration=0 if milestone else draws.integer(1, 6),
            machine=draws.integer(-1, machines - 1),
            renewables={k: draws.integer(1, 3) for k in range(RENEWABLES) if draws.chance(0.4)},
            budget=draws.integer(0, 3),
            cost=draws.integer(0, 5),
        )
        for _ in range(draws.integer(1, 3))
    ]
    blocking = [Blocking.NONE] * 6 + [Blocking.SWAP, Blocking.NO_SWAP]
    task = PlannedTask(
        name=name,
        job=job,
        family=draws.integer(0, FAMILIES - 1),
        blocking=draws.pick(blocking),
        modes=modes,
        chosen=draws.integer(0, len(modes) - 1),
        present=not draws.chance(0.15),
    )
    if draws.chance(0.3):
        task.at_start = draws.integer(-4, 4)
    if draws.chance(0.3):
        task.at_end = draws.integer(-4, 4)
    return task


def _end(used: list[PlannedResource], start: int, duration: int) -> int | None:
    """End of a task that starts at ``start``, None if its resources do not allow that start."""
    ruled = [r for r in used if r.calendar]
    if not duration or not ruled:
        return start + duration
    common = np.logical_and.reduce([r.works[start:] for r in ruled])
    if not any(r.suspends for r in ruled):
        return start + duration if common[:duration].all() else None
    if not common[0]:
        return None
    length = int(np.searchsorted(np.cumsum(common), duration)) + 1
    strict = [r.works[start : start + length].all() for r in ruled if not r.suspends]
    return start + length if all(strict) else None


def _place_job(plan: Plan, job: list[PlannedTask], draws: Draws) -> None:
    """Appends the present tasks of a job to the plan, one after the other.

    A machine takes new tasks only after all it has, so the order of jobs orders every exchange of
    machines, and no cyclic swap can occur.
    """
    ready = draws.integer(0, 10)
    before: PlannedTask | None = None
    for task in job:
        task.start = task.end = ready
        if not task.present:
            continue
        mode = task.mode
        used = [plan.renewables[k] for k in mode.renewables]
        start = ready
        if mode.machine >= 0:
            machine = plan.machines[mode.machine]
            used.append(machine)
            if before is not None and before.mode.machine == mode.machine:
                # A blocked machine is left when the next task starts: no time for a setup between.
                task.family = before.family
            start = max(start, machine.free + _setup(plan, machine, task))
        end = _end(used, start, mode.duration)
        while end is None:
            start += 1
            end = _end(used, start, mode.duration)
        task.start, task.end = start, end
        if before is not None:
            _leave(plan, before, start)
        if mode.machine >= 0:
            machine.free = max(machine.free, end)
            if mode.duration:
                machine.family = task.family
        before = task
        ready = end + (draws.integer(1, 5) if draws.chance(0.4) else 0)


def _setup(plan: Plan, machine: PlannedResource, task: PlannedTask) -> int:
    if not machine.setup or not task.mode.duration:
        return 0
    if machine.family < 0:
        return int(plan.initial[task.family])
    return int(plan.setup[machine.family, task.family])


def _leave(plan: Plan, task: PlannedTask, moment: int) -> None:
    """A blocking task holds its machine until its job moves on at ``moment``."""
    if task.busy and task.mode.machine >= 0:
        left = plan.machines[task.mode.machine]
        if max(task.blocking, left.blocking) > Blocking.NONE:
            left.free = max(left.free, moment)
