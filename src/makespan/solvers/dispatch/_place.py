"""Where a task fits in one of its modes, and entering it into a partial schedule."""

from __future__ import annotations

from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import (
    AMOUNT,
    AT_END,
    AT_START,
    DEADLINE,
    DEMAND_FROM,
    DEMAND_TO,
    DURATION,
    END,
    FAMILIES,
    FAMILY,
    FAR,
    FORBID_FROM,
    FORBID_TO,
    GUARD_FROM,
    GUARD_TO,
    LEVEL_MAX,
    LEVEL_MIN,
    MODE,
    ON_CONSUMABLE,
    ON_MACHINE,
    ON_RENEWABLE,
    PATTERN,
    PLACED,
    RELEASED,
    RESOURCE,
    SET_FROM,
    SET_TO,
    SETUP_AT,
    START,
    STARVED,
    SUSPENDS,
    WHAT,
    WORK_FROM,
    WORK_TO,
    YES,
    ZERO,
    State,
    Tables,
)
from makespan.solvers.jit import inner


@inner
def earliest(
    T: Tables, S: State, i: int, m: int, t: int, end_low: int, until: int
) -> tuple[int, int]:
    """Earliest ``(start, end)`` of task i in mode m with start >= t and end >= end_low.

    Each resource in turn pushes the start up until none objects; a start that any of them
    excludes is never taken, so the result is the least. (FAR, FAR) if there is none. Once the
    start is known to come after ``until``, the search ends with it and with FAR as the end.
    """
    work = T.mode[m, DURATION]
    pattern = T.mode[m, PATTERN] if work > 0 else -1
    step = pattern >= 0
    d0, d1 = T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]
    deadline = T.task[i, DEADLINE]
    w0 = w1 = 0
    suspends = False
    if step:
        w0, w1 = T.pattern[pattern, WORK_FROM], T.pattern[pattern, WORK_TO]
        suspends = T.pattern[pattern, SUSPENDS] == 1
    while t <= until:
        if step:
            s = fit.work_fit(
                T.span,
                w0,
                w1,
                T.pattern[pattern, GUARD_FROM],
                T.pattern[pattern, GUARD_TO],
                suspends,
                t,
                work,
            )
            if s == FAR:
                S.report[2] = 1
                return FAR, FAR
            e = fit.work_end(T.span, w0, w1, s, work) if suspends else s + work
            if e == FAR:
                S.report[2] = 1
                return FAR, FAR
        else:
            s, e = t, t + work
        if e > deadline:
            return FAR, FAR
        if e < end_low:
            t = s + (end_low - e)
            if step and suspends:
                t = fit.late_start(T.span, w0, w1, s, e, work, end_low)
            continue
        at = fit.forbidden_fit(
            T.forbidden, T.task[i, FORBID_FROM], T.task[i, FORBID_TO], s, e, step
        )
        if at == s:
            for k in range(d0, d1):
                r, what = T.demand[k, RESOURCE], T.demand[k, WHAT]
                if what == ON_MACHINE:
                    low = T.busy_at[r]
                    high = low + S.busy_count[r]
                    if T.resource[r, SETUP_AT] >= 0 and work > 0:
                        at = fit.setup_fit(
                            S.busy,
                            low,
                            high,
                            s,
                            e,
                            step,
                            T.setup,
                            T.resource[r, SETUP_AT],
                            T.resource[r, FAMILIES],
                            T.task[i, FAMILY],
                            T.task,
                        )
                    else:
                        at = fit.busy_fit(S.busy, low, high, s, e, step)
                elif what == ON_RENEWABLE:
                    if work > 0:
                        at = _renewable_fit(T, S, r, pattern, s, e, T.demand[k, AMOUNT], step)
                elif what >= AT_START:
                    at = _reservoir_fit(T, S, r, d0, d1, s, e)
                    if at == STARVED:
                        return STARVED, STARVED
                if at > s:
                    break
        if at == s:
            for k in range(T.task[i, SET_FROM], T.task[i, SET_TO]):
                line = T.task_set[k]
                low = T.busy_at[line]
                at = fit.busy_fit(S.busy, low, low + S.busy_count[line], s, e, step)
                if at > s:
                    break
        if at == s:
            return s, e
        if at >= FAR:
            return FAR, FAR
        t = at
    return t, FAR


@inner
def _renewable_fit(
    T: Tables, S: State, r: int, pattern: int, s: int, e: int, amount: int, step: bool
) -> int:
    low = T.free_at[r]
    high = low + S.free_count[r]
    if T.resource[r, RELEASED] == 0 or pattern < 0 or T.pattern[pattern, SUSPENDS] == 0:
        return fit.free_fit(S.free, low, high, s, e, amount, step)
    k = fit.first_after(T.span, T.pattern[pattern, WORK_FROM], T.pattern[pattern, WORK_TO], 1, s)
    begin = s
    while begin < e:
        end = min(e, T.span[k, 1])
        at = fit.free_fit(S.free, low, high, begin, end, amount, YES)
        if at > begin:
            # The first tick that lacks capacity is a working tick here, so the start passes it.
            return at if at >= FAR else max(s + 1, min(at, end))
        k += 1
        begin = T.span[k, 0] if end < e else e
    return s


