"""Figures of the public traces, where they are present: they test the readers, not the data."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.core.errors import FormatError
from makespan.serving.workloads import describe, read_recorded_run, read_workload
from makespan.serving.workloads.lengths import Quantiles
from makespan.serving.workloads.published import published
from makespan.serving.workloads.servegen import read_clients
from tests.conftest import DATA

pytestmark = pytest.mark.data
FOLDER = DATA / "serving"
S = 10**12


@pytest.fixture
def traces():
    """Folder of the public traces of serving; skips where it is absent."""
    if not FOLDER.is_dir():
        pytest.skip(f"public serving traces absent: no {FOLDER} (set MAKESPAN_DATA)")
    return FOLDER


@pytest.mark.parametrize(
    ("part", "count", "prompt", "output", "first", "last"),
    [
        ("code", 8819, 2047.848, 27.8825, (4808, 10), (549, 173)),
        ("conv", 19366, 1154.697, 211.1259, (374, 44), None),
    ],
)
def test_azure(traces, part, count, prompt, output, first, last):
    """Rows, means, the first and last row, and the span to the ten-millionth of a second."""
    load = read_workload(traces / "azure-2023" / f"AzureLLMInferenceTrace_{part}.csv")
    assert load.count == count
    assert load.prompt.mean() == pytest.approx(prompt, abs=1e-3)
    assert load.output.mean() == pytest.approx(output, abs=1e-3)
    assert (load.prompt[0], load.output[0]) == first
    if last is not None:
        assert (load.prompt[-1], load.output[-1]) == last
    spans = {"code": 3_435_948_056, "conv": 3_501_721_937}
    assert load.span == spans[part] * 10**6
    assert load.arrival[0] == 0


def test_published_quantiles_are_those_of_the_azure_files(traces):
    """Quantiles typed in for the generators are the files' own."""
    for part, name in (("code", "azure-code"), ("conv", "azure-conversation")):
        load = read_workload(traces / "azure-2023" / f"AzureLLMInferenceTrace_{part}.csv")
        pair = published(name)
        for tokens, law in ((load.prompt, pair.prompt), (load.output, pair.output)):
            assert isinstance(law, Quantiles)
            found = np.quantile(tokens.astype(np.float64), law.levels)
            assert found == pytest.approx(law.values, abs=1)


def test_mooncake_has_its_published_ideal_hit_rate(traces):
    """12,031 requests in 59 minutes, of whose blocks an infinite cache finds 36.6 %."""
    load = read_workload(traces / "mooncake-fast25" / "conversation_trace.jsonl")
    found = describe(load)
    assert (load.count, load.grain) == (12031, 512)
    assert found.span == pytest.approx(3537, abs=0.01)
    assert found.prompt.mean == pytest.approx(12035.06, abs=0.01)
    assert found.sharing.blocks == 288_500
    assert round(100 * found.sharing.rate, 1) == 36.6


def test_mooncake_scaled_keeps_its_hit_rate(traces):
    """Shrunk 32 times, blocks of 16 tokens are shared as those of 512 were."""
    load = read_workload(
        traces / "mooncake-fast25" / "conversation_trace.jsonl", scale_lengths=1 / 32
    )
    assert load.grain == 16
    assert describe(load).sharing.hits == pytest.approx(105_592, rel=0.001)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("RTX4090_Llama-3.1-8B", 2587),
        ("RTXPRO6000_Llama-3.1-8B", None),
        ("RTXPRO6000_Qwen3-30B-A3B-Instruct-2507", None),
    ],
)
def test_recorded_runs(traces, name, blocks):
    """300 requests each, in the order of causes, with the engine they ran on."""
    run = read_recorded_run(traces / "llmservingsim" / f"{name}_requests.jsonl")
    assert run.workload.count == 300
    assert run.engine == "vLLM 0.19.0"
    for before, after in (
        (run.workload.arrival, run.queued),
        (run.queued, run.scheduled),
        (run.scheduled, run.first_token),
        (run.first_token, run.last_token),
    ):
        assert (before <= after).all()
    assert (run.queued - run.workload.arrival).min() == 0
    assert (run.settings.blocks if run.settings else None) == blocks


def test_a_recorded_run_has_the_known_waiting(traces):
    """The overloaded run waits 65.5 s for its first token in the mean."""
    run = read_recorded_run(traces / "llmservingsim" / "RTX4090_Llama-3.1-8B_requests.jsonl")
    assert run.ttft.mean() / S == pytest.approx(65.5, abs=0.1)


def test_vidur_lengths(traces):
    """28,257 pairs, sent at once."""
    load = read_workload(
        traces / "vidur" / "arxiv_summarization_stats_llama2_tokenizer_filtered_v2.csv"
    )
    assert load.count == 28257
    assert (load.prompt[0], load.output[0]) == (3772, 54)


@pytest.mark.parametrize(("folder", "windows"), [("m-small", 2016), ("deepseek-r1", 144)])
def test_servegen_clients(traces, folder, windows):
    """Five clients each; their loads have the rates and lengths that the files state."""
    clients = read_clients(traces / "servegen" / folder)
    assert len(clients) == 5
    assert {len(client.begin) for client in clients} == {windows}
    busy = max(range(windows), key=lambda k: sum(float(client.rate[k]) for client in clients))
    start = int(clients[0].begin[busy])
    rate = sum(float(client.rate[busy]) for client in clients)
    load = read_workload(traces / "servegen" / folder, start=start, until=start + 600, seed=1)
    assert load.count == pytest.approx(600 * rate, rel=0.25)


def test_the_published_table_of_measurements_is_no_load(traces):
    """Splitwise's performance table has token counts but no requests."""
    with pytest.raises(FormatError, match="no known workload"):
        read_workload(traces / "splitwise-sim" / "perf_model.csv")
