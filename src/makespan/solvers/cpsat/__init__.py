"""Exact engine over OR-Tools CP-SAT: the whole vocabulary, complete hints, live bounds."""

from makespan.solvers.cpsat.build import Build as Build
from makespan.solvers.cpsat.build import build as build
from makespan.solvers.cpsat.driver import CpSatSolver as CpSatSolver
from makespan.solvers.cpsat.driver import cross_check as cross_check
from makespan.solvers.cpsat.labels import ConstraintLabel as ConstraintLabel
from makespan.solvers.cpsat.labels import LabelKind as LabelKind
from makespan.solvers.cpsat.options import CpSatOptions as CpSatOptions
