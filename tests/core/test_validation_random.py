"""Validation of damaged problems in general, of limits that are just kept, and what it warns of."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import ProblemError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.validation import ModelWarning, validate
from makespan.core.verify import verify
from makespan.core.vocabulary import INFINITY, TICK_LIMIT
from tests.strategies import problems

TABLES = (
    *("tasks", "modes", "resources", "jobs", "precedences", "no_overlaps", "groups", "links"),
    "selections",
)


def quietly(problem: Problem) -> None:
    """Validate what may have setups that break the triangle inequality."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelWarning)
        validate(problem)


def damaged(draw: st.DrawFn, problem: Problem) -> Problem:
    """The problem with one entry of one array changed, or one array cut or made longer."""
    table = draw(st.sampled_from(TABLES))
    rows = getattr(problem, table)
    columns = [f.name for f in dataclasses.fields(rows) if f.name != "names"]
    column = draw(st.sampled_from(columns))
    values = np.array(getattr(rows, column))
    shape = draw(st.sampled_from(["entry", "entry", "entry", "short", "long"]))
    if shape == "entry" and len(values):
        span = np.iinfo(values.dtype) if values.dtype.kind in "iu" else None
        near = st.integers(-2, 9) | st.sampled_from([INFINITY, TICK_LIMIT, -TICK_LIMIT - 1])
        value = draw(near)
        if span is not None:
            value = min(max(value, int(span.min)), int(span.max))
        values[draw(st.integers(0, len(values) - 1))] = value
    elif shape == "short":
        values = values[:-1]
    else:
        values = np.append(values, values[-1:] if len(values) else np.zeros(1, values.dtype))
    return dataclasses.replace(problem, **{table: dataclasses.replace(rows, **{column: values})})


@settings(max_examples=300)
@given(st.data())
def test_damage_is_a_problem_error_or_none(data: st.DataObject) -> None:
    """However a table is damaged, it is refused by name, or the verifier can read it to the end."""
    problem = damaged(data.draw, data.draw(problems(most_features=8)))
    try:
        quietly(problem)
    except ProblemError:
        return
    first = problem.tasks.mode_ptr[:-1]
    end = np.minimum(problem.modes.duration[first], 99)
    assert isinstance(verify(problem, Schedule(np.zeros_like(end), end, first)), list)


@settings(max_examples=100)
@given(problems(most_features=9))
def test_built_problems_are_valid(problem: Problem) -> None:
    """What a builder gives out passes again, however often."""
    quietly(problem)
    quietly(dataclasses.replace(problem))


def test_the_limits_themselves_are_allowed() -> None:
    """Numbers of exactly 2^44, and a horizon that is a point, are in order."""
    big = TICK_LIMIT
    b = ProblemBuilder(horizon=(-big, big))
    m = b.machine(setup=b.setups("s", [[big]], initial_time=[big]), rate=big)
    r = b.renewable(capacity=big, steps=[(-big, 0), (big, big)])
    v = b.reservoir(initial=-big, minimum=-big, maximum=big)
    t = b.task(
        duration=big, machine=m, demands={r: big}, starts_with={v: -big}, deadline=-big, weight=big
    )
    b.precedence(t, b.task(duration=0), min_lag=-big, max_lag=-big)
    b.minimise({"makespan": big})
    validate(b.build())
    point = ProblemBuilder(horizon=(3, 3)).build()
    assert (point.horizon_start, point.horizon_end) == (3, 3)


def test_a_problem_of_nothing_is_valid() -> None:
    """No tasks, no resources: nothing to break a rule with."""
    validate(ProblemBuilder().build())


def with_setups(time: list[list[int]] | np.ndarray) -> ProblemBuilder:
    """A builder with setups and nothing else."""
    b = ProblemBuilder()
    b.setups("paint", time)
    return b


def test_detours_that_are_shorter_are_warned_of() -> None:
    """The warning names the setups, the families and both ways, once per matrix."""
    b = with_setups([[0, 9, 2], [9, 0, 9], [9, 3, 0]])
    b.setups("fine", [[5, 5], [5, 5]])
    b.setups("clean", [[9, 1], [1, 1]])
    with pytest.warns(ModelWarning) as caught:
        b.build()
    paint, clean = (str(entry.message) for entry in caught)
    assert paint == (
        "setups 'paint' break the triangle inequality: 0 -> 1 takes 9, but 0 -> 2 -> 1 takes 5; "
        "only immediate successors on a machine are kept apart"
    )
    assert clean.startswith(
        "setups 'clean' break the triangle inequality: 0 -> 0 takes 9, but 0 ->"
    )


@given(
    st.integers(1, 4).flatmap(
        lambda f: st.lists(
            st.lists(st.integers(0, 5), min_size=f, max_size=f), min_size=f, max_size=f
        )
    )
)
def test_warned_exactly_if_some_detour_is_shorter(time: list[list[int]]) -> None:
    """There is a warning if and only if three families break the triangle inequality."""
    every = range(len(time))
    broken = any(time[i][k] + time[k][j] < time[i][j] for i in every for j in every for k in every)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with_setups(time).build()
    assert [entry.category for entry in caught] == [ModelWarning] * broken


def test_large_tables_are_not_searched() -> None:
    """The search is cubic, so tables that no person typed are let through without it."""
    time = np.zeros((201, 201), dtype=int)
    time[0, 1] = 5
    with_setups(time).build()
    with pytest.warns(ModelWarning):
        with_setups(time[:200, :200]).build()
