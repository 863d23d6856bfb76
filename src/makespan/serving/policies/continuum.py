"""Continuum: keep the memory of an agent's turn for as long as waiting for the next one pays.

"Continuum: Efficient and Robust Multi-Turn LLM Agent Scheduling with KV Cache Time-to-Live"
(arXiv 2511.02230). A turn that ends with a tool call leaves its context in memory for a while. The
time to live maximises ``P(pause <= ttl) * (T * eta + reload) - ttl`` (eq. 2), where P are past
pauses of the tool, T is what turns without a kept context wait in the queue, reload is the time to
have the context again (computed anew, or loaded from a tier that offloads it), and eta tells how
well the number of turns so far foretells those to come. Turns are admitted by the arrival of their
*program*: preempted ones first, then those whose context is kept, then the rest.
"""

from __future__ import annotations

import math
from array import array
from bisect import insort
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.told import Told, ToldByWorkload
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import PICOSECONDS, Workload

_COLD: Final = 100
"""Pauses up to which all tools are taken together, and before them a law is assumed (K)."""

_WINDOW: Final = 100
"""Delays that T averages; the length is what re-implementers infer."""

_MARGIN: Final = 1e-3
"""Seconds for which the oracle keeps a context longer than the pause lasts."""

_MEAN_PAUSE: Final = 1.0
"""Seconds; mean of the exponential law assumed before pauses have been seen."""

_LONGEST: Final = 1e6
"""Seconds; longest time for which a context may be kept."""

_THRESHOLD: Final = 2.0
"""Seconds; of the preview's rule, which keeps contexts of fast tools for so long."""

_EQUAL: Final = 1e-12
"""Seconds by which one benefit must exceed another to count as more."""

_RECALLED: Final = 20
"""Latest returns to kept contexts whose shares found are averaged, per tool (ours)."""

_ENOUGH: Final = 5
"""Returns after which what they found is judged (ours)."""

Rule = Literal["ttl", "threshold", "fixed", "never", "oracle"]
RULES: Final = ("ttl", "threshold", "fixed", "never", "oracle")


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


class Pauses:
    """Past pauses of one tool, seconds.

    Attributes
    ----------
    values
        In ascending order.
    """

    def __init__(self) -> None:
        self.values: array[float] = array("d")
        self._sum = 0.0

    def add(self, pause: float) -> None:
        """One more; O(n), by one move of memory."""
        insort(self.values, pause)
        self._sum += pause

    @property
    def mean(self) -> float:
        """Of all; there must be one."""
        return self._sum / len(self.values)

    def best(self, benefit: float) -> float:
        """The time to live that maximises ``P * benefit - ttl``; the smaller of equal ones.

        P is a step function, so that the best is 0 or one of its steps. O(n).
        """
        count = len(self.values)
        if not count:
            return 0.0
        values = np.frombuffer(self.values)
        worth = np.arange(1, count + 1) / count * benefit - values
        most = float(worth.max())
        if most <= _EQUAL:
            return 0.0
        return float(values[int(np.argmax(worth >= most - _EQUAL))])


class Memory:
    """Memoryfulness: minus the correlation of turns served with turns left, over past programs."""

    def __init__(self) -> None:
        self.eta = 1.0
        self._count = self._so_far = self._left = 0
        self._so_far_squared = self._left_squared = self._both = 0

    def learn(self, turns: int) -> None:
        """A program of so many turns has ended: k were served when n - k were left. O(1)."""
        n = turns
        self._count += n
        self._so_far += n * (n + 1) // 2
        self._left += n * (n - 1) // 2
        self._so_far_squared += n * (n + 1) * (2 * n + 1) // 6
        self._left_squared += n * (n - 1) * (2 * n - 1) // 6
        self._both += (n - 1) * n * (n + 1) // 6
        of_so_far = self._count * self._so_far_squared - self._so_far**2
        of_left = self._count * self._left_squared - self._left**2
        if of_so_far > 0 and of_left > 0:
            together = self._count * self._both - self._so_far * self._left
            self.eta = -together / math.sqrt(of_so_far * of_left)


