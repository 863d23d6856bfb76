"""Interactive Gantt chart: one HTML file that works offline and trusts no name in the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from makespan.core.errors import OptionError
from makespan.core.graph_schedule import Push, criticality
from makespan.core.problem import Problem
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import BoolArray, IntArray
from makespan.viz._arguments import plan_of
from makespan.viz.markup import escaped
from makespan.viz.page import asset, joined_script, page
from makespan.viz.payload import payload, script_json
from makespan.viz.picture import picture_of
from makespan.viz.svg import write_svg
from makespan.viz.timescale import length_text, number

Grouping = Literal["resource", "job", "task"]

_PACKAGE: Final = "makespan.viz"
_SCRIPTS: Final = (
    "model.js",
    "axis.js",
    "profiles.js",
    "bars.js",
    "paint.js",
    "panels.js",
    "input.js",
    "app.js",
)


def write_gantt(
    problem: Problem,
    schedule: Schedule | Result,
    path: str | Path,
    *,
    title: str | None = None,
    result: Result | None = None,
    critical: BoolArray | Literal[False] | None = None,
    slack: IntArray | None = None,
    grouping: Grouping = "resource",
) -> None:
    """Write the chart of :func:`gantt_html` to ``path`` (UTF-8, same input, same bytes).

    A path that ends in ``.svg`` gets the static chart of :func:`~makespan.viz.gantt_svg`.
    """
    if Path(path).suffix.lower() == ".svg":
        shown = None if critical is False else critical
        write_svg(problem, schedule, path, title=title, critical=shown)
        return
    text = gantt_html(
        problem,
        schedule,
        title=title,
        result=result,
        critical=critical,
        slack=slack,
        grouping=grouping,
    )
    Path(path).write_bytes(text.encode("utf-8"))


def gantt_html(
    problem: Problem,
    schedule: Schedule | Result,
    *,
    title: str | None = None,
    result: Result | None = None,
    critical: BoolArray | Literal[False] | None = None,
    slack: IntArray | None = None,
    grouping: Grouping = "resource",
) -> str:
    """Self-contained interactive Gantt chart of a schedule.

    Parameters
    ----------
    title
        Heading; default is the problem's name.
    result
        Adds status, objective, bound, gap, engine, seed and version to the heading.
    critical
        Which tasks are critical, bool (n,). Default: found from the schedule, with a chain of
        tasks that explains the makespan. False leaves them out.
    slack
        Ticks each task may slip, int64 (n,); shown in tooltips.
    grouping
        How rows are arranged at first; the reader can switch.

    Raises
    ------
    OptionError
        If ``critical`` or ``slack`` has not one entry per task, or the schedule is of another
        problem.
    """
    given = None if critical is False else critical
    plan, own = plan_of(problem, schedule, critical=given, slack=slack)
    result = own if result is None else result
    if grouping not in ("resource", "job", "task"):
        raise OptionError(f"grouping is {grouping!r}", hint="use 'resource', 'job' or 'task'")
    picture = picture_of(problem, plan)
    chain: tuple[Push, ...] = ()
    if critical is None:
        found = criticality(problem, plan)
        given, chain = found.critical, found.pushes
    data = payload(picture, critical=given, chain=chain, slack=slack, grouping=grouping)
    heading = title if title is not None else (problem.name or "schedule")
    facts = _facts(problem, plan, result)
    label = f"Gantt chart of {heading}: " + ", ".join(f"{a} {b}" for a, b in facts)
    parts = {
        "title": escaped(heading),
        "facts": "".join(
            f"<div><dt>{escaped(a)}</dt><dd>{escaped(b)}</dd></div>" for a, b in facts
        ),
        "label": escaped(label),
        "data": script_json(data),
    }
    style, script = asset(_PACKAGE, "gantt.css"), joined_script(_PACKAGE, *_SCRIPTS)
    return page(asset(_PACKAGE, "gantt.html"), style, script, parts)


def _facts(problem: Problem, schedule: Schedule, result: Result | None) -> list[tuple[str, str]]:
    present = int(schedule.present.sum())
    total = problem.tasks.count
    facts: list[tuple[str, str]] = []
    if result is not None:
        facts.append(("status", result.status.value + (" (cancelled)" if result.cancelled else "")))
        if result.objectives:
            facts.append(("objective", " / ".join(number(v) for v in result.objectives)))
        if result.bounds:
            bounds = ("–" if v is None else number(v) for v in result.bounds)
            facts.append(("bound", " / ".join(bounds)))
        if result.gap is not None:
            facts.append(("gap", f"{result.gap:.2%}"))
    facts.append(("minimise", str(problem.objective)))
    facts.append(
        (
            "makespan",
            length_text(schedule.makespan, problem.time_unit),
        )
    )
    facts.append(
        ("tasks", number(total) if present == total else f"{number(present)} of {number(total)}")
    )
    if problem.jobs.count:
        facts.append(("jobs", number(problem.jobs.count)))
    facts.append(("resources", number(problem.resources.count)))
    if result is not None:
        if result.engine:
            facts.append(("engine", result.engine))
        if result.seed is not None:
            facts.append(("seed", str(result.seed)))
        if result.seconds:
            facts.append(("time", f"{result.seconds:.2f} s"))
        if result.version:
            facts.append(("makespan version", result.version))
    return facts
