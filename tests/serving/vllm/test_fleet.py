"""A fleet of engines in threads: every answer is whole wherever it was computed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from multiprocessing import Pipe

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import EngineError, MissingDependencyError, OptionError
from makespan.serving.policy import FleetView, Move, RoundRobin, Router
from makespan.serving.record import Fate
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import adapter
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.fleet import RealFleet
from makespan.serving.vllm.fleet_run import FleetRun, Serving
from makespan.serving.vllm.handover import Handing, Outcome
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.vllm.worker import Desk, Place
from makespan.serving.workload import PICOSECONDS, Workload
from tests.serving.vllm.toy import VOCABULARY, Threads, ToyEngine, answer

MS = PICOSECONDS // 1000
LIMITS = EngineSettings(blocks=200, block_size=4, max_num_batched_tokens=64, max_num_seqs=8)


def column(*values: int) -> np.ndarray:
    """An int64 array."""
    return np.array(values, dtype=np.int64)


def load(*requests: tuple[int, int, int], **more: object) -> Workload:
    """A workload of (arrival, prompt, output)."""
    return Workload("by hand", *(column(*values) for values in zip(*requests, strict=True)), **more)


def run(
    workload: Workload,
    engines: Sequence[ToyEngine],
    router: Router,
    handing: Handing | None = None,
    time_limit: float | None = 20.0,
    prompts: Sequence[Sequence[int]] | None = None,
) -> FleetRun:
    """Serve a workload by engines in threads; nothing is left in their memory."""
    crew = Threads(engines)
    try:
        found = Serving(workload, crew, router, handing or Handing(), prompts).run(time_limit)
        for k in list(crew.ends):
            crew.say(k, say.Forget())  # the toy looks at what is left
            while not isinstance(crew.hear(k), say.Forgotten):
                pass
        return found
    finally:
        crew.close()


def plain(workload: Workload) -> tuple[tuple[int, ...], ...]:
    """What the model says to every prompt that quotes nobody."""
    tokens = Tokens(workload, vocabulary=VOCABULARY)
    return tuple(answer(tokens.prompt(r), int(workload.output[r])) for r in range(workload.count))


class Restless(Router):
    """Moves whatever the given rule names, at every poll."""

    poll = MS

    def __init__(self, rule: Callable[[FleetView], Sequence[Move]]) -> None:
        self.rule = rule
        self.ended: list[int] = []

    def route(self, request: int, fleet: FleetView) -> int:
        """To the first."""
        return 0

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """What the rule says."""
        return self.rule(fleet)

    def finished(self, request: int, fleet: FleetView) -> None:
        """Note it."""
        self.ended.append(request)


def swapping(fleet: FleetView) -> list[Move]:
    """Everybody who decodes goes to the other engine."""
    return [
        Move(r, 1 - engine.index)
        for engine in fleet.engines
        for r in engine.running()
        if engine.generated(r) and r not in fleet.moving
    ]


def test_requests_go_where_the_router_sends_them() -> None:
    """The record says which engine served whom, and the answers are the model's."""
    work = load((0, 10, 5), (0, 70, 3), (MS, 3, 1), (2 * MS, 9, 20))
    found = run(work, [ToyEngine(LIMITS), ToyEngine(LIMITS)], RoundRobin())
    assert found.record.instance.tolist() == [0, 1, 0, 1]
    assert found.record.finished.all()
    assert found.record.measured
    assert found.answers == plain(work)
    assert found.record.engine == "2 x toy"
    assert not found.migrations


def test_prompts_are_taken_as_they_are() -> None:
    """Where they are given; moves take them along."""
    work = load((0, 6, 20), (0, 4, 9))
    prompts = [[1, 2, 3, 4, 5, 6], [9, 9, 9, 9]]
    for router in (RoundRobin(), Restless(swapping)):
        found = run(work, [ToyEngine(LIMITS), ToyEngine(LIMITS)], router, prompts=prompts)
        assert found.answers == (answer(prompts[0], 20), answer(prompts[1], 9))


def test_follow_up_waits_for_its_parent_and_quotes_it() -> None:
    """It is sent when the parent has ended and the delay is over, with the parent's words."""
    work = load(
        (0, 8, 8),
        (0, 20, 2),
        parent_ptr=column(0, 0, 1),
        parent=column(0),
        delay=column(3 * MS),
        content=column(1, 2, 3, 4, 1, 2, 3, 4),
        content_ptr=column(0, 4, 8),
        grain=4,
    )
    found = run(work, [ToyEngine(LIMITS), ToyEngine(LIMITS)], RoundRobin())
    assert found.record.sent[1] == found.record.last[0] + 3 * MS
    prompt = Tokens(work, vocabulary=VOCABULARY).prompt(0)
    rest = Tokens(work, vocabulary=VOCABULARY).prompt(1)[16:]
    assert found.answers[1] == answer([*prompt, *found.answers[0], *rest], 2)


