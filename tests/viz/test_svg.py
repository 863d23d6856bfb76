"""The static SVG Gantt: well-formed, bounded, safe, the same every time."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import ProblemBuilder
from makespan.core.errors import OptionError
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.viz import gantt_svg, write_svg
from makespan.viz.markup import short_name
from makespan.viz.palette import PALETTE
from tests.strategies import problems, schedules
from tests.viz.plans import job_shop, project, workshop

SPACE = "{http://www.w3.org/2000/svg}"


def texts(drawing: ET.Element) -> list[str]:
    """All words of a drawing."""
    return [node.text or "" for node in drawing.iter(f"{SPACE}text")]


@pytest.mark.parametrize("plan", [workshop(), project(), job_shop(5, 2), job_shop(30, 10)])
def test_drawing_is_well_formed_and_inside_its_frame(plan: tuple) -> None:
    """XML parses, and no bar leaves the view box."""
    drawing = ET.fromstring(gantt_svg(*plan))
    _, _, width, height = (float(v) for v in drawing.attrib["viewBox"].split())
    for node in drawing.iter(f"{SPACE}rect"):
        if "patternUnits" in node.attrib:
            continue
        x, y, w, h = (float(node.attrib[k]) for k in ("x", "y", "width", "height"))
        assert w >= 0
        assert h >= 0
        assert -1 <= x <= x + w <= width + 1
        assert -1 <= y <= y + h <= height + 1


@settings(max_examples=50)
@given(st.data())
def test_every_random_plan_can_be_drawn(data: st.DataObject) -> None:
    """Whatever the vocabulary allows gives well-formed XML."""
    problem = data.draw(problems(most_features=9))
    ET.fromstring(gantt_svg(problem, data.draw(schedules(problem))))


def test_every_task_has_its_bar_and_tooltip() -> None:
    """Small plans name each task once per row it appears on."""
    problem, schedule = job_shop(5, 2)
    drawing = ET.fromstring(gantt_svg(problem, schedule))
    titles = [node.text or "" for node in drawing.iter(f"{SPACE}title")]
    assert len(titles) == problem.tasks.count
    assert {title.split(":")[0] for title in titles} == set(problem.tasks.names)
    assert {"M1", "M2", "J1", f"makespan {schedule.makespan}"} <= set(texts(drawing))


def test_bars_lie_where_the_schedule_says() -> None:
    """The left edges of bars are an affine image of the starts."""
    problem, schedule = job_shop(4, 1)
    drawing = ET.fromstring(gantt_svg(problem, schedule))
    place = {}
    for group in drawing.iter(f"{SPACE}g"):
        title, bar = group.find(f"{SPACE}title"), group.find(f"{SPACE}rect")
        if title is not None and bar is not None:
            place[(title.text or "").split(":")[0]] = float(bar.attrib["x"])
    starts = schedule.start
    edges = np.array([place[name] for name in problem.tasks.names])
    slope = (edges.max() - edges.min()) / (starts.max() - starts.min())
    assert np.allclose(edges, edges.min() + slope * (starts - starts.min()), atol=0.02)


def test_names_are_escaped() -> None:
    """Markup and control characters in names stay text."""
    evil = "<script>alert('&')</script>\x00\x1b]]>\ud800"
    b = ProblemBuilder(evil)
    b.task(evil, duration=30, machine=b.machine(evil), job=b.job(evil))
    problem = b.build()
    text = gantt_svg(problem, Schedule.from_starts(problem, np.array([0])))
    drawing = ET.fromstring(text)
    assert not list(drawing.iter(f"{SPACE}script"))
    assert "<script" not in text
    text.encode("utf-8")


def test_critical_tasks_are_outlined() -> None:
    """A strong outline marks the tasks handed in, no others."""
    problem, schedule = job_shop(5, 2)
    critical = np.zeros(10, dtype=bool)
    critical[[0, 1]] = True
    text = gantt_svg(problem, schedule, critical=critical)
    assert text.count('stroke-width="2"') == 2
    assert 'stroke-width="2"' not in gantt_svg(problem, schedule)


def test_large_plans_give_pictures_of_bounded_size() -> None:
    """10,000 tasks on a narrow sheet merge into far fewer bars."""
    text = gantt_svg(*job_shop(200, 50), width=400)
    assert text.count("<g>") < 9_000
    assert "<title>" not in text


def test_overload_is_painted_in_the_warning_colour() -> None:
    """Usage above a capacity, an empty tank and an overdrawn budget are red."""
    b = ProblemBuilder("too much")
    crew, tank = b.renewable("crew", capacity=1), b.reservoir("tank", initial=0)
    money = b.consumable("money", amount=5)
    for k in range(2):
        b.task(f"t{k}", duration=5, demands={crew: 1, money: 4}, ends_with={tank: -1})
    problem = b.build()
    fine = gantt_svg(problem, Schedule.from_starts(problem, np.array([0, 5])))
    bad = gantt_svg(problem, Schedule.from_starts(problem, np.array([0, 2])))
    assert fine.count('class="mk-over"') == 2, "budget and tank are overdrawn either way"
    assert bad.count('class="mk-over"') == 3


def test_same_bytes_every_time(tmp_path: Path) -> None:
    """Two writes of one plan are equal, and use only the palette for bars."""
    for name in ("a.svg", "b.svg"):
        write_svg(*workshop(), tmp_path / name)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert set(re.findall(r'fill="(#[0-9A-F]{6})"', text)) <= {*PALETTE, "#FFFFFF", "#000000"}


def test_a_result_can_be_drawn_unless_it_is_empty() -> None:
    """A result stands for its schedule; without one the message says so."""
    problem, schedule = workshop()
    assert gantt_svg(problem, Result(Status.OPTIMAL, schedule)) == gantt_svg(problem, schedule)
    with pytest.raises(OptionError, match="INFEASIBLE"):
        gantt_svg(problem, Result(Status.INFEASIBLE))


@pytest.mark.parametrize(
    ("name", "room", "shown"),
    [
        ("cut", 100, "cut"),
        ("activity 29", 30, "…29"),
        ("activity 29", 5, ""),
        ("J12.3", 20, ""),
        ("a very long name indeed", 80, "a very long n…"),
    ],
)
def test_labels_are_short_but_tell_tasks_apart(name: str, room: float, shown: str) -> None:
    """A label keeps the number that tells a task from the next, or is left out."""
    assert short_name(name, room, 10.0) == shown
