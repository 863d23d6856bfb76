"""Local search: compiled searches for the classic shapes of problems, one package each."""

from makespan.solvers.local.engine import LocalOptions as LocalOptions
from makespan.solvers.local.engine import LocalSolver as LocalSolver
