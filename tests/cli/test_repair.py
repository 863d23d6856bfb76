"""``makespan repair``: what people type, what it writes, and how it ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from makespan.cli._disturbances import parse_disturbances, parse_stability
from makespan.core.errors import OptionError
from makespan.solvers.repair import (
    Breakdown,
    Cancelled,
    CapacityDrop,
    Finished,
    Late,
    Longer,
    NewDeadline,
    NewDue,
    NewRelease,
)

Invoke = Callable[..., Any]
Check = Callable[[str], dict[str, Any]]

TINY = "2 2\n0 3 1 2\n0 3 1 2\n"
PLAN = "task,start\nJ1.1,0\nJ1.2,3\nJ2.1,3\nJ2.2,6\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """Two jobs over two machines in the same order, and their best plan."""
    problem, plan = tmp_path / "tiny.jsp", tmp_path / "plan.csv"
    problem.write_text(TINY)
    plan.write_text(PLAN)
    return str(problem), str(plan)


def options(**given: list[str]) -> list[Any]:
    """Disturbances of some options."""
    names = set(inspect.signature(parse_disturbances).parameters)
    return list(parse_disturbances(**{name: given.get(name, []) for name in names}))


def test_breakdown_is_repaired(
    invoke: Invoke, checked: Check, files: tuple[str, str], tmp_path: Path
) -> None:
    """The document says what moved; the files written verify against each other."""
    saved, rest = tmp_path / "mended.json", tmp_path / "rest.json"
    words = ("--now", "2", "--breakdown", "M2:3-6", "--time", "1", "--threads", "1")
    out = ("--save", str(saved), "--rest", str(rest), "--json", "-")
    result = invoke("repair", *files, *words, *out)
    document = checked(result.stdout)
    assert result.exit_code == 0
    assert document["verified"] is True
    assert document["before"] == [8]
    assert document["shifted"] == document["after"] == [10]
    assert "J1.2" in {move["task"] for move in document["moves"]}
    assert document["outputs"] == {"save": str(saved), "rest": str(rest)}
    assert "moved" in result.stderr
    assert invoke("verify", str(rest), str(saved)).exit_code == 0


def test_html_is_written(invoke: Invoke, files: tuple[str, str], tmp_path: Path) -> None:
    """The chart of the mended plan."""
    page = tmp_path / "plan.html"
    words = ("--now", "1", "--cancel", "J2", "--time", "0.5", "--html", str(page), "--quiet")
    assert invoke("repair", *files, *words).exit_code == 0
    assert page.read_text().startswith("<!doctype html>")


def test_impossible_repair_is_a_no(invoke: Invoke, checked: Check, files: tuple[str, str]) -> None:
    """Exit code 1, no schedule, the status in the document."""
    words = ("--now", "2", "--deadline", "J2:4", "--time", "5", "--json", "-")
    result = invoke("repair", *files, *words)
    document = checked(result.stdout)
    assert result.exit_code == 1
    assert document["status"] == "INFEASIBLE"
    assert document["schedule"] is None


def test_new_work_comes_from_a_file(invoke: Invoke, checked: Check, files: tuple[str, str]) -> None:
    """Names that are taken are refused; the message names them."""
    result = invoke("repair", *files, "--now", "2", "--add", files[0], "--json", "-")
    document = checked(result.stdout)
    assert result.exit_code == 2
    assert "'J1.1'" in document["error"]["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--breakdown", "M2"), "--breakdown: cannot read 'M2'"),
        (("--capacity", "M2:1-2"), "--capacity: cannot read"),
        (("--late", "J1.1"), "--late: cannot read"),
        (("--stability", "much"), "--stability: 'much'"),
        (("--late", "J9.1:+2"), "no task 'J9.1'"),
        (("--measure", "joy"), "does not measure change"),
    ],
)
def test_bad_input_is_named(
    invoke: Invoke, files: tuple[str, str], words: tuple[str, ...], message: str
) -> None:
    """Exit code 2 and one line about what was typed."""
    result = invoke("repair", *files, "--now", "2", *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_every_option_has_its_disturbance() -> None:
    """Names may hold colons; the last one counts."""
    assert options(breakdown=["a:b:1-2"]) == [Breakdown("a:b", 1, 2)]
    assert options(capacity=["R:1-2=3"]) == [CapacityDrop("R", 1, 2, 3)]
    assert options(late=["T:+4"], longer=["T:5"]) == [Late("T", 4), Longer("T", 5)]
    assert options(finished=["T:3", "U"]) == [Finished("T", 3), Finished("U")]
    assert options(cancel=["J"], release=["J:7"]) == [NewRelease("J", 7), Cancelled("J")]
    assert options(due=["J:7"], deadline=["J:none"]) == [NewDue("J", 7), NewDeadline("J", None)]


def test_stability_is_a_weight_or_after() -> None:
    """Both forms, and nothing else."""
    assert parse_stability("after") is None
    assert parse_stability("3") == 3
    with pytest.raises(OptionError):
        parse_stability("-1")
