"""Names of what can be chosen on the command line: engines and formats."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from makespan.core.errors import OptionError

DEFAULT_FORMAT = "json"


def check_engine(name: str) -> None:
    """Refuse an unknown engine before the problem is read.

    Raises
    ------
    OptionError
        With the known names.
    """
    from makespan.solvers.registry import engine_names

    _check_choice(name, engine_names(), "--engine", "engine")


def writable_formats() -> list[str]:
    """Formats a problem can be written in."""
    from makespan.io import formats

    return [form.name for form in formats() if form.write is not None]


def output_format(to: str | None, output: str) -> str:
    """The format to write: the one asked for, else the one the file name's ending belongs to.

    Raises
    ------
    OptionError
        If the format is unknown, cannot be written, or cannot be told from the ending.
    """
    from makespan.io import formats

    if to is not None:
        _check_choice(to, writable_formats(), "--to", "format to write")
        return to
    if output == "-":
        return DEFAULT_FORMAT
    ending = Path(output.removesuffix(".gz")).suffix.lower()
    fitting = [form.name for form in formats() if form.write and ending in form.extensions]
    if not fitting:
        raise OptionError(
            f"no format is known by the ending {ending!r} of {output}",
            hint=f"say --to; formats: {', '.join(writable_formats())}",
        )
    return fitting[0]


def _check_choice(name: str, known: list[str], option: str, what: str) -> None:
    if name in known:
        return
    close = get_close_matches(name, known, n=1)
    raise OptionError(
        f"{option}: there is no {what} {name!r}",
        hint=f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}",
    )
