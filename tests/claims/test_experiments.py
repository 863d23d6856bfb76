"""The experiments run, judge as they say they do, and admit what they cannot confirm."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from makespan.claims import (
    Conditions,
    Verdict,
    blocking_job_shop,
    cpsat_adapter,
    registry,
    reproduce,
    taillard_generator,
)
from makespan.claims.priority_rules import kendall_tau
from makespan.claims.running import conditions, data_folder, describe_machine, experiment_of
from makespan.core.errors import MissingDependencyError
from makespan.core.registry import Claim
from makespan.core.result import Result
from makespan.core.vocabulary import Status

QUICK = Conditions(quick=True, threads=2)
CLAIMS = [claim for system in registry() for claim in system.claims]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.system}.{claim.slug}")
def test_without_the_collections_every_claim_is_answered(claim: Claim) -> None:
    """Measured on built-in instances, or honestly unconfirmed with the variable to set."""
    begun = time.process_time()
    result = reproduce(claim, QUICK)
    assert result.scope == "quick"
    # Of the processor: how long it takes depends on who else uses it.
    assert time.process_time() - begun < 90
    if result.verdict is Verdict.UNCONFIRMED:
        # What is missing is named: the collections, or a real engine with its model.
        assert any(name in result.explanation for name in ("MAKESPAN_DATA", "MAKESPAN_MODEL"))
        assert not result.measured
    else:
        assert result.measured
        contradictions = result.measured.get("contradicting a published optimum")
        if contradictions is not None:
            # How much is proven in seconds depends on the machine; what is proven does not.
            assert contradictions.value == 0
        else:
            assert result.verdict is not Verdict.NOT


@pytest.mark.data
@pytest.mark.parametrize(
    "claim",
    [claim for claim in CLAIMS if claim.slug in ("published-seeds", "sampling-improves")],
    ids=lambda claim: claim.slug,
)
def test_with_the_collections_a_quick_sample_is_measured(claim: Claim, data_dir: Path) -> None:
    """The files are found and compared."""
    result = reproduce(claim, replace(QUICK, data=data_dir))
    assert result.verdict in (Verdict.REPRODUCED, Verdict.PARTLY)
    assert result.command.startswith("MAKESPAN_DATA=<data> ")


def test_a_result_says_under_what_circumstances_it_was_measured() -> None:
    """Machine, versions, date, seeds and the command that repeats it."""
    claim = taillard_generator.SYSTEM.claims[0]
    result = reproduce(claim, QUICK)
    assert result.machine.startswith(describe_machine())
    assert "load" in result.machine
    assert {"python", "makespan", "numpy", "ortools"} <= set(result.versions)
    assert result.date == time.strftime("%Y-%m-%d", time.gmtime())
    assert result.command == (
        "makespan reproduce taillard-generator --claim minimal-standard --quick --seed 0"
    )


def test_the_data_folder_is_the_one_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MAKESPAN_DATA/scheduling, if it is there."""
    monkeypatch.delenv("MAKESPAN_DATA", raising=False)
    assert data_folder() is None
    monkeypatch.setenv("MAKESPAN_DATA", str(tmp_path))
    assert data_folder() is None
    (tmp_path / "scheduling").mkdir()
    assert conditions(quick=True).data == tmp_path / "scheduling"


def test_an_experiment_that_is_not_installed_says_what_to_do() -> None:
    """A claim of an optional room names its extra."""
    claim = replace(taillard_generator.SYSTEM.claims[0], experiment="no_such_room:measure")
    with pytest.raises(MissingDependencyError, match="extra"):
        experiment_of(claim)


def _answers(monkeypatch: pytest.MonkeyPatch, *results: Result) -> None:
    """Let the engine answer with these results, in turn and then again."""
    from makespan.solvers import solving

    count = 0

    def solve(*_arguments: Any, **_options: Any) -> Result:
        nonlocal count
        count += 1
        return results[(count - 1) % len(results)]

    monkeypatch.setattr(solving, "solve", solve)


def _result(status: Status, value: int | None, bound: int | None) -> Result:
    return Result(
        status,
        objectives=() if value is None else (value,),
        bounds=(bound,),
    )


@pytest.mark.parametrize(
    ("status", "value", "bound", "verdict"),
    [
        (Status.OPTIMAL, 63, 63, Verdict.REPRODUCED),
        (Status.FEASIBLE, 63, 60, Verdict.PARTLY),
        (Status.OPTIMAL, 64, 64, Verdict.NOT),
        (Status.OPTIMAL, 62, 62, Verdict.NOT),
        (Status.FEASIBLE, 70, 10, Verdict.NOT),
        (Status.UNKNOWN, None, None, Verdict.NOT),
    ],
)
def test_the_blocking_verdict_follows_its_tolerance(
    monkeypatch: pytest.MonkeyPatch,
    status: Status,
    value: int | None,
    bound: int | None,
    verdict: Verdict,
) -> None:
    """A proved other value, or a better one, refutes; equal without proof is half the claim."""
    _answers(monkeypatch, _result(status, value, bound))
    assert blocking_job_shop.solve_with_swaps(QUICK).verdict is verdict


def test_the_order_of_variants_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buffers <= swaps <= no swaps, each proved."""
    ordered = [_result(Status.OPTIMAL, v, v) for v in (55, 63, 65)]
    _answers(monkeypatch, *ordered)
    assert blocking_job_shop.compare_variants(QUICK).verdict is Verdict.REPRODUCED
    _answers(monkeypatch, *ordered[::-1])
    assert blocking_job_shop.compare_variants(QUICK).verdict is Verdict.NOT
    _answers(monkeypatch, _result(Status.FEASIBLE, 70, 10))
    assert blocking_job_shop.compare_variants(QUICK).verdict is Verdict.PARTLY
    _answers(monkeypatch, _result(Status.UNKNOWN, None, None))
    assert blocking_job_shop.compare_variants(QUICK).verdict is Verdict.UNCONFIRMED


def test_a_bound_above_a_published_optimum_refutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values below, or bounds above, what is proved elsewhere are not counted as misses."""
    _answers(monkeypatch, _result(Status.FEASIBLE, 10_000, 9_999))
    outcome = cpsat_adapter.prove_job_shops(QUICK)
    assert outcome.verdict is Verdict.NOT
    assert outcome.measured["contradicting a published optimum"].value == 7


def test_kendall_tau_counts_pairs() -> None:
    """1 for the same order, -1 for the reverse, 0 for ties."""
    assert kendall_tau([1, 2, 3], [10, 20, 30]) == 1
    assert kendall_tau([1, 2, 3], [30, 20, 10]) == -1
    assert kendall_tau([1, 1, 1], [1, 2, 3]) == 0
    assert kendall_tau([1], [1]) == 1
