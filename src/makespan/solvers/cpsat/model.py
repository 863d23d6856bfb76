"""A CP-SAT model whose every variable knows its value in any plan.

A variable can only be made together with a rule that reads its value off a plan, so a schedule
always turns into a hint over *all* variables; a hint with gaps is worth much less to CP-SAT.
Every constraint goes through :meth:`Model.add` or one of the global constraints below, which is
what lets a relaxable model attach one switch per user constraint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from ortools.sat.python import cp_model

from makespan.core.errors import EngineError
from makespan.solvers.cpsat.labels import ConstraintLabel
from makespan.solvers.cpsat.plan import Plan

IntVar: TypeAlias = cp_model.IntVar
Literal: TypeAlias = cp_model.BoolVarT
Expression: TypeAlias = cp_model.LinearExprT
Interval: TypeAlias = cp_model.IntervalVar
Rule: TypeAlias = Callable[[Plan], int]

VALUE_LIMIT: Final = 1 << 62
"""CP-SAT sums in int64; anything beyond this is refused before the backend sees it."""


class Model:
    """CP-SAT model with complete hints and switchable constraints.

    Parameters
    ----------
    relaxable
        Whether constraints posted under :meth:`labelled` get a switch literal each.
    """

    def __init__(self, *, relaxable: bool = False) -> None:
        self.cp = cp_model.CpModel()
        self.relaxable = relaxable
        self.switches: dict[ConstraintLabel, Literal] = {}
        self._rules: list[Rule] = []
        self._active: tuple[Literal, ...] = ()
        self.true: IntVar = self.cp.new_int_var(1, 1, "")
        self._rules.append(lambda plan: 1)

    # Variables

    def int_var(self, low: int, high: int, rule: Rule) -> IntVar:
        """Integer variable in ``[low, high]`` with its value in a plan."""
        if max(abs(low), abs(high)) >= VALUE_LIMIT:
            raise EngineError(
                f"a variable would range over [{low}, {high}], which overflows 64-bit sums",
                hint="use a coarser time unit or smaller weights",
            )
        self._rules.append(rule)
        return self.cp.new_int_var(low, max(low, high), "")

    def upper(self, var: IntVar) -> int:
        """Largest value in the domain of ``var``."""
        return int(var.domain.max())

    def domain_var(self, intervals: Sequence[tuple[int, int]], rule: Rule) -> IntVar:
        """Integer variable in a union of closed intervals, not empty."""
        self._rules.append(rule)
        domain = cp_model.Domain.from_intervals([list(pair) for pair in intervals])
        return self.cp.new_int_var_from_domain(domain, "")

    def literal(self, rule: Callable[[Plan], bool]) -> IntVar:
        """Boolean variable with its value in a plan."""
        self._rules.append(lambda plan: int(rule(plan)))
        return self.cp.new_bool_var("")

    # Constraints

    @contextmanager
    def labelled(self, *labels: ConstraintLabel) -> Iterator[None]:
        """Constraints added inside belong to ``labels``; in a relaxable model switches rule them.

        A constraint under several labels binds only if all their switches are on.
        """
        if not self.relaxable:
            yield
            return
        for label in labels:
            if label not in self.switches:
                self.switches[label] = self.literal(lambda plan: True)
        before = self._active
        self._active = (*before, *(self.switches[label] for label in labels))
        try:
            yield
        finally:
            self._active = before

    def _enforce(self, constraint: cp_model.Constraint, when: Iterable[Literal]) -> None:
        literals = [lit for lit in when if lit is not self.true]
        literals.extend(self._active)
        if literals:
            constraint.only_enforce_if(literals)

    def add(self, relation: cp_model.BoundedLinearExpression | bool, *when: Literal) -> None:
        """Linear relation that binds if every literal in ``when`` is true."""
        if isinstance(relation, bool):
            # Both sides were constants; the backend would make a variable of the answer.
            if not relation:
                self.add_clause([], *when)
            return
        self._enforce(self.cp.add(relation), when)

    def add_in_domain(
        self, expression: Expression, intervals: Sequence[tuple[int, int]], *when: Literal
    ) -> None:
        """``expression`` lies in a union of closed intervals (an empty one forbids ``when``)."""
        if not intervals:
            self.add_clause([], *when)
            return
        domain = cp_model.Domain.from_intervals([list(pair) for pair in intervals])
        self._enforce(self.cp.add_linear_expression_in_domain(expression, domain), when)

    def add_clause(self, literals: Sequence[Literal], *when: Literal) -> None:
        """At least one literal is true."""
        self._enforce(self.cp.add_bool_or(list(literals)), when)

    def add_exactly_one(self, literals: Sequence[Literal]) -> None:
        """Exactly one literal is true."""
        if self._active:
            self._enforce(self.cp.add(cp_model.LinearExpr.sum(list(literals)) == 1), ())
        else:
            self.cp.add_exactly_one(list(literals))

    def add_at_most_one(self, literals: Sequence[Literal]) -> None:
        """At most one literal is true."""
        if self._active:
            self._enforce(self.cp.add(cp_model.LinearExpr.sum(list(literals)) <= 1), ())
        else:
            self.cp.add_at_most_one(list(literals))

    def add_no_overlap(self, intervals: Sequence[Interval]) -> None:
        """Present intervals are pairwise disjoint (empty ones not strictly inside others)."""
        if len(intervals) > 1:
            self._enforce(self.cp.add_no_overlap(list(intervals)), ())

    def add_cumulative(
        self, intervals: Sequence[Interval], demands: Sequence[Expression], capacity: int
    ) -> None:
        """Summed demand of the intervals that cover a tick stays within ``capacity``."""
        if intervals:
            self._enforce(self.cp.add_cumulative(list(intervals), list(demands), capacity), ())

    def add_reservoir(
        self,
        times: Sequence[Expression],
        changes: Sequence[int],
        actives: Sequence[Literal],
        minimum: int,
        maximum: int,
    ) -> None:
        """Sum of active changes up to any instant lies in ``[minimum, maximum]``, 0 included."""
        if times:
            self._enforce(
                self.cp.add_reservoir_constraint_with_active(
                    list(times), list(changes), list(actives), minimum, maximum
                ),
                (),
            )

    def add_circuit(self, arcs: Sequence[tuple[int, int, Literal]]) -> None:
        """True arcs form one circuit over the nodes that have no true self-loop."""
        # The circuit itself only names an order; what a label relaxes are the times along it.
        self.cp.add_circuit(list(arcs))

    def forbid(self) -> None:
        """Make the model infeasible (under the current labels)."""
        self.add_clause([])

    # Definitions: relations that say what an auxiliary variable means bind under every label

    def define(self, relation: cp_model.BoundedLinearExpression | bool, *when: Literal) -> None:
        """Linear relation that no label relaxes."""
        with self._unlabelled():
            self.add(relation, *when)

    def define_clause(self, literals: Sequence[Literal], *when: Literal) -> None:
        """Clause that no label relaxes."""
        with self._unlabelled():
            self.add_clause(literals, *when)

    def define_exactly_one(self, literals: Sequence[Literal]) -> None:
        """Exactly one literal is true, whatever the labels."""
        with self._unlabelled():
            self.add_exactly_one(literals)

    def define_maximum(self, target: Expression, parts: Sequence[Expression]) -> None:
        """``target`` equals the largest of ``parts``, whatever the labels."""
        self.cp.add_max_equality(target, list(parts))

    @contextmanager
    def _unlabelled(self) -> Iterator[None]:
        before, self._active = self._active, ()
        try:
            yield
        finally:
            self._active = before

    # Intervals

    def interval(
        self, start: Expression, size: Expression, end: Expression, present: Literal
    ) -> Interval:
        """Interval that exists if ``present``; sizes may be constants or affine expressions."""
        if present is self.true:
            if isinstance(size, int):
                return self.cp.new_fixed_size_interval_var(start, size, "")
            return self.cp.new_interval_var(start, size, end, "")
        if isinstance(size, int):
            return self.cp.new_optional_fixed_size_interval_var(start, size, present, "")
        return self.cp.new_optional_interval_var(start, size, end, present, "")

    # Hints

    def rule(self, var: IntVar) -> Rule:
        """The rule that ``var`` was made with."""
        index: int = var.index
        return self._rules[index]

    @property
    def variable_count(self) -> int:
        """Number of variables in the backend's model."""
        return len(self.cp.proto.variables)

    def hint_values(self, plan: Plan) -> list[int]:
        """Value of every variable in ``plan``, in the backend's order."""
        return [rule(plan) for rule in self._rules]

    def objective_floor(self) -> int:
        """Value that the domains alone keep the objective from undercutting."""
        objective, variables = self.cp.proto.objective, self.cp.proto.variables
        floor = round(objective.offset)
        for k, coefficient in zip(objective.vars, objective.coeffs, strict=True):
            domain = list(variables[k].domain)
            floor += coefficient * (domain[0] if coefficient > 0 else domain[-1])
        return int(floor)

    def set_hint(self, plan: Plan) -> None:
        """Replace the hint by the complete assignment that ``plan`` stands for."""
        values = self.hint_values(plan)
        if len(values) != self.variable_count:
            raise EngineError(
                f"{self.variable_count - len(values)} CP-SAT variables have no hint rule"
            )
        self.cp.clear_hints()
        hint = self.cp.proto.solution_hint
        hint.vars.extend(range(len(values)))
        hint.values.extend(values)
