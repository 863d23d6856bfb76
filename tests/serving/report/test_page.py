"""The page: one safe file, the figures of the summary, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serving.records import records
from tests.serving.report.conftest import Opened

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.record import Record
from makespan.serving.report import serving_html
from makespan.serving.settings import EngineSettings
from makespan.serving.study import compare
from makespan.serving.workload import PICOSECONDS, Slo, Workload

SETTINGS = EngineSettings(blocks=300)
COST = LinearCost(10 * 10**9, 10**8, 10**5, 2 * 10**7)


def served(requests: int = 300) -> dict[str, Record]:
    """Two policies on two small instances, with events and timelines."""
    random = np.random.default_rng(1)
    load = Workload(
        "demo",
        np.cumsum(random.exponential(PICOSECONDS / 18, requests)).astype(np.int64),
        random.integers(10, 900, requests),
        random.integers(1, 300, requests),
        cap=np.full(requests, 300),
        slo=np.arange(requests) % 2,
        slos=(Slo("chat", ttft=2 * PICOSECONDS), Slo("<batch>", deadline=30 * PICOSECONDS)),
    )
    arms = compare(load, ["fcfs", "conservative"], SETTINGS, COST, instances=2, traced=True)
    return {arm.policy: arm.record for arm in arms}


def data_of(text: str) -> dict[str, Any]:
    """What the script is given."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def test_the_page_is_one_file_under_a_policy() -> None:
    """Nothing is loaded; same records, same text; names are text."""
    made = served()
    text = serving_html(made, [SETTINGS] * 2, title="<b>&", calibration="a table (error 5 %)")
    assert text == serving_html(
        made, [SETTINGS] * 2, title="<b>&", calibration="a table (error 5 %)"
    )
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=", text)
    assert "&lt;b&gt;&amp;" in text
    assert "&lt;batch&gt;" in text
    assert "<batch>" not in text
    assert "a table (error 5 %)" in text
    assert "@@" not in text


def test_figures_are_those_of_the_summary() -> None:
    """Tables and bars agree with it, and batches compute all tokens."""
    made = served()
    text = serving_html(made, [SETTINGS] * 2)
    data = data_of(text)
    for policy, (name, record) in zip(data["policies"], made.items(), strict=True):
        summary = record.summary()
        assert policy["name"] == name
        assert policy["kept"] == [a.share for a in summary.attainment]
        assert f"{summary.latencies['TTFT'].p99:.4g}" in text
        width = data["slices"]["width"]
        computed = width * (sum(policy["time"]["prompt"]) + sum(policy["time"]["decode"]))
        assert record.timeline is not None
        told = record.timeline.prompt.sum() + record.timeline.decode.sum()
        # The page has four digits.
        assert computed == pytest.approx(told, rel=1e-3)
        assert max(policy["time"]["occupancy"]["peak"]) <= 1
    assert data["limits"]["ttft"] == [{"name": "chat", "at": 2}]


@settings(max_examples=25)
@given(st.dictionaries(st.text(max_size=5), records(), min_size=1, max_size=3))
def test_any_record_has_a_page(made: dict[str, Record]) -> None:
    """Refusals, empty loads, no timeline; numbers the script can read."""
    one = next(iter(made.values()))
    same = dict.fromkeys(made, one)
    text = serving_html(same, [SETTINGS] * 3)
    data = data_of(text)
    assert [p["name"] for p in data["policies"]] == list(made)
    assert "no timeline" in text


def test_what_cannot_be_shown_is_refused() -> None:
    """No policy, or an instance that nobody knows."""
    with pytest.raises(OptionError, match="no policy"):
        serving_html({}, [SETTINGS])
    with pytest.raises(OptionError, match="has no settings"):
        serving_html(served(40), [SETTINGS])


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_in_a_browser(opened: Opened, scheme: str, width: int) -> None:
    """Silent, asks for nothing, draws every chart, answers pointers and buttons."""
    page = opened(serving_html(served(), [SETTINGS] * 2), width=width, scheme=scheme)
    assert page.locator("figure svg").count() == 12
    for k in range(12):
        drawn = page.locator("figure svg").nth(k)
        assert drawn.locator("path, rect").count() > 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#curves figure svg").first.hover()
    assert "within" in page.locator("#tip").inner_text()
    assert "conservative" in page.locator("#tip").inner_text()
    lines = page.locator("#curves figure").first.locator("path.line")
    assert lines.count() == 2
    page.click("#policies button >> nth=1")
    assert lines.count() == 1
    before = lines.first.get_attribute("d")
    page.click("[data-scale=log]")
    assert lines.first.get_attribute("d") != before
    heat = page.locator("#instances rect")
    shown = heat.count()
    page.click("[data-measure=waiting]")
    assert heat.count() != shown
    page.click("#chosen button >> nth=1")
    page.locator("#instances svg").hover()
    assert "instance" in page.locator("#tip").inner_text()


@pytest.mark.browser
def test_a_page_without_timelines_in_a_browser(opened: Opened) -> None:
    """What is not known is not shown; an empty load is no error."""
    bare = {name: replace(record, timeline=None) for name, record in served(60).items()}
    nothing = Workload("empty", *(np.zeros(0, dtype=np.int64) for _ in range(3)))
    (arm,) = compare(nothing, ["fcfs"], SETTINGS, COST, traced=True)
    for made in (bare, {"fcfs": arm.record}):
        page = opened(serving_html(made, [SETTINGS] * 2))
        page.locator("#curves figure svg").first.hover()
        assert page.locator("#one-policy").is_hidden() == (made is bare)
