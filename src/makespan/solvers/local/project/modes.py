"""Modes of activities that the consumables allow: to begin with, and after crossover."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.project.network import Network, Project

_ROUNDS: Final = 200


@inner
def excess(N: Network, use: IntArray) -> float:
    """By how much ``use`` exceeds the consumables, as shares of their amounts."""
    total = 0.0
    for c in range(len(use)):
        if use[c] > N.amount[c]:
            total += (use[c] - N.amount[c]) / (N.amount[c] + 1.0)
    return total


@inner
def mend(
    N: Network, mode: IntArray, use: IntArray, trial: IntArray, state: Stream, steps: int
) -> bool:
    """Change modes at random, the best of a few changes each step, until consumables suffice.

    ``use`` is left with what the modes consume. Says whether they suffice.
    """
    n = len(mode)
    for c in range(len(use)):
        use[c] = 0
    for j in range(n):
        for c in range(len(use)):
            use[c] += N.spend[mode[j], c]
    now = excess(N, use)
    for _ in range(steps):
        if now <= 0.0:
            return True
        best, best_j, best_m = np.inf, -1, -1
        for _ in range(8):
            j = draw(state) % n
            for m in range(N.mode_ptr[j], N.mode_ptr[j + 1]):
                if m == mode[j]:
                    continue
                for c in range(len(use)):
                    trial[c] = use[c] - N.spend[mode[j], c] + N.spend[m, c]
                value = excess(N, trial)
                if value < best:
                    best, best_j, best_m = value, j, m
        if best_j >= 0 and (best <= now or draw(state) % 16 == 0):
            for c in range(len(use)):
                use[c] += N.spend[best_m, c] - N.spend[mode[best_j], c]
            mode[best_j] = best_m
            now = best
    return now <= 0.0


def find_modes(project: Project, seconds: float, stop: Callable[[], bool]) -> IntArray | None:
    """Modes that the consumables allow; None if there are none, or none were found in time.

    Multipliers of the consumables grow where the cheapest modes overspend; if that leads nowhere,
    CP-SAT decides.
    """
    net = project.network
    starts, ends = net.mode_ptr[:-1].tolist(), net.mode_ptr[1:].tolist()
    fastest = np.array(
        [a + int(net.duration[a:b].argmin()) for a, b in zip(starts, ends, strict=True)],
        dtype=np.int64,
    )
    binding = net.amount < np.maximum.reduceat(net.spend, net.mode_ptr[:-1], axis=0).sum(axis=0)
    if not binding.any():
        return fastest
    share = net.spend[:, binding] / np.maximum(net.amount[binding], 1)
    weight = np.ones(int(binding.sum()))
    for _ in range(_ROUNDS):
        price = share @ weight
        modes = np.array(
            [a + int(price[a:b].argmin()) for a, b in zip(starts, ends, strict=True)],
            dtype=np.int64,
        )
        over = net.spend[modes].sum(axis=0) - net.amount
        if (over <= 0).all():
            return modes
        weight *= np.where(over[binding] > 0, 1.1, 0.97)
    return _exact_modes(project, seconds, stop)


def _exact_modes(project: Project, seconds: float, stop: Callable[[], bool]) -> IntArray | None:
    from ortools.sat.python import cp_model  # slow to load, seldom needed

    net = project.network
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in range(len(net.duration))]
    for a, b in zip(net.mode_ptr[:-1].tolist(), net.mode_ptr[1:].tolist(), strict=True):
        model.add_exactly_one(chosen[a:b])
    for c, amount in enumerate(net.amount.tolist()):
        model.add(cp_model.LinearExpr.weighted_sum(chosen, net.spend[:, c].tolist()) <= amount)

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    began = time.perf_counter()
    while time.perf_counter() - began < seconds and not stop():
        # In slices, so that a stop is heard.
        solver.parameters.max_time_in_seconds = min(1.0, seconds)
        status = solver.solve(model)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            values = [solver.boolean_value(x) for x in chosen]
            return np.flatnonzero(np.array(values)).astype(np.int64)
        if status == cp_model.INFEASIBLE:
            return None
        solver.parameters.random_seed += 1
    return None
