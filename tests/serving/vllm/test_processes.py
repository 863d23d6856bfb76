"""Processes of engines: killed, stopped, interrupted, and never left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from makespan.core.errors import EngineError
from makespan.serving.policy import FleetView, RoundRobin, Router, Scaling
from makespan.serving.settings import Elastic
from makespan.serving.vllm import messages as say
from makespan.serving.vllm import processes
from makespan.serving.vllm.fleet_run import Serving
from makespan.serving.vllm.handover import Handing
from makespan.serving.vllm.processes import EngineLostError, Processes
from makespan.serving.vllm.staffing import Change
from makespan.serving.vllm.worker import Setup
from tests.serving.vllm.test_fleet import MS, load, plain
from tests.serving.vllm.toy_process import LIMITS, setups, stubborn, work

ROOT = Path(__file__).parents[3]
LONG = ((0, 10, 300), (0, 12, 300), (0, 9, 200), (0, 30, 100))


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked about has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(what: object, seconds: float = 15.0) -> None:
    """Until something is so."""
    patience = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < patience
        time.sleep(0.02)


@pytest.fixture(scope="module")
def everybody() -> Iterator[Processes]:
    """Three engines for all tests."""
    found = Processes(setups(3), work)
    try:
        yield found
    finally:
        pids = [process.pid for process in found.processes.values()]
        found.close()
        assert all(map(gone, pids))


@pytest.fixture
def crew(everybody: Processes) -> Processes:
    """Two engines that are on, and a third."""
    missing = [k for k in range(2) if k not in everybody.ends]
    for k in missing:
        everybody.start(k)
    everybody.await_ready(missing)
    assert 2 not in everybody.ends
    return everybody


class FirstOpen(Router):
    """Sends to the first that is open, and does something once."""

    poll = 5 * MS

    def __init__(self, act: object) -> None:
        self.act = act
        self.done = False

    def route(self, request: int, fleet: FleetView) -> int:
        """The first."""
        return fleet.open[0]

    def scale(self, fleet: FleetView) -> Scaling | None:
        """Act once everybody decodes."""
        if not self.done and all(fleet.engines[0].generated(r) > 3 for r in range(4)):
            self.done = True
            return self.act()  # type: ignore[operator]
        return None


def test_requests_of_a_killed_process_are_served_by_another(crew: Processes) -> None:
    """The words are whole, the signal is told, and the next run may have it again."""
    work_load = load(*LONG)
    router = FirstOpen(lambda: os.kill(crew.processes[0].pid, signal.SIGKILL))
    run = Serving(work_load, crew, router, Handing()).run(60.0)
    assert run.answers == plain(work_load)
    assert run.record.finished.all()
    [change] = run.changes
    assert change.change is Change.LOST
    assert str(change) == "engine 0 is dead: was killed by SIGKILL; it had 4 requests"
    assert 0 not in crew.ends


def test_stopped_process_is_taken_for_dead(crew: Processes) -> None:
    """A process that does not run says nothing; it is killed and its requests go elsewhere."""
    work_load = load(*LONG)
    router = FirstOpen(lambda: os.kill(crew.processes[0].pid, signal.SIGSTOP))
    run = Serving(work_load, crew, router, Handing(), silence=1.0).run(60.0)
    assert run.answers == plain(work_load)
    assert "has said nothing for 1 s" in str(run.changes[0])
    assert gone(crew.processes[0].pid)


def test_process_that_is_dismissed_ends_and_can_be_started_again(crew: Processes) -> None:
    """It is gone, and another takes its place and serves."""
    first = crew.processes[1].pid
    crew.dismiss(1)
    assert 1 not in crew.ready
    wait_for(lambda: crew.gone(1))
    assert gone(first)
    crew.start(1)
    crew.await_ready([1])
    assert crew.processes[1].pid != first
    work_load = load((0, 10, 5), (0, 9, 5))
    run = Serving(work_load, crew, RoundRobin(), Handing()).run(60.0)
    assert run.answers == plain(work_load)
    assert run.record.instance.tolist() == [0, 1]


def test_starts_that_fail_are_told() -> None:
    """At the beginning each is an error, in a run none is."""
    bad = [Setup(Path(name), LIMITS) for name in ("toy-fails", "toy-dies")]
    whys = "there is no such model", "ended with exit code 3"
    crew = Processes([*setups(1), *bad], work)
    try:
        for k in range(3):
            crew.start(k)
        crew.await_ready([0])
        for k, why in enumerate(whys, 1):
            with pytest.raises(EngineError, match=f"engine {k}:? {why}"):
                crew.await_ready([k])
            crew.bury(k)
        router = Router()
        router.poll = 5 * MS
        router.scale = lambda fleet: Scaling(start=2)  # type: ignore[method-assign]
        work_load = load((0, 5, 1000), (1000 * MS, 5, 3))
        run = Serving(work_load, crew, router, Handing(), None, Elastic(initial=1)).run(60.0)
        assert run.answers == plain(work_load)
        failed = sorted(str(one) for one in run.changes if one.change is Change.FAILED)
        told = [f"engine {k} could not be started: {why}" for k, why in enumerate(whys, 1)]
        # On a busy machine the run may be over before they have come so far.
        assert set(failed) <= set(told)
        assert [one.change for one in run.changes[:2]] == [Change.STARTED] * 2
        assert len(run.changes) == 2 + len(failed)
    finally:
        crew.close()


def test_load_that_never_ends_is_given_up() -> None:
    """The message names the engine and the time."""
    crew = Processes([Setup(Path("toy-loads"), LIMITS)], work)
    try:
        crew.start(0)
        with pytest.raises(EngineError, match=r"engine 0 has not loaded within 0\.2 s"):
            crew.await_ready([0], 0.2)
    finally:
        crew.close()
    assert gone(crew.processes[0].pid)


def test_who_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it should end, and when its pipe is full."""
    monkeypatch.setattr(processes, "GOODBYE", 0.2)
    monkeypatch.setattr(processes, "_SEND_LIMIT", 1)
    crew = Processes(setups(2), stubborn)
    try:
        for k in range(2):
            crew.start(k)
        crew.await_ready(range(2))
        while crew.processes[1].is_alive():
            crew.say(1, say.Warm(0, [0] * 100_000, 0, 0))
        with pytest.raises(EngineLostError, match="engine 1 was killed by SIGKILL"):
            crew.hear(1)
    finally:
        crew.close()
    assert all(gone(process.pid) for process in crew.processes.values())


def test_no_process_is_left_behind() -> None:
    """Whether Ctrl-C is pressed, the parent raises or is killed."""
    with contextlib.ExitStack() as stack:
        parents = {
            end: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.serving.vllm.toy_process", end],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=ROOT,
                    text=True,
                    start_new_session=True,
                )
            )
            for end in ("SIGINT", "SIGTERM", "SIGKILL", "exception")
        }
        engines: list[int] = []
        for parent in parents.values():
            stack.callback(parent.kill)
            assert parent.stdout is not None
            pids = [int(word) for word in parent.stdout.readline().split()]
            assert len(pids) == 2
            engines += pids
        time.sleep(0.2)  # amid the run
        # As a terminal does it: to all of the group.
        os.killpg(parents["SIGINT"].pid, signal.SIGINT)
        parents["SIGTERM"].terminate()
        parents["SIGKILL"].kill()
        for parent in parents.values():
            assert parent.wait(30) != 0
        wait_for(lambda: all(map(gone, engines)))
