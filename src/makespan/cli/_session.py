"""One run of a command: where people read, where machines read, and how an error ends it."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

import typer

from makespan.cli._files import STDOUT, check_target, write_text
from makespan.core.errors import MakespanError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

OK = 0
NEGATIVE = 1
"""The answer is no: infeasible, no schedule found, violations, a claim not reproduced."""
BAD_INPUT = 2
INTERNAL = 70
CANCELLED = 130

_NO_FORMAT = frozenset({"simulate", "load"})
"""Commands that tell formats by content alone."""

_OPTION_OF = {"format=": "--from", "instance=": "--instance ", "time_limit": "--time"}
"""Arguments of the library that its messages name, and the options that set them."""


class Session:
    """Context of one command; maps every way it can end to an exit code.

    Parameters
    ----------
    command
        Name of the command, for the JSON documents.
    json_target
        Where the JSON document goes: a path, '-' or None.
    quiet
        Whether text for people is left out (errors never are).
    stdout_taken
        Whether standard output carries data, so that people's text must go to standard error.
    """

    def __init__(
        self,
        command: str,
        *,
        json_target: str | None = None,
        quiet: bool = False,
        debug: bool = False,
        stdout_taken: bool = False,
    ) -> None:
        self.command = command
        self.json_target = json_target
        self.quiet = quiet
        self.debug = debug or bool(os.environ.get("MAKESPAN_DEBUG"))
        self.stdout_taken = stdout_taken or json_target == STDOUT
        self._console: Console | None = None
        self._emitted = False
        self._warnings = warnings.catch_warnings()

    @property
    def console(self) -> Console:
        """Console for people: standard output, or standard error if data goes to the former."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(
                stderr=self.stdout_taken, quiet=self.quiet, highlight=False, soft_wrap=False
            )
        return self._console

    def print(self, item: RenderableType = "") -> None:
        """Show something to people, unless the command is quiet."""
        if not self.quiet:
            self.console.print(item)

    def note(self, text: str) -> None:
        """One line for people on standard error, unless the command is quiet."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def emit(self, document: Mapping[str, Any], exit_code: int = OK) -> None:
        """Write the command's JSON document, if it was asked for."""
        if self.json_target is None:
            return
        from makespan._version import __version__

        head = {
            "schema": f"makespan/{self.command}/1",
            "version": __version__,
            "exit_code": exit_code,
        }
        text = json.dumps({**head, **document}, ensure_ascii=False, indent=1, allow_nan=False)
        self._emitted = True
        write_text(self.json_target, text + "\n", "--json")

    def finish(self, exit_code: int) -> None:
        """End the command with this exit code."""
        if exit_code != OK:
            raise typer.Exit(exit_code)

    def _warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        self.note(f"makespan: warning: {message}")

    def __enter__(self) -> Self:
        self._warnings.__enter__()
        warnings.showwarning = self._warn
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._warnings.__exit__(kind, error, trace)
        if error is None or isinstance(error, (typer.Exit, typer.Abort, SystemExit)):
            return
        if self.debug:
            import traceback

            traceback.print_exception(kind, error, trace)
        if isinstance(error, BrokenPipeError):
            # The reader of our output went away (`makespan systems | head`): not an error.
            # Standard output must not be flushed again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(OK) from error
        if isinstance(error, KeyboardInterrupt):
            self._fail(CANCELLED, "cancelled", "Cancelled", None)
            raise typer.Exit(CANCELLED) from error
        if isinstance(error, MakespanError):
            self._fail(BAD_INPUT, type(error).__name__, error.message, error.hint)
            raise typer.Exit(BAD_INPUT) from error
        if isinstance(error, OSError) and error.filename is not None:
            self._fail(BAD_INPUT, "OSError", f"{error.filename}: {error.strerror}", None)
            raise typer.Exit(BAD_INPUT) from error
        if isinstance(error, MemoryError):
            self._fail(INTERNAL, "MemoryError", "there is not enough memory for this", None)
            raise typer.Exit(INTERNAL) from error
        if isinstance(error, Exception):
            self._fail(
                INTERNAL,
                type(error).__name__,
                f"Internal error: {type(error).__name__}: {error}",
                "this is a fault in makespan; please report it with the command, what it prints "
                "with --debug, and what `makespan doctor` prints",
            )
            raise typer.Exit(INTERNAL) from error

    def _fail(self, exit_code: int, kind: str, message: str, hint: str | None) -> None:
        if hint and "format=" in hint and self.command in _NO_FORMAT:
            hint = "a CSV with the columns arrival_s, prompt_tokens and output_tokens will do"
        hint = _in_options(hint)
        _print_error(message, hint)
        if self._emitted or self.json_target is None:
            return
        try:
            # Often the error is that this very file cannot be written, and that has been said.
            check_target(self.json_target, "--json")
            self.command = "error"
            self.emit({"error": {"kind": kind, "message": message, "hint": hint}}, exit_code)
        except MakespanError:
            return


def _in_options(hint: str | None) -> str | None:
    """A library's hint in terms of the command line's options."""
    if hint is None:
        return None
    for argument, option in _OPTION_OF.items():
        hint = hint.replace(argument, option)
    return hint


def _print_error(message: str, hint: str | None) -> None:
    """One line that says what is wrong and, on the next, how to mend it."""
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    red, dim, reset = ("\x1b[1;31m", "\x1b[2m", "\x1b[0m") if colour else ("", "", "")
    sys.stderr.write(f"{red}makespan: error:{reset} {message}\n")
    if hint:
        sys.stderr.write(f"{dim}  hint:{reset} {hint}\n")
    sys.stderr.flush()
