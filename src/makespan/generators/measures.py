"""Measured complexity, resource factor and resource strength of a project.

Definitions: :mod:`makespan.generators.projects`. Projects are counted as they stand: a file that
lists dummy activities has them counted as activities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from makespan.core.graph import is_order_arc, top_levels, transitive_reduction
from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray, ResourceKind
from makespan.generators.projects import peak_demand


def network_complexity(problem: Problem) -> float:
    """Non-redundant finish-to-start arcs per activity, with a dummy source and sink."""
    n, rows = problem.tasks.count, problem.precedences
    kept = np.flatnonzero(is_order_arc(problem) & transitive_reduction(problem))
    first = n - len(np.unique(rows.target[kept]))
    last = n - len(np.unique(rows.source[kept]))
    return (len(kept) + first + last) / (n + 2)


def demand_matrix(problem: Problem) -> IntArray:
    """Demand per mode and resource, int64 (m, r)."""
    matrix = np.zeros((problem.modes.count, problem.resources.count), dtype=np.int64)
    matrix[problem.modes.demand_mode(), problem.modes.demand_resource] = problem.modes.demand_amount
    return matrix


def resource_factor(problem: Problem, kind: ResourceKind = ResourceKind.RENEWABLE) -> float:
    """Share of (mode, resource) pairs of this kind with a positive demand."""
    demand = demand_matrix(problem)[:, problem.resources.kind == kind]
    return float((demand > 0).mean()) if demand.size else 0.0


def resource_strength(problem: Problem) -> npt.NDArray[np.float64]:
    """Resource strength of each renewable of a single-mode project; NaN where kmin = kmax."""
    chosen = problem.resources.kind == ResourceKind.RENEWABLE
    demand = demand_matrix(problem)[:, chosen]
    duration = problem.modes.duration
    least = demand.max(axis=0)
    most = peak_demand(top_levels(problem), duration, demand)
    span = np.where(most > least, most - least, np.nan)
    return np.asarray((problem.resources.capacity[chosen] - least) / span, dtype=np.float64)
