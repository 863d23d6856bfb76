"""Calls that a builder refuses: what they say, and that they leave no trace."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.calendar import Calendar
from makespan.core.errors import ProblemError
from makespan.core.handles import (
    GroupHandle,
    JobHandle,
    ResourceHandle,
    SetupHandle,
    TaskHandle,
)
from makespan.core.problem import Problem
from makespan.core.vocabulary import TICK_LIMIT, Blocking


@dataclass
class Shop:
    """A builder with one thing of each kind."""

    b: ProblemBuilder
    shift: Calendar
    paint: SetupHandle
    saw: ResourceHandle
    crew: ResourceHandle
    gold: ResourceHandle
    tank: ResourceHandle
    tools: GroupHandle
    job: JobHandle
    cut: TaskHandle
    bore: TaskHandle


def shop() -> Shop:
    """A new shop, always the same."""
    b = ProblemBuilder("shop")
    shift, paint = b.calendar("shift", working=[(0, 8)], period=24), b.setups("paint", [[0]])
    saw, crew = b.machine("saw", calendar=shift), b.renewable("crew", capacity=9)
    gold, tank = b.consumable("gold", amount=9), b.reservoir("tank", minimum=-9)
    job, tools = b.job("J"), b.group("tools", [saw])
    cut, bore = (b.task(name, duration=1, machine=saw, job=job) for name in ("cut", "bore"))
    b.minimise("makespan")
    return Shop(b, shift, paint, saw, crew, gold, tank, tools, job, cut, bore)


OTHER = shop()
"""Handles that belong to somebody else."""

Call = Callable[[Shop, Any], object]

NUMBERS: list[tuple[str, bool, Call]] = [
    ("horizon start", True, lambda s, v: ProblemBuilder(horizon=(v, None))),
    ("horizon end", True, lambda s, v: ProblemBuilder(horizon=(-9, v))),
    ("calendar 'x': interval", True, lambda s, v: s.b.calendar("x", working=[(v, 9)])),
    ("calendar 'x': interval", True, lambda s, v: s.b.calendar("x", exceptions=[(v, 9, True)])),
    ("calendar 'x': interval", True, lambda s, v: s.b.calendar("x", exceptions=[(-9, v, True)])),
    ("calendar 'x': period", False, lambda s, v: s.b.calendar("x", working=[(0, 1)], period=v)),
    ("setups 'x': time[0][0]", False, lambda s, v: s.b.setups("x", [[v]])),
    ("setups 'x': cost[0][0]", False, lambda s, v: s.b.setups("x", [[1]], cost=[[v]])),
    ("setups 'x': initial_time[0]", False, lambda s, v: s.b.setups("x", [[1]], initial_time=[v])),
    ("setups 'x': initial_cost[0]", False, lambda s, v: s.b.setups("x", [[1]], initial_cost=[v])),
    ("machine 'x': rate", False, lambda s, v: s.b.machine("x", rate=v)),
    ("renewable 'x': capacity", False, lambda s, v: s.b.renewable("x", capacity=v)),
    ("renewable 'x': rate", False, lambda s, v: s.b.renewable("x", capacity=1, rate=v)),
    ("renewable 'x': step time", True, lambda s, v: s.b.renewable("x", capacity=1, steps=[(v, 1)])),
    ("renewable 'x': step capacity", False, lambda s, v: s.b.renewable("x", capacity=1, steps=[(1, v)])),
    ("consumable 'x': amount", False, lambda s, v: s.b.consumable("x", amount=v)),
    ("consumable 'x': rate", False, lambda s, v: s.b.consumable("x", amount=1, rate=v)),
    ("reservoir 'x': initial level", True, lambda s, v: s.b.reservoir("x", initial=v, minimum=-9)),
    ("reservoir 'x': minimum", True, lambda s, v: s.b.reservoir("x", initial=5, minimum=v)),
    ("reservoir 'x': maximum", True, lambda s, v: s.b.reservoir("x", initial=-9, minimum=-9, maximum=v)),
    ("job 'x': release", True, lambda s, v: s.b.job("x", release=v)),
    ("job 'x': due", True, lambda s, v: s.b.job("x", due=v)),
    ("job 'x': deadline", True, lambda s, v: s.b.job("x", deadline=v)),
    ("job 'x': weight", False, lambda s, v: s.b.job("x", weight=v)),
    ("task 'x', mode 1: duration", False, lambda s, v: s.b.task("x", duration=v)),
    ("task 'x', mode 1: cost", False, lambda s, v: s.b.task("x", duration=1, cost=v)),
    ("task 'x', mode 1: demand for 'crew'", False, lambda s, v: s.b.task("x", duration=1, demands={s.crew: v})),
    ("task 'x', mode 1: demand for 'gold'", False, lambda s, v: s.b.task("x", duration=1, demands={s.gold: v})),
    ("task 'x', mode 1: change of 'tank'", True, lambda s, v: s.b.task("x", duration=1, starts_with={s.tank: v})),
    ("task 'x', mode 1: change of 'tank'", True, lambda s, v: s.b.task("x", duration=1, ends_with={s.tank: v})),
    ("task 'x': release", True, lambda s, v: s.b.task("x", duration=1, release=v)),
    ("task 'x': deadline", True, lambda s, v: s.b.task("x", duration=1, deadline=v)),
    ("task 'x': due", True, lambda s, v: s.b.task("x", duration=1, due=v)),
    ("task 'x': weight", False, lambda s, v: s.b.task("x", duration=1, weight=v)),
    ("task 'x': reward", False, lambda s, v: s.b.task("x", duration=1, reward=v)),
    ("task 'x': family", False, lambda s, v: s.b.task("x", duration=1, family=v)),
    ("task 'x': forbidden interval", True, lambda s, v: s.b.task("x", duration=1, forbidden=[(v, 9)])),
    ("task 'x': baseline", True, lambda s, v: s.b.task("x", duration=1, baseline=v)),
    ("task 'x': baseline", True, lambda s, v: s.b.task("x", duration=1, baseline=(v, 0))),
    ("task 'x': baseline mode", False, lambda s, v: s.b.task("x", duration=1, baseline=(0, v)).mode(1)),
    ("task 'cut', mode 2: duration", False, lambda s, v: s.cut.mode(v)),
    ("task 'cut', mode 2: cost", False, lambda s, v: s.cut.mode(1, cost=v)),
    ("precedence 'cut' -> 'bore': min_lag", True, lambda s, v: s.b.precedence(s.cut, s.bore, min_lag=v)),
    ("precedence 'cut' -> 'bore': max_lag", True, lambda s, v: s.b.precedence(s.cut, s.bore, min_lag=-9, max_lag=v)),
    ("precedence 'cut' -> 'bore': min_lag", True, lambda s, v: s.b.chain(s.cut, s.bore, lag=v)),
    ("precedence 'cut' -> 'bore': min_lag", True, lambda s, v: s.bore.after(s.cut, lag=v)),
    ("coefficient of makespan", False, lambda s, v: s.b.minimise({"makespan": v})),
    ("coefficient of change", False, lambda s, v: s.b.then_minimise({"change": v})),
]  # fmt: skip
"""Where every number enters: how messages name the place, whether it may be negative, the call."""

number = pytest.mark.parametrize(("place", "signed", "call"), NUMBERS)


def refused(call: Call, value: object) -> str:
    """What the builder says, having made sure that it kept nothing of the call."""
    s = shop()
    before = s.b.build()
    with pytest.raises(ProblemError) as caught:
        call(s, value)
    assert s.b.build() == before
    return str(caught.value)


@number
def test_numbers_are_whole(place: str, signed: bool, call: Call) -> None:
    """Floats, truth values and texts are refused, even if they look whole, and floats with a hint."""
    finer = " (choose a finer unit, in which it is whole)"
    for value in (0.5, 2.0, np.float64(3), math.nan, Fraction(1, 2)):
        assert refused(call, value) == f"{place}: got {value!r}, not a whole number{finer}"
    for other in (True, np.True_, "3", Decimal(3), [3], object):
        assert refused(call, other) == f"{place}: got {other!r}, not a whole number"


@number
def test_numbers_are_bounded(place: str, signed: bool, call: Call) -> None:
    """Nothing beyond 2^44 in size gets in, and no negative number where it means nothing."""
    for value in (TICK_LIMIT + 1, -TICK_LIMIT - 1, np.int64(1 << 62), 1 << 63):
        assert refused(call, value) == f"{place}: {value} is beyond ±2^44 (choose a coarser unit)"
    assert refused(call, 1 << 99999).startswith(f"{place}: 100000 bits is beyond ±2^44")
    if not signed:
        assert refused(call, -1) == f"{place}: -1 is negative"


@number
def test_integers_of_numpy_are_numbers(place: str, signed: bool, call: Call) -> None:
    """Any integer type gives the problem that the plain number gives."""

    def built(value: object) -> Problem:
        s = shop()
        result = call(s, value)
        return (result if isinstance(result, ProblemBuilder) else s.b).build()

    for kind in (np.int64, np.int8, np.uint32):
        assert built(kind(1)) == built(1)
    if signed:
        assert built(np.int16(-3)) == built(-3)


@pytest.mark.parametrize("value", [1 << 31, TICK_LIMIT])
def test_row_numbers_fit_their_columns(value: int) -> None:
    """Families and modes are counted, so far less than a time may be is too much."""
    assert refused(lambda s, v: s.b.task("x", duration=1, family=v), value) == (
        f"task 'x': family: {value} is beyond 2^31"
    )
    assert refused(lambda s, v: s.b.task("x", duration=1, baseline=(0, v)), value) == (
        f"task 'x': baseline mode: {value} is beyond 2^31"
    )


Bad = Callable[[Shop], object]

BAD: list[tuple[Bad, str]] = [
    (lambda s: s.b.machine(3), "the name of a machine is 3 (give it a text as its name)"),  # type: ignore[arg-type]
    (lambda s: s.b.renewable("", capacity=1), "the name of a renewable is ''"),
    (lambda s: s.b.task(5), "the name of a task is 5"),  # type: ignore[arg-type]
    (lambda s: s.b.job(s.job), "the name of a job is JobHandle(name='J', index=0)"),  # type: ignore[arg-type]
    (lambda s: s.b.calendar(None), "the name of a calendar is None"),  # type: ignore[arg-type]
    (lambda s: s.b.setups(b"x", [[0]]), "the name of a setup matrix is b'x'"),  # type: ignore[arg-type]
    (lambda s: s.b.group("", []), "the name of a group is ''"),
    (lambda s: s.b.no_overlap([s.cut], name=""), "the name of a no-overlap set is ''"),
    # Calendars
    (lambda s: s.b.calendar("x", working=[(5, 2)]), "calendar 'x': interval [5, 2) is empty or reversed (intervals are half-open, start before end)"),
    (lambda s: s.b.calendar("x", working=[(0, 9)], period=5), "calendar 'x': working interval leaves the period [0, 5)"),
    (lambda s: s.b.calendar("x", exceptions=[(1, 2)]), "calendar 'x': exception (1, 2) is not a start, an end and whether it works"),  # type: ignore[list-item]
    (lambda s: s.b.machine("x", calendar=OTHER.shift), "machine 'x': calendar 'shift' is not this builder's (make it with builder.calendar(...))"),
    (lambda s: s.b.machine("x", calendar="shift"), "machine 'x': calendar 'shift' is not this builder's"),  # type: ignore[arg-type]
    (lambda s: s.b.renewable("x", capacity=1, breaks="pause"), "renewable 'x': breaks='pause'; it is either \"forbid\" or \"suspend\""),
    # Setups and machines
    (lambda s: s.b.setups("x", []), "setups 'x': time: the matrix is not square"),
    (lambda s: s.b.setups("x", [[0, 1]]), "setups 'x': time: the matrix is not square"),
    (lambda s: s.b.setups("x", [0, 1]), "setups 'x': time: the matrix is no list of rows"),  # type: ignore[list-item]
    (lambda s: s.b.setups("x", [[0]], cost=[[0, 1], [1, 0]]), "setups 'x': cost matrix is not 1 x 1 like time"),
    (lambda s: s.b.setups("x", [[0]], initial_time=[1, 2]), "setups 'x': initial_time: 2 values for 1 families"),
    (lambda s: s.b.setups("x", [[0]], initial_cost=[]), "setups 'x': initial_cost: 0 values for 1 families"),
    (lambda s: s.b.machine("x", setup=OTHER.paint), "machine 'x': setup: 'paint' belongs to another builder"),
    (lambda s: s.b.machine("x", setup=s.saw), "machine 'x': setup: got ResourceHandle(name='saw'"),  # type: ignore[arg-type]
    (lambda s: s.b.machine("x", blocking=True), "machine 'x': blocking: unknown value True (known: Blocking.NONE, Blocking.SWAP, Blocking.NO_SWAP)"),  # type: ignore[arg-type]
    (lambda s: s.b.machine("x", blocking=3), "machine 'x': blocking: unknown value 3"),  # type: ignore[arg-type]
    (lambda s: s.b.task("x", duration=1, blocking=1.0), "task 'x': blocking: unknown value 1.0"),  # type: ignore[arg-type]
    (lambda s: s.b.task("x", duration=1, blocking="swap"), "task 'x': blocking: unknown value 'swap'"),  # type: ignore[arg-type]
    # Groups
    (lambda s: s.b.group("x", [s.saw, OTHER.saw]), "group 'x': 'saw' belongs to another builder"),
    (lambda s: s.b.group("x", [s.cut]), "group 'x': got TaskHandle(name='cut', index=0), not a ResourceHandle of this builder"),  # type: ignore[list-item]
    # Tasks and modes
    (lambda s: s.b.task("x", duration=1, job=OTHER.job), "task 'x': job: 'J' belongs to another builder"),
    (lambda s: s.b.task("x", duration=1, job="J"), "task 'x': job: got 'J', not a JobHandle of this builder"),  # type: ignore[arg-type]
    (lambda s: s.b.task("x", duration=1, machine=OTHER.saw), "task 'x', mode 1: machine: 'saw' belongs to another builder"),
    (lambda s: s.b.task("x", duration=1, machine=None, job=s.job), "task 'x', mode 1: machine: got None, not a ResourceHandle"),  # type: ignore[arg-type]
    (lambda s: s.b.task("x", duration=1, machine=[s.saw, s.crew]), "task 'x', mode 1: 'crew' is not a machine (put it into demands)"),
    (lambda s: s.b.task("x", duration=1, demands={s.saw: 2}, job=s.job), "task 'x', mode 1: a machine such as 'saw' is demanded once"),
    (lambda s: s.b.task("x", duration=1, demands={s.saw: 0}), "task 'x', mode 1: a machine such as 'saw' is demanded once"),
    (lambda s: s.b.task("x", duration=1, demands={s.tank: 1}), "task 'x', mode 1: reservoir 'tank' among demands (state its change in starts_with or ends_with)"),
    (lambda s: s.b.task("x", duration=1, demands={OTHER.crew: 1}), "task 'x', mode 1: demand: 'crew' belongs to another builder"),
    (lambda s: s.b.task("x", duration=1, starts_with={s.crew: 1}), "task 'x', mode 1: 'crew' is not a reservoir"),
    (lambda s: s.b.task("x", duration=1, ends_with={OTHER.tank: 1}), "task 'x', mode 1: change: 'tank' belongs to another builder"),
    (lambda s: s.b.task("x", machine=s.saw, job=s.job), "task 'x': resources or a cost, but no duration (give a duration, or add each mode with .mode(...))"),
    (lambda s: s.b.task("x", cost=1), "task 'x': resources or a cost, but no duration"),
    (lambda s: s.b.task("x", duration=1, forbidden=[(1, 2), (3, 3)]), "task 'x': forbidden interval [3, 3) is empty or reversed"),
    (lambda s: s.b.task("x", duration=1, forbidden=[3]), "task 'x': forbidden interval: got 3, not a start and an end"),  # type: ignore[list-item]
    (lambda s: s.b.task("x", duration=1, baseline=(1, 0, 2)), "task 'x': baseline (1, 0, 2) is not a start and a mode"),  # type: ignore[arg-type]
    (lambda s: s.cut.mode(1, machine=OTHER.saw), "task 'cut', mode 2: machine: 'saw' belongs to another builder"),
    # Relations
    (lambda s: s.b.precedence(OTHER.cut, s.bore), "precedence: source: 'cut' belongs to another builder"),
    (lambda s: s.b.precedence(s.cut, 1), "precedence: target: got 1, not a TaskHandle of this builder"),  # type: ignore[arg-type]
    (lambda s: s.b.precedence(s.cut, s.cut, kind="SS"), "task 'cut' precedes itself"),
    (lambda s: s.b.precedence(s.cut, s.bore, kind="XX"), "precedence 'cut' -> 'bore': unknown kind 'XX' (known: \"FS\", \"SS\", \"FF\", \"SF\")"),
    (lambda s: s.b.precedence(s.cut, s.bore, kind=True), "precedence 'cut' -> 'bore': unknown value True"),  # type: ignore[arg-type]
    (lambda s: s.b.precedence(s.cut, s.bore, min_lag=2, max_lag=1), "precedence 'cut' -> 'bore': max_lag 1 is below min_lag 2"),
    (lambda s: s.b.chain(s.cut, s.bore, OTHER.cut), "chain: 'cut' belongs to another builder"),
    (lambda s: s.b.chain([s.cut, s.bore]), "chain: got [TaskHandle(name='cut', index=0), TaskHandle"),  # type: ignore[arg-type]
    (lambda s: s.b.no_wait(s.cut, s.bore, s.saw), "no_wait: got ResourceHandle(name='saw'"),  # type: ignore[arg-type]
    (lambda s: s.b.no_wait(s.cut, s.bore, s.bore), "task 'bore' precedes itself"),
    (lambda s: s.bore.after(s.cut, OTHER.cut), "precedence: source: 'cut' belongs to another builder"),
    (lambda s: s.bore.after(s.cut, s.bore), "task 'bore' precedes itself"),
    (lambda s: s.b.no_overlap([s.cut, s.bore, s.cut]), "no-overlap set 'no-overlap 1': task 'cut' occurs twice"),
    (lambda s: s.b.no_overlap([OTHER.cut], name="x"), "no-overlap set 'x': 'cut' belongs to another builder"),
    (lambda s: s.b.same_resource(s.cut, s.cut, s.tools), "task 'cut' is linked to itself"),
    (lambda s: s.b.same_resource(s.cut, OTHER.bore, s.tools), "link: 'bore' belongs to another builder"),
    (lambda s: s.b.different_resource(s.cut, s.bore, OTHER.tools), "link: group: 'tools' belongs to another builder"),
    (lambda s: s.b.different_resource(s.cut, s.bore, s.saw), "link: group: got ResourceHandle(name='saw'"),  # type: ignore[arg-type]
    (lambda s: s.b.exactly_one([]), "exactly_one: too few tasks (give it 1 or more)"),
    (lambda s: s.b.at_most_one([s.cut, s.cut]), "at_most_one: task 'cut' occurs twice"),
    (lambda s: s.b.all_or_none([s.cut, OTHER.bore]), "all_or_none: 'bore' belongs to another builder"),
    (lambda s: s.b.implies(s.cut), "implies: too few tasks (give it 2 or more)"),
    # Objective
    (lambda s: s.b.minimise("speed"), "unknown objective 'speed' (known: makespan, total_completion,"),
    (lambda s: s.b.minimise({}), "an objective level needs at least one term"),
    (lambda s: s.b.minimise(["makespan"]), "objective ['makespan'] is neither a term's name nor terms with coefficients (for levels, call minimise and then then_minimise)"),  # type: ignore[arg-type]
    (lambda s: s.b.then_minimise({"makespan": 1, "pace": 1}), "unknown objective 'pace'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_mistakes_are_named_and_leave_no_trace(call: Bad, message: str) -> None:
    """The message begins with the user's own object; the builder is as it was."""
    assert refused(lambda s, _: call(s), None).startswith(message)


