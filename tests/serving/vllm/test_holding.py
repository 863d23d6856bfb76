"""Blocks held in a real vLLM scheduler: nobody takes them, and none is leaked."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import EngineError
from makespan.serving.policy import Move, Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.fleet_run import Serving
from makespan.serving.vllm.handover import Handing, Outcome
from makespan.serving.vllm.worker import Desk
from tests.serving.vllm.scheduled_toy import ScheduledToy
from tests.serving.vllm.test_fleet import MS, Restless, load, plain, swapping
from tests.serving.vllm.toy import Threads

pytestmark = pytest.mark.usefixtures("vllm")

SIZE = 16
LIMITS = EngineSettings(blocks=20, block_size=SIZE, max_num_batched_tokens=64, max_num_seqs=4)


def tokens(count: int, salt: int = 0) -> list[int]:
    """A prompt that shares nothing with one of another salt."""
    return [salt * 1000 + k for k in range(count)]


def warm(desk: Desk, r: int, prompt: list[int], room: int = 0) -> bool:
    """Have a sequence computed; whether it was."""
    if desk.take(say.Warm(r, prompt, 0, 0, room)) is not None:
        return False
    for _ in range(20):
        if r in desk.step().warmed:
            return True
    raise AssertionError("never warm")


def computed(desk: Desk, r: int, steps: int = 20) -> int:
    """Tokens of a request that are computed until it says something."""
    total = 0
    for _ in range(steps):
        report = desk.step()
        total += sum(count for name, count, _ in report.parts if name == r)
        if r in dict(report.said):
            return total
    raise AssertionError("says nothing")


def test_held_blocks_exist_for_nobody_else() -> None:
    """They are not free, are given back whole, and too many are refused without a trace."""
    engine = ScheduledToy(LIMITS)
    assert engine.reserve("a", 5 * SIZE)
    assert engine.free_blocks == 15
    assert not engine.reserve("b", 16 * SIZE)
    assert engine.free_blocks == 15
    assert engine.reserve("a", 20 * SIZE)
    assert engine.free_blocks == 0
    engine.release("a")
    engine.release("a")
    assert engine.free_blocks == 20


def test_what_was_computed_survives_any_pressure() -> None:
    """Others need all the memory that there is, again and again, and evict nothing that is held."""
    engine = ScheduledToy(LIMITS)
    desk = Desk(engine)
    prompt = tokens(5 * SIZE + 3)
    assert warm(desk, 0, prompt, room=SIZE)
    assert engine.free_blocks == 20 - 7
    for r in range(1, 4):
        desk.take(say.Serve(r, tokens(12 * SIZE, r), 2, 0, 0))
        while desk.busy:
            desk.step()
    longer = [*prompt, *tokens(SIZE + 1, 99)]
    assert warm(desk, 0, longer, room=SIZE)  # a block more than was held
    assert engine.free_blocks == 20 - 8
    desk.take(say.Serve(5, tokens(11 * SIZE, 5), 2, 0, 0))
    while desk.busy:
        desk.step()
    desk.take(say.Serve(0, [*longer, 7, 8], 30, 0, 0, guarded=True))
    # All but what no stage computed, and its last partial block.
    assert computed(desk, 0) == (5 * SIZE + 3 + SIZE + 1 + 2) - 6 * SIZE
    while desk.busy:
        desk.step()
    assert engine.free_blocks == 20


def test_without_a_hold_the_same_pressure_evicts() -> None:
    """The negative control: what was computed is gone."""
    engine = ScheduledToy(LIMITS)
    desk = Desk(engine)
    prompt = tokens(5 * SIZE + 3)
    assert warm(desk, 0, prompt)
    desk.take(say.Stop(0))
    for r in range(1, 4):
        desk.take(say.Serve(r, tokens(17 * SIZE, r), 2, 0, 0))
        while desk.busy:
            desk.step()
    desk.take(say.Serve(0, prompt, 3, 0, 0, guarded=True))
    assert computed(desk, 0) > 4 * SIZE


def test_running_requests_cannot_take_what_is_held() -> None:
    """They preempt each other, and the one being warmed keeps its contents if it is preempted."""
    engine = ScheduledToy(LIMITS)
    desk = Desk(engine)
    for r in (1, 2):
        desk.take(say.Serve(r, tokens(6 * SIZE, r), 10 * SIZE, 0, 0))
    for _ in range(4):
        desk.step()
    assert warm(desk, 0, tokens(3 * SIZE + 2), room=2 * SIZE)
    preempted: list[int] = []
    for _ in range(8 * SIZE):
        preempted += desk.step().preempted
        used = 20 - engine.free_blocks
        assert used >= 6
    assert preempted
    desk.take(say.Serve(0, tokens(3 * SIZE + 3), SIZE, 0, 0, guarded=True))
    assert computed(desk, 0) == 3
    while desk.busy:
        desk.step()
    assert engine.free_blocks == 20


@pytest.mark.parametrize("how", ["stop", "stop-at-work", "refused", "forgotten"])
def test_giving_up_gives_all_back(how: str) -> None:
    """Whatever stage it is at."""
    engine = ScheduledToy(LIMITS)
    desk = Desk(engine)
    if how == "stop-at-work":
        desk.take(say.Warm(0, tokens(9 * SIZE), 0, 0, 5))
        desk.step()
    else:
        assert warm(desk, 0, tokens(9 * SIZE), room=5)
    assert engine.free_blocks == 10
    if how == "refused":
        refused = desk.take(say.Warm(0, tokens(25 * SIZE), 0, 0, 5))
        assert refused == say.Refused(0)
    elif how == "forgotten":
        assert desk.take(say.Forget()) == say.Forgotten()
    else:
        assert desk.take(say.Stop(0)) == say.Stopped(0, how == "stop-at-work", 20)
    assert engine.free_blocks == 20


def test_seat_is_needed_too() -> None:
    """A full batch refuses, and holds nothing."""
    engine = ScheduledToy(LIMITS)
    desk = Desk(engine)
    for r in range(1, 5):
        desk.take(say.Serve(r, tokens(SIZE, r), 9, 0, 0))
    assert desk.take(say.Warm(0, tokens(SIZE), 0, 0, 5)) == say.Refused(0)
    desk.step()
    assert engine.free_blocks == 20 - 4


def test_scheduler_without_the_parts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is not there."""
    pool: Any = pytest.importorskip("vllm.v1.core.block_pool").BlockPool
    monkeypatch.delattr(pool, "touch")
    with pytest.raises(EngineError, match="block_pool.touch is not there"):
        ScheduledToy(LIMITS)


