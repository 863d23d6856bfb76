"""Sweeps in this process and in others: every case once, whatever dies; files to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import FormatError, MakespanError, OptionError
from makespan.serving.scenario import Scenario, base_load, prepare
from makespan.serving.study import compare
from makespan.serving.sweep import CaseResult, axis, grid, groups, read_results, sweep
from makespan.serving.sweep.results import ResultFile

SMALL = Scenario(requests=40, blocks=1500, load=1.0)


def cases(seeds: int = 2) -> list[Any]:
    """Four combinations over some seeds."""
    return grid(SMALL, [axis("load=0.5,1"), axis("policy=fcfs,conservative")], seeds=seeds)


def plain(results: list[CaseResult]) -> list[Any]:
    """What does not depend on where and when a case ran."""
    return sorted((r.varied, r.seed, dict(r.figures), r.error) for r in results)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("gpu=A100,A100+L40S", ("gpu", ("A100", "A100,L40S"))),
        ("rate=1,2.5", ("rate", (1.0, 2.5))),
        ("max-num-seqs=8,8", ("max_num_seqs", (8,))),
        ("policy=fcfs, edf", ("policy", ("fcfs", "edf"))),
        ("prefix_caching=on,off", ("prefix_caching", (True, False))),
    ],
)
def test_axes_in_words(text: str, read: Any) -> None:
    """Values have the type of the axis, each once."""
    assert axis(text) == read


@given(st.text(alphabet="ratelodpicy=,.0123456789-xnif", max_size=14))
def test_other_words_are_refused(text: str) -> None:
    """With an OptionError, whatever they are."""
    try:
        name, values = axis(text)
    except OptionError:
        return
    assert values
    assert name


def test_a_grid_begins_with_the_whole_of_its_first_seed() -> None:
    """All combinations once per seed; a rate that varies replaces a load that does not."""
    made = cases()
    assert [c.scenario.seed for c in made] == [0] * 4 + [1] * 4
    assert len({c.key("") for c in made}) == 8
    by_rate = grid(SMALL, [axis("rate=2")])
    assert (by_rate[0].scenario.rate, by_rate[0].scenario.load) == (2.0, None)
    with pytest.raises(OptionError, match="say the same"):
        grid(SMALL, [axis("rate=2"), axis("load=1")])
    with pytest.raises(OptionError, match="given twice"):
        grid(SMALL, [axis("rate=2"), axis("rate=1")])


def test_a_case_is_what_the_study_would_be() -> None:
    """Same goodput as compare() of the same scenario."""
    (case,) = grid(SMALL, [axis("policy=conservative")])
    (result,) = sweep([case])
    setup = prepare(case.scenario)
    (arm,) = compare(setup.workload, ["conservative"], setup.engines, setup.costs)
    assert result.figures["goodput"] == arm.summary.goodput
    assert result.figures["ttft_p99"] == arm.summary.latencies["TTFT"].p99
    assert result.calibration == setup.calibration
    assert case.key("") != case.key("x")


def test_processes_give_the_same_and_files_spare_the_work(tmp_path: Path) -> None:
    """Two processes; a second sweep over more takes what is there."""
    path = tmp_path / "results.jsonl"
    first = list(sweep(cases(1), results=path, workers=2))
    assert plain(first) == plain(list(sweep(cases(1))))
    assert {r.key for r in first} == set(read_results(path))
    again = list(sweep(cases(2), results=path))
    assert [r.reused for r in again] == [True] * 4 + [False] * 4
    assert len(path.read_text().splitlines()) == 8
    assert all(r.reused for r in sweep(cases(2), results=path))


def test_a_sweep_cut_short_goes_on(tmp_path: Path) -> None:
    """What had ended is in the file, and a torn line is cut off and computed again."""
    path = tmp_path / "results.jsonl"
    running = sweep(cases(), results=path)
    kept = [next(running) for _ in range(3)]
    running.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    rest = list(sweep(cases(), results=path))
    assert [r.reused for r in rest].count(True) == 2
    assert plain(rest)[0] == plain(kept)[0] or len(rest) == 8
    assert len(read_results(path)) == 8
    assert path.read_bytes().endswith(b"\n")


def test_a_trace_is_shared_by_all_cases() -> None:
    """Given as a workload, it is part of what a case is known by."""
    load = base_load(Scenario(requests=30))
    given_load = list(sweep(cases(1), workload=load))
    own = list(sweep(cases(1)))
    assert {r.key for r in given_load}.isdisjoint({r.key for r in own})
    with pytest.raises(OptionError, match="reads no trace"):
        list(sweep(grid(Scenario(trace="x.csv"), [axis("rate=1")])))


def test_what_fits_nowhere_is_a_result() -> None:
    """The others go on; the group says why."""
    made = grid(SMALL, [axis("blocks=1,1500")])
    found = groups(sweep(made))
    assert [bool(g.errors) for g in found] == [True, False]
    assert "fits into 1 blocks" in found[0].errors[0]
    assert found[0].figures == {}


def test_unknown_names_are_refused_at_once() -> None:
    """Before any work, and before the file is touched."""
    for axes in (["policy=lifo"], ["router=dice"]):
        with pytest.raises(OptionError, match="no (policy|router)"):
            next(iter(sweep(grid(SMALL, [axis(a) for a in axes]))))
    with pytest.raises(OptionError, match="workers"):
        next(iter(sweep(cases(), workers=0)))


def test_groups_have_the_mean_and_the_spread_of_their_seeds() -> None:
    """By hand, over seeds in any order, without those that lack the figure."""
    rows = [
        CaseResult("a", (("rate", 1.0),), 1, {"goodput": 4.0, "ttft_p99": None}),
        CaseResult("b", (("rate", 2.0),), 0, {"goodput": 9.0}),
        CaseResult("c", (("rate", 1.0),), 0, {"goodput": 2.0, "ttft_p99": 5.0}),
    ]
    first, second = groups(rows)
    assert first.seeds == (0, 1)
    good = first.figures["goodput"]
    assert (good.count, good.mean, good.least, good.most) == (2, 3.0, 2.0, 4.0)
    assert good.deviation == pytest.approx(np.sqrt(2))
    assert first.figures["ttft_p99"].count == 1
    assert second.figures["goodput"].deviation == 0.0


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Any damage to a valid file: results or a FormatError, and nothing else."""
    path = tmp_path_factory.mktemp("damage") / "results.jsonl"
    rows = [CaseResult(k, (("rate", 1.5),), 3, {"goodput": 1.0, "x": None}) for k in "ab"]
    text = bytearray("".join(r.to_line() for r in rows).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        new = data.draw(st.sampled_from([b"", b"\n", b'"', b"1e999", b"{", b"\xff", b"null", b"-"]))
        text[place : place + data.draw(st.integers(0, 9))] = new
        if not text:
            break
    path.write_bytes(bytes(text))
    try:
        found = read_results(path)
    except FormatError:
        return
    for result in found.values():
        groups([result])
        assert result.reused


def test_results_survive_the_way_to_disk_and_back(tmp_path: Path) -> None:
    """All but that they were read."""
    row = CaseResult(
        "k", (("policy", "edf"), ("prefix_caching", True)), 1, {"a": 0.1}, "", "c", "n", 2.5, 3
    )
    with ResultFile(tmp_path / "r.jsonl") as file:
        file.add(row)
    (back,) = read_results(tmp_path / "r.jsonl").values()
    assert back.to_line() == row.to_line()
    assert issubclass(FormatError, MakespanError)
