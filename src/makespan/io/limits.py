"""What a classic format cannot hold: names the first term of a problem that it would lose."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Objective, Problem
from makespan.core.vocabulary import (
    INFINITY,
    DemandTiming,
    IntArray,
    PrecedenceKind,
    ResourceKind,
)


def refuse(format_name: str, term: str) -> FormatError:
    """Error that says ``format_name`` cannot hold ``term``."""
    return FormatError(
        f"the format {format_name} cannot hold {term}", hint="write the problem as json instead"
    )


def require_classic(problem: Problem, format_name: str) -> None:
    """Check that a problem has nothing but durations, demands, precedences and plain limits.

    Names of tasks, jobs and resources, the time unit and the origin date are left out silently:
    they do not change which schedules are right.

    Raises
    ------
    FormatError
        Naming the first term that a classic format cannot hold.
    """
    for term in _extras(problem):
        raise refuse(format_name, term)


def _extras(problem: Problem) -> Iterator[str]:
    tasks, jobs, resources = problem.tasks, problem.jobs, problem.resources
    task_columns = (
        ("a release date", tasks.release != 0),
        ("a deadline", tasks.deadline != INFINITY),
        ("a due date", tasks.due != INFINITY),
        ("a weight", tasks.weight != 1),
        ("the option to leave out", tasks.optional),
        ("a reward", tasks.reward != 0),
        ("a setup family", tasks.family != 0),
        ("blocking", tasks.blocking != 0),
        ("a baseline", (tasks.baseline_start != INFINITY) | (tasks.baseline_mode != -1)),
        ("forbidden intervals", np.diff(tasks.forbidden_ptr) > 0),
    )
    job_columns = (
        ("a release date", jobs.release != 0),
        ("a deadline", jobs.deadline != INFINITY),
        ("a due date", jobs.due != INFINITY),
        ("a weight", jobs.weight != 1),
    )
    resource_columns = (
        ("a calendar", resources.calendar >= 0),
        ("breaks that suspend tasks", resources.suspend | resources.released_in_breaks),
        ("blocking", resources.blocking != 0),
        ("a cost rate", resources.rate != 0),
        ("setups", resources.setup >= 0),
        ("capacity steps", np.diff(resources.step_ptr) > 0),
        ("reservoir levels", resources.kind == ResourceKind.RESERVOIR),
    )
    for kind, names, columns in (
        ("task", tasks.names, task_columns),
        ("job", jobs.names, job_columns),
        ("resource", resources.names, resource_columns),
    ):
        for what, marked in columns:
            if np.any(marked):
                yield f"{what} ({kind} {names[int(np.flatnonzero(marked)[0])]!r})"
    if np.any(problem.modes.cost):
        owner = problem.modes.task[np.flatnonzero(problem.modes.cost)[0]]
        yield f"a mode cost (task {tasks.names[int(owner)]!r})"
    if problem.horizon_start != 0 or problem.horizon_end != INFINITY:
        yield f"the horizon [{problem.horizon_start}, {problem.horizon_end}]"
    for what, count in (
        ("calendars", len(problem.calendars)),
        ("setup matrices", len(problem.setups)),
        ("same-order sets of machines", problem.same_orders.count),
        ("resource groups", problem.groups.count),
        ("same- or different-resource links", problem.links.count),
        ("selection groups of optional tasks", problem.selections.count),
    ):
        if count:
            yield what
    if problem.objective != Objective():
        yield f"the objective {problem.objective}"


def require_no_jobs(problem: Problem, format_name: str) -> None:
    """Check that a project has neither jobs nor no-overlap sets."""
    if problem.jobs.count:
        raise refuse(format_name, f"jobs (job {problem.jobs.names[0]!r})")
    if problem.no_overlaps.count:
        raise refuse(format_name, f"no-overlap sets ({problem.no_overlaps.names[0]!r})")


def require_finish_to_start(problem: Problem, format_name: str) -> None:
    """Check that every precedence is plain finish-to-start."""
    relation = problem.precedences
    odd = (
        (relation.kind != PrecedenceKind.FS)
        | (relation.minimum != 0)
        | (relation.maximum != INFINITY)
    )
    if odd.any():
        raise refuse(format_name, describe_precedence(problem, int(np.flatnonzero(odd)[0])))


def describe_precedence(problem: Problem, row: int) -> str:
    """Words for one precedence, with the tasks' names."""
    relation, names = problem.precedences, problem.tasks.names
    low, high = int(relation.minimum[row]), int(relation.maximum[row])
    limit = "" if high == INFINITY else f", maximum {high}"
    return (
        f"the {PrecedenceKind(int(relation.kind[row])).name} precedence "
        f"{names[int(relation.source[row])]!r} -> {names[int(relation.target[row])]!r} "
        f"with lag {low}{limit}"
    )


