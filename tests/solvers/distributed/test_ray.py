"""Solves and sweeps on a real Ray cluster of several nodes on this machine."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from makespan.core.errors import EngineError, MissingDependencyError, OptionError
from makespan.core.result import Result
from makespan.core.verify import verify
from makespan.core.vocabulary import Status
from makespan.generators import named_instance, random_job_shop
from makespan.solvers.distributed import RayOptions, RaySolver, Run, RunResult, sweep
from makespan.solvers.solving import solve

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


def in_thread(work: Any) -> tuple[threading.Thread, list[Any]]:
    """A thread that does the work, and where its outcome will be."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def test_a_solve_survives_the_death_of_a_node(ray_cluster: Any) -> None:
    """What the dead node found is kept, its work goes on elsewhere, a new node gets work."""
    ray_cluster.add_node(num_cpus=1)
    doomed = ray_cluster.add_node(num_cpus=1)
    problem = random_job_shop(20, 15, seed=5)
    best: list[tuple[float, int]] = []
    thread, outcome = in_thread(
        lambda: solve(
            problem,
            engine=RaySolver(),
            time_limit=40,
            on_progress=lambda p: best.append((p.seconds, p.objective or 0)),
        )
    )
    deadline = time.monotonic() + 30
    while len([b for b in best if b[1]]) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    known = min(value for _, value in best if value)
    ray_cluster.remove_node(doomed, allow_graceful=False)
    ray_cluster.add_node(num_cpus=1)
    thread.join()
    result: Result = outcome[0]
    assert isinstance(result, Result), result
    assert result.objective is not None
    assert result.objective <= known
    assert verify(problem, result.schedule) == []
    assert "lost and replaced" in result.message
    finders = {p.engine.rpartition("@")[2] for p in result.history if "@" in p.engine}
    assert finders


def test_a_proof_on_any_node_ends_the_solve(ray_cluster: Any) -> None:
    """The bound travels like the schedule; the result is OPTIMAL long before the limit."""
    for _ in range(2):
        ray_cluster.add_node(num_cpus=1)
    result = solve(named_instance("ft06"), engine=RaySolver(RayOptions(workers=2)), time_limit=200)
    assert (result.status, result.objective) == (Status.OPTIMAL, 55)
    assert result.seconds < 150


def test_a_sweep_loses_no_run_when_a_node_dies(ray_cluster: Any) -> None:
    """Every run is reported exactly once; those of the dead node ran again."""
    ray_cluster.add_node(num_cpus=1)
    doomed = ray_cluster.add_node(num_cpus=1)
    problems = {"a": random_job_shop(6, 4, seed=1), "b": random_job_shop(5, 5, seed=2)}
    runs = [
        Run(key, engine="cpsat", seed=seed, time_limit=3.0) for key in problems for seed in range(4)
    ]
    found: list[RunResult] = []
    thread, outcome = in_thread(lambda: found.extend(sweep(problems, runs)))
    deadline = time.monotonic() + 60
    while not found and time.monotonic() < deadline:
        time.sleep(0.1)
    ray_cluster.remove_node(doomed, allow_graceful=False)
    thread.join()
    assert outcome == [None]
    assert sorted(map(repr, runs)) == sorted(repr(f.run) for f in found)
    assert all(f.result is not None and f.result.schedule is not None for f in found)
    for key in problems:
        proven = {f.result.objective for f in found if f.run.problem == key}
        assert len(proven) == 1


def test_errors_of_the_work_are_not_taken_for_deaths(ray_cluster: Any) -> None:
    """An engine that fails is reported with its message; a missing problem is refused at once."""
    ray_cluster.add_node(num_cpus=1)
    problem = random_job_shop(3, 3, seed=1)
    (failed,) = sweep({"a": problem}, [Run("a", engine="none such")])
    assert failed.result is None
    assert "unknown engine" in failed.error
    with pytest.raises(OptionError, match="no problem 'b'"):
        list(sweep({"a": problem}, [Run("b")]))


def test_options_out_of_range() -> None:
    """They are refused where they are made."""
    with pytest.raises(OptionError, match="threads"):
        RayOptions(threads=0)
    with pytest.raises(OptionError, match="workers"):
        RayOptions(workers=0)


def test_without_ray_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="not installed"):
        solve(random_job_shop(2, 2, seed=1), engine="ray", time_limit=1)


def test_an_address_where_nothing_answers_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is named, and how to start a cluster."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(EngineError, match="no Ray cluster answers at 'nowhere'"):
        solve(random_job_shop(2, 2, seed=1), engine=RaySolver(RayOptions(address="nowhere")))
