"""What is read of addresses, models, metrics and limits; and what a run leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.errors import EngineError, MakespanError, OptionError
from makespan.serving.load import Client, looking, play
from makespan.serving.load.failures import Failure, Kind
from makespan.serving.load.http import Exchange
from makespan.serving.load.http import Server as Address
from makespan.serving.load.looking import look_at, memory_of
from makespan.serving.load.programs import program_times
from makespan.serving.load.request import rejection
from makespan.serving.load.saving import limits_of, meta_path, save
from makespan.serving.record import Record
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.llmservingsim import read_recorded_run
from tests.serving.load.server import Server
from tests.serving.records import records


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000, "/v1"),
        ("localhost:1234/", "localhost", 1234, "/v1"),
        ("https://api.example.org/serving/v2/", "api.example.org", 443, "/serving/v2"),
        ("http://[::1]:80", "::1", 80, "/v1"),
    ],
)
def test_addresses(url: str, host: str, port: int, path: str) -> None:
    """As people write them."""
    server = Address.at(url)
    assert (server.host, server.port, server.path) == (host, port, path)
    assert Address.at(str(server)).host == host


@given(url=st.text(max_size=40) | st.text(alphabet="htp:/.@[]%#?a1 ", max_size=30))
def test_any_text_is_an_address_or_refused(url: str) -> None:
    """And nothing else happens."""
    with contextlib.suppress(OptionError):
        assert Address.at(url).host


@given(text=st.text(max_size=60) | st.text(alphabet="abcmxnums_kloqi=,0123456789 ", max_size=40))
def test_any_text_is_limits_or_refused(text: str) -> None:
    """And nothing else happens."""
    with contextlib.suppress(OptionError):
        assert all(value > 0 for value in limits_of(text).values())


METRICS = 'a 1\nvllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="28"} 1.0\n'


def test_memory_of_vllm_is_found_in_its_metrics() -> None:
    """One block is vLLM's own."""
    assert memory_of(METRICS) == (27, 16)
    assert memory_of("") == (None, None)
    assert memory_of(METRICS.replace('"28"', '"None"')) == (None, None)


@given(place=st.integers(0, len(METRICS) - 1), more=st.text(max_size=3), cut=st.integers(0, 3))
def test_damaged_metrics_tell_memory_or_nothing(place: int, more: str, cut: int) -> None:
    """Nothing else."""
    blocks, size = memory_of(METRICS[:place] + more + METRICS[place + cut :])
    assert (blocks is None) == (size is None)
    assert blocks is None or blocks >= 1


@settings(max_examples=60)
@given(
    text=st.text(max_size=40)
    | st.sampled_from(['{"data": [{}]}', '{"data": 3}', "[1]", "[" * 9999])
)
def test_any_list_of_models_is_read_or_empty(text: str) -> None:
    """And any error has its status."""
    looking._models(text)
    assert rejection(500, text).status == 500


def test_server_that_tells_nothing_can_be_used_with_a_model_named() -> None:
    """Nothing is known of it then."""
    with Server(vllm=False) as server:
        address = Address.at(server.url + "/v7")
        assert look_at(address, model="mine", key=None) == looking.About("mine")
        with pytest.raises(EngineError, match="does not say which models"):
            look_at(address, model=None, key=None)


def test_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After some patience."""
    monkeypatch.setattr(looking, "_PATIENCE", 0.2)
    with Server(silent=True) as server, pytest.raises(EngineError, match=r"within 0\.2 s"):
        look_at(Address.at(server.url), model="toy", key=None)


def test_connection_that_does_not_come_about_is_given_up() -> None:
    """A listening socket whose queue is full accepts nobody."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = Address.at(f"http://127.0.0.1:{listening.getsockname()[1]}")

        async def many() -> list[object]:
            async def one() -> None:
                async with Exchange(address, "/", connect_limit=0.3):
                    pass

            tasks = [asyncio.create_task(one()) for _ in range(8)]
            done, waiting = await asyncio.wait(tasks, timeout=2.0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            return [task.exception() for task in done]

        errors = asyncio.run(many())
    assert errors
    assert all(isinstance(e, Failure) and e.kind is Kind.UNREACHABLE for e in errors)


@given(record=records())
def test_program_times_are_those_of_whole_programs(record: Record) -> None:
    """By their definition, one by one."""
    times, count = program_times(record)
    program = record.workload.program
    names = sorted(set(program[program >= 0].tolist()))
    assert count == len(names)
    expected = []
    for name in names:
        members = np.flatnonzero(program == name)
        if record.finished[members].all():
            expected.append(int(record.last[members].max() - record.sent[members].min()))
    assert times.tolist() == expected


def test_saved_run_is_exact_and_leaves_out_what_failed(tmp_path: Path) -> None:
    """Times come back to the picosecond, in the order of sending."""
    work = Workload(
        "mine", np.array([0, 3 * PICOSECONDS // 1000]), np.array([9, 4]), np.array([3, 2])
    )
    with Server(pace=0.001) as server:
        run = play(work, Client(Address.at(server.url), "toy"), time_limit=20)
    path = tmp_path / "x_requests.jsonl"
    save(run, path, model="toy", limits={}, version="")
    found = read_recorded_run(path)
    assert found.first_token.tolist() == run.record.first.tolist()
    assert found.last_token.tolist() == run.record.last.tolist()
    assert found.queued.tolist() == run.record.sent.tolist()
    assert found.settings is None
    assert found.model == "toy"


def test_run_without_an_answer_is_not_saved(tmp_path: Path) -> None:
    """There would be nothing to replay."""
    with Server() as server:
        pass
    run = play(
        Workload("mine", np.array([0]), np.array([9]), np.array([3])),
        Client(Address.at(server.url), "toy"),
    )
    with pytest.raises(OptionError, match="no request has finished"):
        save(run, tmp_path / "x_requests.jsonl", model="toy", limits={}, version="")
    with pytest.raises(MakespanError, match=r"requests\.jsonl"):
        meta_path(tmp_path / "x.json")
