"""Engines that are started, stopped, fail and die during a run: no request is lost by it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from multiprocessing import Pipe

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import EngineError
from makespan.serving.policy import FleetView, Move, Router, Scaling
from makespan.serving.record import Fate
from makespan.serving.settings import Elastic, EngineSettings
from makespan.serving.vllm import messages as say
from makespan.serving.vllm import staffing
from makespan.serving.vllm.fleet_run import FleetRun, Serving
from makespan.serving.vllm.handover import Handing, Outcome
from makespan.serving.vllm.staffing import Change
from makespan.serving.workload import Workload
from tests.serving.vllm.test_fleet import LIMITS, MS, Restless, load, plain
from tests.serving.vllm.toy import VOCABULARY, Threads, Toy, ToyEngine

TWO = [(0, 10, 60), (0, 12, 60)]


def dying(after: int) -> Callable[[ToyEngine], None]:
    """An engine that dies in a step."""

    def die(engine: ToyEngine) -> None:
        if engine.steps >= after:
            raise EOFError

    return die


def play(
    work: Workload,
    engines: Sequence[Toy],
    router: Router,
    *,
    elastic: Elastic | None = None,
    handing: Handing | None = None,
    silence: float = 30.0,
) -> tuple[FleetRun, Threads]:
    """Serve a workload; all threads end."""
    crew = Threads(engines, elastic.initial if elastic else None)
    try:
        serving = Serving(work, crew, router, handing or Handing(), None, elastic, silence)
        return serving.run(20.0), crew
    finally:
        crew.close()


class Scaler(Router):
    """Scales as a rule says, and sends to the first open engine."""

    poll = MS

    def __init__(self, rule: Callable[[FleetView], Scaling | None]) -> None:
        self.rule = rule
        self.asked: list[tuple[tuple[int, ...], ...]] = []

    def route(self, request: int, fleet: FleetView) -> int:
        """The last that is open."""
        return fleet.open[-1]

    def scale(self, fleet: FleetView) -> Scaling | None:
        """What the rule says."""
        self.asked.append((tuple(fleet.open), tuple(fleet.starting), tuple(fleet.draining)))
        return self.rule(fleet)


def kinds(run: FleetRun) -> list[tuple[int, Change]]:
    """What became of which engine."""
    return [(one.engine, one.change) for one in run.changes]


class ToOpen(Restless):
    """Sends to the first that is open."""

    def route(self, request: int, fleet: FleetView) -> int:
        """See the class."""
        return fleet.open[0]


def test_requests_of_a_dead_engine_are_computed_again_elsewhere() -> None:
    """No word is lost or said twice, and the run says what happened."""
    work = load(*TWO)
    engines = [
        ToyEngine(LIMITS, pause=0.001, before_step=dying(20)),
        ToyEngine(LIMITS, pause=0.001),
    ]
    run, _ = play(work, engines, ToOpen(lambda fleet: []))
    assert run.answers == plain(work)
    assert run.record.finished.all()
    assert run.record.instance.tolist() == [1, 1]
    [change] = run.changes
    assert (change.engine, change.change, change.requests) == (0, Change.LOST, 2)
    assert str(change) == "engine 0 is dead: ended without a word; it had 2 requests"


def test_last_engine_that_dies_ends_the_run() -> None:
    """With an error that says what became of all of them."""
    engines = [ToyEngine(LIMITS, before_step=dying(k)) for k in (3, 6)]
    with pytest.raises(EngineError, match=r"no engine is left.*engine 0 is dead.*engine 1 is dead"):
        play(load(*TWO), engines, ToOpen(lambda fleet: []))


def test_engine_that_says_nothing_is_taken_for_dead() -> None:
    """One that hangs in a step does not stop the run."""

    def hang(engine: ToyEngine) -> None:
        if engine.steps == 5:
            release.acquire(timeout=10)

    release = threading.Semaphore(0)
    work = load(*TWO)
    crew = Threads([ToyEngine(LIMITS, before_step=hang), ToyEngine(LIMITS)])
    serving = Serving(work, crew, ToOpen(lambda fleet: []), Handing(), silence=0.3)
    run = serving.run(20.0)
    release.release()
    crew.close()
    assert run.answers == plain(work)
    assert "has said nothing for 0.3 s" in str(run.changes[0])


@pytest.mark.parametrize("mode", ["live", "blocking"])
@pytest.mark.parametrize("victim", [0, 1])
def test_deaths_amid_moves_change_no_word(mode: str, victim: int) -> None:
    """Whichever end of a move dies, at whatever step of it."""
    for after in (4, 9, 16, 23):
        work = load(*((k * MS, 10 + 30 * (k % 3), 30 + k) for k in range(5)))
        engines = [
            ToyEngine(LIMITS, pause=0.001, before_step=dying(after) if k == victim else None)
            for k in range(3)
        ]

        def rule(fleet: FleetView) -> list[Move]:
            return [m for m in swapping_in(fleet) if m.target in fleet.open]

        run, _ = play(work, engines, ToOpen(rule), handing=Handing(mode=mode))  # type: ignore[arg-type]
        assert run.answers == plain(work)
        assert run.record.finished.all()
        assert all(m.outcome is not None for m in run.migrations)


def swapping_in(fleet: FleetView) -> list[Move]:
    """As ``swapping``, among three."""
    return [
        Move(r, (engine.index + 1) % 3)
        for engine in fleet.engines
        for r in engine.running()
        if engine.generated(r) and r not in fleet.moving
    ]


def test_engine_is_started_and_stopped_as_the_router_asks() -> None:
    """It serves what comes after it has loaded, and ends once it has nothing left."""

    def rule(fleet: FleetView) -> Scaling | None:
        if fleet.now < 30 * MS:
            return Scaling(start=1)
        return Scaling(stop=(1,)) if fleet.now > 120 * MS else None

    work = load((0, 10, 250), (100 * MS, 10, 60), (200 * MS, 9, 5))
    router = Scaler(rule)
    engines = [ToyEngine(LIMITS, pause=0.001), ToyEngine(LIMITS, pause=0.001)]
    run, crew = play(work, engines, router, elastic=Elastic(initial=1))
    assert run.answers == plain(work)
    assert crew.started == [1]
    assert kinds(run) == [
        (1, Change.STARTED),
        (1, Change.OPENED),
        (1, Change.DRAINED),
        (1, Change.STOPPED),
    ]
    assert run.record.instance.tolist() == [0, 1, 0]
    drained = next(one.time for one in run.changes if one.change is Change.DRAINED)
    stopped = next(one.time for one in run.changes if one.change is Change.STOPPED)
    # What it had when it was told so has ended before it has.
    assert drained < run.record.last[1] <= stopped
    assert ((0,), (), (1,)) in router.asked
    begun, over = run.changes[0].time, run.changes[-1].time
    assert run.powered >= int(run.record.last[0]) + over - begun


def test_draining_engine_can_be_emptied_by_moves() -> None:
    """Its router may send what it has elsewhere."""

    def rule(fleet: FleetView) -> Scaling | None:
        return Scaling(stop=(1,)) if fleet.now > 20 * MS else None

    class Emptying(Scaler):
        def migrate(self, fleet: FleetView) -> list[Move]:
            return [Move(r, 0) for k in fleet.draining for r in fleet.engines[k].running()]

    work = load((0, 10, 300))
    engines = [ToyEngine(LIMITS, pause=0.001), ToyEngine(LIMITS, pause=0.001)]
    run, _ = play(work, engines, Emptying(rule), elastic=Elastic(initial=2))
    assert run.answers == plain(work)
    assert run.record.instance.tolist() == [0]
    assert [m.outcome for m in run.migrations][-1] is Outcome.MOVED
    assert (1, Change.STOPPED) in kinds(run)
    assert next(one.time for one in run.changes) < run.record.last[0]


def test_start_that_fails_is_told_once_and_ends_nothing() -> None:
    """It is not tried again, however often it is asked for; the next one is."""
    work = load((0, 10, 80))
    engines = [ToyEngine(LIMITS, pause=0.001), "no memory", ToyEngine(LIMITS)]
    run, crew = play(
        work, engines, Scaler(lambda fleet: Scaling(start=1)), elastic=Elastic(initial=1)
    )
    assert run.answers == plain(work)
    assert crew.started == [1, 2]
    [failed] = [one for one in run.changes if one.change is Change.FAILED]
    assert str(failed) == "engine 1 could not be started: no memory"


def test_dead_engine_is_replaced_if_too_few_are_left() -> None:
    """Requests wait for the new one; the router is not asked for it."""
    work = load((0, 10, 60), (5 * MS, 4, 9))
    engines = [ToyEngine(LIMITS, pause=0.001, before_step=dying(9)), ToyEngine(LIMITS)]
    run, _ = play(work, engines, ToOpen(lambda fleet: []), elastic=Elastic(initial=1))
    assert run.answers == plain(work)
    assert kinds(run) == [(0, Change.LOST), (1, Change.STARTED), (1, Change.OPENED)]


def test_engine_that_was_to_be_stopped_serves_on_if_it_is_needed() -> None:
    """The other one has died before it had nothing left."""
    work = load((0, 10, 300), (0, 10, 60), (150 * MS, 5, 5))

    class Split(Scaler):
        def route(self, request: int, fleet: FleetView) -> int:
            return fleet.open[request % len(fleet.open)]

    def rule(fleet: FleetView) -> Scaling | None:
        return Scaling(stop=(0,)) if len(fleet.open) == 2 else None

    engines = [
        ToyEngine(LIMITS, pause=0.001),
        ToyEngine(LIMITS, pause=0.001, before_step=dying(30)),
    ]
    run, crew = play(work, engines, Split(rule), elastic=Elastic(initial=2))
    assert run.answers == plain(work)
    assert not crew.started
    assert kinds(run) == [(0, Change.DRAINED), (1, Change.LOST), (0, Change.OPENED)]


def test_request_that_kills_every_engine_ends_the_run() -> None:
    """Each is started again so and so often, and no more."""
    engines = [lambda: ToyEngine(LIMITS, before_step=dying(2))] * 2
    crew = Threads(engines, 1)
    router = ToOpen(lambda fleet: [])
    with pytest.raises(EngineError, match="no engine is left"):
        Serving(load(*TWO), crew, router, Handing(), None, Elastic(initial=1)).run(20.0)
    crew.close()
    assert len(crew.started) == 5  # and the one that was on


class Counting(Router):
    """Sends to the first that is open, and counts how often it is asked about whom."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def route(self, request: int, fleet: FleetView) -> int:
        """See the class."""
        self.asked.append(request)
        return fleet.open[0]


