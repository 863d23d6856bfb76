"""The text Gantt fits the terminal and says what the schedule says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan import ProblemBuilder
from makespan.core.schedule import Schedule
from makespan.viz import terminal_gantt
from tests.strategies import problems, schedules
from tests.viz.plans import job_shop, project, workshop

ANSI = re.compile("\x1b\\[[0-9;]*m")


def small() -> tuple:
    """Two jobs on two machines."""
    b = ProblemBuilder("small")
    saw, drill = b.machine("saw"), b.machine("drill")
    for name, first, second in (("x", 4, 2), ("y", 2, 4)):
        job = b.job(name)
        b.chain(
            b.task(f"{name}1", duration=first, machine=saw, job=job),
            b.task(f"{name}2", duration=second, machine=drill, job=job),
        )
    problem = b.build()
    return problem, Schedule.from_starts(problem, np.array([0, 4, 4, 6]))


def test_by_hand() -> None:
    """Four tasks on 40 cells, character by character."""
    assert terminal_gantt(*small(), width=47).splitlines() == [
        "      0                   5",
        "saw   [x1AAAAAAAAAAAA][y1BBBB]",
        "drill                 [x2AAAA][y2BBBBBBBBBBBB]",
        "      makespan 10 · A x, B y",
    ]


def test_pauses_setups_and_blocked_machines_have_their_signs() -> None:
    """Breaks inside a task are dots, setups tildes, a blocked machine is shaded."""
    lines = terminal_gantt(*workshop(), width=86).splitlines()
    row = {line.split("  ")[0]: line for line in lines}
    assert "A········A" in row["saw"]
    assert "~~~[BBBBBBBB]" in row["paint booth"]
    assert "]▒▒▒▒▒▒▒▒" in row["line A"]


@pytest.mark.parametrize("width", [40, 60, 80, 133])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("plan", [workshop(), project(), job_shop(30, 10)])
def test_lines_fit_the_width(plan: tuple, width: int, colour: bool) -> None:
    """No line is longer than the terminal, colours not counted."""
    for line in terminal_gantt(*plan, width=width, colour=colour).splitlines():
        assert len(ANSI.sub("", line)) <= width


@settings(max_examples=50)
@given(st.data(), st.integers(40, 120), st.booleans())
def test_every_random_plan_can_be_drawn(data: st.DataObject, width: int, colour: bool) -> None:
    """Whatever the vocabulary allows gives lines that fit."""
    problem = data.draw(problems(most_features=9))
    text = terminal_gantt(problem, data.draw(schedules(problem)), width=width, colour=colour)
    assert all(len(ANSI.sub("", line)) <= width for line in text.splitlines())


def test_overload_is_shown() -> None:
    """Where a renewable is used beyond its capacity stands an exclamation mark."""
    b = ProblemBuilder("too much")
    crew = b.renewable("crew", capacity=1)
    b.task("a", duration=5, demands={crew: 1})
    b.task("b", duration=5, demands={crew: 1})
    problem = b.build()
    fine = terminal_gantt(problem, Schedule.from_starts(problem, np.array([0, 5])), width=60)
    bad = terminal_gantt(problem, Schedule.from_starts(problem, np.array([0, 2])), width=60)
    assert "!" not in fine
    assert "!" in bad


def test_rows_are_limited() -> None:
    """More rows than asked for are counted, not printed."""
    text = terminal_gantt(*job_shop(4, 12), width=80, rows=5)
    assert "… and 7 more rows" in text
    assert len(text.splitlines()) == 8


def test_names_cannot_command_the_terminal() -> None:
    """Escape sequences in names are defused."""
    b = ProblemBuilder("x")
    b.task("\x1b[2J evil", duration=30, machine=b.machine("\x1b]0;title\x07"), job=b.job("\x9b1m"))
    problem = b.build()
    text = terminal_gantt(problem, Schedule.from_starts(problem, np.array([0])), width=80)
    assert all(c.isprintable() or c == "\n" for c in text)
