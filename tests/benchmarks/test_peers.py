"""The peers' models state the same problem: their schedules verify, their bounds hold."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from benchmarks.peers import engines, runner
from benchmarks.peers.classic import is_job_shop, require_classic
from benchmarks.peers.instances import SHOP, Instance
from benchmarks.peers.worker import TINY, checked

from makespan.core.problem import Problem
from makespan.generators import (
    named_instance,
    random_due_date_job_shop,
    random_flexible_job_shop,
    random_job_shop,
    random_open_shop,
    random_rcpsp,
    random_setup_job_shop,
    random_single_machine,
    taillard_flow_shop,
)

SMALL = {
    "job shop": lambda: random_job_shop(4, 3, seed=1),
    "flexible job shop": lambda: random_flexible_job_shop(4, 3, seed=2),
    "project": lambda: random_rcpsp(9, seed=3),
    "flow shop": lambda: taillard_flow_shop(5, 3, time_seed=4),
    "open shop": lambda: random_open_shop(3, 3, seed=5),
    "due dates": lambda: random_due_date_job_shop(4, 3, seed=6, tightness=1.0, latest_release=40),
    "single machine": lambda: random_single_machine(6, seed=7),
}


def _solve(engine: str, problem: Problem, limit: float = 30.0) -> dict[str, object]:
    pytest.importorskip("pyjobshop", reason="the extra 'bench' is not installed")
    if engine.startswith("job-shop-lib"):
        pytest.importorskip("job_shop_lib", reason="job-shop-lib is not installed")
    began = time.perf_counter()
    answer = engines.prepare(engine, problem)(limit, 1, 0, lambda: time.perf_counter() - began)
    values = [value for _, value in answer.history]
    assert values == sorted(values, reverse=True)
    found = checked(problem, answer.schedule, answer.bound)
    assert found["status"] == "schedule", found
    if values:
        assert values[-1] == found["objective"]
    return found


@pytest.mark.parametrize("kind", SMALL)
def test_exact_engines_prove_the_same_optimum(kind: str) -> None:
    """A term that one model left out would lower its value or break the schedule."""
    problem = SMALL[kind]()
    found = [_solve(engine, problem) for engine in ("cpsat", "pyjobshop", "bare-cpsat")]
    assert all(f["proven"] for f in found), found
    assert len({f["objective"] for f in found}) == 1, found


def test_job_shop_lib_solves_job_shops() -> None:
    """Its exact solver proves ft06, its heuristics come to valid schedules."""
    problem = named_instance("ft06")
    assert _solve("job-shop-lib", problem)["objective"] == 55
    assert _solve("job-shop-lib-rules", problem)["objective"] == 59
    assert 55 <= int(str(_solve("job-shop-lib-annealing", problem, 0.2)["objective"])) <= 70


def test_what_a_model_leaves_out_is_refused() -> None:
    """A peer is never credited with an easier problem."""
    with pytest.raises(ValueError, match="setup times"):
        require_classic(random_setup_job_shop(3, 3, seed=1))
    problem = named_instance("ft06")
    late = replace(problem.jobs, deadline=problem.jobs.release + 100)
    with pytest.raises(ValueError, match="deadlines of jobs"):
        require_classic(replace(problem, jobs=late))


def test_job_shops_are_told_from_other_shops() -> None:
    """One mode per task, on one machine, in chains."""
    assert is_job_shop(SMALL["job shop"]())
    assert not is_job_shop(SMALL["flexible job shop"]())
    assert not is_job_shop(SMALL["open shop"]())
    assert not is_job_shop(SMALL["project"]())


def test_a_schedule_that_breaks_a_constraint_does_not_count() -> None:
    """Whatever the engine says of it."""
    problem = named_instance("ft06")
    schedule = engines.prepare("dispatch", problem)(0.2, 1, 0, lambda: 0.0).schedule
    assert schedule is not None
    broken = replace(schedule, start=schedule.start * 0, end=schedule.end - schedule.start)
    found = checked(problem, broken, 10)
    assert (found["status"], found["objective"], found["proven"]) == ("invalid", None, False)
    assert checked(problem, None, 10)["status"] == "none"


def test_every_kind_has_a_small_instance_to_warm_up_with() -> None:
    """The peers can express them all."""
    for make in TINY.values():
        require_classic(make())


REQUEST = {
    "set": "ta",
    "instance": "ta01",
    "engine": "bare-cpsat",
    "kind": SHOP,
    "limit": 0.3,
    "threads": 1,
    "seed": 0,
    "warm_up": 0.05,
}


def test_a_run_in_a_process_of_its_own_is_measured() -> None:
    """Time, memory, value and bound come back; the limit is kept."""
    terms = runner.Terms(limit=0.3, threads=1, seed=0)
    found = runner.measure(dict(REQUEST), terms, threading.Event())
    assert found["status"] in {"schedule", "none"}, found
    assert found["tasks"] == 225
    assert found["memory"] >= found["memory_before"] > 10
    assert found["bound"] >= 0


def test_a_process_that_takes_too_long_is_killed() -> None:
    """It counts as a run without a schedule."""
    terms = runner.Terms(limit=0.3, threads=1, seed=0, setup=0.0)
    found = runner.measure(dict(REQUEST), terms, threading.Event())
    assert (found["status"], found["stage"], found["objective"]) == ("killed", "setup", None)


def test_a_process_that_needs_too_much_memory_is_killed() -> None:
    """The limit is on what it holds at a time."""
    terms = runner.Terms(limit=0.3, threads=1, seed=0, memory=1.0)
    found = runner.measure(dict(REQUEST), terms, threading.Event())
    assert found["status"] == "memory"


def test_an_error_in_the_process_is_recorded_with_its_last_words() -> None:
    """One failing engine does not end a campaign."""
    terms = runner.Terms(limit=0.3, threads=1, seed=0)
    found = runner.measure({**REQUEST, "instance": "ta99"}, terms, threading.Event())
    assert found["status"] == "error"
    assert "ta99" in found["message"]


def test_an_engine_that_does_not_work_is_told_before_the_campaign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hours of recorded errors help nobody."""
    shop = Instance("s", SHOP, lambda: named_instance("ft06"))
    terms = runner.Terms(limit=1.0, threads=1, seed=0)
    outcomes = {"bare-cpsat": {}, "pyjobshop": {"message": "no module"}}
    monkeypatch.setattr(runner, "measure", lambda request, *_: outcomes[request["engine"]])
    jobs = [runner.Job("some", shop, engine, terms) for engine in outcomes]
    assert runner.warm_caches(jobs, 0.1) == ["pyjobshop fails on a small job shop: no module"]


def test_a_wish_to_stop_ends_the_run_at_once() -> None:
    """Nothing is recorded of it."""
    stop = threading.Event()
    stop.set()
    terms = runner.Terms(limit=0.3, threads=1, seed=0)
    assert runner.measure(dict(REQUEST), terms, stop)["status"] == "stopped"