class Continuum(Policy):
    """See the module.

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
        if rule not in RULES or not 0 <= fixed <= _LONGEST:
            raise OptionError(
                f"rule is {rule!r} with {fixed} s",
                hint=f"{', '.join(RULES)}; up to {_LONGEST:g} s",
            )
        if not 0 <= share <= 1:
            raise OptionError(f"share is {share}", hint="from 0 to 1")
        if not 0 <= recall <= 1:
            raise OptionError(f"recall is {recall}", hint="from 0 to 1")
        self.rule, self.fixed, self.cost, self.give_way = rule, fixed, cost, give_way
        if offload_time is not None and offload_time < 0:
            raise OptionError(f"offload_time is {offload_time}", hint="it must be at least 0")
        self.share, self.recall, self.offload_time = share, recall, offload_time
        self.told = ToldByWorkload(told) if isinstance(told, Workload) else told
        self.coming = _pauses_to_come(told) if rule == "oracle" else {}
        self.programs: dict[int, _Program] = {}
        self.pauses: dict[str, Pauses] = defaultdict(Pauses)
        self.all = Pauses()
        self.found: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_RECALLED))
        self.delays: deque[float] = deque(maxlen=_WINDOW)
        self.memory = Memory()
        self.unkept: dict[int, int] = {}
        self.keeping: set[int] = set()

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`; a pause of the program's tool has ended."""
        program = self._program(request, engine)
        if program is None or program.ended is None:
            return
        pause = (engine.arrival(request) - program.ended) / PICOSECONDS
        if pause >= 0:
            self.pauses[program.tool].add(pause)
            self.all.add(pause)
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
            self.delays.append((engine.now - sent) / PICOSECONDS)
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
            self.memory.learn(program.turns)
            return None
        if not self._is_found(program.tool):
            return None
        context = engine.computed(request)
        blocks = -(-context // engine.block_size)
        pause = self.coming.get(request, 0.0)
        seconds = self.time_to_live(context, program.tool, pause, engine.block_size)
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

    def reload(self, context: int, block_size: int = 16) -> float:
        """Seconds to have a context of so many tokens again, by the faster path that there is."""
        anew = self.cost.step(context, 1, context, context**2) if self.cost else 0
        if self.offload_time is not None:
            anew = min(anew, -(-context // block_size) * self.offload_time)
        return anew / PICOSECONDS

    def time_to_live(
        self, context: int, tool: str, pause: float = 0.0, block_size: int = 16
    ) -> float:
        """Seconds for which to keep a context of so many tokens after a call of the tool.

        ``pause`` is how long the call takes, for the oracle; blocks are what a tier is loaded by.
        """
        if self.rule == "never":
            return 0.0
        if self.rule == "fixed":
            return self.fixed
        mine = self.pauses[tool]
        if self.rule == "threshold":
            return _THRESHOLD if mine.values and mine.mean <= _THRESHOLD else 0.0
        wait = float(np.mean(self.delays)) if self.delays else 0.0
        reload = self.reload(context, block_size)
        benefit = wait * self.memory.eta + reload
        if self.rule == "oracle":
            # The end of a pause is told on a clock of steps: a context must outlive it.
            return pause + _MARGIN if pause < benefit else 0.0
        if len(self.all.values) <= _COLD:
            benefit = wait + reload
            # Of an exponential law with mean m: the derivative of P * benefit - ttl is 0 here.
            return max(0.0, _MEAN_PAUSE * math.log(benefit / _MEAN_PAUSE)) if benefit > 0 else 0.0
        return (mine if len(mine.values) > _COLD else self.all).best(benefit)

    def _is_found(self, tool: str) -> bool:
        """Whether turns find what is kept for them after the tool, as far as has been seen."""
        past = self.found[tool]
        return len(past) < _ENOUGH or sum(past) >= self.recall * len(past)

    def _program(self, request: int, engine: EngineView) -> _Program | None:
        index = engine.program(request)
        if index < 0:
            return None
        if index not in self.programs:
            self.programs[index] = _Program(engine.arrival(request))
        return self.programs[index]

    def _kept(self, now: int) -> int:
        """Blocks of contexts that are kept, those of programs that are back already not counted."""
        alive = set()
        blocks = 0
        for index in self.keeping:
            program = self.programs[index]
            if program.until is not None and program.until > now:
                alive.add(index)
                blocks += program.blocks
        self.keeping = alive
        return blocks


def _pauses_to_come(told: Told | Workload) -> dict[int, float]:
    """Of each turn the pause before the one that waits for it, seconds; for the oracle alone."""
    if not isinstance(told, Workload):
        raise OptionError("only a workload tells how long pauses will be", hint="another rule")
    return dict(zip(told.parent.tolist(), (told.delay / PICOSECONDS).tolist(), strict=True))
