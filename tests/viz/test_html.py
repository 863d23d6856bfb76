"""The interactive Gantt page: structure, safety, determinism, size."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from makespan import ProblemBuilder
from makespan.core.errors import OptionError
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status
from makespan.viz import gantt_html, write_gantt
from tests.viz.plans import job_shop, project, workshop

EVIL = "</script><img src=x onerror=alert(1)><!--\u2028 \"'& @@data@@ \x00\ud800"


class Page(HTMLParser):
    """Tags, attributes and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[tuple[dict[str, str | None], str]] = []
        self._open: tuple[str, dict[str, str | None]] | None = None
        self._text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag; start to collect what a script or style holds."""
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open, self._text = (tag, dict(attrs)), ""

    def handle_data(self, data: str) -> None:
        """Collect text inside a script or style."""
        if self._open:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        """Close a script or style."""
        if self._open and tag == self._open[0]:
            self.inside.append((self._open[1], self._text))
            self._open = None


def data_of(text: str) -> dict[str, Any]:
    """The embedded plan."""
    plan = next(body for attributes, body in Page(text).inside if attributes.get("id") == "plan")
    found: dict[str, Any] = json.loads(plan)
    return found


def decoded(code: Any, n: int) -> list[int | None]:
    """What the page's script reads from a column."""
    if code is None:
        return [None] * n
    if isinstance(code, int):
        return [code] * n
    if isinstance(code, list):
        return code
    steps = code["delta"]
    values = [code["first"]]
    for k in range(n - 1):
        values.append(values[-1] + (steps if isinstance(steps, int) else steps[k]))
    return values


