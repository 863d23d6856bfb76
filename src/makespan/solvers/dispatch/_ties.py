"""Placing a block: tasks tied by maximum lags or blocking, together or not at all."""

from __future__ import annotations

from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import (
    ANY_TIME,
    ARC_FROM,
    ARC_TO,
    BLOCK,
    BLOCKING,
    DEMAND_FROM,
    DEMAND_TO,
    DONE,
    DURATION,
    END,
    FAMILIES,
    FAMILY,
    FAR,
    FROM,
    HOLDS,
    ITS_END,
    JOB,
    LEAVE_OUT,
    MEMBER_FROM,
    MEMBER_TO,
    MODE,
    MY_END,
    NO_ROOM,
    NO_STOCK,
    NO_SWAP,
    ON_MACHINE,
    OTHER,
    PATTERN,
    PLACE,
    PLACED,
    RESOURCE,
    SENSE,
    SETUP_AT,
    START,
    STARVED,
    SUSPENDS,
    TOO_TIGHT,
    UNTIL,
    WEIGHT,
    WHAT,
    WHO,
    WORK_FROM,
    WORK_TO,
    YES,
    State,
    Tables,
)
from makespan.solvers.dispatch._modes import allowed, choose
from makespan.solvers.dispatch._place import commit, withdraw
from makespan.solvers.jit import inner


@inner
def place_block(
    T: Tables, S: State, b: int, now: int, thrift: float, stir: float, tries: int
) -> tuple[int, int]:
    """Place all wanted tasks of block b; ``(outcome, start)``.

    Unless ``now`` is ANY_TIME the block must start then, and outcome DONE with a start later than
    ``now`` means "not placed, try again at that time". Tasks of a block are tied by maximum lags
    or blocking: when a later one cannot come soon enough, the earlier one is pushed back by the
    missing amount and the block starts over (Franck, Neumann and Schwindt, OR Spektrum 23, 2001).
    """
    k0, k1 = T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]
    single = k1 - k0 == 1
    # A single task cannot start before now, or it would have. Members of a block may have to.
    since = now if single else ANY_TIME
    until = now if single and now != ANY_TIME else FAR
    for _ in range(tries):
        start, wake = FAR, FAR
        placed = k0
        outcome = DONE
        while placed < k1 and outcome == DONE:
            i = T.member[placed]
            placed += 1
            if S.want[i] == LEAVE_OUT:
                continue
            m, s, e, soonest = choose(T, S, i, since, until, thrift, stir)
            if m < 0:
                S.report[1] = i
                if single and soonest < FAR:
                    return DONE, soonest
                outcome = NO_STOCK if soonest == STARVED else NO_ROOM
                break
            if S.report[3] == 1:
                allowed(T, S, i, m, YES)
            commit(T, S, i, m, s, e)
            start = min(start, s)
            outcome = _settle(T, S, i, b)
            if outcome != DONE:
                S.report[1] = i
        if outcome == DONE:
            if now == ANY_TIME or start <= now or start == FAR:
                return DONE, start
            wake = start
        for k in range(k0, placed):
            if S.place[T.member[k], PLACED] == 1:
                withdraw(T, S, T.member[k])
        if outcome != TOO_TIGHT:
            return outcome, wake
    return TOO_TIGHT, FAR


@inner
def _settle(T: Tables, S: State, i: int, b: int) -> int:
    """Check what a newly placed task owes to the ones before it; push back whom it must."""
    for k in range(T.task[i, ARC_FROM], T.task[i, ARC_TO]):
        o = T.arc[k, OTHER]
        if S.place[o, PLACED] == 0 or T.arc[k, SENSE] == 1:
            continue
        ends = T.arc[k, ITS_END] == 1
        most = S.place[o, END if ends else START] + T.arc[k, WEIGHT]
        mine = S.place[i, END if T.arc[k, MY_END] == 1 else START]
        if mine > most:
            if T.task[o, BLOCK] != b:
                return NO_ROOM
            S.floor[o] = _pushed(T, S, o, mine - most, ends)
            return TOO_TIGHT
    if T.task[i, JOB] >= 0:
        after = neighbour(T, S, i, 1)
        if after >= 0 and S.place[after, PLACED] == 1 and not _hold(T, S, i, after):
            return TOO_TIGHT
        before = neighbour(T, S, i, -1)
        if before >= 0 and S.place[before, PLACED] == 1 and not _hold(T, S, before, i):
            return TOO_TIGHT
    return DONE


