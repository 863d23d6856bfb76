"""A brute-force oracle: the semantics read literally, tick by tick, in plain Python.

It shares nothing with the verifier, the metrics or an engine, and is meant for problems of a
handful of tasks and a few dozen ticks. ``broken`` names the rules a schedule breaks, ``value``
evaluates the objective, ``best`` enumerates every schedule within a horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np

from makespan.core.calendar import Calendar
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import (
    INFINITY,
    DemandTiming,
    LinkKind,
    ObjectiveKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)

FOREVER = 10_000
"""Longest suspension the oracle waits for."""


@dataclass(frozen=True)
class Placed:
    """A present task: its mode and times."""

    mode: int
    start: int
    end: int


Plan = dict[int, Placed]


def works(calendar: Calendar, tick: int) -> bool:
    """Whether a tick is working time: the pattern, overridden by the last exception that holds."""
    inner = tick % calendar.period if calendar.period else tick
    verdict = any(a <= inner < b for a, b in calendar.working.tolist())
    for (a, b), working in zip(
        calendar.exceptions.tolist(), calendar.exception_working, strict=True
    ):
        if a <= tick < b:
            verdict = working
    return verdict


class Reader:
    """A Problem's tables as plain Python values."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.tasks = range(problem.tasks.count)
        self.job = problem.tasks.job.tolist()
        self.duration = problem.modes.duration.tolist()
        self.owner = problem.modes.task.tolist()
        self.first_mode = problem.tasks.mode_ptr.tolist()
        self.kind = problem.resources.kind.tolist()
        self.demands: list[list[tuple[int, int, int]]] = []
        ptr = problem.modes.demand_ptr.tolist()
        rows = list(
            zip(
                problem.modes.demand_resource.tolist(),
                problem.modes.demand_amount.tolist(),
                problem.modes.demand_timing.tolist(),
                strict=True,
            )
        )
        for m in range(problem.modes.count):
            self.demands.append([row for row in rows[ptr[m] : ptr[m + 1]] if row[1] != 0])
        jobs = problem.jobs
        cut = jobs.task_ptr.tolist()
        self.job_tasks = [jobs.task[cut[k] : cut[k + 1]].tolist() for k in range(jobs.count)]
        ticks = problem.tasks.forbidden_ptr.tolist()
        spans = list(
            zip(
                problem.tasks.forbidden_start.tolist(),
                problem.tasks.forbidden_end.tolist(),
                strict=True,
            )
        )
        self.forbidden = [spans[ticks[i] : ticks[i + 1]] for i in self.tasks]

    def modes(self, task: int) -> range:
        """Global mode indices of a task."""
        return range(self.first_mode[task], self.first_mode[task + 1])

    def machines(self, mode: int) -> list[int]:
        """Machines of a mode."""
        return [r for r, _, _ in self.demands[mode] if self.kind[r] == ResourceKind.MACHINE]

    def clocks(self, mode: int) -> list[tuple[int, Calendar, bool]]:
        """Resource, calendar and whether it suspends, of the mode's calendared resources."""
        table, found = self.problem.resources, []
        for r, amount, _ in self.demands[mode]:
            timed = self.kind[r] in (ResourceKind.MACHINE, ResourceKind.RENEWABLE)
            if timed and amount > 0 and table.calendar[r] >= 0:
                calendar = self.problem.calendars[int(table.calendar[r])]
                found.append((r, calendar, bool(table.suspend[r])))
        return found

    def progresses(self, mode: int, tick: int) -> bool:
        """Whether work on a mode progresses in a tick."""
        return all(works(calendar, tick) for _, calendar, _ in self.clocks(mode))

    def pauses(self, mode: int) -> bool:
        """Whether breaks suspend the mode."""
        return self.duration[mode] > 0 and any(s for _, _, s in self.clocks(mode))

    def end(self, mode: int, start: int, until: int = FOREVER) -> int | None:
        """The end that follows from a start, None if it is never reached."""
        if not self.pauses(mode):
            return start + self.duration[mode]
        done, tick = 0, start
        while done < self.duration[mode]:
            if tick >= until:
                return None
            done += self.progresses(mode, tick)
            tick += 1
        return tick

    def next_task(self, plan: Plan, task: int) -> int | None:
        """Next present task of the same job."""
        if self.job[task] < 0:
            return None
        order = self.job_tasks[self.job[task]]
        for other in order[order.index(task) + 1 :]:
            if other in plan:
                return other
        return None

    def code(self, task: int, machine: int) -> int:
        """Blocking code of a task on a machine."""
        return max(
            int(self.problem.tasks.blocking[task]), int(self.problem.resources.blocking[machine])
        )

    def leave(self, plan: Plan, task: int, machine: int) -> int:
        """End of a task's occupancy of a machine."""
        end = plan[task].end
        after = self.next_task(plan, task)
        if self.duration[plan[task].mode] == 0 or after is None:
            return end
        return max(end, plan[after].start) if self.code(task, machine) > 0 else end


