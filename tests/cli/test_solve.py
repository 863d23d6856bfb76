"""``makespan solve``: reading, options, outputs, exit codes; the engine is a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import makespan
from makespan.core.result import Result
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Status

FT06 = """6 6
2 1 0 3 1 6 3 7 5 3 4 6
1 8 2 5 4 10 5 10 0 10 3 4
2 5 3 4 5 8 0 9 1 1 4 7
1 5 0 5 2 5 3 3 4 8 5 9
2 9 1 3 4 5 5 4 0 3 3 1
1 3 3 3 5 9 0 10 4 4 2 1
"""

Invoke = Callable[..., Any]
Check = Callable[[str], dict[str, Any]]

pytestmark = pytest.mark.usefixtures("one_by_one")


def test_a_built_in_instance_is_solved_and_told(invoke: Invoke) -> None:
    """People read status, value, best known value, verification and a chart."""
    result = invoke("solve", "ft06")
    assert result.exit_code == 0
    for part in ("FEASIBLE", "197", "best known", "55 (optimal", "verified", "every constraint"):
        assert part in result.stdout
    assert "M0" in result.stdout


def test_the_document_keeps_the_contract(invoke: Invoke, checked: Check) -> None:
    """Standard output holds the document and nothing else; people's text is on standard error."""
    result = invoke("solve", "ft06", "--json", "-", "--seed", "7", "--threads", "2")
    document = checked(result.stdout)
    assert result.exit_code == document["exit_code"] == 0
    assert document["instance"] == "ft06"
    assert document["status"] == "FEASIBLE"
    assert document["objective"] == document["objectives"][0] == 197
    assert document["verified"] is True
    assert document["seed"] == 7
    assert document["threads"] == 2
    assert document["version"] == makespan.__version__
    assert document["best_known"]["value"] == 55
    assert document["best_known"]["gap"] == pytest.approx(142 / 55)
    assert document["time_limit"] == 60
    assert len(document["schedule"]) == 36
    first = document["schedule"][0]
    assert first == {
        "task": "J1.1", "job": "J1", "start": 0, "end": 1, "mode": 0, "resources": ["M2"],
    }  # fmt: skip
    assert document["history"] == [
        {"seconds": 0.01, "level": 0, "objective": 197, "bound": 0, "engine": "one-by-one"}
    ]
    assert "FEASIBLE" in result.stderr


def test_quiet_prints_nothing(invoke: Invoke) -> None:
    """No text for people, on neither stream."""
    result = invoke("solve", "ft06", "--quiet")
    assert result.exit_code == 0
    assert result.output == ""


def test_standard_input_is_read(invoke: Invoke, checked: Check) -> None:
    """A dash in place of the problem is standard input."""
    result = invoke("solve", "-", "--json", "-", "-q", stdin=FT06)
    assert checked(result.stdout)["problem"]["tasks"] == 36


