"""``makespan simulate serving``: loads, engines, policies, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Check, Invoke
from tests.serving.fidelity.truth import recorded

from makespan.cli._session import Session

SMALL = ("simulate", "serving", "--requests", "60", "--blocks", "1500", "--load", "1.2")


def test_policies_are_compared_on_one_load(invoke: Invoke, checked: Check) -> None:
    """Each has a row, and a document with the same load for all."""
    result = invoke(
        *SMALL, "--compare", "conservative,past-future", "--slo", "ttft=5", "--json", "-"
    )
    assert result.exit_code == 0, result.output
    document = checked(result.stdout)
    assert [arm["policy"] for arm in document["policies"]] == [
        "fcfs",
        "conservative",
        "past-future",
    ]
    assert all(arm["fates"]["finished"] == 60 for arm in document["policies"])
    assert document["load"]["requests"] == 60
    assert (59 / document["load"]["seconds"]) == pytest.approx(1.2 * document["capacity"], rel=1e-6)


def test_the_table_names_calibration_and_definitions(invoke: Invoke) -> None:
    """A simulated figure says where it comes from."""
    text = invoke(*SMALL).output
    assert "simulated" in text
    assert "Goodput: requests that finished" in text
    assert "fcfs" in text


def test_a_trace_is_read_by_its_content(invoke: Invoke, checked: Check, tmp_path: Path) -> None:
    """Mooncake's, with its shared blocks."""
    path = tmp_path / "trace.jsonl"
    path.write_text(
        "".join(
            f'{{"timestamp": {1000 * k}, "input_length": 1100, "output_length": 5, "hash_ids": [1, 2, {k + 9}]}}\n'
            for k in range(3)
        )
    )
    result = invoke("simulate", "serving", "--trace", str(path), "--json", "-", "-q")
    document = checked(result.stdout)
    assert document["policies"][0]["prefix_hit_tokens"] == 2 * 1024


def test_a_load_that_counts_sessions_is_cut_to_the_requests_asked_for(
    invoke: Invoke, checked: Check
) -> None:
    """Its generator has no number of requests to be told."""
    words = ("simulate", "serving", "--generate", "agents,sessions=5", "--requests", "7")
    assert checked(invoke(*words, "--json", "-").stdout)["load"]["requests"] == 7


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--policy", "lifo"), "no policy is called 'lifo'"),
        (("--rate", "1"), "rate and load say the same"),
        (("--load", "-1"), "positive share"),
        (("--slo", "speed=1"), "'speed=1' is no term"),
        (("--gpu", "abacus"), "no hardware 'abacus'"),
        (("--model", "parrot"), "parrot"),
        (("--router", "dice"), "no router"),
        (("--generate", "independent,rate"), "is no KEY=VALUE"),
        (("--trace", "/nowhere/t.csv"), "/nowhere/t.csv"),
        (("--calibrate", "all"), "it goes with --like"),
        (("--like", "x.jsonl"), "--requests means nothing beside --like"),
        (("--trace", "t.csv", "--generate", "agents"), "--generate means nothing beside --trace"),
        (("--capacity",), "--load means nothing beside --capacity"),
        (("--warm-up", "0.2"), "it goes with --capacity"),
    ],
)
def test_bad_input_is_told_in_a_line(invoke: Invoke, words: tuple[str, ...], part: str) -> None:
    """Exit code 2 and no traceback."""
    result = invoke(*SMALL, *words)
    assert result.exit_code == 2
    assert part in result.output
    assert "Traceback" not in result.output


