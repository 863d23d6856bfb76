"""Settings as people type them: ``KEY=VALUE``, several of them, with values of a type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from makespan.core.errors import OptionError

_BOOLS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def read_pairs(texts: Iterable[str], of: str, *, example: str) -> dict[str, str]:
    """Values by key, in their order; a "-" in a key is a "_", spaces around both do not count.

    Parameters
    ----------
    of
        What they are settings of, for messages.
    example
        A pair that could have been meant, for messages.

    Raises
    ------
    OptionError
        If a text is no pair, or a key is given twice.

    Examples
    --------
    >>> read_pairs(["jobs=10", "setup-times = yes"], "a shop", example="jobs=10")
    {'jobs': '10', 'setup_times': 'yes'}
    """
    found: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        key = key.strip().replace("-", "_")
        if not sign or not key:
            raise OptionError(f"{of}: {text!r} is no KEY=VALUE", hint=f"such as {example}")
        if key in found:
            raise OptionError(f"{of}: {key} is given twice")
        found[key] = value.strip()
    return found


def typed_value(text: str, wanted: type) -> int | float | str | bool:
    """The value that a text stands for.

    Raises
    ------
    ValueError
        If it is none of the type, which is one of int, float, str and bool.

    Examples
    --------
    >>> typed_value("Yes", bool), typed_value("1e3", float)
    (True, 1000.0)
    """
    if wanted is bool:
        if text.lower() not in _BOOLS:
            raise ValueError(f"{text!r} is neither true nor false")
        return _BOOLS[text.lower()]
    value: int | float | str = wanted(text)
    return value
