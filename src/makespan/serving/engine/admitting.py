"""The queue of an engine: who is dropped, interrupted for others, and admitted."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from makespan.core.errors import EngineError
from makespan.serving.engine.memory import Found
from makespan.serving.engine.offload import Tier
from makespan.serving.engine.sums import StepSums
from makespan.serving.record import Kind

if TYPE_CHECKING:
    from makespan.serving.engine.stepping import Stepping


def ask(engine: Stepping) -> None:
    """Let the policy drop who waits, and take the memory of who runs."""
    hooks = engine.hooks
    engine.stirred = False
    if hooks.drop:
        for request in hooks.drop(list(engine.queue), engine.view):
            _drop(engine, request)
    if hooks.interrupt and engine.queue and engine.batch:
        for request in hooks.interrupt(engine.view):
            if request not in engine.batch:
                raise EngineError(
                    f"policy {hooks.policy.name!r} interrupts request {request}, which does not run"
                )
            engine.preempt(request, 0)


def _drop(engine: Stepping, request: int) -> None:
    if request not in engine.queue:
        raise EngineError(
            f"policy {engine.hooks.policy.name!r} drops request {request}, which does not wait"
        )
    engine.withdraw(request)
    engine.swapping.forget(request)
    engine.dropped.append(request)
    engine.note(Kind.DROP, request)


def asks_again(engine: Stepping) -> bool:
    """Whether the head of the queue may be admitted though nothing has happened."""
    if len(engine.batch) + engine.seats >= engine.settings.max_num_seqs:
        return False
    hooks = engine.hooks
    if hooks.time_varying or (hooks.order and engine.changed):
        return True
    # Some request is generating what the head begins with, so that its need falls.
    return engine.overlaps(engine.requests.chain[engine.queue[0]])


def admit(engine: Stepping, budget: int, step: StepSums) -> None:
    """Admit from the queue while tokens, sequences, memory and the policy allow."""
    hooks, queue, requests, memory = engine.hooks, engine.queue, engine.requests, engine.memory
    size, swapping, batch = engine.block_size, engine.swapping, engine.batch
    tier = engine.tier
    most = engine.settings.max_num_seqs - engine.seats
    ordered = False
    while queue and budget > 0:
        if len(batch) >= most:
            engine.refused = True
            break
        if engine.refused and not asks_again(engine):
            break
        if hooks.order and not ordered and (engine.changed or hooks.time_varying):
            _order(engine)
            engine.changed = engine.refused = False
            ordered = True
        request = queue[0]
        length = requests.prompt[request] + requests.generated[request]
        found = _room(engine, request, length)
        if found is None or (hooks.admit and batch and not hooks.admit(request, engine.view)):
            engine.refused = True
            break
        queue.popleft()
        engine.stirred = engine.changed = True
        engine.admissions += 1
        batch[request] = engine.admissions
        if engine.noted is not None:
            engine.note(Kind.ADMIT, request)
        memory.hold(request, found)
        if engine.pins:
            engine.take_over(request)
        hit = there = (found.shared + found.private) * size
        if request in swapping.away:
            there = swapping.fetch(request, hit)
            memory.take(-(-(there - hit) // size))
            engine.seal(request, there)
        elif tier is not None:
            hit = there = _load(engine, tier, request, hit // size, (length - 1) // size)
        requests.computed[request] = there
        requests.hits[request] += hit
        if requests.admitted[request] < 0:
            requests.admitted[request] = engine.now
            requests.hit[request] = hit
        budget -= engine.compute(request, min(length - there, budget), step)


def _load(engine: Stepping, tier: Tier, request: int, at: int, most: int) -> int:
    """Bring back what the tier has behind the first blocks of a request; tokens then there."""
    loaded = tier.load(request, engine.requests.chain[request], at, most)
    computed = (at + loaded) * engine.block_size
    if loaded:
        engine.swapping.owed += loaded * engine.settings.offload_time
        engine.memory.take(loaded)
        engine.seal(request, computed)
    return computed


def _room(engine: Stepping, request: int, length: int) -> Found | None:
    """What memory holds of a sequence, if the whole of it fits into memory; else None."""
    memory, chain, size = engine.memory, engine.requests.chain[request], engine.block_size
    blocks, most = -(-length // size), (length - 1) // size
    while True:
        if engine.growing and engine.overlaps(chain):
            engine.settle()
        found = memory.find(request, chain, most)
        if blocks - found.shared - found.private + found.idle <= memory.free:
            return found
        if not engine.give_up(request):
            return None


def _order(engine: Stepping) -> None:
    queue, hooks = engine.queue, engine.hooks
    if len(queue) > 1:
        assert hooks.order is not None
        head = list(islice(queue, hooks.window))
        ordered = hooks.order(head, engine.view)
        for _ in head:
            queue.popleft()
        queue.extendleft(reversed(ordered))
