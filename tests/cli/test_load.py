"""``makespan load``: a server is asked, a load is played, and what it got is shown and kept."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from tests.cli.conftest import Check, Invoke, Start
from tests.serving.load.server import Server, plain

from makespan.serving.fidelity.replay import Replay
from makespan.serving.workloads.llmservingsim import read_recorded_run

SMALL = ("--generate", "independent,lengths=azure-code", "--requests", "12", "--rate", "400")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A load of short requests, two of which are stages of one program."""
    path = tmp_path / "load.csv"
    path.write_text(
        "arrival_s,prompt_tokens,output_tokens,program,parents\n"
        "0,20,4,1,\n0.005,30,2,,\n0.01,25,3,1,0\n0.02,9,5,,\n"
    )
    return path


def test_clients_of_a_load_are_measured(invoke: Invoke, checked: Check, trace: Path) -> None:
    """Everything that the contract promises is there and true."""
    with Server() as server:
        result = invoke(
            "load", server.url, "--trace", str(trace), "--slo", "ttft=5,deadline=20", "--json", "-"
        )
    assert result.exit_code == 0, result.output
    document = checked(result.stdout)
    assert document["model"] == "toy"
    assert document["server_version"] == "0.32.0"
    assert document["fates"]["finished"] == 4
    assert document["failures"] == []
    assert document["attainment"] == [{"slo": "all", "requests": 4, "attained": 4}]
    assert document["programs"]["count"] == document["programs"]["finished"] == 1
    assert document["programs"]["jct"]["mean"] > 0
    assert document["latencies"]["ttft"]["p99"] > 0
    assert "measured at the client" in result.stderr
    assert "JCT" in result.stderr


def test_run_that_was_kept_is_replayed(
    invoke: Invoke, checked: Check, trace: Path, tmp_path: Path
) -> None:
    """With the memory that vLLM told and the limits that the user knows."""
    run = tmp_path / "toy_requests.jsonl"
    trace.write_text(
        "".join(line.rpartition(",")[0] + "\n" for line in trace.read_text().splitlines())
    )
    with Server(pace=0.001) as server:
        result = invoke(
            *("load", server.url, "--trace", str(trace), "--save", str(run)),
            *("--engine", "max_num_seqs=8,max_num_batched_tokens=256", "--json", "-"),
        )
    assert result.exit_code == 0, result.output
    assert checked(result.stdout)["outputs"] == {"--save": str(run)}
    recorded = read_recorded_run(run)
    assert recorded.engine == "vLLM 0.32.0"
    replay = Replay.of(recorded)
    assert (replay.settings.blocks, replay.settings.block_size) == (400, 32)
    assert (replay.settings.max_num_seqs, replay.settings.max_num_batched_tokens) == (8, 256)
    assert sorted(recorded.workload.output.tolist()) == [2, 3, 4, 5]
    assert (recorded.ttft > 0).all()
    again = invoke("simulate", "serving", "--like", str(run), "--trace", str(trace), "--json", "-")
    assert again.exit_code == 0, again.output
    assert checked(again.stdout)["requests"] == 4


def test_closed_loop_of_clients(invoke: Invoke, checked: Check) -> None:
    """Each of its requests waits for the one before it."""
    with Server() as server:
        result = invoke(
            *(
                "load",
                server.url,
                *SMALL[:4],
                "--clients",
                "3",
                "--think",
                "0.001",
                "--json",
                "-",
                "-q",
            )
        )
    document = checked(result.stdout)
    assert document["clients"] == 3
    assert document["fates"]["finished"] == 12
    assert not result.stderr


def test_failures_are_told_by_kind(invoke: Invoke, checked: Check, trace: Path) -> None:
    """With the reason of the first; the others count."""

    async def refuse(asked: object, writer: object) -> None:
        await plain(writer, 503, {"error": {"message": "full"}})

    with Server(misbehave={1: refuse}) as server:
        result = invoke("load", server.url, "--trace", str(trace), "--json", "-")
    assert result.exit_code == 0
    document = checked(result.stdout)
    assert document["failures"] == [{"kind": "rejected", "count": 1, "first": "HTTP 503, full"}]
    assert "1 rejected by the server" in result.stderr
    with Server(misbehave=dict.fromkeys(range(4), refuse)) as server:
        lost = invoke("load", server.url, "--trace", str(trace), "--json", "-")
    assert lost.exit_code == 1
    assert checked(lost.stdout)["latencies"]["ttft"]["mean"] is None


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--rate", "0"), "positive"),
        (("--rate", "1", "--clients", "2"), "contradict"),
        (("--think", "1"), "--clients"),
        (("--dialect", "klingon"), "klingon"),
        (("--slo", "speed=1"), "'speed=1' is no term"),
        (("--vocabulary", "12"), "--vocabulary"),
        (("--vocabulary", "12,3"), "no token"),
        (("--engine", "wheels=4"), "'wheels=4' is no limit"),
        (("--timeout", "0"), "timeout"),
        (("--save", "run.json"), "requests.jsonl"),
        (("--api-key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY holds no key"),
        (("--model", "other"), "there is toy"),
    ],
)
def test_bad_input_is_told_in_a_line(
    invoke: Invoke, trace: Path, words: tuple[str, ...], part: str
) -> None:
    """Exit code 2, and the load is not sent."""
    with Server() as server:
        result = invoke("load", server.url, "--trace", str(trace), *words)
        assert not server.asked
    assert result.exit_code == 2, result.output
    assert part in " ".join(result.output.split())


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://u:secret@host", "http://h:99999"])
def test_what_is_no_server_is_refused(invoke: Invoke, url: str) -> None:
    """And a password in a URL is not repeated."""
    result = invoke("load", url, *SMALL)
    assert result.exit_code == 2
    assert "secret" not in result.output


def test_nobody_there_is_told_before_the_load(invoke: Invoke) -> None:
    """With the address and what to look for."""
    with Server() as server:
        pass
    result = invoke("load", server.url, *SMALL)
    assert result.exit_code == 2
    assert server.url in result.output
    assert "is an OpenAI-compatible server running there?" in " ".join(result.output.split())


def test_wrong_key_is_told_before_the_load(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, trace: Path
) -> None:
    """Keys are never shown."""
    monkeypatch.setenv("TOY_KEY", "wr0ng")
    with Server(key="s3cret") as server:
        words = ("load", server.url, "--trace", str(trace), "--api-key-env", "TOY_KEY")
        result = invoke(*words)
        assert result.exit_code == 2
        assert "wants another key" in result.output
        assert "wr0ng" not in result.output
        monkeypatch.setenv("TOY_KEY", "s3cret")
        assert invoke(*words).exit_code == 0


def test_several_models_must_be_told_apart(invoke: Invoke, trace: Path) -> None:
    """The message names them."""
    with Server(models=("small", "large")) as server:
        result = invoke("load", server.url, "--trace", str(trace))
    assert result.exit_code == 2
    assert "small, large" in result.output


def test_interrupt_shows_what_was_measured(start: Start, checked: Check, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, and the document is there."""
    path = tmp_path / "load.csv"
    path.write_text("arrival_s,prompt_tokens,output_tokens\n0,20,2\n0,20,3000\n1000,5,5\n")
    with (
        Server(pace=0.01) as server,
        start("load", server.url, "--trace", str(path), "--json", "-") as process,
    ):
        patience = time.monotonic() + 60
        while len(server.asked) < 2 and time.monotonic() < patience:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    document = checked(out)
    assert document["cancelled"]
    assert document["fates"]["finished"] == 1
    assert json.loads(out)["exit_code"] == 130
    assert "2 of 3 sent" in err
