"""Values of generator parameters as people type them, by the type the generator declares."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from makespan.cli._families import convert_value, families, make, parameters_of
from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.vocabulary import Blocking


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("3", int, 3),
        ("0.5", float, 0.5),
        ("yes", bool, True),
        ("OFF", bool, False),
        ("no-swap", Blocking, Blocking.NO_SWAP),
        ("a", Literal["a", "b"], "a"),
        ("none", int | None, None),
        ("4", int | None, 4),
        ("1,2", tuple[int, int], (1, 2)),
        ("1, 2, 3", tuple[int, ...], (1, 2, 3)),
        ("0.5,1", tuple[float, float] | None, (0.5, 1.0)),
        ("text", str, "text"),
    ],
)
def test_a_value_is_read_by_its_type(text: str, kind: Any, value: Any) -> None:
    """Numbers, truth values, choices, lists and none."""
    assert convert_value(text, kind, "x") == value


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("3.5", int, "whole number"),
        ("x", float, "number"),
        ("maybe", bool, "neither true nor false"),
        ("never", Blocking, "none, swap, no-swap"),
        ("c", Literal["a", "b"], "a, b"),
        ("1,2,3", tuple[int, int], "3 values, 2 are needed"),
        ("x", int | None, "whole number"),
    ],
)
def test_a_value_that_does_not_fit_is_named(text: str, kind: Any, part: str) -> None:
    """With what would fit."""
    with pytest.raises(OptionError, match="size") as caught:
        convert_value(text, kind, "size")
    assert part in str(caught.value)


_LEAST = {"jobs": "3", "machines": "2", "activities": "6", "tasks": "6", "time_seed": "1",
          "machine_seed": "2"}  # fmt: skip


@pytest.mark.parametrize("name", sorted(families()))
def test_every_family_can_be_made_from_the_command_line(name: str) -> None:
    """Its required parameters are plain values, and the same seed makes the same problem."""
    needed = [item.name for item in parameters_of(families()[name]) if item.required]
    settings = [f"{item}={_LEAST.get(item, '3')}" for item in needed]
    problem = make(name, settings, seed=1)
    assert isinstance(problem, Problem)
    assert problem == make(name.replace("_", "-"), settings, seed=1)
