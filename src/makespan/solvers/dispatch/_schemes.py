"""Serial and parallel schedule generation for the whole vocabulary (Kolisch, EJOR 90, 1996)."""

from __future__ import annotations

from makespan.solvers.dispatch import _fit as fit
from makespan.solvers.dispatch._layout import (
    ANY_TIME,
    DONE,
    FAR,
    HALTED,
    LEAVE_OUT,
    LEVEL_START,
    MEMBER_FROM,
    MEMBER_TO,
    NEXT_FROM,
    NEXT_TO,
    NO_STOCK,
    PLACED,
    RELEASE,
    REQUIRE,
    STOCKS,
    TIME,
    TRY_LAST,
    VALUE,
    WAITS,
    State,
    StateRef,
    Tables,
    TablesRef,
)
from makespan.solvers.dispatch._modes import limits
from makespan.solvers.dispatch._place import reserve
from makespan.solvers.dispatch._score import LENGTH, MACHINE, WINQ, Facts, noisy
from makespan.solvers.dispatch._ties import place_block
from makespan.solvers.jit import inner, kernel


@inner
def reset(T: Tables, S: State) -> None:
    """Empty schedule; ``want`` and ``safe`` are the caller's."""
    # Plain loops: assignments to slices take seconds to compile.
    for i in range(len(S.place)):
        S.place[i, PLACED] = 0
        S.ready[i] = -1
    for line in range(len(S.busy_count)):
        S.busy_count[line] = 0
    for r in range(len(S.free_count)):
        S.free_count[r] = T.free_count[r]
        S.left[r] = T.stock[r]
        S.queued[r] = 0
        for k in range(T.free_at[r], T.free_at[r] + T.free_count[r]):
            S.free[k, TIME], S.free[k, VALUE] = T.free_init[k, TIME], T.free_init[k, VALUE]
    for k in range(3):
        S.report[k] = 0
    for i in range(len(S.floor)):
        S.floor[i] = T.task[i, RELEASE]
        m = S.safe[i]
        if S.report[3] == 1 and m >= 0:
            reserve(T, S, m, -1)
    for r in range(len(T.level_at) - 1):
        if T.level_at[r + 1] > T.level_at[r]:
            S.level[T.level_at[r], TIME] = -FAR
            S.level[T.level_at[r], VALUE] = T.resource[r, LEVEL_START]
            S.level_count[r] = 1
    for b in range(len(S.waits)):
        S.waits[b] = T.block[b, WAITS]


@inner
def _leader(T: Tables, S: State, b: int) -> int:
    """First wanted task of a block, whose priority stands for all; -1 if none is wanted."""
    for k in range(T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]):
        if S.want[T.member[k]] != LEAVE_OUT:
            return T.member[k]
    return -1


@inner
def _joins(T: Tables, S: State, F: Facts, b: int, sign: int) -> None:
    """Keep the work waiting per machine, which only the last rules read."""
    if F.code < WINQ:
        return
    # Not the leader: which task leads may change while the block waits.
    i = T.member[T.block[b, MEMBER_FROM]]
    if F.task[i, MACHINE] >= 0:
        S.queued[int(F.task[i, MACHINE])] += sign * int(F.task[i, LENGTH])


@inner
def _urgency(T: Tables, S: State, F: Facts, b: int, t: int) -> float:
    """Priority of an eligible block, from its leader, at time t or when it is ready if later."""
    i = _leader(T, S, b)
    if i < 0:
        return -1e300
    ready, _, _, _ = limits(T, S, i)
    return noisy(F, i, float(max(t, ready)), float(ready), S.queued, S.dice)


@inner
def _leave_out(T: Tables, S: State, i: int) -> None:
    """Stop wanting a task and give back what was set aside for it."""
    S.want[i] = LEAVE_OUT
    reserve(T, S, S.safe[i], 1)
    S.safe[i] = -1


