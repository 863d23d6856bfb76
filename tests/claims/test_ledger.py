"""The ledger: results survive as files, damaged ones are named, pages follow from it."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from makespan.claims import ClaimResult, Figure, Verdict, ledger, registry
from makespan.claims.catalogue import SHIPPED
from makespan.claims.ledger import path_of, record
from makespan.claims.render import main, outdated, pages, shipped_systems
from makespan.core.errors import FormatError
from makespan.core.registry import SystemRegistry

DOCS = Path(__file__).resolve().parents[2] / "docs"

RESULT = ClaimResult(
    system="a-system",
    claim="it-works",
    verdict=Verdict.PARTLY,
    measured={"value": Figure(3, "ticks"), "ratio": Figure(1.25), "word": Figure("a|b")},
    explanation="Half of it.",
    scope="full",
    seconds=1.5,
    machine="a processor, 2 cores",
    versions={"python": "3.11.1"},
    seeds=(0, 1),
    date="2026-01-31",
    command="makespan reproduce a-system",
)


def test_a_result_survives_as_a_file(tmp_path: Path) -> None:
    """What is recorded is what is read."""
    assert record(RESULT, tmp_path) == path_of("a-system", "it-works", tmp_path)
    assert ledger(tmp_path) == {("a-system", "it-works"): RESULT}


def test_a_new_result_replaces_the_old_one(tmp_path: Path) -> None:
    """The ledger holds the last measurement of each claim."""
    record(RESULT, tmp_path)
    record(replace(RESULT, verdict=Verdict.NOT), tmp_path)
    assert [r.verdict for r in ledger(tmp_path).values()] == [Verdict.NOT]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda text: text[:40], "line"),
        (lambda text: text.replace("claim-result/1", "claim-result/9"), "claim-result/1"),
        (lambda text: text.replace("partly reproduced", "perhaps"), "perhaps"),
        (lambda text: text.replace('"seconds"', '"second"'), "seconds"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change, part: str) -> None:
    """With what is wrong in it."""
    path = record(RESULT, tmp_path)
    path.write_text(change(path.read_text()))
    with pytest.raises(FormatError, match=r"a-system\.it-works\.json") as caught:
        ledger(tmp_path)
    assert part in str(caught.value)


def test_every_shipped_system_loads_and_its_experiments_exist() -> None:
    """No declaration fails; experiments and entry points can be imported."""
    systems = registry()
    assert systems.failures == []
    assert len(systems) >= len(SHIPPED)
    for system in shipped_systems():
        paths = [*system.entry_points, *(claim.experiment for claim in system.claims)]
        for path in paths:
            name, _, attribute = path.partition(":")
            assert hasattr(importlib.import_module(name), attribute), path


def test_removing_a_system_breaks_nothing_else() -> None:
    """Every proper subset of the declarations loads without the missing one."""
    for absent in SHIPPED:
        systems = SystemRegistry()
        for path in SHIPPED:
            if path != absent:
                systems.load(path)
        assert systems.failures == []
        assert len(systems) == len(SHIPPED) - 1


def test_the_ledger_covers_the_shipped_claims() -> None:
    """Each claim has a full measurement, and each result a claim."""
    claims = {(s.slug, c.slug) for s in shipped_systems() for c in s.claims}
    results = ledger()
    assert set(results) == claims
    assert {result.scope for result in results.values()} == {"full"}


def test_results_in_the_ledger_name_no_place_of_this_machine() -> None:
    """Paths, hosts and users have no business in a published record."""
    for result in ledger().values():
        text = json.dumps(result.document())
        for word in ("/home/", "/work", "/root", "/Users/", "/tmp"):
            assert word not in text


def test_the_pages_are_up_to_date() -> None:
    """docs/claims.md and docs/systems.md are what the ledger says."""
    assert outdated(DOCS) == [], "run: python -m makespan.claims.render docs"


def test_pages_hold_every_fact_of_a_result(tmp_path: Path) -> None:
    """Statement, source, figures, verdict, machine, versions, seeds and command."""
    (system, *_) = shipped_systems()
    claim = system.claims[0]
    result = replace(RESULT, system=system.slug, claim=claim.slug)
    text = pages([system], {(system.slug, claim.slug): result})["claims.md"]
    for part in (claim.statement, claim.tolerance, "3 ticks", "1.25", "a\\|b", "Half of it.",
                 "2 cores", "python 3.11.1", "seeds 0, 1", "2026-01-31",
                 RESULT.command):  # fmt: skip
        assert part in text
    assert "not measured yet" in pages([system], {})["claims.md"]


def test_the_script_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check tells what is out of date and writes nothing."""
    assert main([str(tmp_path), "--check"]) == 1
    assert "claims.md is out of date" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
