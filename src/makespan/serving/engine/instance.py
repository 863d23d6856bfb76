"""One engine in virtual time that does nothing per step and nothing per token.

Between two events (an arrival, the end of a prompt, a completion, memory running short) the steps
of an engine are alike but for one token of context each, so that their sum has a closed form. Such
a stretch is a *glide*: its end is computed, nothing is carried out, and whoever looks at the engine
before lands it. The results equal those of :mod:`makespan.serving.engine.reference` to the
picosecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from makespan.serving.cost.step import StepCost
from makespan.serving.engine.cohort import NEVER, Cohort
from makespan.serving.engine.glide import Glide
from makespan.serving.engine.hooks import Hooks
from makespan.serving.engine.keeping import Keeping
from makespan.serving.engine.memory import Found, Memory
from makespan.serving.engine.requests import Requests
from makespan.serving.engine.shortage import squeeze
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings

_NOBODY: Final[set[int]] = set()


class Instance(Keeping):
    """One engine; also the view of it that policies get.

    Attributes
    ----------
    now
        The boundary reached; while a step is in flight, its end.
    running
        Admission number of every request in the batch, in order.
    partial
        The one request whose prompt is computed in part; it is the last of the batch.
    in_flight
        Whether a step has been launched that ends at ``now``.
    attended
        Tokens attended to, summed over steps: divided by ``steps``, the mean context in memory.
    refused
        Whether the head of the queue has been refused since the last event.
    late
        Members of the batch that get no token in the step in flight.

    Parameters
    ----------
    look
        Called when the view is asked for something that the glide it is in has not brought up to
        date; it lands the glide.
    """

    def __init__(
        self,
        index: int,
        requests: Requests,
        settings: EngineSettings,
        cost: StepCost,
        policy: Policy,
        look: Callable[[int], None],
    ) -> None:
        self.look = look
        self.index, self.requests, self.settings, self.cost = index, requests, settings, cost
        self.hooks = Hooks(policy)
        self.block_size = settings.block_size
        self.memory = Memory(
            settings.blocks,
            settings.block_size,
            requests.workload.grain,
            caching=settings.enable_prefix_caching,
        )
        self.cohort = Cohort(requests, settings.block_size)
        self.now = self.steps = self.events = self.admissions = self.attended = 0
        self.queue: deque[int] = deque()
        self.batch: dict[int, int] = {}
        self.partial: int | None = None
        self.pins = {}
        self.glide: Glide | None = None
        self.in_flight = self.refused = self.changed = self.squeezed = False
        self.given: dict[int, int] = {}
        self.ready: list[int] = []
        self.late: list[int] = []
        # Shared pieces that requests of the cohort will generate or are generating.
        self.growing: dict[int, list[int]] = {}
        # Who of the cohort has its token of the step under construction; None: all.
        self.served: set[int] | None = _NOBODY

    # Events, driven by the fleet.

    def arrive(self, request: int) -> None:
        """A request joins the queue; the engine must not be gliding."""
        self.queue.append(request)
        self.changed = True
        if self.hooks.arrived:
            self.hooks.arrived(request, self)

    def land(self, time: int) -> None:
        """Carry out the steps of the glide that begin before ``time``; the last is in flight."""
        glide = self.glide
        assert glide is not None
        self.glide = None
        steps, begin = glide.steps, self.now
        if glide.end > time:
            low, high = 1, steps
            while low < high:
                middle = (low + high) // 2
                if begin + glide.lasts(middle) >= time:
                    high = middle
                else:
                    low = middle + 1
            steps = low
        cohort = self.cohort
        members = len(cohort.base)
        whole, rest = divmod(steps, self.block_size)
        self.memory.take(whole * members + sum(glide.blocks[:rest]))
        self.attended += steps * cohort.context + members * (steps * (steps + 1) // 2)
        cohort.context += steps * members
        cohort.steps += steps
        # The last of the steps is the longest.
        cohort.lasted(glide.first + glide.growth * (steps - 1))
        self.steps += steps
        self.now, self.in_flight = begin + glide.lasts(steps), True

    def commit(self) -> list[int]:
        """The step in flight ends: tokens come out; requests with all of theirs leave, in order."""
        cohort, requests, now = self.cohort, self.requests, self.now
        self.in_flight = False
        done: list[int] = []
        if cohort.due and cohort.due[0][0] <= cohort.steps:
            while cohort.next_due(self.batch) <= cohort.steps:
                request = cohort.due[0][2]
                computed = requests.goal[request] - 1
                self._seal_growing(request, computed)
                cohort.leave(request, computed)
                self._finish(request, computed)
                done.append(request)
        for request in self.ready:
            if requests.first[request] < 0:
                requests.first[request] = now
            else:
                gap = now - requests.last[request]
                requests.longest_gap[request] = max(requests.longest_gap[request], gap)
            requests.last[request] = now
            requests.generated[request] += 1
            if requests.generated[request] == requests.output[request]:
                self._finish(request, requests.computed[request])
                done.append(request)
            else:
                cohort.join(request, self.batch[request])
                self._watch(request)
        self.ready = []
        if done:
            self.reconsider()
            if self.hooks.finished:
                for request in done:
                    self.hooks.finished(request, self)
        return done

    def schedule(self) -> int:
        """Launch what comes next at the boundary ``now``; when it ends, or NEVER if nothing can.

        Sets off a glide where it can, else one step.
        """
        if self.pins:
            self.expire()
        if not self.batch and not self.queue:
            return NEVER
        self.events += 1
        idle = not self.queue or (self.refused and not self._asks_again())
        if idle and self.partial is None and self.cohort.base and self._plan():
            assert self.glide is not None
            return self.glide.end
        while (end := self._step()) == NEVER and self.squeezed:
            pass  # all who came before the one that gave up gave up, too: begin again
        return end

    def preempt(self, victim: int, advanced: int) -> None:
        """Take the memory of a request, which returns to the head of the queue.

        ``advanced`` is 1 if this step has already given it its token.
        """
        requests = self.requests
        base = self.cohort.base.get(victim)
        if base is None:
            computed = requests.computed[victim]
        else:
            computed = base + self.cohort.steps + advanced
            requests.generated[victim] = computed + 1 - advanced - requests.prompt[victim]
            requests.last[victim] = self.now
            self._seal_growing(victim, computed)
            self.cohort.leave(victim, computed - advanced)
        del self.batch[victim]
        self.memory.release(victim, computed)
        requests.computed[victim] = 0
        requests.preemptions[victim] += 1
        if self.partial == victim:
            self.partial = None
        self.queue.appendleft(victim)
        self.reconsider()

    # Inside.

    def _finish(self, request: int, computed: int) -> None:
        requests = self.requests
        del self.batch[request]
        requests.last[request] = self.now
        requests.generated[request] = requests.output[request]
        requests.computed[request] = computed
        if not (self.hooks.retain and self.settings.enable_prefix_caching and self.pin(request)):
            self.memory.release(request, computed)

    def _watch(self, request: int) -> None:
        """Remember shared pieces that a request will yet generate; nobody can find them before."""
        chain = self.requests.chain[request]
        if chain and self.settings.enable_prefix_caching:
            for node in self.memory.unsealed(request, chain):
                self.growing.setdefault(node, []).append(request)

    def _seal_growing(self, request: int, computed: int) -> None:
        """Seal what a request that leaves has generated of shared pieces."""
        chain = self.requests.chain[request]
        if not chain or not self.growing:
            return
        nodes = self.memory.unsealed(request, chain)
        if any(len(self.growing.get(node, ())) > 1 for node in nodes):
            self._settle()
        self.memory.seal(request, chain, computed)
        for node in nodes:
            members = self.growing.get(node)
            if members and request in members:
                members.remove(request)
                if not members:
                    del self.growing[node]

    def _settle(self) -> None:
        """Seal what decoding requests have filled of shared pieces, in the order of the steps.

        Of equal blocks the one that was filled first is found, so that the order matters.
        """
        size, cohort = self.block_size, self.cohort
        filled: list[tuple[int, int, int, int]] = []
        for request in {r for members in self.growing.values() for r in members}:
            base = cohort.base.get(request)
            if base is None:
                continue
            ahead = 1 if self.served is None else int(request in self.served)
            full = (base + cohort.steps + ahead) // size
            filled.extend(
                (block * size - base, self.batch[request], request, block * size)
                for block in range(self.memory.sealed.get(request, 0) + 1, full + 1)
            )
        for _, _, request, tokens in sorted(filled):
            self.memory.seal(request, self.requests.chain[request], tokens)

    def _asks_again(self) -> bool:
        """Whether the head of the queue may be admitted though nothing has happened."""
        hooks = self.hooks
        if hooks.time_varying or (hooks.order and self.changed):
            return True
        # Some request is generating what the head begins with, so that its need falls.
        return self._overlaps(self.requests.chain[self.queue[0]])

    def _overlaps(self, chain: tuple[int, ...]) -> bool:
        """Whether some request is generating a piece of the chain."""
        return bool(self.growing) and any(node in self.growing for node in chain)

    def _plan(self) -> bool:
        """Set off a glide up to the next completion or the first step that lacks a block."""
        cohort, size = self.cohort, self.block_size
        members = len(cohort.base)
        steps = cohort.next_due(self.batch) - cohort.steps
        turn = cohort.steps % size
        blocks = cohort.crossing[turn:] + cohort.crossing[:turn]
        rounds, left = divmod(self.memory.free, members)
        if rounds * size < steps:
            more = 0
            for needed in blocks:
                if needed > left:
                    break
                left -= needed
                more += 1
            steps = min(steps, rounds * size + more)
        if not steps:
            return False
        fixed, growth = self.cost.decode(members)
        first = fixed + growth * (cohort.context + members)
        self.glide = Glide(steps, first, growth * members, blocks, self.now)
        return True

    def _step(self) -> int:
        """Launch one step: decodes, the prompt under way, admissions; when it ends, or NEVER."""
        memory, cohort = self.memory, self.cohort
        budget = self.settings.max_num_batched_tokens
        partial, chunk = self.partial, 0
        if partial is not None:
            chunk = min(self.missing(partial), budget - len(cohort.base))
        needed = cohort.crossing[cohort.steps % self.block_size]
        late: list[int] = []
        self.squeezed = False
        if needed + (self.blocks_for(partial, chunk) if partial is not None else 0) > memory.free:
            before = len(self.queue)
            chunk, late = squeeze(self)
            self.squeezed = len(self.queue) > before
        else:
            memory.take(needed)
        self.late, self.served = late, None
        decoding = len(cohort.base) - len(late)
        step = _Step(decoding, cohort.context - sum(map(self.computed, late)) + decoding)
        budget -= decoding
        if chunk and self.partial is not None:
            budget -= self._compute(self.partial, chunk, step)
        if self.queue and budget > 0 and not self.squeezed:
            self._admit(budget, step)
        self.given.clear()
        self.served = _NOBODY
        if not step.sequences:
            return NEVER
        duration = self.cost.step(step.tokens, step.sequences, step.context, step.pairs)
        self.now += duration
        cohort.context += decoding
        cohort.steps += 1
        for request in late:
            cohort.hold_up(request, self.batch[request])
        cohort.lasted(duration)
        self.steps += 1
        self.attended += step.context
        self.in_flight = True
        return self.now

    def missing(self, request: int) -> int:
        """Tokens of a request that has not begun to decode yet to be computed."""
        requests = self.requests
        return requests.prompt[request] + requests.generated[request] - requests.computed[request]

    def blocks_for(self, request: int, tokens: int) -> int:
        """Blocks that so many more tokens of it need."""
        computed, size = self.requests.computed[request], self.block_size
        return -(-(computed + tokens) // size) + (-computed // size)

    def _compute(self, request: int, tokens: int, step: _Step) -> int:
        """Let the step compute tokens of a prompt; returns their number."""
        requests = self.requests
        past = requests.computed[request]
        self.memory.take(self.blocks_for(request, tokens))
        requests.computed[request] = past + tokens
        self.given[request] = tokens
        chain = requests.chain[request]
        if chain and self.settings.enable_prefix_caching:
            if self._overlaps(chain):
                self._settle()
            self.memory.seal(request, chain, past + tokens)
        step.add(tokens, past)
        if past + tokens == requests.prompt[request] + requests.generated[request]:
            self.ready.append(request)
            self.partial = None
        else:
            self.partial = request
        return tokens

    def _admit(self, budget: int, step: _Step) -> None:
        """Admit from the queue while tokens, sequences, memory and the policy allow."""
        hooks, queue, requests, memory = self.hooks, self.queue, self.requests, self.memory
        size = self.block_size
        ordered = False
        while queue and budget > 0:
            if len(self.batch) >= self.settings.max_num_seqs:
                self.refused = True
                break
            if self.refused and not self._asks_again():
                break
            if hooks.order and (self.changed or (hooks.time_varying and not ordered)):
                self._order()
                self.changed = self.refused = False
                ordered = True
            request = queue[0]
            length = requests.prompt[request] + requests.generated[request]
            found = self._find(request, (length - 1) // size)
            while not self._fits(length, found) and self.give_up(request):
                found = self._find(request, (length - 1) // size)
            if not self._fits(length, found) or (
                hooks.admit and self.batch and not hooks.admit(request, self)
            ):
                self.refused = True
                break
            hit = found.shared + found.private
            queue.popleft()
            self.admissions += 1
            self.batch[request] = self.admissions
            memory.hold(request, found)
            if self.pins:
                self.take_over(request)
            requests.computed[request] = hit * size
            requests.hits[request] += hit * size
            if requests.admitted[request] < 0:
                requests.admitted[request] = self.now
                requests.hit[request] = hit * size
            budget -= self._compute(request, min(length - hit * size, budget), step)

    def _fits(self, length: int, found: Found) -> bool:
        """Whether the whole of a sequence fits into memory, given what is there of it."""
        missing = -(-length // self.block_size) - found.shared - found.private
        return missing + found.idle <= self.memory.free

    def _find(self, request: int, most: int) -> Found:
        chain = self.requests.chain[request]
        if self._overlaps(chain):
            self._settle()
        return self.memory.find(request, chain, most)

    def _order(self) -> None:
        queue, hooks = self.queue, self.hooks
        if len(queue) > 1:
            assert hooks.order is not None
            waiting = list(queue)
            window = hooks.window
            self.queue.clear()
            queue.extend(hooks.order(waiting[:window], self))
            queue.extend(waiting[window:])


class _Step:
    """Sums over the sequences of the step under construction; see StepCost.step."""

    __slots__ = ("context", "pairs", "sequences", "tokens")

    def __init__(self, decoding: int, context: int) -> None:
        self.tokens = self.sequences = decoding
        self.context, self.pairs = context, 0

    def add(self, tokens: int, past: int) -> None:
        self.tokens += tokens
        self.sequences += 1
        self.context += past + tokens
        if tokens > 1:
            self.pairs += tokens * (2 * past + tokens)
