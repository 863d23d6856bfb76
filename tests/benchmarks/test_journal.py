"""Recorded runs are kept, found again and not repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.peers import journal, runner
from benchmarks.peers.instances import PROJECT, SHOP, Instance

from makespan.generators import named_instance, random_rcpsp
from tests.benchmarks.rows import run

ROOT = Path(__file__).parents[2]


def test_a_repeated_run_replaces_the_first(tmp_path: Path) -> None:
    """The last line of a run counts."""
    path = tmp_path / "new" / "runs.jsonl"
    for value in (12, 10):
        journal.append(path, run("makespan", "a", value))
    journal.append(path, run("makespan", "b", 7))
    assert [r["objective"] for r in journal.load(path)] == [10, 7]


def test_a_line_cut_off_by_a_crash_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is appended after it stands on a line of its own."""
    path = tmp_path / "runs.jsonl"
    whole = json.dumps(run("makespan", "a", 10))
    path.write_text(whole + "\n" + whole[:40], encoding="utf-8")
    journal.append(path, run("makespan", "b", 7))
    assert [r["instance"] for r in journal.load(path)] == ["a", "b"]
    assert "runs.jsonl:2" in capsys.readouterr().err


def test_no_file_means_no_runs(tmp_path: Path) -> None:
    """The first call of a campaign finds nothing."""
    assert journal.load(tmp_path / "absent.jsonl") == []


def _plan(done: set[journal.Key], names: list[str]) -> list[tuple[str, str]]:
    shop = Instance("s", SHOP, lambda: named_instance("ft06"))
    project = Instance("p", PROJECT, lambda: random_rcpsp(10, seed=1))
    terms = [runner.Terms(limit=10.0, threads=2, seed=0)]
    jobs = runner.plan([("some", shop), ("some", project)], names, terms, done)
    return [(j.instance.name, j.engine) for j in jobs]


def test_engines_take_turns_in_going_first() -> None:
    """The engine that leads on one instance is last on the next."""
    assert _plan(set(), ["makespan", "pyjobshop"]) == [
        ("s", "makespan"),
        ("s", "pyjobshop"),
        ("p", "pyjobshop"),
        ("p", "makespan"),
    ]


def test_recorded_runs_are_not_made_again() -> None:
    """Other threads, limits or engines are other runs."""
    done = {journal.key(run("makespan", "s", 5)), journal.key(run("makespan", "p", 5, threads=1))}
    assert _plan(done, ["makespan", "pyjobshop"]) == [
        ("s", "pyjobshop"),
        ("p", "pyjobshop"),
        ("p", "makespan"),
    ]


def test_runs_that_failed_are_made_again() -> None:
    """A run without a schedule in time is a result, an error is not."""
    rows = [run("makespan", "s", None), run("makespan", "p", None, status="error")]
    rows.append(run("pyjobshop", "p", None, status="killed"))
    assert _plan(journal.done(rows), ["makespan", "pyjobshop"]) == [
        ("s", "pyjobshop"),
        ("p", "makespan"),
    ]


def test_an_engine_is_not_asked_for_what_it_cannot_express() -> None:
    """job-shop-lib has no projects."""
    assert _plan(set(), ["job-shop-lib"]) == [("s", "job-shop-lib")]


def test_published_records_are_readable_and_free_of_contradictions() -> None:
    """Every line of every file in the folder is a run with the fields the page needs."""
    from benchmarks.peers.scores import contradictions

    files = sorted((ROOT / "benchmarks" / "peers" / "records").glob("*.jsonl"))
    assert files
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len(journal.load(file)) == len(lines), file
        assert contradictions(journal.load(file)) == [], file
