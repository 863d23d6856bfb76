"""What every run keeps, whatever the policy: tokens, memory, order, determinism, secrecy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policy import EngineView, Policy
from makespan.serving.record import PER_REQUEST, Fate, Kind, Record
from makespan.serving.workload import Workload
from tests.serving.engine.cases import POLICIES, ROUTERS, random_case

SEEDS = range(16)


def run(case: dict[str, Any], policy: Callable[[], Policy], router: int = 0) -> Record:
    """A record with its events and its timeline."""
    return simulate_serving(
        **case, policy=policy, router=ROUTERS[router % len(ROUTERS)](), events=True, timeline=True
    )


def runs(policy: type[Policy]) -> list[tuple[dict[str, Any], Record]]:
    """The cases of all seeds under a policy."""
    return [(case, run(case, policy, seed)) for seed in SEEDS for case in [random_case(seed)]]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_no_token_is_lost_or_computed_twice(policy: type[Policy]) -> None:
    """Without preemptions, batches compute every token but what was found and the last of all.

    With some, what was lost is computed again, so that there are more.
    """
    undisturbed = 0
    for _, record in runs(policy):
        line, load, served = record.timeline, record.workload, record.finished
        assert line is not None
        assert Fate.UNFINISHED not in record.fate
        prompt = int(load.prompt[served].sum() - record.hits[served].sum())
        decode = int((load.output[served] - 1).sum())
        if record.preemptions.any():
            assert line.prompt.sum() + line.decode.sum() >= prompt + decode
            continue
        # A dropped one has not begun: nothing was computed for it.
        assert line.prompt.sum() == prompt
        assert line.decode.sum() == decode
        undisturbed += 1
    assert undisturbed


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_limits_are_never_exceeded(policy: type[Policy]) -> None:
    """Blocks, sequences and tokens of every stretch; an instance does one thing at a time."""
    for case, record in runs(policy):
        line = record.timeline
        assert line is not None
        for i, settings in enumerate(case["settings"]):
            own = line.instance == i
            assert ((line.used[own] >= 0) & (line.used[own] <= settings.blocks)).all()
            assert (line.running[own] <= settings.max_num_seqs).all()
            most = line.steps[own] * settings.max_num_batched_tokens
            assert (line.prompt[own] + line.decode[own] <= most).all()
            assert (line.decode[own] <= line.steps[own] * line.running[own]).all()
            assert (line.begin[own][1:] >= line.end[own][:-1]).all()
        assert (line.end > line.begin).all()
        assert line.steps.sum() == record.steps


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_events_tell_the_story_of_the_record(policy: type[Policy]) -> None:
    """Admitted, perhaps preempted and admitted again, finished; the batch is who was admitted."""
    for case, record in runs(policy):
        events, line = record.events, record.timeline
        assert events is not None
        assert line is not None
        for r in range(record.count):
            own = events.request == r
            kinds = [Kind(k) for k in events.kind[own].tolist()]
            again = [Kind.PREEMPT, Kind.ADMIT] * int(record.preemptions[r])
            if record.fate[r] == Fate.DROPPED:
                # It waited when it was given up, perhaps after it had run.
                assert kinds == [*([Kind.ADMIT, *again][:-1] if again else []), Kind.DROP]
                continue
            if record.fate[r] != Fate.FINISHED:
                assert kinds == []
                continue
            assert kinds == [Kind.ADMIT, *again, Kind.FINISH]
            assert events.time[own][0] == record.admitted[r]
            assert events.time[own][-1] == record.last[r]
            assert (np.diff(events.time[own]) >= 0).all()
        for i in range(len(case["settings"])):
            here, steps = events.instance == i, line.instance == i
            change = np.array([1, -1, -1, 0, -1])[events.kind[here]]
            size = np.append(0, np.cumsum(change))
            until = np.searchsorted(events.time[here], line.begin[steps], side="right")
            assert (size[until] == line.running[steps]).all()


def test_first_come_first_served_starves_nobody() -> None:
    """On each instance, requests are first admitted in the order in which they were sent."""
    for _, record in runs(Policy):
        for i in range(int(record.instance.max(initial=-1)) + 1):
            own = np.flatnonzero(record.instance == i)
            by_sending = own[np.argsort(record.sent[own], kind="stable")]
            assert (np.diff(record.admitted[by_sending]) >= 0).all()


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: p.__name__)
def test_the_same_load_is_served_in_the_same_way(policy: type[Policy]) -> None:
    """To the picosecond, with everything that is noted on the way; noting changes nothing."""
    for seed in SEEDS:
        case = random_case(seed)
        one, other = run(case, policy, seed), run(case, policy, seed)
        bare = simulate_serving(**case, policy=policy, router=ROUTERS[seed % len(ROUTERS)]())
        for name in PER_REQUEST:
            assert (getattr(one, name) == getattr(other, name)).all()
            if name != "gap" or policy is Policy:
                # Looking at an engine tells apart who was passed over; see test_engine.
                assert (getattr(one, name) == getattr(bare, name)).all(), name
        for kept in ("events", "timeline"):
            first, second = getattr(one, kept), getattr(other, kept)
            for column in first.__slots__:
                assert (getattr(first, column) == getattr(second, column)).all()


class Spy(Policy):
    """Reads all there is to read whenever it is asked, and answers as vLLM would."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []

    def note(self, hook: str, engine: EngineView, *words: Any) -> None:
        """Everything that the view has."""
        waiting, running = list(engine.waiting()), list(engine.running())
        about = tuple(
            (
                r, engine.arrival(r), engine.prompt(r), engine.cap(r), engine.priority(r),
                engine.program(r), engine.label(r), engine.slo(r), engine.generated(r),
                engine.computed(r), engine.hit(r), engine.preemptions(r),
            )
            for r in (*waiting, *running)
        )  # fmt: skip
        state = engine.index, engine.load, engine.total_blocks, engine.free_blocks
        self.log.append((engine.now, hook, words, state, tuple(waiting), tuple(running), about))

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.note("order", engine, tuple(waiting))
        return waiting

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        self.note("admit", engine, request)
        return True

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.note("drop", engine, tuple(waiting))
        return ()

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.note("interrupt", engine)
        return ()

    def token_budget(self, engine: EngineView) -> int:
        """See the base class."""
        self.note("token_budget", engine)
        return engine.max_num_batched_tokens

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See the base class."""
        self.note("victim", engine, tuple(running))
        return running[-1]

    def wake(self, engine: EngineView) -> int | None:
        """Often, so as to look in the middle of long decodes."""
        self.note("wake", engine)
        return engine.now + 10**10

    def arrived(self, request: int, engine: EngineView) -> None:
        """See the base class."""
        self.note("arrived", engine, request)

    def finished(self, request: int, engine: EngineView) -> None:
        """See the base class."""
        self.note("finished", engine, request)


class Watcher(Spy):
    """The same at every step."""

    time_varying = True


def longer(load: Workload, seed: int) -> tuple[Workload, Workload, list[int]]:
    """A load with room up to its caps, the same with some longer outputs, and which they are."""
    random = np.random.default_rng(seed)
    one = replace(load, cap=load.output + 40)
    changed = sorted(set(random.integers(0, load.count, 3).tolist()))
    output = load.output.copy()
    output[changed] += random.integers(1, 41, len(changed))
    return one, replace(one, output=output), changed


@pytest.mark.parametrize("spy", [Spy, Watcher])
def test_no_policy_can_tell_how_long_an_output_will_be(spy: type[Spy]) -> None:
    """Loads that differ in hidden lengths look the same until the first of them has ended."""
    compared = 0
    for seed in SEEDS[:8]:
        case = random_case(seed)
        room = [replace(s, blocks=s.blocks + 40 // s.block_size + 1) for s in case["settings"]]
        one, other, changed = longer(case["workload"], seed)
        logs: list[list[tuple[Any, ...]]] = []
        ends = []
        for load in (one, other):
            spies: list[Spy] = []

            def make(spies: list[Spy] = spies) -> Policy:
                spies.append(spy())
                return spies[-1]

            record = run({**case, "workload": load, "settings": room}, make, seed)
            logs.append([entry for each in spies for entry in each.log])
            last = record.last[changed]
            ends.append(int(last[last >= 0].min(initial=1 << 62)))
        known_until = min(ends)
        before = [[entry for entry in log if entry[0] < known_until] for log in logs]
        assert before[0] == before[1]
        compared += len(before[0])
    assert compared > 1000


@effort(max_examples=50)
@given(
    st.integers(0, 10_000),
    st.sampled_from(POLICIES),
    st.sampled_from((Fleet, Reference)),
)
def test_no_decision_depends_on_a_length_before_it_shows(
    seed: int, policy: type[Policy], kind: type[Fleet | Reference]
) -> None:
    """Of loads that differ in hidden lengths, all is decided alike until one of them has ended."""
    case = random_case(seed)
    room = [replace(s, blocks=s.blocks + 40 // s.block_size + 1) for s in case["settings"]]
    one, other, changed = longer(case["workload"], seed)
    done, ends = [], []
    for load in (one, other):
        fleet = kind(load, room, case["cost"], policy=policy, router=ROUTERS[seed % len(ROUTERS)]())
        if isinstance(fleet, Fleet):
            for noting in fleet.engines:
                noting.noted = []
        state = fleet.run().requests
        ended = [state.last[r] for r in changed if state.generated[r] == load.output[r]]
        ends.append(min(ended, default=1 << 62))
        done.append(fleet)
    until = min(ends)
    before = [
        [[e for e in engine.noted or () if e[0] < until] for engine in fleet.engines]
        for fleet in done
    ]
    assert before[0] == before[1]
    sent = [
        [
            (at, where)
            for at, where in zip(each.requests.arrival, each.requests.engine, strict=True)
            if 0 <= at < until
        ]
        for each in done
    ]
    assert sent[0] == sent[1]
