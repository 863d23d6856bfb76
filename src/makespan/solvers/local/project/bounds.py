"""Lower bounds of a project: precedence for every regular objective, energy for the makespan."""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.vocabulary import IntArray, ObjectiveKind
from makespan.solvers.local.project.network import Project

_THRESHOLDS: Final = 256


def lower_bound(problem: Problem, project: Project, terms: dict[ObjectiveKind, int]) -> int:
    """A bound of the objective that holds for every schedule.

    Regular objectives are least where every activity ends as early as precedence allows in its
    fastest mode; a makespan among them is also bounded by energy.
    """
    fastest = fastest_modes(project)
    head = heads(project)
    relaxed = evaluate(problem, project.schedule(head, fastest))[0]
    weight = terms.get(ObjectiveKind.MAKESPAN, 0)
    path = int((head + project.network.duration[fastest]).max())
    better = makespan_bound(project) - path
    return relaxed + weight * max(better, 0) * project.tick


def fastest_modes(project: Project) -> IntArray:
    """Mode of least duration of every activity, int64 (n,)."""
    net = project.network
    spans = zip(net.mode_ptr[:-1].tolist(), net.mode_ptr[1:].tolist(), strict=True)
    return np.array([a + int(net.duration[a:b].argmin()) for a, b in spans], dtype=np.int64)


def heads(project: Project) -> IntArray:
    """Earliest start of every activity by precedence and release, int64 (n,)."""
    net = project.network
    shortest = net.duration[fastest_modes(project)]
    head = net.ready.copy()
    for j in range(project.count):
        a, b = net.before_ptr[j], net.before_ptr[j + 1]
        q = net.before[a:b]
        reach = head[q] + shortest[q] + net.before_lag[a:b]
        head[j] = max(int(head[j]), int(reach.max(initial=0)))
    return head


def tails(project: Project) -> IntArray:
    """Least time between the end of every activity and the end of the project, int64 (n,)."""
    net = project.network
    shortest = net.duration[fastest_modes(project)]
    tail = np.zeros(project.count, dtype=np.int64)
    for j in range(project.count - 1, -1, -1):
        a, b = net.after_ptr[j], net.after_ptr[j + 1]
        q = net.after[a:b]
        tail[j] = (tail[q] + shortest[q] + net.after_lag[a:b]).max(initial=0)
    return tail


def makespan_bound(project: Project) -> int:
    """Network ticks that no schedule is shorter than.

    For each renewable and all thresholds a, b: the energy of the activities with a head of a or
    more and a tail of b or more must fit between a and the makespan less b (Carlier and Latapie,
    1991). With one threshold each, it is the critical path and the mean load.
    """
    net = project.network
    head, tail = heads(project), tails(project)
    best = int((head + net.duration[fastest_modes(project)] + tail).max())
    levels = np.unique(head)
    if len(levels) > _THRESHOLDS:
        levels = levels[np.linspace(0, len(levels) - 1, _THRESHOLDS).astype(np.int64)]
    by_tail = np.argsort(-tail, kind="stable")
    for r, capacity in enumerate(project.capacity.tolist()):
        energy = np.minimum.reduceat(project.units[:, r] * net.duration, net.mode_ptr[:-1])
        if float(energy.sum(dtype=np.float64)) > 2.0**60:
            continue
        for low in levels.tolist():
            work = np.cumsum(np.where(head[by_tail] >= low, energy[by_tail], 0))
            reach = low + -(-work // capacity) + tail[by_tail]
            some = work > 0
            best = max(best, int(reach[some].max(initial=0)))
    return best
