"""Serial generation in words by tick, by pieces, and from its definition; justification."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.solvers.local.project.project_support import (
    compiled,
    dated_project,
    plain_serial,
    project_of,
    random_list,
)

from makespan.core.metrics import evaluate
from makespan.core.vocabulary import IntArray
from makespan.generators import random_multimode_rcpsp, random_rcpsp
from makespan.solvers.local.draw import draw
from makespan.solvers.local.project.cost import Price, price, weights
from makespan.solvers.local.project.desk import Desk, make_desk
from makespan.solvers.local.project.justify import justify, order_by, serial
from makespan.solvers.local.project.network import Network, Project, pack

_ONE, _ZERO = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
_NONE = np.empty(0, dtype=np.int64)
PLAIN = Price(_ONE, _ZERO, _ZERO, _NONE, _NONE, _NONE, _NONE, _NONE, _NONE)


@compiled
def differ(N: Network, A: Desk, B: Desk, order: IntArray, lists: int) -> int:
    """Over random walks of lists and modes: how often profiles by tick and by piece differ.

    A list is changed by swaps of neighbours that precedence does not order, for both directions.
    """
    n, wrong = len(order), 0
    for _ in range(lists):
        for _ in range(n):
            i = draw(A.state) % (n - 1)
            a, b = order[i], order[i + 1]
            tied = False
            for k in range(N.after_ptr[a], N.after_ptr[a + 1]):
                tied = tied or N.after[k] == b
            if not tied:
                order[i], order[i + 1] = b, a
        backward = draw(A.state) & 1 == 1
        for i in range(n):
            A.order[i] = order[n - 1 - i] if backward else order[i]
            B.order[i] = A.order[i]
            m = N.mode_ptr[i] + draw(A.state) % (N.mode_ptr[i + 1] - N.mode_ptr[i])
            A.mode[i], B.mode[i] = m, m
            A.duration[i], B.duration[i] = N.duration[m], N.duration[m]
            A.word[i], B.word[i] = N.need[m, 0], N.need[m, 0]
            A.tail[i] = draw(A.state) % 8
            B.tail[i] = A.tail[i]
        serial(N, A, backward, False)
        serial(N, B, backward, False)
        for j in range(n):
            if backward:
                wrong += A.mirror[j] != B.mirror[j]
            else:
                wrong += A.finish[j] != B.finish[j]
    return wrong


@compiled
def one(N: Network, D: Desk, backward: bool) -> None:
    """One list of a desk."""
    for j in range(len(D.order)):
        D.duration[j] = N.duration[D.mode[j]]
        D.word[j] = N.need[D.mode[j], 0]
    serial(N, D, backward, False)


@compiled
def justified(N: Network, P: Price, D: Desk, mirrored: bool) -> int:
    """Justification of a desk's list."""
    return justify(N, P, D, mirrored, False)


@compiled
def ordered(key: IntArray, count: IntArray, out: IntArray, backward: bool) -> None:
    """Sorting of a desk."""
    order_by(key, count, out, backward)


def desks(project: Project) -> tuple[Desk, Desk]:
    """Desks by tick and by piece."""
    return (
        make_desk(project, PLAIN, 1, 0, by_tick=True),
        make_desk(project, PLAIN, 1, 0, by_tick=False),
    )


def widened(project: Project) -> Project:
    """The same project with every renewable in a word of its own."""
    net = project.network
    parts = [
        pack(project.units[:, [r]], project.capacity[[r]]) for r in range(len(project.capacity))
    ]
    need, full, guard = (np.concatenate([p[k] for p in parts], axis=-1) for k in range(3))
    return replace(project, network=net._replace(need=need, full=full, guard=guard))


def projects() -> list[Project]:
    """Projects of a dozen activities, single and multi-mode, tight and loose."""
    made = [
        random_rcpsp(12, seed=k, strength=s, starts=2, finishes=2)
        for k, s in enumerate((0.0, 0.2, 0.5, 0.2))
    ]
    made += [random_multimode_rcpsp(12, seed=k, strength=0.2) for k in range(2)]
    return [project_of(p) for p in made]


def test_profiles_by_tick_and_by_piece_agree_on_100_000_lists() -> None:
    """1.2 million placements."""
    for project in projects():
        by_tick, by_piece = desks(project)
        order = np.arange(project.count, dtype=np.int64)
        assert differ(project.network, by_tick, by_piece, order, 17_000) == 0


