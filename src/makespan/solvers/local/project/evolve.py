"""Children of a population of schedules: sampling, crossover in both directions, noise, crowding.

Source: the genetic algorithms of Valls, Ballestin, Quintanilla (2008) and of Debels, Vanhoucke
(2007), who cross lists and mirrored lists and keep dense parts; replacement is deterministic
crowding (Mahfoud 1995), which keeps the population diverse.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.jit import inner, kernel
from makespan.solvers.local.draw import Stream, draw
from makespan.solvers.local.project.cost import Price, allow, completions
from makespan.solvers.local.project.desk import Desk
from makespan.solvers.local.project.justify import justify, order_by
from makespan.solvers.local.project.modes import mend
from makespan.solvers.local.project.network import Network
from makespan.solvers.local.project.population import FloatArray, Guide, Population

_FRAGMENTS: Final = 6
_NOISE_PERCENT: Final = 20
_CROSS_PERCENT: Final = 85
_SHIFT_PERMILLE: Final = 300
_MODE_DISTANCE: Final = 4
_MEND_STEPS: Final = 200


@inner
def _sample(N: Network, G: Guide, mirrored: bool, out: IntArray, state: Stream) -> None:
    """A list by biased random sampling.

    The eligible activity of least latest finish (mirrored: of greatest earliest start) plus noise
    comes next; the amount of noise differs from list to list.
    """
    n = len(out)
    degree = np.empty(n, dtype=np.int64)
    eligible = np.empty(n, dtype=np.int64)
    priority = np.empty(n, dtype=np.float64)
    scale = 1.0
    for j in range(n):
        scale = max(scale, G.earliest[j])
    noise = scale * (0.05 + 0.6 * (draw(state) % 1000) / 1000.0)
    ptr = N.after_ptr if mirrored else N.before_ptr
    heir_ptr = N.before_ptr if mirrored else N.after_ptr
    heir = N.before if mirrored else N.after
    waiting = 0
    for j in range(n):
        base = -G.earliest[j] if mirrored else G.latest[j]
        priority[j] = base + noise * (draw(state) % 1000) / 1000.0
        degree[j] = ptr[j + 1] - ptr[j]
        if degree[j] == 0:
            eligible[waiting] = j
            waiting += 1
    for i in range(n):
        b = 0
        for k in range(1, waiting):
            if priority[eligible[k]] < priority[eligible[b]]:
                b = k
        j = eligible[b]
        waiting -= 1
        eligible[b] = eligible[waiting]
        out[i] = j
        for k in range(heir_ptr[j], heir_ptr[j + 1]):
            q = heir[k]
            degree[q] -= 1
            if degree[q] == 0:
                eligible[waiting] = q
                waiting += 1


@inner
def _keys(N: Network, X: Population, row: int, mirrored: bool, key: IntArray) -> None:
    """Starts of a schedule, in the mirrored project if so."""
    n = len(key)
    if not mirrored:
        for j in range(n):
            key[j] = X.start[row, j]
        return
    last = 0
    for j in range(n):
        key[j] = X.start[row, j] + N.duration[X.mode[row, j]]
        last = max(last, key[j])
    for j in range(n):
        key[j] = last - key[j]


@inner
def _tails(N: Network, P: Price, D: Desk, X: Population, row: int) -> None:
    """Ready times in the mirrored project that the allowances of a schedule are."""
    for j in range(len(D.order)):
        D.tail[j] = 0
        D.finish[j] = X.start[row, j] + N.duration[X.mode[row, j]]
    if len(P.due) == 0:
        return
    last = completions(P, D.finish, D.at)
    allow(P, D.at, last, D.latest)
    for j in range(len(D.order)):
        D.tail[j] = last - D.latest[j]


@inner
def _blur(N: Network, key: IntArray, mirrored: bool, state: Stream) -> None:
    """Add noise to the keys within a window of time and make them follow precedence again."""
    n = len(key)
    span = 1
    for j in range(n):
        span = max(span, key[j])
    centre = draw(state) % span
    width = 3 + draw(state) % (1 + span // 6)
    most = 1 + draw(state) % (2 * width)
    for j in range(n):
        if abs(key[j] - centre) <= width:
            key[j] += draw(state) % (most + 1)
    if mirrored:
        for j in range(n - 1, -1, -1):
            for k in range(N.after_ptr[j], N.after_ptr[j + 1]):
                key[j] = max(key[j], key[N.after[k]])
    else:
        for j in range(n):
            for k in range(N.before_ptr[j], N.before_ptr[j + 1]):
                key[j] = max(key[j], key[N.before[k]])


@inner
def _cross(
    work: FloatArray,
    key: IntArray,
    first: IntArray,
    second: IntArray,
    prefix: FloatArray,
    taken: IntArray,
    out: IntArray,
    state: Stream,
) -> None:
    """The first list with the densest of some fragments of the second at its place.

    Density is scarce work per time; ``key`` holds starts of the second. ``taken`` is left with 1
    for activities placed by the second.
    """
    n = len(out)
    prefix[0] = 0.0
    for i in range(n):
        prefix[i + 1] = prefix[i] + work[second[i]]
    densest, a, b = -1.0, 0, 0
    for _ in range(_FRAGMENTS):
        length = n // 8 + draw(state) % max(n // 2, 1) + 1
        begin = draw(state) % max(n - length // 2, 1) - length // 2
        end = min(begin + length, n)
        begin = max(begin, 0)
        density = (prefix[end] - prefix[begin]) / (key[second[end - 1]] - key[second[begin]] + 1.0)
        if density > densest:
            densest, a, b = density, begin, end
    for j in range(n):
        taken[j] = 0
    for i in range(a):
        out[i] = first[i]
        taken[first[i]] = -1
    w = a
    for i in range(n):
        if w >= b:
            break
        j = second[i]
        if taken[j] == 0:
            out[w] = j
            taken[j] = 1
            w += 1
    for i in range(n):
        j = first[i]
        if taken[j] == 0:
            out[w] = j
            taken[j] = -1
            w += 1


@inner
def _shift(N: Network, order: IntArray, place: IntArray, mirrored: bool, state: Stream) -> None:
    """Move an activity of the list to a random place between its neighbours by precedence."""
    n = len(order)
    i = draw(state) % n
    j = order[i]
    for k in range(n):
        place[order[k]] = k
    low, high = 0, n - 1
    for k in range(N.before_ptr[j], N.before_ptr[j + 1]):
        x = place[N.before[k]]
        if mirrored:
            high = min(high, x - 1)
        else:
            low = max(low, x + 1)
    for k in range(N.after_ptr[j], N.after_ptr[j + 1]):
        x = place[N.after[k]]
        if mirrored:
            low = max(low, x + 1)
        else:
            high = min(high, x - 1)
    if high > low:
        to = low + draw(state) % (high - low + 1)
        while i < to:
            order[i] = order[i + 1]
            i += 1
        while i > to:
            order[i] = order[i - 1]
            i -= 1
        order[to] = j


@kernel
def breed(
    N: Network,
    P: Price,
    D: Desk,
    G: Guide,
    X: Population,
    halt: IntArray,
    children: int,
    target: int,
) -> int:
    """Fill the population by sampling, then cross; the best row.

    Ends after so many children, or soon once ``halt`` is raised (the first row is always filled)
    or a schedule costs ``target`` or less.
    """
    n, size = len(D.order), len(X.cost)
    state = D.state
    first = np.empty(n, dtype=np.int64)
    second = np.empty(n, dtype=np.int64)
    taken = np.empty(n, dtype=np.int64)
    trial = np.empty(len(D.use), dtype=np.int64)
    prefix = np.empty(n + 1, dtype=np.float64)
    several = len(N.duration) > n
    best = 0
    for row in range(X.filled[0]):
        if X.cost[row] < X.cost[best]:
            best = row
    for _ in range(children):
        filling = X.filled[0] < size
        if X.filled[0] > 0 and (halt[0] != 0 or X.cost[best] <= target):
            break
        mirrored = (draw(state) & 1) == 1
        a, b = X.filled[0], X.filled[0]
        if filling:
            _sample(N, G, mirrored, D.order, state)
            for j in range(n):
                D.tail[j] = 0
                D.mode[j] = N.mode_ptr[j] + draw(state) % (N.mode_ptr[j + 1] - N.mode_ptr[j])
        else:
            a, b = draw(state) % size, draw(state) % size
            c, d = draw(state) % size, draw(state) % size
            a = c if X.cost[c] < X.cost[a] else a
            b = d if X.cost[d] < X.cost[b] else b
            if a == b:
                continue
            if draw(state) % 100 < _NOISE_PERCENT:
                b = a
            _keys(N, X, a, mirrored, D.key)
            mix = -1
            if a == b:
                _blur(N, D.key, mirrored, state)
            else:
                for j in range(n):
                    second[j] = D.key[j]
                _keys(N, X, b, mirrored, D.key)
                if draw(state) % 100 >= _CROSS_PERCENT:
                    mix = draw(state) % 64
                    for j in range(n):
                        D.key[j] = (second[j] * mix + D.key[j] * (64 - mix)) // 64
                else:
                    order_by(second, D.bucket, first, mirrored)
            order_by(D.key, D.bucket, D.order, mirrored)
            for j in range(n):
                taken[j] = 0
            if a != b and mix < 0:
                for i in range(n):
                    second[i] = D.order[i]
                _cross(G.work, D.key, first, second, prefix, taken, D.order, state)
            for j in range(n):
                D.mode[j] = X.mode[a, j]
                if several and (taken[j] == 1 or draw(state) % 64 >= mix >= 0):
                    D.mode[j] = X.mode[b, j]
            while draw(state) % 1000 < _SHIFT_PERMILLE:
                _shift(N, D.order, taken, mirrored, state)
            while several and draw(state) % 1000 < _SHIFT_PERMILLE:
                j = draw(state) % n
                D.mode[j] = N.mode_ptr[j] + draw(state) % (N.mode_ptr[j + 1] - N.mode_ptr[j])
            if mirrored:
                _tails(N, P, D, X, a)
        if several:
            for _ in range(2):
                if mend(N, D.mode, D.use, trial, state, _MEND_STEPS):
                    break
                for j in range(n):
                    D.mode[j] = G.modes[j] if filling else X.mode[a, j]
        cost = justify(N, P, D, mirrored, several and (filling or (draw(state) & 1) == 1))
        near_a, near_b = 0, 0
        mark = np.uint64(0)
        for j in range(n):
            s = D.finish[j] - D.duration[j]
            mark += G.salt[0, j] * np.uint64(s + 1) + G.salt[1, j] * np.uint64(D.mode[j])
            near_a += abs(s - X.start[a, j]) + _MODE_DISTANCE * (D.mode[j] != X.mode[a, j])
            near_b += abs(s - X.start[b, j]) + _MODE_DISTANCE * (D.mode[j] != X.mode[b, j])
        row = a if near_a <= near_b else b
        if filling:
            X.filled[0] += 1
        else:
            if cost > X.cost[row]:
                continue
            known = False
            for q in range(size):
                known = known or X.mark[q] == mark
            if known:
                continue
        for j in range(n):
            X.start[row, j] = D.finish[j] - D.duration[j]
            X.mode[row, j] = D.mode[j]
        X.cost[row] = cost
        X.mark[row] = mark
        if cost < X.cost[best]:
            best = row
    return best
