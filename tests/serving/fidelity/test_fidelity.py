"""Replays and fits: what a simulated engine did is told from its recorded timings alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from makespan.core.errors import OptionError
from makespan.serving.cost import Host, OperatorCost
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.knots import KnotCost
from makespan.serving.cost.models import model
from makespan.serving.cost.step import LinearCost
from makespan.serving.fidelity.fitting import fit_run
from makespan.serving.fidelity.naming import cost_of_run, known_device, known_model, named_in
from makespan.serving.fidelity.replay import Replay
from makespan.serving.fidelity.stated import AMPLE_BLOCKS
from makespan.serving.workloads.llmservingsim import read_recorded_run
from tests.serving.fidelity.truth import DELAY, TRUTH, recorded

MEANS = ("ttft_mean", "tpot_mean", "e2e_mean")


def replay_of(path: Path) -> Replay:
    """The run of a file, made ready."""
    return Replay.of(read_recorded_run(path))


@pytest.mark.parametrize(("ahead", "engines"), [(False, 1), (True, 1), (True, 2)])
def test_the_true_costs_replay_the_run(tmp_path: Path, ahead: bool, engines: int) -> None:
    """But for the clocks: the least time from arrival to queue is not known, and taken to be 0."""
    replay = replay_of(recorded(tmp_path, ahead=ahead, engines=engines))
    plans = replay.settings.async_scheduling
    assert (plans, replay.instances, replay.in_step) == (ahead, engines, engines > 1)
    seen, record = replay.simulated(TRUTH, DELAY)
    assert (record.preemptions.sum() > 0) == (engines == 1)
    errors = replay.errors(seen, replay.first_half)
    assert set(errors) == {
        f"{m}_{f}" for m in ("ttft", "tpot", "e2e") for f in ("mean", "p50", "p90", "p99")
    }
    assert max(abs(error) for error in errors.values()) < 0.02


def test_a_fit_to_the_first_half_foretells_the_second(tmp_path: Path) -> None:
    """Without knowing the costs, and with a wrong idea of them."""
    replay = replay_of(recorded(tmp_path, ahead=True))
    half = replay.first_half
    guess = LinearCost(4 * 10**10, 3 * 10**8, 100_000, 5 * 10**7, 3000)
    found = fit_run(replay, half, guess, replays=160, seed=1)
    assert found == fit_run(replay, half, guess, replays=160, seed=1)
    for fit, least in ((found, 0.03), (fit_run(replay, half, replays=160), 0.08)):
        assert fit.replays <= 175
        seen, _ = replay.simulated(fit.cost, fit.delay)
        errors = replay.errors(seen, ~half)
        for name in MEANS:
            assert abs(errors[name]) < least, errors
    wrong, _ = replay.simulated(guess, 0)
    assert max(abs(e) for e in replay.errors(wrong, ~half).values()) > 0.3


def test_a_cold_engine_does_not_bend_the_fit(tmp_path: Path) -> None:
    """Three of sixty requests were a second late."""
    replay = replay_of(recorded(tmp_path, requests=60, blocks=400, first_slow=(0, 1, 2)))
    every = np.ones(60, dtype=bool)
    fit = fit_run(replay, every, TRUTH, replays=120)
    for factor in (*fit.cost.factors, fit.cost.per_context):
        assert factor == pytest.approx(1.0, abs=0.08)


def test_what_the_run_does_not_say_is_assumed_and_told(tmp_path: Path) -> None:
    """Memory that never binds, or what fits; steps planned ahead; vLLM's limits."""
    path = recorded(tmp_path, blocks=None, requests=10)
    about = tmp_path / "truth_meta.json"
    meta = json.loads(about.read_text())
    del meta["resolved_config"]
    about.write_text(json.dumps({**meta, "vllm_version": "0.13.0"}))
    replay = replay_of(path)
    assert not replay.settings.async_scheduling
    assert replay.settings.blocks == AMPLE_BLOCKS
    assert replay.assumed == f"{AMPLE_BLOCKS:,} KV blocks, so that memory never binds"
    about.write_text(json.dumps({**meta, "vllm_version": "0.19.0"}))
    replay = replay_of(path)
    assert replay.settings.async_scheduling
    assert replay.assumed.endswith("never binds; steps are planned one ahead, vLLM's default")
    fitting = replay.with_memory(hardware("RTX-4090"), model("Llama-3.1-8B"), 1)
    assert 2000 < fitting.settings.blocks < 3000
    assert "what fits beside Llama-3.1-8B on 1 x RTX-4090; steps" in fitting.assumed
    about.unlink()
    replay = replay_of(path)
    assert (replay.settings.max_num_seqs, replay.settings.max_num_batched_tokens) == (256, 2048)
    assert "256 requests a step, since none waited long" in replay.assumed
    assert "2,048 tokens a step, vLLM's default" in replay.assumed


