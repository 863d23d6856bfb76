"""The palette can be told apart by colour-blind readers, by numbers."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.viz.palette import HATCHES, INKS, PALETTE, style_of
from tests.viz.colour_vision import VISIONS, contrast, differences, lab

OKABE_ITO = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"]


def pairs(colours: list[str], vision: str) -> np.ndarray:
    """Differences of distinct colours as seen with ``vision``."""
    table = differences(lab(colours, vision))
    np.fill_diagonal(table, np.inf)
    return table


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
        ((50.0, -0.001, 2.49), (50.0, 0.0011, -2.49), 4.7461),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_agrees_with_published_pairs(
    first: tuple[float, ...], second: tuple[float, ...], wanted: float
) -> None:
    """The colour difference reproduces test data of Sharma, Wu and Dalal (2005)."""
    assert differences(np.array([first, second]))[0, 1] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("vision", VISIONS)
def test_greys_look_grey_with_every_vision(vision: str) -> None:
    """Simulated dichromacy keeps the neutral axis, as the model demands."""
    assert np.abs(lab(["#808080"], vision)[0, 1:]).max() < 0.6


@pytest.mark.parametrize("vision", VISIONS)
def test_neighbours_are_far_apart(vision: str) -> None:
    """Colours of consecutive jobs differ by at least 20, many times the just noticeable."""
    table = pairs(list(PALETTE), vision)
    n = len(PALETTE)
    assert min(table[k, (k + 1) % n] for k in range(n)) >= 23
    assert min(table[k, (k + 2) % n] for k in range(n)) >= 15


def test_extension_is_as_separable_as_its_base() -> None:
    """Twelve colours keep the worst-case difference of the seven published ones."""
    base = min(pairs(OKABE_ITO, vision).min() for vision in VISIONS)
    ours = min(pairs(list(PALETTE), vision).min() for vision in VISIONS)
    assert set(OKABE_ITO) < set(PALETTE)
    assert ours >= base > 10


def test_labels_are_readable_on_every_fill() -> None:
    """Text on a bar has the contrast WCAG 2 asks for (4.5)."""
    assert len(INKS) == len(PALETTE)
    for fill, ink in zip(PALETTE, INKS, strict=True):
        assert contrast(fill, ink) >= 4.5


def test_styles_repeat_only_after_all_hatches() -> None:
    """The first 72 jobs look different; tasks without a job cycle through plain colours."""
    count = len(PALETTE) * HATCHES
    assert len({style_of(j, 0) for j in range(count)}) == count
    assert style_of(count, 0) == style_of(0, 0)
    assert style_of(-1, 13) == (1, 0)
