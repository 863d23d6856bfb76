"""An engine with vLLM's interface to a fleet and a made-up model, for tests of what is around it.

Its next token is a function of the whole sequence before it, so that whoever loses, repeats or
reorders a token anywhere says something else from there on.
"""

from __future__ import annotations

import contextlib
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from types import SimpleNamespace
from typing import Any

from makespan.core.errors import EngineError
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.messages import Ready
from makespan.serving.vllm.processes import EngineLostError
from makespan.serving.vllm.worker import Desk, Stepping, serve
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
        self._held: dict[str, int] = {}
        self._key: dict[str, str] = {}
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
        assert self.free_blocks == self.settings.blocks, "something is held for nobody"

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
        """Blocks that no sequence of the batch takes and that are held for none."""
        used = sum(self.blocks(s) for s in self._batch.values())
        return self.settings.blocks - used - sum(map(self._spare, self._held))

    def reserve(self, key: str, tokens: int) -> bool:
        """Hold blocks; the toy has no prefix cache, so that they are all empty."""
        blocks, before = -(-tokens // self.settings.block_size), self._held.get(key, 0)
        if blocks - before > self.free_blocks:
            return False
        self._held[key] = max(blocks, before)
        return True

    def tie(self, name: str, key: str) -> None:
        """The sequence takes what is held."""
        assert key in self._held
        self._key[name] = key

    def release(self, key: str) -> None:
        """End of a hold."""
        del self._held[key]
        self._key = {name: other for name, other in self._key.items() if other != key}

    def _spare(self, key: str) -> int:
        """Blocks held that no sequence of the batch has."""
        own = sum(self.blocks(s) for name, s in self._batch.items() if self._key.get(name) == key)
        return max(self._held[key] - own, 0)

    def _room(self, name: str) -> int:
        """Blocks that a waiting sequence can have."""
        key = self._key.get(name)
        return self.free_blocks + (self._spare(key) if key in self._held else 0)

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
            and self.blocks(self._queue[0][1]) < self._room(self._queue[0][0])
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


Toy = Stepping | Callable[[], Stepping] | str
"""An engine, what makes one, or a sentence to fail with."""


class Threads:
    """A crew of toy engines in threads; see :class:`makespan.serving.vllm.staffing.Crew`.

    Parameters
    ----------
    engines
        Each as it is, if it is started once, or what makes one at every start, or a sentence to
        fail with.
    on
        How many are on from the beginning.
    """

    def __init__(self, engines: Sequence[Toy], on: int | None = None) -> None:
        self.ends: dict[int, Connection] = {}
        self.ready: dict[int, say.Ready] = {}
        self.threads: list[threading.Thread] = []
        self.started: list[int] = []
        self._engines = engines
        for k in range(len(engines) if on is None else on):
            self.start(k)
            self.loaded(k, self.hear(k))
        self.started.clear()

    @property
    def count(self) -> int:
        """All that there are."""
        return len(self._engines)

    def start(self, k: int) -> None:
        """Begin to work."""
        chosen = self._engines[k]
        engine = chosen() if callable(chosen) else chosen
        ours, theirs = Pipe()

        def work() -> None:
            try:
                if isinstance(engine, str):
                    theirs.send(say.Failed(engine))
                    return
                theirs.send(Ready(engine.settings, engine.max_model_len, engine.vocabulary, "toy"))
                serve(theirs, Desk(engine))
            except (EOFError, OSError):
                pass
            finally:
                theirs.close()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.ends[k] = ours
        self.threads.append(thread)
        self.started.append(k)

    def loaded(self, k: int, answer: say.Answer) -> None:
        """Note the first words."""
        assert isinstance(answer, Ready)
        self.ready[k] = answer

    def hear(self, k: int) -> say.Answer:
        """The next words."""
        try:
            answer: say.Answer = self.ends[k].recv()
        except (EOFError, OSError) as error:
            raise EngineLostError(f"engine {k} ended without a word") from error
        if isinstance(answer, say.Failed):
            raise EngineError(f"engine {k}: {answer.sentence}", hint=answer.hint)
        return answer

    def say(self, k: int, order: say.Order) -> None:
        """Tell an engine something."""
        with contextlib.suppress(OSError):
            self.ends[k].send(order)

    def dismiss(self, k: int) -> None:
        """Tell it to end."""
        self.say(k, say.Quit())
        self.bury(k)

    def gone(self, k: int) -> bool:
        """Threads are of no further interest."""
        return k not in self.ends

    def bury(self, k: int) -> None:
        """Its pipe is closed."""
        self.ready.pop(k, None)
        self.ends.pop(k).close()

    def close(self) -> None:
        """End all; none is left."""
        for k in list(self.ends):
            self.dismiss(k)
        for thread in self.threads:
            thread.join(5)
            assert not thread.is_alive()
