"""The documentation is executed: pages, README and the examples in docstrings.

In a page, every ``python`` block runs, in order, in one namespace and an empty folder; if a
``text`` block follows directly, it must be what the code printed. In ``console`` blocks every line
that starts with ``$ makespan`` runs, and the lines below it must be its output (``...`` stands for
anything). A comment on the line above a block changes that::

    <!-- not run: reason -->
    <!-- exit 1 -->
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import makespan
from makespan.core.errors import MissingDependencyError
from makespan.core.verify import ViolationKind
from makespan.core.vocabulary import ObjectiveKind

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*$")
SKIP = re.compile(r"<!-- not run: (?P<reason>.+?) -->")
EXIT = re.compile(r"<!-- exit (?P<code>\d+) -->")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    exit_code: int = 0
    runs: bool = True
    follows: bool = False
    """Whether only blank lines lie between the block before and this one."""


def blocks(page: Path) -> Iterator[Block]:
    """Fenced blocks of ``page`` with the comments above them."""
    lines = page.read_text(encoding="utf-8").splitlines()
    above, number, after_block = "", 0, False
    while number < len(lines):
        fence = FENCE.match(lines[number])
        if fence is None:
            if lines[number].strip():
                above, after_block = lines[number], False
            number += 1
            continue
        opened, width = number + 1, len(fence["indent"])
        close = next(k for k in range(opened, len(lines)) if lines[k].strip() == "```")
        body = "\n".join(text[width:] for text in lines[opened:close])
        code = EXIT.search(above)
        yield Block(
            fence["language"],
            body + "\n",
            opened + 1,
            int(code["code"]) if code else 0,
            SKIP.search(above) is None,
            after_block,
        )
        above, number, after_block = "", close + 1, True


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Commands of a console block, each with the output shown below it."""
    command: str | None = None
    shown: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(shown)
            command, shown = line[2:], []
        elif command is not None and command.endswith("\\"):
            command = command[:-1] + line.lstrip("> ")
        else:
            shown.append(line)
    if command is not None:
        yield command, "\n".join(shown)


def assert_shown(where: str, expected: str, got: str) -> None:
    """Fail unless ``got`` is what the page shows."""
    example = doctest.Example("", expected.strip() + "\n")
    checker = doctest.OutputChecker()
    if not checker.check_output(example.want, got.strip() + "\n", FLAGS):
        pytest.fail(f"{where}: the page shows\n{expected}\nbut it is\n{got}", pytrace=False)


def run_command(where: str, command: str, exit_code: int, folder: Path) -> str:
    """Run one ``makespan`` command in ``folder`` and return what it prints."""
    words = shlex.split(command, comments=True)
    environment = dict(os.environ, COLUMNS="100", NO_COLOR="1", TERM="dumb")
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    )
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != exit_code:
        pytest.fail(
            f"{where}: `{command}` ended with {done.returncode}, not {exit_code}\n"
            f"{done.stdout}{done.stderr}",
            pytrace=False,
        )
    return done.stdout


def run_python(where: Path, block: Block, namespace: dict[str, object]) -> str:
    """Execute a block of Python and return what it prints."""
    # Blank lines in front make tracebacks point at the line of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(where), "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)  # the documentation is ours
    return printed.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of the page works and prints what the page shows."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    name, printed = page.relative_to(ROOT), None
    for block in blocks(page):
        where = f"{name}, line {block.line}"
        if block.language == "text" and block.follows and printed is not None:
            assert_shown(where, block.text, printed)
        printed = None
        if not block.runs:
            continue
        if block.language == "python":
            printed = run_python(page, block, namespace)
        elif block.language == "console":
            for command, shown in commands(block):
                if command.startswith("makespan "):
                    got = run_command(where, command, block.exit_code, tmp_path)
                    if shown.strip():
                        assert_shown(where, shown, got)


def public_modules() -> list[str]:
    """Names of all importable modules of the package."""
    found = pkgutil.walk_packages(makespan.__path__, "makespan.")
    return ["makespan", *(item.name for item in found if not item.name.endswith("__main__"))]


@pytest.mark.parametrize("name", public_modules())
def test_docstring_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples in the docstrings of a module print what they show."""
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    failed, _ = doctest.testmod(module, optionflags=FLAGS)
    assert failed == 0


def test_every_page_is_in_the_navigation() -> None:
    """A page that the navigation does not name would never be found."""
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [
        name
        for page in PAGES[1:]
        if (name := page.relative_to(ROOT / "docs").as_posix()) not in config
    ]
    assert missing == []


def test_objective_terms_are_defined() -> None:
    """The semantics page defines every objective term."""
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    undefined = [kind.value for kind in ObjectiveKind if f"`{kind.value}`" not in page]
    assert undefined == []


def test_violation_kinds_are_defined() -> None:
    """The semantics page lists every kind of violation that the verifier reports."""
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    undefined = [kind.value for kind in ViolationKind if f"`{kind.value}`" not in page]
    assert undefined == []
