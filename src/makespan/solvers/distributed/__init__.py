"""Beyond one machine: the portfolio and sweeps of solves on a Ray cluster (extra ``ray``)."""

from makespan.solvers.distributed.engine import RayOptions as RayOptions
from makespan.solvers.distributed.engine import RaySolver as RaySolver
from makespan.solvers.distributed.sweep import Run as Run
from makespan.solvers.distributed.sweep import RunResult as RunResult
from makespan.solvers.distributed.sweep import sweep as sweep
