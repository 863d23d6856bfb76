"""An engine with vLLM's interface to a fleet and a made-up model, for tests of what is around it.

Its next token is a function of the whole sequence before it, so that whoever loses, repeats or
reorders a token anywhere says something else from there on.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from types import SimpleNamespace
from typing import Any

from makespan.serving.settings import EngineSettings
from makespan.serving.vllm.messages import Ready
from makespan.serving.vllm.worker import Desk, serve
from makespan.serving.workload import Workload

VOCABULARY = (0, 50_000)


def next_token(sequence: list[int]) -> int:
    """What the model says after a sequence."""
    return zlib.crc32(str(sequence).encode()) % VOCABULARY[1]


def answer(prompt: list[int], output: int) -> tuple[int, ...]:
    """What it says to a prompt."""
    sequence = list(prompt)
    for _ in range(output):
        sequence.append(next_token(sequence))
    return tuple(sequence[len(prompt) :])


@dataclass
class _Sequence:
    external: str
    tokens: list[int]
    left: int
    computed: int = 0
    said: list[int] = field(default_factory=list)


class ToyEngine:
    """Decodes everything it has a token a step, after computing at most a budget of prompt tokens.

    Parameters
    ----------
    pause
        Seconds that a step lasts.
    before_step
        Called before each step with the engine.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        pause: float = 0.0,
        before_step: Callable[[ToyEngine], None] | None = None,
    ) -> None:
        self.settings = settings
        self.max_model_len = settings.blocks * settings.block_size
        self.vocabulary = VOCABULARY
        self.name = "toy"
        self._pause = pause
        self._before = before_step
        self._zero = 0
        self._count = 0
        self._batch: dict[str, _Sequence] = {}
        self.lost: list[str] = []
        self.dropped: list[Any] = []
        self._queue: deque[tuple[str, _Sequence]] = deque()
        self.steps = 0
        self.served: Workload | None = None

    def start(self, zero: int, workload: Workload) -> None:
        """Set the clock and keep the workload."""
        self._zero = zero
        self.served = workload

    def forget(self) -> None:
        """Nothing is cached; all requests must be gone."""
        assert not self._batch
        assert not self._queue

    def now(self) -> int:
        """The clock."""
        return time.perf_counter_ns() * 1000 - self._zero

    def submit(self, name: str, prompt: list[int], output: int, due: int, priority: int) -> str:
        """Queue a request."""
        self._count += 1
        own = f"{name}-{self._count}"
        self._queue.append((own, _Sequence(name, list(prompt), output)))
        return own

    def withdraw(self, names: list[str]) -> None:
        """Take requests away."""
        for name in names:
            self._batch.pop(name, None)
        self._queue = deque(item for item in self._queue if item[0] not in names)

    def hurry(self, name: str) -> None:
        """To the head of the queue."""
        item = next(item for item in self._queue if item[0] == name)
        self._queue.remove(item)
        self._queue.appendleft(item)

    def running(self) -> list[str]:
        """Own ids of the batch."""
        return list(self._batch)

    def blocks(self, sequence: _Sequence) -> int:
        """Blocks of a sequence."""
        return -(-len(sequence.tokens) // self.settings.block_size)

    @property
    def free_blocks(self) -> int:
        """Blocks that no sequence of the batch takes."""
        return self.settings.blocks - sum(self.blocks(s) for s in self._batch.values())

    def preempt_last(self) -> None:
        """Take the memory of the one admitted last."""
        if self._batch:
            own, sequence = self._batch.popitem()
            sequence.computed = 0
            self._queue.appendleft((own, sequence))
            self.lost.append(own)

    def drop_first(self) -> None:
        """Give up the head of the queue."""
        if self._queue:
            _, sequence = self._queue.popleft()
            nothing = SimpleNamespace(token_ids=[], finish_reason="abort")
            self.dropped.append(
                SimpleNamespace(request_id=sequence.external, finished=True, outputs=[nothing])
            )

    def step(self) -> tuple[list[Any], list[Any]]:
        """Admit, compute and say."""
        begin = self.now()
        self.lost, self.dropped = [], []
        if self._before:
            self._before(self)
        self.steps += 1
        settings = self.settings
        while (
            self._queue
            and len(self._batch) < settings.max_num_seqs
            and self.blocks(self._queue[0][1]) < self.free_blocks
        ):
            own, sequence = self._queue.popleft()
            self._batch[own] = sequence
        budget = settings.max_num_batched_tokens
        parts, outputs, ended = [], self.dropped, []
        for own, sequence in self._batch.items():
            count = min(len(sequence.tokens) - sequence.computed, budget)
            if count:
                budget -= count
                sequence.computed += count
                parts.append((own, count, sequence.computed))
            if not count or sequence.computed < len(sequence.tokens):
                continue
            token = next_token(sequence.tokens)
            sequence.tokens.append(token)
            sequence.left -= 1
            if not sequence.left:
                ended.append(own)
            outputs.append(
                SimpleNamespace(
                    request_id=sequence.external,
                    finished=not sequence.left,
                    outputs=[SimpleNamespace(token_ids=[token], finish_reason=None)],
                )
            )
        for own in ended:
            del self._batch[own]
        if self._pause:
            time.sleep(self._pause)
        plan = SimpleNamespace(begin=begin, preempted=self.lost, parts=parts)
        return [plan], outputs


def hire(engine: ToyEngine) -> tuple[Connection, Ready, threading.Thread]:
    """An engine at work in a thread: the fleet's end of its pipe, and what it said first."""
    ours, theirs = Pipe()

    def work() -> None:
        try:
            serve(theirs, Desk(engine))
        except (EOFError, OSError):
            pass
        finally:
            theirs.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return ours, Ready(engine.settings, engine.max_model_len, engine.vocabulary, "toy"), thread
