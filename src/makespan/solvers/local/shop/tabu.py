"""The kernel of the search: tabu search from a given schedule until it stagnates."""

from __future__ import annotations

from typing import Final

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.shop.compiled import inner, kernel
from makespan.solvers.local.shop.exchange import exchanges, step
from makespan.solvers.local.shop.graph import build, latest
from makespan.solvers.local.shop.layout import Int32, State, Tables, UInt32
from makespan.solvers.local.shop.neighbours import (
    ESTIMATE,
    FAR,
    MOVED,
    OPTION,
    TARGET,
    TIES,
    block_moves,
    critical_path,
    machine_moves,
)

_LEAST: Final = 6
_WIDTH: Final = 4
"""Least tenure where there are fewer jobs than machines, and how many tenures there are."""

_BARREN: Final = 30
"""Critical paths without any move in a row after which a descent gives up."""


def tenures(T: Tables) -> range:
    """Tenures of a descent, one of which is drawn for each.

    Peng, Lü & Cheng (2015) take 10 plus the jobs per machine. Shorter ones, not the same for all
    descents, lead further in the same time here, in job shops and more so in flexible ones.
    """
    least = _LEAST + len(T.first) // (len(T.line_ptr) - 1)
    return range(least, least + _WIDTH)


@kernel
def descend(
    T: Tables,
    S: State,
    order: UInt32,
    option: Int32,
    patience: int,
    budget: int,
    goal: int,
    tenure: int,
    clock: IntArray,
    rng: Stream,
    halt: IntArray,
) -> int:
    """Improve (order, option) in place by tabu search; returns its makespan.

    Every iteration makes the best move of one random critical path; exchanges are looked for only
    where no other move seems to shorten that path. Orders it reverses are tabu for ``tenure`` to
    1.5 ``tenure`` iterations, and machines it leaves for half of that: an operation has few
    machines, so that longer bans leave it nowhere to go.

    Parameters
    ----------
    patience, budget
        Iterations without improvement, and in all, after which to return.
    goal
        Makespan at which to return.
    clock
        int64 (1,): iterations so far over all calls, for the tabu lists.

    Returns
    -------
    int
        Makespan of the best schedule met, or -1 if a move closed a cycle, which is a bug.
    """
    chains, machines = len(T.first), len(T.line_ptr) - 1
    flexible = len(T.option_machine) > len(T.operation)
    best, spare = S.best, S.spare
    end = build(T, S, order, option)
    record = end
    start = now = clock[0]
    improved = now
    barren = 0
    while now - improved < patience and now - start < budget and record > goal and halt[0] == 0:
        now += 1
        begin = critical_path(T, S, end, rng)
        S.best[ESTIMATE] = S.spare[ESTIMATE] = FAR
        S.best[TIES] = S.spare[TIES] = 0
        block_moves(T, S, begin, now, record, rng)
        if flexible:
            machine_moves(T, S, begin, end, now, rng)
            if S.best[ESTIMATE] >= end:
                exchanges(T, S, begin, now, rng)
        chosen = best
        if S.best[TIES] == 0:
            if S.spare[TIES] == 0:
                barren += 1
                if barren > _BARREN:
                    break
                continue
            chosen = spare
        barren = 0
        u, a, target = chosen[MOVED], chosen[OPTION], chosen[TARGET]
        ban = tenure + draw(rng) % (tenure // 2 + 1)
        if a == S.option[u]:
            _forbid(T, S, u, target, chains, now + ban)
        else:
            S.barred[(u * machines + S.machine[u]) & (len(S.barred) - 1)] = now + ban // 2
        if target < 0:
            v = S.line[-1 - target] + 0
            S.barred[(v * machines + S.machine[v]) & (len(S.barred) - 1)] = now + ban // 2
        if not step(T, S, u, a, target):
            return -1
        end = latest(T, S)
        if end < record:
            record = end
            improved = now
            for i in range(len(order)):
                order[i] = S.topo[i]
            for x in range(len(option)):
                option[x] = S.option[x]
    clock[0] = now
    return record


@inner
def _forbid(T: Tables, S: State, u: int, target: int, chains: int, until: int) -> None:
    """Forbid to restore the orders that moving u to ``target`` of its line reverses."""
    slots = len(S.forbidden) - 1
    place = S.place[u]
    c = T.chain[u]
    for z in range(place + 1, target + 1):
        S.forbidden[(u * chains + T.chain[S.line[z]]) & slots] = until
    for z in range(target, place):
        S.forbidden[(S.line[z] * chains + c) & slots] = until
