"""The interactive Gantt page in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makespan import ProblemBuilder
from makespan.core.schedule import Schedule
from makespan.viz import write_gantt
from makespan.viz.palette import PALETTE
from tests.strategies import problems, schedules
from tests.viz.plans import job_shop, project, workshop

pytestmark = pytest.mark.browser

SIZES = {10: (5, 2), 300: (30, 10), 10_000: (200, 50)}


class Chart:
    """A page with a chart, and what its console said."""

    def __init__(self, page: Any, path: Path) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        self.canvas = page.locator("#chart")
        self.settle()

    def settle(self) -> None:
        """Wait until a requested frame has been painted."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def range(self) -> tuple[float, float]:
        """Visible range in ticks."""
        self.settle()
        return (
            float(self.canvas.get_attribute("data-from")),
            float(self.canvas.get_attribute("data-to")),
        )

    def place(self, task: int) -> tuple[float, float]:
        """Middle of a task's bar in page coordinates."""
        found = self.page.evaluate(
            """(i) => {
                const g = window.gantt, box = g.canvas.getBoundingClientRect(), m = g.model;
                const time = (m.taskStart[i] + m.taskEnd[i]) / 2;
                return [box.left + g.left + (time - g.from) * g.scale, box.top + g.middle(i)];
            }""",
            task,
        )
        return float(found[0]), float(found[1])

    def tip(self) -> str:
        """Text of the tooltip, '' while it is hidden."""
        tip = self.page.locator("#tip")
        return str(tip.inner_text()) if tip.is_visible() else ""

    def colours(self, left: int, top: int, width: int, height: int) -> set[str]:
        """Colours (``#rrggbb``) in a rectangle of the canvas."""
        found = self.page.evaluate(
            """([x, y, w, h]) => {
                const copy = new OffscreenCanvas(w, h);
                const c = copy.getContext("2d", { willReadFrequently: true });
                c.drawImage(window.gantt.canvas, x, y, w, h, 0, 0, w, h);
                const raw = new Uint32Array(c.getImageData(0, 0, w, h).data.buffer);
                return Array.from(new Set(raw));
            }""",
            [left, top, width, height],
        )
        return {
            f"#{v & 255:02X}{v >> 8 & 255:02X}{v >> 16 & 255:02X}" for v in (int(x) for x in found)
        }


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open a plan; at the end of the test the console must have stayed silent."""
    charts: list[Chart] = []

    def opened(problem: Any, schedule: Any, *, scheme: str = "light", **options: Any) -> Chart:
        path = tmp_path / f"plan{len(charts)}.html"
        write_gantt(problem, schedule, path, **options)
        page = browser.new_page(viewport={"width": 1300, "height": 760}, color_scheme=scheme)
        charts.append(Chart(page, path))
        return charts[-1]

    yield opened
    for chart in charts:
        assert chart.said == [], "the console must stay silent"
        assert all(url.startswith("file:") for url in chart.asked)
        chart.page.close()


@pytest.mark.parametrize("tasks", SIZES)
def test_page_paints_without_a_word_in_the_console(show: Any, tasks: int) -> None:
    """Plans of every size load and paint bars in palette colours."""
    chart = show(*job_shop(*SIZES[tasks]))
    marks = chart.page.evaluate("performance.getEntriesByName('gantt-painted').length")
    assert marks == 1
    assert len(chart.colours(230, 45, 900, 20) & set(PALETTE)) > 3


@pytest.mark.parametrize("plan", [workshop, project])
def test_special_plans_paint_in_all_groupings(show: Any, plan: Any) -> None:
    """Calendars, setups, blocking, reservoirs: every grouping paints, light and dark."""
    for scheme in ("light", "dark"):
        chart = show(*plan(), scheme=scheme)
        for grouping in ("job", "task", "resource"):
            chart.page.click(f"[data-grouping={grouping}]")
            chart.settle()
            pressed = chart.page.get_attribute(f"[data-grouping={grouping}]", "aria-pressed")
            assert pressed == "true"


def test_plans_at_the_edges_paint(show: Any) -> None:
    """No tasks, none present, or times beyond 2^43 ticks: a page all the same."""
    empty = ProblemBuilder("empty")
    empty.machine("M")
    problem = empty.build()
    show(problem, Schedule([], [], []))
    b = ProblemBuilder("none present")
    b.task("maybe", duration=2, machine=b.machine("M"), optional=True)
    problem = b.build()
    show(problem, Schedule([0], [0], [-1]))
    far = show(problem, Schedule([1 << 43], [(1 << 43) + 2], [0]))
    far.page.mouse.move(*far.place(0))
    assert "8\u202f796\u202f093\u202f022\u202f208" in far.tip()


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_plans_paint_and_answer(show: Any, data: st.DataObject) -> None:
    """Whatever the vocabulary allows: every grouping, every task selected, every search."""
    problem = data.draw(problems(most_features=12))
    chart = show(problem, data.draw(schedules(problem)))
    chart.page.evaluate(
        """() => {
            const g = window.gantt;
            for (const kind of ["job", "task", "resource"]) {
                g.setGrouping(kind);
                for (let i = 0; i < g.model.n; i++) {
                    if (!(g.model.mode[i] >= 0)) continue;
                    g.select(i);
                    g.reveal(i);
                    g.frame();
                }
                g.select(-1);
                g.zoom(1e6);
                g.frame();
                g.reset();
                g.find("t");
                g.nextMatch(1);
                g.frame();
            }
        }"""
    )


def test_zoom_keeps_the_instant_under_the_cursor(show: Any) -> None:
    """The wheel narrows the range and leaves the time below the pointer in place."""
    chart = show(*job_shop(30, 10))
    before = chart.range()
    box = chart.canvas.bounding_box()
    x, y = box["x"] + 800, box["y"] + 200
    time = "window.gantt.time(800)"
    pinned = chart.page.evaluate(time)
    chart.page.mouse.move(x, y)
    chart.page.mouse.wheel(0, -600)
    after = chart.range()
    assert after[1] - after[0] < (before[1] - before[0]) / 2
    assert chart.page.evaluate(time) == pytest.approx(pinned, rel=1e-6)
    chart.page.mouse.wheel(0, 300)
    assert chart.range()[1] - chart.range()[0] > after[1] - after[0]


def test_keyboard_zooms_pans_and_resets(show: Any) -> None:
    """Plus, minus, arrows and 0 change the range as their signs say."""
    chart = show(*job_shop(30, 10))
    full = chart.range()
    chart.canvas.focus()
    chart.page.keyboard.press("+")
    near = chart.range()
    assert near[1] - near[0] < full[1] - full[0]
    chart.page.keyboard.press("ArrowRight")
    right = chart.range()
    assert right[0] > near[0]
    assert right[1] - right[0] == pytest.approx(near[1] - near[0])
    chart.page.keyboard.press("-")
    assert chart.range()[1] - chart.range()[0] > right[1] - right[0]
    chart.page.keyboard.press("0")
    assert chart.range() == full


def test_dragging_pans(show: Any) -> None:
    """A drag to the left shows later times; nothing gets selected by it."""
    chart = show(*job_shop(30, 10))
    chart.page.keyboard.press("+")
    before = chart.range()
    box = chart.canvas.bounding_box()
    chart.page.mouse.move(box["x"] + 700, box["y"] + 100)
    chart.page.mouse.down()
    chart.page.mouse.move(box["x"] + 500, box["y"] + 100, steps=5)
    chart.page.mouse.up()
    after = chart.range()
    wide = box["width"] - chart.page.evaluate("window.gantt.left")
    assert after[0] - before[0] == pytest.approx(200 * (before[1] - before[0]) / wide, rel=0.05)
    assert chart.page.evaluate("window.gantt.selected") == -1


def test_hover_tells_about_a_task(show: Any) -> None:
    """The tooltip names task, job, times, resources and due dates."""
    problem, schedule = workshop()
    chart = show(problem, schedule)
    chart.page.mouse.move(*chart.place(2))
    text = chart.tip()
    for part in ("paint table", "table", "36", "44", "8 hours", "paint booth", "lacquer tank −4"):
        assert part in text, part
    assert "job late by\n4 hours" in text
    chart.page.mouse.move(5, 5)
    assert chart.tip() == ""


def test_hover_tells_about_load_and_level(show: Any) -> None:
    """Renewables and reservoirs tell their value at the pointer."""
    chart = show(*workshop())
    rows = chart.page.evaluate(
        """() => window.gantt.rows.map((row, k) => [row.type,
            window.gantt.tops[k] - window.gantt.scroll + 50])"""
    )
    box = chart.canvas.bounding_box()
    place = dict(rows)
    chart.page.mouse.move(box["x"] + 240, box["y"] + place["load"])
    assert "2 of 4" in chart.tip()
    chart.page.mouse.move(box["x"] + 240, box["y"] + place["level"])
    assert "level\n3" in chart.tip()


def test_click_selects_and_walks_along_precedences(show: Any) -> None:
    """A click opens details with predecessors; their names lead on; Escape clears."""
    problem, schedule = workshop()
    chart = show(problem, schedule)
    chart.page.mouse.click(*chart.place(2))
    panel = chart.page.locator("#details")
    assert panel.is_visible()
    assert "refill the tank" in panel.inner_text()
    assert "paint table" in chart.page.locator("#live").inner_text()
    panel.get_by_role("button", name="press table").click()
    assert panel.locator("h2").inner_text() == "press table"
    chart.page.keyboard.press("Escape")
    assert not panel.is_visible()


def test_shift_arrows_walk_through_tasks(show: Any) -> None:
    """The keyboard alone reaches tasks, which the live region announces."""
    chart = show(*job_shop(5, 2))
    chart.canvas.focus()
    chart.page.keyboard.press("Shift+ArrowRight")
    first = chart.page.evaluate("window.gantt.selected")
    chart.page.keyboard.press("Shift+ArrowRight")
    second = chart.page.evaluate("window.gantt.selected")
    chart.page.keyboard.press("Shift+ArrowDown")
    third = chart.page.evaluate("window.gantt.selected")
    assert len({first, second, third}) == 3
    assert "job" in chart.page.locator("#live").inner_text()


def test_critical_path_can_be_switched_on(show: Any) -> None:
    """The button and the key dim what is not critical; without data the button is off."""
    chart = show(*job_shop(30, 10))
    area = (230, 60, 900, 250)
    full = chart.colours(*area)
    chart.page.click("#critical")
    chart.settle()
    assert chart.page.get_attribute("#critical", "aria-pressed") == "true"
    assert chart.colours(*area) != full
    chart.page.click("#critical")
    chart.settle()
    assert chart.colours(*area) == full
    bare = show(*job_shop(3, 2), critical=False)
    assert bare.page.locator("#critical").is_disabled()


def test_search_counts_and_visits_matches(show: Any) -> None:
    """Typing counts the tasks that match; Enter selects them in order of time."""
    problem, schedule = job_shop(30, 10)
    chart = show(problem, schedule)
    chart.page.keyboard.press("/")
    chart.page.keyboard.type("j7.")
    assert chart.page.locator("#found").inner_text() == "10 tasks"
    chart.page.keyboard.press("Enter")
    chart.page.keyboard.press("Enter")
    chosen = chart.page.evaluate("window.gantt.selected")
    assert problem.tasks.names[chosen] == "J7.2"
    assert chart.page.locator("#found").inner_text() == "2 of 10"


def test_dates_can_be_switched_to_ticks(show: Any) -> None:
    """A plan with an origin shows dates at first and ticks on demand."""
    chart = show(*workshop())
    assert chart.page.evaluate("window.gantt.axis.text(28)") == "Tue 3 Mar 2026 10:00"
    chart.page.click("#dates")
    assert chart.page.evaluate("window.gantt.axis.text(28)") == "28"
    assert show(*job_shop(3, 2)).page.locator("#dates").is_hidden()


def test_axis_ticks_stay_apart_at_every_zoom(show: Any) -> None:
    """From ticks to decades, marks are at least 40 pixels apart and inside the range."""
    for plan in (workshop(), project(), job_shop(5, 2)):
        chart = show(*plan)
        least = chart.page.evaluate(
            """() => {
                const a = window.gantt.axis, gaps = [];
                for (let span = 2; span < 1e7; span *= 1.7) {
                    const marks = a.ticks(100, 100 + span, 1000).marks;
                    for (let k = 1; k < marks.length; k++) {
                        gaps.push(((marks[k].time - marks[k - 1].time) * 1000) / span);
                    }
                    if (marks.length > 30) gaps.push(0);
                }
                return Math.min(...gaps);
            }"""
        )
        assert least > 40


def test_overload_and_violations_are_visible(show: Any) -> None:
    """A schedule that breaks a capacity shows the excess in the warning colour."""
    b = ProblemBuilder("overload")
    crew = b.renewable("crew", capacity=1)
    b.task("a", duration=5, demands={crew: 1})
    b.task("b", duration=5, demands={crew: 1})
    problem = b.build()
    chart = show(problem, Schedule([0, 2], [5, 7], [0, 1]))
    assert "#C1272D" in chart.colours(230, 41, 900, 60)


def test_names_with_markup_are_shown_as_text(show: Any) -> None:
    """Hostile names run nothing and appear letter by letter."""
    evil = "</script><img src=x onerror=alert(1)>"
    b = ProblemBuilder(evil)
    b.task(evil, duration=3, machine=b.machine("M"), job=b.job(evil))
    problem = b.build()
    chart = show(problem, Schedule([0], [3], [0]))
    chart.page.mouse.click(*chart.place(0))
    assert chart.page.locator("#details h2").inner_text() == evil
    assert chart.page.locator("h1").inner_text() == evil
    assert chart.page.locator("img").count() == 0


def test_printing_shows_every_row_in_light_colours(show: Any, tmp_path: Path) -> None:
    """A dark screen prints on white, without controls, with all rows."""
    chart = show(*job_shop(60, 40), scheme="dark")
    rows = chart.page.evaluate("window.gantt.rows.length")
    chart.page.emulate_media(media="print")
    chart.settle()
    shown = chart.page.evaluate("window.gantt.height >= window.gantt.contentHeight")
    assert shown
    assert rows == 40
    assert chart.page.locator(".toolbar").is_hidden()
    assert "#FFFFFF" in chart.colours(1000, 60, 300, 200)
    chart.page.emulate_media(media="screen")
    chart.settle()
    assert not chart.page.evaluate("window.gantt.printing")


def test_panning_ten_thousand_tasks_is_smooth(show: Any) -> None:
    """Drawing a frame with 10,000 tasks takes less than 50 ms, even without a graphics card.

    The faster quarter of the frames is asked, since other programs may use the processor too.
    """
    chart = show(*job_shop(200, 50))
    frames = chart.page.evaluate(
        """async () => {
            const times = [];
            window.gantt.zoom(1.2);
            for (let k = 0; k < 30; k++) {
                window.gantt.pan(k % 2 ? 40 : -40);
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                times.push(Number(window.gantt.canvas.dataset.frame));
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    assert frames[len(frames) // 4] < 50
