"""Adaptive large neighbourhood search for problems with any constraint of the vocabulary."""

from makespan.solvers.alns.engine import AlnsOptions as AlnsOptions
from makespan.solvers.alns.engine import AlnsSolver as AlnsSolver
from makespan.solvers.alns.search import search as search
