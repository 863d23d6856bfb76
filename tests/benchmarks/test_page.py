"""The page and the docs' tables are made from recorded runs alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest
from benchmarks.peers import charts, journal, page, scores, summary, wording

from tests.benchmarks.rows import run

ROOT = Path(__file__).parents[2]


def _rows() -> list[dict[str, object]]:
    rows = [
        run("makespan", "ft06", 55, bound=55, history=[[0.1, 60], [0.5, 55]], seconds=0.6),
        run("pyjobshop", "ft06", 58, bound=50, history=[[0.3, 58]]),
        run("makespan", "a<b>", None, status="error"),
        run("pyjobshop", "a<b>", 9, bound=4, history=[[2.0, 9]]),
    ]
    for row in rows[:2]:
        row["best_known"] = {"value": 55, "lower": 55, "source": "a table", "date": "2026-01"}
    return rows


class _Tags(HTMLParser):
    """Notes tags that are never closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in {"meta", "path", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in {"meta", "path", "br"}:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    """Tags are balanced; no script, no address to load from; names are escaped."""
    text = page.render(_rows())
    reader = _Tags()
    reader.feed(re.sub(r"<path ([^>]*)>(<title>[^<]*</title>)</path>", r"\2", text))
    assert (reader.open, reader.wrong) == ([], [])
    assert "<script" not in text
    assert not re.search(r'(src|href)="(?!#)', text)
    assert "a&lt;b&gt;" in text
    assert "prefers-color-scheme" in text


def test_the_page_shows_every_run_and_its_reference() -> None:
    """Proofs have a star, found references a dagger, failures their name."""
    text = page.render(_rows())
    assert "55* (55) 0.0 % 0.6 s" in text
    assert "58 (50) 5.5 % 10.0 s" in text
    assert "9†" in text
    assert "error (–)" in text
    assert "a table, 2026-01" in text


def test_charts_are_pictures_that_parse() -> None:
    """One line per engine, within the picture."""
    (group,) = scores.groups(_rows())
    colours = {"makespan": 0, "pyjobshop": 1}
    for draw in (charts.gap_chart, charts.profile_chart):
        picture = ET.fromstring(draw(group, colours))
        lines = [p for p in picture.iter("path") if p.get("class", "").startswith("line")]
        assert len(lines) == 2
        for line in lines:
            numbers = [float(n) for n in re.findall(r"[MH](-?[\d.]+)", line.get("d", ""))]
            assert min(numbers) >= charts.LEFT - 0.1
            assert max(numbers) <= charts.WIDTH - charts.RIGHT + 0.1


def test_gaps_over_time_are_not_drawn_where_no_times_were_recorded() -> None:
    """The final value alone would draw a line that nobody measured."""
    rows = [run("makespan", "a", 5), run("pyjobshop", "a", 6)]
    assert "Mean gap over time" not in page.render(rows)
    assert "Mean gap over time" in page.render(_rows())


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0.0, 1.0), (0.013, 0.02), (0.2, 0.2), (0.21, 0.25), (3.0, 5.0)]
)
def test_scales_end_at_round_numbers(value: float, ceiling: float) -> None:
    """At or above the largest value."""
    assert charts.nice_ceiling(value) == pytest.approx(ceiling)


def test_numbers_in_words() -> None:
    """No minus before zero, a dash for nothing."""
    assert wording.percent(-0.000001) == "0.00 %"
    assert wording.percent(0.1234) == "12.34 %"
    assert wording.percent(None) == wording.whole(None) == wording.decimal(None) == "–"
    assert wording.whole(12345.6) == "12,346"


def test_blocks_of_the_docs_are_renewed_from_the_records_they_name(tmp_path: Path) -> None:
    """What stands around them stays; doing it twice changes nothing."""
    for row in _rows():
        journal.append(tmp_path / "some.jsonl", row)
    text = "before\n<!-- peers: some.jsonl -->\nold\n<!-- /peers -->\nafter\n"
    once = summary.renew(text, tmp_path)
    assert once.startswith("before\n<!-- peers: some.jsonl -->\n")
    assert once.endswith("<!-- /peers -->\nafter\n")
    assert "old" not in once
    assert "| `makespan` | 2 | 0.00 % | 1 | 1 | 1 |" in once
    assert "| `makespan` / `pyjobshop` | all | 2 | 0.9483 | 1 | 0 | 1 | 1 / 0 | 1.1000 |" in once
    assert summary.renew(once, tmp_path) == once


def test_a_block_without_its_records_is_an_error(tmp_path: Path) -> None:
    """A table must not outlive its source in silence."""
    with pytest.raises(FileNotFoundError, match=r"gone\.jsonl"):
        summary.renew("<!-- peers: gone.jsonl -->\n<!-- /peers -->", tmp_path)


def test_the_documentation_shows_what_its_records_give() -> None:
    """Nobody edits the tables by hand."""
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert summary.renew(text, ROOT) == text
