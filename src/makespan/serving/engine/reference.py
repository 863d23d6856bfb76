"""The same engines step by step and block by block, as plainly as they can be written.

Every block has a number, every step is carried out, every hook is asked at every step. It defines
what :class:`~makespan.serving.engine.fleet.Fleet` must reproduce, and shares nothing with it but
the vocabulary. O(batch) per step.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from makespan.serving.cost.step import StepCost
from makespan.serving.policy import Policy, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload


class State:
    """What happened to the requests, as in ``Requests``."""

    def __init__(self, workload: Workload) -> None:
        n = workload.count
        self.workload = workload
        self.arrival = [-1] * n
        self.prompt, self.output = workload.prompt.tolist(), workload.output.tolist()
        self.first, self.last, self.admitted = [-1] * n, [-1] * n, [-1] * n
        self.generated, self.computed = [0] * n, [0] * n
        self.preemptions, self.longest_gap = [0] * n, [0] * n
        self.hit, self.hits = [0] * n, [0] * n
        self.engine = [-1] * n
        self.table: list[list[int]] = [[] for _ in range(n)]


class PlainInstance:
    """One engine; also the view of it."""

    def __init__(
        self, index: int, state: State, settings: EngineSettings, cost: StepCost, policy: Policy
    ) -> None:
        self.index, self.state, self.settings, self.cost = index, state, settings, cost
        self.policy, self.block_size = policy, settings.block_size
        self.now = self.steps = self.attended = 0
        self.batch: list[int] = []
        self.queue: list[int] = []
        self.flight: dict[int, int] | None = None
        self.given: dict[int, int] = {}
        self.again: int | None = None
        self.pins: dict[int, int] = {}
        self.idle: OrderedDict[int, None] = OrderedDict.fromkeys(range(settings.blocks))
        self.references = [0] * settings.blocks
        self.content: list[Hashable] = [None] * settings.blocks
        self.places: dict[Hashable, list[int]] = {}

    @property
    def load(self) -> int:
        """Requests running and waiting."""
        return len(self.batch) + len(self.queue)

    @property
    def total_blocks(self) -> int:
        """KV blocks of the engine."""
        return self.settings.blocks

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request holds."""
        return len(self.idle)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence that the engine takes."""
        return self.settings.blocks * self.block_size

    def running(self) -> Sequence[int]:
        """Requests in the batch."""
        return list(self.batch)

    def waiting(self) -> Sequence[int]:
        """Requests in the queue."""
        return list(self.queue)

    def arrival(self, request: int) -> int:
        """When the request was sent."""
        return int(self.state.arrival[request])

    def prompt(self, request: int) -> int:
        """Tokens of its prompt."""
        return int(self.state.prompt[request])

    def cap(self, request: int) -> int:
        """Most tokens its client accepts."""
        return int(self.state.workload.cap[request])

    def priority(self, request: int) -> int:
        """The smaller, the more urgent."""
        return int(self.state.workload.priority[request])

    def program(self, request: int) -> int:
        """The program it is a part of."""
        return int(self.state.workload.program[request])

    def label(self, request: int) -> str:
        """What the load calls it."""
        label = int(self.state.workload.label[request])
        return self.state.workload.labels[label] if label >= 0 else ""

    def slo(self, request: int) -> int:
        """Its SLO class."""
        return int(self.state.workload.slo[request])

    def generated(self, request: int) -> int:
        """Tokens it has got so far."""
        return self.state.generated[request]

    def computed(self, request: int) -> int:
        """Tokens of it in memory at the boundary."""
        return self.state.computed[request] - self.given.get(request, 0)

    def preemptions(self, request: int) -> int:
        """How often it lost its memory."""
        return self.state.preemptions[request]

    def tokens(self, request: int) -> int:
        """Tokens of the sequence so far."""
        return int(self.state.prompt[request]) + self.state.generated[request]

    def arrive(self, request: int) -> None:
        """A request joins the queue."""
        self.queue.append(request)
        self.policy.arrived(request, self)

    def name_of(self, request: int, block: int) -> Hashable:
        """What a full block of the sequence contains."""
        workload = self.state.workload
        piece = ((block + 1) * self.block_size - 1) // workload.grain
        pieces = workload.contents(request)
        if piece < len(pieces):
            return int(pieces[piece]), block
        return "own", request, block

    def grow(self, request: int, tokens: int) -> None:
        """Give a request blocks for more tokens, which fill them at once."""
        state, table = self.state, self.state.table[request]
        state.computed[request] += tokens
        while len(table) * self.block_size < state.computed[request]:
            block, _ = self.idle.popitem(last=False)
            self.forget(block)
            self.references[block] = 1
            table.append(block)
        if self.settings.enable_prefix_caching:
            for j in range(state.computed[request] // self.block_size):
                if self.content[table[j]] is None:
                    self.content[table[j]] = self.name_of(request, j)
                    self.places.setdefault(self.content[table[j]], []).append(table[j])

    def forget(self, block: int) -> None:
        """Evict what a block contains."""
        if self.content[block] is not None:
            self.places[self.content[block]].remove(block)
            self.content[block] = None

    def release(self, request: int) -> None:
        """Free the blocks of a request, the last first; those without content go to the front."""
        for block in reversed(self.state.table[request]):
            self.references[block] -= 1
            if not self.references[block]:
                self.idle[block] = None
                if self.content[block] is None:
                    self.idle.move_to_end(block, last=False)
        self.state.table[request] = []

    def preempt(self, victim: int) -> None:
        """Take the memory of a request, which returns to the head of the queue."""
        self.batch.remove(victim)
        self.release(victim)
        self.state.computed[victim] = 0
        self.state.preemptions[victim] += 1
        self.queue.insert(0, victim)

    def blocks_missing(self, request: int, tokens: int) -> int:
        """Blocks that so many more tokens of a request need."""
        total = -(-(self.state.computed[request] + tokens) // self.block_size)
        return total - len(self.state.table[request])

    def schedule(self) -> None:
        """Launch one step."""
        self.expire()
        if not self.load:
            return
        budget = self.settings.max_num_batched_tokens
        plan: dict[int, int] = {}
        self.given = plan
        preempted = False
        place = 0
        while place < len(self.batch) and budget > 0:
            request = self.batch[place]
            tokens = min(self.tokens(request) - self.state.computed[request], budget)
            while request in self.batch and self.blocks_missing(request, tokens) > len(self.idle):
                if self.give_up(request):
                    continue
                victim = self.policy.victim(list(self.batch), self)
                if victim in plan:
                    budget += plan.pop(victim)
                    place -= 1
                self.preempt(victim)
                preempted = True
            if request not in self.batch:
                break
            plan[request] = tokens
            self.grow(request, tokens)
            budget -= tokens
            place += 1
        if not preempted:
            self.admit(plan, budget)
        self.given = {}
        if plan:
            self.launch(plan)
        elif preempted:
            self.schedule()
        self.again = self.policy.wake(self)

    def admit(self, plan: dict[int, int], budget: int) -> None:
        """Admit from the queue until something is in the way."""
        settings, state = self.settings, self.state
        if len(self.queue) > 1 and budget > 0 and len(self.batch) < settings.max_num_seqs:
            window = self.policy.window
            self.queue[:window] = self.policy.order(self.queue[:window], self)
        while self.queue and budget > 0 and len(self.batch) < settings.max_num_seqs:
            request = self.queue[0]
            hits = self.hits_of(request)
            while not self.fits(request, hits) and self.give_up(request):
                hits = self.hits_of(request)
            if not self.fits(request, hits):
                break
            if self.batch and not self.policy.admit(request, self):
                break
            self.queue.pop(0)
            for block in hits:
                if not self.references[block]:
                    del self.idle[block]
                self.references[block] += 1
            state.table[request] = hits
            program = state.workload.program
            for other in [p for p in self.pins if program[p] == program[request] >= 0]:
                self.unpin(other)
            state.computed[request] = len(hits) * self.block_size
            state.hits[request] += state.computed[request]
            if state.admitted[request] < 0:
                state.admitted[request] = self.now
                state.hit[request] = state.computed[request]
            tokens = min(self.tokens(request) - state.computed[request], budget)
            plan[request] = tokens
            self.grow(request, tokens)
            self.batch.append(request)
            budget -= tokens

    def hits_of(self, request: int) -> list[int]:
        """Blocks with the beginning of a sequence, never its last token."""
        hits: list[int] = []
        if self.settings.enable_prefix_caching:
            for j in range((self.tokens(request) - 1) // self.block_size):
                places = self.places.get(self.name_of(request, j))
                if not places:
                    break
                hits.append(places[0])
        return hits

    def fits(self, request: int, hits: list[int]) -> bool:
        """Whether the whole of a sequence fits, given the blocks found of it."""
        idle = sum(self.references[block] == 0 for block in hits)
        needed = -(-self.tokens(request) // self.block_size) - len(hits)
        return needed + idle <= len(self.idle)

    def unpin(self, request: int) -> None:
        """Keep the memory of an ended request no longer."""
        del self.pins[request]
        self.release(request)

    def give_up(self, request: int) -> bool:
        """Give up something kept for a request that lacks memory, if the policy wants it."""
        if not self.pins:
            return False
        chosen = self.policy.unpin(list(self.pins), request, self)
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
        self.steps += 1
        self.attended += sum(after.values())
        self.flight = plan

    def commit(self) -> list[int]:
        """The step ends."""
        state, done = self.state, []
        assert self.flight is not None
        for request in self.flight:
            if state.computed[request] == self.tokens(request):
                if state.first[request] < 0:
                    state.first[request] = self.now
                else:
                    gap = self.now - state.last[request]
                    state.longest_gap[request] = max(state.longest_gap[request], gap)
                state.last[request] = self.now
                state.generated[request] += 1
                if state.generated[request] == state.output[request]:
                    self.batch.remove(request)
                    done.append(request)
                    until = None
                    if self.settings.enable_prefix_caching:
                        until = self.policy.retain(request, self)
                    if until is not None and until > self.now:
                        self.pins[request] = until
                    else:
                        self.release(request)
        self.flight = None
        for request in done:
            self.policy.finished(request, self)
        return done


class Reference:
    """A fleet of plain engines; the interface is that of ``Fleet``."""

    def __init__(
        self,
        workload: Workload,
        settings: Sequence[EngineSettings],
        cost: Sequence[StepCost],
        *,
        policy: Callable[[], Policy] = Policy,
        router: Router | None = None,
    ) -> None:
        self.workload, self.requests = workload, State(workload)
        self.router = router or Router()
        self.now = 0
        self.refused: list[int] = []
        self.engines = [
            PlainInstance(i, self.requests, one, model, policy())
            for i, (one, model) in enumerate(zip(settings, cost, strict=True))
        ]

    def run(self) -> Reference:
        """Serve everything."""
        workload, state = self.workload, self.requests
        sent = [False] * workload.count
        while True:
            coming = [
                (time, r)
                for r in range(workload.count)
                if not sent[r] and (time := self.ready(r)) is not None
            ]
            times = [time for time, _ in coming]
            times += [e.now for e in self.engines if e.flight]
            times += [u for e in self.engines for u in e.pins.values() if u > self.now]
            times += [e.again for e in self.engines if not e.flight and e.queue and e.again]
            if not times:
                return self
            self.now = time = min(times)
            for engine in self.engines:
                if engine.flight and engine.now == time:
                    engine.commit()
            coming = [
                (at, r)
                for r in range(workload.count)
                if not sent[r] and (at := self.ready(r)) == time
            ]
            for _, request in sorted(coming):
                sent[request] = True
                state.arrival[request] = time
                index = self.router.route(request, self)
                state.engine[request] = index
                engine = self.engines[index]
                if workload.prompt[request] + workload.cap[request] > engine.longest:
                    self.refused.append(request)
                else:
                    engine.arrive(request)
            for engine in self.engines:
                if not engine.flight and (engine.load or engine.pins):
                    engine.now = max(engine.now, time)
                    engine.schedule()

    def ready(self, request: int) -> int | None:
        """When a request is sent, as far as that is known."""
        workload, state = self.workload, self.requests
        time = int(workload.arrival[request])
        a, b = workload.parent_ptr[request : request + 2]
        for parent, delay in zip(workload.parent[a:b], workload.delay[a:b], strict=True):
            if state.generated[parent] < state.output[parent]:
                return None
            time = max(time, state.last[parent] + int(delay))
        return time
