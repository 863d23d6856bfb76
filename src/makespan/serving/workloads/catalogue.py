"""The generators of loads by name, with their parameters described, and one call for all."""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from makespan.core.errors import OptionError, ProblemError
from makespan.core.pairs import typed_value
from makespan.serving.workload import Workload
from makespan.serving.workloads.agents import agents
from makespan.serving.workloads.compound import compound, service_mix
from makespan.serving.workloads.independent import burst_lookalike, independent
from makespan.serving.workloads.shared import conversations, offline_batch, shared_prefixes
from makespan.serving.workloads.text2sql import text2sql

Value = int | float | str | bool

_GENERATORS: Final[tuple[Callable[..., Workload], ...]] = (
    independent,
    burst_lookalike,
    shared_prefixes,
    conversations,
    offline_batch,
    agents,
    compound,
    service_mix,
    text2sql,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a generator; ``type`` is int, float, str or bool."""

    name: str
    type: type
    default: Value
    description: str


@dataclass(frozen=True, slots=True)
class LoadGenerator:
    """A generator: its name, what it makes, and its parameters."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    function: Callable[..., Workload]

    def generate(self, parameters: Mapping[str, Value] | None = None, *, seed: int = 0) -> Workload:
        """A load; its ``source`` says all parameters and the seed.

        Parameters
        ----------
        parameters
            Values by name; a string is read as the parameter's type. The others have defaults.

        Raises
        ------
        OptionError
            If a parameter is unknown, of the wrong type or out of range.
        """
        known = {item.name: item for item in self.parameters}
        chosen: dict[str, Value] = {item.name: item.default for item in self.parameters}
        for name, value in (parameters or {}).items():
            key = name.replace("-", "_")
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                raise OptionError(
                    f"load {self.name!r} has no parameter {name!r}",
                    hint=f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}",
                )
            chosen[key] = _typed(self.name, known[key], value)
        if type(seed) is not int or seed < 0:
            raise OptionError(f"seed is {seed!r}", hint="a whole number of at least 0")
        try:
            load = self.function(seed=seed, **chosen)
        except ProblemError as error:
            raise OptionError(error.message, hint=error.hint) from error
        said = ", ".join(f"{key}={value}" for key, value in chosen.items())
        return replace(load, source=f"generated: {self.name}({said}, seed={seed})")


@cache
def generators() -> tuple[LoadGenerator, ...]:
    """All generators."""
    return tuple(_generator(function) for function in _GENERATORS)


def generate(
    name: str, parameters: Mapping[str, Value] | None = None, *, seed: int = 0
) -> Workload:
    """A load by the name of its generator.

    Parameters
    ----------
    name
        A name of :func:`generators`; "_" may stand for "-".
    parameters
        Values by name.
    seed
        Equal seeds and parameters give equal loads.

    Raises
    ------
    OptionError
        If the name is unknown or a parameter does not fit.

    Examples
    --------
    >>> generate("independent", {"requests": 3, "lengths": "dist-1"}, seed=1).output.tolist()
    [3068, 2708, 3467]
    """
    by_name = {item.name: item for item in generators()}
    wanted = name.strip().lower().replace("_", "-")
    if wanted not in by_name:
        near = difflib.get_close_matches(wanted, by_name, n=2)
        raise OptionError(
            f"there is no load {name!r}",
            hint=f"did you mean {' or '.join(near)}?"
            if near
            else f"the loads are {', '.join(by_name)}",
        )
    return by_name[wanted].generate(parameters, seed=seed)


def _typed(load: str, parameter: Parameter, value: Value) -> Value:
    """The value as the parameter's type."""
    wanted = parameter.type
    try:
        if isinstance(value, str) and wanted is not str:
            value = typed_value(value, wanted)
        if wanted is float and type(value) is int:
            value = float(value)
    except (ValueError, OverflowError):
        pass
    if type(value) is not wanted:
        raise OptionError(
            f"load {load!r}: {parameter.name} is {value!r}, not of type {wanted.__name__}"
        )
    return value


def _generator(function: Callable[..., Workload]) -> LoadGenerator:
    text = inspect.getdoc(function) or ""
    described = _described(text)
    types = typing.get_type_hints(function)
    parameters = tuple(
        Parameter(name, types[name], item.default, described[name])
        for name, item in inspect.signature(function).parameters.items()
        if name != "seed"
    )
    summary = text.partition("\n\n")[0].replace("\n", " ")
    return LoadGenerator(function.__name__.replace("_", "-"), summary, parameters, function)


def _described(text: str) -> dict[str, str]:
    """Descriptions in the Parameters section of a NumPy docstring."""
    section = re.search(r"\nParameters\n-+\n(.*)\Z", text, re.DOTALL)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.group(1).splitlines() if section else ():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        elif line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
