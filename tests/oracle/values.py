"""Every term of an objective by its definition."""

from __future__ import annotations

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import INFINITY, DemandTiming, ObjectiveKind, ResourceKind
from tests.oracle.reading import Plan, Reader, plan_of
from tests.oracle.rules import sequence


def value(problem: Problem, schedule: Schedule) -> tuple[int, ...]:
    """Value of each objective level by the definitions."""
    return plan_value(Reader(problem), plan_of(problem, schedule))


def plan_value(reader: Reader, plan: Plan) -> tuple[int, ...]:
    """Value of each objective level of a plan."""
    return tuple(
        sum(term.coefficient * term_value(reader, plan, term.kind) for term in level)
        for level in reader.problem.objective.levels
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
