"""makespan's own JSON holds every term of a problem, and says what is wrong with a document."""

from __future__ import annotations

import dataclasses
import json
import warnings
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import FormatError
from makespan.core.names import NameTable
from makespan.core.problem import Problem
from makespan.core.validation import ModelWarning
from makespan.core.vocabulary import Blocking
from makespan.io import detect, read_text, to_text
from tests.io import samples
from tests.strategies import problems

SCHEMA = json.loads((files("makespan.io") / "schema/problem-v1.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def read_quietly(text: str) -> Problem:
    """Problem of a text whose setups may break the triangle inequality."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        return read_text(text, source="document")


def everything() -> Problem:
    """A problem that uses every table and nearly every column."""
    b = ProblemBuilder(
        "größe", time_unit="minute", origin=datetime(2025, 3, 1, 6, tzinfo=UTC), horizon=(-5, 900)
    )
    shifts = b.calendar("two shifts", working=[(6, 22)], period=24, exceptions=[(100, 120, False)])
    once = b.calendar("once", working=[(0, 50), (60, 90)])
    matrix = b.setups(
        "colours",
        time=[[0, 3], [4, 0]],
        initial_time=[1, 2],
        cost=[[0, 1], [1, 0]],
        initial_cost=[5, 5],
    )
    saw = b.machine("saw", calendar=shifts, breaks="suspend", setup=matrix, rate=3)
    drill = b.machine("drill", calendar=once, blocking=Blocking.NO_SWAP)
    crew = b.renewable("crew", capacity=3, steps=[(10, 2), (20, 0)])
    power = b.renewable(
        "power", capacity=9, calendar=shifts, breaks="suspend", released_in_breaks=True
    )
    budget = b.consumable("budget", amount=100, rate=2)
    tank = b.reservoir("tank", initial=1, minimum=-1, maximum=10)
    sink = b.reservoir("sink", initial=0, minimum=0)
    job = b.job("J", release=1, due=20, deadline=800, weight=4)
    cut = b.task(
        "cut",
        duration=3,
        machine=saw,
        demands={crew: 2, budget: 5},
        starts_with={tank: 1},
        ends_with={tank: -1, sink: 2},
        cost=7,
        job=job,
        release=2,
        deadline=700,
        due=30,
        weight=2,
        family=1,
        blocking=Blocking.SWAP,
        forbidden=[(3, 5), (9, 10)],
        baseline=(4, 0),
    )
    bore = b.task("bore", duration=4, machine=drill, job=job, baseline=0)
    bore.mode(2, saw, demands={power: 1}, cost=2)
    a, c = (b.task(name, duration=1, optional=True, reward=9) for name in ('a "quoted"', "c"))
    b.precedence(cut, bore, kind="SS", min_lag=-2, max_lag=0)
    b.no_wait(cut, a)
    b.no_overlap([cut, a], name="corner")
    b.same_order(drill, name="in turn")
    group = b.group("machines", [saw, drill])
    b.same_resource(cut, bore, group)
    b.different_resource(bore, cut, group)
    b.exactly_one([a, c])
    b.implies(a, bore)
    b.minimise({"makespan": 1, "total_tardiness": 10})
    b.then_minimise("resource_cost")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        return b.build()


def test_every_term_survives() -> None:
    """A problem that uses the whole vocabulary is equal after writing and reading."""
    problem = everything()
    text = to_text(problem, "json")
    assert detect(text) == "json"
    assert read_quietly(text) == problem
    VALIDATOR.validate(json.loads(text))


@given(problems())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_random_problems_survive(problem: Problem) -> None:
    """Writing and reading any problem gives it back; its document fits the schema."""
    text = to_text(problem, "json")
    assert read_quietly(text) == problem
    VALIDATOR.validate(json.loads(text))


@given(
    names=st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True),
    label=st.text(),
    origin=st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-3.5))])),
)
@settings(max_examples=60)
def test_any_names_survive(names: list[str], label: str, origin: datetime) -> None:
    """Control characters, quotes and rare scripts in names do no harm."""
    problem = read_text("1 1\n0 5\n", source="x")
    b = ProblemBuilder(label, time_unit=label, origin=origin)
    machine = b.machine(names[0])
    for name in names:
        b.task(name, duration=1, machine=machine)
    problem = b.build()
    assert read_quietly(to_text(problem, "json")) == problem


def test_tables_in_unusual_order_survive() -> None:
    """Jobs that list tasks in another order and demands in mixed order keep their order."""
    b = ProblemBuilder("order")
    crew, tank = b.renewable("crew", capacity=2), b.reservoir("tank", initial=5, minimum=0)
    job = b.job("J")
    for name in "ab":
        b.task(name, duration=1, job=job, demands={crew: 1}, starts_with={tank: -1})
    problem = b.build()
    jobs = dataclasses.replace(problem.jobs, task=problem.jobs.task[::-1].copy())
    modes = dataclasses.replace(
        problem.modes,
        demand_resource=np.array([1, 0, 0, 1], dtype=np.int32),
        demand_amount=np.array([-1, 1, 1, -1]),
        demand_timing=np.array([1, 0, 0, 1], dtype=np.uint8),
    )
    turned = dataclasses.replace(problem, jobs=jobs, modes=modes)
    text = to_text(turned, "json")
    assert read_text(text) == turned
    VALIDATOR.validate(json.loads(text))


def test_sample_reads_as_typed() -> None:
    """Defaults fill what the document leaves out; null counts as left out."""
    problem = read_text(samples.JSON)
    assert problem.jobs.due.tolist() == [9]
    assert problem.modes.duration.tolist() == [3, 4, 2]
    assert problem.precedences.maximum.tolist() == [5]
    same = samples.JSON.replace('"due": 9', '"due": 9, "deadline": null')
    assert read_text(same) == problem


def test_demands_may_mix_a_list_and_objects() -> None:
    """A list of demands stands beside changes of reservoirs as an object does."""
    text = samples.JSON.replace(
        '{"duration": 2}', '{"duration": 2, "demands": [["M", 1, "during"]]}'
    )
    same = samples.JSON.replace('{"duration": 2}', '{"duration": 2, "demands": {"M": 1}}')
    assert read_text(text) == read_text(same)
    tank = '"resources": [{"name": "tank", "kind": "reservoir"}, '
    both = text.replace('during"]]', 'during"]], "ends_with": {"tank": 1}')
    problem = read_text(both.replace('"resources": [', tank))
    assert problem.modes.demand_resource.tolist()[-2:] == [1, 0]


def test_document_is_one_row_per_line() -> None:
    """People can read, compare and edit the file: each task stands on its own line."""
    text = to_text(read_text(samples.JSON), "json")
    assert '    {"name": "cut", "job": "J", "modes": [{"duration": 3, ' in text


DAMAGE: list[tuple[str, str, str]] = [
    ('"version": 1', '"version": 2', r"\$.version: the document has version 2, newer than"),
    ('"version": 1', '"version": 0', r"the version is 0"),
    ('"version": 1', '"version": true', r"\$.version: found true; expected a whole number"),
    ('"version": 1, ', "", r"\$: the field 'version' is missing"),
    ("makespan-problem", "other", r"\$: the field 'format' is 'other'; expected 'makespan-problem'"),
    ('"duration": 3', '"duration": 3.5', r"\$.tasks\[0\].modes\[0\].duration: found 3.5"),
    ('"duration": 3', '"duration": "3"', r"\$.tasks\[0\].modes\[0\].duration: found '3'"),
    ('"duration": 3', '"duration": -3', r"found -3; expected a whole number from 0"),
    ('"duration": 3', '"duration": 1e3', r"found 1000.0; expected a whole number"),
    ('"duration": 3', '"duration": 99999999999999', r"found 99999999999999; expected .* to 17592"),
    ('"duration": 3', '"duration": NaN', r"NaN is not JSON"),
    ('"duration": 3', '"duration": [3]', r"duration: found a list; expected a whole number"),
    ('"duration": 3, ', "", r"\$.tasks\[0\].modes\[0\]: the field 'duration' is missing"),
    ('"duration": 3', '"duraton": 3', r"the field 'duration' is missing"),
    ('"due": 9', '"dew": 9', r"\$.jobs\[0\]: unknown field 'dew'; expected one of deadline, due"),
    ('"name": "tiny"', '"nome": "tiny"', r"\$: unknown field 'nome'"),
    ('"crew": 2', '"gang": 2', r"demands.gang: there is no resource 'gang'"),
    ('"from": "cut"', '"from": "cutt"', r"\$.precedences\[0\].from: there is no task 'cutt'"),
    ('"job": "J", "modes": [{"duration": 4', '"job": "K", "modes": [{"duration": 4', "no job 'K'"),
    ('"kind": "machine"', '"kind": "robot"', r"\$.resources\[0\].kind: found 'robot'; expected one"),
    (', "capacity": 2', "", r"\$.resources\[1\]: the field 'capacity' is missing"),
    ('"name": "weld"', '"name": "cut"', r"\$.tasks\[1\]: a second task is named 'cut'"),
    ('"due": 9', '"due": 9, "due": 8', r"the field 'due' occurs twice in the object of 'J'"),
    ('"name": "weld"', '"name": ""', r"\$.tasks\[1\]: the name of the task is empty; expected a name"),
    ('"name": "weld"', '"name": 7', r"\$.tasks\[1\].name: found 7; expected a string"),
    ('"name": "weld"', '"title": "weld"', r"\$.tasks\[1\]: the field 'name' is missing"),
    ('{"duration": 2}', '{"duration": 2, "demands": 1}', r"tasks\[1\].modes\[1\].demands: found 1"),
    ('{"duration": 2}', '{"duration": 2, "ends_with": []}', r"ends_with: found a list; expected an object"),
    ('{"duration": 2}', '{"duration": 2, "demands": {"M": 1.5}}', r"demands.M: found 1.5; expected a whole"),
    ('{"duration": 2}', '{"duration": 2, "cost": "x"}', r"\$.tasks\[1\].modes\[1\].cost: found 'x'"),
    ('{"duration": 2}', '{"duration": 2, "skill": 1}', r"modes\[1\]: unknown field 'skill'"),
    ('"max_lag": 5', '"max_lag": "5"', r"\$.precedences\[0\].max_lag: found '5'"),
    ('"max_lag": 5', '"max_lag": -5', r"maximum lag -5 is below minimum lag 0"),
    ('"to": "weld"', '"to": "cut"', r"task 'cut' precedes itself"),
    ('"to": "weld"', '"to": "weld", "kind": "FX"', r"kind: found 'FX'; expected one of FS, SS"),
    ("[{\"duration\": 3", "[[], {\"duration\": 3", r"modes\[0\]: found a list; expected an object"),
    ('"modes": [{"duration": 4', '"forbidden": [[3, 3]], "modes": [{"duration": 4', r"forbidden\[0\]"),
    ('"name": "tiny"', '"name": "\\ud800"', r"\$.name: the string has half a surrogate pair"),
    ('"name": "tiny"', '"objective": [{"speed": 1}]', r"\$.objective\[0\]: unknown objective 'speed'"),
    ('"name": "tiny"', '"origin": "tomorrow"', r"\$.origin: found 'tomorrow'; expected a date"),
    ('"name": "tiny"', '"horizon": [0]', r"\$.horizon: 1 entries; expected 2"),
    ('"name": "tiny"', '"calendars": [{"name": "c", "working": [[5, 2]]}]', r"working\[0\]: interval"),
    ('"name": "tiny"', '"calendars": [{"name": "c", "working": [[0, 9]], "period": 5}]', "leaves the"),
    ('"name": "tiny"', '"setups": [{"name": "s", "time": [[0, 1]]}]', r"time\[0\]: 2 entries; expected 1"),
    ('"name": "tiny"', '"setups": [{"name": "s", "time": [[0]], "cost": []}]', r"setups\[0\]: the cost"),
    ('"name": "J"', '"name": "J", "tasks": ["cut"]', r"\$.jobs\[0\]: the listed tasks are not those"),
    ("}]}\n", "}]\n", r"line 9: not JSON|line 8: not JSON"),
    ("]}\n", "]}}\n", r"not JSON: Extra data"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), DAMAGE)
def test_damage_is_named_with_its_path(old: str, new: str, message: str) -> None:
    """Wrong types, unknown fields and dangling names are found with their path."""
    damaged = samples.JSON.replace(old, new, 1)
    assert damaged != samples.JSON
    with pytest.raises(FormatError, match=message) as caught:
        read_text(damaged, source="plan.json")
    assert str(caught.value).startswith("plan.json")


@pytest.mark.parametrize("text", ["{" * 100_000, '{"a":' * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_documents_made_to_hurt(text: str) -> None:
    """Deep nesting and endless numbers are format errors."""
    with pytest.raises(FormatError):
        read_text(text, format="json")


def test_problems_that_no_document_can_hold() -> None:
    """Names that occur twice, or that no encoding holds, are refused when writing."""
    problem = read_text("1 1\n0 5\n")
    double = dataclasses.replace(problem.tasks, names=NameTable.explicit(["J1.1"]))
    two = read_text("2 1\n0 5\n0 6\n")
    twice = dataclasses.replace(two.tasks, names=NameTable.explicit(["x", "x"]))
    with pytest.raises(FormatError, match="two tasks are named 'x'"):
        to_text(dataclasses.replace(two, tasks=twice), "json")
    assert to_text(dataclasses.replace(problem, tasks=double), "json")
    odd = dataclasses.replace(problem, name="\ud800")
    with pytest.raises(FormatError, match="half a surrogate pair"):
        to_text(odd, "json")


def test_schema_refuses_what_the_reader_refuses() -> None:
    """The schema is strict about fields and types, too."""
    document: dict[str, Any] = json.loads(samples.JSON)
    VALIDATOR.validate(document)
    for change in (
        {"nome": 1},
        {"version": 2},
        {"tasks": [{"name": "x"}]},
        {"tasks": [{"name": "", "modes": [{"duration": 1}]}]},
        {"horizon": [0.5, 1]},
    ):
        assert not VALIDATOR.is_valid(document | change)
