"""Placing one task, or one block of tasks that hang together, into a partial schedule."""

from __future__ import annotations

from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._jit import inner
from makespan.solvers.dispatch._layout import (
    ALIKE,
    AMOUNT,
    ARC_FROM,
    ARC_TO,
    AT_END,
    AT_START,
    BLOCK,
    BLOCKING,
    COST,
    DEADLINE,
    DEMAND_FROM,
    DEMAND_TO,
    DONE,
    DURATION,
    END,
    FAMILIES,
    FAMILY,
    FAR,
    FORBID_FROM,
    FORBID_TO,
    FROM,
    GROUP,
    GUARD_FROM,
    GUARD_TO,
    HOLDS,
    ITS_END,
    JOB,
    LEAVE_OUT,
    LEVEL_MAX,
    LEVEL_MIN,
    LINK_FROM,
    LINK_TO,
    LINKED,
    MEMBER_FROM,
    MEMBER_TO,
    MODE,
    MODE_FROM,
    MODE_TO,
    MY_END,
    NO_ROOM,
    NO_STOCK,
    ON_CONSUMABLE,
    ON_MACHINE,
    ON_RENEWABLE,
    OTHER,
    PATTERN,
    PLACE,
    PLACED,
    RELEASED,
    RESOURCE,
    SENSE,
    SET_FROM,
    SET_TO,
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
    State,
    Tables,
)

NO_SWAP = 2


@inner
def earliest(T: Tables, S: State, i: int, m: int, t: int, end_low: int) -> tuple[int, int]:
    """Earliest ``(start, end)`` of task i in mode m with start >= t and end >= end_low.

    Each resource in turn pushes the start up until none objects; a start that any of them
    excludes is never taken, so the result is the least. (FAR, FAR) if there is none.
    """
    work = T.mode[m, DURATION]
    pattern = T.mode[m, PATTERN] if work > 0 else -1
    step = pattern >= 0
    d0, d1 = T.mode[m, DEMAND_FROM], T.mode[m, DEMAND_TO]
    deadline = T.task[i, DEADLINE]
    while True:
        if step:
            w0, w1 = T.pattern[pattern, WORK_FROM], T.pattern[pattern, WORK_TO]
            suspends = T.pattern[pattern, SUSPENDS] == 1
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
            t = s + 1 if step else s + (end_low - e)
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
        at = fit.free_fit(S.free, low, high, begin, end, amount, True)
        if at > begin:
            # The first tick that lacks capacity is a working tick here, so the start passes it.
            return at if at >= FAR else max(s + 1, min(at, end))
        k += 1
        begin = T.span[k, 0] if end < e else e
    return s


@inner
def _reservoir_fit(T: Tables, S: State, r: int, d0: int, d1: int, s: int, e: int) -> int:
    at_start = at_end = 0
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
    T: Tables, S: State, i: int, now: int, thrift: float, stir: float
) -> tuple[int, int, int, int]:
    """Best ``(mode, start, end)`` by end plus ``thrift`` times cost, and the soonest start.

    Only modes that can start at ``now`` count, unless it is negative. ``stir`` adds noise of that
    share of the duration. Mode -1 if there is none.
    """
    low, end_low, _, _ = limits(T, S, i)
    best, best_s, best_e, best_score = -1, FAR, FAR, 0.0
    soonest = FAR
    m0, m1 = T.task[i, MODE_FROM], T.task[i, MODE_TO]
    for m in range(m0, m1):
        if S.report[3] == 1 and not allowed(T, S, i, m, False):
            continue
        s, e = earliest(T, S, i, m, low, end_low)
        if s >= FAR:
            if s == STARVED and soonest == FAR:
                soonest = STARVED
            continue
        if s < soonest or soonest == STARVED:
            soonest = s
        if now >= 0 and s > now:
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
def place_block(
    T: Tables, S: State, b: int, now: int, thrift: float, stir: float, tries: int
) -> tuple[int, int]:
    """Place all wanted tasks of block b; ``(outcome, start)``.

    With ``now`` >= 0 the block must start then; otherwise outcome DONE with a start later than
    ``now`` means "not placed, try again at that time". Tasks of a block are tied by maximum lags
    or blocking: when a later one cannot come soon enough, the earlier one is pushed back by the
    missing amount and the block starts over (Franck, Neumann and Schwindt, OR Spektrum 23, 2001).
    """
    k0, k1 = T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]
    single = k1 - k0 == 1
    for _ in range(tries):
        start, wake = FAR, FAR
        placed = k0
        outcome = DONE
        while placed < k1 and outcome == DONE:
            i = T.member[placed]
            placed += 1
            if S.want[i] == LEAVE_OUT:
                continue
            m, s, e, soonest = choose(T, S, i, now if single else -1, thrift, stir)
            if m < 0:
                S.report[1] = i
                if single and soonest < FAR:
                    return DONE, soonest
                outcome = NO_STOCK if soonest == STARVED else NO_ROOM
                break
            if S.report[3] == 1:
                allowed(T, S, i, m, True)
            commit(T, S, i, m, s, e)
            start = min(start, s)
            outcome = _settle(T, S, i, b)
            if outcome != DONE:
                S.report[1] = i
        if outcome == DONE:
            if now < 0 or start <= now or start == FAR:
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
    goal = S.place[o, END] + delta
    low, high = s + 1, s + delta
    while low < high:
        middle = (low + high) >> 1
        at = fit.first_after(T.span, w0, w1, 1, middle)
        begin = middle if at == w1 else max(middle, T.span[at, 0])
        if fit.work_end(T.span, w0, w1, begin, T.mode[m, DURATION]) >= goal:
            high = middle
        else:
            low = middle + 1
    return low


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
