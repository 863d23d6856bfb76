"""Runs that are short, long, incomplete, of one kind, or of clocks that run apart."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makespan.core.errors import FormatError, OptionError
from makespan.io.text import Text
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.models import model
from makespan.serving.cost.step import LinearCost
from makespan.serving.fidelity import fitting
from makespan.serving.fidelity.fitting import CHUNKED, Fit, as_served, fit_run
from makespan.serving.fidelity.replay import Replay
from makespan.serving.fidelity.stated import on_one_clock, utilisation_of
from makespan.serving.workloads.llmservingsim import read_recorded_run, recorded_run
from tests.serving.fidelity.truth import DELAY, TRUTH, recorded

GUESS = LinearCost(2 * 10**10, 2 * 10**8, 200_000, 3 * 10**7, 1000)


def told(folder: Path, change: Callable[[dict[str, Any]], None], **options: Any) -> Replay:
    """A run of the truth whose file about the engine is changed."""
    path = recorded(folder, **options)
    about = folder / "truth_meta.json"
    meta = json.loads(about.read_text())
    change(meta)
    about.write_text(json.dumps(meta))
    return Replay.of(read_recorded_run(path))


def rewritten(path: Path, change: Callable[[int, dict[str, Any]], None]) -> Path:
    """The same file with its requests changed, by number."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        change(number, row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def usable(fit: Fit, replay: Replay) -> bool:
    """Whether a run can be replayed with what was fitted."""
    seen, _ = replay.simulated(fit.cost, fit.delay)
    errors = replay.errors(seen, np.ones(replay.workload.count, dtype=bool))
    return bool(np.isfinite(fit.loss)) and all(np.isfinite(list(errors.values())))


TIMES = st.lists(st.integers(0, 3_000_000), min_size=4, max_size=4)
ROWS = st.lists(
    st.tuples(st.integers(1, 3000), st.integers(1, 60), st.integers(0, 20_000_000), TIMES),
    min_size=2,
    max_size=8,
)
LIMITS = {
    "max_num_seqs": st.one_of(st.integers(1, 400), st.sampled_from(["many", None, 0])),
    "max_num_batched_tokens": st.one_of(st.integers(1, 4000), st.sampled_from([None, -1])),
    "data_parallel_size": st.sampled_from([1, 2, None, "two"]),
    "enable_expert_parallel": st.booleans(),
}
ABOUT = st.fixed_dictionaries(
    {},
    optional={
        "engine_kwargs": st.one_of(
            st.fixed_dictionaries({}, optional=LIMITS), st.sampled_from([None, 3])
        ),
        "kv_cache": st.one_of(
            st.fixed_dictionaries({}, optional={"num_gpu_blocks": st.integers(2, 3000)}),
            st.none(),
        ),
        "vllm_version": st.sampled_from(["0.9.2", "0.19.0", "dev"]),
        "hardware": st.sampled_from([None, {"device_name": "AMD EPYC 7R32"}, {}]),
        "resolved_config": st.sampled_from([None, {"scheduler_config": {"async_scheduling": 1}}]),
    },
)


@given(ROWS, ABOUT)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_run_is_fitted_or_refused_in_words(
    rows: list[tuple[int, int, int, list[int]]], about: dict[str, Any]
) -> None:
    """Whatever its times say, and whatever the file about the engine leaves out."""
    lines = []
    for prompt, output, sent, waits in rows:
        queued, scheduled, first, last = np.cumsum([sent + waits[0], *waits[1:]])
        row = {"input_toks": prompt, "output_toks": output, "arrival_time": 1e9 + sent / 1e6,
               "queued_ts": queued / 1e6, "scheduled_ts": scheduled / 1e6,
               "first_token_ts": first / 1e6, "last_token_ts": last / 1e6}  # fmt: skip
        lines.append(json.dumps(row))
    try:
        run = recorded_run(Text("\n".join(lines), "x.jsonl"), Text(json.dumps(about), "meta.json"))
        replay = Replay.of(run)
        fit = fit_run(replay, replay.first_half, GUESS, replays=12)
        assert usable(fit, replay)
    except (OptionError, FormatError):
        return


def test_answers_of_one_token_have_no_time_per_token(tmp_path: Path) -> None:
    """Embeddings and classifications are fitted by their latencies."""

    def cut(_: int, row: dict[str, Any]) -> None:
        row["output_toks"], row["last_token_ts"] = 1, row["first_token_ts"]

    path = rewritten(recorded(tmp_path, requests=40, blocks=4000), cut)
    replay = Replay.of(read_recorded_run(path))
    fit = fit_run(replay, replay.first_half, GUESS, replays=40)
    assert usable(fit, replay)
    seen, _ = replay.simulated(fit.cost, fit.delay)
    errors = replay.errors(seen, ~replay.first_half)
    assert {name.split("_")[0] for name in errors} == {"ttft", "e2e"}
    assert abs(errors["ttft_p50"]) < 0.5


def test_requests_all_alike_are_enough(tmp_path: Path) -> None:
    """What they say nothing of stays as it was."""
    path = recorded(tmp_path, requests=60, blocks=4000, alike=True)
    replay = Replay.of(read_recorded_run(path))
    fit = fit_run(replay, replay.first_half, TRUTH, replays=80)
    assert usable(fit, replay)
    for factor in (*fit.cost.factors, fit.cost.per_context, fit.cost.per_pair):
        assert factor == pytest.approx(1.0, abs=0.25)
    seen, _ = replay.simulated(fit.cost, fit.delay)
    assert abs(replay.errors(seen, ~replay.first_half)["e2e_mean"]) < 0.03


