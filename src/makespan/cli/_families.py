"""Random families by name; their parameters are read from the signatures of the generators."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, Union

from makespan.cli._sources import near_names
from makespan.core.errors import InputError, OptionError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from makespan.core.problem import Problem

_PREFIX: Final = "random_"
_YES: Final = frozenset({"true", "yes", "on", "1"})
_NO: Final = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a family: its name, type, and default ('' if it must be given)."""

    name: str
    kind: Any
    default: Any
    required: bool

    @property
    def shown(self) -> str:
        """``name`` or ``name=default``."""
        return self.name if self.required else f"{self.name}={_in_words(self.default)}"


def families() -> dict[str, Callable[..., Problem]]:
    """Generators by the name used on the command line: every public one that takes parameters."""
    import makespan.generators as module
    from makespan.core.problem import Problem as Made

    return {
        name.removeprefix(_PREFIX): value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and name != "named_instance"
        and typing.get_type_hints(value).get("return") is Made
    }


def parameters_of(generator: Callable[..., Problem]) -> list[Parameter]:
    """Parameters of a family apart from its seed and the name of the instance."""
    hints = typing.get_type_hints(generator)
    return [
        Parameter(
            name=item.name,
            kind=hints.get(item.name, str),
            default=item.default,
            required=item.default is inspect.Parameter.empty,
        )
        for item in inspect.signature(generator).parameters.values()
        if item.name not in ("seed", "name")
    ]


def make(what: str, settings: Sequence[str], seed: int) -> Problem:
    """A built-in instance, or a member of a random family.

    Raises
    ------
    OptionError
        If there is no such name or parameter, or a value does not fit.
    """
    known = families()
    family = known.get(what.replace("-", "_").removeprefix(_PREFIX))
    if family is None:
        return _named(what, settings, known)
    wanted = {item.name: item for item in parameters_of(family)}
    values: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or name not in wanted:
            close = get_close_matches(name, wanted, n=1)
            raise OptionError(
                f"{what} has no parameter {name!r}" if sign else f"{setting!r} sets nothing",
                hint=f"did you mean {close[0]}=...?"
                if close
                else f"its parameters: {', '.join(item.shown for item in wanted.values())}",
            )
        if name in values:
            raise OptionError(f"{what}: {name} is given twice")
        values[name] = convert_value(text.strip(), wanted[name].kind, f"{what}: {name}")
    missing = [item.name for item in wanted.values() if item.required and item.name not in values]
    if missing:
        raise OptionError(f"{what} needs {', '.join(missing)}", hint=f"for example {missing[0]}=10")
    if "seed" in inspect.signature(family).parameters:
        values["seed"] = seed
    try:
        return family(**values)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise OptionError(f"{what}: {error}") from error


def _named(what: str, settings: Sequence[str], known: dict[str, Any]) -> Problem:
    from makespan.generators import instance_names, named_instance

    try:
        problem = named_instance(what)
    except OptionError:
        close = near_names(what, [*known, *instance_names()])
        raise OptionError(
            f"there is neither an instance nor a family {what!r}",
            hint=f"did you mean {' or '.join(close)}?"
            if close
            else "`makespan generate --list` shows what there is",
        ) from None
    if settings:
        raise OptionError(
            f"{what} is a fixed instance and takes no parameters",
            hint=f"leave out {' '.join(settings)}",
        )
    return problem


def convert_value(text: str, kind: Any, what: str) -> Any:
    """A value of the parameter's type from text; lists are separated by commas.

    Raises
    ------
    OptionError
        If the text is no such value.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        if type(None) in arguments and text.lower() == "none":
            return None
        for option in arguments:
            if option is type(None):
                continue
            try:
                return convert_value(text, option, what)
            except OptionError as error:
                failure = error
        raise failure
    if origin is Literal:
        if text in arguments:
            return text
        raise OptionError(f"{what}: {text!r} is not one of {', '.join(map(str, arguments))}")
    if origin in (tuple, list) or (inspect.isclass(origin) and issubclass(origin, Sequence)):
        inner = [a for a in arguments if a is not Ellipsis] or [str]
        parts = [part.strip() for part in text.split(",")]
        fixed = origin is tuple and Ellipsis not in arguments and len(arguments) > 0
        if fixed and len(parts) != len(inner):
            raise OptionError(f"{what}: {text!r} has {len(parts)} values, {len(inner)} are needed")
        kinds = inner if fixed else [inner[0]] * len(parts)
        return tuple(convert_value(p, k, what) for p, k in zip(parts, kinds, strict=True))
    return _simple_value(text, kind, what)


def _simple_value(text: str, kind: Any, what: str) -> Any:
    if kind is bool:
        if text.lower() in _YES | _NO:
            return text.lower() in _YES
        raise OptionError(f"{what}: {text!r} is neither true nor false")
    if inspect.isclass(kind) and issubclass(kind, Enum):
        by_name = {member.name.lower().replace("_", "-"): member for member in kind}
        wanted = text.lower().replace("_", "-")
        if wanted in by_name:
            return by_name[wanted]
        raise OptionError(f"{what}: {text!r} is not one of {', '.join(by_name)}")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            noun = "a whole number" if kind is int else "a number"
            raise OptionError(f"{what}: {text!r} is not {noun}") from None
    return text


def _in_words(value: Any) -> str:
    if isinstance(value, Enum):
        return value.name.lower().replace("_", "-")
    if isinstance(value, (tuple, list)):
        return ",".join(_in_words(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)


def _first_line(function: Callable[..., object]) -> str:
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")


def instance_groups() -> dict[str, list[str]]:
    """Built-in instances by the letters their names begin with."""
    from makespan.generators import instance_names

    groups: dict[str, list[str]] = {}
    for name in instance_names():
        letters = name[: next((k for k, c in enumerate(name) if c.isdigit()), len(name))]
        groups.setdefault(letters, []).append(name)
    return groups


def listing_document() -> dict[str, Any]:
    """Instances and families for the JSON contract."""
    return {
        "instances": [name for names in instance_groups().values() for name in names],
        "families": [
            {
                "name": name,
                "summary": _first_line(generator),
                "parameters": [
                    {
                        "name": item.name,
                        "required": item.required,
                        "default": None if item.required else _in_words(item.default),
                    }
                    for item in parameters_of(generator)
                ],
            }
            for name, generator in families().items()
        ],
    }


def listing_report() -> RenderableType:
    """Instances and families as people read them."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    built_in = Table.grid(padding=(0, 2))
    built_in.add_column(style="cyan", no_wrap=True)
    built_in.add_column()
    for names in instance_groups().values():
        several = names if len(names) < 4 else [names[0], names[1], "…", names[-1]]
        built_in.add_row(" ".join(several), f"{len(names)}")
    random = Table.grid(padding=(0, 2, 1, 0))
    random.add_column(style="cyan", no_wrap=True)
    random.add_column()
    for name, generator in families().items():
        shown = "  ".join(item.shown for item in parameters_of(generator))
        random.add_row(name, Text.assemble(escape(_first_line(generator)), "\n", (shown, "dim")))
    return Group(
        Text("Built-in instances", style="bold"), built_in, Text(),
        Text("Random families  (parameters as KEY=VALUE, --seed N)", style="bold"), random,
    )  # fmt: skip
