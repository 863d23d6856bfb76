"""System ``continuum``: contexts of agents are kept for as long as waiting for them pays.

Source: "Continuum: Efficient and Robust Multi-Turn LLM Agent Scheduling with KV Cache
Time-to-Live", arXiv 2511.02230.
"""

from __future__ import annotations

from typing import Final

from makespan.core.registry import Claim, Source, System

_SLUG: Final = "continuum"
_HERE: Final = "makespan.claims.continuum_experiments"
_PAPER: Final = Source(
    "Continuum: Efficient and Robust Multi-Turn LLM Agent Scheduling with KV Cache Time-to-Live",
    "arXiv:2511.02230",
)

_LOADS: Final = (
    "Agents with the statistics that the paper gives of mini-swe-agent on SWE-bench (10.9 turns, "
    "0.9 s in tools, contexts of 70,000 tokens), Poisson arrivals"
)

SYSTEM = System(
    slug=_SLUG,
    title="Continuum: a time to live for the contexts of agents",
    source=_PAPER,
    room="serving",
    summary="A turn that ends with a tool call leaves its context in memory for a time that weighs "
    "what computing it anew and queueing again would cost against how long such calls take; "
    "programs are served in the order in which they came.",
    entry_points=("makespan.serving.policies.continuum:Continuum",),
    claims=(
        Claim(
            slug="completion-times",
            system=_SLUG,
            statement="Mean job completion times of agents are significantly shorter than under "
            "vLLM's first come, first served (up to 2 times on an 8B model, 8 times on live "
            "agents), and the gain vanishes where tools take much longer than what they save.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_completion",
            measured_as=f"{_LOADS}, 100 sessions (quick: 30) at three rates from light load to "
            "overload, Llama-3.1-8B on an A100: mean and 95th percentile of program completion "
            "times under eight policies and an oracle. Control: a third of the lowest rate "
            "with tools 100 times as slow.",
            tolerance="reproduced if the mean is at least 1.3 times shorter than under FCFS at "
            "both higher rates, at most 5 % longer at the lowest, and in the control within 5 % "
            "of that of programs in order of arrival with nothing kept; partly if the first holds.",
            inference="Simulated, contexts kept on the device only. The factors are from notes on "
            "the paper; 1.3 is ours. Fixed times to live and the oracle, which the paper does not "
            "have, are there because a well-chosen constant may do as well.",
        ),
        Claim(
            slug="hanging-tools",
            system=_SLUG,
            statement="It is robust against tools that hang, where contexts that are kept until "
            "their programs return block the memory.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_hanging",
            measured_as=f"{_LOADS}; 5 % of the calls hang for 300 s. 100 sessions (quick: 30) "
            "under overload, the same policies.",
            tolerance="reproduced if the mean is at least 1.3 times shorter than under FCFS and "
            "shorter than if contexts are kept forever; partly if the first holds.",
            inference="Simulated. The share and the time of hanging calls are ours: the paper "
            "names robustness in its title, and the slowest tenth of calls as most of the delay.",
        ),
        Claim(
            slug="real-engine",
            system=_SLUG,
            statement="In a real engine whose memory holds a few programs, mean job completion "
            "times are shorter than under first come, first served, and no answer changes.",
            source=_PAPER,
            experiment=f"{_HERE}:serve_for_real",
            measured_as="A real vLLM on a CPU with a small model, 12 agents with contexts of about "
            "560 tokens at their end, memory for 3 to 4 of them, tools of 0.9 s in the mean, all "
            "sent within a few seconds: FCFS, Continuum and (not if quick) contexts kept for 2 s; "
            "completion times, tokens found, and greedy answers token by token.",
            tolerance="reproduced if the mean is at least 1.3 times shorter than under FCFS and "
            "all answers are equal; partly if it is 1.1 times shorter.",
            inference="The paper measures GPUs with contexts 125 times as long. A prompt quotes "
            "the pieces of earlier answers that fill whole blocks; what differs in one turn would "
            "differ in all later ones.",
        ),
    ),
)
