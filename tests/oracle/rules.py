"""Every rule of the semantics, tick by tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    DemandTiming,
    LinkKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)
from tests.oracle.reading import Placed, Plan, Reader, plan_of, works


def is_feasible(problem: Problem, schedule: Schedule) -> bool:
    """Whether a schedule breaks no rule."""
    return not broken(problem, schedule)


def broken(problem: Problem, schedule: Schedule) -> set[str]:
    """The kinds of rules a schedule breaks, in the words of ``ViolationKind``."""
    if len(schedule) != problem.tasks.count:
        return {"shape"}
    reader, plan = Reader(problem), plan_of(problem, schedule)
    selected = {i for i in reader.tasks if schedule.mode[i] >= 0}
    found = {"mode"} if selected - plan.keys() else set()
    if any(i not in selected and not problem.tasks.optional[i] for i in reader.tasks):
        found.add("presence")
    found |= broken_selections(problem, selected)
    return found | broken_plan(reader, plan)


def broken_plan(reader: Reader, plan: Plan) -> set[str]:
    """The kinds of rules that placed tasks break, whatever must be placed."""
    found = broken_machines(reader, plan)
    for i, placed in plan.items():
        found |= broken_alone(reader, i, placed)
    found |= broken_setups(reader, plan)
    found |= broken_swaps(reader, plan)
    found |= broken_stocks(reader, plan)
    found |= broken_relations(reader, plan)
    return found


def broken_alone(reader: Reader, task: int, placed: Placed) -> set[str]:
    """Rules on one task by itself: times, calendars, windows."""
    problem, found = reader.problem, set()
    tasks, jobs = problem.tasks, problem.jobs
    mode, s, e = placed.mode, placed.start, placed.end
    if reader.end(mode, s) != e:
        found.add("duration")
    if reader.duration[mode] > 0:
        for _, calendar, suspends in reader.clocks(mode):
            ticks = [s] if suspends else range(s, e)
            if not all(works(calendar, t) for t in ticks):
                found.add("calendar")
    if s < problem.horizon_start or e > problem.horizon_end:
        found.add("horizon")
    if s < tasks.release[task]:
        found.add("release")
    if e > tasks.deadline[task]:
        found.add("deadline")
    if reader.job[task] >= 0:
        if s < jobs.release[reader.job[task]]:
            found.add("job_release")
        if e > jobs.deadline[reader.job[task]]:
            found.add("job_deadline")
    touched = set(range(s, e)) if reader.duration[mode] > 0 else {s}
    if any(touched & set(range(a, b)) for a, b in reader.forbidden[task]):
        found.add("forbidden")
    return found


def broken_machines(reader: Reader, plan: Plan) -> set[str]:
    """At most one task per machine and tick of occupancy; milestones outside of tasks."""
    found = set()
    for i, j in pairs(plan):
        for machine in set(reader.machines(plan[i].mode)) & set(reader.machines(plan[j].mode)):
            a, b = plan[i], plan[j]
            point = reader.duration[a.mode] == 0, reader.duration[b.mode] == 0
            if point == (False, False):
                if set(range(a.start, a.end)) & set(range(b.start, b.end)):
                    found.add("overlap")
                elif set(range(a.start, reader.leave(plan, i, machine))) & set(
                    range(b.start, reader.leave(plan, j, machine))
                ):
                    found.add("blocking")
            elif point == (True, False):
                if b.start < a.start < reader.leave(plan, j, machine):
                    found.add("milestone")
            elif point == (False, True) and a.start < b.start < reader.leave(plan, i, machine):
                found.add("milestone")
    problem = reader.problem
    for members in problem.no_overlaps:
        for i, j in pairs({i: plan[i] for i in members.tolist() if i in plan}):
            a, b = plan[i], plan[j]
            point = reader.duration[a.mode] == 0, reader.duration[b.mode] == 0
            if (
                (
                    point == (False, False)
                    and set(range(a.start, a.end)) & set(range(b.start, b.end))
                )
                or (point == (True, False) and b.start < a.start < b.end)
                or (point == (False, True) and a.start < b.start < a.end)
            ):
                found.add("no_overlap")
    return found


def pairs(plan: Plan) -> Iterator[tuple[int, int]]:
    """Every unordered pair of present tasks."""
    order = sorted(plan)
    return ((i, j) for k, i in enumerate(order) for j in order[k + 1 :])


def sequence(reader: Reader, plan: Plan, machine: int) -> list[int]:
    """Tasks that take time on a machine, by start, ties by index."""
    users = [
        i
        for i, placed in plan.items()
        if machine in reader.machines(placed.mode) and reader.duration[placed.mode] > 0
    ]
    return sorted(users, key=lambda i: (plan[i].start, i))


def broken_setups(reader: Reader, plan: Plan) -> set[str]:
    """Setup time before each task on a machine with setups."""
    problem = reader.problem
    for machine, number in enumerate(problem.resources.setup.tolist()):
        if number < 0:
            continue
        table, before = problem.setups[number], None
        for i in sequence(reader, plan, machine):
            family = int(problem.tasks.family[i])
            if before is None:
                ready, need = problem.horizon_start, int(table.initial_time[family])
            else:
                ready = reader.leave(plan, before, machine)
                need = int(table.time[int(problem.tasks.family[before]), family])
            if need > 0 and plan[i].start < ready + need:
                return {"setup"}
            before = i
    return set()


def broken_swaps(reader: Reader, plan: Plan) -> set[str]:
    """Moves at one instant can be put in an order, each into machines already left."""
    moves = []  # blocking task, next task
    for i, placed in plan.items():
        after = reader.next_task(plan, i)
        if after is None or reader.duration[placed.mode] == 0:
            continue
        blocks = any(reader.code(i, m) > 0 for m in reader.machines(placed.mode))
        if blocks and plan[after].start >= placed.end:
            moves.append((i, after))
    for instant in {plan[after].start for _, after in moves}:
        left = [(i, after) for i, after in moves if plan[after].start == instant]
        while left:
            free = []
            for u, into in left:
                entered = (
                    reader.machines(plan[into].mode) if reader.duration[plan[into].mode] > 0 else []
                )
                waits = any(
                    w != u and m in reader.machines(plan[w].mode) and reader.code(w, m) == 2
                    for w, _ in left
                    for m in entered
                )
                if not waits:
                    free.append(u)
            if not free:
                return {"swap"}
            left = [(i, after) for i, after in left if i not in free]
    return set()


def broken_stocks(reader: Reader, plan: Plan) -> set[str]:
    """Renewables in every tick, consumables in total, reservoirs at every instant."""
    problem, found = reader.problem, set()
    table = problem.resources
    times = [p.start for p in plan.values()] + [p.end for p in plan.values()]
    ticks = range(min(times, default=0), max(times, default=0) + 1)
    for r, kind in enumerate(reader.kind):
        users = [
            (i, amount, timing)
            for i, placed in plan.items()
            for resource, amount, timing in reader.demands[placed.mode]
            if resource == r
        ]
        if kind == ResourceKind.CONSUMABLE:
            if sum(amount for _, amount, _ in users) > table.capacity[r]:
                found.add("consumable")
        elif kind == ResourceKind.RENEWABLE:
            for t in ticks:
                used = sum(a for i, a, _ in users if takes(reader, plan, i, r, t))
                if used > capacity_at(problem, r, t):
                    found.add("capacity")
        elif kind == ResourceKind.RESERVOIR:
            for t in ticks:
                level = int(table.initial[r])
                for i, amount, timing in users:
                    when = plan[i].end if timing == DemandTiming.AT_END else plan[i].start
                    level += amount if when <= t else 0
                if level < table.minimum[r]:
                    found.add("reservoir_low")
                if level > table.capacity[r]:
                    found.add("reservoir_high")
    return found


def takes(reader: Reader, plan: Plan, task: int, resource: int, tick: int) -> bool:
    """Whether a task takes up a renewable in a tick."""
    placed = plan[task]
    if reader.duration[placed.mode] == 0 or not placed.start <= tick < placed.end:
        return False
    freed = reader.problem.resources.released_in_breaks[resource] and reader.pauses(placed.mode)
    return reader.progresses(placed.mode, tick) if freed else True


def capacity_at(problem: Problem, resource: int, tick: int) -> int:
    """Capacity of a renewable in a tick."""
    table = problem.resources
    capacity = int(table.capacity[resource])
    for k in range(int(table.step_ptr[resource]), int(table.step_ptr[resource + 1])):
        if table.step_time[k] <= tick:
            capacity = int(table.step_capacity[k])
    return capacity


def broken_relations(reader: Reader, plan: Plan) -> set[str]:
    """Precedences and resource links between present tasks."""
    problem, found = reader.problem, set()
    rows = problem.precedences
    for k in range(rows.count):
        i, j = int(rows.source[k]), int(rows.target[k])
        if i in plan and j in plan:
            lag = precedence_lag(PrecedenceKind(int(rows.kind[k])), plan[i], plan[j])
            if lag < rows.minimum[k]:
                found.add("precedence_min")
            if lag > rows.maximum[k]:
                found.add("precedence_max")
    for k in range(problem.links.count):
        i, j = int(problem.links.first[k]), int(problem.links.second[k])
        if i in plan and j in plan:
            g = int(problem.links.group[k])
            group = set(
                problem.groups.member[problem.groups.ptr[g] : problem.groups.ptr[g + 1]].tolist()
            )
            mine = {r for r, _, _ in reader.demands[plan[i].mode]} & group
            other = {r for r, _, _ in reader.demands[plan[j].mode]} & group
            if problem.links.kind[k] == LinkKind.SAME and mine != other:
                found.add("same_resource")
            if problem.links.kind[k] == LinkKind.DIFFERENT and mine & other:
                found.add("different_resource")
    if overtaken(reader, plan):
        found.add("same_order")
    return found


def overtaken(reader: Reader, plan: Plan) -> bool:
    """Whether two jobs start in opposite orders on two machines of a same-order set."""
    for members in reader.problem.same_orders:
        starts: dict[int, dict[object, int]] = {machine: {} for machine in members.tolist()}
        for i, placed in plan.items():
            for machine in reader.machines(placed.mode):
                if machine in starts:
                    job = ("job", reader.job[i]) if reader.job[i] >= 0 else ("task", i)
                    starts[machine][job] = placed.start
        for a in starts.values():
            for b in starts.values():
                both = a.keys() & b.keys()
                if any(a[i] < a[j] and b[j] < b[i] for i in both for j in both):
                    return True
    return False


def precedence_lag(kind: PrecedenceKind, source: Placed, target: Placed) -> int:
    """Distance that a precedence bounds."""
    begin = source.end if kind in (PrecedenceKind.FS, PrecedenceKind.FF) else source.start
    finish = target.start if kind in (PrecedenceKind.FS, PrecedenceKind.SS) else target.end
    return finish - begin


def broken_selections(
    problem: Problem, selected: set[int], groups: Iterable[int] | None = None
) -> set[str]:
    """Selection groups, all or some of them."""
    table, found = problem.selections, set()
    for k in range(table.count) if groups is None else groups:
        members = table.task[table.ptr[k] : table.ptr[k + 1]].tolist()
        here = [i in selected for i in members]
        match SelectionKind(int(table.kind[k])):
            case SelectionKind.EXACTLY_ONE:
                fine = sum(here) == 1
            case SelectionKind.AT_MOST_ONE:
                fine = sum(here) <= 1
            case SelectionKind.ALL_OR_NONE:
                fine = all(here) or not any(here)
            case SelectionKind.IMPLIES:
                fine = all(here) or not here[0]
        if not fine:
            found.add(SelectionKind(int(table.kind[k])).name.lower())
    return found
