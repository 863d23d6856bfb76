"""What the tests of regular objectives share: shops under every objective, and a plain reference.

The reference knows no order, no points and no trail: ends come from relaxing all arcs until
nothing changes, the value from the definitions of the terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product
from typing import Final, NamedTuple

import numpy as np

from makespan.core.metrics import evaluate
from makespan.core.problem import Objective, ObjectiveTerm, Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import INFINITY, IntArray, ObjectiveKind
from makespan.generators import random_due_date_job_shop, random_flexible_job_shop
from makespan.solvers.board import Board
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.regular import search
from makespan.solvers.local.regular._plan import (
    AFTER,
    BEFORE,
    CHAIN_BEFORE,
    DURATION,
    END,
    IMPOSSIBLE,
    PLACE,
    RELEASE,
    VALUE,
    Plan,
    keep,
    move,
    undo,
)
from makespan.solvers.local.regular.objective import REGULAR, Points
from makespan.solvers.local.shapes import Shop
from makespan.solvers.workers import run_workers

KINDS: Final = tuple(sorted(REGULAR, key=lambda kind: kind.value))
BEYOND_MAKESPAN: Final = tuple(kind for kind in KINDS if kind != ObjectiveKind.MAKESPAN)
"""The objectives this search is for."""


def under(problem: Problem, *terms: tuple[ObjectiveKind, int]) -> Problem:
    """The problem with a weighted sum of terms as its objective."""
    level = tuple(ObjectiveTerm(kind, factor) for kind, factor in terms)
    return replace(problem, objective=Objective((level,)))


def job_shop(jobs: int, machines: int, seed: int) -> Problem:
    """A job shop with releases, due dates and weights; one job has no due date."""
    problem = random_due_date_job_shop(
        jobs, machines, seed=seed, tightness=1.2, latest_release=30, low=0, high=20
    )
    due = problem.jobs.due.copy()
    due[seed % jobs] = INFINITY
    return replace(problem, jobs=replace(problem.jobs, due=due))


def flexible_shop(jobs: int, machines: int, seed: int) -> Problem:
    """A flexible job shop with releases, due dates of jobs and of some tasks, and weights."""
    problem = random_flexible_job_shop(
        jobs, machines, seed=seed, flexibility=min(2, machines), low=0, high=20
    )
    rng = np.random.default_rng(seed)
    j, n = jobs, problem.tasks.count
    task_due = np.where(rng.random(n) < 0.2, rng.integers(-5, 90, n), INFINITY)
    return replace(
        problem,
        jobs=replace(
            problem.jobs,
            release=rng.integers(0, 30, j),
            due=rng.integers(10, 120, j),
            weight=rng.integers(0, 5, j),
        ),
        tasks=replace(problem.tasks, due=task_due, weight=rng.integers(0, 4, n)),
    )


def solved(
    problem: Problem,
    *,
    moves: int = 3000,
    seed: int = 1,
    workers: int = 1,
    board: Board | None = None,
) -> Board:
    """The board after a search, whose schedule verifies, has the stated value and obeys the bound."""
    board = Board(problem) if board is None else board
    found = search(problem, board, seed=seed, workers=workers, moves=moves)
    assert found is not None
    run_workers(board, [(found.name, found.work, k) for k in range(workers)])
    assert board.schedule is not None
    assert board.values is not None
    assert verify(problem, board.schedule) == []
    assert tuple(evaluate(problem, board.schedule)) == board.values
    (bound,) = board.bounds
    assert bound is not None
    assert bound <= board.values[0]
    return board


def best_values(problems: Sequence[Problem]) -> list[int]:
    """Optima of one tiny shop under several objectives, by trying every assignment and order."""
    shop = Shop.of(problems[0])
    assert shop is not None
    chain = np.repeat(np.arange(len(shop.chain_ptr) - 1), np.diff(shop.chain_ptr)).tolist()
    pointers = zip(shop.option_ptr[:-1].tolist(), shop.option_ptr[1:].tolist(), strict=True)
    choices = [range(a, b) for a, b in pointers]
    seen: dict[bytes, Schedule] = {}
    for interleaving in set(permutations(chain)):
        follow = shop.chain_ptr[:-1].tolist()
        order = []
        for c in interleaving:
            order.append(follow[c])
            follow[c] += 1
        for option in product(*choices):
            free: dict[int, int] = {}
            ready: dict[int, int] = {}
            start = np.zeros(shop.count, dtype=np.int64)
            for x in order:
                m = int(shop.option_machine[option[x]])
                begin = max(int(shop.release[x]), free.get(m, 0), ready.get(chain[x], 0))
                start[x] = begin
                free[m] = ready[chain[x]] = begin + int(shop.option_duration[option[x]])
            key = start.tobytes() + bytes(option)
            if key not in seen:
                seen[key] = shop.schedule(start, np.array(option, dtype=np.int64))
    return [min(evaluate(p, schedule)[0] for schedule in seen.values()) for p in problems]


class Terms(NamedTuple):
    """An objective as the definitions state it.

    Attributes
    ----------
    owner
        Unit (job, then tasks without one) of each operation.
    unit
        Weight, due date and release of each unit, int64 (u, 3).
    own
        Weight and due date of each operation that is not a unit, int64 (n, 2).
    factor
        Coefficient of every kind in the order of ``KINDS``, int64 (7,).
    """

    owner: IntArray
    unit: IntArray
    own: IntArray
    factor: IntArray


def terms_of(problem: Problem, shop: Shop) -> Terms:
    """The problem's objective for :func:`reference_value`."""
    t, j = problem.tasks, problem.jobs
    owner, units = (
        [],
        [[int(j.weight[k]), int(j.due[k]), int(j.release[k])] for k in range(j.count)],
    )
    own = []
    for task in shop.task.tolist():
        if t.job[task] >= 0:
            owner.append(int(t.job[task]))
            own.append([int(t.weight[task]), int(t.due[task])])
        else:
            owner.append(len(units))
            units.append([int(t.weight[task]), int(t.due[task]), int(t.release[task])])
            own.append([0, INFINITY])
    (level,) = problem.objective.levels
    factor = [sum(term.coefficient for term in level if term.kind == kind) for kind in KINDS]
    return Terms(
        np.array(owner, dtype=np.int64),
        np.array(units, dtype=np.int64).reshape(-1, 3),
        np.array(own, dtype=np.int64).reshape(-1, 2),
        np.array(factor, dtype=np.int64),
    )