def test_page_is_self_contained_and_locked_down() -> None:
    """No element points outside, and the policy allows exactly the page's own code."""
    text = gantt_html(*workshop())
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "img", "base", "form")
        assert not {"src", "href", "style"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    policy = next(
        a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for attributes, body in page.inside:
        if attributes.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert "http://" not in text
    assert "https://" not in text


def test_names_are_never_markup() -> None:
    """A name full of markup ends no script, opens no tag, and fills in no placeholder."""
    b = ProblemBuilder(EVIL)
    machine = b.machine(EVIL)
    job = b.job(EVIL)
    b.task(EVIL, duration=3, machine=machine, job=job)
    problem = b.build()
    text = gantt_html(
        problem,
        Schedule.from_starts(problem, np.array([0])),
        result=Result(Status.OPTIMAL, engine=EVIL, version=EVIL),
    )
    page, plain = Page(text), Page(gantt_html(*workshop()))
    tags = [tag for tag, _ in page.tags]
    assert "img" not in tags
    assert tags.count("script") == [tag for tag, _ in plain.tags].count("script") == 2
    assert data_of(text)["tasks"]["names"] == [EVIL]
    text.encode("utf-8")
    assert "\x00" not in text


def test_same_input_gives_same_bytes(tmp_path: Path) -> None:
    """Two writes of one plan are equal byte by byte."""
    for name in ("a.html", "b.html"):
        write_gantt(*workshop(), tmp_path / name)
    first = (tmp_path / "a.html").read_bytes()
    assert first == (tmp_path / "b.html").read_bytes()
    assert b"\r" not in first


@pytest.mark.parametrize("plan", [workshop, project, lambda: job_shop(7, 4)])
def test_embedded_columns_hold_the_schedule(plan: Any) -> None:
    """Decoding the columns gives back start, length, job, names and bars."""
    problem, schedule = plan()
    data = data_of(gantt_html(problem, schedule))
    n, tasks = problem.tasks.count, data["tasks"]
    assert decoded(tasks["start"], n) == schedule.start.tolist()
    assert decoded(tasks["length"], n) == (schedule.end - schedule.start).tolist()
    assert decoded(tasks["job"], n) == problem.tasks.job.tolist()
    names = tasks["names"]
    if isinstance(names, list):
        assert names == list(problem.tasks.names)
    else:
        assert names == {"perJob": True}
    bars = data["bars"]
    used = set(
        zip(decoded(bars["task"], bars["n"]), decoded(bars["resource"], bars["n"]), strict=True)
    )
    held = {
        (int(problem.modes.task[m]), int(problem.modes.demand_resource[d]))
        for m in schedule.mode.tolist()
        if m >= 0
        for d in range(int(problem.modes.demand_ptr[m]), int(problem.modes.demand_ptr[m + 1]))
        if problem.modes.demand_timing[d] == 0
        and problem.resources.kind[problem.modes.demand_resource[d]] < 2
    }
    stones = set(np.flatnonzero(schedule.start == schedule.end).tolist())
    assert used == {pair for pair in held if pair[0] not in stones or pair[1] == 1}


def test_heading_shows_where_the_result_comes_from() -> None:
    """Status, objective, bound, gap, engine, seed and version of a result are on the page."""
    problem, schedule = workshop()
    result = Result(
        Status.FEASIBLE,
        schedule,
        objectives=(96,),
        bounds=(72,),
        engine="cpsat",
        seed=7,
        version="1.2.3",
        seconds=2.5,
    )
    text = gantt_html(problem, result)
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
    wanted = {
        "status": "FEASIBLE",
        "objective": "96",
        "bound": "72",
        "gap": "25.00%",
        "engine": "cpsat",
        "seed": "7",
        "makespan": "72 hours",
        "tasks": "13 of 14",
        "makespan version": "1.2.3",
    }
    assert wanted.items() <= facts.items()
    assert gantt_html(problem, schedule, result=result) == text
    assert "<title>Plan B</title>" in gantt_html(problem, result, title="Plan B")


def test_critical_tasks_are_found_given_or_left_out() -> None:
    """By default the page finds them; an array overrides; False leaves them out."""
    problem, schedule = job_shop(6, 4)
    found = data_of(gantt_html(problem, schedule))
    assert found["tasks"]["critical"]
    assert {step[0] for step in found["chain"]} <= set(found["tasks"]["critical"])
    mask = np.zeros(24, dtype=bool)
    mask[5] = True
    assert data_of(gantt_html(problem, schedule, critical=mask))["tasks"]["critical"] == [5]
    assert data_of(gantt_html(problem, schedule, critical=False))["tasks"]["critical"] is None
    slack = np.arange(24)
    assert data_of(gantt_html(problem, schedule, slack=slack))["tasks"]["slack"] == {
        "first": 0,
        "delta": 1,
    }


def test_wrong_arguments_are_named() -> None:
    """Arrays of another length, unknown groupings and empty results say what to mend."""
    problem, schedule = job_shop(3, 2)
    with pytest.raises(OptionError, match=r"critical has shape \(2,\)"):
        gantt_html(problem, schedule, critical=np.zeros(2, dtype=bool))
    with pytest.raises(OptionError, match="schedule has shape"):
        gantt_html(problem, job_shop(2, 2)[1])
    foreign = Schedule(schedule.start, schedule.end, schedule.mode[::-1])
    with pytest.raises(OptionError, match=r"'J1.1' mode 5, but its modes are 0 to 0"):
        gantt_html(problem, foreign)
    backward = Schedule(schedule.end, schedule.start, schedule.mode)
    with pytest.raises(OptionError, match=r"ends task 'J1.1' at \d+, before it starts"):
        gantt_html(problem, backward)
    with pytest.raises(OptionError, match="grouping"):
        gantt_html(problem, schedule, grouping="colour")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="holds no schedule"):
        gantt_html(problem, Result(Status.UNKNOWN))


def test_hundred_thousand_tasks_stay_small() -> None:
    """Columns keep a plan of 100,000 tasks below 20 bytes a task."""
    problem, schedule = job_shop(1000, 100)
    assert len(gantt_html(problem, schedule)) < 2_000_000


def test_infinite_and_huge_times_fit() -> None:
    """Deadlines and capacities without limit become null, far times stay exact."""
    problem, schedule = workshop()
    far = 1 << 43
    moved = Schedule(schedule.start + far, schedule.end + far, schedule.mode)
    data = data_of(gantt_html(problem, moved, critical=False))
    assert data["makespan"] == schedule.makespan + far
    assert data["start"] == far, "an idle past is not shown"
    assert data["tasks"]["deadline"] is None


def test_write_follows_the_ending(tmp_path: Path) -> None:
    """A path that ends in .svg gets the static drawing."""
    write_gantt(*job_shop(3, 2), tmp_path / "plan.svg")
    assert (tmp_path / "plan.svg").read_text(encoding="utf-8").startswith("<svg")
