"""The processes of a fleet: started, ready, dismissed, dead; none is left behind.

A process has the other end of a pipe. It ends when told to, when the pipe is closed, which happens
too if the parent is killed, and is killed if it does not.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from makespan.core.errors import EngineError
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.worker import Setup

START_LIMIT: Final = 600.0
"""Seconds after which an engine that has not loaded is given up."""

GOODBYE: Final = 30.0
"""Seconds that an engine gets to end by itself."""

_SEND_LIMIT: Final = 60
"""Seconds after which an engine that takes no orders is given up; it takes them between steps."""


class EngineLostError(EngineError):
    """An engine has ended without a word."""


class Processes:
    """Engines by index, each in a process of its own when it is on.

    Processes are spawned, so that a script that makes some must not do so when it is imported.

    Parameters
    ----------
    setups
        Of each engine.
    target
        What a process runs, given its end of the pipe and its setup.

    Attributes
    ----------
    ends
        Connections to the engines that are on or loading.
    ready
        What those said that have loaded.
    processes
        The process that each engine has, or had last.
    """

    def __init__(
        self, setups: Sequence[Setup], target: Callable[[Connection, Setup], None]
    ) -> None:
        self.ends: dict[int, Connection] = {}
        self.ready: dict[int, say.Ready] = {}
        self.processes: dict[int, Any] = {}
        self._setups, self._target = list(setups), target
        self._spawning = multiprocessing.get_context("spawn")
        self._until: dict[int, float] = {}

    @property
    def count(self) -> int:
        """Engines that there can be."""
        return len(self._setups)

    def start(self, k: int) -> None:
        """Start the process of an engine, which has none; it will say when it is ready."""
        ours, theirs = self._spawning.Pipe()
        _limit_sending(ours)
        process = self._spawning.Process(
            target=self._target, args=(theirs, self._setups[k]), name=f"engine {k}", daemon=True
        )
        self.ends[k] = ours
        try:
            process.start()
        except BaseException:
            self.ends.pop(k).close()
            raise
        finally:
            # With our copy of their end closed, a process that dies is heard.
            theirs.close()
        self.processes[k] = process

    def await_ready(self, which: Iterable[int], limit: float = START_LIMIT) -> None:
        """Wait until engines have loaded.

        Raises
        ------
        EngineError
            If one fails or is not there in the time, in seconds.
        """
        patience = time.monotonic() + limit
        loading = {self.ends[k]: k for k in which}
        while loading:
            # Of several, the first that fails is heard, whoever else is still loading.
            heard = wait(list(loading), max(patience - time.monotonic(), 0.0))
            if not heard:
                raise EngineError(
                    f"engine {min(loading.values())} has not loaded within {limit:g} s"
                )
            for end in heard:
                assert isinstance(end, Connection)
                k = loading.pop(end)
                self.loaded(k, self.hear(k))

    def loaded(self, k: int, answer: say.Answer) -> None:
        """Take the first words of an engine.

        Raises
        ------
        EngineError
            If they are others than that it is ready.
        """
        if not isinstance(answer, say.Ready):
            raise EngineError(f"engine {k} says {type(answer).__name__} before it is ready")
        self.ready[k] = answer

    def hear(self, k: int) -> say.Answer:
        """What an engine says next.

        Raises
        ------
        EngineLostError
            If it has ended without a word.
        EngineError
            If it says that it failed.
        """
        try:
            answer: say.Answer = self.ends[k].recv()
        except (EOFError, OSError) as error:
            raise EngineLostError(
                f"engine {k} {self.obituary(k)}", hint="see its output"
            ) from error
        if isinstance(answer, say.Failed):
            raise EngineError(f"engine {k}: {answer.sentence}", hint=answer.hint)
        return answer

    def say(self, k: int, order: say.Order) -> None:
        """Tell an engine something; one that is not there any more will be missed by :meth:`hear`.

        An engine that takes no orders is killed.
        """
        try:
            self.ends[k].send(order)
        except BlockingIOError:
            self.kill(k)
        except OSError:
            pass

    def dismiss(self, k: int) -> None:
        """Tell an engine to end; see :meth:`gone`."""
        self.say(k, say.Quit())
        self._forget(k)
        self._until[k] = time.monotonic() + GOODBYE

    def gone(self, k: int) -> bool:
        """Whether an engine that was dismissed has ended; in the end it is killed."""
        process = self.processes[k]
        if process.is_alive() and time.monotonic() < self._until.get(k, 0.0):
            return False
        self.kill(k)
        return True

    def kill(self, k: int) -> None:
        """End the process of an engine at once."""
        process = self.processes[k]
        process.kill()
        process.join()

    def bury(self, k: int) -> None:
        """An engine is dead, or is to be."""
        self.kill(k)
        self._forget(k)

    def obituary(self, k: int) -> str:
        """How a process that has closed its pipe ended."""
        process = self.processes[k]
        process.join(GOODBYE)
        code = process.exitcode
        if code is None:
            return "does not answer any more"
        if code < 0:
            try:
                return f"was killed by {signal.Signals(-code).name}"
            except ValueError:
                return f"was killed by signal {-code}"
        return "ended without a word" if code == 0 else f"ended with exit code {code}"

    def close(self) -> None:
        """End all processes; one that does not end by itself is killed, as all are in a hurry."""
        try:
            for k in list(self.ends):
                if k in self.ready:
                    self.dismiss(k)
                else:
                    self.bury(k)  # it would hear nothing before it has loaded
            patience = time.monotonic() + GOODBYE
            for process in self.processes.values():
                process.join(max(patience - time.monotonic(), 0.0))
        finally:
            for k in self.processes:
                self.kill(k)

    def _forget(self, k: int) -> None:
        self.ready.pop(k, None)
        end = self.ends.pop(k, None)
        if end is not None:
            end.close()


def _limit_sending(end: Connection) -> None:
    """Have a send fail that does not end in time: an engine that is stopped takes nothing."""
    with contextlib.closing(socket.socket(fileno=os.dup(end.fileno()))) as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", _SEND_LIMIT, 0))