def test_who_waits_for_an_engine_waits_once_though_that_one_dies_as_it_opens() -> None:
    """The router is asked once for each engine that then has the request, and no more."""

    class Stillborn(Threads):
        """The second engine that is started is ready, and dead before it is told anything."""

        def start(self, k: int) -> None:
            if len(self.started) != 0 or not self.threads:
                super().start(k)
                return
            ours, theirs = Pipe()
            theirs.send(say.Ready(LIMITS, 800, VOCABULARY, "toy"))
            theirs.close()
            self.ends[k] = ours
            self.started.append(k)

    work = load(*TWO)
    deaths = iter((9, 10**9))
    crew = Stillborn([lambda: ToyEngine(LIMITS, pause=0.001, before_step=dying(next(deaths)))])
    router = Counting()
    run = Serving(work, crew, router, Handing(), None, Elastic(initial=1)).run(20.0)
    crew.close()
    assert run.answers == plain(work)
    assert [one.requests for one in run.changes if one.change is Change.LOST] == [2, 0]
    assert router.asked == [0, 1, 0, 1]


def test_request_that_fits_no_engine_any_more_is_given_up() -> None:
    """Those that are left are smaller than the one that died; the run ends all the same."""
    work = load((0, 10, 60), (0, 10, 40))
    engines = [
        ToyEngine(LIMITS, pause=0.001, before_step=dying(20)),
        ToyEngine(EngineSettings(15, 4, 64, 8)),
    ]
    router = ToOpen(lambda fleet: [])
    run, _ = play(work, engines, router)
    assert run.record.fate.tolist() == [Fate.DROPPED, Fate.FINISHED]
    assert run.answers[1] == plain(work)[1]
    assert sorted(router.ended) == [0, 1]