def test_few_requests_weigh_less_than_what_was_known(tmp_path: Path) -> None:
    """Where three requests of an engine that is a quarter slower are all there is."""
    replay = Replay.of(read_recorded_run(recorded(tmp_path, requests=100, blocks=4000)))
    shaped = LinearCost(2 * 10**10, 5 * 10**7, 150_000, 2 * 10**7, 800)
    few, many = np.arange(100) < 3, np.arange(100) < 80
    spread = []
    for chosen in (few, many):
        found = fit_run(replay, chosen, shaped, replays=80)
        assert found.requests == chosen.sum()
        logs = np.log(found.cost.factors)
        spread.append(float(np.ptp(logs)))
    assert spread[0] < spread[1]


def test_of_a_long_run_the_beginning_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many requests as are affordable, and those that share the engine with them."""
    replay = Replay.of(read_recorded_run(recorded(tmp_path, requests=100, blocks=4000)))
    monkeypatch.setattr(fitting, "MOST", 25)
    fit = fit_run(replay, replay.first_half, TRUTH, replays=30)
    assert fit.requests == 25
    assert usable(fit, replay)
    assert replay.head(30).workload.count == len(replay.head(30).real.ttft) == 30
    assert replay.head(100) is replay


def test_no_requests_cannot_be_fitted(tmp_path: Path) -> None:
    """A refusal in words."""
    replay = Replay.of(read_recorded_run(recorded(tmp_path, requests=4)))
    with pytest.raises(OptionError, match="no requests"):
        fit_run(replay, np.zeros(4, dtype=bool), TRUTH)


@pytest.mark.parametrize("jump", [False, True])
def test_clocks_that_run_apart_are_brought_together(tmp_path: Path, jump: bool) -> None:
    """A drift, or a clock that is set, by two seconds in the run."""
    path = recorded(tmp_path, requests=120, blocks=4000)
    straight = Replay.of(read_recorded_run(path))
    assert on_one_clock(read_recorded_run(path))[1] == 0

    def late(number: int, row: dict[str, Any]) -> None:
        row["arrival_time"] += 2.0 if jump and number >= 60 else -2.0 * number / 119 * (not jump)

    run = read_recorded_run(rewritten(path, late))
    load, apart = on_one_clock(run)
    assert 1.5e12 < apart < 2.5e12
    assert np.all(np.diff(load.arrival) >= 0)
    replay = Replay.of(run)
    assert re.search(r"clocks [12]\.\d s apart are brought together", replay.assumed)
    every = np.ones(120, dtype=bool)
    seen, _ = replay.simulated(TRUTH, DELAY)
    for name, error in replay.errors(seen, every).items():
        assert abs(error) < 0.15, (name, error)
    # Arrivals are where they were, but for a step and for those around a jump.
    base = straight.workload.arrival
    moved = np.abs((replay.workload.arrival - replay.workload.arrival[0]) - (base - base[0]))
    assert np.quantile(moved, 0.8) < 0.2e12


def test_places_that_are_not_stated_are_counted(tmp_path: Path) -> None:
    """Where others waited, as many as ran."""

    def silent(meta: dict[str, Any]) -> None:
        del meta["engine_kwargs"]["max_num_seqs"]

    replay = told(tmp_path, silent, requests=150, blocks=4000, slow=12)
    # The truth's 64; a request that was preempted has been scheduled, too.
    assert 64 <= replay.settings.max_num_seqs <= 70
    assert "requests a step, as many as were seen at a time" in replay.assumed
    assert replay.settings.max_num_batched_tokens == 512
    assert replay.settings.blocks == 3999


def test_an_engine_on_a_cpu_does_not_plan_ahead(tmp_path: Path) -> None:
    """As vLLM has it, unless the run says otherwise."""

    def on_cpu(meta: dict[str, Any]) -> None:
        del meta["resolved_config"]
        meta |= {"vllm_version": "0.32.0", "hardware": {"device_name": "AMD EPYC 7R32"}}

    assert not told(tmp_path, on_cpu, requests=6).settings.async_scheduling


@pytest.mark.parametrize(("stated", "share"), [(0.95, 0.95), (None, 0.9), (3, 0.9), ("x", 0.9)])
def test_memory_is_what_the_engine_could_use(tmp_path: Path, stated: Any, share: float) -> None:
    """A stated share counts; a model that does not fit by our count did fit."""
    path = recorded(tmp_path, requests=6, blocks=None)
    about = tmp_path / "truth_meta.json"
    meta = json.loads(about.read_text())
    meta["engine_kwargs"]["gpu_memory_utilization"] = stated
    about.write_text(json.dumps(meta))
    run = read_recorded_run(path)
    assert utilisation_of(run) == share
    replay = Replay.of(run)
    gpu, small, large = hardware("RTX-4090"), model("Llama-3.1-8B"), model("Llama-3.1-70B")
    least = replay.with_memory(gpu, small, 1, utilisation=0.85).settings.blocks
    assert least < replay.with_memory(gpu, small, 1, utilisation=share).settings.blocks
    assert replay.with_memory(gpu, large, 1) is replay


def test_operators_as_served_cost_more_with_part_of_a_prompt() -> None:
    """And the same without."""
    cost = as_served(TRUTH)
    assert cost.decode(5) == TRUTH.decode(5)
    more = cost.step(300, 5, 3000, 90_000) - TRUTH.step(300, 5, 3000, 90_000)
    assert more == CHUNKED[0] * 10**9
