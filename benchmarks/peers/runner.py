"""Makes runs: a fresh process each, a hard end, turns in going first, nothing done twice."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import engines, journal
from benchmarks.peers.instances import Instance
from benchmarks.peers.journal import Row
from benchmarks.peers.known import best_known

ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.1
_MOST_WARM_UPS = 6


@dataclass(frozen=True, slots=True)
class Terms:
    """What is equal for all engines.

    Attributes
    ----------
    limit
        Wall seconds an engine is told.
    grace
        Seconds beyond the limit after which the process is killed without a result.
    setup
        Seconds for importing, warming up and making the engine's own data; then killed.
    warm_up
        Time limit of the warm-up solve.
    memory
        MiB of resident memory at which the process is killed.
    """

    limit: float
    threads: int
    seed: int
    grace: float = 10.0
    setup: float = 600.0
    warm_up: float = 2.0
    memory: float = float("inf")


@dataclass(frozen=True, slots=True)
class Job:
    """One run to make."""

    set_name: str
    instance: Instance
    engine: str
    terms: Terms

    def row(self) -> Row:
        """The fields that identify the run."""
        return {
            "set": self.set_name,
            "instance": self.instance.name,
            "engine": self.engine,
            "limit": self.terms.limit,
            "threads": self.terms.threads,
            "seed": self.terms.seed,
            "kind": self.instance.kind,
        }


def plan(
    chosen: Iterable[tuple[str, Instance]],
    names: list[str],
    terms: Iterable[Terms],
    done: set[journal.Key],
) -> Iterator[Job]:
    """Runs still to make, engine after engine on an instance, each going first in turn."""
    chosen = list(chosen)
    turn = 0
    for each in terms:
        for set_name, instance in chosen:
            for place in range(len(names)):
                name = names[(place + turn) % len(names)]
                job = Job(set_name, instance, name, each)
                if engines.takes(name, instance.kind) and journal.key(job.row()) not in done:
                    yield job
            turn += 1


def run(jobs: list[Job], path: Path, *, at_once: int, report: Callable[[Row], None]) -> bool:
    """Make the runs and record each as it ends; False if Ctrl-C ended it early."""
    stop = threading.Event()

    def make(job: Job) -> None:
        if stop.is_set():
            return
        row = {**job.row(), "load": round(os.getloadavg()[0], 2), "jobs": at_once}
        outcome = measure(
            {
                "warm_up": job.terms.warm_up,
                **{k: row[k] for k in ("set", "instance", "engine", "kind")},
                **{k: row[k] for k in ("limit", "threads", "seed")},
            },
            job.terms,
            stop,
        )
        if stop.is_set():
            return
        known = best_known(job.instance)
        row |= {
            **outcome,
            "best_known": known and known.row(),
            **journal.circumstances(engines.packages(job.engine)),
        }
        journal.append(path, row)
        report(row)

    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(make, job) for job in jobs]
        try:
            wait(running)
        except KeyboardInterrupt:
            stop.set()
            for future in running:
                future.cancel()
    for future in running:
        if future.done() and not future.cancelled():
            future.result()
    return not stop.is_set()


def warm_caches(jobs: list[Job], seconds: float) -> list[str]:
    """Try every engine on a small instance of each kind; says which fail, and how.

    What the engines of makespan compile is compiled here, so that no run waits for it. A process
    whose time went into compiling may not reach every kernel; hence it is repeated until nothing
    new is compiled.
    """
    failures = []
    for engine, kind in sorted({(j.engine, j.instance.kind) for j in jobs}):
        request = {"engine": engine, "kind": kind, "warm_up": seconds}
        for _ in range(_MOST_WARM_UPS):
            before = _compiled()
            failed = measure(request, Terms(limit=0, threads=1, seed=0), threading.Event())
            if failed:
                failures.append(f"{engine} fails on a small {kind}: {failed['message']}")
            if failed or not engines.ours(engine) or _compiled() == before:
                break
    return failures


def _compiled() -> int:
    """Number of compiled kernels in numba's cache."""
    place = os.environ.get("NUMBA_CACHE_DIR") or ROOT / "src"
    return sum(1 for _ in Path(place).rglob("*.nbc"))


def measure(request: Row, terms: Terms, stop: threading.Event) -> Row:
    """What one process found; killed processes and errors are outcomes too."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as noise:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            cwd=ROOT,
            text=True,
            start_new_session=True,  # Ctrl-C is for this process, which ends the other
        )
        messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        listener = threading.Thread(target=_listen, args=(process, messages), daemon=True)
        listener.start()
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # if it died at once, stderr tells why
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.close()
            return _follow(process, messages, terms, stop, noise)
        finally:
            _end(process)
            listener.join()
            for pipe in (process.stdin, process.stdout):
                with suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()


def _follow(
    process: subprocess.Popen[str],
    messages: queue.SimpleQueue[dict[str, Any] | None],
    terms: Terms,
    stop: threading.Event,
    noise: Any,
) -> Row:
    stage, deadline, peak = "setup", time.monotonic() + terms.setup, 0.0
    while True:
        try:
            message = messages.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            used = _resident(process.pid)
            peak = max(peak, used)
            if used > terms.memory:
                return _lost("memory", stage, peak, f"more than {terms.memory:.0f} MiB")
            if time.monotonic() > deadline:
                return _lost("killed", stage, peak, f"{stage} took too long")
            if stop.is_set():
                return _lost("stopped", stage, peak, "")
            continue
        if message is None:
            noise.seek(0)
            words = noise.read().strip().splitlines()[-1:] or [f"exit {process.wait()}"]
            return _lost("error", stage, peak, words[0])
        event = message.pop("event")
        if event == "ready":
            stage, deadline = "solving", time.monotonic() + terms.limit + terms.grace
        elif event == "solved":
            stage, deadline = "checking", time.monotonic() + terms.setup
        else:
            return message


def _lost(status: str, stage: str, peak: float, message: str) -> Row:
    """A run without a result."""
    return {
        "status": status,
        "stage": stage,
        "objective": None,
        "bound": None,
        "proven": False,
        "seconds": None,
        "memory": peak or None,
        "history": [],
        "message": message,
    }


def _listen(
    process: subprocess.Popen[str], messages: queue.SimpleQueue[dict[str, Any] | None]
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        messages.put(json.loads(line))
    messages.put(None)


def _resident(pid: int) -> float:
    """MiB a process holds now, 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    except (OSError, IndexError):
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the process and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
