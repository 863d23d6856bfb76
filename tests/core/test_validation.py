"""Every rule between the tables of a problem, broken on its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.errors import ProblemError
from makespan.core.names import NameTable
from makespan.core.problem import Objective, ObjectiveTerm, Problem
from makespan.core.validation import validate
from makespan.core.vocabulary import INFINITY, TICK_LIMIT, ObjectiveKind


@lru_cache
def plant() -> Problem:
    """A problem with rows in every table.

    Tasks: cut (modes 0, 1), bore (2), glue (3), pack (4). Resources: saw, press, crew, power, gold,
    tank. Jobs: J (cut, bore), K (pack).
    """
    b = ProblemBuilder("plant", horizon=(-5, 900))
    shift = b.calendar("shift", working=[(0, 8)], period=24)
    b.calendar("night", working=[(8, 20)], period=24)
    paint = b.setups("paint", [[0, 2], [2, 0]], initial_time=[1, 1], cost=[[0, 1], [1, 0]])
    b.setups("clean", [[0]])
    saw = b.machine("saw", calendar=shift, setup=paint, rate=3)
    press = b.machine("press")
    crew = b.renewable("crew", capacity=3, steps=[(10, 2), (20, 0)])
    power = b.renewable(
        "power", capacity=9, calendar=shift, breaks="suspend", released_in_breaks=True
    )
    gold = b.consumable("gold", amount=100, rate=2)
    tank = b.reservoir("tank", initial=1, minimum=-1, maximum=10)
    j, k = b.job("J", release=1, due=20, deadline=800, weight=4), b.job("K")
    cut = b.task("cut", duration=3, machine=saw, demands={crew: 2, gold: 5}, job=j, due=30)
    cut.mode(2, press, starts_with={tank: 1}, ends_with={tank: -1})
    bore = b.task("bore", duration=4, machine=press, demands={power: 1}, job=j, baseline=(3, 0))
    glue = b.task("glue", duration=1, family=1, optional=True, forbidden=[(3, 5), (9, 10)])
    pack = b.task("pack", duration=1, machine=saw, job=k, optional=True, forbidden=[(1, 2)])
    b.precedence(cut, bore, min_lag=-2, max_lag=50)
    b.chain(bore, glue, pack)
    b.no_overlap([cut, glue], name="corner")
    b.no_overlap([bore, pack], name="desk")
    tools, people = b.group("tools", [saw, press]), b.group("people", [crew])
    b.same_resource(cut, bore, tools)
    b.different_resource(bore, cut, people)
    b.exactly_one([glue, pack])
    b.implies(glue, bore)
    b.minimise({"makespan": 1, "total_tardiness": 10})
    b.then_minimise("resource_cost")
    return b.build()


def put(array: np.ndarray, at: int | slice, value: object) -> np.ndarray:
    """A copy of ``array`` with ``value`` at some place."""
    changed = array.copy()
    changed[at] = value
    return changed


def change(table: str, **columns: Any) -> Problem:
    """The plant with other columns in one table."""
    p = plant()
    return dataclasses.replace(p, **{table: dataclasses.replace(getattr(p, table), **columns)})


def at(table: str, column: str, place: int, value: object) -> Problem:
    """The plant with another entry at one place."""
    return change(table, **{column: put(getattr(getattr(plant(), table), column), place, value)})


def refused(problem: Problem) -> str:
    """What is said of a problem."""
    with pytest.raises(ProblemError) as caught:
        validate(problem)
    return str(caught.value)


def test_the_plant_is_valid() -> None:
    """The problem that the tests break is in order, and no table of it is empty."""
    p = plant()
    validate(p)
    for table in (p.tasks, p.modes, p.resources, p.jobs, p.precedences, p.links, p.selections):
        assert table.count > 1
    for sets in (p.no_overlaps.names, p.groups.names, p.calendars, p.setups):
        assert len(sets) > 1


def twice(what: str) -> Problem:
    """The plant with the first name of a table in its second place, too."""
    p = plant()
    if what == "calendars":
        again = Calendar.create("shift", working=[(0, 1)])
        return dataclasses.replace(p, calendars=(p.calendars[0], again))
    if what == "setups":
        again_setups = dataclasses.replace(p.setups[1], name="paint")
        return dataclasses.replace(p, setups=(p.setups[0], again_setups))
    names = list(getattr(p, what).names)
    return change(what, names=NameTable.explicit([names[0], names[0], *names[2:]]))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("tasks", "two tasks are named 'cut'"),
        ("resources", "two resources are named 'saw'"),
        ("jobs", "two jobs are named 'J'"),
        ("no_overlaps", "two no-overlap sets are named 'corner'"),
        ("groups", "two groups are named 'tools'"),
        ("calendars", "two calendars are named 'shift'"),
        ("setups", "two setup matrices are named 'paint'"),
    ],
)
def test_names_are_distinct(table: str, message: str) -> None:
    """A name that occurs twice is told."""
    assert refused(twice(table)) == f"{message} (names must be distinct)"


COLUMNS = [
    *(("tasks", c, 4) for c in ("release", "deadline", "due", "weight", "optional", "reward")),
    *(("tasks", c, 4) for c in ("family", "blocking", "baseline_start", "baseline_mode")),
    ("tasks", "forbidden_end", 3),
    *(("modes", c, 5) for c in ("task", "cost")),
    *(("modes", c, 9) for c in ("demand_amount", "demand_timing")),
    *(("resources", c, 6) for c in ("capacity", "minimum", "initial", "calendar", "suspend")),
    *(("resources", c, 6) for c in ("released_in_breaks", "blocking", "rate", "setup")),
    ("resources", "step_capacity", 2),
    *(("jobs", c, 2) for c in ("deadline", "due", "weight")),
    *(("precedences", c, 3) for c in ("target", "kind", "minimum", "maximum")),
    *(("links", c, 2) for c in ("first", "second", "group")),
]


@pytest.mark.parametrize(("table", "column", "rows"), COLUMNS)
def test_columns_have_one_entry_per_row(table: str, column: str, rows: int) -> None:
    """A column that is too short or too long is named with both lengths."""
    values = getattr(getattr(plant(), table), column)
    for wrong in (values[:-1], np.append(values, values[:1])):
        assert refused(change(table, **{column: wrong})) == (
            f"{table}.{column} has shape ({len(wrong)},), not ({rows},)"
        )


@pytest.mark.parametrize("table", ["tasks", "resources", "jobs", "no_overlaps", "groups"])
def test_rows_have_one_name_each(table: str) -> None:
    """A table whose names are too few or too many is named."""
    names = list(getattr(plant(), table).names)
    for wrong in (names[:-1], [*names, "more"]):
        assert refused(change(table, names=NameTable.explicit(wrong))) == (
            f"{table} has {len(wrong)} names for {len(names)} rows"
        )


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("tasks", "mode_ptr"),
        ("tasks", "forbidden_ptr"),
        ("modes", "demand_ptr"),
        ("resources", "step_ptr"),
        ("jobs", "task_ptr"),
        ("no_overlaps", "ptr"),
        ("groups", "ptr"),
        ("selections", "ptr"),
    ],
)
def test_pointers_are_pointers(table: str, column: str) -> None:
    """A pointer begins at 0, never falls, ends with the last value, and has a row more."""
    ptr = getattr(getattr(plant(), table), column)
    wrong = [put(ptr, 0, 1), put(ptr, -1, ptr[-1] + 1), put(ptr, 1, ptr[-1] + 1)]
    if column != "ptr" or table == "selections":
        wrong.append(np.append(ptr, ptr[-1]))
    for values in wrong:
        message = refused(change(table, **{column: values}))
        assert message.startswith(f"{table}.{column} is not a CSR pointer of {len(ptr) - 1} rows")


@pytest.mark.parametrize(
    ("table", "column", "size", "low"),
    [
        ("tasks", "job", 2, -1),
        ("modes", "task", 4, 0),
        ("modes", "demand_resource", 6, 0),
        ("resources", "calendar", 2, -1),
        ("resources", "setup", 2, -1),
        ("jobs", "task", 4, 0),
        ("precedences", "source", 4, 0),
        ("precedences", "target", 4, 0),
        ("no_overlaps", "member", 4, 0),
        ("groups", "member", 6, 0),
        ("links", "first", 4, 0),
        ("links", "second", 4, 0),
        ("links", "group", 2, 0),
        ("selections", "task", 4, 0),
    ],
)
def test_references_lead_somewhere(table: str, column: str, size: int, low: int) -> None:
    """An index past the last row, or before the first, is told with the column."""
    for value in (size, low - 1):
        message = refused(at(table, column, 0, value))
        assert f"{column} refers outside the {size} rows it may name" in message


@pytest.mark.parametrize(
    ("table", "column", "size"),
    [
        ("resources", "kind", 4),
        ("resources", "blocking", 3),
        ("tasks", "blocking", 3),
        ("modes", "demand_timing", 3),
        ("precedences", "kind", 4),
        ("links", "kind", 2),
        ("selections", "kind", 4),
    ],
)
def test_codes_are_known(table: str, column: str, size: int) -> None:
    """A code without a meaning is told with its column."""
    message = refused(at(table, column, 1, size))
    assert message.endswith(f"{column} holds the unknown code {size}")


@pytest.mark.parametrize(
    ("table", "column", "low", "infinite"),
    [
        *(("tasks", c, -TICK_LIMIT, True) for c in ("deadline", "due", "baseline_start")),
        *(("tasks", c, 0, False) for c in ("weight", "reward")),
        *(("tasks", c, -TICK_LIMIT, False) for c in ("release", "forbidden_start")),
        ("tasks", "forbidden_end", -TICK_LIMIT, False),
        *(("modes", c, 0, False) for c in ("duration", "cost")),
        ("modes", "demand_amount", -TICK_LIMIT, False),
        ("resources", "capacity", -TICK_LIMIT, True),
        *(("resources", c, -TICK_LIMIT, False) for c in ("minimum", "initial", "step_time")),
        *(("resources", c, 0, False) for c in ("rate", "step_capacity")),
        *(("jobs", c, -TICK_LIMIT, True) for c in ("deadline", "due")),
        ("jobs", "release", -TICK_LIMIT, False),
        ("jobs", "weight", 0, False),
        ("precedences", "minimum", -TICK_LIMIT, False),
        ("precedences", "maximum", -TICK_LIMIT, True),
    ],
)
def test_numbers_are_in_range(table: str, column: str, low: int, infinite: bool) -> None:
    """What is too small or too large is told with its column and the range; INFINITY has its places."""
    wrong = [low - 1, TICK_LIMIT + 1, INFINITY + 1]
    for value in wrong if infinite else [*wrong, INFINITY]:
        assert refused(at(table, column, 0, value)) == (
            f"{table}.{column} holds {value}, outside [{low}, 2^44]"
        )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"horizon_start": -TICK_LIMIT - 1}, f"horizon holds {-TICK_LIMIT - 1}, outside"),
        ({"horizon_end": TICK_LIMIT + 1}, f"horizon holds {TICK_LIMIT + 1}, outside"),
        ({"horizon_end": -6}, "the horizon ends at -6 before it starts at -5"),
    ],
)
def test_the_horizon_is_an_interval(columns: dict[str, int], message: str) -> None:
    """It has finite ends, but for none at all, in their order."""
    assert refused(dataclasses.replace(plant(), **columns)).startswith(message)


def setups(**columns: np.ndarray) -> Problem:
    """The plant with other setups of paint."""
    p = plant()
    return dataclasses.replace(
        p, setups=(dataclasses.replace(p.setups[0], **columns), *p.setups[1:])
    )


def objective(*levels: tuple[ObjectiveTerm, ...]) -> Problem:
    """The plant with another objective."""
    return dataclasses.replace(plant(), objective=Objective(levels))


def term(coefficient: int = 1) -> ObjectiveTerm:
    """The makespan, so many times."""
    return ObjectiveTerm(ObjectiveKind.MAKESPAN, coefficient)


RULES: list[tuple[Callable[[], Problem], str]] = [
    # Resources: saw 0, press 1, crew 2, power 3, gold 4, tank 5
    (lambda: at("resources", "capacity", 1, 2), "resource 'press' is a machine, so its capacity is 1"),
    (lambda: at("resources", "capacity", 2, -1), "resource 'crew' has a negative capacity"),
    (lambda: at("resources", "capacity", 4, -1), "resource 'gold' has a negative capacity"),
    (lambda: at("resources", "capacity", 4, INFINITY), "resource 'gold' needs a finite capacity"),
    (lambda: at("resources", "capacity", 5, -2), "resource 'tank' has its maximum level below its minimum"),
    (lambda: at("resources", "initial", 5, 11), "resource 'tank' starts outside its own minimum and maximum level"),
    (lambda: at("resources", "initial", 5, -2), "resource 'tank' starts outside its own minimum and maximum level"),
    (lambda: at("resources", "calendar", 4, 0), "resource 'gold' has a calendar, but only machines and renewables work in time"),
    (lambda: at("resources", "calendar", 5, 1), "resource 'tank' has a calendar, but only machines and renewables work in time"),
    (lambda: at("resources", "suspend", 2, True), "resource 'crew' suspends in breaks but has no calendar"),
    (lambda: at("resources", "released_in_breaks", 0, True), "resource 'saw' is released in breaks, which only a renewable that suspends can be"),
    (lambda: at("resources", "suspend", 3, False), "resource 'power' is released in breaks, which only a renewable that suspends can be"),
    (lambda: at("resources", "blocking", 2, 1), "resource 'crew' blocks, but only machines can"),
    (lambda: at("resources", "setup", 5, 0), "resource 'tank' has setups, but only machines can"),
    (lambda: change("resources", step_ptr=np.array([0, 1, 1, 2, 2, 2, 2])), "resource 'saw' has capacity steps, but only renewables can"),
    (lambda: change("resources", step_ptr=np.array([0, 0, 0, 0, 0, 2, 2])), "resource 'gold' has capacity steps, but only renewables can"),
    (lambda: at("resources", "rate", 5, 1), "resource 'tank' has a cost rate, but reservoirs cannot"),
    (lambda: at("resources", "step_time", 1, 10), "resource 'crew': step times must increase, 10 does not"),
    # Modes and tasks
    (lambda: change("tasks", mode_ptr=np.array([0, 2, 2, 4, 5])), "task 'bore' has no mode (give it a duration)"),
    (lambda: change("tasks", mode_ptr=np.array([0, 1, 3, 4, 5])), "modes are not in task order"),
    (lambda: at("tasks", "baseline_mode", 1, 1), "task 'bore': its baseline names a mode it does not have"),
    (lambda: at("tasks", "baseline_mode", 2, -2), "task 'glue': its baseline names a mode it does not have"),
    (lambda: at("tasks", "forbidden_end", 2, 1), "task 'pack': a forbidden interval is empty or reversed"),
    (lambda: at("tasks", "forbidden_start", 1, 11), "task 'glue': a forbidden interval is empty or reversed"),
    # Demands: cut saw, crew, gold; cut press, tank at start, tank at end; bore press, power; pack saw
    (lambda: at("modes", "demand_timing", 4, 0), "task 'cut' demands reservoir 'tank' like a renewable"),
    (lambda: at("modes", "demand_timing", 7, 1), "task 'bore' changes 'power', which is not a reservoir"),
    (lambda: at("modes", "demand_amount", 8, 2), "task 'pack' demands machine 'saw' not once"),
    (lambda: at("modes", "demand_amount", 8, 0), "task 'pack' demands machine 'saw' not once"),
    (lambda: at("modes", "demand_amount", 2, -1), "task 'cut' demands a negative amount of 'gold'"),
    (lambda: at("modes", "demand_resource", 2, 2), "task 'cut' demands 'crew' twice in a mode"),
    (lambda: at("modes", "demand_timing", 5, 1), "task 'cut' demands 'tank' twice in a mode"),
    # Jobs list cut, bore | pack
    (lambda: at("tasks", "job", 2, 0), "task 'glue': the job it names and the jobs that list it disagree"),
    (lambda: at("tasks", "job", 3, -1), "task 'pack': the job it names and the jobs that list it disagree"),
    (lambda: at("jobs", "task", 1, 0), "task 'cut': the job it names and the jobs that list it disagree"),
    (lambda: at("jobs", "task_ptr", 1, 1), "task 'bore': the job it names and the jobs that list it disagree"),
    # Relations
    (lambda: at("precedences", "target", 2, 2), "task 'glue' precedes itself"),
    (lambda: at("precedences", "maximum", 0, -3), "precedence 'cut' -> 'bore': maximum lag -3 is below minimum lag -2"),
    (lambda: at("precedences", "target", 2, 1), "precedences form a cycle: 'glue' -> 'bore' -> 'glue' (remove one of them)"),
    (lambda: at("no_overlaps", "member", 3, 1), "no-overlap set 'desk' lists a task twice"),
    (lambda: change("selections", ptr=np.array([0, 0, 4])), "selection exactly_one number 1 has too few tasks"),
    (lambda: change("selections", ptr=np.array([0, 2, 3]), task=np.array([2, 3, 2])), "selection implies number 2 has too few tasks"),
    (lambda: at("selections", "task", 1, 2), "selection exactly_one number 1 lists a task twice"),
    (lambda: at("selections", "task", 3, 2), "selection implies number 2 lists a task twice"),
    (lambda: at("links", "second", 1, 1), "task 'bore' is linked to itself"),
    # Setups
    (lambda: at("tasks", "family", 3, 2), "task 'pack' has family 2, but setups 'paint' know families 0 to 1"),
    (lambda: at("tasks", "family", 0, -1), "task 'cut' has family -1, but setups 'paint' know families 0 to 1"),
    (lambda: setups(time=np.zeros((2, 3), dtype=int)), "setups 'paint': tables differ in their number of families"),
    (lambda: setups(cost=np.zeros((3, 3), dtype=int)), "setups 'paint': tables differ in their number of families"),
    (lambda: setups(initial_time=np.zeros(3, dtype=int)), "setups 'paint': tables differ in their number of families"),
    (lambda: setups(initial_cost=np.zeros(1, dtype=int)), "setups 'paint': tables differ in their number of families"),
    (lambda: setups(time=np.array([[0, -1], [0, 0]])), "setups 'paint' holds -1, outside [0, 2^44]"),
    (lambda: setups(cost=np.array([[0, TICK_LIMIT + 1], [0, 0]])), f"setups 'paint' holds {TICK_LIMIT + 1}, outside [0, 2^44]"),
    (lambda: setups(initial_time=np.array([0, -4])), "setups 'paint' holds -4, outside [0, 2^44]"),
    (lambda: setups(initial_cost=np.array([INFINITY, 0])), f"setups 'paint' holds {INFINITY}, outside [0, 2^44]"),
    # Objective
    (objective, "the objective has an empty level"),
    (lambda: objective((term(),), ()), "the objective has an empty level"),
    (lambda: objective((ObjectiveTerm("speed"),)), "unknown objective 'speed'"),  # type: ignore[arg-type]
    (lambda: objective((term(-1),)), "objective makespan: coefficient -1 is out of range"),
    (lambda: objective((term(),), (term(TICK_LIMIT + 1),)), f"objective makespan: coefficient {TICK_LIMIT + 1} is out of range"),
    (lambda: objective((term(1), term(2))), "an objective level names a term twice"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), RULES)
def test_rules(make: Callable[[], Problem], message: str) -> None:
    """Each rule, broken on its own, is told in the names of the problem."""
    assert refused(make()) == message