def test_no_replacement_is_an_error() -> None:
    """If the last one cannot be started either."""
    engines = [lambda: ToyEngine(LIMITS, before_step=dying(3)), "no memory"]
    with pytest.raises(EngineError, match=r"engine 1 could not be started: no m.*engine 0 is d"):
        play(load(*TWO), engines, ToOpen(lambda fleet: []), elastic=Elastic(initial=1))


def test_start_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run does not wait for it."""
    monkeypatch.setattr(staffing, "START_LIMIT", 0.05)

    class Slow(Threads):
        def start(self, k: int) -> None:
            super().start(k)
            if k:
                self.ends[k].recv()  # swallow what it says

    work = load((0, 10, 300))
    crew = Slow([ToyEngine(LIMITS, pause=0.001), ToyEngine(LIMITS)], 1)
    router = Scaler(lambda fleet: Scaling(start=1))
    run = Serving(work, crew, router, Handing(), None, Elastic(initial=1)).run(20.0)
    crew.close()
    assert run.answers == plain(work)
    assert kinds(run) == [(1, Change.STARTED), (1, Change.FAILED)]
    assert "has not loaded within 0.05 s" in str(run.changes[-1])


def test_router_that_stops_an_engine_that_is_not_there_is_told() -> None:
    """The message names it."""
    with pytest.raises(EngineError, match="stops engine 5"):
        play(
            load(*TWO),
            [ToyEngine(LIMITS, pause=0.01)],
            Scaler(lambda fleet: Scaling(stop=(5,))),
            elastic=Elastic(initial=1),
        )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_nothing_that_becomes_of_engines_changes_a_word(seed: int) -> None:
    """Random starts, stops, moves and deaths of engines of which one always lives."""
    draw = random.Random(seed)
    work = load(
        *(
            (arrival * MS, draw.randint(1, 60), draw.randint(1, 40))
            for arrival in sorted(draw.randint(0, 40) for _ in range(10))
        )
    )

    def immortal() -> ToyEngine:
        return mortal(10**9)

    def mortal(steps: int | None = None) -> ToyEngine:
        return ToyEngine(
            EngineSettings(draw.randint(40, 80), 4, 64, draw.randint(1, 8)),
            pause=draw.choice((0.0, 0.0005)),
            before_step=dying(steps or draw.randint(1, 40)),
        )

    engines: list[Toy] = [immortal, mortal, mortal, "never loads"]

    class Wild(Router):
        poll = MS

        def route(self, request: int, fleet: FleetView) -> int:
            return draw.choice(list(fleet.open))

        def migrate(self, fleet: FleetView) -> list[Move]:
            return [Move(draw.randrange(10), draw.randrange(4)) for _ in range(4)]

        def scale(self, fleet: FleetView) -> Scaling | None:
            stop = tuple(k for k in (1, 2, 3) if draw.random() < 0.1)
            return Scaling(draw.randint(0, 1), stop)

    handing = Handing(mode=draw.choice(("live", "blocking")), lag=draw.randint(1, 8))
    elastic = Elastic(initial=draw.randint(1, 3))
    run, _ = play(work, engines, Wild(), elastic=elastic, handing=handing)
    assert run.answers == plain(work)
    assert run.record.finished.all()
    assert all(m.outcome is not None for m in run.migrations)