@inner
def _pushed(T: Tables, S: State, o: int, delta: int, ends: bool) -> int:
    """Least start of task o whose start (or end) lies ``delta`` ticks later."""
    s, m = S.place[o, START], S.place[o, MODE]
    pattern = T.mode[m, PATTERN]
    if not ends or pattern < 0 or T.pattern[pattern, SUSPENDS] == 0 or T.mode[m, DURATION] == 0:
        return s + delta
    w0, w1 = T.pattern[pattern, WORK_FROM], T.pattern[pattern, WORK_TO]
    e = S.place[o, END]
    return fit.late_start(T.span, w0, w1, s, e, T.mode[m, DURATION], e + delta)


@inner
def neighbour(T: Tables, S: State, i: int, side: int) -> int:
    """Next (side 1) or previous (-1) wanted task of the job in its order, or -1."""
    job = T.task[i, JOB]
    at = T.task[i, PLACE] + side
    while T.job_at[job] <= at < T.job_at[job + 1]:
        if S.want[T.job_task[at]] != LEAVE_OUT:
            return T.job_task[at]
        at += side
    return -1


@inner
def _hold(T: Tables, S: State, i: int, after: int) -> bool:
    """Let blocked task i keep its machines until ``after`` starts, or push it back."""
    m = S.place[i, MODE]
    if T.mode[m, DURATION] == 0:
        return True
    leave = max(S.place[i, END], S.place[after, START])
    leaves_into_entry = False
    for k in range(T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]):
        if T.demand[k, WHAT] != ON_MACHINE:
            continue
        r = T.demand[k, RESOURCE]
        code = max(T.task[i, BLOCKING], T.resource[r, HOLDS])
        if code == 0:
            continue
        low = T.busy_at[r]
        high = low + S.busy_count[r]
        row = fit.busy_find(S.busy, low, high, S.place[i, START], i)
        change = True
        for other in range(row + 1, high):
            gap = 0
            real = S.busy[other, UNTIL] > S.busy[other, FROM]
            if real and change and T.resource[r, SETUP_AT] >= 0:
                families = T.resource[r, FAMILIES]
                gap = T.setup[
                    T.resource[r, SETUP_AT]
                    + T.task[i, FAMILY] * families
                    + T.task[S.busy[other, WHO], FAMILY]
                ]
            if leave + gap > S.busy[other, FROM]:
                S.floor[i] = max(S.place[i, START] + 1, S.busy[other, FROM])
                return False
            if real:
                if S.busy[other, FROM] == leave and S.busy[other, WHO] != after:
                    leaves_into_entry = leaves_into_entry or code == NO_SWAP
                break
        S.busy[row, UNTIL] = leave
    if leaves_into_entry and S.place[after, START] >= S.place[i, END]:
        return _no_ring(T, S, i, after, leave)
    return True


@inner
def _no_ring(T: Tables, S: State, i: int, after: int, t: int) -> bool:
    """Refuse a move that enters a machine left at t while its own is entered at t.

    Only such a move can close a ring of moves that nobody could start, so refusing it is safe;
    some harmless trains of moves are refused with it.
    """
    m = S.place[after, MODE]
    if T.mode[m, DURATION] == 0:
        return True
    for k in range(T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]):
        if T.demand[k, WHAT] != ON_MACHINE:
            continue
        r = T.demand[k, RESOURCE]
        low = T.busy_at[r]
        row = fit.busy_find(S.busy, low, low + S.busy_count[r], t, after) - 1
        while row >= low and S.busy[row, UNTIL] == t:
            w = S.busy[row, WHO]
            code = max(T.task[w, BLOCKING], T.resource[r, HOLDS])
            if w != i and S.busy[row, FROM] < t and code == NO_SWAP and T.task[w, JOB] >= 0:
                mover = neighbour(T, S, w, 1)
                moves = mover >= 0 and S.place[mover, PLACED] == 1
                if moves and S.place[mover, START] == t:
                    S.floor[after] = t + 1
                    return False
            row -= 1
    return True
