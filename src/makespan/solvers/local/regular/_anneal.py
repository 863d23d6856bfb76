"""Simulated annealing over critical moves, with the exact value of every move.

A move starts from an operation whose end costs something, follows a longest path back from it and
changes something on that path, for nothing else can lower that cost (van Laarhoven, Aarts &
Lenstra 1992; for sums over jobs Mati et al. 2011 and the critical trees of J. Bierwirth &
J. Kuhpfahl, "Extended GRASP for the job shop scheduling problem with total weighted tardiness
objective", EJOR 261 (2017)): two neighbours on a machine change places, an operation jumps over
part of its block, or, in flexible shops, it goes to another machine (García-León, Dauzère-Pérès &
Mati, "An efficient Pareto approach for solving the multi-objective flexible job-shop scheduling
problem with regular criteria", COR 108 (2019)).
"""

from __future__ import annotations

import math
from typing import Final

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.regular._plan import (
    AFTER,
    BEFORE,
    CHAIN_BEFORE,
    DURATION,
    END,
    IMPOSSIBLE,
    RELEASE,
    SPAN_NOW,
    VALUE,
    Plan,
    keep,
    move,
    undo,
)
from makespan.solvers.local.regular.objective import (
    DATED,
    DUE,
    LATE,
    PEAK,
    SLOPE,
    SPAN,
    TARDY,
    FloatArray,
    Points,
)

_COOL_EVERY: Final = 64
"""Moves between steps of the temperature and looks at the halt."""

_HOPELESS: Final = 2.0
"""Excess, in terms of the half-way excess of the guide, beyond which a job is not hurried."""

JUMP: Final = 0
ASSIGN: Final = 1
BOUNDARY: Final = 2
"""Entries of the chances, of 1024: jumps over a block, other machines, ends of blocks only."""


@inner
def costs(plan: Plan, points: Points, p: int, hopeless: bool) -> bool:
    """Whether an earlier end of point p may lower the value or the guide.

    A job that only counts as late, and is so by far, does so only if ``hopeless`` jobs are asked
    for: to hurry it would be in the way of the others.
    """
    row, maxima, guide = points.row, points.maxima, points.guide
    if row[p, SLOPE] > 0:
        return True
    end = plan.node[(points.op[p] << 3) + END]
    over = end - row[p, DUE]
    if over > 0:
        if row[p, TARDY] > 0 or (hopeless and row[p, LATE] > 0):
            return True
        if maxima[1] > 0 and row[p, PEAK] > 0 and row[p, PEAK] * over == plan.number[SPAN_NOW + 1]:
            return True
    if guide[p, 0] > 0.0:
        excess = end - guide[p, 1]
        if excess > 0.0 and (hopeless or excess < _HOPELESS * guide[p, 2]):
            return True
    if maxima[2] > 0 and row[p, DATED] > 0 and over == plan.number[SPAN_NOW + 2]:
        return True
    return maxima[0] > 0 and row[p, SPAN] > 0 and end == plan.number[SPAN_NOW]


@inner
def choose(plan: Plan, points: Points, dice: Stream) -> int:
    """The weightier of two points that cost something, found by a few draws or else in turn.

    -1 if no point costs anything. To hurry a light job seldom pays for what it delays, so that
    drawing the heavy more often finds more moves that are accepted.
    """
    count, row = len(points.op), points.row
    p, other = 0, -1
    for k in range(8 + 2 * count):
        p = draw(dice) % count if k < 8 else (p + 1) % count
        if costs(plan, points, p, k >= 8 + count):
            if other < 0 and k < 8:
                other = p
                continue
            heavier = row[p, SLOPE] + row[p, TARDY] > row[other, SLOPE] + row[other, TARDY]
            return p if other < 0 or heavier else other
    return other


@inner
def trace(plan: Plan, x: int, dice: Stream, path: IntArray) -> int:
    """A longest path back from x into ``path[0, :]``; its length.

    ``path[1, k]`` says whether ``path[0, k + 1]`` is the machine's operation before ``path[0, k]``.
    """
    node = plan.node
    k = 0
    while True:
        path[0, k] = x
        ready = node[(x << 3) + END] - node[(x << 3) + DURATION]
        a, b = node[(x << 3) + BEFORE], node[(x << 3) + CHAIN_BEFORE]
        machine, chain = node[(a << 3) + END] == ready, node[(b << 3) + END] == ready
        if machine and chain:
            machine = (draw(dice) & 1) == 0
        path[1, k] = 1 if machine else 0
        k += 1
        if machine:
            x = a
        elif chain:
            x = b
        else:
            return k


