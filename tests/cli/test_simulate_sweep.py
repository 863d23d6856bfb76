"""``makespan simulate serving --sweep``: tables, documents, files to go on from, interruptions."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from tests.cli.conftest import Check, Invoke, Start

SMALL = ("simulate", "serving", "--requests", "40", "--blocks", "1500")


def test_every_combination_has_a_row_and_a_group(
    invoke: Invoke, checked: Check, tmp_path: Path
) -> None:
    """With its spread over the seeds; a second run takes all from the file."""
    path = tmp_path / "results.jsonl"
    words: tuple[str, ...] = (
        *SMALL,
        "--sweep",
        "load=0.5,1",
        "--compare",
        "conservative",
        "--seeds",
        "2",
    )
    words += ("--results", str(path), "--json", "-")
    document = checked(invoke(*words).stdout)
    assert document["axes"] == {"load": [0.5, 1.0], "policy": ["fcfs", "conservative"]}
    assert (document["cases"], document["done"], document["reused"]) == (8, 8, 0)
    for group in document["groups"]:
        assert group["seeds"] == [0, 1]
        good = group["figures"]["goodput"]
        assert good["least"] < good["mean"] < good["most"]
        assert good["deviation"] > 0
    assert len(path.read_text(encoding="utf-8").splitlines()) == 8
    again = checked(invoke(*words).stdout)
    assert again["reused"] == 8
    assert again["groups"] == document["groups"]
    text = invoke(*words[:-2]).output
    assert "8 of 8, 2 seeds each, 8 from the file" in text
    assert "±" in text
    assert "simulated" in text


def test_a_trace_is_read_once_for_all_cases(invoke: Invoke, checked: Check, tmp_path: Path) -> None:
    """Also from standard input."""
    rows = "".join(
        f'{{"timestamp": {1000 * k}, "input_length": 600, "output_length": 5, "hash_ids": [{k}, {k + 50}]}}\n'
        for k in range(9)
    )
    path = tmp_path / "trace.jsonl"
    path.write_text(rows)
    words = ("simulate", "serving", "--sweep", "rate=1,5", "--json", "-", "-q", "--trace")
    document = checked(invoke(*words, str(path)).stdout)
    assert [g["case"] for g in document["groups"]] == [{"rate": 1.0}, {"rate": 5.0}]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--sweep", "speed=1"), "is nothing to sweep over"),
        (("--sweep", "rate=fast"), "no value of it"),
        (("--sweep", "policy=edf", "--compare", "conservative"), "and others to compare"),
        (("--sweep", "router=dice"), "no router"),
        (("--sweep", "rate=1", "--capacity"), "are two studies"),
        (("--sweep", "rate=1", "--html", "/tmp/x.html"), "--html means nothing beside --sweep"),
        (("--seeds", "2"), "--seeds means nothing here"),
        (("--capacity", "--slo", "ttft=1", "--results", "x"), "--results means nothing here"),
        (("--sweep", "rate=1", "--ray", "nowhere"), "no Ray cluster answers at 'nowhere'"),
    ],
)
def test_bad_input_is_told_in_a_line(invoke: Invoke, words: tuple[str, ...], part: str) -> None:
    """Exit code 2 and no traceback."""
    result = invoke(*SMALL, *words)
    assert result.exit_code == 2
    assert part in result.output
    assert "Traceback" not in result.output


def test_a_damaged_file_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    """With the line at fault; it is left as it was."""
    path = tmp_path / "results.jsonl"
    path.write_text('{"schema": "other"}\n')
    result = invoke(*SMALL, "--sweep", "load=1", "--results", str(path))
    assert (result.exit_code, "line 1" in result.output) == (2, True)
    assert path.read_text() == '{"schema": "other"}\n'


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_keeps_what_is_done(start: Start, tmp_path: Path, workers: str) -> None:
    """Exit code 130, whole lines in the file, the table of what there is; the rest goes on."""
    path = tmp_path / "results.jsonl"
    words: tuple[str, ...] = (
        "simulate",
        "serving",
        "--requests",
        "800",
        "--blocks",
        "2000",
        "--sweep",
        "load=0.8,1",
    )
    words += ("--seeds", "6", "--results", str(path), "--workers", workers)
    with start(*words) as process:
        deadline = time.monotonic() + 60
        while not (path.exists() and path.read_bytes().count(b"\n") >= 2):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    lines = path.read_text(encoding="utf-8").splitlines()
    assert 2 <= len(lines) < 12
    assert all(json.loads(line)["figures"]["goodput"] > 0 for line in lines)
    assert "of 12, 6 seeds each" in out
