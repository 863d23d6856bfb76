"""Schedules as JSON, CSV and matrices."""

from __future__ import annotations

import dataclasses
import json
import warnings
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import FormatError, OptionError
from makespan.core.names import NameTable
from makespan.core.problem import Problem
from makespan.core.schedule import ABSENT, Schedule
from makespan.io import (
    read_schedule,
    read_schedule_text,
    read_text,
    schedule_to_text,
    write,
    write_schedule,
)
from tests.io import samples
from tests.strategies import problems

SHOP = read_text(samples.JSPLIB)  # J1: M0 3, M1 2, M2 2; J2: M2 4, M0 1, M1 5
PLAN = Schedule.from_starts(SHOP, np.array([0, 3, 5, 0, 4, 5]))
SCHEMA = json.loads((files("makespan.io") / "schema/schedule-v1.schema.json").read_text("utf-8"))


def flexible() -> Problem:
    """One mandatory task with a choice of machines and one optional task."""
    b = ProblemBuilder("flexible")
    left, right, crew = b.machine("left"), b.machine("right"), b.renewable("crew", capacity=2)
    job = b.job("J")
    cut = b.task("cut, fine", duration=3, machine=left, demands={crew: 1}, job=job)
    cut.mode(4, right)
    b.task("extra", duration=2, machine=left, optional=True, reward=1)
    return b.build()


def test_json_has_one_row_per_present_task() -> None:
    """The document names task, job, times, local mode and resources, and lists absent tasks."""
    problem = flexible()
    plan = Schedule(np.array([2, 0]), np.array([6, 0]), np.array([1, ABSENT]))
    text = schedule_to_text(problem, plan, "json")
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    assert document["schedule"] == [
        {"task": "cut, fine", "job": "J", "start": 2, "end": 6, "mode": 1, "resources": ["right"]}
    ]
    assert document["absent"] == ["extra"]
    assert read_schedule_text(text, problem) == plan


def test_csv_has_one_row_per_task() -> None:
    """Cells are quoted where needed, resources are joined, absent tasks have empty cells."""
    problem = flexible()
    plan = Schedule(np.array([2, 0]), np.array([5, 0]), np.array([0, ABSENT]))
    text = schedule_to_text(problem, plan, "csv")
    assert text == (
        'task,job,start,end,mode,resources\n"cut, fine",J,2,5,0,left|crew\nextra,,,,,\n'
    )
    assert read_schedule_text(text, problem) == plan


@given(data=st.data(), problem=problems())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_schedule_survives(data: st.DataObject, problem: Problem) -> None:
    """JSON and CSV give back any schedule, a wrong one as well: judging is for the verifier."""
    n, sizes = problem.tasks.count, np.diff(problem.tasks.mode_ptr)
    starts = data.draw(st.lists(st.integers(-50, 50), min_size=n, max_size=n))
    lengths = data.draw(st.lists(st.integers(0, 50), min_size=n, max_size=n))
    modes = [
        int(problem.tasks.mode_ptr[i]) + k if k >= 0 else ABSENT
        for i, k in enumerate(data.draw(st.integers(-1, int(size) - 1)) for size in sizes)
    ]
    start = np.array(starts)
    plan = Schedule(start, start + lengths, np.array(modes))
    for form in ("json", "csv"):
        assert read_schedule_text(schedule_to_text(problem, plan, form), problem) == plan


def test_spreadsheets_may_reorder_columns_and_use_semicolons() -> None:
    """Only task and start are needed; mode follows from the resources, end from the duration."""
    problem = flexible()
    wanted = Schedule(np.array([2, 0]), np.array([5, 0]), np.array([0, ABSENT]))
    for text in (
        "Start;Task;Resources\r\n2;cut, fine;crew | left\r\n",
        "start\ttask\tmode\n2\tcut, fine\t0\n\n",
        '\ufefftask,start,end,mode\n"cut, fine", 2 ,5,0\n',
    ):
        assert read_schedule_text(text, problem) == wanted


def test_output_of_a_solve_is_a_schedule_too() -> None:
    """The JSON that the command line prints for a solve can be read back as its schedule."""
    rows = json.loads(schedule_to_text(SHOP, PLAN, "json"))["schedule"]
    document = {"schema": "makespan/solve/1", "status": "OPTIMAL", "schedule": rows, "absent": []}
    assert read_schedule_text(json.dumps(document), SHOP) == PLAN
    with pytest.raises(FormatError, match="the solve found no schedule"):
        read_schedule_text(json.dumps(document | {"schedule": None}), SHOP)


