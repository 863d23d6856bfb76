"""Projects with renewable resources in Patterson's layout (``.rcp``).

Numbers only: activities and resources; capacities; then per activity its duration, its demand
per resource, the number of its successors and the successors (from 1). First and last activity
are dummies by custom and are kept as milestones, named by their numbers.
"""

from __future__ import annotations

import numpy as np

from makespan.core.problem import Precedences, Problem
from makespan.core.vocabulary import IntArray, ResourceKind
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    demand_matrix,
    refuse,
    require_classic,
    require_finish_to_start,
    require_no_jobs,
    require_single_mode,
)
from makespan.io.tables import Activities, cyclic_tasks, project
from makespan.io.text import Numbers, Text


def _walk(numbers: Numbers) -> tuple[int, int, IntArray, int]:
    """Activities, resources, place of each activity's duration, and place after the last.

    Places past the end of the text mean that it is truncated; reading a successor count there
    raises FormatError.
    """
    n, k = numbers.header("activities and resources")
    numbers.need(2 + k + n * (k + 2), f"{n} activities with {k} resources")
    places = np.empty(n, dtype=np.int64)
    at = 2 + k
    limit = len(numbers)
    values = numbers.values
    for i in range(n):
        places[i] = at
        at += k + 1
        if at >= limit:
            raise numbers.error(limit, f"the text ends in activity {i + 1}", f"{n} activities")
        count = int(values[at])
        if not 0 <= count <= n:
            raise numbers.error(
                at, f"activity {i + 1} has {count} successors", f"a number from 0 to {n}"
            )
        at += 1 + count
    numbers.need(at, f"the successors of activity {n}")
    return n, k, places, at


def sniff(text: Text) -> float:
    """Every activity's successor count leads to the next activity and to the end."""
    numbers = text.numeric
    if numbers is None or len(numbers) < 4 or text.float_header:
        return 0.0
    n, k = (int(v) for v in numbers.values[:2])
    if n < 1 or k < 1:
        return 0.0
    sizes = numbers.row_sizes
    shaped = len(sizes) > 2 and sizes[0] == 2 and sizes[1] == k and sizes[2] >= k + 2
    try:
        end = _walk(numbers)[3]
    except ValueError:
        return 0.45 if shaped and text.source.endswith(".rcp") else 0.3 * shaped
    if end != len(numbers):
        return 0.45 * shaped
    return 0.92 if shaped else 0.7


def read(text: Text) -> Problem:
    """Project of a Patterson text."""
    numbers = text.numbers()
    n, k, places, end = _walk(numbers)
    numbers.end(end, f"activity {n}")
    numbers.check(0, None, slice(2, 2 + k), "capacity")
    numbers.check(0, None, places, "duration")
    columns = places[:, None] + np.arange(1, k + 1)
    numbers.check(0, None, columns.ravel(), "demand")
    values = numbers.values
    counts = values[places + k + 1]
    source = np.repeat(np.arange(n), counts)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(counts) - counts, counts)
    at = np.repeat(places + k + 2, counts) + offset
    numbers.check(1, n, at, "successor")
    target = values[at] - 1
    check_graph(numbers, source, target, at, places)
    return project(
        text.name,
        Activities(
            mode_ptr=np.arange(n + 1, dtype=np.int64),
            duration=values[places],
            demand=values[columns],
            capacity=values[2 : 2 + k],
            renewable_count=k,
        ),
        Precedences.finish_to_start(source.astype(np.int32), target.astype(np.int32)),
    )


def check_graph(
    numbers: Numbers, source: IntArray, target: IntArray, at: IntArray, places: IntArray
) -> None:
    """Check that no successor is listed twice and that no activity precedes itself.

    ``at`` is the place of each successor number, ``places`` that of each activity.
    """
    n = len(places)
    key = source * n + target
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if len(again):
        row = int(order[again[0] + 1])
        raise numbers.error(
            int(at[row]),
            f"activity {int(source[row]) + 1} lists successor {int(target[row]) + 1} twice",
            "each successor once",
        )
    cycle = cyclic_tasks(n, source, target)
    if len(cycle):
        raise numbers.error(
            int(places[cycle[0]]),
            f"activity {int(cycle[0]) + 1} is on or behind a cycle of precedences",
            "an acyclic order",
        )


def write(problem: Problem) -> str:
    """Patterson text of a project."""
    require_classic(problem, "patterson")
    require_no_jobs(problem, "patterson")
    require_single_mode(problem, "patterson")
    require_finish_to_start(problem, "patterson")
    resources = problem.resources
    other = resources.kind != ResourceKind.RENEWABLE
    if other.any():
        name = resources.names[int(np.flatnonzero(other)[0])]
        raise refuse("patterson", f"resources other than renewable ones ({name!r})")
    if not resources.count or not problem.tasks.count:
        raise refuse("patterson", "a project without resources or activities")
    successors: list[list[int]] = [[] for _ in range(problem.tasks.count)]
    for a, b in zip(
        problem.precedences.source.tolist(), problem.precedences.target.tolist(), strict=True
    ):
        successors[a].append(b + 1)
    lines = [f"{problem.tasks.count} {resources.count}", ""]
    lines += [" ".join(map(str, resources.capacity.tolist())), ""]
    for duration, demand, after in zip(
        problem.modes.duration.tolist(), demand_matrix(problem).tolist(), successors, strict=True
    ):
        lines.append(" ".join(map(str, (duration, *demand, len(after), *after))))
    return "\n".join(lines) + "\n"


FORMAT = ProblemFormat(
    name="patterson",
    description="project with renewable resources (Patterson, RanGen; .rcp)",
    extensions=(".rcp",),
    sniff=sniff,
    read=read,
    write=write,
)
