"""What is in the wheel, what it says about itself, and that its parts fit together."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

import makespan

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COPYLEFT = re.compile(r"\b[AL]?GPL|Lesser|Affero|SSPL", re.IGNORECASE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from the source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def description(wheel: zipfile.ZipFile) -> Message:
    """The wheel's METADATA."""
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_wheel_holds_every_source_file(wheel: zipfile.ZipFile) -> None:
    """Every module and every data file of the source tree is in the wheel."""
    tree = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "makespan").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tree <= set(wheel.namelist())


def test_wheel_is_typed_and_carries_the_schema(wheel: zipfile.ZipFile) -> None:
    """Type checkers find the marker, and the JSON schema ships with the package."""
    names = wheel.namelist()
    assert "makespan/py.typed" in names
    assert [n for n in names if n.startswith("makespan/io/schema/") and n.endswith(".json")]


def test_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Tests, benchmarks, caches and instance files stay out of the wheel."""
    odd = [
        name
        for name in wheel.namelist()
        if not re.match(r"makespan(-[^/]+\.dist-info)?/", name)
        or "__pycache__" in name
        or "/tests/" in name
        or name.endswith((".pyc", ".nbi", ".nbc", ".fjs", ".rcp", ".sm", ".mm"))
    ]
    assert odd == []


def test_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    """The wheel stays below five megabytes."""
    assert sum(item.compress_size for item in wheel.infolist()) < 5_000_000


def test_version_has_one_source(description: Message) -> None:
    """The wheel, the package and the version file agree."""
    text = (ROOT / "src" / "makespan" / "_version.py").read_text(encoding="utf-8")
    stated = re.search(r'__version__ = "([^"]+)"', text)
    assert stated is not None
    assert description["Version"] == stated[1] == makespan.__version__


def test_licence_is_stated_and_shipped(wheel: zipfile.ZipFile, description: Message) -> None:
    """The wheel names Apache-2.0 and holds its text."""
    assert description["License-Expression"] == "Apache-2.0"
    name = next(n for n in wheel.namelist() if n.endswith("licenses/LICENSE"))
    assert b"Apache License" in wheel.read(name)


def test_python_requirement(description: Message) -> None:
    """pip refuses the package on a Python that is too old."""
    assert description["Requires-Python"] == ">=3.11"


def test_console_script(wheel: zipfile.ZipFile) -> None:
    """Installing the wheel gives the ``makespan`` command."""
    name = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "makespan = makespan.cli:main" in wheel.read(name).decode()


def test_readme_is_the_description(description: Message) -> None:
    """The package index shows the README."""
    assert description["Description-Content-Type"] == "text/markdown"
    body = description.get_payload()
    assert isinstance(body, str)
    assert body.lstrip().startswith("# makespan")


def test_extras_of_the_wheel(description: Message) -> None:
    """The extras are the documented ones, and development needs no torch."""
    assert set(description.get_all("Provides-Extra") or []) == {
        "agents",
        "bench",
        "dev",
        "learn",
        "postgres",
        "ray",
        "web",
    }
    dev = PROJECT["project"]["optional-dependencies"]["dev"]
    assert not [item for item in dev if re.match(r"(torch|vllm|ray)\b|.*\[(learn|vllm|ray)", item)]


def core_requirements() -> set[str]:
    """Names of all distributions the core pulls in, itself included."""
    found: set[str] = set()
    queue = [re.split(r"[^\w.-]", item)[0] for item in PROJECT["project"]["dependencies"]]
    while queue:
        name = queue.pop()
        if name.lower() in found:
            continue
        found.add(name.lower())
        for item in metadata.requires(name) or []:
            wanted, _, marker = item.partition(";")
            if "extra" in marker or "win32" in marker or "Windows" in marker:
                continue
            child = re.split(r"[^\w.-]", wanted.strip())[0]
            try:
                metadata.distribution(child)
            except metadata.PackageNotFoundError:
                continue
            queue.append(child)
    return found


def test_core_dependencies_are_permissive() -> None:
    """No package that the core installs is under a copyleft licence."""
    blamed = {}
    for name in core_requirements():
        head = metadata.metadata(name)
        licences = [head["License-Expression"] or "", (head["License"] or "").split("\n")[0]]
        licences += [c for c in head.get_all("Classifier") or [] if c.startswith("License")]
        if any(COPYLEFT.search(text) for text in licences):
            blamed[name] = licences
    assert blamed == {}


def test_makefile_and_ci_run_the_same_checks() -> None:
    """CI runs every part of ``make check``."""
    check = re.search(r"^check: (.+?) *##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    listed = re.search(
        r"^for target in (.+?); do", (ROOT / ".ci" / "run").read_text(), re.MULTILINE
    )
    assert check is not None
    assert listed is not None
    assert set(check[1].split()) <= set(listed[1].split())


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_names_a_python_that_is_too_old(tmp_path: Path) -> None:
    """`make demo` with an old Python says which version it found and what to do."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.10" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "demo", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.8.10" in done.stderr
    assert "make PYTHON=" in done.stderr