@inner
def _give_up(T: Tables, S: State, b: int, outcome: int) -> bool:
    """Leave out the block if all its tasks may be left out; otherwise record the failure."""
    for k in range(T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]):
        if S.want[T.member[k]] == REQUIRE:
            S.report[0] = outcome
            return False
    for k in range(T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]):
        if S.want[T.member[k]] != LEAVE_OUT:
            _leave_out(T, S, T.member[k])
    return True


@inner
def _place(
    T: Tables, S: State, b: int, now: int, thrift: float, stir: float, tries: int
) -> tuple[int, int]:
    """Place a block, if need be without the optional tasks among required ones."""
    # One call in a loop: a second one would be inlined, and compiled, once more.
    while True:
        outcome, start = place_block(T, S, b, now, thrift, stir, tries)
        if outcome in (DONE, NO_STOCK) or not _slimmed(T, S, b):
            return outcome, start


@inner
def _slimmed(T: Tables, S: State, b: int) -> bool:
    """Leave out the optional tasks of a block that has required ones; False if there is none."""
    required = False
    for k in range(T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]):
        required = required or S.want[T.member[k]] == REQUIRE
    dropped = False
    for k in range(T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]):
        i = T.member[k]
        if required and S.want[i] != REQUIRE and S.want[i] != LEAVE_OUT:
            _leave_out(T, S, i)
            dropped = True
    return dropped


@inner
def _finish_late(T: Tables, S: State, late: int, thrift: float, stir: float, tries: int) -> None:
    """Squeeze postponed optional blocks, heaped in ``other`` by urgency, into what is left."""
    while late > 0:
        b = S.other[0]
        late = fit.heap_pop(S.other_key, S.other, late)
        outcome = HALTED
        if S.halt[0] == 0:
            outcome, _ = place_block(T, S, b, ANY_TIME, thrift, stir, tries)
        if outcome != DONE:
            _give_up(T, S, b, outcome)


@inner
def _postponed(T: Tables, S: State, b: int) -> bool:
    """Whether some task of the block is wanted, but none before all others are placed."""
    some = False
    for k in range(T.block[b, MEMBER_FROM], T.block[b, MEMBER_TO]):
        want = S.want[T.member[k]]
        if want == TRY_LAST:
            some = True
        elif want != LEAVE_OUT:
            return False
    return some


@kernel
def serial(tables: Tables, state: State, F: Facts, thrift: float, stir: float, tries: int) -> int:
    """Take eligible blocks by priority and place each as early as the schedule so far allows.

    O(n log n) plus the search for gaps. Returns the outcome code.
    """
    T, S = TablesRef(*tables), StateRef(*state)
    reset(T, S)
    size = late = starved = done = 0
    blocks = len(S.waits)
    for b in range(blocks):
        if S.waits[b] == 0:
            _joins(T, S, F, b, 1)
            S.key[b] = _urgency(T, S, F, b, -FAR)
            size = fit.heap_push(S.heap_key, S.heap, size, S.key[b], b)
    while size > 0:
        if S.halt[0] != 0:
            return HALTED
        b = S.heap[0]
        size = fit.heap_pop(S.heap_key, S.heap, size)
        if _postponed(T, S, b):
            late = fit.heap_push(S.other_key, S.other, late, S.key[b], b)
        else:
            outcome, _ = _place(T, S, b, ANY_TIME, thrift, stir, tries)
            if outcome == NO_STOCK:
                S.waits[b] = -1
                starved += 1
                continue
            if outcome != DONE and not _give_up(T, S, b, outcome):
                return outcome
        done += 1
        if starved > 0 and T.block[b, STOCKS] == 1:
            for other in range(blocks):
                if S.waits[other] == -1:
                    S.waits[other] = 0
                    size = fit.heap_push(S.heap_key, S.heap, size, S.key[other], other)
            starved = 0
        for k in range(T.block[b, NEXT_FROM], T.block[b, NEXT_TO]):
            other = T.follower[k]
            S.waits[other] -= 1
            if S.waits[other] == 0:
                _joins(T, S, F, other, 1)
                S.key[other] = _urgency(T, S, F, other, -FAR)
                size = fit.heap_push(S.heap_key, S.heap, size, S.key[other], other)
        _joins(T, S, F, b, -1)
    if done < blocks and not _excuse(T, S):
        return S.report[0]
    _finish_late(T, S, late, thrift, stir, tries)
    return DONE