def test_a_file_wins_over_an_instance_of_its_name(
    invoke: Invoke, checked: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with a file ft10, that file is meant."""
    monkeypatch.chdir(tmp_path)
    Path("ft10").write_text(FT06)
    document = checked(invoke("solve", "ft10", "--json", "-", "-q").stdout)
    assert document["problem"]["tasks"] == 36
    assert document["best_known"] is None


def test_what_looks_like_a_path_is_never_an_instance(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """./ft06 and ft06.txt are files, and missing ones are errors."""
    monkeypatch.chdir(tmp_path)
    for name in ("./ft06", "ft06.txt", f"{tmp_path}/ft06"):
        result = invoke("solve", name)
        assert result.exit_code == 2
        assert "there is no file" in result.stderr


def test_a_missing_file_with_a_similar_neighbour_is_hinted_at(
    invoke: Invoke, tmp_path: Path
) -> None:
    """A typing error in a name is answered with the name that is there."""
    (tmp_path / "problem.txt").write_text(FT06)
    result = invoke("solve", str(tmp_path / "probelm.txt"))
    assert result.exit_code == 2
    assert "did you mean" in result.stderr
    assert "problem.txt" in result.stderr


def test_an_unknown_instance_names_close_ones(invoke: Invoke) -> None:
    """ft07 is neither; ft06 is close."""
    result = invoke("solve", "ft07")
    assert result.exit_code == 2
    assert "neither a file nor a built-in instance" in result.stderr
    assert "ft06" in result.stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--engine", "cpsta"], "did you mean cpsat"),
        (["--time", "0"], "is not a time above 0"),
        (["--objective", "makespam"], "did you mean makespan"),
        (["--blocking", "yes"], "use swap or no-swap"),
        (["--hint", "none.json"], "there is no file"),
        (["--json", "no/such/folder/a.json"], "there is no directory"),
        (["--html", "."], "is a directory"),
        (["--json", "-", "--csv", "-"], "standard output"),
        (["--from", "xml"], "there is no format"),
    ],
)
def test_a_bad_option_is_one_clear_line(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], part: str
) -> None:
    """The message names what is wrong, a hint says how to mend it, and there is no traceback."""
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text(FT06)
    result = invoke("solve", "p.txt", *words)
    assert result.exit_code == 2
    assert part in result.stderr
    assert result.stderr.startswith("makespan: error: ")
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) <= 3


def test_the_traceback_is_there_for_those_who_ask(invoke: Invoke) -> None:
    """--debug shows where an error comes from."""
    assert "Traceback" in invoke("solve", "ft07", "--debug").stderr


def test_an_error_is_a_document_too(invoke: Invoke, checked: Check) -> None:
    """Programs that read standard output learn what was wrong."""
    result = invoke("solve", "ft07", "--json", "-")
    document = checked(result.stdout)
    assert document["schema"] == "makespan/error/1"
    assert document["exit_code"] == result.exit_code == 2
    assert document["error"]["kind"] == "OptionError"
    assert "ft07" in document["error"]["message"]


def test_a_damaged_file_is_told_with_its_line(invoke: Invoke, tmp_path: Path) -> None:
    """The file, the line and what the format expects."""
    path = tmp_path / "bad.jsp"
    path.write_text(FT06.replace("2 9 1 3", "2 9 x 3"))
    result = invoke("solve", str(path))
    assert result.exit_code == 2
    assert "line 6" in result.stderr


def test_every_drawing_is_written(invoke: Invoke, checked: Check, tmp_path: Path) -> None:
    """One run writes page, picture, table, schedule, trace and document."""
    names = {
        "html": "a.html", "svg": "a.svg", "csv": "a.csv", "save": "a.plan.json",
        "perfetto": "a.trace.json",
    }  # fmt: skip
    words = [w for option, name in names.items() for w in (f"--{option}", str(tmp_path / name))]
    result = invoke("solve", "ft06", *words, "--json", str(tmp_path / "a.json"))
    assert result.exit_code == 0
    assert (tmp_path / "a.html").read_text().lstrip().lower().startswith("<!doctype html")
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == "task,job,start,end,mode,resources"
    assert json.loads((tmp_path / "a.trace.json").read_text())["traceEvents"]
    document = checked((tmp_path / "a.json").read_text())
    assert document["outputs"] == {option: str(tmp_path / name) for option, name in names.items()}
    assert "a.html" in result.stdout.replace("\n", "")


@pytest.mark.parametrize("option", ["--save", "--csv", "--json"])
def test_what_solve_writes_can_be_verified_and_hinted(
    invoke: Invoke, tmp_path: Path, option: str
) -> None:
    """Schedule, table and document are all schedules to verify and --hint."""
    plan = str(tmp_path / "plan")
    assert invoke("solve", "ft06", option, plan, "-q").exit_code == 0
    assert invoke("verify", "ft06", plan).exit_code == 0
    assert invoke("solve", "ft06", "--hint", plan, "-q").exit_code == 0


def test_one_output_may_go_to_standard_output(invoke: Invoke) -> None:
    """Then what people read goes to standard error."""
    result = invoke("solve", "ft06", "--csv", "-")
    assert result.stdout.startswith("task,job,start")
    assert len(result.stdout.splitlines()) == 37
    assert "FEASIBLE" in result.stderr


def test_an_objective_of_levels_is_told_level_by_level(invoke: Invoke, checked: Check) -> None:
    """Lists of objectives and bounds follow the levels; the best known makespan still applies."""
    words = ("--objective", "makespan,total_flow_time+2*makespan", "--json", "-")
    document = checked(invoke("solve", "ft06", *words).stdout)
    assert document["levels"] == ["makespan", "total flow time + 2 makespan"]
    assert len(document["objectives"]) == len(document["bounds"]) == 2
    assert document["best_known"]["value"] == 55
    other = invoke("solve", "ft06", "--objective", "total_flow_time", "--json", "-")
    assert checked(other.stdout)["best_known"] is None


def test_the_blocking_variant_is_another_problem(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every task blocks, and the literature's value no longer applies."""
    seen = []
    stand_in = makespan.solve

    def watch(problem: Any, **options: Any) -> Result:
        seen.append(problem.tasks.blocking)
        return stand_in(problem, **options)

    monkeypatch.setattr(makespan, "solve", watch)
    document = checked(invoke("solve", "ft06", "--blocking", "swap", "--json", "-").stdout)
    assert set(seen[0].tolist()) == {1}
    assert document["best_known"] is None


def test_no_schedule_is_exit_code_one(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Infeasible and unknown both answer no; nothing is drawn."""
    for status in (Status.INFEASIBLE, Status.UNKNOWN):
        monkeypatch.setattr(makespan, "solve", lambda *_a, s=status, **_o: Result(s, engine="x"))
        result = invoke("solve", "ft06", "--json", "-", "--csv", "/dev/null")
        document = checked(result.stdout)
        assert result.exit_code == 1
        assert document["status"] == status.value
        assert document["schedule"] is None
        assert document["verified"] is None
        assert status.value in result.stderr


def test_a_schedule_that_breaks_a_rule_is_exit_code_one(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command verifies what any engine returns, and says what is wrong."""
    import numpy as np

    def wrong(problem: Any, **_options: Any) -> Result:
        plan = Schedule.from_starts(problem, np.zeros(problem.tasks.count, dtype=np.int64))
        return Result(Status.FEASIBLE, plan, (10,), (0,), engine="wrong")

    monkeypatch.setattr(makespan, "solve", wrong)
    result = invoke("solve", "ft06", "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 1
    assert document["verified"] is False
    assert document["violations"]


def test_a_fault_in_an_engine_is_reported_as_ours(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception ends with code 70, a short message and how to report it."""

    def broken(*_arguments: Any, **_options: Any) -> Result:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(makespan, "solve", broken)
    result = invoke("solve", "ft06", "--json", "-")
    assert result.exit_code == 70
    assert checked(result.stdout)["error"]["kind"] == "ZeroDivisionError"
    assert "please report" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_output_that_fails_late_does_not_cost_the_others(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the folder vanishes during the solve, the remaining files and the document are written."""
    gone = tmp_path / "gone"
    gone.mkdir()
    stand_in = makespan.solve

    def vanish(problem: Any, **options: Any) -> Result:
        gone.rmdir()
        return stand_in(problem, **options)

    monkeypatch.setattr(makespan, "solve", vanish)
    result = invoke(
        "solve", "ft06", "--csv", str(gone / "a.csv"), "--svg", str(tmp_path / "a.svg"),
        "--json", str(tmp_path / "a.json"),
    )  # fmt: skip
    assert result.exit_code == 2
    assert "--csv: cannot write" in result.stderr
    assert (tmp_path / "a.svg").exists()
    assert (tmp_path / "a.json").exists()


def test_an_objective_that_says_nothing_is_warned_about(invoke: Invoke) -> None:
    """Without due dates, tardiness is 0 whatever is done."""
    result = invoke("solve", "ft06", "--objective", "total_tardiness,makespan")
    assert result.exit_code == 0
    assert "nothing has a due date, so total_tardiness is always 0" in result.stderr
    assert "makespan is always 0" not in result.stderr


def test_a_schedule_is_explained(invoke: Invoke, checked: Check) -> None:
    """The critical chain with what each task waits for, and the busiest resources."""
    result = invoke("solve", "ft06", "--explain", "--json", "-")
    told = checked(result.stdout)["explanation"]
    assert told["kind"] == "schedule"
    assert told["chain"][0]["pushed_by"] is None
    assert told["chain"][-1]["end"] == 197
    assert {step["task"] for step in told["chain"]} <= set(told["critical"])
    assert 0 < told["bottlenecks"][0]["utilisation"] <= 1
    assert "why not shorter" in result.stderr
    assert checked(invoke("solve", "ft06", "--json", "-").stdout)["explanation"] is None


def test_infeasibility_is_explained(
    invoke: Invoke, checked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The constraints that clash, one per line, in the problem's own names."""
    from makespan.solvers import explain

    lines = ("job 'A' ends by 8", "task 'cut' takes 9")
    told = explain.Conflict(Status.INFEASIBLE, minimal=True, sentences=lines)
    monkeypatch.setattr(makespan, "solve", lambda *_a, **_o: Result(Status.INFEASIBLE))
    monkeypatch.setattr(explain, "explain_infeasibility", lambda _problem: told)
    result = invoke("solve", "ft06", "--explain", "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 1
    assert document["explanation"] == {
        "kind": "conflict",
        "conflict": list(lines),
        "minimal": True,
    }
    assert document["conflict"] == list(lines)
    assert "task 'cut' takes 9" in result.stderr
