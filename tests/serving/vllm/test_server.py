"""A real vLLM server with a policy inside, and the load generator as its clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from makespan.core.errors import EngineError
from makespan.serving.fidelity.replay import Replay
from makespan.serving.load import Client, play
from makespan.serving.load.http import Server
from makespan.serving.load.looking import About, look_at
from makespan.serving.load.saving import save
from makespan.serving.record import Fate
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.llmservingsim import read_recorded_run
from tests.serving.vllm.servers import KEY, serving

# A server takes half a minute to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LOAD = Workload(
    "four",
    np.array([0, 0, 0, PICOSECONDS // 2]),
    np.array([150, 40, 90, 64]),
    np.array([12, 20, 8, 6]),
    program=np.array([0, -1, -1, 0]),
    parent_ptr=np.array([0, 0, 0, 0, 1]),
    parent=np.array([0]),
    delay=np.array([PICOSECONDS // 100]),
    slo=np.array([0, 0, 0, 0]),
    slos=(Slo("chat", deadline=600 * PICOSECONDS),),
)


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the model, shut down in the end by the signal that a service manager sends."""
    words = ["--policy", "shortest-prompt", "--slo", "chat:deadline=600"]
    with serving(model, tmp_path_factory.mktemp("server"), words) as address:
        yield address


@pytest.fixture
def client(server: Server) -> Client:
    """Who plays loads against it."""
    return Client(server, "smol", key=KEY, hints=True)


def test_server_tells_what_it_is(server: Server) -> None:
    """Version and memory, of which vLLM keeps one block for itself."""
    about = look_at(server, model=None, key=KEY)
    assert about == About("smol", about.version, 64, 32, 1024)
    assert about.version.startswith("0.32")


def test_clients_without_the_key_get_nothing(server: Server) -> None:
    """The key that the command was given in a variable is asked for."""
    with pytest.raises(EngineError, match="wants another key"):
        look_at(server, model="smol", key="another")


def test_load_is_answered_and_measured(client: Client, tmp_path: Path) -> None:
    """Lengths are those of the load, stages wait, and the run can be replayed."""
    run = play(LOAD, client, time_limit=600)
    assert not run.failures
    record = run.record
    assert record.fate.tolist() == [Fate.FINISHED] * 4
    assert [len(words) for words in run.answers] == LOAD.output.tolist()
    assert record.sent[3] >= record.last[0] + PICOSECONDS // 100
    summary = record.summary()
    assert summary.goodput > 0
    assert summary.attainment[0].attained == 4
    assert (record.gap > 0).all()
    path = tmp_path / "smol_requests.jsonl"
    limits = {"max_num_seqs": 1, "max_num_batched_tokens": 256, "blocks": 64, "block_size": 32}
    save(run, path, model="smol", limits=limits, version="0.32.0")
    assert Replay.of(read_recorded_run(path)).workload.count == 4


def test_policy_rules_the_server(client: Client) -> None:
    """Of those who wait for the only seat the shortest prompt comes first."""
    prompt = np.array([400, 300, 200, 100])
    line = Workload("line", np.arange(4) * PICOSECONDS // 50, prompt, np.array([60, 2, 2, 2]))
    record = play(line, client, time_limit=600).record
    assert record.finished.all()
    # The one that was sent first has gone before them, unless the machine is so busy that all wait.
    assert [r for r in np.argsort(record.first).tolist() if r] == [3, 2, 1]


def test_client_that_hangs_up_gets_its_tokens(client: Client) -> None:
    """And the server, which was asked for many more, serves the next one."""
    vague = replace(client, hang_up=True)
    load = Workload("vague", np.array([0]), np.array([30]), np.array([5]), cap=np.array([900]))
    for _ in range(2):
        run = play(load, vague, time_limit=300)
        assert run.record.finished.all()
        assert len(run.answers[0]) == 5
