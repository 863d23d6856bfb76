"""How much of the past a policy may keep on a server that runs for months."""

from __future__ import annotations

from typing import Any, Final

MOST_PROGRAMS: Final = 1 << 17
"""Programs of which a policy remembers something; ours."""


def make_room(known: dict[int, Any], program: int) -> None:
    """Forget the oldest program if another is about to be noted beside as many as may be."""
    if len(known) >= MOST_PROGRAMS and program not in known:
        del known[next(iter(known))]
