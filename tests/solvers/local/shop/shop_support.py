"""What the tests of the shop search share: random shops, solving, and a walk that checks itself."""

from __future__ import annotations

import threading

import numpy as np
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.metrics import evaluate
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray
from makespan.solvers.board import Board
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.shop import search
from makespan.solvers.local.shop.compiled import kernel
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
from makespan.solvers.workers import run_workers

Chain = list[tuple[int, list[tuple[int, int]]]]
"""Operations of a job: release, and (machine, duration) of every option."""


def problem_of(
    chains: list[Chain], machines: int, *, horizon_start: int = 0, coefficient: int = 1
) -> Problem:
    """The shop of the chains, to minimise ``coefficient`` times the makespan."""
    b = ProblemBuilder("shop", horizon=(horizon_start, None))
    line = [b.machine() for _ in range(machines)]
    for chain in chains:
        job = b.job()
        tasks = []
        for release, options in chain:
            task = b.task(job=job, release=release)
            for k, duration in options:
                task.mode(duration=duration, machine=line[k])
            tasks.append(task)
        b.chain(*tasks)
    b.minimise({"makespan": coefficient})
    return b.build()


@st.composite
def shops(draw_: st.DrawFn) -> Problem:
    """Shops of every sort: flexible or not, reentrant, released, zero and equal durations."""
    machines = draw_(st.integers(1, 5))
    longest = draw_(st.sampled_from([0, 1, 3, 50, 10**6]))
    latest_release = draw_(st.sampled_from([0, 0, 20]))
    flexible = draw_(st.booleans())
    option = st.tuples(st.integers(0, machines - 1), st.integers(0, longest))
    options = st.lists(option, min_size=1, max_size=3 if flexible else 1)
    operation = st.tuples(st.integers(0, latest_release), options)
    chains = draw_(st.lists(st.lists(operation, min_size=1, max_size=5), min_size=1, max_size=6))
    coefficient = draw_(st.sampled_from([1, 1, 3]))
    return problem_of(chains, machines, coefficient=coefficient)


def solve(
    problem: Problem,
    *,
    moves: int,
    seed: int = 1,
    workers: int = 1,
    hint: Schedule | None = None,
    stop: threading.Event | None = None,
) -> Result:
    """Run the search; its result verifies and says the truth about value and bound."""
    board = Board(problem, stop=stop)
    board.adopt(hint)
    found = search(problem, board, seed=seed, workers=workers, moves=moves)
    assert found is not None
    run_workers(board, [(found.name, found.work, k) for k in range(workers)])
    result = board.result(engine="test", seed=seed, threads=workers)
    if result.schedule is not None:
        assert verify(problem, result.schedule) == []
        assert tuple(evaluate(problem, result.schedule)) == result.objectives
        bound = result.bounds[0]
        assert bound is None or bound <= result.objectives[0]
    return result


@kernel
def wander(
    T: Tables,
    S: State,
    order: UInt32,
    option: Int32,
    moves: int,
    greedy: bool,
    rng: Stream,
    told: IntArray,
) -> int:
    """Make random moves of the neighbourhoods, checking everything after each.

    If ``greedy``, every other move is the best one, so that its estimate can be checked.

    Returns 0, or what was wrong. ``told`` counts moves made, adjacent swaps, longer block moves,
    those of them whose estimate is the longest path through the block, changes of machine, and
    exchanges.
    """
    end = build(T, S, order, option)
    barren = 0
    flexible = len(T.option_machine) > len(T.operation)
    for i in range(moves):
        begin = critical_path(T, S, end, rng)
        best, spare = S.best, S.spare
        best[ESTIMATE] = spare[ESTIMATE] = FAR
        best[TIES] = spare[TIES] = 0
        # With everything tabu the spare is a random neighbour; at time FAR nothing is.
        best_first = greedy and draw(rng) & 1 == 0
        now = FAR if best_first else 0
        exchanging = flexible and i % 3 == 2
        if not flexible or i % 3 == 0:
            block_moves(T, S, begin, now, 0, rng)
        elif exchanging:
            exchanges(T, S, begin, FAR, rng)
        else:
            machine_moves(T, S, begin, end, now, rng)
        chosen = best if best_first or exchanging else spare
        if chosen[TIES] == 0:
            barren += 1
            if barren == 20:
                break
            continue
        barren = 0
        u, a, target = chosen[MOVED], chosen[OPTION], chosen[TARGET]
        estimate = chosen[ESTIMATE]
        old = np.int64(S.place[u])
        shift = a == S.option[u]
        v = S.line[-1 - target] if target < 0 else u
        if not step(T, S, u, a, target):
            return 1
        told[0] += 1
        found = check(T, S)
        if found != 0:
            return found
        end = latest(T, S)
        if v != u:
            told[5] += 1
            longest = max(
                S.head[u] + S.tail[u] - S.duration[u], S.head[v] + S.tail[v] - S.duration[v]
            )
            if longest != estimate:
                return 22
        elif shift:
            longest = 0
            for z in range(min(old, target), max(old, target) + 1):
                y = S.line[z]
                longest = max(longest, S.head[y] + S.tail[y] - S.duration[y])
            if abs(old - target) == 1:
                told[1] += 1
                if best_first and longest != estimate:
                    return 20
            else:
                told[2] += best_first
                told[3] += longest == estimate
        else:
            told[4] += 1
            if best_first and S.head[u] + S.tail[u] - S.duration[u] > estimate:
                return 21
    return 0


@kernel
def check(T: Tables, S: State) -> int:
    """0 if the state is a schedule with right heads, tails and order, else what is not."""
    n = len(S.topo)
    seen = 0
    for k in range(len(S.length)):
        for z in range(T.line_ptr[k], T.line_ptr[k] + S.length[k]):
            x = S.line[z]
            seen += 1
            before = S.line[z - 1] if z > T.line_ptr[k] else 0
            after = S.line[z + 1] if z + 1 < T.line_ptr[k] + S.length[k] else 0
            if S.before[x] != before or S.after[x] != after:
                return 2
            if S.place[x] != z or S.machine[x] != k or T.option_machine[S.option[x]] != k:
                return 3
            if S.duration[x] != T.option_duration[S.option[x]]:
                return 4
    if seen != n:
        return 5
    for i in range(n):
        x = S.topo[i]
        if S.at[x] != i:
            return 6
        # Every arc goes forward in the order: there is no cycle, and one pass gives the heads.
        if S.at[x - 1] >= i or S.at[S.before[x]] >= i:
            return 7
        begin = max(T.release[x], S.head[x - 1], S.head[S.before[x]])
        if S.head[x] != begin + S.duration[x]:
            return 8
        y = S.topo[n - 1 - i]
        if S.tail[y] != max(S.tail[y + 1], S.tail[S.after[y]]) + S.duration[y]:
            return 9
    return 0
