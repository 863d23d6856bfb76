"""What an engine launches at a boundary: one step, or a glide over many that are alike."""

from __future__ import annotations

from typing import Final

from makespan.serving.cost.step import StepCost
from makespan.serving.engine.admitting import admit
from makespan.serving.engine.cohort import NEVER
from makespan.serving.engine.glide import Glide
from makespan.serving.engine.offload import Tier
from makespan.serving.engine.sharing import Sharing
from makespan.serving.engine.shortage import squeeze
from makespan.serving.engine.sums import StepSums
from makespan.serving.engine.swapping import Swapping
from makespan.serving.record import Kind

NOBODY: Final[set[int]] = set()


class Stepping(Sharing):
    """The work of the next step, and what it costs.

    Attributes
    ----------
    decodes
        What the cost model has answered for steps that only decode, by the number of requests.
    partial
        The one request whose prompt is computed in part; it is the last of the batch.
    ready
        Requests whose prompt the step in flight completes.
    steps
        Steps launched.
    attended
        Tokens attended to, summed over steps: divided by ``steps``, the mean context in memory.
    squeezed
        Whether a request lost its memory to the step under construction.
    lag
        When members of the cohort got their latest token that did not get it at ``now``.
    budget
        Tokens that the step under construction may compute.
    admissions
        Requests admitted so far, which gives each its number.
    load
        Requests running and waiting.
    seats
        Places in the batch that are kept for requests on their way here.
    dropped
        Requests that the policy gave up since the fleet last looked.
    again
        When the policy wants to be asked again though nothing has happened.
    noted, stretches
        What is recorded of events and of steps; None: nothing.
    """

    cost: StepCost
    decodes: dict[int, tuple[int, int]]
    swapping: Swapping
    tier: Tier | None
    partial: int | None
    ready: list[int]
    steps: int
    attended: int
    squeezed: bool
    lag: dict[int, int]
    budget: int
    admissions: int
    load: int
    seats: int
    dropped: list[int]
    again: int | None
    noted: list[tuple[int, int, int]] | None
    stretches: list[tuple[int, ...]] | None

    def glides(self) -> int:
        """Set off a glide up to the next completion or the first step that lacks a block.

        Returns
        -------
        int
            When it ends; NEVER if the very first step lacks one.
        """
        cohort, size = self.cohort, self.block_size
        members = len(cohort.base)
        steps = cohort.next_due() - cohort.steps
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
                return NEVER
        decode = self.decodes.get(members)
        if decode is None:
            decode = self.decodes[members] = self.cost.decode(members)
        fixed, growth = decode
        first = fixed + growth * (cohort.context + members)
        self.glide = Glide(steps, first, growth * members, blocks, self.now)
        return self.glide.end

    def land(self, time: int) -> None:
        """Carry out the steps of the glide that begin before ``time``; the last is in flight."""
        glide = self.glide
        assert glide is not None
        self.glide = None
        cohort, begin = self.cohort, self.now
        steps, lasted = glide.steps, glide.end - begin
        if glide.end > time:
            steps, lasted = glide.until(time - begin)
        members = len(cohort.base)
        whole, rest = divmod(steps, self.block_size)
        needed = whole * members + sum(glide.blocks[:rest])
        if needed:
            self.memory.take(needed)
        self.attended += steps * cohort.context + members * (steps * (steps + 1) // 2)
        cohort.context += steps * members
        cohort.steps += steps
        # The last of the steps is the longest.
        cohort.lasted(glide.first + glide.growth * (steps - 1))
        self.steps += steps
        self.now, self.in_flight = begin + lasted, True
        if self.stretches is not None:
            self.write_down(begin, steps, 0, steps * members)

    def step(self) -> int:
        """Launch one step: decodes, the prompt under way, admissions; when it ends, or NEVER."""
        memory, cohort, hooks = self.memory, self.cohort, self.hooks
        budget = self.settings.max_num_batched_tokens
        if hooks.token_budget:
            budget = min(max(hooks.token_budget(self.view), len(self.batch), 1), budget)
        self.budget = budget
        decoding, context = len(cohort.base), cohort.context
        partial, chunk = self.partial, 0
        needed = total = cohort.crossing[cohort.steps % self.block_size]
        if partial is not None:
            chunk = min(self.missing(partial), budget - decoding)
            total += self.blocks_for(partial, chunk)
        late: list[int] = []
        self.squeezed = False
        if total > memory.free:
            before = len(self.queue)
            chunk, late = squeeze(self)
            self.squeezed = len(self.queue) > before
            decoding = len(cohort.base) - len(late)
            context = cohort.context - sum(map(self.view.computed, late))
        elif needed:
            memory.take(needed)
        self.late, self.served = late, None
        sums = StepSums(decoding, context + decoding)
        budget -= decoding
        if chunk and self.partial is not None:
            budget -= self.compute(self.partial, chunk, sums)
        if self.queue and budget > 0 and not self.squeezed:
            admit(self, budget, sums)
        if hooks.wake:
            self.wakes()
        self.given.clear()
        self.served = NOBODY
        if not sums.sequences:
            return NEVER
        begin = self.now
        duration = self.cost.step(sums.tokens, sums.sequences, sums.context, sums.pairs)
        if self.swapping.owed:
            duration += self.swapping.settle()
        end = self.now = begin + duration
        cohort.context += decoding
        cohort.steps += 1
        if late or self.lag:
            self._fall_behind(late, begin)
        cohort.lasted(duration)
        self.steps += 1
        self.attended += sums.context
        self.in_flight = True
        if self.stretches is not None:
            self.write_down(begin, 1, sums.tokens - sums.decoding, sums.decoding)
        return end

    def compute(self, request: int, tokens: int, sums: StepSums) -> int:
        """Let the step compute tokens of a prompt; returns their number."""
        requests, size = self.requests, self.block_size
        past = requests.computed[request]
        computed = past + tokens
        self.memory.take(-(-computed // size) + (-past // size))
        requests.computed[request] = computed
        self.given[request] = tokens
        if requests.chain[request]:
            self.seal(request, computed)
        sums.add(tokens, past)
        if computed == requests.prompt[request] + requests.generated[request]:
            self.ready.append(request)
            self.partial = None
        else:
            self.partial = request
        return tokens

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

    def withdraw(self, request: int) -> None:
        """A request leaves the queue without having been served."""
        self.queue.remove(request)
        self.load -= 1
        self.reconsider()

    def missing(self, request: int) -> int:
        """Tokens of a request that has not begun to decode yet to be computed."""
        requests = self.requests
        return requests.prompt[request] + requests.generated[request] - requests.computed[request]

    def blocks_for(self, request: int, tokens: int) -> int:
        """Blocks that so many more tokens of it need."""
        computed, size = self.requests.computed[request], self.block_size
        return -(-(computed + tokens) // size) + (-computed // size)

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

    def write_down(self, begin: int, steps: int, prompt: int, decode: int) -> None:
        """Record steps that end at ``now``."""
        assert self.stretches is not None
        used = self.memory.total - self.memory.free
        waiting = len(self.queue)
        self.stretches.append(
            (self.index, begin, self.now, steps, len(self.batch), waiting, used, prompt, decode)
        )

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
