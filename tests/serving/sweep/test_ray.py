"""A sweep on a real Ray cluster of several nodes on this machine, one of which is killed."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from makespan.core.errors import EngineError, MissingDependencyError
from makespan.serving.scenario import Scenario, base_load
from makespan.serving.sweep import CaseResult, axis, grid, read_results, sweep

pytest.importorskip("ray", reason="Ray is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    # Ray leaves sockets and files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def test_a_sweep_loses_no_case_when_a_node_dies(ray_cluster: Any, tmp_path: Path) -> None:
    """Every case once, as in this process; what ran on the dead node runs again elsewhere."""
    ray_cluster.add_node(num_cpus=1)
    doomed = ray_cluster.add_node(num_cpus=1)
    # A case takes seconds, so that the node is at work on another when it is killed.
    base = Scenario(requests=40_000, blocks=3000, load=1.1)
    load = base_load(base)
    cases = grid(base, [axis("policy=fcfs,conservative")], seeds=4)
    path = tmp_path / "results.jsonl"
    found: list[CaseResult] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.extend(sweep(cases, workload=load, results=path, ray=True))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 120

    def at_work() -> bool:
        known = read_results(path).values() if path.exists() else ()
        return any(r.node == doomed.node_id for r in known)

    # Once it has given a result it is busy with the next.
    while not at_work() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)  # for the next case to be there, long before it can have ended
    before = len(read_results(path))
    ray_cluster.remove_node(doomed, allow_graceful=False)
    thread.join()
    assert errors == []
    assert 0 < before < len(cases), "the node died in the middle"
    assert sorted((r.varied, r.seed) for r in found) == sorted(
        (c.varied, c.scenario.seed) for c in cases
    )
    assert {key: dict(r.figures) for key, r in read_results(path).items()} == {
        r.key: dict(r.figures) for r in found
    }
    (here,) = sweep(cases[:1], workload=load)
    (there,) = (r for r in found if r.key == here.key)
    assert there.figures == here.figures
    assert all(r.node for r in found)
    assert max(r.attempts for r in found) > 1, "a case was lost with its node and ran again"


def test_what_ray_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing answers, and where it is not installed."""
    cases = grid(Scenario(requests=5), [axis("load=1")])
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(EngineError, match="no Ray cluster answers at 'nowhere'"):
        list(sweep(cases, ray=True, address="nowhere"))
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="not installed"):
        list(sweep(cases, ray=True))