@pytest.mark.parametrize("backward", [False, True])
def test_serial_generation_is_its_definition(backward: bool) -> None:
    """Also with several words, lags and releases."""
    dice = np.random.default_rng(3)
    for plain in projects():
        for project in (plain, widened(plain)):
            lag = dice.integers(0, 4, len(project.network.before))
            pairs = {}
            owner = np.repeat(np.arange(project.count), np.diff(project.network.before_ptr))
            for j, q, x in zip(
                owner.tolist(), project.network.before.tolist(), lag.tolist(), strict=True
            ):
                pairs[q, j] = x
            heir = np.repeat(np.arange(project.count), np.diff(project.network.after_ptr))
            mirrored = [
                pairs[q, j]
                for q, j in zip(heir.tolist(), project.network.after.tolist(), strict=True)
            ]
            ready = dice.integers(0, 9, project.count)
            net = project.network._replace(
                before_lag=lag, after_lag=np.array(mirrored, dtype=np.int64), ready=ready
            )
            project = replace(project, network=net, span=project.span + 80)
            for desk in desks(project)[0 if net.need.shape[1] == 1 else 1 :]:
                for _ in range(40):
                    desk.order[:] = random_list(project, dice, backward=backward)
                    desk.tail[:] = ready
                    desk.mode[:] = dice.integers(net.mode_ptr[:-1], net.mode_ptr[1:])
                    one(net, desk, backward)
                    expected = plain_serial(
                        project, desk.order, desk.mode, ready, backward=backward
                    )
                    assert (desk.mirror if backward else desk.finish).tolist() == expected


def test_justification_never_lengthens() -> None:
    """The makespan after justification is at most that of the list, in either direction."""
    dice = np.random.default_rng(5)
    for project in projects():
        for desk in desks(project):
            for k in range(60):
                mirrored = k % 2 == 1
                desk.tail[:] = 0
                desk.order[:] = random_list(project, dice, backward=mirrored)
                desk.mode[:] = dice.integers(
                    project.network.mode_ptr[:-1], project.network.mode_ptr[1:]
                )
                length = max(
                    plain_serial(
                        project, desk.order, desk.mode, project.network.ready, backward=mirrored
                    )
                )
                cost = justified(project.network, PLAIN, desk, mirrored)
                assert cost == desk.finish.max() <= length


def test_allowances_never_raise_any_objective() -> None:
    """Justification with due dates costs no more than the plain forward list."""
    dice = np.random.default_rng(6)
    for seed in range(8):
        problem = dated_project(seed)
        terms = weights(problem)
        assert terms is not None
        project = project_of(problem)
        costs = price(problem, project, terms)
        assert costs is not None
        desk = make_desk(project, costs, 1, 0, by_tick=False)
        shift = None
        for _ in range(30):
            desk.order[:] = random_list(project, dice)
            desk.mode[:] = project.network.mode_ptr[:-1]
            one(project.network, desk, False)
            before = evaluate(problem, project.schedule(desk.finish - desk.duration, desk.mode))[0]
            cost = justified(project.network, costs, desk, False)
            after = evaluate(problem, project.schedule(desk.finish - desk.duration, desk.mode))[0]
            assert after <= before
            shift = after - cost if shift is None else shift
            assert after - cost == shift


@pytest.mark.parametrize("backward", [False, True])
def test_orders_are_stable_sorts(backward: bool) -> None:
    """Counting sort and Shell's sort are the sort by key and then by index."""
    dice = np.random.default_rng(7)
    for n in (1, 2, 5, 40, 200):
        for top in (1, 3, 500):
            key = dice.integers(0, top, n)
            sign = -1 if backward else 1
            expected = sorted(range(n), key=lambda j: (key[j], sign * j))
            for room in (0, top + 2):
                out = np.empty(n, dtype=np.int64)
                ordered(key, np.zeros(room, dtype=np.int64), out, backward)
                assert out.tolist() == expected


def test_lanes_hold_any_number_and_size_of_renewables() -> None:
    """The guard test of words is the comparison of every lane."""
    dice = np.random.default_rng(8)
    for capacities in ([1] * 70, [1 << 44, 3, 1 << 30], [7], [(1 << 62) - 1, 1]):
        capacity = np.array(capacities, dtype=np.int64)
        units = dice.integers(0, capacity + 1, (200, len(capacity)))
        need, full, guard = pack(units, capacity)
        for a, b in zip(range(0, 200, 2), range(1, 200, 2), strict=True):
            left = full - need[a]
            fits = bool((((left - need[b]) & guard) == guard).all())
            assert fits == bool((units[a] + units[b] <= capacity).all())