def test_memory_that_the_run_states_is_kept(tmp_path: Path) -> None:
    """Whatever would fit."""
    replay = replay_of(recorded(tmp_path, requests=10))
    assert replay.with_memory(hardware("RTX-4090"), model("Llama-3.1-8B"), 1) is replay


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "Qwen3-30B-A3B"),
        ("somebody/Llama-3.1-80B", None),
        ("", None),
    ],
)
def test_models_are_known_by_the_beginning_of_their_names(name: str, known: str | None) -> None:
    """Word by word."""
    assert known_model(name) == known


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX-PRO-6000"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM-80GB"),
        ("Some CPU", None),
        ("", None),
    ],
)
def test_devices_are_known_by_the_words_of_their_names(name: str, known: str | None) -> None:
    """As drivers call them."""
    assert known_device(name) == known


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("x/RTXPRO6000_Llama-3.1-8B_requests.jsonl", ("Llama-3.1-8B", "RTX-PRO-6000")),
        ("runs/H100_Qwen3-32B/vllm/requests.jsonl", ("Qwen3-32B", "H100-SXM")),
        ("a100_sxm/L40S_requests.jsonl", (None, "L40S")),
        ("A10_requests.jsonl", (None, "A10")),
        ("A1_requests.jsonl", (None, None)),
        ("a/b/c/d/e/RTX4090/f/g/h/i.jsonl", (None, None)),
        ("2026_run_300.jsonl", (None, None)),
        ("", (None, None)),
    ],
)
def test_files_are_named_by_model_and_device(path: str, named: tuple[str | None, ...]) -> None:
    """Of the file, or of a folder near it; nothing is read into a date or a number."""
    assert named_in(path) == named


def test_what_a_run_states_counts_before_the_name_of_its_file(tmp_path: Path) -> None:
    """Also where what it states is not known."""
    run = read_recorded_run(recorded(tmp_path, requests=4))
    replay = Replay.of(run)
    path = "RTX4090_Llama-3.1-8B_requests.jsonl"
    assert cost_of_run(run, replay, path=path) is None  # it states the model "none"
    told = cost_of_run(replace(run, model=""), replay, path=path)
    assert told is not None
    assert (told.kernels.device.name, told.kernels.shape.name) == ("RTX-4090", "Llama-3.1-8B")
    other = replace(run, model="", hardware="Some NPU")
    assert cost_of_run(other, replay, path=path) is None


def test_a_run_that_names_model_and_device_has_a_cost(tmp_path: Path) -> None:
    """Of its degree of parallelism; a run that names neither has none."""
    run = read_recorded_run(recorded(tmp_path, requests=4))
    replay = Replay.of(run)
    assert cost_of_run(run, replay) is None
    assert cost_of_run(run, replay, device="RTX-4090") is None
    told = cost_of_run(run, replay, shape="Llama-3.1-8B", device="RTX-4090")
    assert told is not None
    assert told.kernels.shape.name == "Llama-3.1-8B"
    assert told.kernels.host == Host()
    slow = cost_of_run(run, replay, shape="Llama-3.1-8B", device="RTX-4090", host=Host(fixed=0.1))
    assert slow is not None
    assert slow.step(1, 1, 1, 0) - told.step(1, 1, 1, 0) == 99 * 10**9
    about = tmp_path / "truth_meta.json"
    meta = json.loads(about.read_text())
    meta["engine_kwargs"]["tensor_parallel_size"] = 2
    meta |= {"model": "x/Llama-3.1-8B", "hardware": {"device_name": "NVIDIA GeForce RTX 4090"}}
    about.write_text(json.dumps(meta))
    run = read_recorded_run(tmp_path / "truth_requests.jsonl")
    cost = cost_of_run(run, Replay.of(run))
    assert isinstance(cost, OperatorCost)
    assert (cost.kernels.device.name, cost.kernels.tp) == ("RTX-4090", 2)


def test_times_between_knots_are_linear_and_go_on_behind_the_last() -> None:
    """And a step of decoding is the same by both questions."""
    cost = KnotCost((1, 10, 20), (100, 190, 200), per_context=3, per_sequence=7, per_pair=1)
    assert [cost.time(t) for t in (1, 2, 10, 15, 20, 30)] == [100, 110, 190, 195, 200, 210]
    fixed, growth = cost.decode(5)
    assert fixed + growth * 40 == cost.step(5, 5, 40, 0)


@pytest.mark.parametrize(
    ("knots", "times"),
    [((1,), (5,)), ((2, 3), (1, 2)), ((1, 1), (1, 2)), ((1, 2), (3, 2)), ((1, 2), (0, 2))],
)
def test_impossible_shapes_are_refused(knots: tuple[int, ...], times: tuple[int, ...]) -> None:
    """Knots rise from 1; times are positive and never fall."""
    with pytest.raises(OptionError):
        KnotCost(knots, times, 0, 0)