MAKESPAN: Final = KINDS.index(ObjectiveKind.MAKESPAN)
COMPLETION: Final = KINDS.index(ObjectiveKind.TOTAL_COMPLETION)
FLOW: Final = KINDS.index(ObjectiveKind.TOTAL_FLOW_TIME)
TARDINESS: Final = KINDS.index(ObjectiveKind.TOTAL_TARDINESS)
WORST: Final = KINDS.index(ObjectiveKind.MAX_TARDINESS)
COUNT: Final = KINDS.index(ObjectiveKind.TARDY_COUNT)
LATENESS: Final = KINDS.index(ObjectiveKind.MAX_LATENESS)


@inner
def reference_value(terms: Terms, end: IntArray, room: IntArray) -> int:
    """Weighted sum of the terms, each from its definition."""
    none = 1 << 60
    units = len(terms.unit)
    done = room[:units]
    done[:] = -none
    value = np.zeros(7, dtype=np.int64)
    value[MAKESPAN] = -none
    most = -none
    for x in range(len(terms.owner)):
        done[terms.owner[x]] = max(done[terms.owner[x]], end[x])
        value[MAKESPAN] = max(value[MAKESPAN], end[x])
        if terms.own[x, 1] < none:
            late = end[x] - terms.own[x, 1]
            value[TARDINESS] += terms.own[x, 0] * max(late, 0)
            value[WORST] = max(value[WORST], terms.own[x, 0] * late)
            value[COUNT] += terms.own[x, 0] if late > 0 else 0
            most = max(most, late)
    for u in range(units):
        if done[u] == -none:
            continue  # a job without tasks
        weight = terms.unit[u, 0]
        value[COMPLETION] += weight * done[u]
        value[FLOW] += weight * (done[u] - terms.unit[u, 2])
        if terms.unit[u, 1] < none:
            late = done[u] - terms.unit[u, 1]
            value[TARDINESS] += weight * max(late, 0)
            value[WORST] = max(value[WORST], weight * late)
            value[COUNT] += weight if late > 0 else 0
            most = max(most, late)
    value[LATENESS] = most if most > -none else 0
    return (value * terms.factor).sum()