@inner
def _excuse(T: Tables, S: State) -> bool:
    """Leave out starved optional blocks; False (and NO_STOCK) if a required task starves."""
    for b in range(len(S.waits)):
        if S.waits[b] != 0 and not _give_up(T, S, b, NO_STOCK):
            S.report[1] = _leader(T, S, b)
            return False
    return True


@kernel
def parallel(tables: Tables, state: State, F: Facts, thrift: float, stir: float, tries: int) -> int:
    """Go forward in time; at each decision point start by priority what can start now.

    A block that cannot start sleeps until the first time at which what is scheduled so far would
    let it. Sleeping blocks are in ``heap`` by that time, woken ones in ``other`` by priority.
    Gives non-delay schedules where no calendar, lag or block makes a task reach into the future.
    Returns the outcome code.
    """
    T, S = TablesRef(*tables), StateRef(*state)
    reset(T, S)
    size = late = starved = done = 0
    blocks = len(S.waits)
    for b in range(blocks):
        if S.waits[b] == 0:
            _joins(T, S, F, b, 1)
            i = _leader(T, S, b)
            wake = float(S.floor[i]) if i >= 0 else -1e300
            size = fit.heap_push(S.heap_key, S.heap, size, wake, b)
    last = FAR
    for i in range(len(S.floor)):
        last = min(last, S.floor[i])
    while size > 0:
        now = S.heap_key[0]
        awake = 0
        while size > 0 and S.heap_key[0] == now:
            b = S.heap[0]
            size = fit.heap_pop(S.heap_key, S.heap, size)
            S.key[b] = _urgency(T, S, F, b, int(now) if now > -1e299 else last)
            awake = fit.heap_push(S.other_key, S.other, awake, S.key[b], b)
        while awake > 0:
            if S.halt[0] != 0:
                return HALTED
            b = S.other[0]
            awake = fit.heap_pop(S.other_key, S.other, awake)
            if _postponed(T, S, b):
                S.waits[b] = -2
                late += 1
            elif now > -1e299:
                outcome, start = _place(T, S, b, int(now), thrift, stir, tries)
                if outcome == DONE and start > now and start < FAR:
                    size = fit.heap_push(S.heap_key, S.heap, size, float(start), b)
                    continue
                if outcome == NO_STOCK:
                    S.waits[b] = -1
                    starved += 1
                    continue
                if outcome != DONE and not _give_up(T, S, b, outcome):
                    return outcome
                last = int(now)
            done += 1
            if starved > 0 and T.block[b, STOCKS] == 1:
                for other in range(blocks):
                    if S.waits[other] == -1:
                        S.waits[other] = 0
                        size = fit.heap_push(S.heap_key, S.heap, size, float(last), other)
                starved = 0
            for k in range(T.block[b, NEXT_FROM], T.block[b, NEXT_TO]):
                other = T.follower[k]
                S.waits[other] -= 1
                if S.waits[other] == 0:
                    i = _leader(T, S, other)
                    wake = float(last)
                    if i >= 0:
                        low, _, _, _ = limits(T, S, i)
                        wake = max(wake, float(low))
                    _joins(T, S, F, other, 1)
                    size = fit.heap_push(S.heap_key, S.heap, size, wake, other)
            _joins(T, S, F, b, -1)
    late = 0
    for b in range(blocks):
        if S.waits[b] == -2:
            S.waits[b] = 0
            late = fit.heap_push(S.other_key, S.other, late, S.key[b], b)
    if done < blocks and not _excuse(T, S):
        return S.report[0]
    _finish_late(T, S, late, thrift, stir, tries)
    return DONE
