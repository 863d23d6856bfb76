"""How a command ends: exit codes, one clear line, a document even for errors."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import typer

from makespan.cli._session import Session
from makespan.core.errors import EngineError, FormatError, OptionError


def _end(error: BaseException, **options: object) -> int:
    with pytest.raises(typer.Exit) as caught, Session("solve", **options):  # type: ignore[arg-type]
        raise error
    return caught.value.exit_code


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (OptionError("a is wrong", hint="use b"), 2, "a is wrong"),
        (FormatError("no number", source="f.txt", line=3), 2, "f.txt, line 3: no number"),
        (EngineError("it broke"), 2, "it broke"),
        (FileNotFoundError(2, "No such file", "f.txt"), 2, "f.txt: No such file"),
        (MemoryError(), 70, "there is not enough memory for this"),
        (ZeroDivisionError("oops"), 70, "Internal error: ZeroDivisionError: oops"),
        (KeyboardInterrupt(), 130, "Cancelled"),
    ],
)
def test_every_end_has_its_code_and_line(
    error: BaseException, code: int, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong on the first line, how to mend it on the second."""
    assert _end(error) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"makespan: error: {part}"
    assert len(lines) <= 2


def test_hints_of_the_library_name_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    """A keyword argument in a hint becomes the option that sets it."""
    _end(OptionError("unclear", hint="say format= if you know it"))
    assert "say --from if you know it" in capsys.readouterr().err


def test_an_error_that_its_own_file_cannot_take_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No second error about the error document."""
    _end(OptionError("a is wrong"), json_target=str(tmp_path / "none" / "a.json"))
    assert capsys.readouterr().err == "makespan: error: a is wrong\n"


def test_an_error_after_the_document_does_not_overwrite_it(tmp_path: Path) -> None:
    """The result that was written stays."""
    path = tmp_path / "a.json"

    def late(session: Session) -> None:
        session.emit({"status": "OPTIMAL"})
        raise OptionError("another output failed")

    with pytest.raises(typer.Exit), Session("solve", json_target=str(path)) as session:
        late(session)
    assert json.loads(path.read_text())["status"] == "OPTIMAL"


def test_quiet_silences_text_but_not_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """Notes and tables go, the error line stays."""

    def talk(session: Session) -> None:
        session.print("text")
        session.note("note")
        raise OptionError("a is wrong")

    with pytest.raises(typer.Exit), Session("solve", quiet=True) as session:
        talk(session)
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == "makespan: error: a is wrong\n"


def test_numbers_that_json_cannot_hold_are_a_fault_not_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NaN would not be readable elsewhere."""
    path = tmp_path / "a.json"
    with pytest.raises(typer.Exit) as caught, Session("solve", json_target=str(path)) as session:
        session.emit({"gap": float("nan")})
    assert caught.value.exit_code == 70
    assert json.loads(path.read_text())["schema"] == "makespan/error/1"


@pytest.mark.parametrize("name", ["MAKESPAN_DEBUG"])
def test_the_environment_can_ask_for_tracebacks(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For programs that cannot add an option."""
    monkeypatch.setenv(name, "1")
    _end(OptionError("a is wrong"))
    assert "Traceback" in capsys.readouterr().err


def test_warnings_are_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """No file names and source lines, and nothing when quiet."""
    for quiet in (False, True):
        with warnings.catch_warnings(), Session("solve", quiet=quiet):
            warnings.simplefilter("always")
            warnings.warn("setups break the triangle inequality", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "makespan: warning: setups break the triangle inequality\n"
