"""A population of left-justified schedules, and what breeding knows of the project."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.project.cost import Price
from makespan.solvers.local.project.network import Project, Words

FloatArray = npt.NDArray[np.float64]


class Population(NamedTuple):
    """Schedules, one a row, of n activities.

    Attributes
    ----------
    start, mode
        Start and mode of every activity, int64 (size, n).
    cost
        Cost of each schedule, int64 (size,).
    mark
        A hash of starts and modes: equal schedules have equal marks, uint64 (size,).
    filled
        Rows in use, int64 (1,).
    """

    start: IntArray
    mode: IntArray
    cost: IntArray
    mark: Words
    filled: IntArray


class Guide(NamedTuple):
    """What breeding knows of the project.

    Attributes
    ----------
    latest, earliest
        Latest finish and earliest start by precedence, for sampling, float64 (n,).
    work
        Duration times demand for scarce renewables, float64 (n,).
    salt
        Random odd words for marks, uint64 (2, n).
    modes
        Modes within the consumables, to fall back on, int64 (n,).
    """

    latest: FloatArray
    earliest: FloatArray
    work: FloatArray
    salt: Words
    modes: IntArray


def make_population(project: Project, size: int) -> Population:
    """Room for ``size`` schedules."""
    n = project.count
    return Population(
        np.zeros((size, n), dtype=np.int64),
        np.zeros((size, n), dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.uint64),
        np.zeros(1, dtype=np.int64),
    )


def make_guide(project: Project, price: Price, modes: IntArray, seed: int) -> Guide:
    """The guide of a project whose consumables allow ``modes``."""
    net, n = project.network, project.count
    sizes = np.diff(net.mode_ptr)
    mean = np.add.reduceat(net.duration, net.mode_ptr[:-1]) / sizes
    latest, earliest = np.empty(n), np.empty(n)
    for j in range(n):
        a, b = net.before_ptr[j], net.before_ptr[j + 1]
        q = net.before[a:b]
        reach = earliest[q] + mean[q] + net.before_lag[a:b]
        earliest[j] = max(float(net.ready[j]), float(reach.max(initial=0.0)))
    end = float((earliest + mean).max())
    own = np.full(n, end)
    if len(price.due):
        paid = (price.tardy + price.late + price.worst) > 0
        due = np.where(paid, np.minimum(price.due, project.span), project.span).astype(float)
        own = np.where(paid[:n], due[:n], own)
        jobs = price.job >= 0
        own[jobs] = np.minimum(own[jobs], due[price.job[jobs]])
    for j in range(n - 1, -1, -1):
        a, b = net.after_ptr[j], net.after_ptr[j + 1]
        q = net.after[a:b]
        reach = latest[q] - mean[q] - net.after_lag[a:b]
        latest[j] = min(own[j], float(reach.min(initial=np.inf)))
    work = mean.copy()
    if len(project.capacity):
        load = project.units * net.duration[:, None] / np.maximum(project.capacity, 1)
        share = np.add.reduceat(load, net.mode_ptr[:-1], axis=0) / sizes[:, None]
        total = share.sum(axis=0)
        work = share @ (total / max(float(total.max()), 1e-9)) ** 4
    generator = np.random.default_rng(seed)
    salt = generator.integers(1, 2**63, (2, n)).astype(np.uint64) | np.uint64(1)
    return Guide(latest, earliest, work, salt, modes)