def plan_of(problem: Problem, schedule: Schedule) -> Plan:
    """Present tasks whose mode is one of their own."""
    reader, plan = Reader(problem), {}
    for i in reader.tasks:
        if int(schedule.mode[i]) in reader.modes(i):
            plan[i] = Placed(int(schedule.mode[i]), int(schedule.start[i]), int(schedule.end[i]))
    return plan


def schedule_of(problem: Problem, plan: Plan) -> Schedule:
    """The Schedule of a plan; tasks not in it are absent."""
    start = np.zeros(problem.tasks.count, dtype=np.int64)
    end, mode = start.copy(), np.full(problem.tasks.count, -1, dtype=np.int32)
    for i, placed in plan.items():
        start[i], end[i], mode[i] = placed.start, placed.end, placed.mode
    return Schedule(start, end, mode)


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
    for i, placed in plan.items():
        found |= broken_alone(reader, i, placed)
    found |= broken_machines(reader, plan)
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
    return found


def precedence_lag(kind: PrecedenceKind, source: Placed, target: Placed) -> int:
    """Distance that a precedence bounds."""
    begin = source.end if kind in (PrecedenceKind.FS, PrecedenceKind.FF) else source.start
    finish = target.start if kind in (PrecedenceKind.FS, PrecedenceKind.SS) else target.end
    return finish - begin


def broken_selections(problem: Problem, selected: set[int]) -> set[str]:
    """Selection groups."""
    table, found = problem.selections, set()
    for k in range(table.count):
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


# Objective ---------------------------------------------------------------------------------------


def value(problem: Problem, schedule: Schedule) -> tuple[int, ...]:
    """Value of each objective level by the definitions."""
    reader, plan = Reader(problem), plan_of(problem, schedule)
    return tuple(
        sum(term.coefficient * term_value(reader, plan, term.kind) for term in level)
        for level in problem.objective.levels
    )


def units(reader: Reader, plan: Plan) -> list[tuple[int, int, int]]:
    """Weight, completion and release of jobs and lone tasks with something present."""
    problem, found = reader.problem, []
    for k, members in enumerate(reader.job_tasks):
        ends = [plan[i].end for i in members if i in plan]
        if ends:
            found.append((int(problem.jobs.weight[k]), max(ends), int(problem.jobs.release[k])))
    for i, placed in plan.items():
        if reader.job[i] < 0:
            weight, release = int(problem.tasks.weight[i]), int(problem.tasks.release[i])
            found.append((weight, placed.end, release))
    return found


def dated(reader: Reader, plan: Plan) -> list[tuple[int, int]]:
    """Weight and lateness of everything with a due date that is present."""
    problem, found = reader.problem, []
    for k, members in enumerate(reader.job_tasks):
        ends = [plan[i].end for i in members if i in plan]
        if ends and problem.jobs.due[k] < INFINITY:
            found.append((int(problem.jobs.weight[k]), max(ends) - int(problem.jobs.due[k])))
    for i, placed in plan.items():
        if problem.tasks.due[i] < INFINITY:
            found.append((int(problem.tasks.weight[i]), placed.end - int(problem.tasks.due[i])))
    return found


