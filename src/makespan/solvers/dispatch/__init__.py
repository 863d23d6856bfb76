"""Dispatching: priority rules that build schedules in one pass, and sampling around them."""

from __future__ import annotations

from makespan.solvers.dispatch.engine import DispatchSolver as DispatchSolver
from makespan.solvers.dispatch.rules import RULES as RULES
from makespan.solvers.dispatch.rules import Rule as Rule
from makespan.solvers.dispatch.rules import find_rule as find_rule
from makespan.solvers.dispatch.sampling import dispatch as dispatch
from makespan.solvers.dispatch.sampling import sample as sample
