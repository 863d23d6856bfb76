"""Repair of plans in execution, and questions of the kind "what if"."""

from makespan.solvers.repair.comparison import JobChange as JobChange
from makespan.solvers.repair.comparison import TermChange as TermChange
from makespan.solvers.repair.comparison import WhatIf as WhatIf
from makespan.solvers.repair.comparison import what_if as what_if
from makespan.solvers.repair.disturbances import Breakdown as Breakdown
from makespan.solvers.repair.disturbances import Cancelled as Cancelled
from makespan.solvers.repair.disturbances import CapacityDrop as CapacityDrop
from makespan.solvers.repair.disturbances import Disturbance as Disturbance
from makespan.solvers.repair.disturbances import Finished as Finished
from makespan.solvers.repair.disturbances import Late as Late
from makespan.solvers.repair.disturbances import Longer as Longer
from makespan.solvers.repair.disturbances import NewDeadline as NewDeadline
from makespan.solvers.repair.disturbances import NewDue as NewDue
from makespan.solvers.repair.disturbances import NewRelease as NewRelease
from makespan.solvers.repair.disturbances import NewWork as NewWork
from makespan.solvers.repair.replanning import Move as Move
from makespan.solvers.repair.replanning import Repair as Repair
from makespan.solvers.repair.replanning import repair as repair
