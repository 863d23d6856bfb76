"""What an engine does when the next step lacks blocks: the only work that grows with the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from makespan.serving.engine.stepping import Stepping


def squeeze(engine: Stepping) -> tuple[int, list[int]]:
    """Serve the batch in order, preempting until each request has its block.

    As vLLM does, a request that gave up its own memory ends the serving: those behind it get no
    token in this step.

    Returns
    -------
    tuple of int and list of int
        Tokens of the prompt under way that fit, and the requests that decode but go without.
    """
    memory, cohort, victim = engine.memory, engine.cohort, engine.hooks.victim
    served: set[int] = set()
    engine.served = served
    order = list(engine.batch)
    for place, request in enumerate(order):
        if request not in engine.batch:
            continue
        if request == engine.partial:
            budget = engine.budget - len(served)
            chunk = min(engine.missing(request), budget)
            needed = engine.blocks_for(request, chunk)
        else:
            chunk = 0
            needed = int((cohort.base[request] + cohort.steps) % engine.block_size == 0)
        while needed > memory.free:
            if engine.give_up(request):
                continue
            loser = next(reversed(engine.batch))
            if victim:
                loser = victim(list(engine.batch), engine.view)
            engine.preempt(loser, int(loser in served))
            served.discard(loser)
            if loser == request:
                behind = [r for r in order[place + 1 :] if r in engine.batch]
                return 0, [r for r in behind if r in cohort.base]
        if chunk:
            return chunk, []
        memory.take(needed)
        served.add(request)
    return 0, []
