"""Which optional tasks a run places, and modes that jointly respect budgets and links.

Placing tasks one by one cannot see that a budget runs out, that linked tasks end up without a
common machine, or that exactly one of a set must be there. So these choices are made before any
task is placed, by CP-SAT on presence and modes alone, with priority to valuable tasks and short
modes. The result is a *safe* assignment: a task may still take another mode as long as all who are
not yet placed keep theirs (see ``allowed`` in :mod:`makespan.solvers.dispatch._place`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import (
    BoolArray,
    IntArray,
    LinkKind,
    ObjectiveKind,
    ResourceKind,
    SelectionKind,
)
from makespan.solvers.dispatch import _layout as at

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import BoolVarT, CpModel

_SECONDS: Final = 2.0
"""Deterministic seconds for one choice; the best one found by then is used."""

_SPREAD: Final = 0.5
"""Share by which a varied choice may change the price of a mode or the value of a task."""

_SCALE: Final = 1 << 30
"""Largest coefficient handed to CP-SAT; prices are scaled down to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What a run wants of each task.

    Attributes
    ----------
    want
        LEAVE_OUT, REQUIRE, TRY or TRY_LAST per task, int64 (n,).
    safe
        Mode that keeps budgets and links satisfiable, -1 where any will do, int64 (n,).
    """

    want: IntArray
    safe: IntArray


class Choices:
    """Draws choices for one problem; the plain one is number 0, the others vary around it."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        t = problem.tasks
        self._free = t.optional.copy()
        self._ruled = np.zeros(t.count, dtype=np.bool_)
        self._ruled[problem.selections.task] = True
        self._moded = _with_bound_modes(problem)
        self._known: dict[int, Choice | None] = {}
        self.varied = bool((self._ruled & self._free).any() or self._moded.any())
        valued = [
            any(term.kind is ObjectiveKind.UNPLACED and term.coefficient > 0 for term in level)
            for level in problem.objective.levels
        ]
        self._valued = any(valued)
        self._first = valued[0]

    def number(self, number: int) -> Choice | None:
        """The choice of that number, or None if selections, links and budgets contradict."""
        if number not in self._known:
            if len(self._known) > 64:
                self._known.clear()
            self._known[number] = self._draw(number)
        return self._known[number]

    def _draw(self, number: int) -> Choice | None:
        t = self._problem.tasks
        want = np.full(t.count, at.REQUIRE, dtype=np.int64)
        want[self._free] = at.LEAVE_OUT
        safe = np.full(t.count, -1, dtype=np.int64)
        welcome = at.TRY if self._first else at.TRY_LAST
        if self._valued:
            want[self._free & (t.reward > 0)] = welcome
        if number < 0:
            # Nothing is gained by these tasks, but they may fill or drain a reservoir.
            want[self._free & (want == at.LEAVE_OUT) & _movers(self._problem)] = at.TRY
        # Selections of required tasks leave nothing to choose, but may contradict each other.
        if not (self.varied or self._ruled.any()):
            return Choice(want, safe)
        solved = _solve(self._problem, want, self._moded, max(number, 0))
        if solved is None:
            return None
        present, mode = solved
        safe[self._moded & present] = mode[self._moded & present]
        optional = self._free & (self._ruled | self._moded)
        want[optional & ~present] = at.LEAVE_OUT
        chosen = optional & present & (want == at.LEAVE_OUT)
        want[chosen] = at.TRY
        want[optional & present & _tied(self._problem)] = at.REQUIRE
        return Choice(want, safe)


def _with_bound_modes(problem: Problem) -> BoolArray:
    """Tasks whose modes budgets or links tie to those of other tasks, (n,)."""
    m = problem.modes
    moded = np.zeros(problem.tasks.count, dtype=np.bool_)
    moded[problem.links.first] = moded[problem.links.second] = True
    spends = problem.resources.kind[m.demand_resource] == ResourceKind.CONSUMABLE
    moded[m.task[m.demand_mode()[spends & (m.demand_amount > 0)]]] = True
    return moded


def _movers(problem: Problem) -> BoolArray:
    """Tasks that change a reservoir in some mode, (n,)."""
    m = problem.modes
    moves = problem.resources.kind[m.demand_resource] == ResourceKind.RESERVOIR
    movers = np.zeros(problem.tasks.count, dtype=np.bool_)
    movers[m.task[m.demand_mode()[moves]]] = True
    return movers


def _tied(problem: Problem) -> BoolArray:
    """Tasks that a selection may force to be present; leaving them out later could break it."""
    table = problem.selections
    tied = np.zeros(problem.tasks.count, dtype=np.bool_)
    for k in range(table.count):
        members = table.task[table.ptr[k] : table.ptr[k + 1]]
        if table.kind[k] == SelectionKind.IMPLIES:
            members = members[1:]
        if table.kind[k] != SelectionKind.AT_MOST_ONE:
            tied[members] = True
    return tied


