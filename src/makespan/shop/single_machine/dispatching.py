"""List rules, written as their sources define them: score the candidates, take the lowest, repeat.

This module is the plug-in signature and the reference; the same rules as compiled kernels are in
:mod:`makespan.shop.single_machine.kernels`, and tests hold the two equal.

A rule of your own is a function of the :class:`Moment` that returns one score per candidate. It
may read weights or arrays of its own by ``now.job``, and ``may_go`` limits which job may go next:

>>> import numpy as np
>>> from makespan.shop.single_machine import Jobs, dispatch, mdd
>>> jobs = Jobs(processing=np.array([4, 2, 3]), due=np.array([5, 9, 4]))
>>> dispatch(jobs, mdd).tolist()
[2, 0, 1]
>>> urgent = np.array([0, 1, 0])
>>> dispatch(jobs, lambda now: mdd(now) - 100 * urgent[now.job]).tolist()
[1, 2, 0]
>>> dispatch(jobs, mdd, may_go=lambda now: (now.job != 2) | (now.time >= 4)).tolist()
[0, 2, 1]

Tags: **[paper]** is in the text of the source, **[inferred]** is our reading where the text is
silent or contradicts its own figures, **[known]** is from the literature before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from makespan.core.errors import InfeasibleError, OptionError
from makespan.core.vocabulary import BoolArray, IntArray
from makespan.shop.single_machine.jobs import Jobs

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a rule sees when the machine falls free.

    Attributes
    ----------
    time
        Ticks.
    job
        Unscheduled jobs in the order that breaks ties, int64 (u,).
    processing, due, weight
        Of those jobs, in that order, int64 (u,); read-only.
    """

    time: int
    job: IntArray
    processing: IntArray
    due: IntArray
    weight: IntArray

    @property
    def longest(self) -> int:
        """Longest time among the candidates."""
        return int(self.processing.max())

    @property
    def mean(self) -> float:
        """Mean time of the candidates."""
        return int(self.processing.sum()) / len(self.processing)


Rule = Callable[[Moment], npt.ArrayLike]
"""Scores of the candidates, the lowest goes next; of equal ones, the first."""

Limit = Callable[[Moment], BoolArray]
"""Which candidates may go next."""


def shortest_first(jobs: Jobs) -> IntArray:
    """Jobs by time, then due date, then index."""
    return np.lexsort((jobs.due, jobs.processing)).astype(np.int64)


def dispatch(
    jobs: Jobs, rule: Rule, *, may_go: Limit | None = None, by_index: bool = False
) -> IntArray:
    """Order of the jobs when the rule picks each next one, int64 (n,); O(n) calls.

    Parameters
    ----------
    may_go
        Which candidates may go next; all of them if None.
    by_index
        Break ties by index. Else the shortest goes first, of those the one due first, and only
        then the index decides [inferred: of MDDC this alone reproduces the worked example of the
        source, whereas that of MDD there follows the index].

    Raises
    ------
    OptionError
        If the rule does not return one number per candidate.
    InfeasibleError
        If ``may_go`` lets no job go while some are left.
    """
    left = np.arange(len(jobs), dtype=np.int64) if by_index else shortest_first(jobs)
    weight = jobs.weight if jobs.weight is not None else np.ones(len(jobs), dtype=np.int64)
    order = np.empty(len(jobs), dtype=np.int64)
    time = 0
    for k in range(len(jobs)):
        columns = [left, jobs.processing[left], jobs.due[left], weight[left]]
        for column in columns:
            column.flags.writeable = False
        now = Moment(time, *columns)
        score = np.asarray(rule(now), dtype=np.float64)
        if score.shape != left.shape or np.isnan(score).any():
            raise OptionError(f"the rule must return {len(left)} numbers, one per candidate")
        if may_go is not None:
            allowed = np.flatnonzero(np.asarray(may_go(now), dtype=np.bool_))
            if not len(allowed):
                raise InfeasibleError(
                    f"at time {time} the limit lets none of the {len(left)} jobs left go next"
                )
            place = int(allowed[np.argmin(score[allowed])])
        else:
            place = int(np.argmin(score))
        order[k] = left[place]
        time += int(jobs.processing[left[place]])
        left = np.delete(left, place)
    return order


def edd(now: Moment) -> npt.ArrayLike:
    """Earliest due date [known: Jackson 1955]."""
    return now.due


def spt(now: Moment) -> npt.ArrayLike:
    """Shortest processing time [known: Smith 1956]."""
    return now.processing


def mdd(now: Moment) -> npt.ArrayLike:
    """Modified due date, max(t + p, d) [known: Baker & Bertrand 1982]."""
    return np.maximum(now.processing + now.time, now.due)


def mddc(now: Moment) -> FloatArray:
    """MDD Challenger [paper]: the modified due date, raised for jobs that are long for now.

    With m = max(1.1 p + t, d), r = p / (t + max p), s = p / (t + mean p), both over the
    candidates, the score is m (1 + r^2 / (1 + r^2)) + s. The source takes min(1, r), which is r.
    [inferred] While t = 0 and every time is 0, r and s are taken as 0 (the source divides by 0).
    """
    modified: FloatArray = np.maximum(1.1 * now.processing + now.time, now.due)
    most = float(now.time + now.longest)
    if most <= 0:
        return modified
    share = now.processing / most
    square = share * share
    modified = modified * (1.0 + square / (1.0 + square))
    return np.asarray(modified + now.processing / (now.time + now.mean))


def atc(now: Moment, *, lookahead: float = 2.0) -> FloatArray:
    """Apparent tardiness cost [known: Vepsalainen & Morton 1987], as a score to be minimised.

    The index w/p exp(-max(0, d - p - t) / (k mean p)) is taken as its negative logarithm, with k
    the ``lookahead`` and the mean over the candidates. Jobs of no time go first, jobs of no
    weight last.
    """
    slack = np.maximum(now.due - now.processing - now.time, 0)
    scale = lookahead * now.mean
    wait = slack / scale if scale > 0 else np.zeros(len(slack))
    return np.asarray(log_cost(now.processing, now.weight) + wait)


def log_cost(processing: IntArray, weight: IntArray) -> FloatArray:
    """log(p / w); minus infinity for jobs of no time, infinity for others of no weight."""
    timeless, worthless = processing == 0, weight == 0
    cost = np.log(np.where(timeless, 1, processing).astype(np.float64))
    worth = np.log(np.where(worthless, 1, weight).astype(np.float64))
    score = np.where(worthless, np.inf, cost - worth)
    return np.asarray(np.where(timeless, -np.inf, score), dtype=np.float64)
