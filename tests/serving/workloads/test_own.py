"""Own files give back the very workload."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import FormatError
from makespan.serving.workload import TIME_LIMIT, TOKEN_LIMIT, Slo, Workload
from makespan.serving.workloads import read_workload
from makespan.serving.workloads.own import to_csv, to_jsonl
from tests.serving.workloads.loads import same, workloads


@given(workloads(tokens=st.integers(1, TOKEN_LIMIT)))
def test_csv_is_exact(load):
    """CSV is exact."""
    text = to_csv(load)
    assert same(read_workload(text), load)


@given(workloads(tokens=st.integers(1, TOKEN_LIMIT)))
def test_json_lines_are_exact(load):
    """JSON lines are exact."""
    text = to_jsonl(load)
    assert same(read_workload(text), load)


def test_extremes_are_exact():
    """Extremes are exact."""
    one = np.array([1], dtype=np.int64)
    load = Workload(
        'a "name", with\nmore',
        arrival=one * TIME_LIMIT,
        prompt=one * TOKEN_LIMIT,
        output=one,
        cap=one * TOKEN_LIMIT,
        priority=one * -((1 << 63) - 1),
        program=one * ((1 << 63) - 1),
        slo=one * 0,
        label=one * 0,
        content_ptr=np.array([0, 2]),
        content=np.array([-((1 << 63) - 1), (1 << 63) - 1]),
        slos=(Slo('quoted "class", with comma', deadline=TIME_LIMIT),),
        labels=("ü, 'label'",),
        source="\ud800 is no character",
    )
    assert same(read_workload(to_csv(load)), load)
    assert same(read_workload(to_jsonl(load)), load)


@pytest.mark.parametrize("name", ["a\nb", " a", "a\t", "\x1f"])
def test_csv_refuses_names_that_json_lines_hold(name):
    """CSV refuses names that JSON lines hold."""
    one = np.array([1], dtype=np.int64)
    load = Workload("w", one, one, one, label=one * 0, labels=(name,))
    with pytest.raises(FormatError, match="cannot hold the name"):
        to_csv(load)
    assert same(read_workload(to_jsonl(load)), load)


def test_columns_of_defaults_are_left_out():
    """Columns of defaults are left out."""
    one = np.array([1], dtype=np.int64)
    assert to_csv(Workload("w", one, one, one)).splitlines()[1:] == [
        "arrival_ps,prompt_tokens,output_tokens",
        "1,1,1",
    ]


def test_times_may_be_in_any_unit():
    """Times may be in any unit."""
    for unit, factor in (("s", 10**12), ("ms", 10**9), ("us", 10**6), ("ns", 10**3), ("ps", 1)):
        text = f"arrival_{unit},prompt_tokens,output_tokens\n1.0,1,1\n"
        if unit == "ps":
            text = text.replace("1.0", "1")
        assert read_workload(text).arrival.tolist() == [factor]


def test_a_fraction_of_a_picosecond_is_rounded_to_even():
    """A fraction of a picosecond is rounded to even."""
    text = "arrival_ps,prompt_tokens,output_tokens\n2.5,1,1\n3.5,1,1\n"
    assert read_workload(text).arrival.tolist() == [2, 4]


@given(workloads(), st.randoms())
def test_the_order_of_requests_in_json_lines_may_differ_where_none_waits(load, random):
    """The order of requests in JSON lines may differ where none waits."""
    if not load.count:
        return
    none = np.zeros(0, dtype=np.int64)
    free = replace(
        load,
        arrival=np.arange(load.count) * 10,
        parent=none,
        delay=none,
        parent_ptr=np.zeros(load.count + 1, dtype=np.int64),
    )
    head, *lines = to_jsonl(free).splitlines()
    random.shuffle(lines)
    assert same(read_workload("\n".join([head, *lines, ""])), free)