def term_value(reader: Reader, plan: Plan, kind: ObjectiveKind) -> int:
    """One term of the objective."""
    problem = reader.problem
    match kind:
        case ObjectiveKind.MAKESPAN:
            return max((p.end for p in plan.values()), default=0)
        case ObjectiveKind.TOTAL_COMPLETION:
            return sum(w * c for w, c, _ in units(reader, plan))
        case ObjectiveKind.TOTAL_FLOW_TIME:
            return sum(w * (c - r) for w, c, r in units(reader, plan))
        case ObjectiveKind.TOTAL_TARDINESS:
            return sum(w * max(0, late) for w, late in dated(reader, plan))
        case ObjectiveKind.MAX_TARDINESS:
            return max((w * max(0, late) for w, late in dated(reader, plan)), default=0)
        case ObjectiveKind.TARDY_COUNT:
            return sum(w for w, late in dated(reader, plan) if late > 0)
        case ObjectiveKind.MAX_LATENESS:
            return max((late for _, late in dated(reader, plan)), default=0)
        case ObjectiveKind.TOTAL_EARLINESS:
            return sum(w * max(0, -late) for w, late in dated(reader, plan))
        case ObjectiveKind.RESOURCE_COST:
            total = 0
            for placed in plan.values():
                for r, amount, timing in reader.demands[placed.mode]:
                    if timing == DemandTiming.DURING:
                        lasts = reader.duration[placed.mode]
                        once = reader.kind[r] == ResourceKind.CONSUMABLE
                        total += int(problem.resources.rate[r]) * amount * (1 if once else lasts)
            return total
        case ObjectiveKind.MODE_COST:
            return sum(int(problem.modes.cost[p.mode]) for p in plan.values())
        case ObjectiveKind.SETUP_TIME:
            return setups(reader, plan, "time")
        case ObjectiveKind.SETUP_COST:
            return setups(reader, plan, "cost")
        case ObjectiveKind.UNPLACED:
            return sum(int(problem.tasks.reward[i]) for i in reader.tasks if i not in plan)
        case ObjectiveKind.CHANGE:
            return sum(
                abs(p.start - int(problem.tasks.baseline_start[i]))
                for i, p in plan.items()
                if problem.tasks.baseline_start[i] < INFINITY
            )
        case ObjectiveKind.MOVED:
            count = 0
            for i, p in plan.items():
                start, mode = problem.tasks.baseline_start[i], problem.tasks.baseline_mode[i]
                if start < INFINITY:
                    count += p.start != start or (
                        mode >= 0 and p.mode - reader.first_mode[i] != mode
                    )
            return int(count)


def setups(reader: Reader, plan: Plan, field: str) -> int:
    """Setup time or cost over all machine sequences."""
    problem, total = reader.problem, 0
    for machine, number in enumerate(problem.resources.setup.tolist()):
        if number < 0:
            continue
        table, before = problem.setups[number], None
        for i in sequence(reader, plan, machine):
            family = int(problem.tasks.family[i])
            if before is None:
                total += int(getattr(table, f"initial_{field}")[family])
            else:
                total += int(getattr(table, field)[before, family])
            before = family
    return total


# Enumeration -------------------------------------------------------------------------------------

_GROWING = frozenset(
    {
        ObjectiveKind.MAKESPAN,
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.MAX_TARDINESS,
        ObjectiveKind.TARDY_COUNT,
        ObjectiveKind.RESOURCE_COST,
        ObjectiveKind.MODE_COST,
        ObjectiveKind.CHANGE,
        ObjectiveKind.MOVED,
    }
)
"""Terms that placing one more task never lowers (from time 0 on)."""

Options = list[list[Placed | None]]


def options(problem: Problem, horizon: int) -> Options:
    """What each task could do by itself within the horizon: every start of every mode, absence."""
    reader, found = Reader(problem), []
    for i in reader.tasks:
        mine: list[Placed | None] = []
        for mode in reader.modes(i):
            for start in range(problem.horizon_start, horizon + 1):
                end = reader.end(mode, start, until=horizon)
                if end is not None and end <= horizon:
                    placed = Placed(mode, start, end)
                    if not broken_alone(reader, i, placed):
                        mine.append(placed)
        mine.sort(key=lambda p: (p.end, p.start, p.mode) if p else (0, 0, 0))
        if problem.tasks.optional[i]:
            mine.append(None)
        found.append(mine)
    return found


