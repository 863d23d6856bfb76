"""Permutation flow shops: iterated greedy search over sequences of jobs."""

from makespan.solvers.local.flowshop.member import search as search
