"""One engine step by step, as plainly as it can be written.

Every step is carried out, every hook is asked at every step, and the memory is kept block by block
(:mod:`.plain_memory`). It defines what :class:`~makespan.serving.engine.instance.Instance` must
reproduce, and shares nothing with it but the vocabulary. O(batch) per step.
"""

from __future__ import annotations

from makespan.serving.cost.step import StepCost
from makespan.serving.engine.plain_memory import PlainMemory
from makespan.serving.engine.plain_state import State
from makespan.serving.engine.plain_view import view_of
from makespan.serving.policy import Policy
from makespan.serving.record import Kind
from makespan.serving.settings import EngineSettings


class PlainInstance:
    """One engine."""

    def __init__(
        self, index: int, state: State, settings: EngineSettings, cost: StepCost, policy: Policy
    ) -> None:
        self.index, self.state, self.settings, self.cost = index, state, settings, cost
        self.policy, self.memory = policy, PlainMemory(state, settings)
        self.now = self.steps = self.attended = 0
        self.batch: list[int] = []
        self.queue: list[int] = []
        self.flight: dict[int, int] | None = None
        self.given: dict[int, int] = {}
        self.again: int | None = None
        self.pins: dict[int, int] = {}
        self.decoding: set[int] = set()
        self.away: dict[int, int] = {}
        self.host, self.owed, self.swapped = settings.swap_blocks, 0, 0
        self.loaded = 0
        self.seats = 0
        self.incoming: list[int] = []
        self.leaving: int | None = None
        self.dropped: list[int] = []
        self.fresh: list[int] = []
        self.ending: list[tuple[int, bool]] = []
        self.noted: list[tuple[int, int, int]] = []
        self.view = view_of(self)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence that the engine takes."""
        return self.settings.blocks * self.settings.block_size

    def arrive(self, request: int) -> None:
        """A request joins the queue."""
        if self.settings.async_scheduling and (self.batch or self.ending):
            self.fresh.append(request)
        else:
            self.queue.append(request)
            self.policy.arrived(request, self.view)

    def preempt(self, victim: int, planned: int) -> None:
        """Take the memory of a request, which returns to the head of the queue.

        ``planned`` of its tokens the step under construction was to compute.
        """
        self.batch.remove(victim)
        self.decoding.discard(victim)
        self.noted.append((self.now, Kind.PREEMPT, victim))
        computed = self.state.computed[victim] - planned
        blocks = self.memory.blocks_of(computed)
        if 0 < blocks <= self.host:
            self.away[victim] = computed
            self.host -= blocks
            self.swap(blocks)
        self.memory.release(victim)
        self.state.computed[victim] = 0
        self.state.preemptions[victim] += 1
        self.queue.insert(0, victim)

    def schedule(self) -> None:
        """Launch one step; of an engine that plans ahead, as it was planned a step ago."""
        if self.ending or self.fresh:
            places = len(self.ending)
            self.seats += places
            if self.batch or self.queue:
                self.plan()
            self.seats -= places
            for request, kept in self.ending:
                if not kept:
                    self.memory.release(request)
            for request in self.fresh:
                self.queue.append(request)
                self.policy.arrived(request, self.view)
            self.ending, self.fresh = [], []
            if self.flight:
                return
        self.plan()

    def plan(self) -> None:
        """Plan a step and launch it."""
        self.expire()
        if not self.batch and not self.queue:
            return
        self.ask()
        budget = min(
            max(self.policy.token_budget(self.view), len(self.batch), 1),
            self.settings.max_num_batched_tokens,
        )
        plan: dict[int, int] = {}
        self.given = plan
        preempted = False
        place = 0
        while place < len(self.batch) and budget > 0:
            request = self.batch[place]
            tokens = min(self.state.tokens(request) - self.state.computed[request], budget)
            while request in self.batch and self.memory.missing(request, tokens) > self.memory.free:
                if self.give_up(request):
                    continue
                victim = self.policy.victim(list(self.batch), self.view)
                planned = plan.pop(victim, 0)
                if planned:
                    budget += planned
                    place -= 1
                self.preempt(victim, planned)
                preempted = True
            if request not in self.batch:
                break
            plan[request] = tokens
            self.memory.grow(request, tokens)
            budget -= tokens
            place += 1
        if not preempted:
            self.admit(plan, budget)
        again = self.policy.wake(self.view)
        self.again = again if again is not None and again > self.now else None
        self.given = {}
        if plan:
            self.launch(plan)
        elif preempted:
            self.plan()

    def ask(self) -> None:
        """Let the policy drop who waits, and take the memory of who runs."""
        if self.queue:
            for request in self.policy.drop(list(self.queue), self.view):
                self.queue.remove(request)
                self.free_host(request)
                self.dropped.append(request)
                self.noted.append((self.now, Kind.DROP, request))
        if self.queue and self.batch:
            for request in self.policy.interrupt(self.view):
                self.preempt(request, 0)

    def swap(self, blocks: int) -> None:
        """Copy blocks of a request to the host or back before the next step."""
        self.swapped += blocks
        self.owed += blocks * self.settings.swap_time

    def load(self, request: int) -> None:
        """Have blocks of a request loaded from the second tier before the next step."""
        blocks = self.memory.load(request)
        self.loaded += blocks
        self.owed += blocks * self.settings.offload_time

    def free_host(self, request: int) -> int:
        """Free what the host keeps of a request; its tokens."""
        computed = self.away.pop(request, 0)
        self.host += self.memory.blocks_of(computed)
        return computed

    def admit(self, plan: dict[int, int], budget: int) -> None:
        """Admit from the queue until something is in the way."""
        memory, state = self.memory, self.state
        most = self.settings.max_num_seqs - self.seats
        if len(self.queue) > 1 and budget > 0 and len(self.batch) < most:
            window = self.policy.window
            self.queue[:window] = self.policy.order(self.queue[:window], self.view)
        while self.queue and budget > 0 and len(self.batch) < most:
            request = self.queue[0]
            hits = memory.hits_of(request)
            while not memory.fits(request, hits) and self.give_up(request):
                hits = memory.hits_of(request)
            if not memory.fits(request, hits):
                break
            if self.batch and not self.policy.admit(request, self.view):
                break
            self.queue.pop(0)
            memory.share(request, hits)
            program = state.workload.program
            for other in [p for p in self.pins if program[p] == program[request] >= 0]:
                self.unpin(other)
            self.noted.append((self.now, Kind.ADMIT, request))
            if request not in self.away:
                self.load(request)
            hit = state.computed[request]
            state.hits[request] += hit
            if state.admitted[request] < 0:
                state.admitted[request] = self.now
                state.hit[request] = hit
            computed = self.free_host(request)
            if computed > hit:
                self.swap(memory.blocks_of(computed) - len(hits))
                memory.grow(request, computed - hit)
            tokens = min(state.tokens(request) - state.computed[request], budget)
            plan[request] = tokens
            memory.grow(request, tokens)
            self.batch.append(request)
            budget -= tokens

    def unpin(self, request: int) -> None:
        """Keep the memory of an ended request no longer."""
        del self.pins[request]
        self.memory.release(request)

    def give_up(self, request: int) -> bool:
        """Give up something kept for a request that lacks memory, if the policy wants it."""
        if not self.pins:
            return False
        chosen = self.policy.unpin(list(self.pins), request, self.view)
        if chosen is None and not self.batch:
            chosen = next(iter(self.pins))
        if chosen is None:
            return False
        self.unpin(chosen)
        return True

    def expire(self) -> None:
        """End what has been kept for its time, unless one of its program waits."""
        program = self.state.workload.program
        for request, until in list(self.pins.items()):
            waits = any(program[r] == program[request] >= 0 for r in self.queue)
            if until <= self.now and not waits:
                self.unpin(request)

    def launch(self, plan: dict[int, int]) -> None:
        """Set the step off."""
        after = {r: self.state.computed[r] for r in plan}
        pairs = sum(q * (2 * (after[r] - q) + q) for r, q in plan.items() if q > 1)
        self.now += self.cost.step(sum(plan.values()), len(plan), sum(after.values()), pairs)
        self.now += self.owed
        self.owed = 0
        self.steps += 1
        self.attended += sum(after.values())
        self.flight = plan

    def commit(self) -> list[int]:
        """The step ends."""
        state, done = self.state, []
        assert self.flight is not None
        for request in self.flight:
            if state.computed[request] == self.state.tokens(request):
                if state.first[request] < 0:
                    state.first[request] = self.now
                else:
                    gap = self.now - state.last[request]
                    state.longest_gap[request] = max(state.longest_gap[request], gap)
                state.last[request] = self.now
                state.generated[request] += 1
                if state.generated[request] == state.output[request]:
                    self.batch.remove(request)
                    self.decoding.discard(request)
                    done.append(request)
                    self.noted.append((self.now, Kind.FINISH, request))
                    until = None
                    if self.settings.enable_prefix_caching:
                        until = self.policy.retain(request, self.view)
                    kept = until is not None and until > self.now
                    if until is not None and kept:
                        self.pins[request] = until
                    if self.settings.async_scheduling:
                        self.ending.append((request, kept))
                    elif not kept:
                        self.memory.release(request)
                else:
                    self.decoding.add(request)
        self.flight = None
        for request in done:
            self.policy.finished(request, self.view)
        return done

    def depart(self, request: int) -> None:
        """A member leaves for another engine; its memory stays taken until it is released."""
        self.batch.remove(request)
        self.decoding.discard(request)
        self.noted.append((self.now, Kind.MOVE, request))

    def join(self, request: int, table: list[int]) -> None:
        """A request from another engine decodes on here, in blocks that were taken before."""
        self.seats -= 1
        late = [r for r in self.batch if r not in self.decoding]  # a prompt under way stays last
        self.batch = [r for r in self.batch if r in self.decoding] + [request] + late
        self.decoding.add(request)
        self.memory.adopt(request, table)
        self.state.engine[request] = self.index
        self.noted.append((self.now, Kind.ADMIT, request))
