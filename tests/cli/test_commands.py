"""verify, convert, generate, systems, reproduce and doctor: what they print, write and return."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from makespan.cli import _checks
from makespan.core.errors import OptionError

Invoke = Callable[..., Any]
Check = Callable[[str], dict[str, Any]]

TINY = "2 2\n0 1 1 2\n1 1 0 2\n"
GOOD = "task,start\nJ1.1,0\nJ1.2,1\nJ2.1,0\nJ2.2,1\n"
OVERLAPPING = "task,start\nJ1.1,0\nJ1.2,0\nJ2.1,0\nJ2.2,1\n"


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """A job shop of two jobs on two machines."""
    path = tmp_path / "tiny.jsp"
    path.write_text(TINY)
    return str(path)


def _plan(folder: Path, text: str) -> str:
    path = folder / "plan.csv"
    path.write_text(text)
    return str(path)


def test_a_good_schedule_verifies(
    invoke: Invoke, checked: Check, tiny: str, tmp_path: Path
) -> None:
    """Exit code 0, the objective, and no violation."""
    result = invoke("verify", tiny, _plan(tmp_path, GOOD), "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 0
    assert document["verified"] is True
    assert document["objective"] == document["makespan"] == 3
    assert "every constraint holds" in result.stderr


def test_every_violation_is_listed(
    invoke: Invoke, checked: Check, tiny: str, tmp_path: Path
) -> None:
    """Exit code 1, each rule with kind, tasks and sentence, for people and machines."""
    result = invoke("verify", tiny, _plan(tmp_path, OVERLAPPING), "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 1
    kinds = {violation["kind"] for violation in document["violations"]}
    assert kinds == {"overlap", "precedence_min"}
    for violation in document["violations"]:
        assert "J1.2" in violation["tasks"]
        assert violation["kind"] in result.stderr
    assert "2 violations" in result.stderr


def test_other_objectives_can_be_evaluated(
    invoke: Invoke, checked: Check, tiny: str, tmp_path: Path
) -> None:
    """verify --objective values the schedule by terms and levels."""
    words = ("--objective", "makespan+2*total_flow_time, total_completion", "--json", "-")
    document = checked(invoke("verify", tiny, _plan(tmp_path, GOOD), *words).stdout)
    assert document["objectives"] == [15, 6]


def test_a_blocking_variant_is_verified_as_such(invoke: Invoke, tiny: str, tmp_path: Path) -> None:
    """The swap at time 1 is allowed with swaps and a violation without."""
    plan = _plan(tmp_path, GOOD)
    assert invoke("verify", tiny, plan, "--blocking", "swap").exit_code == 0
    result = invoke("verify", tiny, plan, "--blocking", "no-swap")
    assert result.exit_code == 1
    assert "swap" in result.stdout


def test_the_schedule_may_come_from_standard_input(invoke: Invoke, tiny: str) -> None:
    """A dash is standard input, for one of the two."""
    assert invoke("verify", tiny, "-", stdin=GOOD).exit_code == 0
    result = invoke("verify", "-", "-", stdin=GOOD)
    assert result.exit_code == 2
    assert "only one input" in result.stderr


def test_a_schedule_of_another_problem_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    """Names that the problem does not have are named."""
    result = invoke("verify", "ft06", _plan(tmp_path, "task,start\nnobody,0\n"))
    assert result.exit_code == 2
    assert "nobody" in result.stderr


def test_a_problem_is_converted_there_and_back(
    invoke: Invoke, checked: Check, tiny: str, tmp_path: Path
) -> None:
    """The ending of the output chooses the format; nothing is lost."""
    there, back = tmp_path / "p.json", tmp_path / "p.txt"
    result = invoke("convert", tiny, "-o", str(there), "--json", "-")
    assert checked(result.stdout)["format"] == "json"
    assert invoke("convert", str(there), "-o", str(back), "--to", "jsplib").exit_code == 0
    assert back.read_text().split() == TINY.split()


def test_the_output_may_be_an_argument(invoke: Invoke, tiny: str, tmp_path: Path) -> None:
    """As with cp: from, to. Naming two outputs is refused."""
    there = tmp_path / "p.json"
    assert invoke("convert", tiny, str(there)).exit_code == 0
    assert there.read_text().startswith("{")
    refused = invoke("convert", tiny, str(there), "-o", str(tmp_path / "q.json"))
    assert refused.exit_code == 2
    assert "two files to write" in refused.stderr


def test_conversion_to_standard_output_is_nothing_but_the_problem(
    invoke: Invoke, tiny: str
) -> None:
    """So that it can be piped into solve."""
    result = invoke("convert", tiny, "--to", "jsplib")
    assert result.stdout.split() == TINY.split()
    assert result.stderr == ""
    piped = invoke("convert", "-", "--to", "jsplib", stdin=invoke("convert", tiny).stdout)
    assert piped.stdout.split() == TINY.split()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--to", "jsplb"], "did you mean jsplib"),
        (["--to", "pdf"], "known: json"),
        (["-o", "a.xyz"], "'.xyz'"),
        (["--to", "patterson"], "cannot hold jobs"),
        (["--json", "-"], "would both write"),
    ],
)
def test_what_cannot_be_written_is_refused(
    invoke: Invoke, tiny: str, words: list[str], part: str
) -> None:
    """Unknown formats, and problems a format cannot hold, end with code 2 and the reason."""
    result = invoke("convert", tiny, *words)
    assert result.exit_code == 2
    assert part in result.stderr


def test_instances_are_generated_by_name_and_families_by_parameters(
    invoke: Invoke, checked: Check, tmp_path: Path
) -> None:
    """Built-in names, and families with KEY=VALUE and a seed."""
    assert invoke("generate", "ft06", "--to", "jsplib").stdout.splitlines()[0] == "6 6"
    path = tmp_path / "p.json"
    words = ("job-shop", "jobs=3", "machines=2")
    result = invoke("generate", *words, "-o", str(path), "--json", "-")
    assert checked(result.stdout)["problem"]["tasks"] == 6
    assert json.loads(path.read_text())


def test_the_same_seed_makes_the_same_instance(invoke: Invoke) -> None:
    """Another seed makes another one."""
    words = ("generate", "job_shop", "jobs=4", "machines=3")
    one = invoke(*words, "--seed", "5")
    assert one.exit_code == 0, one.stderr
    assert one.stdout == invoke(*words, "--seed", "5").stdout
    assert one.stdout != invoke(*words, "--seed", "6").stdout


def test_what_can_be_generated_is_listed(invoke: Invoke, checked: Check) -> None:
    """Every listed family states its parameters, and every instance can be made."""
    result = invoke("generate", "--list", "--json", "-")
    document = checked(result.stdout)
    assert {"ft06", "ta01"} <= set(document["instances"])
    families = {family["name"]: family for family in document["families"]}
    assert families["job_shop"]["summary"]
    parameters = families["job_shop"]["parameters"]
    assert [(p["name"], p["default"]) for p in parameters][:3] == [
        ("jobs", None), ("machines", None), ("low", "1"),
    ]  # fmt: skip
    assert "ft06" in result.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "say what to generate"),
        (["ft66"], "ft06"),
        (["ft06", "jobs=3"], "takes no parameters"),
        (["job_shop"], "needs jobs, machines"),
        (["job_shop", "job=3"], "did you mean jobs=...?"),
    ],
)
def test_bad_parameters_are_named(invoke: Invoke, words: list[str], part: str) -> None:
    """The family, the parameter and what it takes."""
    result = invoke("generate", *words)
    assert result.exit_code == 2
    assert part in result.stderr


def test_systems_are_listed_with_their_verdicts(invoke: Invoke, checked: Check) -> None:
    """One row per system; one system alone in full."""
    result = invoke("systems", "--json", "-")
    document = checked(result.stdout)
    slugs = [system["slug"] for system in document["systems"]]
    assert "priority-rules" in slugs
    assert document["failures"] == []
    for slug in slugs:
        assert slug in result.stderr
    one = invoke("systems", "taillard-generator")
    assert one.exit_code == 0
    assert "Park" in one.stdout


def test_an_unknown_system_names_close_ones(invoke: Invoke) -> None:
    """For systems and for reproduce."""
    for command in ("systems", "reproduce"):
        result = invoke(command, "priority-rule")
        assert result.exit_code == 2
        assert "did you mean priority-rules" in result.stderr


def test_a_claim_is_reproduced(invoke: Invoke, checked: Check) -> None:
    """The experiment runs and its result is told and written."""
    words = ("taillard-generator", "--claim", "minimal-standard", "--quick")
    result = invoke("reproduce", *words, "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 0
    (outcome,) = document["results"]
    assert outcome["verdict"] == "reproduced"
    assert outcome["measured"]["state after 10000 steps"]["value"] == 1043618065
    assert "reproduced" in result.stderr


def test_an_unknown_claim_names_those_there_are(invoke: Invoke) -> None:
    """The claims of the system are the hint."""
    result = invoke("reproduce", "taillard-generator", "--claim", "x")
    assert result.exit_code == 2
    assert "published-seeds" in result.stderr


def test_the_doctor_reports_every_check(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python, packages, machine, folders, and a problem solved and verified."""
    result = invoke("doctor", "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 0, document
    assert document["ok"] is True
    names = [check["name"] for check in document["checks"]]
    assert {"python", "numba", "ortools", "numba cache", "data", "terminal", "self-test"} <= set(
        names
    )
    assert names[-1] == "self-test"


def test_the_doctor_survives_what_it_finds(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken part is a failed check and exit code 1; the other checks still run."""

    def broken() -> _checks.Check:
        raise OptionError("no such thing")

    monkeypatch.setattr(_checks, "_self_test", broken)
    monkeypatch.setenv("MAKESPAN_DATA", "/no/such/folder")
    result = invoke("doctor", "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 1
    states = {check["name"]: check["state"] for check in document["checks"]}
    assert states["self-test"] == "fail"
    assert states["data"] == "note"
    assert states["numpy"] == "ok"
