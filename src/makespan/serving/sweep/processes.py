"""Jobs in processes of this machine; one that is killed costs nothing but its own time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Final, TypeVar

from makespan.core.errors import EngineError

T = TypeVar("T")

_RETRIES: Final = 5
"""Deaths under one job after which it is taken to kill its process itself."""

_SECONDS: Final = 2.0
"""What a process has to end in after it was told to."""


def in_processes(
    work: Callable[[Any, Any], Any], items: Sequence[tuple[T, str]], shared: Any, workers: int
) -> Generator[tuple[tuple[T, str], Any, int]]:
    """Every item with ``work(item[0], shared)`` and the number of attempts, as they end.

    Processes are spawned, so that all of ``work`` and its arguments must be picklable; they end
    with the iterator, whether it is exhausted or closed.

    Raises
    ------
    EngineError
        If ``work`` raises, or processes die again and again under one item.
    """
    context = get_context("spawn")
    waiting = [(item, 1) for item in reversed(items)]
    crew: dict[Connection, tuple[SpawnProcess, tuple[tuple[T, str], int] | None]] = {}

    def hire() -> None:
        mine, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(work, shared, theirs), daemon=True)
        process.start()
        theirs.close()
        crew[mine] = (process, None)

    try:
        for _ in range(workers):
            hire()
        while waiting or any(job for _, job in crew.values()):
            for line, (process, job) in list(crew.items()):
                if job is None and waiting:
                    given = waiting.pop()
                    crew[line] = (process, given)
                    with suppress(OSError):  # its death is noticed below
                        line.send(given[0][0])
            for ready in wait([line for line, (_, job) in crew.items() if job]):
                assert isinstance(ready, Connection)
                line = ready
                process, given_job = crew[line]
                assert given_job is not None
                item, attempts = given_job
                try:
                    value, failure = line.recv()
                except (EOFError, OSError):
                    del crew[line]
                    process.join()
                    if attempts > _RETRIES:
                        raise EngineError(
                            f"{item[0]} failed: {attempts} processes died under it",
                            hint="there may be too little memory; use fewer workers",
                        ) from None
                    waiting.append((item, attempts + 1))
                    hire()
                    continue
                crew[line] = (process, None)
                if failure is not None:
                    raise EngineError(f"{item[0]} failed: {failure}")
                yield item, value, attempts
    finally:
        for line, (process, _) in crew.items():
            line.close()
            process.terminate()
        for process, _ in crew.values():
            process.join(_SECONDS)


def _serve(work: Callable[[Any, Any], Any], shared: Any, line: Connection) -> None:
    """Do what comes along the line until it is closed; the parent handles Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            job = line.recv()
            answer: tuple[Any, str | None]
            try:
                answer = (work(job, shared), None)
            except Exception as error:  # noqa: BLE001  # raised again by the parent
                answer = (None, f"{type(error).__name__}: {error}")
            line.send(answer)
