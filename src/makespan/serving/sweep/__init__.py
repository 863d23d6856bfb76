"""Sweeps: a scenario under every combination of some of its values, over several seeds."""

from makespan.serving.sweep.cases import Case as Case
from makespan.serving.sweep.cases import axis as axis
from makespan.serving.sweep.cases import grid as grid
from makespan.serving.sweep.results import CaseResult as CaseResult
from makespan.serving.sweep.results import read_results as read_results
from makespan.serving.sweep.running import sweep as sweep
from makespan.serving.sweep.spread import Group as Group
from makespan.serving.sweep.spread import groups as groups
