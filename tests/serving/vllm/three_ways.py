"""One policy run three ways on one load: fast engine, plain engine, vLLM's scheduler."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policy import EngineView, Policy
from makespan.serving.record import Events, Fate, Record, first_difference
from makespan.serving.vllm.plugin import scheduler_of
from makespan.serving.vllm.virtual import run_stock
from makespan.serving.workload import Slo
from tests.serving.engine.cases import random_case

Case = dict[str, Any]


def rich_case(seed: int) -> Case:
    """A random load whose requests differ in all that a policy may ask for."""
    case = random_case(seed)
    g = random.Random(seed + 1_000_003)
    load, n = case["workload"], case["workload"].count
    slos = tuple(
        Slo(name, ttft=g.randint(1, 10**11), deadline=g.choice((None, g.randint(1, 10**12))))
        for name in ("chat", "batch")
    )
    room = case["settings"][0].blocks * case["settings"][0].block_size - load.prompt - load.output
    spare = np.array([g.randrange(40) for _ in range(n)])
    case["workload"] = replace(
        load,
        cap=load.output + np.minimum(spare, np.maximum(room, 0)),
        priority=np.array([g.randrange(4) - 1 for _ in range(n)]),
        slo=np.array([g.randrange(3) - 1 for _ in range(n)]),
        label=np.array([g.randrange(4) - 1 for _ in range(n)]),
        slos=slos,
        labels=("search", "run", "read"),
    )
    return case


class Impatient(Policy):
    """Drops who has waited for long, by the clock."""

    time_varying = True

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        return [r for r in waiting if engine.now - engine.arrival(r) > 10**11 * (r % 5)]


class DropsTheLast(Policy):
    """Drops when the queue is long, the last first, and only after events."""

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        return list(reversed(waiting[12:]))


class Yields(Policy):
    """Interrupts long prompts when short ones wait."""

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        least = min(engine.prompt(r) for r in engine.waiting())
        running = [r for r in engine.running() if engine.preemptions(r) < 2]
        return [r for r in running if engine.prompt(r) > 3 * least][:2]

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        return sorted(waiting, key=lambda r: (engine.prompt(r), r))


class SmallSteps(Policy):
    """Lets a step compute less while many decode."""

    def token_budget(self, engine: EngineView) -> int:
        """See the base class."""
        return 16 + 8 * len(engine.running())


class Sleepy(Policy):
    """Admits at certain times only and asks to be woken then."""

    pause = 3 * 10**10

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        return engine.now // self.pause % 2 == 0

    def wake(self, engine: EngineView) -> int | None:
        """See the base class."""
        return (engine.now // self.pause + 1) * self.pause


class Narrow(Policy):
    """Orders the first four of the queue only."""

    window = 4

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        assert len(waiting) <= 4
        return sorted(waiting, key=lambda r: (-engine.priority(r), engine.cap(r), r))


class Sees(Policy):
    """Refuses by all that a view tells, so that a view that tells something else shows."""

    time_varying = True

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        told = [
            engine.now, engine.load, engine.free_blocks, engine.total_blocks, engine.block_size,
            engine.max_num_seqs, engine.max_num_batched_tokens,
        ]  # fmt: skip
        for r in (*engine.running(), *engine.waiting()):
            told += [
                r, engine.arrival(r), engine.prompt(r), engine.cap(r), engine.priority(r),
                engine.program(r), len(engine.label(r)), engine.slo(r), engine.generated(r),
                engine.computed(r), engine.hit(r), engine.preemptions(r),
            ]  # fmt: skip
        return sum(k * v for k, v in enumerate(told, 1)) % 3 > 0


class AllAtOnce(Yields, SmallSteps, DropsTheLast):
    """All new hooks, keeping, and victims of its own."""

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See the base class."""
        return max(running, key=lambda r: (engine.priority(r), engine.computed(r), r))

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See the base class."""
        return engine.now + (10**9 << (request % 10)) if engine.program(request) >= 0 else None


HOOKED = (Impatient, DropsTheLast, Yields, SmallSteps, Sleepy, Narrow, Sees, AllAtOnce)
"""One policy or more for every hook."""


def plain(case: Case, make: Callable[[], Policy]) -> Record:
    """What the plain engine, which defines the semantics, makes of the case's first engine."""
    load = case["workload"]
    done = Reference(load, case["settings"][:1], case["cost"][:1], policy=make).run()
    state, engine = done.requests, done.engines[0]
    sent = np.array(state.arrival)
    fate = np.where(np.array(state.generated) == load.output, Fate.FINISHED, Fate.UNFINISHED)
    fate[sent < 0] = Fate.ORPHAN
    fate[done.refused] = Fate.TOO_LONG
    fate[done.dropped] = Fate.DROPPED
    admitted = np.array(state.admitted)
    return Record(
        workload=load,
        engine="plain engine",
        measured=False,
        fate=fate,
        sent=sent,
        admitted=admitted,
        first=np.array(state.first),
        last=np.where(fate == Fate.FINISHED, np.array(state.last), -1),
        gap=np.array(state.longest_gap),
        preemptions=np.array(state.preemptions),
        hit=np.array(state.hit),
        hits=np.array(state.hits),
        instance=np.where(admitted >= 0, 0, -1),
        steps=engine.steps,
        events=Events(*np.array(engine.noted, dtype=np.int64).reshape(-1, 3).T),
    )


def fast(case: Case, make: Callable[[], Policy]) -> Record:
    """What the event-driven engine makes of it."""
    return simulate_serving(
        case["workload"], case["settings"][0], case["cost"][0], policy=make, events=True
    )


def ruled(case: Case, make: Callable[[], Policy]) -> Record:
    """What vLLM's scheduler makes of it, ruled by the policy."""
    return run_stock(
        case["workload"],
        case["settings"][0],
        case["cost"][0],
        scheduler=scheduler_of(make),
        events=True,
    )


def differences(case: Case, make: Callable[[], Policy]) -> tuple[list[str], Record]:
    """Sentences about where the three disagree, and what vLLM did."""
    vllm = ruled(case, make)
    found = [first_difference(plain(case, make), vllm), first_difference(fast(case, make), vllm)]
    return [sentence for sentence in found if sentence], vllm
