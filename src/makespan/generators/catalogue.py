"""The random families by name, with their parameters described, and one call for all of them."""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.generators.everything import random_everything
from makespan.generators.lagged_projects import random_rcpsp_max
from makespan.generators.machines import random_parallel_machines, random_single_machine
from makespan.generators.named import instance_names, named_instance
from makespan.generators.projects import random_multimode_rcpsp, random_rcpsp
from makespan.generators.shops import (
    random_blocking_job_shop,
    random_due_date_job_shop,
    random_flexible_job_shop,
    random_flow_shop,
    random_job_shop,
    random_open_shop,
    random_setup_job_shop,
)
from makespan.generators.taillard import canonical_name

_GENERATORS: Final[tuple[Callable[..., Problem], ...]] = (
    random_job_shop,
    random_flexible_job_shop,
    random_flow_shop,
    random_open_shop,
    random_blocking_job_shop,
    random_setup_job_shop,
    random_due_date_job_shop,
    random_single_machine,
    random_parallel_machines,
    random_rcpsp,
    random_multimode_rcpsp,
    random_rcpsp_max,
    random_everything,
)

_COMMON: Final = {
    "jobs": "Number of jobs.",
    "machines": "Number of machines.",
    "activities": "Number of activities.",
    "resources": "Number of renewable resources.",
    "nonrenewables": "Number of nonrenewable (consumable) resources.",
    "families": "Number of setup families.",
    "low": "Shortest duration.",
    "high": "Longest duration.",
    "most_demand": "Largest demand of an activity for a resource.",
    "most_weight": "Largest weight of a job.",
    "setup_low": "Shortest setup between different families.",
    "setup_high": "Longest setup.",
    "complexity": "Network complexity: non-redundant arcs per activity, about 1 to 2.1.",
    "factor": "Resource factor: share of positive demands, 0 to 1.",
    "strength": "Resource strength: 0 scarce, 1 never binding for the earliest schedule.",
    "nonrenewable_factor": "Resource factor of the nonrenewables.",
    "starts": "Activities without predecessors.",
    "finishes": "Activities without successors.",
    "max_degree": "Most predecessors and most successors of an activity.",
    "tardiness_factor": "T: 0 puts due dates late, 1 early.",
    "due_range": "R: width of the due dates relative to the work.",
    "tightness": "Due date of a job as a multiple of its work.",
    "latest_release": "Latest release of a job; 0 releases all at once.",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a family.

    Attributes
    ----------
    type
        int, float or bool; ``optional`` ones also take None.
    default
        None if it must be given or is None by default.
    """

    name: str
    type: type
    optional: bool
    required: bool
    default: int | float | bool | None
    description: str


@dataclass(frozen=True, slots=True)
class Family:
    """A random family: call it with a seed and its parameters."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    generator: Callable[..., Problem]

    def generate(self, *, seed: int = 0, **parameters: float | bool | None) -> Problem:
        """A member of the family.

        Raises
        ------
        OptionError
            If a parameter is unknown, missing, of the wrong type or out of range.
        """
        known = {p.name: p for p in self.parameters}
        for name, value in parameters.items():
            if name not in known:
                raise OptionError(
                    f"family {self.name!r} has no parameter {name!r}",
                    hint=f"it has {', '.join(known)}",
                )
            _check_type(self.name, known[name], value)
        missing = [p.name for p in self.parameters if p.required and p.name not in parameters]
        if missing:
            raise OptionError(f"family {self.name!r} needs {', '.join(missing)}")
        return self.generator(seed=seed, **parameters)


def _check_type(family: str, parameter: Parameter, value: object) -> None:
    wanted = parameter.type
    fits = (
        isinstance(value, bool)
        if wanted is bool
        else isinstance(value, (int, float) if wanted is float else int)
        and not isinstance(value, bool)
    )
    if not (fits or (value is None and parameter.optional)):
        raise OptionError(
            f"family {family!r}: {parameter.name} is {value!r}, not of type {wanted.__name__}"
        )


def _described(text: str) -> dict[str, str]:
    """Descriptions in the Parameters section of a NumPy docstring, of names that have their own."""
    match = re.search(r"\nParameters\n-+\n(.*?)(?=\n\n[A-Z]\w+\n-+|\Z)", text, re.DOTALL)
    found: dict[str, str] = {}
    name = ""
    for line in match.group(1).splitlines() if match else ():
        if line and not line.startswith(" "):
            name = line.strip()
        elif line.strip():
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def _family(generator: Callable[..., Problem]) -> Family:
    text = inspect.getdoc(generator) or ""
    described = _described(text)
    types = typing.get_type_hints(generator)
    parameters = []
    for name, item in inspect.signature(generator).parameters.items():
        if name == "seed":
            continue
        options = typing.get_args(types[name]) or (types[name],)
        required = item.default is inspect.Parameter.empty
        parameters.append(
            Parameter(
                name=name,
                type=next(t for t in options if t is not type(None)),
                optional=type(None) in options,
                required=required,
                default=None if required else item.default,
                description=described.get(name) or _COMMON[name],
            )
        )
    summary = text.partition("\n\n")[0].replace("\n", " ")
    name = generator.__name__.removeprefix("random_")
    return Family(name, summary, tuple(parameters), generator)


@cache
def families() -> tuple[Family, ...]:
    """All random families."""
    return tuple(_family(generator) for generator in _GENERATORS)


def generate(name: str, *, seed: int = 0, **parameters: Any) -> Problem:
    """A built-in instance by its name, or a member of a random family.

    Parameters
    ----------
    name
        A name of :func:`instance_names` or of a family; "-" may stand for "_".
    seed
        Equal seeds and parameters give equal problems. Instances ignore it.
    parameters
        Those of the family.

    Raises
    ------
    OptionError
        If the name is unknown or a parameter does not fit.

    Examples
    --------
    >>> generate("job_shop", jobs=3, machines=2, seed=1)
    Problem('job_shop 3x2 seed 1': 6 tasks, 3 jobs, 2 resources, minimise makespan)
    """
    known: dict[str, Family] = {family.name: family for family in families()}
    wanted = name.strip().lower().replace("-", "_").removeprefix("random_")
    if wanted in known:
        return known[wanted].generate(seed=seed, **parameters)
    names = instance_names()
    if canonical_name(name) not in names:
        near = difflib.get_close_matches(wanted, [*known, *names], n=3)
        raise OptionError(
            f"{name!r} is neither a built-in instance nor a random family",
            hint=f"did you mean {', '.join(near)}?"
            if near
            else f"the families are {', '.join(known)}",
        )
    if parameters:
        raise OptionError(f"{name} is a fixed instance and takes no parameters")
    return named_instance(name)