@inner
def find_place(plan: Plan, x: int, option: int, dice: Stream) -> int:
    """The operation on the option's machine behind which x could start about when it is ready."""
    n = len(plan.order) - 1
    node = plan.node
    ready = max(node[(node[(x << 3) + CHAIN_BEFORE] << 3) + END], node[(x << 3) + RELEASE])
    a, b = n, plan.first[plan.options[option, 0]]
    shift = draw(dice) & 3
    while b != n:
        if b != x:
            if node[(b << 3) + END] > ready:
                if shift == 0:
                    break
                shift -= 1
            a = b
        b = node[(b << 3) + AFTER]
    return a


@kernel
def anneal(
    plan: Plan,
    points: Points,
    hot: float,
    cold: float,
    moves: int,
    chance: IntArray,
    dice: Stream,
    halt: IntArray,
    path: IntArray,
    maxima: IntArray,
    best_order: IntArray,
    best_option: IntArray,
    best: IntArray,
    change: FloatArray,
) -> int:
    """Anneal from temperature ``hot`` to ``cold``; the moves done.

    ``best`` (1,) is the value to beat; what beats it is left in the three ``best`` arrays.
    ``change`` (2,) adds up by how much moves changed the value, and how many did.
    """
    n = len(plan.order) - 1
    temperature = hot
    factor = (cold / hot) ** (_COOL_EVERY / max(moves, 1))
    for step in range(moves):
        if step % _COOL_EVERY == 0:
            if step > 0:
                temperature *= factor
            if halt[0] != 0:
                return step
        p = choose(plan, points, dice)
        if p < 0:
            return step  # nothing late at all: no better schedule exists
        length = trace(plan, points.op[p], dice, path)
        target = n
        x = n
        option = 0
        if (draw(dice) & 1023) < chance[ASSIGN]:
            x = path[0, draw(dice) % length]
            low = plan.option_ptr[x]
            option = low + draw(dice) % (plan.option_ptr[x + 1] - low)
            target = find_place(plan, x, option, dice)
            if target == plan.node[(x << 3) + BEFORE] and option == plan.option[x]:
                continue
        else:
            only_ends = (draw(dice) & 1023) < chance[BOUNDARY]
            arcs = 0
            for k in range(length - 1):
                if path[1, k] == 1 and (
                    not only_ends or k == 0 or path[1, k - 1] == 0 or path[1, k + 1] == 0
                ):
                    path[2, arcs] = k
                    arcs += 1
            if arcs == 0:
                continue
            k = path[2, draw(dice) % arcs]
            x, target = path[0, k + 1], path[0, k]
            if (draw(dice) & 1023) < chance[JUMP]:
                # Jump as far as a draw and the block allow: later, or the other one earlier.
                far = draw(dice) % 4
                if draw(dice) & 1:
                    while far > 0 and k > 0 and path[1, k - 1] == 1:
                        k -= 1
                        far -= 1
                    target = path[0, k]
                else:
                    x = target
                    k += 1
                    while far > 0 and path[1, k] == 1:
                        k += 1
                        far -= 1
                    target = plan.node[(path[0, k] << 3) + BEFORE]
            option = plan.option[x]
        was_before, was_option = plan.node[(x << 3) + BEFORE], plan.option[x]
        value = move(plan, points, x, option, target, maxima)
        if value == IMPOSSIBLE:
            continue
        worse = value - plan.number[VALUE] + plan.guided[0]
        if worse != 0.0:
            change[0] += abs(worse)
            change[1] += 1.0
        if worse <= 0.0 or draw(dice) < math.exp(-worse / temperature) * 2147483648.0:
            keep(plan, value, maxima)
            if value < best[0]:
                best[0] = value
                for k in range(n):  # a copy of slices would compile for seconds
                    best_order[k] = plan.order[k]
                    best_option[k] = plan.option[k]
        else:
            undo(plan, x, was_option, was_before)
    return moves