def _solve(
    problem: Problem, want: IntArray, moded: BoolArray, number: int
) -> tuple[BoolArray, IntArray] | None:
    """Presence and modes, (n,) each, that meet selections, links and budgets; None if none do."""
    from ortools.sat.python import cp_model

    t = problem.tasks
    model = cp_model.CpModel()
    true = model.new_constant(1)
    price, value = _prices(problem, number)
    asked: set[int] = set(np.flatnonzero(moded).tolist()) | set(problem.selections.task.tolist())
    present: dict[int, BoolVarT] = {}
    modes: dict[int, dict[int, BoolVarT]] = {}
    terms: list[tuple[BoolVarT, int]] = []
    for i in sorted(asked):
        present[i] = model.new_bool_var("") if t.optional[i] else true
        first, last = int(t.mode_ptr[i]), int(t.mode_ptr[i + 1])
        if moded[i]:
            modes[i] = {k: model.new_bool_var("") for k in range(first, last)}
            model.add(sum(modes[i].values()) == present[i])
            terms += [(literal, int(price[k])) for k, literal in modes[i].items()]
        elif t.optional[i]:
            terms.append((present[i], int(price[first:last].min())))
        if t.optional[i] and want[i] != at.LEAVE_OUT:
            terms.append((present[i], -int(value[i])))
    _post_selections(problem, model, present)
    _post_links(problem, model, present, modes)
    _post_budgets(problem, model, modes)
    if terms:
        model.minimize(
            cp_model.LinearExpr.weighted_sum([x for x, _ in terms], [c for _, c in terms])
        )
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = number
    solver.parameters.max_deterministic_time = _SECONDS
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    here = np.ones(t.count, dtype=np.bool_)
    mode = np.full(t.count, -1, dtype=np.int64)
    for i, literal in present.items():
        here[i] = solver.boolean_value(literal)
    for i, choices in modes.items():
        for k, literal in choices.items():
            if solver.boolean_value(literal):
                mode[i] = k
    return here, mode


def _prices(problem: Problem, number: int) -> tuple[IntArray, IntArray]:
    """Price of each mode, (m,), and value of each task, (n,), as moderate whole numbers."""
    m, t = problem.modes, problem.tasks
    price = (m.duration + 1).astype(np.float64)
    if {ObjectiveKind.MODE_COST, ObjectiveKind.RESOURCE_COST} & problem.objective.kinds:
        price += m.cost
    # A task that is wanted at all is worth more than the time it takes.
    value = t.reward.astype(np.float64) + float(price.max(initial=1.0)) * (t.reward > 0)
    if number:
        random = np.random.default_rng(np.random.SeedSequence([number]))
        price *= random.uniform(1 - _SPREAD, 1 + _SPREAD, len(price))
        value *= random.uniform(1 - _SPREAD, 1 + _SPREAD, len(value))
    largest = max(float(price.max(initial=1.0)), float(value.max(initial=1.0)))
    factor = min(1.0, _SCALE / largest) if largest > _SCALE else min(1000.0, _SCALE / largest)
    return (
        np.ceil(price * factor).astype(np.int64),
        np.ceil(value * factor).astype(np.int64),
    )


def _post_selections(problem: Problem, model: CpModel, present: dict[int, BoolVarT]) -> None:
    table = problem.selections
    for k in range(table.count):
        literals = [present[i] for i in table.task[table.ptr[k] : table.ptr[k + 1]].tolist()]
        kind = SelectionKind(int(table.kind[k]))
        if kind is SelectionKind.EXACTLY_ONE:
            model.add_exactly_one(literals)
        elif kind is SelectionKind.AT_MOST_ONE:
            model.add_at_most_one(literals)
        elif kind is SelectionKind.ALL_OR_NONE:
            for literal in literals[1:]:
                model.add(literal == literals[0])
        else:
            for literal in literals[1:]:
                model.add_implication(literals[0], literal)


def _post_links(
    problem: Problem,
    model: CpModel,
    present: dict[int, BoolVarT],
    modes: dict[int, dict[int, BoolVarT]],
) -> None:
    """Modes of linked tasks that do not go together exclude each other."""
    m, links = problem.modes, problem.links
    groups = [frozenset(members.tolist()) for members in problem.groups]

    def used(mode: int, group: frozenset[int]) -> frozenset[int]:
        rows = slice(int(m.demand_ptr[mode]), int(m.demand_ptr[mode + 1]))
        return group & frozenset(m.demand_resource[rows].tolist())

    for k in range(links.count):
        i, j = int(links.first[k]), int(links.second[k])
        group, same = groups[int(links.group[k])], links.kind[k] == LinkKind.SAME
        theirs = {b: used(b, group) for b in modes[j]}
        for a, literal in modes[i].items():
            mine = used(a, group)
            fits = (b for b, his in theirs.items() if (his == mine if same else not his & mine))
            good = [modes[j][b] for b in fits]
            if len(good) < len(theirs):
                model.add_bool_or([*good, present[j].negated()]).only_enforce_if(literal)


def _post_budgets(problem: Problem, model: CpModel, modes: dict[int, dict[int, BoolVarT]]) -> None:
    m, r = problem.modes, problem.resources
    spent: dict[int, list[tuple[BoolVarT, int]]] = {}
    for choices in modes.values():
        for k, literal in choices.items():
            for row in range(int(m.demand_ptr[k]), int(m.demand_ptr[k + 1])):
                resource = int(m.demand_resource[row])
                if r.kind[resource] == ResourceKind.CONSUMABLE:
                    spent.setdefault(resource, []).append((literal, int(m.demand_amount[row])))
    for resource, pairs in spent.items():
        total = sum(literal * amount for literal, amount in pairs)
        model.add(total <= int(r.capacity[resource]))
