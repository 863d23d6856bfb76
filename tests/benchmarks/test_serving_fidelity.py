"""The page of errors shows the recorded figures."""

from __future__ import annotations

import json

import pytest
from benchmarks.serving_fidelity import HERE, PAGE, SECTIONS, cell, render

from benchmarks import serving_fidelity


def test_the_page_shows_what_was_recorded() -> None:
    """Made anew from the files of figures, it stays as it is."""
    page = PAGE.read_text("utf-8")
    assert render(page) == page
    assert page.count("begin -->") == page.count("end -->") == len(SECTIONS)


def test_means_after_a_fit_to_the_first_half_are_near() -> None:
    """The claim of the page: within 2 %, with the operators of the device."""
    rows = json.loads((HERE / "serving_fidelity.json").read_text("utf-8"))["rows"]
    chosen = [r for r in rows if (r["prior"], r["fitted"]) == ("operators", "first half")]
    assert len(chosen) == len(serving_fidelity.RUNS)
    for row in chosen:
        for metric in ("ttft", "tpot", "e2e"):
            assert abs(row["errors"][f"{metric}_mean"]) < 0.02, row


@pytest.mark.parametrize(
    ("value", "says"), [(None, "–"), (0.0123, "+1.2 %"), (-0.2, "−20.0 %"), (0.0, "+0.0 %")]
)
def test_errors_have_a_sign(value: float | None, says: str) -> None:
    """In percent, with a true minus."""
    assert cell(value) == says
