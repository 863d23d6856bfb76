"""One engine of a fleet: takes orders between steps and reports every step."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from makespan.core.errors import MakespanError, OptionError
from makespan.serving.policy import Policy
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import messages as say
from makespan.serving.workload import PICOSECONDS, Workload


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine runs, and how fast.

    Attributes
    ----------
    cpus
        Processors that its process may use; None: all of the parent's.
    threads
        Threads of an operator.
    nice
        Added to the niceness of the process; 0 to 19.
    slowdown
        Each step takes this many times as long: the process sleeps before its tokens count. A
        fleet of unequal engines on equal processors.
    """

    cpus: tuple[int, ...] | None = None
    threads: int = 1
    nice: int = 0
    slowdown: float = 1.0

    def __post_init__(self) -> None:
        if self.cpus is not None and not self.cpus:
            raise OptionError("an engine needs a processor")
        if self.threads < 1:
            raise OptionError(f"{self.threads} threads", hint="at least one")
        if not 0 <= self.nice <= 19:
            raise OptionError(f"nice is {self.nice}", hint="from 0 to 19")
        if not 1.0 <= self.slowdown <= 1000.0:
            raise OptionError(f"slowdown is {self.slowdown}", hint="from 1 to 1000")

    def enter(self) -> None:
        """Move this process there; before the first import of PyTorch, which reads the threads."""
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        # Threads are placed by affinity, not by vLLM, which would give each a core of its own.
        os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        if self.cpus is not None:
            try:
                os.sched_setaffinity(0, self.cpus)
            except OSError as error:
                raise OptionError(
                    f"processors {list(self.cpus)} cannot be used: {error.strerror}",
                    hint=f"there are {sorted(os.sched_getaffinity(0))}",
                ) from error
        if self.nice:
            os.nice(self.nice)


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a process needs to know to become an engine.

    Attributes
    ----------
    policy
        Makes the policy of each run, in the engine's process; None: vLLM's scheduler as it is.
    """

    model: Path
    settings: EngineSettings
    max_model_len: int | None = None
    dtype: str = "bfloat16"
    policy: Callable[[], Policy] | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy of the catalogue, made where it is called."""

    name: str
    workload: Workload
    seed: int = 0

    def __call__(self) -> Policy:
        """The policy."""
        from makespan.serving.policies.catalogue import policy_maker

        return policy_maker(self.name, self.workload, seed=self.seed)()


class Stepping(Protocol):
    """What a worker needs of an engine; :class:`makespan.serving.vllm.real.RealEngine` has it."""

    settings: EngineSettings
    max_model_len: int
    vocabulary: tuple[int, int]
    name: str

    def forget(self) -> None:
        """Empty the prefix cache."""

    def start(self, zero: int, workload: Workload) -> None:
        """Set the clock, and tell a policy whom it serves."""

    def now(self) -> int:
        """The clock."""

    def submit(self, name: str, prompt: list[int], output: int, due: int, priority: int) -> str:
        """Take a request in; the engine's own id of it."""

    def step(self) -> tuple[Sequence[Any], Sequence[Any]]:
        """Plans and outputs of a step."""

    def withdraw(self, names: list[str]) -> None:
        """Take requests away by the engine's ids."""

    def hurry(self, name: str) -> None:
        """Move a waiting request to the head of the queue."""

    def reserve(self, key: str, tokens: int) -> bool:
        """Hold memory for a sequence; False: there is too little."""

    def tie(self, name: str, key: str) -> None:
        """Have a waiting request take its memory from what is held, and leave it there."""

    def release(self, key: str) -> None:
        """Hold no memory under a key any more, if any was."""

    def running(self) -> list[str]:
        """Engine's ids of the batch."""

    @property
    def free_blocks(self) -> int:
        """KV blocks that no request has and that are held for none."""


