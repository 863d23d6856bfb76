"""The rules by name, and a Problem of one machine scheduled by one of them.

===============  =====  ==========================================================================
name             tag    what it is
===============  =====  ==========================================================================
EDD              known  earliest due date, then shortest
SPT              known  shortest, then earliest due date
MDD              known  modified due date; ties by index, as in the worked example of the source
MDD-SPT          ours   the same with the ties of MDDC, to tell their effect apart
PSK              known  Panwalkar, Smith and Koulamas
ATC              known  apparent tardiness cost, look-ahead 2; the only one that reads weights
GREEDY           ours   a greedy heuristic in the place of Panneerselvam's [inferred]
EDDC-PRINTED     paper  EDD Challenger as its listing says; equals EDD
EDDC             ours   EDD Challenger in the reading that fits the figures [inferred]
MDDC             paper  MDD Challenger; ties shortest first, then by due date [inferred]
AUG-MDD          known  MDD with Bean and Hall's augmentation
AUG-MDDC         paper  MDDC with the augmentation
===============  =====  ==========================================================================

Source of the two challengers: Cetinkaya, Büyüktahtakın, Shojaee & Reddy, "Discovering heuristics
with large language models for mixed-integer programs: single-machine scheduling", arXiv
2510.24013 (2025).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

import numpy as np

from makespan.core.errors import EngineError, OptionError
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine import kernels
from makespan.shop.single_machine.dispatching import (
    Limit,
    Rule,
    dispatch,
    log_cost,
    shortest_first,
)
from makespan.shop.single_machine.jobs import Jobs, require_recognised
from makespan.shop.single_machine.orders import augment, due_then_shortest, greedy

OrderRule = Callable[[Jobs], IntArray]
"""The whole order of the jobs at once."""

_LOOKAHEAD: Final = 2.0


def _listed(code: int, *, by_index: bool = False) -> OrderRule:
    def order(jobs: Jobs) -> IntArray:
        first = np.arange(len(jobs), dtype=np.int64) if by_index else shortest_first(jobs)
        p = jobs.processing[first].astype(np.float64)
        d = jobs.due[first].astype(np.float64)
        base = log_cost(jobs.processing[first], _weights(jobs)[first])
        return np.asarray(first[kernels.dispatch_order(code, p, d, base, _LOOKAHEAD)])

    return order


def _weights(jobs: Jobs) -> IntArray:
    return jobs.weight if jobs.weight is not None else np.ones(len(jobs), dtype=np.int64)


def _psk(jobs: Jobs) -> IntArray:
    first = shortest_first(jobs)
    return np.asarray(first[kernels.psk_order(jobs.processing[first], jobs.due[first])])


def _eddc(jobs: Jobs) -> IntArray:
    first = shortest_first(jobs)
    return np.asarray(first[kernels.eddc_order(jobs.processing[first], jobs.due[first])])


def _augmented(rule: OrderRule) -> OrderRule:
    def order(jobs: Jobs) -> IntArray:
        return kernels.augment_order(rule(jobs), jobs.processing, jobs.due, _weights(jobs))

    return order


RULES: Final[Mapping[str, OrderRule]] = {
    "EDD": due_then_shortest,
    "SPT": shortest_first,
    "MDD": _listed(kernels.MDD, by_index=True),
    "MDD-SPT": _listed(kernels.MDD),
    "PSK": _psk,
    "ATC": _listed(kernels.ATC),
    "GREEDY": greedy,
    "EDDC-PRINTED": due_then_shortest,
    "EDDC": _eddc,
    "MDDC": _listed(kernels.MDDC),
    "AUG-MDD": _augmented(_listed(kernels.MDD, by_index=True)),
    "AUG-MDDC": _augmented(_listed(kernels.MDDC)),
}


def order_by(
    jobs: Jobs, rule: str | Rule, *, may_go: Limit | None = None, augment_it: bool = False
) -> IntArray:
    """Order of the jobs by a named rule or by one of your own.

    Parameters
    ----------
    rule
        A name of :data:`RULES`, or a function that scores the candidates of a moment.
    may_go
        Which candidates may go next; for rules of your own.
    augment_it
        Whether to apply Bean and Hall's augmentation to the order, which knows no limits.

    Raises
    ------
    OptionError
        If there is no such rule, or limits are given for a named one or an augmentation.
    """
    if isinstance(rule, str):
        if may_go is not None:
            raise OptionError(
                f"rule {rule!r} takes no limit",
                hint="pass a function of makespan.shop.single_machine instead, such as mdd",
            )
        found = RULES.get(rule.upper())
        if found is None:
            close = get_close_matches(rule.upper(), RULES, n=2) or sorted(RULES)
            raise OptionError(f"there is no rule {rule!r}", hint=f"known: {', '.join(close)}")
        order = found(jobs)
    else:
        order = dispatch(jobs, rule, may_go=may_go)
    if not augment_it:
        return order
    if may_go is not None:
        raise OptionError("the augmentation knows no limits")
    return augment(jobs, order)


def schedule_single_machine(
    problem: Problem, rule: str | Rule = "MDDC", *, may_go: Limit | None = None
) -> Schedule:
    """Schedule of a Problem that is one machine and total (weighted) tardiness, by a rule.

    Raises
    ------
    UnsupportedError
        If the Problem is something else.
    OptionError
        If there is no such rule.
    """
    found = require_recognised(problem)
    order = order_by(found.jobs, rule, may_go=may_go)
    schedule = found.schedule(order)
    value = found.jobs.total_tardiness(order) + found.constant
    if verify(problem, schedule) or evaluate(problem, schedule) != (value,):
        raise EngineError("the schedule of a rule does not verify", hint="please report this")
    return schedule
