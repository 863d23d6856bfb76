"""Enumeration of every schedule within a horizon."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import ObjectiveKind, PrecedenceKind
from tests.oracle.reading import Placed, Plan, Reader, schedule_of
from tests.oracle.rules import broken_alone, broken_relations, is_feasible, precedence_lag
from tests.oracle.values import term_value, value

_GROWING = frozenset(
    {
        ObjectiveKind.MAKESPAN,
        ObjectiveKind.TOTAL_TARDINESS,
        ObjectiveKind.MAX_TARDINESS,
        ObjectiveKind.TARDY_COUNT,
        ObjectiveKind.RESOURCE_COST,
        ObjectiveKind.MODE_COST,
        ObjectiveKind.CHANGE,
        ObjectiveKind.MOVED,
    }
)
"""Terms that placing one more task never lowers (from time 0 on)."""

Options = list[list[Placed | None]]


def options(problem: Problem, horizon: int) -> Options:
    """What each task could do by itself within the horizon: every start of every mode, absence."""
    reader, found = Reader(problem), []
    for i in reader.tasks:
        mine: list[Placed | None] = []
        for mode in reader.modes(i):
            for start in range(problem.horizon_start, horizon + 1):
                end = reader.end(mode, start, until=horizon)
                if end is not None and end <= horizon:
                    placed = Placed(mode, start, end)
                    if not broken_alone(reader, i, placed):
                        mine.append(placed)
        mine.sort(key=lambda p: (p.end, p.start, p.mode) if p else (0, 0, 0))
        if problem.tasks.optional[i]:
            mine.append(None)
        found.append(mine)
    return found


class Clashes:
    """Which options of two tasks exclude each other whatever the other tasks do.

    This only prunes: it may miss clashes, since finished plans are checked in full.
    """

    def __init__(self, problem: Problem, choices: Options) -> None:
        self.reader, self.choices = Reader(problem), choices
        self.known: dict[tuple[int, int, int], int] = {}
        self.apart = [set(members.tolist()) for members in problem.no_overlaps]
        self.lags: dict[tuple[int, int], list[tuple[PrecedenceKind, int, int]]] = {}
        rows = problem.precedences
        for k in range(rows.count):
            key = int(rows.source[k]), int(rows.target[k])
            row = PrecedenceKind(int(rows.kind[k])), int(rows.minimum[k]), int(rows.maximum[k])
            self.lags.setdefault(key, []).append(row)
        self.linked = {
            (int(i), int(j)) for i, j in zip(problem.links.first, problem.links.second, strict=True)
        }

    def fitting(self, i: int, option: int, j: int) -> int:
        """Bit set of j's options that go with an option of i."""
        key = i, option, j
        if key not in self.known:
            a = self.choices[i][option]
            self.known[key] = sum(
                1 << bit
                for bit, b in enumerate(self.choices[j])
                if a is None or b is None or not self.clash(i, a, j, b)
            )
        return self.known[key]

    def clash(self, i: int, a: Placed, j: int, b: Placed) -> bool:
        """Whether two placed tasks exclude each other."""
        for kind, low, high in self.lags.get((i, j), ()):
            if not low <= precedence_lag(kind, a, b) <= high:
                return True
        for kind, low, high in self.lags.get((j, i), ()):
            if not low <= precedence_lag(kind, b, a) <= high:
                return True
        if max(a.start, b.start) < min(a.end, b.end):
            if any(i in members and j in members for members in self.apart):
                return True
            machines = self.reader.machines
            if set(machines(a.mode)) & set(machines(b.mode)):
                return True
        if (i, j) in self.linked or (j, i) in self.linked:
            return bool(broken_relations(self.reader, {i: a, j: b}))
        return False


def plans(
    problem: Problem, horizon: int, *, random: Random | None = None, bound: list[int | None]
) -> Iterator[Plan]:
    """Every plan without pairwise clashes; ``bound[0]`` prunes by the first objective level."""
    choices = options(problem, horizon)
    clashes = Clashes(problem, choices)
    reader, n = Reader(problem), len(choices)
    first = problem.objective.levels[0]
    prune = problem.horizon_start >= 0 and all(term.kind in _GROWING for term in first)

    def extend(i: int, plan: Plan, masks: list[int]) -> Iterator[Plan]:
        if prune and bound[0] is not None:
            least = sum(t.coefficient * term_value(reader, plan, t.kind) for t in first)
            if least > bound[0]:
                return
        if i == n:
            yield dict(plan)
            return
        order = [k for k in range(len(choices[i])) if masks[i] >> k & 1]
        if random is not None and random.random() < 0.5:
            random.shuffle(order)
        for k in order:
            narrowed = masks.copy()
            for j in range(i + 1, n):
                narrowed[j] &= clashes.fitting(i, k, j)
            if not all(narrowed[i + 1 :]):
                continue
            placed = choices[i][k]
            if placed is not None:
                plan[i] = placed
            yield from extend(i + 1, plan, narrowed)
            plan.pop(i, None)

    if all(choices):
        yield from extend(0, {}, [(1 << len(mine)) - 1 for mine in choices])


def best(problem: Problem, horizon: int) -> tuple[tuple[int, ...], Schedule] | None:
    """Lexicographically best objective of any schedule that ends by ``horizon``, and a schedule.

    None if there is no such schedule. Every start, mode and absence is tried; partial schedules
    are dropped when two tasks clash for good or the first level is already worse.
    """
    found: tuple[tuple[int, ...], Schedule] | None = None
    bound: list[int | None] = [None]
    for plan in plans(problem, min(horizon, problem.horizon_end), bound=bound):
        schedule = schedule_of(problem, plan)
        worth = value(problem, schedule)
        if (found is None or worth < found[0]) and is_feasible(problem, schedule):
            found, bound[0] = (worth, schedule), worth[0]
    return found


def some_feasible(
    problem: Problem, horizon: int, *, random: Random, patience: int = 200
) -> Schedule | None:
    """Some feasible schedule found by a randomised search through at most ``patience`` plans."""
    nowhere: list[int | None] = [None]
    for plan, _ in zip(
        plans(problem, min(horizon, problem.horizon_end), random=random, bound=nowhere),
        range(patience),
        strict=False,
    ):
        schedule = schedule_of(problem, plan)
        if is_feasible(problem, schedule):
            return schedule
    return None
