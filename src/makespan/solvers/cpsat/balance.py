"""A makespan that no choice of modes undercuts, from the loads of all resources together.

Spreading the work over the resources is a linear program; its dual weighs the resources so that
every task, put where it weighs least, still makes the weighted load as large as possible. Any
weights give a valid bound, so the program may be solved in floating point: the bound is computed
from its rounded weights in integers. With it in the domain of the makespan, a search without a
linear relaxation knows what the relaxation would tell it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from ortools.linear_solver import pywraplp

_SCALE: Final = 1_000_000
_ENTRY_LIMIT: Final = 200_000
"""Most modes in the program; larger ones take seconds."""


class Load(NamedTuple):
    """What one resource must do: ``capacity * makespan >= idle + work of the chosen modes``.

    Attributes
    ----------
    idle
        Capacity that lies idle before the first and after the last task.
    work
        Task -> mode -> capacity times ticks; modes that are not listed need none.
    """

    capacity: int
    idle: int
    work: dict[int, dict[int, int]]


def balanced(loads: list[Load], sure: dict[int, list[int]]) -> int | None:
    """Largest bound on the makespan that weights of the resources prove; None without loads.

    Parameters
    ----------
    sure
        Modes of every task that is never left out; others may weigh nothing.
    """
    total = sum(len(modes) for load in loads for modes in load.work.values())
    if not loads or total > _ENTRY_LIMIT:
        return None
    cost: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for k, load in enumerate(loads):
        for modes in load.work.values():
            for m, work in modes.items():
                cost[m].append((k, work))
    weights = _weights(loads, sure, cost)
    scale = sum(w * load.capacity for w, load in zip(weights, loads, strict=True))
    if not scale:
        return None
    least = sum(
        min(sum(weights[k] * work for k, work in cost.get(m, ())) for m in modes)
        for modes in sure.values()
    )
    least += sum(w * load.idle for w, load in zip(weights, loads, strict=True))
    return -(-least // scale)


def _weights(
    loads: list[Load], sure: dict[int, list[int]], cost: dict[int, list[tuple[int, int]]]
) -> list[int]:
    """Rounded optimal weights of the resources; any weights will do if the solver fails."""
    solver = pywraplp.Solver.CreateSolver("GLOP")
    infinity = solver.infinity()
    weight = [solver.NumVar(0, infinity, "") for _ in loads]
    scale = solver.Constraint(1, 1)
    for var, load in zip(weight, loads, strict=True):
        scale.SetCoefficient(var, load.capacity)
        solver.Objective().SetCoefficient(var, load.idle)
    for modes in sure.values():
        if not any(m in cost for m in modes):
            continue
        least = solver.NumVar(-infinity, infinity, "")
        solver.Objective().SetCoefficient(least, 1)
        for m in modes:
            row = solver.Constraint(-infinity, 0)
            row.SetCoefficient(least, 1)
            for k, work in cost.get(m, ()):
                row.SetCoefficient(weight[k], -work)
    solver.Objective().SetMaximization()
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return [1] * len(loads)
    most = max(var.solution_value() for var in weight) or 1.0
    return [round(_SCALE * max(0.0, var.solution_value()) / most) for var in weight]
