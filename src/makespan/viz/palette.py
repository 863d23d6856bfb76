"""Colours of jobs and tasks, chosen so that colour-blind readers can tell neighbours apart.

The first seven colours are those of Okabe & Ito, "Color Universal Design" (2008), without black;
five more (a dark brown, a brick red, a pale green, a pale rose, a slate) were found by a search
over CIELAB that maximises the smallest CIEDE2000 difference between any two colours as seen with
normal vision, protanopia, deuteranopia and tritanopia. The extension keeps that minimum at the
value of the Okabe-Ito colours themselves (10.9), and the order below keeps colours next to each
other at least 23 apart, so that consecutive jobs, which meet most often, differ most.
Beyond twelve jobs the colours repeat under a hatch, which needs no colour vision at all.
``tests/viz/test_palette.py`` recomputes these numbers.
"""

from __future__ import annotations

from typing import Final

PALETTE: Final = (
    "#0072B2",
    "#D55E00",
    "#C3A4A3",
    "#64494C",
    "#56B4E9",
    "#E69F00",
    "#5B6377",
    "#009E73",
    "#F0E442",
    "#CC79A7",
    "#C2E0AF",
    "#912E04",
)
"""Fills in order of use."""

INKS: Final = (
    "#FFFFFF",
    "#000000",
    "#000000",
    "#FFFFFF",
    "#000000",
    "#000000",
    "#FFFFFF",
    "#000000",
    "#000000",
    "#000000",
    "#000000",
    "#FFFFFF",
)
"""Text colour on each fill; contrast ratio at least 4.5."""

HATCHES: Final = 6
"""Number of hatches: none, rising, falling, dots, level lines, crossed."""


def style_of(job: int, task: int) -> tuple[int, int]:
    """(colour, hatch) of a task: by its job, or by itself and unhatched if it has none."""
    if job < 0:
        return task % len(PALETTE), 0
    return job % len(PALETTE), job // len(PALETTE) % HATCHES