def test_what_is_too_long_is_refused() -> None:
    """The router hears of its end, and what waits for it is never sent."""
    router = Restless(lambda fleet: [])
    work = load(
        (0, 900, 5), (0, 4, 2), parent_ptr=column(0, 0, 1), parent=column(0), delay=column(0)
    )
    found = run(work, [ToyEngine(LIMITS)], router)
    assert found.record.fate.tolist() == [Fate.TOO_LONG, Fate.ORPHAN]
    assert router.ended == [0]


@pytest.mark.parametrize("mode", ["live", "blocking"])
def test_moving_changes_no_word(mode: str) -> None:
    """However often requests are moved, each gets its answer; the downtime is part of its gap."""
    work = load(*((k * MS, 10 + 30 * (k % 3), 30 + k) for k in range(6)))
    engines = [ToyEngine(LIMITS, pause=0.001) for _ in range(2)]
    router = Restless(swapping)
    found = run(work, engines, router, Handing(mode=mode))  # type: ignore[arg-type]
    assert found.answers == plain(work)
    assert found.record.finished.all()
    assert sorted(router.ended) == list(range(6))
    moved = [m for m in found.migrations if m.outcome is Outcome.MOVED]
    assert moved
    for m in moved:
        assert (m.stages > 0) == (mode == "live")
        assert m.lag == m.tokens if mode == "blocking" else m.lag < m.tokens
        assert m.computed == m.tokens  # the toy has no prefix cache
        assert m.downtime is not None
        assert 0 < m.downtime <= found.record.gap[m.request]
    assert not found.record.preemptions.any()


def test_waiting_request_is_handed_over_at_once() -> None:
    """It has no memory to take along."""
    narrow = EngineSettings(blocks=200, block_size=4, max_num_batched_tokens=64, max_num_seqs=1)
    work = load((0, 10, 60), (0, 10, 3))

    def rule(fleet: FleetView) -> list[Move]:
        return [Move(r, 1) for r in fleet.engines[0].waiting() if fleet.engines[0].now]

    found = run(work, [ToyEngine(narrow, pause=0.002), ToyEngine(narrow)], Restless(rule))
    assert found.record.instance.tolist() == [0, 1]
    assert found.record.last[1] < found.record.last[0]
    assert [(m.request, m.outcome, m.stages) for m in found.migrations] == [(1, Outcome.MOVED, 0)]
    assert found.migrations[0].downtime is None
    assert found.answers == plain(work)


def test_full_target_refuses() -> None:
    """The request stays where it is, and its answer suffers nothing."""
    narrow = EngineSettings(blocks=200, block_size=4, max_num_batched_tokens=64, max_num_seqs=1)
    work = load((0, 10, 40), (0, 10, 400))

    class Apart(Restless):
        def route(self, request: int, fleet: FleetView) -> int:
            return request

    def rule(fleet: FleetView) -> list[Move]:
        return [Move(r, 1) for r in fleet.engines[0].running() if fleet.engines[0].generated(r)]

    engines = [ToyEngine(LIMITS, pause=0.001), ToyEngine(narrow, pause=0.002)]
    found = run(work, engines, Apart(rule))
    assert found.answers == plain(work)
    assert found.record.instance.tolist() == [0, 1]
    outcomes = {m.outcome for m in found.migrations}
    assert Outcome.REFUSED in outcomes
    assert outcomes <= {Outcome.REFUSED, Outcome.ENDED}  # the last may have come too late


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**20), mode=st.sampled_from(["live", "blocking"]), dropping=st.booleans()
)
def test_nothing_that_happens_changes_a_word(seed: int, mode: str, dropping: bool) -> None:
    """Random moves among engines of random size that lose memory at random: answers stay.

    Of a request that a policy gives up the answer is the beginning.
    """
    draw = random.Random(seed)
    work = load(
        *(
            (arrival * MS, draw.randint(1, 60), draw.randint(1, 40))
            for arrival in sorted(draw.randint(0, 20) for _ in range(10))
        )
    )

    def trouble(engine: ToyEngine) -> None:
        if draw.random() < 0.05:
            engine.preempt_last()
        if dropping and draw.random() < 0.05:
            engine.drop_first()

    engines = [
        ToyEngine(
            EngineSettings(draw.randint(30, 60), 4, 64, draw.randint(1, 8)),
            pause=draw.choice((0.0, 0.0005)),
            before_step=trouble,
        )
        for _ in range(3)
    ]

    def rule(fleet: FleetView) -> list[Move]:
        return [Move(draw.randrange(10), draw.randrange(3)) for _ in range(4)]

    handing = Handing(mode=mode, lag=draw.randint(1, 8), stages=draw.randint(1, 3))  # type: ignore[arg-type]
    found = run(work, engines, Restless(rule), handing)
    for fate, said, whole in zip(found.record.fate, found.answers, plain(work), strict=True):
        assert fate == Fate.FINISHED or (dropping and fate == Fate.DROPPED)
        assert said == whole if fate == Fate.FINISHED else said == whole[: len(said)]
    assert all(m.outcome is not None for m in found.migrations)