def demand_matrix(problem: Problem) -> IntArray:
    """Demand per mode and resource of a project without signed changes, int64 (m, r)."""
    modes = problem.modes
    table = np.zeros((modes.count, problem.resources.count), dtype=np.int64)
    np.add.at(table, (modes.demand_mode(), modes.demand_resource), modes.demand_amount)
    return table


def require_one_machine(problem: Problem, format_name: str) -> IntArray:
    """Machine of each mode, int64 (m,), if all resources are machines and each mode uses one."""
    kinds, modes = problem.resources.kind, problem.modes
    other = kinds != ResourceKind.MACHINE
    if other.any():
        name = problem.resources.names[int(np.flatnonzero(other)[0])]
        raise refuse(format_name, f"resources other than machines ({name!r})")
    odd = np.diff(modes.demand_ptr) != 1
    if odd.any():
        owner = int(modes.task[np.flatnonzero(odd)[0]])
        raise refuse(
            format_name,
            f"a mode that does not use one machine (task {problem.tasks.names[owner]!r})",
        )
    if np.any(modes.demand_timing != DemandTiming.DURING):
        raise refuse(format_name, "demands at an instant")
    return modes.demand_resource.astype(np.int64)


def require_single_mode(problem: Problem, format_name: str) -> None:
    """Check that every task has exactly one mode."""
    many = np.diff(problem.tasks.mode_ptr) != 1
    if many.any():
        name = problem.tasks.names[int(np.flatnonzero(many)[0])]
        raise refuse(format_name, f"several modes (task {name!r})")


def require_job_chains(problem: Problem, format_name: str) -> None:
    """Check that every task has a job and precedences are exactly the jobs' orders."""
    require_all_in_jobs(problem, format_name)
    require_finish_to_start(problem, format_name)
    if problem.no_overlaps.count:
        raise refuse(format_name, f"no-overlap sets ({problem.no_overlaps.names[0]!r})")
    jobs, relation, n = problem.jobs, problem.precedences, problem.tasks.count
    first = np.zeros(len(jobs.task) + 1, dtype=np.bool_)
    first[jobs.task_ptr] = True
    follows = np.flatnonzero(~first[:-1])
    chain = jobs.task[follows - 1].astype(np.int64) * n + jobs.task[follows]
    given = relation.source.astype(np.int64) * n + relation.target
    if np.array_equal(np.sort(given), np.sort(chain)):
        return
    extra = ~np.isin(given, chain)
    if extra.any():
        row = int(np.flatnonzero(extra)[0])
        raise refuse(format_name, describe_precedence(problem, row) + ", not a step of a job")
    missing = ~np.isin(chain, given)
    if missing.any():
        task = int(jobs.task[follows[np.flatnonzero(missing)[0]]])
        raise refuse(
            format_name,
            f"job tasks without an order (nothing precedes {problem.tasks.names[task]!r})",
        )


def require_all_in_jobs(problem: Problem, format_name: str) -> None:
    """Check that there are jobs, that every task has one and that no job is empty."""
    alone = problem.tasks.job < 0
    if alone.any():
        name = problem.tasks.names[int(np.flatnonzero(alone)[0])]
        raise refuse(format_name, f"a task without a job ({name!r})")
    empty = np.diff(problem.jobs.task_ptr) == 0
    if empty.any():
        name = problem.jobs.names[int(np.flatnonzero(empty)[0])]
        raise refuse(format_name, f"a job without tasks ({name!r})")
    if not problem.jobs.count:
        raise refuse(format_name, "a problem without jobs")
