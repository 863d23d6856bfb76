"""A policy in the place of vLLM's decisions: each hook at its moment of a step.

The moments are those of :mod:`makespan.serving.engine.plain`, which defines them:

1. before a step is planned: what was kept too long is released; ``drop``, ``interrupt``,
   ``token_budget``;
2. a block is missing: ``unpin``, then ``victim``;
3. somebody may be admitted: ``order``, once per step; ``unpin`` while the head does not fit, and
   ``admit`` once it does;
4. a step ends: ``retain`` as each request ends, ``finished`` when all of the step have.

Nothing here imports vLLM: the scheduler is told to do things by its own methods.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from makespan.core.errors import EngineError
from makespan.serving.engine.hooks import Hooks
from makespan.serving.policy import Policy
from makespan.serving.vllm.clients import Client, Clients, Clock
from makespan.serving.vllm.seen import SchedulerView


class Refused(Exception):  # noqa: N818 - no error: the policy says no
    """The policy does not admit the request that would fit."""


class Deciding:
    """One policy for one scheduler.

    Attributes
    ----------
    view
        What the policy sees.
    pins
        Of ended requests whose blocks are kept: until when, and the blocks in their order.
    applicant
        The request that vLLM is about to admit, until the policy has been asked.

    Parameters
    ----------
    drop, preempt
        End waiting requests for good; take a running one out of the batch.
    """

    def __init__(
        self,
        scheduler: Any,
        policy: Policy,
        clients: Clients,
        clock: Clock,
        drop: Callable[[Sequence[str]], None],
        preempt: Callable[[Any], None],
    ) -> None:
        self.hooks = Hooks(policy)
        self.view = SchedulerView(scheduler)
        self.pins: dict[int, tuple[int, list[Any]]] = {}
        self.applicant: Any = None
        self._scheduler, self._clients, self._clock = scheduler, clients, clock
        self._drop, self._preempt = drop, preempt
        self._pool = scheduler.kv_cache_manager.block_pool
        self._caching = bool(scheduler.cache_config.enable_prefix_caching)
        # Something has happened since drop and interrupt, since order, and since admit was asked.
        self._stirred = self._changed = True
        self._refused: Any = None
        self._ordered = False
        self._again: int | None = None
        self._idle_since: int | None = None
        self._dropping = False
        self._done: list[Client] = []

    # Requests come and go.

    def tick(self) -> None:
        """The view shows now."""
        self.view.now = self._clock.now()

    def arrived(self, request: Any) -> None:
        """A request has joined the queue."""
        client = self._clients.meet(request)
        self.view.clients[client.number] = client
        self.view.numbers[request.request_id] = client.number
        self._reconsider()
        if self.hooks.arrived:
            self.hooks.arrived(client.number, self.view)

    def leaves(self, request: Any) -> None:
        """A request has left the batch or the queue, its blocks are about to be freed."""
        view = self.view
        client = view.clients[view.numbers[request.request_id]]
        self._reconsider()
        if self._dropping or not self._clients.has_ended(request):
            self._forget(client)
            return
        self._done.append(client)
        view.leaving = True
        if self.hooks.retain and self._caching:
            until = self.hooks.retain(client.number, view)
            if until is not None and until > view.now:
                # Whoever pops the blocks holds their references; vLLM finds nothing to free.
                blocks = self._scheduler.kv_cache_manager.pop_blocks_for_free(request)
                self.pins[client.number] = until, blocks

    def settle(self) -> None:
        """Requests that left are out of the scheduler's lists."""
        view, done = self.view, self._done
        view.leaving = False
        if done:
            self._done = []
            for client in done:
                if self.hooks.finished:
                    self.hooks.finished(client.number, view)
            for client in done:
                if client.number not in self.pins:
                    self._forget(client)
        if not self._scheduler.running and not self._scheduler.waiting:
            self._idle_since = view.now

    # A step.

    def begin(self) -> int | None:
        """What is done before a step is planned; the tokens it may compute, None: vLLM's number."""
        view, hooks, scheduler = self.view, self.hooks, self._scheduler
        self.tick()
        if self.pins:
            self._expire()
        self._idle_since = None
        self._ordered = False
        if self._again is not None and view.now >= self._again:
            self._again = None
            self._reconsider()
        if scheduler.waiting and (self._stirred or hooks.time_varying):
            self._stirred = False
            if hooks.drop:
                self._drop_some(hooks.drop(view.waiting(), view))
            if hooks.interrupt and scheduler.waiting and scheduler.running:
                for number in hooks.interrupt(view):
                    self._interrupt(number)
        if hooks.token_budget is None:
            return None
        if not scheduler.waiting and not any(r.is_prefill_chunk for r in scheduler.running):
            return None
        asked = max(hooks.token_budget(view), len(scheduler.running), 1)
        return min(asked, view.max_num_batched_tokens)

    def order(self, queue: Any) -> None:
        """Let the policy order the queue, once per step and if the answer may have changed."""
        order = self.hooks.order
        if self._ordered or order is None:
            return
        self._ordered = True
        if not (self._changed or self.hooks.time_varying):
            return
        self._changed = False
        if len(queue) < 2:
            return
        waiting = list(queue)
        numbers, clients = self.view.numbers, self.view.clients
        window = [numbers[r.request_id] for r in waiting[: self.hooks.window]]
        wanted = list(order(window, self.view))
        if wanted == window:
            return
        if len(wanted) != len(window) or set(wanted) != set(window):
            raise self._nonsense("orders the queue", window, wanted)
        queue.clear()
        queue.extend(clients[number].request for number in wanted)
        queue.extend(waiting[len(window) :])

    def gate(self) -> None:
        """The applicant fits, and gets its blocks next unless this raises ``Refused``."""
        request, self.applicant = self.applicant, None
        number = self.view.numbers[request.request_id]
        admit = self.hooks.admit
        if admit and self._scheduler.running:
            if request is self._refused and not self.hooks.time_varying:
                raise Refused
            if not admit(number, self.view):
                self._refused = request
                raise Refused
        program = self.view.clients[number].program
        if program >= 0 and self.pins:
            for other in [p for p in self.pins if self.view.clients[p].program == program]:
                self.unpin(other)
        self._reconsider()

    def admitted(self, request: Any, found: int) -> None:
        """The applicant has got its memory; so many of its tokens were there already."""
        client = self.view.clients[self.view.numbers[request.request_id]]
        if client.hit < 0:
            client.hit = found

    def give_up(self, request: Any) -> bool:
        """Release something kept for a request that lacks memory, if the policy wants it."""
        if not self.pins:
            return False
        pinned = list(self.pins)
        chosen = self.hooks.unpin(pinned, self.view.numbers[request.request_id], self.view)
        if chosen is None:
            if self._scheduler.running:
                return False
            chosen = pinned[0]
        if chosen not in self.pins:
            raise self._nonsense("gives up", pinned, chosen)
        self.unpin(chosen)
        return True

    def victim(self) -> Any:
        """The request that gives up its memory."""
        assert self.hooks.victim is not None
        running = self.view.running()
        chosen = self.hooks.victim(running, self.view)
        if chosen not in running:
            raise self._nonsense("preempts", running, chosen)
        return self.view.clients[chosen].request

    def preempted(self) -> None:
        """A request has lost its memory."""
        self._reconsider()

    def end(self) -> None:
        """A step is planned."""
        if self.hooks.wake and self._scheduler.waiting:
            self._again = self.hooks.wake(self.view)

    # What is kept.

    def unpin(self, number: int) -> None:
        """Keep the blocks of an ended request no longer; they join the queue for eviction."""
        _, blocks = self.pins.pop(number)
        self._pool.free_blocks(reversed(blocks))
        self._reconsider()
        self._forget(self.view.clients[number])

    def release(self) -> None:
        """Keep nothing."""
        for number in list(self.pins):
            self.unpin(number)

    # Inside.

    def _expire(self) -> None:
        view, pins = self.view, self.pins
        waiting = [view.clients[n] for n in view.waiting()]
        if self._idle_since is not None and waiting:
            # Nobody planned while nothing was there to do. What ended in that time is released
            # in the order of time, so that eviction meets it in that order.
            sent = min(client.arrival for client in waiting)
            if self._idle_since < sent:
                for number in [n for n, (until, _) in pins.items() if until <= self._idle_since]:
                    self.unpin(number)
                due = [(until, number) for number, (until, _) in pins.items() if until < sent]
                for _, number in sorted(due, key=lambda pin: pin[0]):
                    self.unpin(number)
        due_now = [number for number, (until, _) in pins.items() if until <= view.now]
        if due_now:
            wanted = {client.program for client in waiting} - {-1}
            for number in due_now:
                if view.clients[number].program not in wanted:
                    self.unpin(number)

    def _drop_some(self, wanted: Sequence[int]) -> None:
        if not wanted:
            return
        waiting = self.view.waiting()
        if len(set(wanted)) != len(wanted) or not set(wanted) <= set(waiting):
            raise self._nonsense("drops", waiting, wanted)
        self._dropping = True
        try:
            self._drop([self.view.clients[n].request.request_id for n in wanted])
        finally:
            self._dropping = False

    def _interrupt(self, number: int) -> None:
        running = self.view.running()
        if number not in running:
            raise self._nonsense("interrupts", running, number)
        self._preempt(self.view.clients[number].request)

    def _reconsider(self) -> None:
        self._stirred = self._changed = True
        self._refused = None

    def _forget(self, client: Client) -> None:
        if self._clients.lasting:
            return
        self._clients.forget(client)
        del self.view.clients[client.number]
        del self.view.numbers[client.request.request_id]

    def _nonsense(self, does: str, given: object, answer: object) -> EngineError:
        return EngineError(
            f"policy {self.hooks.policy.name!r} {does}: it answers {_short(answer)}, "
            f"asked about {_short(given)}"
        )


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 100 else f"{text[:97]}..."
