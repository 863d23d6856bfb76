"""Named instances: one look-up over everything that is built in."""

from __future__ import annotations

import difflib

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.generators.classic import classic_instance, classic_names
from makespan.generators.taillard import canonical_name, taillard_instance, taillard_names
from makespan.generators.traps import trap, trap_names


def instance_names() -> list[str]:
    """Canonical names of all built-in instances, traps last."""
    return classic_names() + taillard_names() + trap_names()


def named_instance(name: str) -> Problem:
    """The built-in instance called ``name`` (case and aliases do not matter).

    Raises
    ------
    OptionError
        If there is no such instance; the hint lists near names.
    """
    canonical = canonical_name(name)
    problem = classic_instance(canonical) or taillard_instance(canonical)
    if canonical in trap_names():
        problem = trap(canonical)
    if problem is None:
        near = difflib.get_close_matches(canonical, instance_names(), n=3)
        raise OptionError(
            f"no built-in instance is called {name!r}",
            hint=f"did you mean {', '.join(near)}?" if near else "instance_names() lists them",
        )
    return problem
