"""Random problems that use the whole vocabulary, with a feasible schedule planted in each.

A plan is drawn first (:mod:`makespan.generators.plans`). Every constraint is then read off it with
some room around it, so the problem has a feasible schedule by construction, and an engine that
calls it infeasible is wrong.
"""

from __future__ import annotations

import numpy as np

from makespan.core.builder import ProblemBuilder
from makespan.core.handles import JobHandle, ResourceHandle, TaskHandle
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ObjectiveKind
from makespan.generators.draws import Draws, require_sizes
from makespan.generators.plans import Plan, PlannedTask, calendars, draw_plan


def random_everything(tasks: int, *, seed: int, breaks: bool = True) -> Problem:
    """Feasible problem with about every word of the vocabulary, for stress tests.

    Several modes, all resource kinds with calendars, steps, setups and blocking, every precedence
    kind with lags of either sign, windows, no-overlap sets, links, optional tasks with selections,
    baselines, and a random objective.

    Parameters
    ----------
    tasks
        Number of tasks, in jobs of up to four.
    breaks
        Whether resources may have calendars.

    Raises
    ------
    OptionError
        If a parameter is out of range.
    """
    return planted_everything(tasks, seed=seed, breaks=breaks)[0]


def planted_everything(tasks: int, *, seed: int, breaks: bool = True) -> tuple[Problem, Schedule]:
    """The problem of :func:`random_everything` with the schedule planted in it."""
    require_sizes(tasks=tasks)
    draws = Draws(seed, "everything")
    plan = draw_plan(tasks, draws, breaks=breaks)
    late = draws.stream("horizon").integer(0, 40)
    b = ProblemBuilder(
        f"everything {tasks} seed {seed}",
        horizon=(0, None if late > 20 else plan.end + late),  # half of them
    )
    resources = _resources(b, plan, draws.stream("capacities"))
    handles = _tasks(b, plan, resources, draws)
    _precedences(b, plan, handles, draws.stream("precedences"))
    _no_overlaps(b, plan, handles, draws.stream("no-overlaps"))
    _same_order(b, plan, resources)
    _links(b, plan, handles, resources, draws.stream("links"))
    _selections(b, plan, handles, draws.stream("selections"))
    _objective(b, draws.stream("objective"))
    problem = b.build()
    local = [task.chosen if task.present else -1 for task in plan.tasks]
    mode = np.where(np.array(local) >= 0, problem.tasks.mode_ptr[:-1] + np.array(local), -1)
    return problem, Schedule(
        np.array([task.start for task in plan.tasks]),
        np.array([task.end for task in plan.tasks]),
        mode.astype(np.int32),
    )


