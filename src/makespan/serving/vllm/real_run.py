"""One workload on its way through a vLLM in this process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from makespan.serving.vllm.arrivals import Arrivals
from makespan.serving.vllm.book import Book
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import PICOSECONDS, Workload

if TYPE_CHECKING:
    from makespan.serving.vllm.real import RealEngine


class RealRun:
    """One workload on its way through an engine."""

    def __init__(self, engine: RealEngine, load: Workload, book: Book) -> None:
        self.book = book
        self._engine = engine
        self._load = load
        self._arrivals = Arrivals(load)
        self._tokens = Tokens(load, vocabulary=engine.vocabulary)
        self._live: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._said: dict[int, list[int]] = {}

    def advance(self) -> bool:
        """One step, or the wait for the next arrival; False when there is nothing left to do."""
        engine, book = self._engine, self.book
        for due, r in self._arrivals.until(engine.now()):
            self._send(r, due)
        if not self._live:
            due_next = self._arrivals.next
            if due_next is None:
                return False
            time.sleep(max(due_next - engine.now(), 0) / PICOSECONDS)
            return True
        plans, outputs = engine.step()
        now = engine.now()
        for plan in plans:
            for name in plan.preempted:
                book.preempt(self._live[name], plan.begin)
            if plan.parts:
                parts = [(self._live[name], count, after) for name, count, after in plan.parts]
                book.step(plan.begin, now, book.plan(plan.begin, parts))
        for output in outputs:
            self._hear(int(output.request_id), output, now)
        return True

    def abort(self) -> None:
        """End whatever is still there."""
        if self._live:
            self._engine.abort(list(self._live))
            self._live.clear()

    def _send(self, r: int, due: int) -> None:
        load = self._load
        self.book.send(r, due)
        if load.prompt[r] + load.cap[r] > self._engine.max_model_len:
            self.book.refuse(r)
            return
        name = self._engine.submit(
            str(r), self._tokens.prompt(r), int(load.output[r]), due, int(load.priority[r])
        )
        self._live[name], self._names[r] = r, name
        self._said[r] = []

    def _hear(self, r: int, output: Any, now: int) -> None:
        said = list(output.outputs[0].token_ids)
        for _ in said:
            self.book.speak(r, now)
        self._said[r] += said
        if output.finished:
            del self._live[self._names.pop(r)]
            if output.outputs[0].finish_reason == "abort":
                self.book.drop(r, now)
                return
            self._tokens.learn(r, self._said.pop(r))
            self.book.finish(r, now)
            self._arrivals.ended(r, now)
