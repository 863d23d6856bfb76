"""Errors, grouped by who can act.

::

    MakespanError
    ├── InputError (also ValueError)      the caller can mend the input
    │   ├── ProblemError                  a model breaks a rule of SEMANTICS
    │   ├── FormatError                   a file breaks the rules of its format
    │   └── OptionError                   an argument or command-line option is out of range
    ├── InfeasibleError                   no schedule exists; carries the conflicting constraints
    ├── EngineError                       an engine failed, or lacks a feature the problem needs
    │   └── UnsupportedError              the engine cannot express a term of this problem
    ├── RuntimeStateError                 an operation does not fit the state it was called in
    └── MissingDependencyError            an optional extra is not installed

Every message says what is wrong, where, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Sequence


class MakespanError(Exception):
    """Root of every error makespan raises on purpose.

    Parameters
    ----------
    message
        What is wrong and where.
    hint
        How to mend it, when that is known.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(MakespanError, ValueError):
    """The caller's input breaks a rule."""


class ProblemError(InputError):
    """A model breaks a rule of the vocabulary; the message uses the model's own names."""


class OptionError(InputError):
    """An argument or command-line option is out of range."""


class FormatError(InputError):
    """A file breaks the rules of its format.

    Parameters
    ----------
    message
        What is wrong.
    source
        Path or label of the text being read.
    line
        1-based line number, when known.
    expected
        What the format wants at this place.
    """

    def __init__(
        self,
        message: str,
        *,
        source: str | None = None,
        line: int | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        place = ""
        if source is not None:
            place = f"{source}: "
        if line is not None:
            place = f"{source or 'input'}, line {line}: "
        text = f"{place}{message}"
        if expected:
            text += f"; expected {expected}"
        super().__init__(text, hint=hint)
        self.source = source
        self.line = line
        self.expected = expected


class InfeasibleError(MakespanError):
    """No schedule satisfies the problem; ``conflict`` names constraints that clash."""

    def __init__(
        self, message: str, *, conflict: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.conflict = tuple(conflict)


class EngineError(MakespanError):
    """An engine failed or returned something it must not."""


class UnsupportedError(EngineError):
    """The engine cannot express a term of this problem; another engine may."""


class RuntimeStateError(MakespanError):
    """An operation does not fit the state it was called in."""


class MissingDependencyError(MakespanError):
    """An optional dependency is not installed; the hint names the extra to install."""