@pytest.mark.parametrize("ruled", [False, True], ids=["stock", "policy"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**20))
def test_books_balance_whatever_happens(ruled: bool, seed: int) -> None:
    """Free blocks, those of requests and those held are all there are; holds are as large as said.

    With more requests than memory, which preempt each other, with prompts that share blocks with
    those on their way.
    """
    from makespan.serving.vllm.plugin import scheduler_of

    draw = random.Random(seed)
    engine = ScheduledToy(LIMITS, cls=scheduler_of(Policy) if ruled else None)
    desk = Desk(engine)
    manager = engine.scheduler.kv_cache_manager
    coming: dict[int, list[int]] = {}
    stored: dict[int, int] = {}
    for r in range(30):
        if draw.random() < 0.5:
            salt = draw.choice((r, 7, 8))
            desk.take(
                say.Serve(100 + r, tokens(draw.randint(1, 80), salt), draw.randint(1, 70), 0, 0)
            )
        key = draw.choice((0, 1))
        if key in coming and draw.random() < 0.4:
            kind = draw.choice(("serve", "stop"))
            if kind == "stop":
                desk.take(say.Stop(key))
                del coming[key]
                stored.pop(key, None)
            elif key in stored:
                sequence = [*coming.pop(key), 3, 4]
                del stored[key]
                if desk.take(say.Serve(key, sequence, 20, 0, 0, guarded=True)) is None:
                    for _ in range(draw.randint(0, 3)):
                        desk.step()
                    desk.take(say.Stop(key))
        elif key not in coming or key in stored:
            sequence = coming.get(key, tokens(draw.randint(1, 60), 7 + key))
            sequence = [*sequence, *tokens(draw.randint(1, 30), r)]
            room = draw.randint(0, 40)
            if desk.take(say.Warm(key, sequence, 0, 0, room)) is None:
                coming[key] = sequence
                stored.pop(key, None)
            else:
                coming.pop(key, None)
                stored.pop(key, None)
        for _ in range(draw.randint(0, 4)):
            if not desk.busy:
                break
            report = desk.step()
            for done in report.warmed:
                stored[done] = -(-len(coming[done]) // SIZE)
            of_requests = {
                block
                for name in engine.scheduler.requests
                for block in manager.get_block_ids(name)[0]
            }
            holds = engine.scheduler.held.content()
            of_holds = {block for ids in holds.values() for block in ids}
            assert engine.free_blocks + len(of_requests | of_holds) == 20
            for done, blocks in stored.items():
                assert len(holds[str(done)]) >= blocks
    for key in list(coming):
        desk.take(say.Stop(key))
    for _ in range(3000):
        if not desk.busy:
            break
        desk.step()
    assert engine.free_blocks == 20


@pytest.mark.parametrize("ruled", [False, True], ids=["stock", "policy"])
def test_moves_between_real_schedulers_find_all_that_was_computed(ruled: bool) -> None:
    """Words stay, and the target computes no more than what no stage had and a partial block.

    Under loads that keep both memories full, so that without holds some would have been evicted.
    """
    from makespan.serving.vllm.plugin import scheduler_of

    limits = EngineSettings(blocks=32, block_size=SIZE, max_num_batched_tokens=64, max_num_seqs=6)
    cls = scheduler_of(Policy) if ruled else None
    work = load(*((3 * k * MS, 20 + 37 * (k % 4), 24 + 5 * (k % 7)) for k in range(16)))
    crew = Threads([ScheduledToy(limits, pause=0.001, cls=cls) for _ in range(2)])

    class Spread(Restless):
        def route(self, request: int, fleet: Any) -> int:
            return request % 2

    def rule(fleet: Any) -> list[Move]:
        return swapping(fleet)[:1]

    run = Serving(work, crew, Spread(rule), Handing(lag=4)).run(60.0)
    for k in (0, 1):
        crew.say(k, say.Forget())  # the toy looks whether anything is left
        while not isinstance(crew.hear(k), say.Forgotten):
            pass
    crew.close()
    assert run.answers == plain(work)
    moved = [m for m in run.migrations if m.outcome is Outcome.MOVED]
    assert moved
    for m in moved:
        if m.stages:
            assert m.computed <= m.lag + SIZE
