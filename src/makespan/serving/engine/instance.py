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
from makespan.serving.engine.admitting import admit, ask, asks_again
from makespan.serving.engine.cohort import NEVER, Cohort
from makespan.serving.engine.glide import Glide
from makespan.serving.engine.hooks import Hooks
from makespan.serving.engine.memory import Memory
from makespan.serving.engine.requests import Requests
from makespan.serving.engine.sharing import Sharing
from makespan.serving.engine.shortage import squeeze
from makespan.serving.engine.sums import StepSums
from makespan.serving.engine.swapping import Swapping
from makespan.serving.engine.view import View
from makespan.serving.policy import Policy
from makespan.serving.record import Kind
from makespan.serving.settings import EngineSettings

_NOBODY: Final[set[int]] = set()


class Instance(Sharing):
    """One engine.

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
    lag
        When members of the cohort got their latest token that did not get it at ``now``.
    budget
        Tokens that the step under construction may compute.
    seats
        Places in the batch that are kept for requests on their way here.
    incoming
        Requests that join the batch at the next boundary, with all they have in memory.
    leaving
        The request that leaves for another engine at the next boundary.
    again
        When the policy wants to be asked again though nothing has happened.
    dropped
        Requests that the policy gave up since the fleet last looked.
    ending
        Of an engine that plans ahead: requests that ended at this boundary, each with its tokens in
        memory that will be released, 0 if the policy keeps them.
    noted, stretches
        What is recorded of events and of steps; None: nothing.

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
        self.fresh = []
        self.glide: Glide | None = None
        self.in_flight = self.refused = self.changed = self.squeezed = self.stirred = False
        self.given: dict[int, int] = {}
        self.ready: list[int] = []
        self.late: list[int] = []
        self.lag: dict[int, int] = {}
        self.growing = {}
        self.served = _NOBODY
        self.budget, self.seats = settings.max_num_batched_tokens, 0
        self.incoming: list[int] = []
        self.leaving: int | None = None
        self.dropped: list[int] = []
        self.again: int | None = None
        self.ending: list[tuple[int, int]] = []
        self.swapping = Swapping(settings)
        self.noted: list[tuple[int, int, int]] | None = None
        self.stretches: list[tuple[int, ...]] | None = None
        self.view = View(self)

    # Events, driven by the fleet.

    def arrive(self, request: int) -> None:
        """A request joins the queue; the engine must not be gliding."""
        if self.settings.async_scheduling and (self.batch or self.ending):
            self.fresh.append(request)  # what is launched next has been planned already
        else:
            self._queue(request)

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
        if self.stretches is not None:
            self._stretch(begin, steps, 0, steps * members)

    def commit(self) -> list[int]:
        """The step in flight ends: tokens come out; requests with all of theirs leave, in order."""
        cohort, requests, now = self.cohort, self.requests, self.now
        self.in_flight = False
        done: list[int] = []
        if cohort.due and cohort.due[0][0] <= cohort.steps:
            while cohort.next_due(self.batch) <= cohort.steps:
                request = cohort.due[0][2]
                computed = requests.goal[request] - 1
                self.seal_growing(request, computed)
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
                self.watch(request)
        self.ready = []
        if done:
            self.reconsider()
            if self.noted is not None:
                self.noted.extend((now, Kind.FINISH, request) for request in done)
            if self.hooks.finished:
                for request in done:
                    self.hooks.finished(request, self.view)
        return done

    def schedule(self) -> int:
        """Launch what comes next at the boundary ``now``; when it ends, or NEVER if nothing can.

        Sets off a glide where it can, else one step.
        """
        if self.ending or self.fresh:
            return self._schedule_ahead()
        return self._schedule()

    def _schedule_ahead(self) -> int:
        """The same as planned a step ago: what has ended since still takes its room."""
        places = len(self.ending)
        self.seats += places
        end = self._schedule() if self.batch or self.queue else NEVER
        self.seats -= places
        for request, computed in self.ending:
            if computed:
                self.memory.release(request, computed)
        self.ending.clear()
        for request in self.fresh:
            self._queue(request)
        self.fresh.clear()
        self.reconsider()
        return self._schedule() if end == NEVER else end

    def _queue(self, request: int) -> None:
        self.queue.append(request)
        self.changed = self.stirred = True
        if self.hooks.arrived:
            self.hooks.arrived(request, self.view)

    def _schedule(self) -> int:
        if self.pins:
            self.expire()
        if not self.batch and not self.queue:
            return NEVER
        self.events += 1
        hooks = self.hooks
        asks = False
        if self.queue and (hooks.drop or hooks.interrupt):
            if self.stirred or hooks.time_varying:
                ask(self)
            if not self.batch and not self.queue:
                return NEVER
            asks = self.stirred or hooks.time_varying
        idle = not self.queue or (self.refused and not asks and not asks_again(self))
        settled = self.partial is None and not (self.lag or self.ending or self.fresh)
        if idle and settled and self.cohort.base:
            if hooks.wake:
                self.wakes()
            if self._plan():
                assert self.glide is not None
                return self.glide.end
        end = self._step()
        if end == NEVER and self.squeezed:
            return self._schedule()  # all before the one that gave up gave up, too: begin again
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
            requests.last[victim] = self.lag.pop(victim, self.now)
            self.seal_growing(victim, computed)
            self.cohort.leave(victim, computed - advanced)
        del self.batch[victim]
        self.note(Kind.PREEMPT, victim)
        self.swapping.store(victim, computed - advanced)
        self.memory.release(victim, computed)
        requests.computed[victim] = 0
        requests.preemptions[victim] += 1
        if self.partial == victim:
            self.partial = None
        self.queue.appendleft(victim)
        self.reconsider()

    def depart(self, request: int, computed: int) -> None:
        """A member leaves for another engine; its memory stays taken until it is released."""
        requests = self.requests
        requests.generated[request] = computed + 1 - requests.prompt[request]
        requests.computed[request] = computed
        requests.last[request] = self.lag.pop(request, self.now)
        self.seal_growing(request, computed)
        self.cohort.leave(request, computed)
        del self.batch[request]
        self.note(Kind.MOVE, request)
        self.reconsider()

    def join(self, request: int) -> None:
        """A request from another engine decodes on here; its blocks have been taken before."""
        computed = self.requests.computed[request]
        self.seats -= 1
        self.admissions += 1
        self.batch[request] = self.admissions
        if self.partial is not None:  # stays the last of the batch
            del self.batch[self.partial]
            self.admissions += 1
            self.batch[self.partial] = self.admissions
        self.memory.discard(request)  # of an earlier stay
        self.seal(request, computed)
        self.cohort.join(request, self.batch[request])
        self.watch(request)
        self.lag[request] = self.requests.last[request]
        self.requests.engine[request] = self.index
        self.note(Kind.ADMIT, request)
        self.reconsider()

    def seal(self, request: int, computed: int) -> None:
        """Let others find what is shared of the tokens that a request has in memory."""
        chain = self.requests.chain[request]
        if chain and self.settings.enable_prefix_caching:
            if self.overlaps(chain):
                self.settle()
            self.memory.seal(request, chain, computed)

    def wakes(self) -> None:
        """Ask when to ask again, at the boundary at which the step is decided."""
        self.again = None
        if self.hooks.wake and self.queue:
            again = self.hooks.wake(self.view)
            if again is not None and again > self.now:
                self.again = again

    def note(self, kind: Kind, request: int) -> None:
        """Write down what happened at the boundary ``now``."""
        if self.noted is not None:
            self.noted.append((self.now, kind, request))

    # Inside.

    def _stretch(self, begin: int, steps: int, prompt: int, decode: int) -> None:
        assert self.stretches is not None
        used = self.memory.total - self.memory.free
        waiting = len(self.queue)
        self.stretches.append(
            (self.index, begin, self.now, steps, len(self.batch), waiting, used, prompt, decode)
        )

    def _finish(self, request: int, computed: int) -> None:
        requests = self.requests
        del self.batch[request]
        requests.last[request] = self.now
        requests.generated[request] = requests.output[request]
        requests.computed[request] = computed
        caching = self.settings.enable_prefix_caching
        kept = self.hooks.retain is not None and caching and self.pin(request)
        if self.settings.async_scheduling:
            self.ending.append((request, 0 if kept else computed))
        elif not kept:
            self.memory.release(request, computed)

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
        if self.hooks.token_budget:
            budget = min(max(self.hooks.token_budget(self.view), len(self.batch), 1), budget)
        self.budget = budget
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
        step = StepSums(decoding, cohort.context - sum(map(self.view.computed, late)) + decoding)
        budget -= decoding
        if chunk and self.partial is not None:
            budget -= self.compute(self.partial, chunk, step)
        if self.queue and budget > 0 and not self.squeezed:
            admit(self, budget, step)
        if self.hooks.wake:
            self.wakes()
        self.given.clear()
        self.served = _NOBODY
        if not step.sequences:
            return NEVER
        begin = self.now
        duration = self.cost.step(step.tokens, step.sequences, step.context, step.pairs)
        if self.swapping.owed:
            duration += self.swapping.settle()
        self.now += duration
        cohort.context += decoding
        cohort.steps += 1
        if late or self.lag:
            self._fall_behind(late, begin)
        cohort.lasted(duration)
        self.steps += 1
        self.attended += step.context
        self.in_flight = True
        if self.stretches is not None:
            self._stretch(begin, 1, step.tokens - step.decoding, step.decoding)
        return self.now

    def _fall_behind(self, late: list[int], begin: int) -> None:
        """Who gets no token in the step that began then, and who has got one after all."""
        behind = set(late)
        for request in [r for r in self.lag if r not in behind]:
            gap = self.now - self.lag.pop(request)
            longest = self.requests.longest_gap
            longest[request] = max(longest[request], gap)
        for request in late:
            self.cohort.hold_up(request, self.batch[request])
            self.lag.setdefault(request, begin)

    def missing(self, request: int) -> int:
        """Tokens of a request that has not begun to decode yet to be computed."""
        requests = self.requests
        return requests.prompt[request] + requests.generated[request] - requests.computed[request]

    def blocks_for(self, request: int, tokens: int) -> int:
        """Blocks that so many more tokens of it need."""
        computed, size = self.requests.computed[request], self.block_size
        return -(-(computed + tokens) // size) + (-computed // size)

    def compute(self, request: int, tokens: int, step: StepSums) -> int:
        """Let the step compute tokens of a prompt; returns their number."""
        requests = self.requests
        past = requests.computed[request]
        self.memory.take(self.blocks_for(request, tokens))
        requests.computed[request] = past + tokens
        self.given[request] = tokens
        self.seal(request, past + tokens)
        step.add(tokens, past)
        if past + tokens == requests.prompt[request] + requests.generated[request]:
            self.ready.append(request)
            self.partial = None
        else:
            self.partial = request
        return tokens
