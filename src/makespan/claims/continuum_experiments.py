"""What the claims of ``continuum`` measure; see :mod:`makespan.claims.continuum`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.real_engine import Listening, Said, unlike, unmeasured

if TYPE_CHECKING:
    from makespan.serving.cost.step import StepCost
    from makespan.serving.policy import Policy
    from makespan.serving.record import Record
    from makespan.serving.workload import Workload

DEVICE: Final = "A100-SXM-80GB"
MODEL: Final = "llama-3.1-8b"
RATES: Final = (0.03, 0.06, 0.12)
"""Sessions per second: light load, and two that FCFS cannot serve; the engine holds six contexts
of the length at which sessions end."""

GAIN: Final = 1.3
SMALL_GAIN: Final = 1.1
WORSE: Final = 1.05
SLOWER: Final = 100
"""How much slower tools are in the control."""

CONTROL: Final = 0.01
"""Sessions per second in the control, few enough that turns hardly queue: a queue of minutes would
be worth keeping contexts for slow tools, too."""

HANG: Final = {"hang": 0.05, "hang_seconds": 300.0}
FOREVER: Final = 1e5
_PIECE: Final = 512
"""Tokens of a named piece; what two turns share beyond whole pieces is not shared here."""

Arms = dict[str, Callable[[], "Policy"]]


def compare_completion(given: Conditions) -> Measurement:
    """Completion times by load, and with tools so slow that keeping does not pay."""
    measured: dict[str, Figure] = {}
    gains = {}
    for rate in RATES[::2] if given.quick else RATES:
        found = _serve_all(given, _agents(given, rate), f"{rate:g}/s", measured)
        gains[rate] = found["FCFS"] / found["time to live"]
    rare = _agents(given, CONTROL)
    slow = replace(rare, delay=rare.delay * SLOWER)
    names = ("FCFS", "programs in order", "time to live", "kept forever")
    control = _serve_all(given, slow, "slow tools", measured, names)
    even = control["time to live"] / control["programs in order"]
    high = min(gain for rate, gain in gains.items() if rate > RATES[0])
    holds = high >= GAIN
    whole = holds and gains[RATES[0]] >= 1 / WORSE and 1 / WORSE <= even <= WORSE
    partly = Verdict.PARTLY if holds else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if whole else partly,
        measured,
        "Mean completion times are "
        + ", ".join(f"{gain:.2f} times shorter at {rate:g}/s" for rate, gain in gains.items())
        + f" than under FCFS; with slow tools {even:.3f} times those of programs in order of "
        "arrival. Where memory is short, FCFS lets contexts push each other out, so that every "
        "turn is computed anew. Much of the gain comes from the order of programs, and a fixed "
        "time to live does as well as the one that is computed.",
        seeds=(given.seed,),
    )


def compare_hanging(given: Conditions) -> Measurement:
    """Completion times where some tools hang."""
    measured: dict[str, Figure] = {}
    load = _agents(given, RATES[2], **HANG)
    found = _serve_all(given, load, "hanging tools", measured)
    gain = found["FCFS"] / found["time to live"]
    safer = found["kept forever"] / found["time to live"]
    partly = Verdict.PARTLY if gain >= GAIN else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if gain >= GAIN and safer > 1 else partly,
        measured,
        f"Mean completion times are {gain:.2f} times shorter than under FCFS; with contexts kept "
        f"forever they are {safer:.2f} times as long. Kept contexts are given up when nothing else "
        "can run, so that hanging programs cannot block the engine for good, and under overload "
        "it costs little that fewer programs run at a time.",
        seeds=(given.seed,),
    )


def _agents(given: Conditions, rate: float, **more: float) -> Workload:
    from makespan.serving.workloads.catalogue import generate

    sessions = 30 if given.quick else 100
    parameters = {"sessions": sessions, "rate": rate, "grain": _PIECE, **more}
    return generate("agents", parameters, seed=given.seed)


def _policies(load: Workload, cost: StepCost | None) -> Arms:
    from makespan.serving.policies.continuum import Continuum
    from makespan.serving.policy import Policy

    make = partial(Continuum, load, cost)
    arms: Arms = {"FCFS": Policy, "programs in order": partial(make, rule="never")}
    for seconds in (1.0, 2.0, 5.0):
        arms[f"kept for {seconds:g} s"] = partial(make, rule="fixed", fixed=seconds)
    return arms | {
        "kept forever": partial(make, rule="fixed", fixed=FOREVER),
        "kept for 2 s after fast tools": partial(make, rule="threshold"),
        "time to live": make,
        "time to live, half the memory": partial(make, share=0.5),
        "oracle": partial(make, rule="oracle"),
    }


def _serve_all(
    given: Conditions,
    load: Workload,
    label: str,
    measured: dict[str, Figure],
    names: tuple[str, ...] = (),
) -> dict[str, float]:
    """Mean completion times, seconds, by policy."""
    from makespan.serving.cost.memory import kv_blocks
    from makespan.serving.cost.operator_cost import OperatorCost
    from makespan.serving.engine.simulating import simulate_serving
    from makespan.serving.settings import EngineSettings

    cost = OperatorCost.of(DEVICE, MODEL)
    settings = EngineSettings(kv_blocks(DEVICE, MODEL) - 1)
    means = {}
    for name, make in _policies(load, cost).items():
        if names and name not in names:
            continue
        record = simulate_serving(load, settings, cost, policy=make)
        means[name] = _note(record, f"{label}, {name}", measured)
        given.say(f"{label}, {name}: mean {means[name]:.1f} s")
    return means


def _note(record: Record, label: str, measured: dict[str, Figure]) -> float:
    from makespan.serving.load.programs import program_times

    times = program_times(record)[0] / 1e12
    mean, late = float(times.mean()), float(np.quantile(times, 0.95))
    later = record.workload.parent_ptr[1:] > record.workload.parent_ptr[:-1]
    found = record.hit[later].sum() / max(int(record.workload.prompt[later].sum()), 1)
    measured[f"{label}: mean completion"] = Figure(round(mean, 2), "s")
    measured[f"{label}: 95th percentile"] = Figure(round(late, 2), "s")
    measured[f"{label}: found of later prompts"] = Figure(round(100 * float(found), 1), "%")
    return mean


def serve_for_real(given: Conditions) -> Measurement:
    """Agents in a real engine under four policies."""
    if given.model is None:
        return unmeasured()
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workloads.catalogue import generate

    load = generate(
        "agents",
        {
            "sessions": 12, "rate": 2.0, "scale_tokens": 0.008, "output_tokens": 400,
            "context": 120_000, "grain": 32,
        },
        seed=given.seed,
    )  # fmt: skip
    settings = EngineSettings(64, block_size=32, max_num_batched_tokens=512, max_num_seqs=16)
    wanted = ("FCFS", "time to live") if given.quick else ("FCFS", "kept for 2 s", "time to live")
    measured: dict[str, Figure] = {}
    means: dict[str, float] = {}
    said: dict[str, Said] = {}
    with Listening(given.model, settings) as engine:
        arms = _policies(load, _profile(engine))
        for name in wanted:
            make = arms[name]
            record, said[name] = engine.serve(load, make, time_limit=240.0)
            if not record.finished.all():
                return Measurement(
                    Verdict.UNCONFIRMED, {},
                    "The engine with MAKESPAN_MODEL did not end in 240 s; is the machine busy?",
                )  # fmt: skip
            means[name] = _note(record, name, measured)
            given.say(f"{name}: mean {means[name]:.1f} s")
    gain = means["FCFS"] / means["time to live"]
    different = unlike(said["FCFS"], said["time to live"])
    measured["gain over FCFS"] = Figure(round(gain, 3), "times")
    measured["answers unlike those under FCFS"] = Figure(different, f"of {load.count}")
    partly = Verdict.PARTLY if gain >= SMALL_GAIN else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if gain >= GAIN and not different else partly,
        measured,
        f"Mean completion times are {gain:.2f} times shorter than under FCFS; {different} of "
        f"{load.count} greedy answers differ. Until a hundred pauses have been seen, Continuum "
        "assumes a law for them; in a run as short as this that is most of the time.",
        seeds=(given.seed,),
    )


def _profile(engine: Listening) -> StepCost:
    """What it takes to compute a context anew, from two prompts on their own."""
    from makespan.serving.cost.step import LinearCost
    from makespan.serving.policy import Policy
    from makespan.serving.workload import Workload

    whole = np.zeros(2, dtype=np.int64)
    prompt = np.array([64, 512], dtype=np.int64)
    load = Workload(
        "profile", whole, prompt, whole + 1,
        parent_ptr=np.array([0, 0, 1]), parent=np.array([0]), delay=np.array([0]),
    )  # fmt: skip
    record, _ = engine.serve(load, Policy, time_limit=60.0)
    short, long = record.ttft.tolist()
    per_token = max((long - short) // int(prompt[1] - prompt[0]), 1)
    return LinearCost(0, int(per_token), 0, 0)
