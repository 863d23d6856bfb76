"""Who is served first, whose context is kept, and who gives one up."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.continuum.lifetime import Lifetime, Rule
from makespan.serving.policies.remembering import make_room
from makespan.serving.policies.told import Told, ToldByWorkload
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS, Workload

_RECALLED: Final = 20
"""Latest returns to kept contexts whose shares found are averaged, per tool (ours)."""

_ENOUGH: Final = 5
"""Returns after which what they found is judged (ours)."""


@dataclass(slots=True)
class _Program:
    """What is known of a program.

    Attributes
    ----------
    until, blocks
        Until when its context is kept, None if it is not, and the blocks of it.
    context
        Tokens of it.
    back
        The turn that has come back to a context that was kept for it, as long as it is.
    """

    arrival: int
    turns: int = 0
    ended: int | None = None
    tool: str = ""
    until: int | None = None
    blocks: int = 0
    context: int = 0
    back: int | None = None


class Continuum(Policy):
    """See the package.

    Parameters
    ----------
    told
        Tells which turns are the last of their programs, as clients do (``is_last_step``); those of
        a workload do so.
    cost
        Step times, for what it takes to compute a context anew; None: nothing.
    rule
        "ttl" is the paper's; "threshold" that of its preview, with the mean of all pauses of the
        tool for a moving one (below two seconds: keep for two); "fixed" keeps all for ``fixed``
        seconds; "never" only orders; "oracle" knows the pause to come, and keeps the context for
        just so long if that costs less than ``T * eta + reload``.
    share
        Share of the memory that kept contexts may have together (ours; the paper has no limit): a
        turn whose context would go beyond is not kept.
    give_way
        Whether kept contexts are given up for a turn that could also wait for those that run. The
        paper calls giving up a guard against deadlock, which we take to mean: only if nothing runs.
    offload_time
        Picoseconds to load a block from a second tier of the prefix cache, if the engine has one
        (:mod:`makespan.serving.engine.offload`): reload then is the smaller of computing the
        context anew and loading it. None: there is no tier. Whether the tier will still have the
        context is not asked, as it is not in the paper.
    recall
        Share of a kept context that turns must find again, in the mean of the latest after the same
        tool, for contexts to be kept after it any longer. Prompts may begin otherwise when they
        come back (a template that drops the reasoning), and what is kept for them is worth nothing.
        Ours; the paper keeps whatever is found, which is 0.
    """

    name = "continuum"

    def __init__(
        self,
        told: Told | Workload,
        cost: StepCost | None = None,
        *,
        rule: Rule = "ttl",
        fixed: float = 2.0,
        give_way: bool = False,
        share: float = 1.0,
        recall: float = 0.0,
        offload_time: int | None = None,
    ) -> None:
        if not 0 <= share <= 1:
            raise OptionError(f"share is {share}", hint="from 0 to 1")
        if not 0 <= recall <= 1:
            raise OptionError(f"recall is {recall}", hint="from 0 to 1")
        self.lifetime = Lifetime(rule, fixed=fixed, cost=cost, offload_time=offload_time)
        self.share, self.recall, self.give_way = share, recall, give_way
        self.told = ToldByWorkload(told) if isinstance(told, Workload) else told
        self.coming = _pauses_to_come(told) if rule == "oracle" else {}
        self.programs: dict[int, _Program] = {}
        self.found: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_RECALLED))
        self.unkept: dict[int, int] = {}
        self.keeping: set[int] = set()

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`; a pause of the program's tool has ended."""
        program = self._program(request, engine)
        if program is None or program.ended is None:
            return
        pause = (engine.arrival(request) - program.ended) / PICOSECONDS
        if pause >= 0:
            self.lifetime.paused(program.tool, pause)
        if program.until is not None and program.until < engine.arrival(request):
            program.until = None
        if program.until is None:
            self.unkept[request] = engine.arrival(request)
        else:
            program.back = request
        program.ended = None

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See :meth:`Policy.order`."""

        def key(request: int) -> tuple[int, int, int]:
            program = self._program(request, engine)
            begun = program.arrival if program else engine.arrival(request)
            if engine.preemptions(request) and engine.generated(request):
                return 0, begun, request
            return (1 if program and program.until is not None else 2), begun, request

        return sorted(waiting, key=key)

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`; notes how long a turn without a kept context waited."""
        program = self._program(request, engine)
        if program:
            program.until = None  # what was kept for it is taken over
        sent = self.unkept.pop(request, None)
        if sent is not None:
            self.lifetime.delays.append((engine.now - sent) / PICOSECONDS)
        return True

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See :meth:`Policy.retain`."""
        program = self._program(request, engine)
        if program is None:
            return None
        if program.back == request:
            share = min(engine.hit(request) / max(program.context, 1), 1.0)
            self.found[program.tool].append(share)
        program.back = None
        program.turns += 1
        program.ended, program.tool, program.until = engine.now, engine.label(request), None
        if self.told.is_last(request):
            self.lifetime.memory.learn(program.turns)
            return None
        if not self._is_found(program.tool):
            return None
        context = engine.computed(request)
        blocks = -(-context // engine.block_size)
        pause = self.coming.get(request, 0.0)
        seconds = self.lifetime.seconds(context, program.tool, pause, block_size=engine.block_size)
        if seconds <= 0 or self._kept(engine.now) + blocks > self.share * engine.total_blocks:
            return None
        program.until, program.blocks = engine.now + round(seconds * PICOSECONDS), blocks
        program.context = context
        self.keeping.add(engine.program(request))
        return program.until

    def unpin(self, pinned: Sequence[int], request: int, engine: EngineView) -> int | None:
        """See :meth:`Policy.unpin`; programs that arrived last are given up first."""
        running = engine.running()
        if running and request not in running and not self.give_way:
            return None

        def arrival(kept: int) -> int:
            program = self._program(kept, engine)
            return program.arrival if program else engine.arrival(kept)

        chosen = max(pinned, key=lambda r: (arrival(r), r))
        program = self._program(chosen, engine)
        if program:
            program.until = program.back = None
        return chosen

    def _is_found(self, tool: str) -> bool:
        """Whether turns find what is kept for them after the tool, as far as has been seen."""
        past = self.found[tool]
        return len(past) < _ENOUGH or sum(past) >= self.recall * len(past)

    def _program(self, request: int, engine: EngineView) -> _Program | None:
        index = engine.program(request)
        if index < 0:
            return None
        if index not in self.programs:
            make_room(self.programs, index)
            self.programs[index] = _Program(engine.arrival(request))
        return self.programs[index]

    def _kept(self, now: int) -> int:
        """Blocks of contexts that are kept, those of programs that are back already not counted."""
        alive = set()
        blocks = 0
        for index in self.keeping:
            program = self.programs.get(index)
            if program and program.until is not None and program.until > now:
                alive.add(index)
                blocks += program.blocks
        self.keeping = alive
        return blocks


def _pauses_to_come(told: Told | Workload) -> dict[int, float]:
    """Of each turn the pause before the one that waits for it, seconds; for the oracle alone."""
    if not isinstance(told, Workload):
        raise OptionError("only a workload tells how long pauses will be", hint="another rule")
    return dict(zip(told.parent.tolist(), (told.delay / PICOSECONDS).tolist(), strict=True))
