"""Records: what they check, what follows from their arrays, where two of them differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from makespan.core.errors import EngineError
from makespan.serving.record import PER_REQUEST, Events, Fate, Kind, Record, first_difference
from makespan.serving.workload import Workload
from tests.serving.records import records


def column(*values: int) -> np.ndarray:
    """An int64 array."""
    return np.array(values, dtype=np.int64)


@pytest.fixture
def record() -> Record:
    """Four requests: served, served with one token, too long, and an orphan of the third."""
    load = Workload(
        "four",
        arrival=column(0, 10, 20, 20),
        prompt=column(4, 4, 400, 4),
        output=column(3, 1, 5, 5),
        parent_ptr=column(0, 0, 1, 1, 2),
        parent=column(0, 2),
        delay=column(5, 5),
    )
    return Record(
        workload=load,
        engine="by hand",
        measured=False,
        fate=column(Fate.FINISHED, Fate.FINISHED, Fate.TOO_LONG, Fate.ORPHAN),
        sent=column(0, 45, 20, -1),
        admitted=column(2, 50, -1, -1),
        first=column(10, 60, -1, -1),
        last=column(40, 60, -1, -1),
        gap=column(20, 0, 0, 0),
        preemptions=column(1, 0, 0, 0),
        hit=column(0, 2, 0, 0),
        hits=column(4, 2, 0, 0),
        instance=column(0, 0, -1, -1),
        steps=4,
        counters={"scheduled_tokens": 12},
    )


def test_latencies_by_hand(record: Record) -> None:
    """Each latency is counted from the sending, not from the arrival."""
    assert record.ttft.tolist() == [10, 15, -1, -1]
    assert record.e2e.tolist() == [40, 15, -1, -1]
    assert record.queued.tolist() == [2, 5, -1, -1]
    np.testing.assert_array_equal(record.tpot, [15.0, np.nan, np.nan, np.nan])
    assert record.makespan == 60
    assert record.finished.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("name", "request_", "value", "says"),
    [
        ("fate", 0, 7, "fate that does not exist"),
        ("fate", 0, Fate.TOO_LONG, "refused and served"),
        ("sent", 3, 30, "orphaned"),
        ("sent", 0, -1, "never sent"),
        ("sent", 2, 19, "before its arrival"),
        ("sent", 1, 44, "before its parents ended"),
        ("fate", 3, Fate.FINISHED, "never sent"),
        ("admitted", 1, 44, "admitted before it was sent"),
        ("admitted", 0, 11, "spoke before admission"),
        ("admitted", 0, -1, "spoke before admission"),
        ("first", 0, -1, "ended before its first token"),
        ("last", 0, 9, "ended before its first token"),
        ("last", 2, 30, "last token without having ended"),
        ("gap", 0, 14, "longest gap"),
        ("gap", 0, 31, "longest gap"),
        ("gap", 1, 1, "longest gap"),
        ("preemptions", 0, -1, "negative number of preemptions"),
        ("hit", 1, 4, "more at first than in all"),
        ("hits", 1, 1, "more at first than in all"),
        ("instance", 0, -1, "no instance"),
        ("instance", 2, 0, "never on its own"),
    ],
)
def test_impossible_records_are_refused(
    record: Record, name: str, request_: int, value: int, says: str
) -> None:
    """An engine cannot return what cannot have happened; the message names request and rule."""
    row = getattr(record, name).copy()
    row[request_] = value
    with pytest.raises(EngineError, match=says) as caught:
        replace(record, **{name: row})
    assert f"request {request_} " in str(caught.value)
    assert "by hand" in str(caught.value)


def test_whole_prompt_is_never_found(record: Record) -> None:
    """At least one token of a prompt is computed."""
    with pytest.raises(EngineError, match="whole prompt"):
        replace(record, hit=column(4, 2, 0, 0))


def test_stopped_runs_are_records(record: Record) -> None:
    """What was still running, waiting or not yet sent has the times that it has."""
    fate = column(Fate.UNFINISHED, Fate.UNFINISHED, Fate.TOO_LONG, Fate.ORPHAN)
    none = column(-1, -1, -1, -1)
    stopped = replace(
        record,
        fate=fate,
        sent=column(0, -1, 20, -1),
        admitted=column(2, -1, -1, -1),
        first=column(10, -1, -1, -1),
        last=none,
        gap=column(7, 0, 0, 0),
        hit=0 * none,
        instance=column(0, -1, -1, -1),
    )
    assert stopped.ttft.tolist() == [10, -1, -1, -1]
    assert stopped.makespan == 0
    assert stopped.summary().throughput == 0


@pytest.mark.parametrize("name", PER_REQUEST)
def test_every_array_has_an_entry_per_request(record: Record, name: str) -> None:
    """An array that is too short is named."""
    with pytest.raises(EngineError, match=f"3 entries in {name} for 4"):
        replace(record, **{name: getattr(record, name)[:3]})


def test_arrays_are_copied_and_read_only(record: Record) -> None:
    """Nobody changes a record, not even through the array it was made of."""
    mine = record.sent.copy()
    other = replace(record, sent=mine)
    mine[0] = 99
    assert other.sent[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        other.sent[0] = 1
    with pytest.raises(TypeError):
        other.counters["scheduled_tokens"] = 0  # type: ignore[index]


@given(records())
def test_latencies_fit_together(record: Record) -> None:
    """TTFT, the mean per token and the longest gap bound each other as they must."""
    done = record.finished
    assert (record.ttft[done] <= record.e2e[done]).all()
    assert (record.ttft[record.first < 0] == -1).all()
    assert (record.queued[done] <= record.ttft[done]).all()
    many = done & (record.workload.output > 1)
    rest = record.tpot[many] * (record.workload.output[many] - 1)
    np.testing.assert_allclose(rest, record.e2e[many] - record.ttft[many], rtol=1e-12)
    assert (record.tpot[many] <= record.gap[many] + 1e-9).all()
    assert np.isnan(record.tpot[~many]).all()
    if done.any():
        assert record.makespan >= record.e2e.max()
    else:
        assert record.makespan == 0


@given(records())
def test_record_equals_itself(record: Record) -> None:
    """No difference is found where there is none."""
    assert first_difference(record, replace(record, engine="again", counters={"x": 1})) is None


@given(records(), st.data())
def test_any_difference_is_found(record: Record, data: st.DataObject) -> None:
    """A changed entry is told with its request, its name and both values."""
    assume(record.count)
    r = data.draw(st.integers(0, record.count - 1))
    row = record.hits.copy()
    row[r] += 1
    found = first_difference(record, replace(record, hits=row, engine="other", events=None))
    assert found == (
        f"request {r}: hits is {record.hits[r]} in drawn, {record.hits[r] + 1} in other"
    )


def test_difference_of_the_request_sent_first_is_told(record: Record) -> None:
    """Among several differences the cause is likely the earliest."""
    other = replace(
        record, preemptions=column(1, 1, 0, 0), hits=column(5, 3, 0, 0), engine="other", steps=5
    )
    assert first_difference(record, other) == "request 0: hits is 4 in by hand, 5 in other"
    assert first_difference(record, replace(record, steps=5)) == (
        "4 steps in by hand, 5 steps in by hand".replace("5 steps", "5")
    )


def test_first_event_that_differs_is_told(record: Record) -> None:
    """Events are compared in their order, before anything else."""
    one = Events(column(2, 40), column(Kind.ADMIT, Kind.FINISH), column(0, 0))
    two = Events(column(2, 40), column(Kind.ADMIT, Kind.PREEMPT), column(0, 0))
    short = Events(column(2), column(Kind.ADMIT), column(0))
    a = replace(record, events=one)
    found = first_difference(a, replace(record, events=two, engine="other", steps=9))
    assert found == (
        "event 1: finish of request 0 at 40 ps in by hand, preempt of request 0 at 40 ps in other"
    )
    found = first_difference(a, replace(record, events=short, engine="other"))
    assert found == "event 1: finish of request 0 at 40 ps in by hand, none in other"
    assert first_difference(a, replace(record, events=None)) is None


def test_records_of_other_loads_differ(record: Record) -> None:
    """Two records are of the same number of requests."""
    empty = Record(
        Workload("none", column(), column(), column()),
        "nobody",
        measured=False,
        steps=0,
        **{name: column() for name in PER_REQUEST},
    )
    assert first_difference(record, empty) == "4 requests in by hand, 0 in nobody"
    assert empty.makespan == 0