def test_start_time_matrix() -> None:
    """One line per job with the start of each of its tasks."""
    assert read_schedule_text("# plan\n0 3 5\n0 4 5\n", SHOP) == PLAN
    with pytest.raises(FormatError, match=r"line 2: job 'J2' has 2 start times; expected 3"):
        read_schedule_text("0 3 5\n0 4\n", SHOP)
    with pytest.raises(FormatError, match="line 1: the text ends after 3 numbers; expected 6"):
        read_schedule_text("0 3 5\n", SHOP)


@pytest.mark.parametrize("text", ["0 1\n0 1\n1 0\n", "1 2\n1 2\n2 1\n"])
def test_machine_orders(text: str) -> None:
    """One line per machine lists jobs from 0 or from 1; tasks start as early as that allows."""
    plan = read_schedule_text(text, SHOP)
    assert plan.start.tolist() == [0, 3, 5, 0, 4, 5]
    assert plan == PLAN


def test_machine_orders_of_jobs_that_return() -> None:
    """The k-th mention of a job on a machine is its k-th visit."""
    problem = read_text(samples.BEL)  # J1: M0 5, M1 6, M0 7, M2 1; J2: M2 8, M1 1; J3: M1 1
    plan = read_schedule_text("0 0\n2 0 1\n1 0\n", problem, format="machine-orders")
    assert plan.start.tolist() == [0, 5, 11, 18, 0, 11, 0]


def test_machine_orders_that_contradict_the_routes() -> None:
    """Orders that wait for each other in a ring are an error, as are wrong lists of jobs."""
    with pytest.raises(FormatError, match="form a cycle"):
        read_schedule_text("1 0\n0 1\n0 1\n", SHOP, format="machine-orders")
    with pytest.raises(FormatError, match="a line per machine"):
        read_schedule_text("0 0\n0 1\n1 0\n", SHOP, format="machine-orders")
    with pytest.raises(FormatError, match="cannot hold several modes"):
        read_schedule_text("0 1\n", read_text(samples.FJSPLIB), format="machine-orders")


ROW = '{"task": "cut, fine", "start": 2}'
DAMAGE = [
    ('{"format": "makespan-problem", "version": 1}', "expected 'makespan-schedule'"),
    ('{"format": "makespan-schedule", "version": 9}', "newer than this library reads"),
    (f'[{ROW[:-1]}, "mode": 0}}, {ROW}]', r"\$.schedule\[1\]: a second row for task 'cut, fine'"),
    ("[]", "task 'cut, fine' has no row; expected a row per mandatory task"),
    ('[{"task": "cut", "start": 2}]', r"\[0\]: the problem has no task 'cut'"),
    (f"[{ROW}]", r"the mode of task 'cut, fine' is not stated and 2 of its 2 modes fit"),
    (f'[{ROW[:-1]}, "mode": 2}}]', r"task 'cut, fine' has no mode 2; expected 0 to 1"),
    (f'[{ROW[:-1]}, "mode": -1}}]', r"has no mode -1"),
    (f'[{ROW[:-1]}, "mode": 0, "job": "K"}}]', r"is put in job 'K'; expected job 'J'"),
    (f'[{ROW[:-1]}, "mode": 0, "end": 1}}]', "the end 1 lies before the start 2"),
    (f'[{ROW[:-1]}, "mode": 0, "resources": ["right"]}}]', "does not use the listed resources"),
    (f'[{ROW[:-1]}, "mode": 0, "note": 1}}]', "unknown field 'note'"),
    ('[{"task": "cut, fine", "mode": 0}]', "the field 'start' is missing"),
    ("task,start\nextra,x\n", r"line 2: the start 'x' is not a whole number"),
    ("task,start\nextra,1.5\n", r"line 2: the start '1.5' is not a whole number"),
    ("task,start,color\nextra,1,red\n", r"line 1: unknown column 'color'; expected out of task"),
    ("task,start,start\nextra,1,1\n", r"line 1: the column 'start' occurs twice"),
    ("task,start\nextra,1,5\n", r"line 2: 3 cells; expected 2"),
    ("task,start,end\nextra,,5\n", r"line 2: an end or mode without a start"),
    ('task,start\n"extra,1\n', r"not CSV"),
    ("task,start\nextra,99999999999999999\n", r"line 2: the start 99999999999999999 is too large"),
    ("nonsense", "not a schedule of any known layout"),
]