@inner
def _reservoir_fit(T: Tables, S: State, r: int, d0: int, d1: int, s: int, e: int) -> int:
    at_start = at_end = ZERO
    for k in range(d0, d1):
        if T.demand[k, RESOURCE] == r:
            if T.demand[k, WHAT] == AT_START:
                at_start += T.demand[k, AMOUNT]
            elif T.demand[k, WHAT] == AT_END:
                at_end += T.demand[k, AMOUNT]
    low = T.level_at[r]
    return fit.level_fit(
        S.level,
        low,
        low + S.level_count[r],
        s,
        e,
        at_start,
        at_end,
        T.resource[r, LEVEL_MIN],
        T.resource[r, LEVEL_MAX],
    )


@inner
def commit(T: Tables, S: State, i: int, m: int, s: int, e: int) -> None:
    """Enter the task into every timeline, profile and stock it uses."""
    work = T.mode[m, DURATION]
    reserve(T, S, S.safe[i], 1)
    reserve(T, S, m, -1)
    for k in range(T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]):
        r, what, amount = T.demand[k, RESOURCE], T.demand[k, WHAT], T.demand[k, AMOUNT]
        if what == ON_MACHINE:
            low = T.busy_at[r]
            fit.busy_insert(S.busy, low, low + S.busy_count[r], s, e, i)
            S.busy_count[r] += 1
        elif what == ON_RENEWABLE:
            if work > 0:
                _renewable_change(T, S, r, m, s, e, -amount)
        elif what >= AT_START:
            _reservoir_change(T, S, r, s if what == AT_START else e, amount)
    for k in range(T.task[i, SET_FROM], T.task[i, SET_TO]):
        line = T.task_set[k]
        low = T.busy_at[line]
        fit.busy_insert(S.busy, low, low + S.busy_count[line], s, e, i)
        S.busy_count[line] += 1
    S.place[i, START], S.place[i, END], S.place[i, MODE], S.place[i, PLACED] = s, e, m, 1


@inner
def withdraw(T: Tables, S: State, i: int) -> None:
    """Undo :func:`commit`."""
    s, e, m = S.place[i, START], S.place[i, END], S.place[i, MODE]
    work = T.mode[m, DURATION]
    reserve(T, S, m, 1)
    reserve(T, S, S.safe[i], -1)
    for k in range(T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]):
        r, what, amount = T.demand[k, RESOURCE], T.demand[k, WHAT], T.demand[k, AMOUNT]
        if what == ON_MACHINE:
            low = T.busy_at[r]
            S.busy_count[r] -= fit.busy_remove(S.busy, low, low + S.busy_count[r], s, i)
        elif what == ON_RENEWABLE:
            if work > 0:
                _renewable_change(T, S, r, m, s, e, amount)
        elif what >= AT_START:
            _reservoir_change(T, S, r, s if what == AT_START else e, -amount)
    for k in range(T.task[i, SET_FROM], T.task[i, SET_TO]):
        line = T.task_set[k]
        low = T.busy_at[line]
        S.busy_count[line] -= fit.busy_remove(S.busy, low, low + S.busy_count[line], s, i)
    S.place[i, PLACED] = 0


@inner
def reserve(T: Tables, S: State, m: int, sign: int) -> None:
    """Add (sign 1) or take (-1) what mode m consumes to what is left; m < 0 consumes nothing."""
    if m >= 0:
        for k in range(T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]):
            if T.demand[k, WHAT] == ON_CONSUMABLE:
                S.left[T.demand[k, RESOURCE]] += sign * T.demand[k, AMOUNT]


@inner
def _renewable_change(T: Tables, S: State, r: int, m: int, s: int, e: int, amount: int) -> None:
    low = T.free_at[r]
    pattern = T.mode[m, PATTERN]
    if T.resource[r, RELEASED] == 0 or pattern < 0 or T.pattern[pattern, SUSPENDS] == 0:
        S.free_count[r] = fit.free_change(S.free, low, low + S.free_count[r], s, e, amount)
        return
    k = fit.first_after(T.span, T.pattern[pattern, WORK_FROM], T.pattern[pattern, WORK_TO], 1, s)
    begin = s
    while begin < e:
        end = min(e, T.span[k, 1])
        S.free_count[r] = fit.free_change(S.free, low, low + S.free_count[r], begin, end, amount)
        k += 1
        begin = T.span[k, 0] if end < e else e


@inner
def _reservoir_change(T: Tables, S: State, r: int, t: int, amount: int) -> None:
    low = T.level_at[r]
    S.level_count[r] = fit.level_change(S.level, low, low + S.level_count[r], t, amount)