@inner
def reference_ends(plan: Plan, end: IntArray) -> bool:
    """Ends by relaxing every arc until nothing changes; False if there is a cycle."""
    node = plan.node
    n = len(plan.order) - 1
    end[:] = -(1 << 60)
    for _ in range(n + 1):
        same = True
        for x in range(n):
            ready = node[8 * x + RELEASE]
            if node[8 * x + CHAIN_BEFORE] != n:
                ready = max(ready, end[node[8 * x + CHAIN_BEFORE]])
            if node[8 * x + BEFORE] != n:
                ready = max(ready, end[node[8 * x + BEFORE]])
            new = ready + plan.options[plan.option[x], 1]
            if new > end[x]:
                end[x] = new
                same = False
        if same:
            return True
    return False


@inner
def is_sound(plan: Plan, end: IntArray) -> bool:
    """Whether lists, places, order, ends and pending bits agree with each other and with ``end``."""
    node, order = plan.node, plan.order
    n = len(order) - 1
    seen = 0
    for m in range(len(plan.first)):
        x, before = plan.first[m], n
        while x != n:
            if node[8 * x + BEFORE] != before or plan.options[plan.option[x], 0] != m:
                return False
            seen += 1
            before, x = x, node[8 * x + AFTER]
            if seen > n:
                return False
    for k in range(n):
        x = order[k]
        if node[8 * x + PLACE] != k or node[8 * x + END] != end[x]:
            return False
        if node[8 * x + DURATION] != plan.options[plan.option[x], 1]:
            return False
        for side in (CHAIN_BEFORE, BEFORE):
            y = node[8 * x + side]
            if y != n and node[8 * y + PLACE] >= k:
                return False
    return seen == n and not plan.pending.any()


@kernel
def wander(
    plan: Plan, points: Points, terms: Terms, moves: int, dice: Stream, tally: IntArray
) -> int:
    """Random moves of every kind, half of them taken back; the number of the first wrong one or -1.

    ``tally`` counts moves that fit, moves that would have closed a cycle, and moves to another
    machine.
    """
    n = len(plan.order) - 1
    end = np.zeros(n, dtype=np.int64)
    room = np.zeros(len(terms.unit) + 1, dtype=np.int64)
    maxima = np.zeros(3, dtype=np.int64)
    for step in range(moves):
        x = draw(dice) % n
        low = plan.option_ptr[x]
        option = low + draw(dice) % (plan.option_ptr[x + 1] - low)
        machine = plan.options[option, 0]
        target, y = n, plan.first[machine]
        hops = draw(dice) % (n + 1)
        while hops > 0 and y != n:
            if y != x:
                target = y
            y = plan.node[8 * y + AFTER]
            hops -= 1
        was_before, was_option = plan.node[8 * x + BEFORE], plan.option[x]
        was = plan.number[VALUE]
        value = move(plan, points, x, option, target, maxima)
        if value == IMPOSSIBLE:
            tally[1] += 1
        else:
            tally[0] += 1
            tally[2] += plan.options[was_option, 0] != machine
            if not reference_ends(plan, end) or not is_sound(plan, end):
                return step
            if reference_value(terms, end, room) != value:
                return step
            if draw(dice) & 1:
                keep(plan, value, maxima)
            else:
                undo(plan, x, was_option, was_before)
        if (value == IMPOSSIBLE or plan.number[VALUE] == was) and not (
            reference_ends(plan, end)
            and is_sound(plan, end)
            and reference_value(terms, end, room) == plan.number[VALUE]
        ):
            return step
    return -1


def orders(seed: int, shop: Shop) -> tuple[IntArray, IntArray]:
    """A random feasible order of the operations, and a random option of each."""
    rng = np.random.default_rng(seed)
    chain = np.repeat(np.arange(len(shop.chain_ptr) - 1), np.diff(shop.chain_ptr))
    follow = shop.chain_ptr[:-1].copy()
    order = np.zeros(shop.count, dtype=np.int64)
    for k, c in enumerate(rng.permutation(chain).tolist()):
        order[k] = follow[c]
        follow[c] += 1
    spare = rng.integers(0, 1 << 30, shop.count) % np.diff(shop.option_ptr)
    return order, shop.option_ptr[:-1] + spare


def all_objectives(problem: Problem) -> Sequence[Problem]:
    """The problem under each regular objective alone and under weighted sums of them."""
    single = [under(problem, (kind, 1)) for kind in KINDS]
    return [
        *single,
        under(problem, *((kind, k + 1) for k, kind in enumerate(KINDS))),
        under(problem, (ObjectiveKind.MAKESPAN, 3), (ObjectiveKind.TOTAL_TARDINESS, 2)),
        under(problem, (ObjectiveKind.MAX_LATENESS, 5), (ObjectiveKind.TARDY_COUNT, 40)),
    ]
