"""Goodput and a real engine, for the claims of ``past-future``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.past_future import CAP, INITIAL
from makespan.claims.real_engine import Listening, Said, unlike, unmeasured

if TYPE_CHECKING:
    from makespan.serving.policy import Policy
    from makespan.serving.record import Record
    from makespan.serving.workload import Workload

DEVICE: Final = "A100-SXM-80GB"
MODEL: Final = "llama-2-7b"
FULL: Final = (0.75, 0.9, 1.05)
"""Clients, as shares of those whose requests, half done, fill the memory."""

GAIN: Final = 1.5
NEAR: Final = 0.9
EVEN: Final = 0.98
FEWER: Final = 5
SLOWER: Final = 1.05
_LIMIT: Final = 192


def compare_goodput(given: Conditions) -> Measurement:
    """Tokens per second of requests that keep both limits, by distribution and clients."""
    from makespan.serving.cost.memory import kv_blocks
    from makespan.serving.cost.operator_cost import OperatorCost
    from makespan.serving.engine.simulating import simulate_serving
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workloads.catalogue import generate
    from makespan.serving.workloads.transform import closed_loop

    cost = OperatorCost.of(DEVICE, MODEL)
    settings = EngineSettings(kv_blocks(DEVICE, MODEL) - 1, enable_prefix_caching=False)
    measured: dict[str, Figure] = {}
    over_worse, over_better, of_oracle, light = [], [], [], []
    shares = FULL[::2] if given.quick else FULL
    for name in ("dist-1",) if given.quick else ("dist-1", "dist-2", "dist-3"):
        load = generate(
            "independent",
            {"requests": 200 if given.quick else 500, "lengths": name},
            seed=given.seed,
        )
        load = _with_limits(load)
        held = float(load.prompt.mean() + load.output.mean() / 2)
        for share in shares:
            clients = max(1, round(share * settings.blocks * settings.block_size / held))
            loop = closed_loop(load, clients)
            good = {}
            for arm, make in _arms(loop, given.seed).items():
                record = simulate_serving(loop, settings, cost, policy=make)
                good[arm] = _goodput(record)
                label = f"{name}, {clients} clients, {arm}"
                measured[f"{label}: goodput"] = Figure(round(good[arm], 1), "tokens/s")
                measured[f"{label}: evictions"] = Figure(int(record.preemptions.sum()))
                given.say(f"{label}: {good[arm]:.0f} tokens/s")
            ours = good["past-future"]
            extremes = good["worst case"], good["what fits"]
            if share == shares[0]:
                light.append(ours / max(*extremes))
            if share == shares[-1]:
                over_worse.append(ours / max(min(extremes), 1e-9))
                over_better.append(ours / max(extremes))
                of_oracle.append(ours / good["true lengths"])
    holds = min(over_worse) >= GAIN
    whole = min(over_better) >= GAIN and min(of_oracle) >= NEAR and min(light) >= EVEN
    partly = Verdict.PARTLY if holds else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if whole else partly,
        measured,
        f"At the most clients goodput is {min(over_worse):.2f} to {max(over_worse):.2f} times that "
        f"of the worse extreme, {min(over_better):.2f} to {max(over_better):.2f} times that of the "
        f"better, and {min(of_oracle):.2f} to {max(of_oracle):.2f} times that of true lengths. The "
        "worse one is admission by the worst case, which lets clients wait longer than 10 s. "
        "Against admission by what fits, even true lengths gain little here: what is not evicted "
        "waits, and a client that waits breaks the limit of TTFT instead of that of gaps.",
        seeds=(given.seed,),
    )


def _with_limits(load: Workload) -> Workload:
    """The paper's limits for models of 7B and 13B, and one cap for all."""
    from makespan.serving.workload import PICOSECONDS, Slo
    from makespan.serving.workloads.transform import set_cap, set_slo

    slo = Slo("7B", ttft=10 * PICOSECONDS, gap=3 * PICOSECONDS // 2)
    return set_slo(set_cap(load, CAP), slo, np.ones(load.count, dtype=np.bool_))


def _goodput(record: Record) -> float:
    """Output tokens per second of the makespan, of requests that keep both limits."""
    from makespan.serving.service import attained

    tokens = int(record.workload.output[attained(record)].sum())
    return tokens * 1e12 / record.makespan


def _arms(load: Workload, seed: int) -> dict[str, Callable[[], Policy]]:
    from makespan.serving.policies.admission import Aggressive, Conservative, TrueLengths
    from makespan.serving.policies.past_future import PastFuture

    return {
        "worst case": partial(Conservative, CAP),
        "what fits": partial(Aggressive, 0.01),
        "what fits less 10 %": partial(Aggressive, 0.1),
        "past-future": partial(PastFuture, cap=CAP, initial=INITIAL, seed=seed),
        "past-future, begun at the cap": partial(PastFuture, cap=CAP, seed=seed),
        "true lengths": partial(TrueLengths, load),
    }


def serve_for_real(given: Conditions) -> Measurement:
    """The same burst in a real engine under three rules of admission."""
    if given.model is None:
        return unmeasured()
    from makespan.serving.policies.admission import Conservative
    from makespan.serving.policies.past_future import PastFuture
    from makespan.serving.policy import Policy
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workload import Workload

    count = 12 if given.quick else 32
    random = np.random.default_rng(given.seed)
    load = Workload(
        "burst",
        np.zeros(count, dtype=np.int64),
        random.integers(32, 97, count),
        random.integers(64, _LIMIT + 1, count),
        cap=np.full(count, _LIMIT),
        source=f"outputs uniform from 64 to {_LIMIT} tokens, seed {given.seed}",
    )
    settings = EngineSettings(36, block_size=32, max_num_batched_tokens=256, max_num_seqs=16)
    arms: dict[str, Callable[[], Policy]] = {
        "vLLM's admission": Policy,
        "worst case": Conservative,
        "past-future": lambda: PastFuture(history=32, every=2, seed=given.seed),
    }
    measured: dict[str, Figure] = {}
    evicted: dict[str, int] = {}
    seconds: dict[str, float] = {}
    said: dict[str, Said] = {}
    with Listening(given.model, settings) as engine:
        for name, make in arms.items():
            record, said[name] = engine.serve(load, make, time_limit=150.0)
            if not record.finished.all():
                return Measurement(
                    Verdict.UNCONFIRMED, {},
                    "The engine with MAKESPAN_MODEL did not end in 150 s; is the machine busy?",
                )  # fmt: skip
            evicted[name] = int(record.preemptions.sum())
            seconds[name] = record.makespan / 1e12
            measured[f"{name}: evictions"] = Figure(evicted[name])
            measured[f"{name}: time"] = Figure(round(seconds[name], 2), "s")
            measured[f"{name}: longest gap"] = Figure(round(int(record.gap.max()) / 1e12, 3), "s")
            given.say(f"{name}: {evicted[name]} evictions, {seconds[name]:.1f} s")
    own, ours = "vLLM's admission", "past-future"
    different = unlike(said[own], said[ours])
    measured["answers unlike those of vLLM's admission"] = Figure(different, f"of {count}")
    fewer = evicted[own] > 0 and evicted[ours] * FEWER <= evicted[own]
    partly = Verdict.PARTLY if fewer else Verdict.NOT
    whole = fewer and seconds[ours] <= SLOWER * seconds[own] and not different
    return Measurement(
        Verdict.REPRODUCED if whole else partly,
        measured,
        f"{evicted[ours]} evictions instead of {evicted[own]} in "
        f"{seconds[ours] / seconds[own]:.2f} times the time; {different} of {count} greedy answers "
        "differ.",
        seeds=(given.seed,),
    )
