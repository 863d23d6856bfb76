"""Where problems and schedules come from: files, standard input, built-in instances."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan.core.errors import OptionError

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.core.schedule import Schedule

STDIN = "-"

SOLVE_SCHEMA = "makespan/solve/1"


def _looks_like_path(text: str) -> bool:
    return os.sep in text or text.startswith(".") or bool(Path(text).suffix)


def load_problem(
    text: str, *, form: str | None = None, instance: int | None = None
) -> tuple[Problem, str | None]:
    """The problem a command-line argument names.

    Parameters
    ----------
    form
        Name of the format, if the content leaves a doubt.
    instance
        Which instance of a file that holds several, from 1.

    Returns
    -------
    tuple
        The problem, and its name if it is a built-in instance. A file of that name wins over an
        instance; what looks like a path is never taken for an instance.

    Raises
    ------
    OptionError
        If there is neither a file nor an instance of that name.
    FormatError
        If the file cannot be understood.
    """
    from makespan.io import read

    if text == STDIN:
        return read(_standard_input("problem"), format=form, instance=instance), None
    path = Path(text)
    if path.is_dir():
        raise OptionError(f"{text} is a directory", hint="name a file inside it")
    if path.exists():
        return read(path, format=form, instance=instance), None
    if _looks_like_path(text):
        raise _missing(path)
    from makespan.generators import instance_names, named_instance

    try:
        return named_instance(text), text
    except OptionError:
        close = near_names(text, instance_names())
        raise OptionError(
            f"{text!r} is neither a file nor a built-in instance",
            hint=f"did you mean {' or '.join(close)}?"
            if close
            else "`makespan generate --list` shows the built-in instances",
        ) from None


def near_names(text: str, names: Sequence[str]) -> list[str]:
    """At most three names like ``text``, those with the longest common beginning first."""
    wanted = text.lower()
    close = get_close_matches(wanted, names, n=12)

    def common(name: str) -> int:
        pairs = enumerate(zip(wanted, name, strict=False))
        return next((k for k, (a, b) in pairs if a != b), min(len(wanted), len(name)))

    close.sort(key=common, reverse=True)
    return close[:3]


def load_schedule(text: str, problem: Problem) -> Schedule:
    """The schedule in a file, on standard input, or in the JSON document of a solve.

    Raises
    ------
    OptionError
        If there is no such file.
    FormatError
        If it cannot be understood or does not belong to the problem.
    """
    from makespan.io import read_schedule

    if text == STDIN:
        return read_schedule(_standard_input("schedule"), problem)
    path = Path(text)
    if path.is_dir():
        raise OptionError(f"{text} is a directory", hint="name a file inside it")
    if not path.exists():
        raise _missing(path)
    return read_schedule(path, problem)


def _standard_input(what: str) -> Any:
    if sys.stdin.isatty():
        sys.stderr.write(f"Reading the {what} from the terminal; end with Ctrl-D.\n")
    return sys.stdin.buffer


def _missing(path: Path) -> OptionError:
    """The error for a file that is not there, with a similar name nearby as hint."""
    folder = path.parent
    if not folder.is_dir():
        return OptionError(f"there is no file {path}", hint=f"there is no directory {folder}")
    close = get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=1)
    hint = f"did you mean {folder / close[0]}?" if close else None
    return OptionError(f"there is no file {path}", hint=hint)