def _resources(b: ProblemBuilder, plan: Plan, draws: Draws) -> dict[str, ResourceHandle]:
    ruled = any(resource.calendar for resource in [*plan.machines, *plan.renewables])
    known = calendars(b.calendar) if ruled else {}
    cost = draws.integers(0, 5, *plan.setup.shape)
    setup = b.setups(
        "colours",
        plan.setup,
        initial_time=plan.initial.tolist(),
        cost=cost,
        initial_cost=draws.integers(0, 5, len(plan.initial)).tolist(),
    )
    made = {}
    for machine in plan.machines:
        made[machine.name] = b.machine(
            machine.name,
            calendar=known.get(machine.calendar),
            breaks="suspend" if machine.suspends else "forbid",
            blocking=machine.blocking,
            setup=setup if machine.setup else None,
            rate=draws.integer(0, 3),
        )
    present = [task for task in plan.tasks if task.present]
    cuts = [0, plan.end // 3, 2 * plan.end // 3]
    for number, renewable in enumerate(plan.renewables):
        used = np.zeros(plan.end + 1, dtype=np.int64)
        for task in present:
            used[task.start : task.end] += task.mode.renewables.get(number, 0)
        peaks = [int(part.max(initial=0)) for part in np.split(used, cuts[1:])]
        capacity = [peak + draws.integer(0, 2) for peak in peaks]
        steps = {time: units for time, units in zip(cuts[1:], capacity[1:], strict=True) if time}
        made[renewable.name] = b.renewable(
            renewable.name,
            capacity=max(capacity) if len(steps) < len(cuts) - 1 else capacity[0],
            steps=steps.items() if len(steps) == len(cuts) - 1 else (),
            calendar=known.get(renewable.calendar),
            breaks="suspend" if renewable.suspends else "forbid",
            released_in_breaks=renewable.suspends and draws.chance(0.5),
            rate=draws.integer(0, 3),
        )
    spent = sum(task.mode.budget for task in present)
    made["budget"] = b.consumable("budget", amount=spent + draws.integer(0, 5), rate=1)
    events: dict[int, int] = {}
    for task in present:
        for time, amount in ((task.start, task.at_start), (task.end, task.at_end)):
            events[time] = events.get(time, 0) + amount
    levels = np.cumsum([events[time] for time in sorted(events)]) if events else np.zeros(1)
    initial = draws.integer(0, 5)
    highest = initial + max(0, int(levels.max())) + draws.integer(0, 3)
    made["tank"] = b.reservoir(
        "tank",
        initial=initial,
        minimum=initial + min(0, int(levels.min())),
        maximum=highest if draws.chance(0.7) else None,
    )
    return made


def _tasks(
    b: ProblemBuilder, plan: Plan, resources: dict[str, ResourceHandle], draws: Draws
) -> list[TaskHandle]:
    handles = []
    for number, job in enumerate(plan.jobs):
        job_handle = _job(b, job, draws.stream("windows", str(number)))
        handles += [
            _task(b, plan, task, job_handle, resources, draws.stream("window", task.name))
            for task in job
        ]
    return handles


def _job(b: ProblemBuilder, job: list[PlannedTask], draws: Draws) -> JobHandle | None:
    if draws.chance(0.2) and len(job) == 1:
        return None
    start = min((task.start for task in job if task.present), default=50)
    end = max((task.end for task in job if task.present), default=50)
    return b.job(
        release=max(0, start - draws.integer(0, 20)) if draws.chance(0.5) else 0,
        due=end + draws.integer(-20, 20) if draws.chance(0.7) else None,
        deadline=end + draws.integer(0, 60) if draws.chance(0.3) else None,
        weight=draws.integer(0, 4),
    )


def _task(
    b: ProblemBuilder,
    plan: Plan,
    task: PlannedTask,
    job: JobHandle | None,
    resources: dict[str, ResourceHandle],
    draws: Draws,
) -> TaskHandle:
    forbidden = []
    for _ in range(draws.integer(0, 2)):
        a = max(0, task.start + draws.integer(-30, 30))
        z = a + draws.integer(1, 8)
        hit = a < task.end and task.start < z if task.busy else a <= task.start < z
        if not (task.present and hit):
            forbidden.append((a, z))
    near = max(0, task.start + draws.integer(-5, 5))
    handle = b.task(
        task.name,
        job=job,
        release=max(0, task.start - draws.integer(0, 20)) if draws.chance(0.3) else None,
        deadline=task.end + draws.integer(0, 40) if draws.chance(0.3) else None,
        due=task.end + draws.integer(-15, 15) if draws.chance(0.2) else None,
        weight=draws.integer(0, 3),
        optional=not task.present or draws.chance(0.1),
        reward=draws.integer(0, 9),
        family=task.family,
        blocking=task.blocking,
        forbidden=forbidden,
        baseline=(near, draws.integer(0, len(task.modes) - 1)) if draws.chance(0.3) else None,
    )
    for mode in task.modes:
        demands = {resources[plan.renewables[k].name]: u for k, u in mode.renewables.items()}
        if mode.budget:
            demands[resources["budget"]] = mode.budget
        handle.mode(
            mode.duration,
            resources[plan.machines[mode.machine].name] if mode.machine >= 0 else (),
            demands=demands,
            starts_with={resources["tank"]: task.at_start} if task.at_start else {},
            ends_with={resources["tank"]: task.at_end} if task.at_end else {},
            cost=mode.cost,
        )
    return handle


def _precedences(b: ProblemBuilder, plan: Plan, handles: list[TaskHandle], draws: Draws) -> None:
    tasks = plan.tasks
    for i in range(len(tasks) - 1):
        if tasks[i].job == tasks[i + 1].job:
            b.precedence(handles[i], handles[i + 1])
    for _ in range(len(tasks) // 2):
        i, j = draws.integer(0, len(tasks) - 1), draws.integer(0, len(tasks) - 1)
        if i == j:
            continue
        kind = draws.pick(["FS", "SS", "FF", "SF"])
        x = tasks[i].end if kind[0] == "F" else tasks[i].start
        y = tasks[j].end if kind[1] == "F" else tasks[j].start
        low = y - x - draws.integer(0, 8)
        # Arcs that follow this order form no cycle; others must not look like plain precedences.
        if kind == "FS" and _place(tasks[i], i) >= _place(tasks[j], j):
            low = min(low, -1)
        b.precedence(
            handles[i],
            handles[j],
            kind=kind,
            min_lag=low,
            max_lag=max(low, y - x) + draws.integer(0, 8) if draws.chance(0.4) else None,
        )


def _place(task: PlannedTask, index: int) -> tuple[int, bool, int]:
    return task.start, task.busy, index


def _apart(one: PlannedTask, other: PlannedTask) -> bool:
    """Whether two tasks may share a no-overlap set."""
    if not (one.present and other.present):
        return True
    if one.busy and other.busy:
        return one.end <= other.start or other.end <= one.start
    if one.busy:
        return not one.start < other.start < one.end
    return not (other.busy and other.start < one.start < other.end)


def _no_overlaps(b: ProblemBuilder, plan: Plan, handles: list[TaskHandle], draws: Draws) -> None:
    tasks = plan.tasks
    for number in range(draws.integer(0, 2)):
        chosen: list[int] = []
        for i in draws.permutation(len(tasks))[:6].tolist():
            if all(_apart(tasks[i], tasks[k]) for k in chosen):
                chosen.append(i)
        b.no_overlap([handles[i] for i in sorted(chosen)], name=f"crew {number + 1}")


def _same_order(b: ProblemBuilder, plan: Plan, resources: dict[str, ResourceHandle]) -> None:
    """A set of the machines that no job may visit twice; jobs were planned one after the other."""
    visits = [0] * len(plan.machines)
    starts: list[dict[int, int]] = [{} for _ in plan.machines]
    for number, job in enumerate(plan.jobs):
        for m in range(len(plan.machines)):
            here = [task for task in job if any(mode.machine == m for mode in task.modes)]
            visits[m] = max(visits[m], len(here))
            for task in here:
                if task.present and task.mode.machine == m:
                    starts[m][number] = task.start
    once: list[int] = []
    for m, most in enumerate(visits):
        if most == 1 and all(_agree(starts[m], starts[k]) for k in once):
            once.append(m)
    if len(once) > 1:
        b.same_order(*(resources[plan.machines[m].name] for m in once), name="in turn")


def _agree(one: dict[int, int], other: dict[int, int]) -> bool:
    """Whether no two jobs start in opposite orders on two machines."""
    both = sorted(one.keys() & other.keys(), key=lambda j: (one[j], other[j]))
    later = [other[j] for j in both]
    return later == sorted(later)


def _links(
    b: ProblemBuilder,
    plan: Plan,
    handles: list[TaskHandle],
    resources: dict[str, ResourceHandle],
    draws: Draws,
) -> None:
    machines = [resources[machine.name] for machine in plan.machines]
    group = b.group("machines", machines)
    tasks = plan.tasks
    for _ in range(draws.integer(0, 3)):
        i, j = draws.integer(0, len(tasks) - 1), draws.integer(0, len(tasks) - 1)
        if i == j:
            continue
        one, other = tasks[i].mode.machine, tasks[j].mode.machine
        if one == other and (one < 0 or draws.chance(0.8)):
            b.same_resource(handles[i], handles[j], group)
        elif one != other:
            b.different_resource(handles[i], handles[j], group)


def _selections(b: ProblemBuilder, plan: Plan, handles: list[TaskHandle], draws: Draws) -> None:
    absent = [i for i, task in enumerate(plan.tasks) if not task.present]
    present = [i for i, task in enumerate(plan.tasks) if task.present]
    if not absent or not present:
        return
    one, other = handles[draws.pick(absent)], handles[draws.pick(present)]
    if draws.chance(0.5):
        b.exactly_one([one, other])
    if draws.chance(0.5):
        b.at_most_one([handles[i] for i in absent])
    if draws.chance(0.5):
        b.all_or_none([handles[i] for i in absent])
    if draws.chance(0.5):
        b.implies(one, other)
    if draws.chance(0.5) and len(present) > 1:
        b.implies(handles[present[0]], handles[present[-1]])


def _objective(b: ProblemBuilder, draws: Draws) -> None:
    kinds = list(ObjectiveKind)
    order = draws.permutation(len(kinds)).tolist()
    for level in range(draws.integer(1, 3)):
        chosen = [kinds[k] for k in order[3 * level : 3 * level + draws.integer(1, 3)]]
        terms = {kind: draws.integer(1, 9) for kind in chosen}
        if level:
            b.then_minimise(terms)
        else:
            b.minimise(terms)
