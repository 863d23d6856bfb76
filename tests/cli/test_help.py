"""What commands say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from tests.cli.conftest import Invoke

from makespan.cli.app import app


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    else:
        for word, one in below.items():
            yield from _commands(one, f"{name} {word}".strip())


COMMANDS = dict(_commands(typer.main.get_command(app), ""))
PARAMETERS = [(name, p) for name, command in COMMANDS.items() for p in command.params]


@pytest.mark.parametrize(
    ("command", "parameter"), PARAMETERS, ids=[f"{name}-{p.name}" for name, p in PARAMETERS]
)
def test_every_option_is_explained_in_a_sentence(command: str, parameter: Any) -> None:
    """Which ends with a full stop."""
    assert (getattr(parameter, "help", None) or "").endswith(".")


def test_options_of_one_name_say_the_same_of_loads_and_engines() -> None:
    """What is played against a server can be simulated with the same words."""
    names = ("simulate serving", "load")
    of = {name: {p.name: p for p in COMMANDS[name].params} for name in names}
    for name in ("trace", "generate", "requests", "rate", "slo", "seed"):
        one, other = (options[name] for options in of.values())
        assert (one.help, one.metavar, one.default) == (other.help, other.metavar, other.default)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_is_shown_where_there_is_little_room(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """No line is longer than a terminal of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 60