def test_a_real_run_is_replayed_and_its_errors_written(
    invoke: Invoke, checked: Check, tmp_path: Path
) -> None:
    """Fitted to its first half and judged on the second."""
    path = recorded(tmp_path, requests=40)
    words = ("simulate", "serving", "--like", str(path), "--calibrate", "first-half")
    document = checked(invoke(*words, "--replays", "40", "--json", "-").stdout)
    assert document["judged"] == "second-half"
    assert set(document["errors"]) >= {"ttft_mean", "tpot_p90", "e2e_p99"}
    assert document["errors"] == document["errors_by_part"]["second-half"]
    assert document["outputs"] == {}
    text = invoke(*words, "--replays", "40").output
    assert "fitted to the first half of truth, from a generic shape" in " ".join(text.split())
    text = invoke(*words, "--replays", "40", "--model", "Llama-3.1-8B", "--gpu", "RTX-4090").output
    assert "first half of truth, from RTX-4090/Llama-3.1-8B" in " ".join(text.split())
    page = tmp_path / "like.html"
    shown = checked(invoke(*words, "--replays", "40", "--html", str(page), "--json", "-").stdout)
    assert shown["outputs"] == {"--html": str(page)}
    assert "second half (judged)" in page.read_text(encoding="utf-8")
    wrong = invoke("simulate", "serving", "--like", str(path), "--calibrate", "middle")
    assert wrong.exit_code == 2
    assert "first-half or all" in wrong.output


