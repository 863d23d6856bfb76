"""Rolling horizon: long problems as a sequence of overlapping windows."""

from makespan.solvers.rolling.driver import RollingSolver as RollingSolver
from makespan.solvers.rolling.fixing import FixAll as FixAll
from makespan.solvers.rolling.fixing import FixBySlack as FixBySlack
from makespan.solvers.rolling.fixing import FixingRule as FixingRule
from makespan.solvers.rolling.fixing import FixNone as FixNone
from makespan.solvers.rolling.fixing import FixShare as FixShare
from makespan.solvers.rolling.fixing import Overlap as Overlap
from makespan.solvers.rolling.options import RollingOptions as RollingOptions