@given(st.lists(st.sampled_from([call for call, _ in BAD]), max_size=8))
def test_any_series_of_mistakes_leaves_no_trace(calls: list[Bad]) -> None:
    """After whatever goes wrong, the same calls as ever give the same problem, with the same names."""
    s, untouched = shop(), shop()
    for call in calls:
        with pytest.raises(ProblemError):
            call(s)
    for each in (s, untouched):
        each.b.chain(each.b.task(duration=2, machine=each.b.machine()), each.cut)
        each.b.no_overlap([each.cut, each.bore])
        each.b.job()
    assert s.b.build() == untouched.b.build()


def test_the_first_level_comes_first() -> None:
    """A later level without a first one is refused, and says what to call."""
    b = ProblemBuilder()
    with pytest.raises(ProblemError, match=r"needs a first level \(call minimise first\)"):
        b.then_minimise("makespan")
    b.minimise("makespan")
    b.then_minimise("mode_cost")
    assert len(b.build().objective.levels) == 2


@pytest.mark.parametrize("code", [1, np.uint8(1), Blocking.SWAP])
def test_codes_may_be_plain_integers(code: Any) -> None:
    """A code read from a table is as good as its name."""
    b = ProblemBuilder()
    b.machine(blocking=code)
    assert b.build().resources.blocking.tolist() == [Blocking.SWAP]
