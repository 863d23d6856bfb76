"""System ``jitserve``: just enough service for chats, answers and tasks of many calls.

Source: "JITServe: SLO-aware LLM Serving with Imprecise Request Information", NSDI 2026 (arXiv
2504.20068), and the authors' code (UIUC-MLSys/JITServe). The experiments are in
:mod:`makespan.claims.jitserve_experiments`.
"""

from __future__ import annotations

from typing import Final

from makespan.core.registry import Claim, Source, System

_PAPER = Source(
    "JITServe: SLO-aware LLM Serving with Imprecise Request Information, NSDI 2026",
    "arXiv:2504.20068",
)

GAIN: Final = 1.4
"""Least gain in goodput over other schedulers (abstract)."""

ORACLE: Final = 0.10
"""Largest distance from an oracle; the paper's are 3 to 9 %."""

PARITY: Final = 0.02
"""By how much policies may differ under light load (ours)."""

CLOSE: Final = 0.05
FAR: Final = 0.15
"""By how much the full system may be behind one that lacks a part, in full and quickly (ours)."""

REAL_GAIN: Final = 1.3
"""Least gain over FCFS on a real engine on a CPU (ours)."""

EVEN: Final = 0.95
"""Least share of FCFS's goodput in a quick measurement on a real engine (ours)."""

OVERLOAD: Final = (1.2, 1.5)
EDGE: Final = 1.0
LIGHT: Final = 0.3
QUICK: Final = 3.0
"""Overload of a quick measurement, whose few requests would not feel a smaller one."""
UNITS: Final = 600
FEW: Final = 200

_SIMULATED: Final = (
    f"Chats, answers and tasks of many calls, 1:1:1 ({UNITS} together, about four calls each; "
    f"quick: {FEW}), two loads (quick: one), with JITServe's targets and Azure's lengths for chats "
    "and answers, in bursts (Gamma gaps, CV 2), through one engine of 32 places and 512 tokens a "
    "step: Llama-3.1-8B on an A100. The forest and the patterns of tasks come from another load of "
    "the same kind. "
)
_INFERRED: Final = (
    "Simulated. Lengths of tasks are ours, because the paper's are not public, and 32 places are: "
    "with vLLM's 256 the batch holds everybody at these loads, and no order matters. Answers have "
    "no text, so that lengths are foretold from stage, prompt and class. Capacity is the rate at "
    "which the engine drains the load sent at once under FCFS. Victims are computed anew; there is "
    "no swapping. Autellix, LTR and SLOs-Serve are small re-implementations of their ideas."
)

SYSTEM = System(
    slug="jitserve",
    title="JITServe: goodput per second of service",
    source=_PAPER,
    room="serving",
    summary="Chooses the batch of every frame by the tokens that requests gain per second of "
    "service, from upper bounds of lengths and sub-deadlines of tasks that unfold.",
    entry_points=(
        "makespan.serving.policies.jitserve.policy:JitServe",
        "makespan.serving.policies.jitserve.forest:QuantileForest",
        "makespan.serving.policies.jitserve.router:PowerOfK",
        "makespan.serving.goodput:token_goodput",
    ),
    claims=(
        Claim(
            slug="goodput-at-overload",
            system="jitserve",
            statement="JITServe serves 1.4 to 6.3 times the goodput of vLLM and Sarathi (FCFS), "
            "Autellix, LTR and SLOs-Serve.",
            source=_PAPER,
            experiment="makespan.claims.jitserve_experiments:compare_at_overload",
            measured_as=f"{_SIMULATED}Token goodput at {OVERLOAD[0]:g} and {OVERLOAD[1]:g} times "
            f"the capacity (quick: {QUICK:g}), as a control at {LIGHT:g} times and, to be told but "
            f"not judged, at {EDGE:g} times.",
            tolerance=f"reproduced if JITServe has {GAIN:g} times the token goodput of each of the "
            f"four at both overloads, and at light load within {PARITY:.0%} of FCFS; partly if it "
            "has more than each of the four at both.",
            inference=_INFERRED,
        ),
        Claim(
            slug="near-the-oracle",
            system="jitserve",
            statement="JITServe is within 3 to 9 % of an oracle that knows lengths and tasks.",
            source=_PAPER,
            experiment="makespan.claims.jitserve_experiments:compare_with_oracle",
            measured_as=f"{_SIMULATED}Token goodput of both at {OVERLOAD[0]:g} and "
            f"{OVERLOAD[1]:g} times the capacity (quick: {QUICK:g}), and how often the first upper "
            "bound of a length held.",
            tolerance=f"reproduced if it is within {ORACLE:.0%} at both and the bounds of level "
            "0.95 hold for 93 to 97 % (quick: 90 to 99 %); partly if one of the two is so.",
            inference=_INFERRED,
        ),
        Claim(
            slug="every-part-counts",
            system="jitserve",
            statement="Full JITServe is better than without its analyzer, that better than with "
            "shortest job first in place of GMAX, and that better than FCFS (3.17, 2.91, 2.70 and "
            "1.35 requests/s).",
            source=_PAPER,
            experiment="makespan.claims.jitserve_experiments:leave_parts_out",
            measured_as=f"{_SIMULATED}Token goodput at {OVERLOAD[0]:g} and {OVERLOAD[1]:g} times "
            f"the capacity (quick: {QUICK:g}). Without the analyzer every length is the mean of "
            "those that ended and tasks have no sub-deadlines.",
            tolerance="reproduced if the order is that of the paper at both loads; partly if at "
            f"both the full system is within {CLOSE:.0%} (quick: {FAR:.0%}) of the best of the "
            "four and FCFS is the worst.",
            inference=f"{_INFERRED} What the paper does without its analyzer is inferred.",
        ),
        Claim(
            slug="on-real-vllm",
            system="jitserve",
            statement="JITServe improves goodput over FCFS on a real engine, with scheduling below "
            "20 ms per frame.",
            source=_PAPER,
            experiment="makespan.claims.jitserve_real:compare_on_vllm",
            measured_as="The same mix, prompts divided by 40 and outputs by 24 (about 240 calls; "
            "quick: 80), served by vLLM with SmolLM2-135M on a CPU with 8 places, at 1.2 times "
            "the measured capacity, under FCFS and under JITServe. Targets come from a run at 0.3 "
            "times the capacity: TTFT ten times its median, TPOT three times, deadlines three "
            "times the mean latency of answers, and of calls for every stage of a task.",
            tolerance=f"reproduced if the token goodput is at least {REAL_GAIN:g} times that of "
            "FCFS, mean time per frame is below 20 ms, and all answers of both are equal token by "
            "token; partly if the first holds and at most 2 % of the answers differ (quick, where "
            f"so few do not fill a queue: if JITServe has at least {EVEN:g} times the token "
            "goodput and all answers are equal).",
            inference="The claim of the paper is about GPUs and its factor is not this one. "
            "Measured on a CPU; in bfloat16 two batches may round differently, so that an answer "
            "may differ though the scheduler did nothing wrong.",
        ),
    ),
)
