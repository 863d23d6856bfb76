"""The JSON contract: a valid schema, documented field by field, and shipped."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

CONTRACT = json.loads(files("makespan.cli").joinpath("contract.schema.json").read_text("utf-8"))
MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
COMMANDS = (
    "solve",
    "verify",
    "repair",
    "convert",
    "generate",
    "simulate",
    "load",
    "serve-vllm",
    "systems",
    "reproduce",
    "doctor",
    "error",
)


def _fields(branch: dict[str, Any]) -> set[str]:
    own = set(branch.get("properties", {})) | set(branch.get("required", []))
    for part in branch.get("allOf", []):
        own |= _fields(CONTRACT["$defs"][part["$ref"].rpartition("/")[2]])
    return own


def test_the_contract_is_a_json_schema() -> None:
    """Of the draft it names."""
    jsonschema.Draft202012Validator.check_schema(CONTRACT)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_describes_every_field(command: str) -> None:
    """Each document and each of its fields is named in docs/cli.md."""
    assert f"`makespan/{command}/1`" in MANUAL
    for field in _fields(CONTRACT["$defs"][command]):
        assert f"`{field}`" in MANUAL or f"`{field}." in MANUAL, field


@pytest.mark.parametrize("variant", ["simulateLike", "simulateCapacity", "simulateSweep"])
def test_the_manual_describes_variants(variant: str) -> None:
    """The fields of documents that an option gives a command instead of its usual ones."""
    for field in _fields(CONTRACT["$defs"][variant]):
        assert f"`{field}`" in MANUAL, field


def test_every_command_is_in_the_manual_and_in_the_contract() -> None:
    """No command without its document."""
    from makespan.cli.app import app

    names = {command.name for command in app.registered_commands}
    names |= {group.name for group in app.registered_groups}
    assert names == set(COMMANDS) - {"error"}
    for name in names:
        assert f"| `{name}` |" in MANUAL


def test_every_option_explains_itself() -> None:
    """Each option and argument of each command has a help text that ends like a sentence."""
    import typer.main

    from makespan.cli.app import app

    group = typer.main.get_command(app)
    commands = dict(group.commands)  # type: ignore[attr-defined]
    commands.update(commands.pop("simulate").commands)
    for name, command in commands.items():
        for parameter in command.params:
            text = getattr(parameter, "help", None)
            assert text, f"{name}: {parameter.name}"
            assert text.endswith((".", ")")), f"{name}: {parameter.name}: {text}"
