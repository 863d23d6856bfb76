"""The engine ``auto``: a portfolio whose members share incumbents and bounds."""

from makespan.solvers.auto.engine import AutoOptions as AutoOptions
from makespan.solvers.auto.engine import AutoSolver as AutoSolver
from makespan.solvers.auto.plan import Features as Features
from makespan.solvers.auto.plan import Plan as Plan
from makespan.solvers.auto.plan import plan_for as plan_for