def test_a_page_and_a_trace_are_written(invoke: Invoke, checked: Check, tmp_path: Path) -> None:
    """Of all policies; a target that cannot be written is refused before the work."""
    page, trace = tmp_path / "report.html", tmp_path / "trace.json"
    words = (*SMALL, "--compare", "edf", "--instances", "2", "--html", str(page))
    document = checked(invoke(*words, "--perfetto", str(trace), "--json", "-").stdout)
    assert document["outputs"] == {"--html": str(page), "--perfetto": str(trace)}
    assert "uncalibrated" in page.read_text(encoding="utf-8")
    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    names = {e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert names == {f"{p} · instance {i}" for p in ("fcfs", "edf") for i in range(2)}
    assert invoke(*SMALL, "--html", "-").stdout.startswith("<!doctype html>")
    refused = invoke(*SMALL, "--html", str(tmp_path / "none" / "x.html"))
    assert (refused.exit_code, "there is no directory" in refused.output) == (2, True)


def test_capacity_is_searched_for_every_policy(invoke: Invoke, checked: Check) -> None:
    """Under each seed; a table for people and all points for machines."""
    load = ("simulate", "serving", "--requests", "80", "--blocks", "1500", "--slo", "ttft=2")
    words = (*load, "--compare", "conservative", "--capacity", "--seeds", "2")
    document = checked(invoke(*words, "--json", "-", "-q").stdout)
    assert [one["policy"] for one in document["capacities"]] == ["fcfs", "conservative"]
    for one in document["capacities"]:
        assert [search["seed"] for search in one["searches"]] == [0, 1]
        for search in one["searches"]:
            (found,) = [p for p in search["points"] if p["rate"] == search["rate"]]
            assert found["passed"]
            assert found["shares"][0] >= 0.95
            assert search["rate"] < search["ceiling"] <= 1.0101 * search["rate"]
    text = invoke(*words, "--goal", "queued:p90=1").output
    assert "p90 of queued <= 1 s" in text
    assert "finite load" in text


def test_a_capacity_needs_something_to_ask_for(invoke: Invoke) -> None:
    """Without --slo every rate would do; a goal of another form is told how to be written."""
    result = invoke("simulate", "serving", "--requests", "20", "--capacity")
    assert (result.exit_code, "asks for nothing" in result.output) == (2, True)
    result = invoke("simulate", "serving", "--requests", "20", "--capacity", "--goal", "fast")
    assert (result.exit_code, "is no goal" in result.output) == (2, True)


def test_a_text_that_is_no_trace_is_told_what_one_looks_like(
    invoke: Invoke, tmp_path: Path
) -> None:
    """In options that the command has."""
    path = tmp_path / "notes.csv"
    path.write_text("a,b\n1,2\n")
    result = invoke("simulate", "serving", "--trace", str(path))
    assert result.exit_code == 2
    assert "notes.csv, line 1" in result.output
    assert "arrival_s, prompt_tokens and output_tokens" in result.output
    assert "--from" not in result.output


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_tables_show_every_figure_in_any_width(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Where there is little room, figures stand below each other and names are broken."""
    monkeypatch.setenv("COLUMNS", columns)
    words = (*SMALL, "--compare", "shortest-remaining-oracle", "--slo", "ttft=5")
    wanted = ["shortest", "preempted", "goodput/s", "TPOT ms"]
    text = invoke(*words).output
    assert max(map(len, text.splitlines())) <= int(columns)
    assert all(part in text for part in wanted)
    assert "\u2026" not in text


def interrupted(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, at: str, *words: str
) -> tuple[int, str]:
    """Exit code and standard output of a command with Ctrl-C as it says this."""

    def note(session: Session, text: str) -> None:
        if text.startswith(at):
            raise KeyboardInterrupt

    monkeypatch.setattr(Session, "note", note)
    result = invoke(*words, "--json", "-")
    return result.exit_code, result.stdout


def test_an_interruption_shows_the_policies_that_are_done(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, checked: Check
) -> None:
    """If any is."""
    words = (*SMALL, "--compare", "conservative,past-future")
    code, text = interrupted(invoke, monkeypatch, "simulating past-future", *words)
    document = checked(text)
    assert (code, document["exit_code"], document["cancelled"]) == (130, 130, True)
    assert [arm["policy"] for arm in document["policies"]] == ["fcfs", "conservative"]
    code, text = interrupted(invoke, monkeypatch, "simulating fcfs", *words)
    assert (code, checked(text)["error"]["kind"]) == (130, "cancelled")


def test_an_interrupted_search_keeps_the_best_rate_so_far(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, checked: Check
) -> None:
    """With what is known to fail; of a policy that has not begun nothing is said."""
    load = ("simulate", "serving", "--requests", "80", "--blocks", "1500", "--slo", "ttft=2")
    words = (*load, "--capacity", "--compare", "conservative")
    whole = checked(invoke(*words, "--json", "-").stdout)["capacities"][0]["searches"][0]
    assert not any(p["rate"] > whole["rate"] and p["passed"] for p in whole["points"])
    code, text = interrupted(invoke, monkeypatch, "fcfs at 4", *words)
    document = checked(text)
    assert (code, document["cancelled"]) == (130, True)
    (only,) = document["capacities"]
    (found,) = only["searches"]
    assert len(found["points"]) < len(whole["points"])
    assert found["rate"] == max(p["rate"] for p in found["points"] if p["passed"])
    monkeypatch.undo()
    code, text = interrupted(invoke, monkeypatch, "conservative at", *words)
    assert [one["policy"] for one in checked(text)["capacities"]] == ["fcfs", "conservative"]


def test_what_is_loaded_from_a_second_tier_is_told(invoke: Invoke, checked: Check) -> None:
    """In the document and in the table, beside its size."""
    words = ("simulate", "serving", "--generate", "agents,sessions=8,scale_tokens=0.2")
    tier = (*words, "--blocks", "1500", "--rate", "3", "--offload", "20")
    document = checked(invoke(*tier, "--json", "-").stdout)
    assert document["engine"]["offload_blocks"] == 20 * 512
    assert document["policies"][0]["loaded_tokens"] > 0
    text = invoke(*tier).output
    assert "blocks offloaded" in " ".join(text.split())
    assert "loaded" in text
    without = checked(invoke(*words, "--blocks", "1500", "--rate", "3", "--json", "-").stdout)
    assert without["policies"][0]["loaded_tokens"] == 0
    found = [d["policies"][0]["prefix_hit_tokens"] for d in (without, document)]
    assert found[0] < found[1]


@pytest.mark.parametrize(
    "options",
    [
        ("--offload-bandwidth", "5"),
        ("--offload", "1", "--offload-bandwidth", "0"),
        ("--offload", "0.0001"),
        ("--offload", "nan"),
        ("--offload", "1", "--no-prefix-caching"),
    ],
)
def test_a_second_tier_that_would_mean_nothing_is_refused(
    options: tuple[str, ...], invoke: Invoke
) -> None:
    """With a message, and at once."""
    result = invoke(*SMALL, *options)
    assert result.exit_code == 2
    assert "offload" in result.output
