"""The traps by name."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.validation import ModelWarning


@dataclass(frozen=True, slots=True)
class Trap:
    """A tiny problem with a known answer.

    Attributes
    ----------
    optimum
        Value per objective level, None if no schedule exists.
    argument
        Why that is the optimum.
    """

    name: str
    optimum: tuple[int, ...] | None
    argument: str
    fill: Callable[[ProblemBuilder], None]

    def build(self) -> Problem:
        """The problem."""
        b = ProblemBuilder(self.name, horizon=(_HORIZON_START.get(self.name, 0), None))
        self.fill(b)
        with warnings.catch_warnings():
            # Some traps are about models that a person should be warned of.
            warnings.simplefilter("ignore", ModelWarning)
            return b.build()


_HORIZON_START: dict[str, int] = {}
_TRAPS: dict[str, Trap] = {}


def register(
    *optimum: int, infeasible: bool = False, horizon_start: int = 0
) -> Callable[[Callable[[ProblemBuilder], None]], Callable[[ProblemBuilder], None]]:
    """Registers a function that fills a builder as the trap of its name."""

    def keep(fill: Callable[[ProblemBuilder], None]) -> Callable[[ProblemBuilder], None]:
        name = fill.__name__
        if name in _TRAPS:
            raise OptionError(f"a trap {name!r} is already registered")
        argument = inspect.getdoc(fill) or ""
        _TRAPS[name] = Trap(name, None if infeasible else optimum, argument, fill)
        _HORIZON_START[name] = horizon_start
        return fill

    return keep


def traps() -> list[Trap]:
    """All traps."""
    return list(_TRAPS.values())


def trap_names() -> list[str]:
    """Names of all traps."""
    return list(_TRAPS)


def _find(name: str) -> Trap:
    if name not in _TRAPS:
        near = difflib.get_close_matches(name, _TRAPS, n=3)
        raise OptionError(
            f"no trap is called {name!r}",
            hint=f"did you mean {', '.join(near)}?" if near else "trap_names() lists them",
        )
    return _TRAPS[name]


def trap(name: str) -> Problem:
    """The trap called ``name``.

    Raises
    ------
    OptionError
        If there is none.
    """
    return _find(name).build()


def trap_optimum(name: str) -> tuple[int, ...] | None:
    """Its optimal value per objective level, None if it is infeasible.

    Raises
    ------
    OptionError
        If there is no such trap.
    """
    return _find(name).optimum
