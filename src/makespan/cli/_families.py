"""What can be generated: parameters as people type them, and the listing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from makespan.core.errors import OptionError
from makespan.core.pairs import read_pairs, typed_value

if TYPE_CHECKING:
    from rich.console import RenderableType

    from makespan.core.problem import Problem
    from makespan.generators.catalogue import Parameter

_NOUN: Final = {int: "a whole number", float: "a number", bool: "true or false"}
_MOST_NAMES: Final = 4
_LINE: Final = 78
_NUMBERED: Final = re.compile(r"([a-z]+)\d")


def make(what: str, settings: Sequence[str], seed: int) -> Problem:
    """A built-in instance, or a member of a random family.

    Parameters
    ----------
    settings
        Texts such as ``jobs=10``.

    Raises
    ------
    OptionError
        If there is no such name or parameter, or a value does not fit.
    """
    from makespan.generators import families
    from makespan.generators.catalogue import generate

    name = what.replace("-", "_")
    known = {family.name: family.parameters for family in families()}
    wanted = {item.name: item for item in known.get(name, ())}
    values: dict[str, Any] = {}
    for key, text in read_pairs(settings, what, example="jobs=10").items():
        if name in known and key not in wanted:
            close = get_close_matches(key, wanted, n=1)
            raise OptionError(
                f"{what} has no parameter {key!r}",
                hint=f"did you mean {close[0]}=...?"
                if close
                else f"its parameters: {', '.join(map(_shown, wanted.values()))}",
            )
        values[key] = _value(text, wanted[key], what) if key in wanted else text
    return generate(what, seed=seed, **values)


def _value(text: str, parameter: Parameter, what: str) -> int | float | str | bool | None:
    if parameter.optional and text.lower() == "none":
        return None
    try:
        return typed_value(text, parameter.type)
    except ValueError:
        noun = _NOUN.get(parameter.type, parameter.type.__name__)
        raise OptionError(f"{what}: {parameter.name} is {text!r}, not {noun}") from None


def _shown(parameter: Parameter) -> str:
    """``name``, or ``name=default`` as one would type it."""
    if parameter.required:
        return parameter.name
    return f"{parameter.name}={_typed(parameter.default)}"


def _typed(value: float | bool | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)


def instance_groups() -> tuple[dict[str, list[str]], list[str]]:
    """Numbered built-in instances by the letters they begin with, and those without a number."""
    from makespan.generators import instance_names

    groups: dict[str, list[str]] = {}
    rest: list[str] = []
    for name in instance_names():
        match = _NUMBERED.match(name)
        if match is None:
            rest.append(name)
        else:
            groups.setdefault(match[1], []).append(name)
    return groups, rest


def listing_document() -> dict[str, Any]:
    """Instances and families for the JSON contract."""
    from makespan.generators import families, instance_names

    return {
        "instances": instance_names(),
        "families": [
            {
                "name": family.name,
                "summary": family.summary,
                "parameters": [
                    {
                        "name": item.name,
                        "required": item.required,
                        "default": None if item.required else _typed(item.default),
                        "description": item.description,
                    }
                    for item in family.parameters
                ],
            }
            for family in families()
        ],
    }


def listing_report() -> RenderableType:
    """Instances and families as people read them."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from makespan.generators import families

    built_in = Table.grid(padding=(0, 2))
    built_in.add_column(style="cyan", no_wrap=True)
    built_in.add_column(style="dim")
    groups, rest = instance_groups()
    for names in groups.values():
        several = names if len(names) < _MOST_NAMES else [names[0], names[1], "…", names[-1]]
        built_in.add_row(" ".join(several), f"{len(names)}")
    small = Text("\n".join(wrap("  ".join(rest), _LINE, break_on_hyphens=False)), style="cyan")
    random = Table.grid(padding=(0, 2, 1, 0))
    random.add_column(style="cyan", no_wrap=True)
    random.add_column()
    for family in families():
        shown = "  ".join(map(_shown, family.parameters))
        random.add_row(family.name, Text.assemble(family.summary, "\n", (shown, "dim")))
    return Group(
        Text("Built-in instances", style="bold"),
        built_in,
        Text(),
        Text("Small problems with known optima", style="bold"),
        small,
        Text(),
        Text.assemble(("Random families", "bold"), ("  KEY=VALUE sets a parameter", "dim")),
        random,
    )