class Desk:
    """The requests of one engine, by their numbers in the workload."""

    def __init__(self, engine: Stepping, slowdown: float = 1.0) -> None:
        self._engine = engine
        self._slowdown = slowdown
        self._request: dict[str, int] = {}
        self._name: dict[int, str] = {}
        self._warming: set[str] = set()
        self._held: set[int] = set()

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self._request)

    def take(self, order: say.Order) -> say.Answer | None:
        """Follow an order; what is to be answered at once."""
        if isinstance(order, say.Forget):
            for name in list(self._request):
                self._withdraw(name)
            for r in list(self._held):
                self._release(r)
            self._engine.forget()
            return say.Forgotten()
        if isinstance(order, say.Start):
            self._engine.start(order.zero, order.workload)
        elif isinstance(order, say.Serve):
            if order.guarded:
                return self._take_in(order, len(order.tokens) + 1, order.output)
            name = self._submit(order, order.output)
            if order.first:
                self._engine.hurry(name)
                self._hurry_held()
        elif isinstance(order, say.Warm):
            return self._take_in(order, len(order.tokens) + 1 + order.room, 1)
        elif isinstance(order, say.Stop):
            name = self._name.get(order.request, "")
            if name:
                self._withdraw(name)
            self._release(order.request)
            return say.Stopped(order.request, bool(name), self._engine.free_blocks)
        return None

    def step(self) -> say.Report:
        """One step of the engine."""
        engine = self._engine
        begun = engine.now()
        plans, outputs = engine.step()
        if self._slowdown > 1.0:
            time.sleep((engine.now() - begun) * (self._slowdown - 1.0) / PICOSECONDS)
        end = engine.now()
        parts: list[tuple[int, int, int]] = []
        preempted: list[int] = []
        warming = 0
        for plan in plans:
            begun = plan.begin
            lost = [name for name in plan.preempted if name not in self._warming]
            preempted += [self._request[name] for name in lost]
            for name, count, after in plan.parts:
                if name in self._warming:
                    warming += count
                else:
                    parts.append((self._request[name], count, after))
        said: list[tuple[int, list[int]]] = []
        ended: list[int] = []
        dropped: list[int] = []
        warmed: list[int] = []
        for output in outputs:
            r = int(output.request_id)
            name = self._name[r]
            tokens = list(output.outputs[0].token_ids)
            warming_it = name in self._warming
            if tokens and not warming_it:
                said.append((r, tokens))
                self._release(r)  # it runs, and its memory is its own
            if output.finished:
                given_up = output.outputs[0].finish_reason == "abort"
                (dropped if given_up else warmed if warming_it else ended).append(r)
                self._forget(name)
                if given_up:
                    self._release(r)
        if any(plan.preempted for plan in plans):
            self._hurry_held()
        running = [self._request[n] for n in engine.running() if n not in self._warming]
        return say.Report(
            begun,
            end,
            parts,
            warming,
            preempted,
            said,
            ended,
            dropped,
            warmed,
            running,
            engine.free_blocks,
        )

    def _hurry_held(self) -> None:
        """Put whom memory is held for before who has come to the head of the queue since.

        Else the latter might wait for ever for the memory that is held for those behind.
        """
        running = set(self._engine.running())
        for r in self._held:
            name = self._name.get(r)
            if name is not None and name not in running:
                self._engine.hurry(name)

    def _submit(self, order: say.Serve | say.Warm, output: int) -> str:
        r = order.request
        name = self._engine.submit(str(r), order.tokens, output, order.due, order.priority)
        self._request[name], self._name[r] = r, name
        return name

    def _withdraw(self, name: str) -> None:
        self._engine.withdraw([name])
        self._forget(name)

    def _forget(self, name: str) -> None:
        del self._name[self._request.pop(name)]
        self._warming.discard(name)

    def _release(self, r: int) -> None:
        if r in self._held:
            self._held.discard(r)
            self._engine.release(str(r))

    def _take_in(self, order: say.Serve | say.Warm, tokens: int, output: int) -> say.Answer | None:
        """Take in a request on its way if there is a seat, and memory for so many tokens.

        That memory is held from now on, so that the request runs with the next step: it goes to the
        head of the queue.
        """
        r = order.request
        if len(self._request) >= self._engine.settings.max_num_seqs or not self._engine.reserve(
            str(r), tokens
        ):
            self._release(r)
            return say.Refused(r)
        self._held.add(r)
        name = self._submit(order, output)
        if isinstance(order, say.Warm):
            self._warming.add(name)
        self._engine.tie(name, str(r))
        self._engine.hurry(name)
        return None


def serve(connection: Connection, desk: Desk) -> None:
    """Follow orders until the connection is closed or says so."""
    while True:
        while connection.poll(0.0 if desk.busy else None):
            order = connection.recv()
            if isinstance(order, say.Quit):
                return
            answer = desk.take(order)
            if answer is not None:
                connection.send(answer)
        connection.send(desk.step())


def work(connection: Connection, setup: Setup) -> None:
    """Be an engine: what the process of a worker runs."""
    # Ctrl-C reaches every process of a terminal; the fleet decides what becomes of its engines.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        setup.place.enter()
        from makespan.serving.vllm.adapter import version
        from makespan.serving.vllm.plugin import scheduler_of
        from makespan.serving.vllm.real import RealEngine

        with RealEngine(
            setup.model,
            setup.settings,
            max_model_len=setup.max_model_len,
            scheduler=scheduler_of(setup.policy) if setup.policy else None,
            dtype=setup.dtype,
        ) as engine:
            engine.warm_up()
            connection.send(
                say.Ready(
                    engine.settings,
                    engine.max_model_len,
                    engine.vocabulary,
                    f"vLLM {version()} with {engine.name}",
                )
            )
            serve(connection, Desk(engine, setup.place.slowdown))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the fleet is gone
    except MakespanError as error:
        connection.send(say.Failed(error.message, error.hint))
    except Exception as error:
        connection.send(say.Failed(f"{type(error).__name__}: {error}"))
        raise
