"""The page about a real run and its simulation: its figures, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.serving.fidelity.truth import TRUTH, recorded
from tests.serving.report.conftest import Opened

from makespan.serving.cost.step import LinearCost
from makespan.serving.fidelity.replay import FIGURES, METRICS, Replay, Timings
from makespan.serving.report import likeness_html
from makespan.serving.report.likeness import POINTS
from makespan.serving.workload import Workload
from makespan.serving.workloads.llmservingsim import read_recorded_run

SLOW = LinearCost(TRUTH.floor * 6 // 5, TRUTH.per_token, TRUTH.per_context, TRUTH.per_sequence)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replay, Timings]:
    """A run and what an engine that is too slow makes of it."""
    path = recorded(tmp_path_factory.mktemp("run"), requests=90)
    replay = Replay.of(read_recorded_run(str(path)))
    return replay, replay.simulated(SLOW)[0]


def data_of(text: str) -> dict[str, Any]:
    """What the script is given."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def cells_of(text: str, row: str) -> list[list[str]]:
    """Figures of all rows of one name."""
    rows = re.findall(rf'<th scope="row">{row}</th>(.*?)</tr>', text)
    return [re.findall(r"<td>(.*?)</td>", cells) for cells in rows]


def test_the_table_has_the_errors_of_every_part(run: tuple[Replay, Timings]) -> None:
    """What is judged comes first; signs are there."""
    replay, seen = run
    text = likeness_html(replay, seen, judged="second-half", calibration="a <table>")
    parts = re.findall(r"<caption>(.*?) <small>(\d+) requests", text)
    assert parts == [("second half (judged)", "45"), ("first half", "45"), ("whole run", "90")]
    half = replay.first_half
    told = [cell.replace("−", "-") for row in cells_of(text, "error") for cell in row]
    want = [
        replay.errors(seen, chosen)[f"{metric}_{figure}"]
        for chosen in (~half, half, half | ~half)
        for metric in METRICS
        for figure in FIGURES
    ]
    assert [float(cell.rstrip("%")) for cell in told] == [
        pytest.approx(100 * error, abs=0.051) for error in want
    ]
    assert max(want) > 0.1, "the engine is too slow"
    assert "a &lt;table&gt;" in text
    assert "@@" not in text
    assert text == likeness_html(replay, seen, judged="second-half", calibration="a <table>")


def test_a_run_that_is_judged_as_a_whole_has_no_parts(run: tuple[Replay, Timings]) -> None:
    """One table, one curve a latency, every request once."""
    replay, seen = run
    data = data_of(likeness_html(replay, seen))
    assert [part["key"] for part in data["parts"]] == ["all"]
    assert [one["name"] for one in data["policies"]] == ["measured", "simulated"]
    for one, of in zip(data["policies"], (replay.real, seen), strict=True):
        assert one["parts"]["all"]["e2e"]["x"][-1] == pytest.approx(of.e2e.max(), rel=1e-3)
        # By Little's law the mean number inside is the rate times the mean time there.
        inside = np.mean(one["inside"]) * data["slices"]["n"] * data["slices"]["width"]
        assert inside == pytest.approx(of.e2e.sum(), rel=2e-3)
    pairs = data["requests"]["ttft"]
    assert pairs["request"] == list(range(90))
    assert pairs["simulated"] == pytest.approx(seen.ttft, rel=1e-3)


def test_of_a_long_run_some_requests_are_drawn(run: tuple[Replay, Timings]) -> None:
    """The first and the last among them, and it is said how many."""
    _, seen = run
    size = POINTS * 2
    long = Timings(*(np.resize(getattr(seen, name), size) for name in METRICS))
    load = Workload("long", np.arange(size) * 10**11, np.full(size, 9), np.full(size, 9))
    replay = replace(run[0], workload=load, real=long)
    text = likeness_html(replay, long)
    drawn = data_of(text)["requests"]["e2e"]["request"]
    assert (len(drawn), drawn[0], drawn[-1]) == (POINTS, 0, size - 1)
    assert f"Of the {size:,} requests {POINTS:,} are drawn" in text


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_the_page_in_a_browser(
    run: tuple[Replay, Timings], opened: Opened, scheme: str, width: int
) -> None:
    """Curves and points are drawn, of the part that is chosen; pointers are answered."""
    replay, seen = run
    page = opened(likeness_html(replay, seen, judged="second-half"), width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("figure svg").count() == 8
    assert page.locator("#curves path.line").count() == 6
    dots = page.locator("#requests path.dots")
    assert [dots.nth(k).get_attribute("d").count("M") for k in range(3)] == [45] * 3
    before = page.locator("#curves path.line").first.get_attribute("d")
    page.click("[data-part=all]")
    assert dots.first.get_attribute("d").count("M") == 90
    assert page.locator("#curves path.line").first.get_attribute("d") != before
    page.locator("#curves svg").first.hover()
    assert "measured" in page.locator("#tip").inner_text()
    page.locator("#requests svg").nth(2).scroll_into_view_if_needed()
    spot = dots.nth(2).evaluate(
        "p => { const m = p.getPointAtLength(0).matrixTransform(p.getScreenCTM());"
        " return [m.x, m.y]; }"
    )
    page.mouse.move(*spot)
    told = page.locator("#tip").inner_text()
    assert "request 0" in told
    assert "error" in told
    page.click("#policies button >> nth=1")
    assert page.locator("#curves path.line").count() == 3
