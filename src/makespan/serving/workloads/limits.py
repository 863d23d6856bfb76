"""Ranges of the parameters of generators."""

from __future__ import annotations

from typing import Final

from makespan.core.errors import OptionError

MOST: Final = 50_000_000
"""Most requests or programs generated."""


def require_count(**counts: int) -> None:
    """Raise an OptionError unless every count is from 1 to ``MOST``."""
    for name, value in counts.items():
        if not 1 <= value <= MOST:
            raise OptionError(f"{name} is {value}", hint=f"from 1 to {MOST}")


def require_tokens(**tokens: float) -> None:
    """Raise an OptionError unless every number of tokens is from 1 to 100 million."""
    for name, value in tokens.items():
        if not 1 <= value <= 1e8:
            raise OptionError(f"{name} is {value}", hint="tokens, at least 1")


def require_amount(**amounts: float) -> None:
    """Raise an OptionError unless every amount is from 0 to a million."""
    for name, value in amounts.items():
        if not 0 <= value <= 1e6:
            raise OptionError(f"{name} is {value}", hint="a number from 0 to a million")


def require_share(**shares: float) -> None:
    """Raise an OptionError unless every share is from 0 to 1."""
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise OptionError(f"{name} is {value}", hint="a share from 0 to 1")
