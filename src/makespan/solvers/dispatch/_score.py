"""Priority values: lower goes first. The formulas and their sources are in rules.py."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from makespan.core.vocabulary import IntArray
from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import FloatArray, SeedArray
from makespan.solvers.jit import inner

# Codes of rules whose value depends on the time or on the state; 0 reads Facts.base.
STATIC: Final = 0
FIFO: Final = 1
LIFO: Final = 2
MDD: Final = 3
ATC: Final = 4
COVERT: Final = 5
CR: Final = 6
SLACK: Final = 7
S_RO: Final = 8
WINQ: Final = 9
PT_WINQ: Final = 10

# Columns of Facts.task.
LENGTH: Final = 0
REMAINING: Final = 1
OPERATIONS: Final = 2
DUE: Final = 3
WEIGHT_OF: Final = 4
NEXT_MACHINE: Final = 5
MACHINE: Final = 6
FACT_COLUMNS: Final = 7

# Entries of Facts.number.
HEAT: Final = 0
SCALE: Final = 1
MEAN_LENGTH: Final = 2
LOOK_AHEAD: Final = 3
WAIT_FACTOR: Final = 4

TINY = 1e-9


class Facts(NamedTuple):
    """What rules read: a value per task for static ones, a few numbers for the others."""

    code: int
    base: FloatArray
    task: FloatArray
    number: FloatArray


@inner
def score(F: Facts, i: int, t: float, ready: float, queued: IntArray) -> float:
    """Priority of task i at time t; ``ready`` is when its predecessors let it go."""
    code = F.code
    if code == STATIC:
        return F.base[i]
    if code == FIFO:
        return ready
    if code == LIFO:
        return -ready
    if code >= WINQ:
        nearest = int(F.task[i, NEXT_MACHINE])
        waiting = float(queued[nearest]) if nearest >= 0 else 0.0
        return waiting if code == WINQ else waiting + F.task[i, LENGTH]
    remaining = F.task[i, REMAINING]
    due = F.task[i, DUE]
    slack = due - t - remaining
    if code == SLACK:
        return slack
    if code == S_RO:
        return slack / F.task[i, OPERATIONS]
    if code == MDD:
        return max(due, t + remaining)
    if code == CR:
        return (due - t) / max(remaining, 1.0)
    length = max(F.task[i, LENGTH], 1.0)
    worth = max(F.task[i, WEIGHT_OF], TINY) / length
    if code == ATC:
        return max(0.0, slack) / (F.number[LOOK_AHEAD] * F.number[MEAN_LENGTH]) - math.log(worth)
    wait = F.number[LOOK_AHEAD] * F.number[WAIT_FACTOR] * max(remaining, 1.0)
    return -worth * max(0.0, 1.0 - max(0.0, slack) / wait)


@inner
def noisy(F: Facts, i: int, t: float, ready: float, queued: IntArray, dice: SeedArray) -> float:
    """Score plus Gumbel noise, which turns "least first" into a draw by softmax."""
    value = score(F, i, t, ready, queued)
    if F.number[HEAT] > 0.0:
        noise = -math.log(-math.log(fit.random_unit(dice)))
        value -= F.number[HEAT] * F.number[SCALE] * noise
    return value