@pytest.mark.parametrize("steps", range(1, 7))
def test_preempted_request_does_not_wait_for_memory_that_is_held_behind_it(steps: int) -> None:
    """Who is on its way goes before who lost its memory at the target meanwhile."""
    coming: list[bool] = []

    def trouble(engine: ToyEngine) -> None:
        if coming and coming.pop():
            engine.preempt_last()

    engine = ToyEngine(EngineSettings(9, 4, 64, 4), before_step=trouble)
    desk = Desk(engine)
    desk.take(say.Start(0, load((0, 20, 12), (0, 10, 3))))
    desk.take(say.Serve(0, list(range(1, 21)), 12, 0, 0, first=False, guarded=False))
    for _ in range(steps):
        desk.step()
    taken = desk.take(say.Serve(1, list(range(31, 41)), 3, 0, 0, first=True, guarded=True))
    coming.append(True)
    ended: list[int] = []
    for _ in range(60):
        ended += desk.step().ended
    assert sorted(ended) == ([0] if taken else [0, 1])


def test_run_that_takes_too_long_is_cut() -> None:
    """What was said is kept, and the same engines serve the next load."""
    engine = ToyEngine(LIMITS, pause=0.005)
    crew = Threads([engine])
    cut = Serving(load((0, 5, 500), (10**15, 4, 1)), crew, Router(), Handing()).run(0.1)
    assert cut.record.fate.tolist() == [Fate.UNFINISHED, Fate.UNFINISHED]
    assert 0 < len(cut.answers[0]) < 100
    assert not cut.answers[1]
    again = Serving(load((0, 5, 3)), crew, Router(), Handing()).run(10.0)
    assert again.record.finished.all()
    assert engine.served is not None
    assert engine.served.count == 1
    crew.close()


def test_view_shows_what_was_reported() -> None:
    """Loads are exact, memory and batches are those of the last step."""
    seen: list[tuple[int, int, bool]] = []
    work = load(
        (0, 10, 30), (0, 10, 30), slo=column(-1, -1), label=column(0, -1), labels=("a",),
        cap=column(40, 50),
    )  # fmt: skip

    def rule(fleet: FleetView) -> list[Move]:
        engine = fleet.engines[0]
        batch = list(engine.running())
        assert list(fleet.open) == [0]
        assert not fleet.moving
        for r in batch:
            assert engine.prompt(r) == 10
            assert engine.cap(r) == (40, 50)[r]
            assert engine.label(r) == ("a", "")[r]
            assert engine.computed(r) - engine.prompt(r) in (engine.generated(r) - 1, 0)
            assert engine.preemptions(r) == 0
            assert engine.arrival(r) == 0
            assert (engine.program(r), engine.slo(r), engine.priority(r)) == (-1, -1, 0)
        seen.append((engine.load, len(batch), engine.free_blocks < engine.total_blocks))
        assert len(batch) + len(engine.waiting()) == engine.load
        return []

    run(work, [ToyEngine(LIMITS, pause=0.001)], Restless(rule))
    assert (2, 2, True) in seen


def test_engine_that_fails_says_why() -> None:
    """What it said last is the error."""
    crew = Threads([ToyEngine(LIMITS)])
    ours, theirs = Pipe()
    real, crew.ends[0] = crew.ends[0], ours
    theirs.send(say.Forgotten())
    theirs.send(say.Failed("out of memory", "take less"))
    with pytest.raises(EngineError, match=r"engine 0: out of memory \(take less\)"):
        Serving(load((0, 5, 3)), crew, Router(), Handing()).run(5.0)
    real.close()
    crew.close()


def test_router_that_names_no_engine_is_told() -> None:
    """The message names it."""

    class Lost(Router):
        name = "lost"

        def route(self, request: int, fleet: FleetView) -> int:
            return 7

    with pytest.raises(EngineError, match="lost sends request 0 to engine 7"):
        run(load((0, 5, 3)), [ToyEngine(LIMITS)], Lost())


@pytest.mark.parametrize(
    "options", [{"cpus": ()}, {"threads": 0}, {"nice": -1}, {"slowdown": 0.5}, {"slowdown": 1e9}]
)
def test_impossible_places_are_refused(options: dict[str, object]) -> None:
    """Before a process is started."""
    with pytest.raises(OptionError):
        Place(**options)


def test_slow_place_stretches_steps() -> None:
    """A step lasts so many times as long, by the clock of its own record."""
    from makespan.serving.vllm.worker import Desk

    desk = Desk(ToyEngine(LIMITS, pause=0.004), slowdown=3.0)
    desk.take(say.Serve(0, [1, 2, 3], 2, 0, 0))
    report = desk.step()
    assert report.end - report.begin >= 12 * MS


@pytest.mark.parametrize("options", [{"mode": "copy"}, {"lag": 0}, {"stages": 0}])
def test_impossible_hand_overs_are_refused(options: dict[str, object]) -> None:
    """Before anything is served."""
    with pytest.raises(OptionError):
        Handing(**options)


def test_without_vllm_there_is_no_fleet(tmp_path: object) -> None:
    """The error says where vLLM comes from."""
    try:
        adapter.version()
    except MissingDependencyError:
        with pytest.raises(MissingDependencyError, match="install_vllm"):
            RealFleet(tmp_path, LIMITS)
    else:
        pytest.skip("vLLM is installed")
