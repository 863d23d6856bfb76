"""One policy run three ways on one load: fast engine, plain engine, vLLM's scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from makespan.serving.engine.reference import Reference
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policy import Policy
from makespan.serving.record import Fate, Record, first_difference
from makespan.serving.vllm.plugin import scheduler_of
from makespan.serving.vllm.virtual import run_stock

Case = dict[str, Any]


def plain(case: Case, make: Callable[[], Policy]) -> Record:
    """What the plain engine, which defines the semantics, makes of the case's first engine."""
    load = case["workload"]
    done = Reference(load, case["settings"][:1], case["cost"][:1], policy=make).run()
    state, engine = done.requests, done.engines[0]
    generated = np.array(state.generated)
    sent = np.array(state.arrival)
    fate = np.where(generated == load.output, int(Fate.FINISHED), int(Fate.UNFINISHED))
    fate[sent < 0] = Fate.ORPHAN
    fate[done.refused] = Fate.TOO_LONG
    fate[engine.dropped] = Fate.DROPPED
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
