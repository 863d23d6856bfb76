"""Which mode a task takes: what the tasks already placed allow, and the earliest end."""

from __future__ import annotations

from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import (
    ALIKE,
    ARC_FROM,
    ARC_TO,
    COST,
    DEMAND_FROM,
    DEMAND_TO,
    DURATION,
    END,
    FAR,
    GROUP,
    ITS_END,
    LINK_FROM,
    LINK_TO,
    LINKED,
    MODE,
    MODE_FROM,
    MODE_TO,
    MY_END,
    NO,
    ON_CONSUMABLE,
    OTHER,
    PLACED,
    RESOURCE,
    SENSE,
    START,
    STARVED,
    WEIGHT,
    WHAT,
    State,
    Tables,
)
from makespan.solvers.dispatch._place import earliest, reserve
from makespan.solvers.jit import inner


@inner
def limits(T: Tables, S: State, i: int) -> tuple[int, int, int, int]:
    """Bounds ``(start >=, end >=, start <=, end <=)`` from tasks already placed."""
    low, end_low, high, end_high = S.floor[i], -FAR, FAR, FAR
    for k in range(T.task[i, ARC_FROM], T.task[i, ARC_TO]):
        o = T.arc[k, OTHER]
        if S.place[o, PLACED] == 0:
            continue
        x = S.place[o, END if T.arc[k, ITS_END] == 1 else START] + T.arc[k, WEIGHT]
        mine = T.arc[k, MY_END]
        if T.arc[k, SENSE] == 1:
            if mine == 0:
                low = max(low, x)
            else:
                end_low = max(end_low, x)
        elif mine == 0:
            high = min(high, x)
        else:
            end_high = min(end_high, x)
    return low, end_low, high, end_high


@inner
def choose(
    T: Tables, S: State, i: int, since: int, until: int, thrift: float, stir: float
) -> tuple[int, int, int, int]:
    """Best ``(mode, start, end)`` by end plus ``thrift`` times cost, and the soonest start.

    Only starts from ``since`` to ``until`` count; if there is none, the mode is -1 and the soonest
    start is one that no mode can beat. ``stir`` adds noise of that share of the duration.
    """
    low, end_low, _, _ = limits(T, S, i)
    low = max(low, since)
    best, best_s, best_e, best_score = -1, FAR, FAR, 0.0
    soonest = FAR
    m0, m1 = T.task[i, MODE_FROM], T.task[i, MODE_TO]
    for m in range(m0, m1):
        if S.report[3] == 1 and not allowed(T, S, i, m, NO):
            continue
        s, e = earliest(T, S, i, m, low, end_low, until)
        if s >= FAR:
            if s == STARVED and soonest == FAR:
                soonest = STARVED
            continue
        if s < soonest or soonest == STARVED:
            soonest = s
        if s > until:
            continue
        score = e + thrift * T.mode[m, COST]
        if stir > 0.0 and m1 - m0 > 1:
            score += stir * (T.mode[m, DURATION] + 1) * fit.random_unit(S.dice)
        if (
            best < 0
            or score < best_score
            or (score == best_score and T.mode[m, COST] < T.mode[best, COST])
        ):
            best, best_s, best_e, best_score = m, s, e, score
    return best, best_s, best_e, soonest


@inner
def allowed(T: Tables, S: State, i: int, m: int, keep: bool) -> bool:
    """Whether mode m leaves every unplaced task a mode: its safe one or one found anew.

    The safe modes jointly respect consumables and links. A task may leave its own when the rest
    of the plan still stands, if need be after linked tasks changed theirs; ``keep`` makes those
    changes last.
    """
    safe = S.safe[i]
    if m == safe:
        return True
    count = 1
    S.scratch[0] = i
    S.ready[i] = m
    good = True
    at = 0
    while good and at < count:
        a = S.scratch[at]
        at += 1
        for k in range(T.task[a, LINK_FROM], T.task[a, LINK_TO]):
            b, group, same = T.link[k, LINKED], T.link[k, GROUP], T.link[k, ALIKE] == 1
            other = S.place[b, MODE] if S.place[b, PLACED] == 1 else S.ready[b]
            fixed = other >= 0
            if not fixed:
                other = S.safe[b]
            if other < 0 or alike(T, group, same, S.ready[a], other):
                continue
            if fixed:
                good = False
                break
            best = -1
            for q in range(T.task[b, MODE_FROM], T.task[b, MODE_TO]):
                if alike(T, group, same, S.ready[a], q) and (
                    best < 0 or T.mode[q, DURATION] < T.mode[best, DURATION]
                ):
                    best = q
            if best < 0:
                good = False
                break
            S.ready[b] = best
            S.scratch[count] = b
            count += 1
    if good:
        for at in range(count):
            a = S.scratch[at]
            reserve(T, S, S.safe[a], 1)
            reserve(T, S, S.ready[a], -1)
        for at in range(count):
            a = S.scratch[at]
            for k in range(T.mode[S.ready[a], DEMAND_FROM], T.mode[S.ready[a], DEMAND_TO]):
                if T.demand[k, WHAT] == ON_CONSUMABLE and S.left[T.demand[k, RESOURCE]] < 0:
                    good = False
        if not (good and keep):
            for at in range(count):
                a = S.scratch[at]
                reserve(T, S, S.ready[a], 1)
                reserve(T, S, S.safe[a], -1)
    for at in range(count):
        a = S.scratch[at]
        if good and keep:
            S.safe[a] = S.ready[a]
        S.ready[a] = -1
    return good


@inner
def alike(T: Tables, group: int, same: bool, a: int, b: int) -> bool:
    """Whether modes a and b use the same resources of the group (or, if not same, none shared)."""
    a0, a1 = T.mode[a, DEMAND_FROM], T.mode[a, DEMAND_TO]
    b0, b1 = T.mode[b, DEMAND_FROM], T.mode[b, DEMAND_TO]
    for turn in range(2):
        for k in range(a0, a1):
            r = T.demand[k, RESOURCE]
            if not T.in_group[group, r]:
                continue
            shared = False
            for q in range(b0, b1):
                if T.demand[q, RESOURCE] == r:
                    shared = True
            if shared != same:
                return False
        if not same and turn == 0:
            return True
        a0, a1, b0, b1 = b0, b1, a0, a1
    return True
