"""makespan: one model of dependent work; solve it, verify it, draw it, explain it.

Names are imported on first use, so ``import makespan`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from makespan._version import __version__ as __version__

if TYPE_CHECKING:
    from makespan.core.builder import ProblemBuilder as ProblemBuilder
    from makespan.core.errors import MakespanError as MakespanError
    from makespan.core.metrics import evaluate as evaluate
    from makespan.core.problem import Problem as Problem
    from makespan.core.result import Result as Result
    from makespan.core.schedule import Schedule as Schedule
    from makespan.core.trace import Trace as Trace
    from makespan.core.verify import Violation as Violation
    from makespan.core.verify import verify as verify
    from makespan.core.vocabulary import Blocking as Blocking
    from makespan.core.vocabulary import Status as Status
    from makespan.generators import named_instance as named_instance
    from makespan.io import read as read
    from makespan.io import read_schedule as read_schedule
    from makespan.io import write as write
    from makespan.io import write_schedule as write_schedule
    from makespan.solvers.explain import explain as explain
    from makespan.solvers.repair import Repair as Repair
    from makespan.solvers.repair import WhatIf as WhatIf
    from makespan.solvers.repair import repair as repair
    from makespan.solvers.repair import what_if as what_if
    from makespan.solvers.solving import solve as solve
    from makespan.viz import write_gantt as write_gantt

_HOME = {
    "Blocking": "makespan.core.vocabulary",
    "MakespanError": "makespan.core.errors",
    "Problem": "makespan.core.problem",
    "ProblemBuilder": "makespan.core.builder",
    "Repair": "makespan.solvers.repair",
    "Result": "makespan.core.result",
    "Schedule": "makespan.core.schedule",
    "Status": "makespan.core.vocabulary",
    "Trace": "makespan.core.trace",
    "Violation": "makespan.core.verify",
    "WhatIf": "makespan.solvers.repair",
    "evaluate": "makespan.core.metrics",
    "explain": "makespan.solvers.explain",
    "named_instance": "makespan.generators",
    "read": "makespan.io",
    "read_schedule": "makespan.io",
    "repair": "makespan.solvers.repair",
    "solve": "makespan.solvers.solving",
    "verify": "makespan.core.verify",
    "what_if": "makespan.solvers.repair",
    "write": "makespan.io",
    "write_gantt": "makespan.viz",
    "write_schedule": "makespan.io",
}

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'makespan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
