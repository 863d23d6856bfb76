"""Tiny problems that catch engines out, each with a known optimum argued in its docstring.

>>> from makespan.generators.traps import trap, trap_optimum
>>> trap("swap_forbidden"), trap_optimum("swap_forbidden")
(Problem('swap_forbidden': 4 tasks, 2 jobs, 2 resources, minimise makespan), (8,))
"""

from makespan.generators.traps import choices as _choices
from makespan.generators.traps import machines as _machines
from makespan.generators.traps import stocks as _stocks
from makespan.generators.traps import times as _times
from makespan.generators.traps._registry import Trap as Trap
from makespan.generators.traps._registry import trap as trap
from makespan.generators.traps._registry import trap_names as trap_names
from makespan.generators.traps._registry import trap_optimum as trap_optimum
from makespan.generators.traps._registry import traps as traps

del _choices, _machines, _stocks, _times
