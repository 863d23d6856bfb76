"""Values of options as people type them."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches

from makespan.core.errors import OptionError
from makespan.core.problem import Objective, ObjectiveTerm
from makespan.core.vocabulary import TICK_LIMIT, Blocking, ObjectiveKind

_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|sec|m|min|h)?")
_UNIT = {None: 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LONGEST = 1e9
_TERM = re.compile(r"(?:(\d+)\s*\*\s*)?([a-z_]+)|([a-z_]+)\s*\*\s*(\d+)")


def parse_seconds(text: str, option: str) -> float | None:
    """A duration such as 30, 1.5m or 2h in seconds; None for "none".

    Raises
    ------
    OptionError
        If it is not a positive duration.
    """
    if text.strip().lower() == "none":
        return None
    match = _SECONDS.fullmatch(text.strip().lower())
    seconds = float(match[1]) * _UNIT[match[2]] if match else math.nan
    if not 0 < seconds <= _LONGEST:
        raise OptionError(
            f"{option}: {text!r} is not a time above 0",
            hint="write seconds, or 1.5m, 2h, or none for no limit",
        )
    return seconds


def parse_blocking(text: str | None) -> int | None:
    """Code of a blocking variant; None if none was asked for.

    Raises
    ------
    OptionError
        If the variant is unknown.
    """
    if text is None:
        return None
    codes = {"swap": Blocking.SWAP, "no-swap": Blocking.NO_SWAP}
    if text not in codes:
        raise OptionError(f"--blocking: there is no variant {text!r}", hint="use swap or no-swap")
    return int(codes[text])


def parse_objective(text: str) -> Objective:
    """Read an objective: terms joined by '+', levels separated by ',', most important first.

    A term is a name of :class:`ObjectiveKind`, optionally times an integer; '-' in names may
    stand for '_'.

    Raises
    ------
    OptionError
        On an unknown term, a repeated term in a level, or a coefficient that is no positive
        integer.
    """
    levels = []
    for level in text.replace("-", "_").split(","):
        terms: list[ObjectiveTerm] = []
        for part in level.split("+"):
            term = _term(part.strip(), text)
            if any(term.kind == other.kind for other in terms):
                raise OptionError(
                    f"--objective: {term.kind.value} occurs twice in {level.strip()!r}",
                    hint="add up its coefficients",
                )
            terms.append(term)
        levels.append(tuple(terms))
    return Objective(tuple(levels))


def _term(part: str, text: str) -> ObjectiveTerm:
    match = _TERM.fullmatch(part)
    if match is None:
        raise OptionError(
            f"--objective: cannot read {part!r} in {text!r}",
            hint="write terms like makespan+10*total_tardiness; a comma separates levels",
        )
    number, name = match[1] or match[4] or "1", match[2] or match[3]
    try:
        kind = ObjectiveKind(name)
    except ValueError:
        known = [kind.value for kind in ObjectiveKind]
        close = get_close_matches(name, known, n=1)
        raise OptionError(
            f"--objective: there is no term {name!r}",
            hint=f"did you mean {close[0]}?" if close else f"terms: {', '.join(known)}",
        ) from None
    coefficient = int(number)
    if not 1 <= coefficient <= TICK_LIMIT:
        raise OptionError(
            f"--objective: the coefficient of {name} is {number}",
            hint=f"it must be at least 1 and at most {TICK_LIMIT}",
        )
    return ObjectiveTerm(kind, coefficient)
