"""Requests become numbers, and what strangers write about themselves cannot do harm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.core.errors import EngineError
from makespan.serving.vllm import clients as module
from makespan.serving.vllm.clients import LiveClients, RunClock, ServerClock, WorkloadClients
from makespan.serving.workload import PICOSECONDS, Slo, Workload

CLOCK = RunClock(lambda: 0)


def request(name: str = "r", said: object = None, **more: Any) -> Any:
    """What vLLM hands over, as far as it is looked at."""
    return SimpleNamespace(
        request_id=name,
        sampling_params=SimpleNamespace(extra_args=said),
        pooling_params=None,
        session_id=more.pop("session_id", None),
        arrival_time=more.pop("arrival_time", 0.5),
        max_tokens=7,
        priority=-2,
        num_output_tokens=more.pop("num_output_tokens", 0),
        **more,
    )


def test_strangers_are_numbered_as_they_come() -> None:
    """With limit and priority of their own, and nothing else unless they say so."""
    clients = LiveClients(CLOCK)
    first, second = clients.meet(request("a")), clients.meet(request("b"))
    assert (first.number, second.number) == (0, 1)
    assert (first.arrival, first.cap, first.priority) == (PICOSECONDS // 2, 7, -2)
    assert (first.program, first.label, first.slo) == (-1, "", -1)
    assert not clients.is_last(0)


def test_strangers_say_what_they_are() -> None:
    """Program, label, SLO class and the end of a program; a session stands in for a program."""
    clients = LiveClients(CLOCK, (Slo("chat"), Slo("batch")))
    said = {"makespan_program": "p", "makespan_label": "search", "makespan_slo": "batch"}
    one = clients.meet(request("a", said))
    two = clients.meet(request("b", {"makespan_program": "q", "makespan_last": 1}))
    three = clients.meet(request("c", {"makespan_program": "p", "makespan_slo": "none"}))
    four = clients.meet(request("d", session_id="p"))
    assert [c.program for c in (one, two, three, four)] == [0, 1, 0, 0]
    assert (one.label, one.slo, three.slo) == ("search", 1, -1)
    assert [clients.is_last(k) for k in range(4)] == [False, True, False, False]


@given(
    st.one_of(
        st.none(),
        st.integers(),
        st.dictionaries(
            st.sampled_from(
                ["makespan_program", "makespan_label", "makespan_slo", "makespan_last", "other"]
            ),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ),
        ),
    ),
    st.one_of(st.none(), st.text()),
)
def test_nothing_that_a_stranger_says_is_an_error(said: object, session: str | None) -> None:
    """Whatever JSON holds, the request is met and forgotten."""
    clients = LiveClients(CLOCK, (Slo("chat"),))
    client = clients.meet(request("a", said, session_id=session))
    assert client.program >= -1
    assert client.slo in (-1, 0)
    clients.forget(client)


def test_programs_are_forgotten_when_they_end() -> None:
    """A program lives from turn to turn until one is its last; then its name begins anew."""
    clients = LiveClients(CLOCK)

    def turn(**said: object) -> int:
        client = clients.meet(request("a", {"makespan_program": "p", **said}))
        clients.forget(client)
        return client.program

    assert [turn(), turn(), turn(makespan_last="true"), turn()] == [0, 0, 0, 1]


def test_programs_that_never_end_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many the oldest that has no request here is forgotten."""
    monkeypatch.setattr(module, "_MOST_PROGRAMS", 2)
    clients = LiveClients(CLOCK)
    held = clients.meet(request("a", {"makespan_program": "held"}))
    clients.forget(clients.meet(request("b", {"makespan_program": "idle"})))
    clients.meet(request("c", {"makespan_program": "new"}))
    assert clients.meet(request("d", {"makespan_program": "held"})).program == held.program
    assert clients.meet(request("e", {"makespan_program": "idle"})).program == 3


def test_stranger_who_got_tokens_has_ended() -> None:
    """A stop string of the front end looks like an abort to the scheduler."""
    clients = LiveClients(CLOCK)
    assert clients.has_ended(request(num_output_tokens=1))
    assert not clients.has_ended(request(num_output_tokens=0))


def test_requests_of_a_workload_keep_their_numbers() -> None:
    """Also behind the suffix of vLLM; what is known of them is what the workload says."""
    column = np.array([3, 1], dtype=np.int64)
    load = Workload(
        "two",
        np.array([5, 2**52 * 1000 + 1]),
        column,
        column,
        cap=column + 4,
        priority=column,
        program=column,
        label=np.array([-1, 0]),
        labels=("x",),
    )
    clients = WorkloadClients(load, CLOCK)
    one = clients.meet(request("1-89abcdef", arrival_time=1e9))
    assert (one.number, one.cap, one.priority, one.program, one.label) == (1, 5, 1, 1, "x")
    assert one.arrival == 2**52 * 1000 + 1  # to the picosecond
    assert clients.meet(request("0")).label == ""
    assert clients.has_ended(request("1", num_output_tokens=1))
    assert not clients.has_ended(request("0", num_output_tokens=2))


@pytest.mark.parametrize("name", ["2", "x", "-1", "", "1a"])
def test_requests_of_nobody_are_told(name: str) -> None:
    """An id that is no index is an error with the id."""
    one = np.ones(1, dtype=np.int64)
    clients = WorkloadClients(Workload("one", one, one, one), CLOCK)
    with pytest.raises(EngineError, match="is none of the 1 of workload 'one'"):
        clients.meet(request(name))


def test_follow_ups_arrive_when_they_are_sent() -> None:
    """Their times stand in the request, not in the workload."""
    one = np.ones(2, dtype=np.int64)
    load = Workload(
        "chain", 0 * one, one, one, parent_ptr=np.array([0, 0, 1]), parent=one[:1] * 0,
        delay=one[:1],
    )  # fmt: skip
    assert WorkloadClients(load, CLOCK).meet(request("1", arrival_time=2.5)).arrival == (
        5 * PICOSECONDS // 2
    )


def test_clock_of_a_server_never_shows_the_future() -> None:
    """Whatever the wall clock of the front end says, arrivals are between the start and now."""
    clock = ServerClock()
    before = clock.now()
    assert clock.of(0.0) == 0
    assert before <= clock.of(1e12) <= clock.now()
