"""Search for resource-constrained projects, with one or several modes per activity."""

from makespan.solvers.local.project.member import search as search
