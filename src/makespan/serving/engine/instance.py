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

from makespan.serving.cost.step import StepCost
from makespan.serving.engine.admitting import ask, asks_again
from makespan.serving.engine.cohort import NEVER, Cohort
from makespan.serving.engine.hooks import Hooks
from makespan.serving.engine.memory import Memory
from makespan.serving.engine.offload import Tier
from makespan.serving.engine.requests import Requests
from makespan.serving.engine.stepping import NOBODY, Stepping
from makespan.serving.engine.swapping import Swapping
from makespan.serving.engine.view import View
from makespan.serving.policy import Policy
from makespan.serving.record import Kind
from makespan.serving.settings import EngineSettings


class Instance(Stepping):
    """One engine.

    Attributes
    ----------
    now
        The boundary reached; while a step is in flight, its end.
    batch
        Admission number of every running request, in order.
    longest
        Tokens of the longest sequence that fits.
    in_flight
        Whether a step has been launched that ends at ``now``.
    refused
        Whether the head of the queue has been refused since the last event.
    late
        Members of the batch that get no token in the step in flight.
    incoming
        Requests that join the batch at the next boundary, with all they have in memory.
    leaving
        The request that leaves for another engine at the next boundary.
    ending
        Of an engine that plans ahead: requests that ended at this boundary, each with its tokens in
        memory that will be released, 0 if the policy keeps them.

    Parameters
    ----------
    look
        Called when the view is asked for something that the glide it is in has not brought up to
        date; it lands the glide.
    """

    # All attributes, those of the base classes as well: an engine is looked into all the time, and
    # slots are found faster than entries of a dictionary of so many.
    __slots__ = (
        "admissions",
        "again",
        "attended",
        "batch",
        "block_size",
        "budget",
        "changed",
        "cohort",
        "cost",
        "decodes",
        "dropped",
        "ending",
        "events",
        "fresh",
        "given",
        "glide",
        "growing",
        "hooks",
        "in_flight",
        "incoming",
        "index",
        "lag",
        "late",
        "leaving",
        "load",
        "longest",
        "look",
        "memory",
        "noted",
        "now",
        "partial",
        "pins",
        "queue",
        "ready",
        "refused",
        "requests",
        "seats",
        "served",
        "settings",
        "squeezed",
        "steps",
        "stirred",
        "stretches",
        "swapping",
        "tier",
        "view",
    )

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
        self.decodes = {}
        self.block_size = settings.block_size
        self.longest = settings.blocks * settings.block_size
        grain, offload = requests.workload.grain, settings.offload_blocks
        self.tier = Tier(offload, settings.block_size, grain) if offload else None
        self.memory = Memory(
            settings.blocks,
            settings.block_size,
            grain,
            caching=settings.enable_prefix_caching,
            tier=self.tier,
        )
        self.cohort = Cohort(requests, settings.block_size)
        self.now = self.steps = self.events = self.admissions = self.attended = self.load = 0
        self.queue = deque()
        self.batch = {}
        self.partial = None
        self.pins = {}
        self.fresh = []
        self.glide = None
        self.in_flight = self.refused = self.changed = self.squeezed = self.stirred = False
        self.given = {}
        self.ready = []
        self.late = []
        self.lag = {}
        self.growing = {}
        self.served = NOBODY
        self.budget, self.seats = settings.max_num_batched_tokens, 0
        self.incoming: list[int] = []
        self.leaving: int | None = None
        self.dropped = []
        self.again = None
        self.ending: list[tuple[int, int]] = []
        self.swapping = Swapping(settings)
        self.noted = None
        self.stretches = None
        self.view = View(self)

    # Events, driven by the fleet.

    def arrive(self, request: int) -> None:
        """A request joins the queue; the engine must not be gliding."""
        self.load += 1
        if self.settings.async_scheduling and (self.batch or self.ending):
            self.fresh.append(request)  # what is launched next has been planned already
        else:
            self._queue(request)

    def commit(self) -> list[int]:
        """The step in flight ends: tokens come out; requests with all of theirs leave, in order."""
        cohort, requests, now = self.cohort, self.requests, self.now
        self.in_flight = False
        done: list[int] = []
        if cohort.due and cohort.due[0][0] <= cohort.steps:
            done = cohort.ended()
            for request in done:
                computed = requests.goal[request] - 1
                if self.growing:
                    self.seal_growing(request, computed)
                cohort.leave(request, computed)
                self._finish(request, computed)
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
                if requests.chain[request]:
                    self.watch(request)
        self.ready.clear()
        if done:
            self.reconsider()
            if self.noted is not None:
                self.noted.extend((now, Kind.FINISH, request) for request in done)
            if self.hooks.finished:
                for request in done:
                    self.hooks.finished(request, self.view)
        return done

    def schedule(self, *, ahead: bool = False) -> int:
        """Launch what comes next at the boundary ``now``; when it ends, or NEVER if nothing can.

        Sets off a glide where it can, else one step; ``ahead``: what was planned a step ago.
        """
        if (self.ending or self.fresh) and not ahead:
            return self._schedule_ahead()
        if self.pins:
            self.expire()
        if not self.batch and not self.queue:
            return NEVER
        self.events += 1
        hooks = self.hooks
        idle = True  # nothing but decoding is to be done
        if self.queue:
            asks = False
            if hooks.drop or hooks.interrupt:
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
            end = self.glides()
            if end < NEVER:
                return end
        end = self.step()
        if end == NEVER and self.squeezed:
            # All before the one that gave up gave up, too: begin again.
            return self.schedule(ahead=ahead)
        return end

    def _schedule_ahead(self) -> int:
        """The same as planned a step ago: what has ended since still takes its room."""
        places = len(self.ending)
        self.seats += places
        end = self.schedule(ahead=True) if self.batch or self.queue else NEVER
        self.seats -= places
        for request, computed in self.ending:
            if computed:
                self.memory.release(request, computed)
        self.ending.clear()
        for request in self.fresh:
            self._queue(request)
        self.fresh.clear()
        self.reconsider()
        return self.schedule() if end == NEVER else end

    def _queue(self, request: int) -> None:
        self.queue.append(request)
        self.changed = self.stirred = True
        if self.hooks.arrived:
            self.hooks.arrived(request, self.view)

    def depart(self, request: int, computed: int) -> None:
        """A member leaves for another engine; its memory stays taken until it is released."""
        requests = self.requests
        requests.generated[request] = computed + 1 - requests.prompt[request]
        requests.computed[request] = computed
        requests.last[request] = self.lag.pop(request, self.now)
        self.seal_growing(request, computed)
        self.cohort.leave(request, computed)
        del self.batch[request]
        self.load -= 1
        self.note(Kind.MOVE, request)
        self.reconsider()

    def join(self, request: int) -> None:
        """A request from another engine decodes on here; its blocks have been taken before."""
        computed = self.requests.computed[request]
        self.seats -= 1
        self.load += 1
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

    # Inside.

    def _finish(self, request: int, computed: int) -> None:
        requests = self.requests
        del self.batch[request]
        self.load -= 1
        requests.last[request] = self.now
        requests.generated[request] = requests.output[request]
        requests.computed[request] = computed
        kept = bool(self.hooks.retain) and self.memory.caching and self.pin(request)
        if self.settings.async_scheduling:
            self.ending.append((request, 0 if kept else computed))
        elif not kept:
            self.memory.release(request, computed)
