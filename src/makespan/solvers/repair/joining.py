"""Adding the work of one problem to another one, whose rows keep their numbers."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from makespan.core.errors import ProblemError
from makespan.core.names import NameTable
from makespan.core.problem import Jobs, Modes, Precedences, Problem, Selections, Sets, Tasks
from makespan.core.vocabulary import IntArray

Table = TypeVar("Table", Tasks, Modes, Jobs, Precedences)


def joined(problem: Problem, extra: Problem) -> Problem:
    """``problem`` and after its own rows the jobs, tasks and relations of ``extra``.

    Resources are matched by name. A job whose name is taken is refused, for jobs are finished
    as they were planned; so are links and same-order sets, which speak of resource groups.

    Raises
    ------
    ProblemError
        If a name is taken or a resource missing, or ``extra`` says what cannot be carried over.
    """
    n, m, j = problem.tasks.count, problem.modes.count, problem.jobs.count
    for what, mine, theirs in (
        ("task", problem.tasks.names, extra.tasks.names),
        ("job", problem.jobs.names, extra.jobs.names),
    ):
        clash = next((name for name in theirs if mine.find(name) is not None), None)
        if clash is not None:
            raise ProblemError(
                f"the new work has a {what} {clash!r}, and so has the plan",
                hint="give the new one another name",
            )
    if extra.links.count or extra.same_orders.count:
        raise ProblemError(
            f"the new work {extra.name!r} has links or same-order sets",
            hint="state them in the problem that is being carried out",
        )
    resource = _matched(problem, extra)
    tasks, modes, jobs = extra.tasks, extra.modes, extra.jobs
    tasks = replace(tasks, job=np.where(tasks.job >= 0, tasks.job + j, -1).astype(np.int32))
    modes = replace(
        modes, task=modes.task + np.int32(n), demand_resource=resource[modes.demand_resource]
    )
    jobs = replace(jobs, task=jobs.task + np.int32(n))
    table = extra.precedences
    table = replace(table, source=table.source + np.int32(n), target=table.target + np.int32(n))
    found = replace(
        problem,
        tasks=_stacked(problem.tasks, tasks),
        modes=_stacked(problem.modes, modes),
        jobs=_stacked(problem.jobs, jobs),
        precedences=_stacked(problem.precedences, table),
        no_overlaps=_sets(problem.no_overlaps, extra.no_overlaps, n),
        selections=Selections(
            np.concatenate((problem.selections.kind, extra.selections.kind)),
            _pointers(problem.selections.ptr, extra.selections.ptr),
            np.concatenate((problem.selections.task, extra.selections.task + np.int32(n))),
        ),
    )
    _check_families(problem, found, first=n)
    assert found.modes.count == m + extra.modes.count
    return found


def _matched(problem: Problem, extra: Problem) -> np.ndarray:
    """Number in ``problem`` of each resource that ``extra`` uses."""
    used = np.unique(extra.modes.demand_resource).tolist()
    found = np.full(extra.resources.count, -1, dtype=np.int32)
    for r in used:
        name = extra.resources.names[r]
        there = problem.resources.names.find(name)
        if there is None:
            raise ProblemError(
                f"the new work uses {name!r}, which the plan's problem does not have",
                hint=f"resources: {', '.join(problem.resources.names[:8])}",
            )
        if problem.resources.kind[there] != extra.resources.kind[r]:
            raise ProblemError(f"{name!r} is of another kind in the new work than in the plan")
        found[r] = there
    return found


def _stacked(first: Table, second: Table) -> Table:
    """Rows of both tables; columns called ``..._ptr`` are pointers into the others."""
    parts: dict[str, Any] = {}
    for item in fields(first):
        a: Any = getattr(first, item.name)
        b: Any = getattr(second, item.name)
        if isinstance(a, NameTable):
            parts[item.name] = NameTable.explicit([*a, *b])
        elif item.name.endswith("_ptr"):
            parts[item.name] = _pointers(a, b)
        else:
            parts[item.name] = np.concatenate((a, b)).astype(a.dtype)
    return type(first)(**parts)


def _pointers(first: IntArray, second: IntArray) -> IntArray:
    return np.concatenate((first, second[1:] + first[-1]))


def _sets(first: Sets, second: Sets, shift: int) -> Sets:
    return Sets(
        NameTable.explicit([*first.names, *(f"new {name}" for name in second.names)]),
        _pointers(first.ptr, second.ptr),
        np.concatenate((first.member, second.member + np.int32(shift))),
    )


def _check_families(before: Problem, after: Problem, *, first: int) -> None:
    """Refuse new tasks of setup families that the plan's matrices do not know."""
    known = min((len(s.initial_time) for s in before.setups), default=None)
    if known is not None and (after.tasks.family[first:] >= known).any():
        raise ProblemError(f"the new work has a setup family above {known - 1}")
