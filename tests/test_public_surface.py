"""What a newcomer imports: the names at the root, their documentation, and what they cost."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import makespan

ROOT = Path(__file__).resolve().parents[1]

ROOT_EXPORTS = [
    "Blocking",
    "MakespanError",
    "Problem",
    "ProblemBuilder",
    "Repair",
    "Result",
    "Schedule",
    "Status",
    "Trace",
    "Violation",
    "WhatIf",
    "__version__",
    "evaluate",
    "explain",
    "named_instance",
    "read",
    "read_schedule",
    "repair",
    "solve",
    "verify",
    "what_if",
    "write",
    "write_gantt",
    "write_schedule",
]
HEAVY = ["numba", "llvmlite", "ortools", "highspy", "typer", "click", "rich", "scipy", "pandas"]


def loaded_after(statement: str) -> set[str]:
    """Top-level modules in memory after ``statement`` in a fresh interpreter."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_root_exports_are_pinned() -> None:
    """A name enters or leaves the root only on purpose."""
    assert sorted(makespan.__all__) == ROOT_EXPORTS


@pytest.mark.parametrize("name", ROOT_EXPORTS)
def test_export_is_importable_and_documented(name: str) -> None:
    """Every root export exists and says what it is."""
    value = getattr(makespan, name)
    if name != "__version__":
        assert (value.__doc__ or "").strip(), f"{name} has no docstring"


@pytest.mark.parametrize("name", [name for name in ROOT_EXPORTS if name != "__version__"])
def test_export_has_a_place_in_the_reference(name: str) -> None:
    """Every root export is on the page of the Python reference."""
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    assert f"::: makespan.{name}\n" in page


def test_type_checkers_see_what_is_exported() -> None:
    """The lazily imported names are declared for type checkers, each as itself."""
    tree = ast.parse((ROOT / "src" / "makespan" / "__init__.py").read_text(encoding="utf-8"))
    declared = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }
    assert set(ROOT_EXPORTS) <= declared


def test_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'sovle'"):
        _ = makespan.sovle  # type: ignore[attr-defined]


def test_dir_lists_the_exports() -> None:
    """Completion in a shell offers the exports before they are imported."""
    assert set(ROOT_EXPORTS) <= set(dir(makespan))


def test_import_is_light() -> None:
    """``import makespan`` brings in no engine and no terminal library."""
    assert loaded_after("import makespan").isdisjoint(HEAVY)


def test_building_and_verifying_need_no_engine() -> None:
    """A problem can be built and a schedule verified without loading a solver."""
    loaded = loaded_after(
        "from makespan import ProblemBuilder, Schedule, verify\n"
        "b = ProblemBuilder('one'); b.task('a', duration=2, machine=b.machine('M'))\n"
        "p = b.build(); assert verify(p, Schedule.from_starts(p, [0])) == []"
    )
    assert loaded.isdisjoint({"ortools", "highspy", "typer", "rich", "pandas"})


def test_help_loads_no_engine() -> None:
    """``makespan --help`` answers without importing engines or NumPy."""
    loaded = loaded_after(
        "sys.argv = ['makespan', '--help']\n"
        "import contextlib, io\n"
        "from makespan.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert loaded.isdisjoint({"ortools", "highspy", "numba", "pandas", "numpy"})