@pytest.mark.parametrize(("text", "message"), DAMAGE)
def test_damage_is_named(text: str, message: str) -> None:
    """Rows that do not fit the problem are named with path or line."""
    if text.startswith("["):
        text = f'{{"format": "makespan-schedule", "version": 1, "schedule": {text}}}'
    with pytest.raises(FormatError, match=message):
        read_schedule_text(text, flexible())


def test_an_end_that_calendars_never_reach_is_asked_for() -> None:
    """A row without an end needs one that follows from the calendars."""
    b = ProblemBuilder("short day")
    saw = b.machine("saw", calendar=b.calendar("once", working=[(0, 5)]), breaks="suspend")
    b.task("cut", duration=4, machine=saw)
    problem = b.build()
    assert read_schedule_text("task,start\ncut,0\n", problem).end.tolist() == [4]
    with pytest.raises(FormatError, match="line 2: task .cut. never ends: calendars .once."):
        read_schedule_text("task,start\ncut,2\n", problem)
    assert read_schedule_text("task,start,end\ncut,2,6\n", problem).end.tolist() == [6]


def test_files_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed write leaves the old file and no temporary one; names ending in .gz are packed."""
    for name in ("plan.json", "plan.csv", "plan.csv.gz"):
        write_schedule(PLAN, SHOP, tmp_path / name)
        assert read_schedule(tmp_path / name, SHOP) == PLAN
    assert (tmp_path / "plan.csv.gz").read_bytes()[:2] == b"\x1f\x8b"
    with (tmp_path / "plan.json").open("rb") as stream:
        assert read_schedule(stream, SHOP) == PLAN

    target = tmp_path / "problem.json"
    write(SHOP, target)
    before, listed = target.read_bytes(), sorted(tmp_path.iterdir())
    with pytest.raises(FormatError):
        write(SHOP, target, format="openshop")

    def full_disk(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(flexible(), target)
    assert target.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == listed


def test_permissions_are_kept(tmp_path: Path) -> None:
    """A replaced file keeps its mode bits; a new one gets those of any new file."""
    old, new, plain = tmp_path / "old.json", tmp_path / "new.json", tmp_path / "plain"
    old.write_text("")
    old.chmod(0o640)
    plain.write_text("")
    write(SHOP, old)
    write(SHOP, new)
    assert old.stat().st_mode & 0o777 == 0o640
    assert new.stat().st_mode == plain.stat().st_mode


def test_unknown_endings_and_formats(tmp_path: Path) -> None:
    """Nothing is guessed from an ending that says nothing."""
    with pytest.raises(OptionError, match=r"ending '.xyz' \(use .json or .csv"):
        write_schedule(PLAN, SHOP, tmp_path / "plan.xyz")
    with pytest.raises(OptionError, match=r"files that end in '.xyz'"):
        write(SHOP, tmp_path / "shop.xyz")
    with pytest.raises(OptionError, match="no schedule format 'xml'"):
        schedule_to_text(SHOP, PLAN, "xml")
    with pytest.raises(FormatError, match="can only be read"):
        schedule_to_text(SHOP, PLAN, "start-times")
    with pytest.raises(FormatError, match="the schedule has 6 tasks; expected 2"):
        schedule_to_text(flexible(), PLAN, "csv")


def test_csv_refuses_names_it_would_change() -> None:
    """Line ends are normalised when text is read, so a name with one is refused."""
    problem = read_text("1 1\n0 5\n")
    names = NameTable.explicit(["a\rb"])
    odd = dataclasses.replace(problem, tasks=dataclasses.replace(problem.tasks, names=names))
    with pytest.raises(FormatError, match="control character"):
        schedule_to_text(odd, Schedule.from_starts(odd, np.array([0])), "csv")


def test_warnings_are_not_raised_for_plain_files() -> None:
    """Reading is silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_text(samples.MM).tasks.count == 3
