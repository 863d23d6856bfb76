"""Enumeration of every schedule within a horizon."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import DemandTiming, ObjectiveKind, PrecedenceKind, ResourceKind
from tests.oracle.reading import Placed, Plan, Reader, schedule_of
from tests.oracle.rules import (
    broken_alone,
    broken_plan,
    broken_relations,
    broken_selections,
    broken_stocks,
    overtaken,
    precedence_lag,
)
from tests.oracle.values import plan_value, term_value

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
                    if not (broken_alone(reader, i, placed) | overused(reader, {i: placed})):
                        mine.append(placed)
        mine.sort(key=lambda p: (p.end, p.start, p.mode) if p else (0, 0, 0))
        if problem.tasks.optional[i]:
            mine.append(None)
        found.append(mine)
    return found


def overused(reader: Reader, plan: Plan) -> set[str]:
    """Overuse that more tasks cannot mend."""
    if not {ResourceKind.RENEWABLE, ResourceKind.CONSUMABLE} & set(reader.kind):
        return set()
    return broken_stocks(reader, plan) & {"capacity", "consumable"}


def unlevel(reader: Reader, plan: Plan, decided: int) -> bool:
    """Whether a reservoir is out of bounds at some instant whatever the undecided tasks do."""
    table = reader.problem.resources
    for r, kind in enumerate(reader.kind):
        if kind != ResourceKind.RESERVOIR:
            continue
        most = least = 0
        for i in reader.tasks[decided:]:
            changes = [
                [amount for v, amount, _ in reader.demands[m] if v == r] for m in reader.modes(i)
            ]
            most += max(sum(c for c in row if c > 0) for row in changes)
            least += min(sum(c for c in row if c < 0) for row in changes)
        moves = [
            (placed.end if timing == DemandTiming.AT_END else placed.start, amount)
            for placed in plan.values()
            for v, amount, timing in reader.demands[placed.mode]
            if v == r
        ]
        for instant, _ in moves:
            level = int(table.initial[r]) + sum(a for when, a in moves if when <= instant)
            if level + most < table.minimum[r] or level + least > table.capacity[r]:
                return True
    return False


def unselected(reader: Reader, plan: Plan, decided: int) -> bool:
    """Whether a selection group of decided tasks is broken."""
    table = reader.problem.selections
    whole = [
        k
        for k in range(table.count)
        if max(table.task[table.ptr[k] : table.ptr[k + 1]].tolist()) < decided
    ]
    return bool(broken_selections(reader.problem, set(plan), whole))


class TooManyPlansError(Exception):
    """The enumeration ran out of patience."""


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


class Search:
    """Depth-first enumeration of the plans that no partial plan rules out.

    Attributes
    ----------
    bound
        Best value of the first objective level so far; prunes where that level only grows.
    """

    def __init__(self, problem: Problem, horizon: int) -> None:
        self.problem, self.reader = problem, Reader(problem)
        self.choices = options(problem, min(horizon, problem.horizon_end))
        self.clashes = Clashes(problem, self.choices)
        self.bound: int | None = None
        self.first = problem.objective.levels[0]
        self.grows = problem.horizon_start >= 0 and all(t.kind in _GROWING for t in self.first)

    def plans(self, patience: int, random: Random | None = None) -> Iterator[Plan]:
        """Every plan, in random order if ``random`` is given.

        Raises
        ------
        TooManyPlansError
            After ``patience`` steps.
        """
        self.steps, self.patience, self.random = 0, patience, random
        if all(self.choices):
            yield from self._extend(0, {}, [(1 << len(mine)) - 1 for mine in self.choices])

    def _extend(self, i: int, plan: Plan, masks: list[int]) -> Iterator[Plan]:
        if self.grows and self.bound is not None:
            least = [t.coefficient * term_value(self.reader, plan, t.kind) for t in self.first]
            if sum(least) > self.bound:
                return
        if i == len(masks):
            yield dict(plan)
            return
        order = [k for k in range(len(self.choices[i])) if masks[i] >> k & 1]
        if self.random is not None and self.random.random() < 0.5:
            self.random.shuffle(order)
        for k in order:
            self.steps += 1
            if self.steps > self.patience:
                raise TooManyPlansError(f"{self.problem!r}: more than {self.patience} steps")
            later = range(i + 1, len(masks))
            narrowed = masks[: i + 1] + [masks[j] & self.clashes.fitting(i, k, j) for j in later]
            placed = self.choices[i][k]
            if placed is not None:
                plan[i] = placed
            if all(narrowed[i + 1 :]) and not self._hopeless(plan, i + 1):
                yield from self._extend(i + 1, plan, narrowed)
            plan.pop(i, None)

    def _hopeless(self, plan: Plan, decided: int) -> bool:
        return bool(
            overused(self.reader, plan)
            or unlevel(self.reader, plan, decided)
            or overtaken(self.reader, plan)
            or unselected(self.reader, plan, decided)
        )

    def fits(self, plan: Plan) -> bool:
        """Whether a complete plan is feasible."""
        rules = broken_selections(self.problem, set(plan)) or broken_plan(self.reader, plan)
        return not rules


def best(
    problem: Problem, horizon: int, *, patience: int = 300_000
) -> tuple[tuple[int, ...], Schedule] | None:
    """Lexicographically best objective of any schedule that ends by ``horizon``, and a schedule.

    None if there is no such schedule. Every start, mode and absence is tried; partial schedules
    are dropped when no completion can be feasible or the first level is already worse.

    Raises
    ------
    TooManyPlansError
        After ``patience`` steps, so that a test can pass the problem over.
    """
    search = Search(problem, horizon)
    found: tuple[tuple[int, ...], Schedule] | None = None
    for plan in search.plans(patience):
        worth = plan_value(search.reader, plan)
        if (found is None or worth < found[0]) and search.fits(plan):
            found, search.bound = (worth, schedule_of(problem, plan)), worth[0]
    return found


def some_feasible(
    problem: Problem, horizon: int, *, random: Random, patience: int = 1000
) -> Schedule | None:
    """Some feasible schedule, if four randomised searches of ``patience`` / 4 steps meet one."""
    search = Search(problem, horizon)
    for _ in range(4):
        try:
            for plan in search.plans(patience // 4, random):
                if search.fits(plan):
                    return schedule_of(problem, plan)
        except TooManyPlansError:
            continue
        return None
    return None
