"""Cases of a sweep: which values they combine, and by which key each is known again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from itertools import product
from typing import Any, Final

from makespan._version import __version__
from makespan.core.errors import OptionError
from makespan.serving.scenario import Scenario
from makespan.serving.workload import Workload

Value = str | int | float | bool


def _fleet(text: str) -> str:
    return text.replace("+", ",")


def _switch(text: str) -> bool:
    values = {"true": True, "on": True, "false": False, "off": False}
    if text.lower() not in values:
        raise ValueError(text)
    return values[text.lower()]


AXES: Final[Mapping[str, Callable[[str], Value]]] = {
    "policy": str,
    "router": str,
    "rate": float,
    "load": float,
    "instances": int,
    "model": str,
    "gpu": _fleet,
    "tp": int,
    "blocks": int,
    "block_size": int,
    "max_num_batched_tokens": int,
    "max_num_seqs": int,
    "prefix_caching": _switch,
    "async_scheduling": _switch,
    "swap": float,
    "offload": float,
    "offload_bandwidth": float,
    "cap": int,
}
"""What may vary, and how its values are read. Seeds vary by themselves."""


@dataclass(frozen=True, slots=True)
class Case:
    """One simulation of a sweep.

    Attributes
    ----------
    varied
        Its values on the axes, in the order of the axes; without the seed.
    """

    scenario: Scenario
    policy: str
    router: str
    varied: tuple[tuple[str, Value], ...]

    def __str__(self) -> str:
        words = [f"{name}={value}" for name, value in self.varied]
        return ", ".join([*words, f"seed={self.scenario.seed}"])

    def key(self, digest: str) -> str:
        """Name of all that its result depends on: values, load, version."""
        known = {
            "version": __version__,
            "workload": digest,
            "policy": self.policy,
            "router": self.router,
            "scenario": asdict(replace(self.scenario, trace=None)),
        }
        return sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:24]


def axis(text: str) -> tuple[str, tuple[Value, ...]]:
    """An axis in words: ``rate=1,2,4``, ``policy=fcfs,edf``, ``gpu=A100,A100+L40S``.

    Raises
    ------
    OptionError
        If nothing of that name may vary, or a value is none.
    """
    name, equals, rest = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or name not in AXES:
        raise OptionError(
            f"{text!r} is nothing to sweep over",
            hint=f"such as rate=1,2,4; there are {', '.join(AXES)}",
        )
    values = []
    for word in rest.split(","):
        try:
            value = AXES[name](word.strip())
        except ValueError as error:
            raise OptionError(f"a sweep over {name}: {word!r} is no value of it") from error
        if isinstance(value, float) and not 0.0 < value < float("inf"):
            raise OptionError(f"a sweep over {name}: {word!r} is not positive")
        if value == "":
            raise OptionError(f"a sweep over {name}: a value is empty")
        values.append(value)
    return name, tuple(dict.fromkeys(values))


def grid(
    base: Scenario,
    axes: Sequence[tuple[str, Sequence[Value]]],
    *,
    policy: str = "fcfs",
    router: str = "least-loaded",
    seeds: int = 1,
) -> list[Case]:
    """All combinations, those of the first seed first, so that a sweep cut short covers the grid.

    The load of a seed is the same in all of its cases, stretched to their rates.

    Parameters
    ----------
    base
        What does not vary, and the first seed.

    Raises
    ------
    OptionError
        If an axis is given twice, or both rate and load are.
    """
    names = [name for name, _ in axes]
    if len(set(names)) < len(names):
        raise OptionError("an axis is given twice", hint="give all of its values at once")
    given = {f.name for f in fields(base)}
    cases = []
    for k in range(seeds):
        for values in product(*(values for _, values in axes)):
            varied = tuple(zip(names, values, strict=True))
            chosen: dict[str, Any] = dict(varied)
            own = {key: value for key, value in chosen.items() if key in given}
            # A varied rate takes the place of a load that does not vary, and the reverse.
            for one, other in (("rate", "load"), ("load", "rate")):
                if one in own and other not in own:
                    own[other] = None
            scenario = replace(base, **own, seed=base.seed + k)
            if scenario.rate is not None and scenario.load is not None:
                raise OptionError("rate and load say the same", hint="sweep over one of them")
            cases.append(
                Case(
                    scenario,
                    str(chosen.get("policy", policy)),
                    str(chosen.get("router", router)),
                    varied,
                )
            )
    return cases


def digest_of(workload: Workload | None) -> str:
    """Name of a load by its content; "" for one that each case generates from its seed."""
    if workload is None:
        return ""
    found = sha256()
    for item in fields(workload):
        value = getattr(workload, item.name)
        found.update(item.name.encode())
        found.update(value.tobytes() if hasattr(value, "tobytes") else repr(value).encode())
    return found.hexdigest()[:24]
