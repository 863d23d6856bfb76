"""Goodput in tokens: against stepping engines, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.goodput import is_chat, token_goodput, token_times
from makespan.serving.policies.jitserve.policy import JitServe
from makespan.serving.policy import EngineView, FleetView, Move, Policy, Router
from makespan.serving.settings import EngineSettings, Migration
from makespan.serving.workload import PICOSECONDS, Slo, Workload

TICK = 10**9
# Steps of one length, however many run.
COST = LinearCost(10 * TICK, 0, 0, 0)


def chats(output: list[int], *, slo: Slo, arrival: list[int] | None = None) -> Workload:
    """Chats of a class."""
    n = len(output)
    return Workload(
        "chats",
        np.array(arrival or [0] * n),
        np.full(n, 10),
        np.array(output),
        slo=np.zeros(n, dtype=np.int64),
        slos=(slo,),
    )


def test_tokens_count_one_by_one() -> None:
    """First token after 10 ms, one each 10 ms: with 15 ms and 5 ms per token two are in time."""
    load = chats([6], slo=Slo("chat", ttft=15 * TICK, tpot=5 * TICK))
    record = simulate_serving(load, EngineSettings(50), COST, events=True, timeline=True)
    # There at 10, 20, 30 ... and due at 15, 20, 25 ...
    assert token_goodput(record).good == 2
    late = replace(load, slos=(Slo("chat", ttft=5 * TICK, tpot=11 * TICK),))
    record = simulate_serving(late, EngineSettings(50), COST, events=True, timeline=True)
    # Due at 5, 16, 27, 38, 49, 60: only the sixth has caught up.
    assert token_goodput(record).good == 1
    first = replace(load, slos=(Slo("chat", ttft=10 * TICK),))
    record = simulate_serving(first, EngineSettings(50), COST, events=True, timeline=True)
    assert token_goodput(record).good == 6
    assert "6 of 6 tokens, 1 of 1 requests" in str(token_goodput(record))


def test_answers_and_programs_count_as_a_whole() -> None:
    """Prompt and output if in time, a program with its last call; the rest if it ends."""
    load = Workload(
        "mixed",
        np.zeros(4, dtype=np.int64),
        np.full(4, 10),
        np.array([2, 3, 4, 5]),
        program=np.array([-1, 0, 0, -1]),
        slo=np.array([0, 0, 0, -1]),
        slos=(Slo("answer", deadline=35 * TICK),),
    )
    record = simulate_serving(load, EngineSettings(50), COST)
    goodput = token_goodput(record)
    # The first is done after 20 ms; the program after 40; the last has no target.
    assert [one.good for one in goodput.classes] == [12, 15]
    assert [one.tokens for one in goodput.classes] == [39, 15]
    assert goodput.attained == 2
    assert goodput.rate == pytest.approx(27 / 0.05)


def test_what_is_needed_is_asked_for() -> None:
    """Chats need events and steps; who has none of them needs nothing."""
    load = chats([3], slo=Slo("chat", ttft=PICOSECONDS, tpot=PICOSECONDS))
    for options in ({}, {"timeline": True}, {"events": True}):
        record = simulate_serving(load, EngineSettings(50), COST, **options)
        with pytest.raises(OptionError, match="the record has no"):
            token_goodput(record)
    assert is_chat(Slo("gap", gap=1))
    assert not is_chat(Slo("both", ttft=1, deadline=1))
    assert not is_chat(Slo("none"))


class Restless(Router):
    """Sends everything to the first engine, and has who is first in a batch moved all the time."""

    poll = 35 * TICK

    def route(self, request: int, fleet: FleetView) -> int:
        """See the base class."""
        return 0

    def migrate(self, fleet: FleetView) -> list[Move]:
        """See the base class."""
        return [Move(r, 1 - engine.index) for engine in fleet.engines for r in engine.running()[:1]]


def test_who_moves_takes_its_tokens_along() -> None:
    """Those it got at each engine count when it got them there."""
    load = chats([40, 30], slo=Slo("chat", ttft=15 * TICK, tpot=20 * TICK))
    record = simulate_serving(
        load, [EngineSettings(50)] * 2, COST, router=Restless(), migration=Migration(TICK),
        events=True, timeline=True,
    )  # fmt: skip
    assert record.counters["moves"] > 1
    for r, times in token_times(record, np.ones(2, dtype=np.bool_)):
        assert len(times) == load.output[r]
        assert (times[0], times[-1]) == (record.first[r], record.last[r])
        assert (np.diff(times) > 0).all()
        assert np.diff(times).max() == record.gap[r]


class Interrupting(Policy):
    """Takes the only request's memory once before its first token and once after the fifth."""

    time_varying = True

    def __init__(self) -> None:
        self.left = [0, 5]

    def interrupt(self, engine: EngineView) -> list[int]:
        """See the base class."""
        if not self.left or not engine.running():
            return []
        [r] = engine.running()[:1]
        if engine.generated(r) < self.left[0] or not engine.computed(r):
            return []
        del self.left[0]
        return [r]


def test_memory_lost_before_the_first_token_takes_no_later_one_away() -> None:
    """Steps of 10 ms: three for the prompt, five tokens, four anew of which the last gives one."""
    load = chats([12, 2], slo=Slo("chat", ttft=50 * TICK, tpot=20 * TICK))
    limits = EngineSettings(
        50, max_num_batched_tokens=4, max_num_seqs=1, enable_prefix_caching=False
    )
    record = simulate_serving(load, limits, COST, policy=Interrupting, events=True, timeline=True)
    assert record.preemptions.tolist() == [2, 0]
    times = dict(token_times(record, np.ones(2, dtype=np.bool_)))[0]
    assert (times // TICK).tolist() == [40, 50, 60, 70, 80, *range(120, 190, 10)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30)), min_size=1, max_size=14),
    st.integers(1, 4),
    st.integers(12, 40),
)
def test_times_agree_with_what_the_engine_keeps(
    crowd: list[tuple[int, int]], places: int, blocks: int
) -> None:
    """First, last, count and the longest gap, of those that lost their memory once at most."""
    crowd = sorted(crowd, key=lambda row: row[1])
    load = chats(
        [output for output, _ in crowd],
        slo=Slo("chat", ttft=50 * TICK, tpot=10 * TICK),
        arrival=[at * 7 * TICK for _, at in crowd],
    )
    limits = EngineSettings(blocks, max_num_seqs=places, max_num_batched_tokens=8 * places)
    record = simulate_serving(
        load, limits, COST, policy=lambda: JitServe(load, COST, frame=0.05), events=True,
        timeline=True,
    )  # fmt: skip
    assert record.finished.all()
    times = dict(token_times(record, np.ones(load.count, dtype=np.bool_)))
    for r in range(load.count):
        assert len(times[r]) == load.output[r]
        assert times[r][0] == record.first[r]
        assert times[r][-1] == record.last[r]
        assert (np.diff(times[r]) > 0).all()
        if record.preemptions[r] <= 1:
            assert np.diff(times[r]).max(initial=0) == record.gap[r]
    slos = load.slos[0]
    assert slos.ttft is not None
    assert slos.tpot is not None
    by_hand = sum(
        int(at <= record.sent[r] + slos.ttft + k * slos.tpot)
        for r in range(load.count)
        for k, at in enumerate(times[r].tolist())
    )
    assert token_goodput(record).good == by_hand
