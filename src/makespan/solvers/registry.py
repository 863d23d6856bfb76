"""Engines by name: the ones shipped here and those of third parties.

A third party adds an engine with an entry point in the group ``makespan.solvers`` whose value is
a callable without required arguments that returns a Solver.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from makespan.core.errors import EngineError, OptionError
from makespan.solvers.engine import Solver

GROUP: Final = "makespan.solvers"

_SHIPPED: Final = {
    "alns": "makespan.solvers.alns:AlnsSolver",
    "auto": "makespan.solvers.auto:AutoSolver",
    "cpsat": "makespan.solvers.cpsat:CpSatSolver",
    "dispatch": "makespan.solvers.dispatch:DispatchSolver",
    "local": "makespan.solvers.local:LocalSolver",
    "ray": "makespan.solvers.distributed:RaySolver",
    "rolling": "makespan.solvers.rolling:RollingSolver",
}


def engine_names() -> list[str]:
    """Names that :func:`engine` accepts, sorted."""
    return sorted({*_SHIPPED, *(point.name for point in entry_points(group=GROUP))})


def engine(name: str) -> Solver:
    """A fresh engine of that name.

    Raises
    ------
    OptionError
        If no engine has that name.
    EngineError
        If two plug-ins claim one name, or a plug-in does not load or is not a Solver.
    """
    plugins = [point for point in entry_points(group=GROUP) if point.name == name]
    if len(plugins) + (name in _SHIPPED) > 1:
        owners = ", ".join(sorted(point.value for point in plugins))
        raise EngineError(f"engine {name!r} is claimed more than once: {owners}")
    if name in _SHIPPED:
        module, _, factory = _SHIPPED[name].partition(":")
        made: object = getattr(import_module(module), factory)()
    elif plugins:
        try:
            made = plugins[0].load()()
        except Exception as error:
            raise EngineError(f"engine {name!r} ({plugins[0].value}) does not load") from error
    else:
        raise OptionError(f"unknown engine {name!r}", hint=f"known: {', '.join(engine_names())}")
    if not isinstance(made, Solver):
        raise EngineError(f"engine {name!r} is not a Solver: it lacks name or solve")
    return made