class Clashes:
    """Which options of two tasks exclude each other whatever the other tasks do.

    This only prunes: it may miss clashes, since finished plans are checked in full.
    """

    def __init__(self, problem: Problem, choices: Options) -> None:
        self.reader, self.choices = Reader(problem), choices
        self.known: dict[tuple[int, int, int], int] = {}
        self.apart = [set(members.tolist()) for members in problem.no_overlaps]
        self.lags: dict[tuple[int, int], list[tuple[PrecedenceKind, int, int]]] = {}
        rows = problem.precedences
        for k in range(rows.count):
            key = int(rows.source[k]), int(rows.target[k])
            row = PrecedenceKind(int(rows.kind[k])), int(rows.minimum[k]), int(rows.maximum[k])
            self.lags.setdefault(key, []).append(row)
        self.linked = {
            (int(i), int(j)) for i, j in zip(problem.links.first, problem.links.second, strict=True)
        }

    def fitting(self, i: int, option: int, j: int) -> int:
        """Bit set of j's options that go with an option of i."""
        key = i, option, j
        if key not in self.known:
            a = self.choices[i][option]
            self.known[key] = sum(
                1 << bit
                for bit, b in enumerate(self.choices[j])
                if a is None or b is None or not self.clash(i, a, j, b)
            )
        return self.known[key]

    def clash(self, i: int, a: Placed, j: int, b: Placed) -> bool:
        """Whether two placed tasks exclude each other."""
        for kind, low, high in self.lags.get((i, j), ()):
            if not low <= precedence_lag(kind, a, b) <= high:
                return True
        for kind, low, high in self.lags.get((j, i), ()):
            if not low <= precedence_lag(kind, b, a) <= high:
                return True
        if max(a.start, b.start) < min(a.end, b.end):
            if any(i in members and j in members for members in self.apart):
                return True
            machines = self.reader.machines
            if set(machines(a.mode)) & set(machines(b.mode)):
                return True
        if (i, j) in self.linked or (j, i) in self.linked:
            return bool(broken_relations(self.reader, {i: a, j: b}))
        return False


def plans(
    problem: Problem, horizon: int, *, random: Random | None = None, bound: list[int | None]
) -> Iterator[Plan]:
    """Every plan without pairwise clashes; ``bound[0]`` prunes by the first objective level."""
    choices = options(problem, horizon)
    clashes = Clashes(problem, choices)
    reader, n = Reader(problem), len(choices)
    first = problem.objective.levels[0]
    prune = problem.horizon_start >= 0 and all(term.kind in _GROWING for term in first)

    def extend(i: int, plan: Plan, masks: list[int]) -> Iterator[Plan]:
        if prune and bound[0] is not None:
            least = sum(t.coefficient * term_value(reader, plan, t.kind) for t in first)
            if least > bound[0]:
                return
        if i == n:
            yield dict(plan)
            return
        order = [k for k in range(len(choices[i])) if masks[i] >> k & 1]
        if random is not None and random.random() < 0.5:
            random.shuffle(order)
        for k in order:
            narrowed = masks.copy()
            for j in range(i + 1, n):
                narrowed[j] &= clashes.fitting(i, k, j)
            if not all(narrowed[i + 1 :]):
                continue
            placed = choices[i][k]
            if placed is not None:
                plan[i] = placed
            yield from extend(i + 1, plan, narrowed)
            plan.pop(i, None)

    if all(choices):
        yield from extend(0, {}, [(1 << len(mine)) - 1 for mine in choices])


def best(problem: Problem, horizon: int) -> tuple[tuple[int, ...], Schedule] | None:
    """Lexicographically best objective of any schedule that ends by ``horizon``, and a schedule.

    None if there is no such schedule. Every start, mode and absence is tried; partial schedules
    are dropped when two tasks clash for good or the first level is already worse.
    """
    found: tuple[tuple[int, ...], Schedule] | None = None
    bound: list[int | None] = [None]
    for plan in plans(problem, min(horizon, problem.horizon_end), bound=bound):
        schedule = schedule_of(problem, plan)
        worth = value(problem, schedule)
        if (found is None or worth < found[0]) and is_feasible(problem, schedule):
            found, bound[0] = (worth, schedule), worth[0]
    return found


def some_feasible(
    problem: Problem, horizon: int, *, random: Random, patience: int = 200
) -> Schedule | None:
    """Some feasible schedule found by a randomised search through at most ``patience`` plans."""
    nowhere: list[int | None] = [None]
    for plan, _ in zip(
        plans(problem, min(horizon, problem.horizon_end), random=random, bound=nowhere),
        range(patience),
        strict=False,
    ):
        schedule = schedule_of(problem, plan)
        if is_feasible(problem, schedule):
            return schedule
    return None
