"""System ``llumnix``: requests are moved between engines while they are served.

Source: "Llumnix: Dynamic Scheduling for Large Language Model Serving", OSDI 2024 (arXiv
2406.03243), its artifact (AlibabaPAI/llumnix, branch osdi24ae, commit 92f6f9d5), and the claims of
figures that are filed there.
"""

from __future__ import annotations

from typing import Final

from makespan.core.registry import Claim, Source, System

_SLUG: Final = "llumnix"
_HERE: Final = "makespan.claims.llumnix_experiments"
_PAPER: Final = Source(
    "Llumnix: Dynamic Scheduling for Large Language Model Serving, OSDI 2024", "arXiv:2406.03243"
)
_ARTIFACT: Final = Source(
    "Llumnix artifact, AlibabaPAI/llumnix, branch osdi24ae", "commit 92f6f9d5"
)

_FLEET: Final = (
    "16 instances of Llama-2-7B on A10 with 12,800 tokens of KV memory each, as in the paper's "
    "artifact, from our cost model; power-law lengths up to 6,144"
)
_SIMULATED: Final = (
    "Simulated: step times are those of our cost model, which has no measured kernels of an A10; a "
    "block of 8 MiB takes 2.1 ms (half of the 64 Gbit/s of the paper's machines), a stage 10 ms "
    "besides. The engines are vLLM's of today, with chunked prompts and no watermark; the paper's "
    "were those of 2023. Load is a share of the rate at which the tokens of requests times their "
    "steps would fill all memory, of which 0.80 to 0.85 is in use while a backlog is served."
)

SYSTEM = System(
    slug=_SLUG,
    title="Llumnix: freeness, live migration and auto-scaling",
    source=_PAPER,
    room="serving",
    summary="New requests go to the freest engine, requests that run are moved from full engines "
    "to free ones while they decode, and engines are switched on and off, all by one number: the "
    "memory left per request.",
    entry_points=(
        "makespan.serving.policies.llumnix:Llumnix",
        "makespan.serving.vllm.fleet:run_fleet",
    ),
    claims=(
        Claim(
            slug="moving-requests",
            system=_SLUG,
            statement="Against dispatch by load alone (INFaaS++), moving requests shortens the "
            "99th percentile of first-token times by up to 14.8 times on generated loads, and "
            "saves 70 % of the preemptions in the mean.",
            source=_ARTIFACT,
            experiment=f"{_HERE}:compare_moving",
            measured_as=f"{_FLEET}; means of 128 and 256 tokens, Poisson and Gamma arrivals with a "
            "CV of 4, loads of 0.70 and 0.78 (about 85 and 95 % of saturation), 10,000 requests "
            "each (quick: 2,000, of one of these): first-token times, times per token, preemptions "
            "under freeness without moves (what the artifact's scripts run as INFaaS++), load of "
            "memory, Llumnix, and Llumnix moving heads of queues.",
            tolerance="reproduced if the best ratio of 99th percentiles is at least 3 and at least "
            "half of the preemptions are saved over all loads; partly if one of these holds "
            "(quick: the first at 1.2).",
            inference=f"{_SIMULATED} 3 and half are ours. Which loads near saturation show it was "
            "looked for before the experiment was fixed; the limits were not changed then.",
        ),
        Claim(
            slug="nothing-to-move",
            system=_SLUG,
            statement="Where load is light and requests are short and alike, moving changes "
            "nothing.",
            source=_PAPER,
            experiment=f"{_HERE}:control",
            measured_as=f"{_FLEET.split(';', maxsplit=1)[0]}; 16 to 64 tokens each way, Poisson "
            "arrivals, load of 0.3, 10,000 requests (quick: 2,000).",
            tolerance="reproduced if 99th percentiles of first-token times and of times per token "
            "with and without moves are within 2 % and less than 1 in 1,000 requests is moved.",
            inference=f"{_SIMULATED} The paper does not say so; it follows if the gain comes from "
            "uneven memory.",
        ),
        Claim(
            slug="priorities",
            system=_SLUG,
            statement="With a headroom for them, urgent requests are served 1.2 to 1.5 times "
            "faster in the mean than by Llumnix without classes, and others 5 % slower at most.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_priorities",
            measured_as=f"{_FLEET}, mean 128; Gamma arrivals of CV 2, 4, 6 and 8 (quick: 4), load "
            "of 0.6, 10,000 requests (quick: 2,000), one in ten urgent: latencies of both classes "
            "under Llumnix, with engines that let urgent requests go first, and Llumnix-base.",
            tolerance="reproduced if the mean ratio of mean latencies of urgent requests is at "
            "least 1.2 and others are at most 5 % slower; partly if urgent ones are 1.1 times "
            "faster (quick: at all).",
            inference=f"{_SIMULATED} The share of urgent requests is from notes on the paper; the "
            "headroom leaves 1,600 tokens, as in the artifact.",
        ),
        Claim(
            slug="auto-scaling",
            system=_SLUG,
            statement="At an equal 99th percentile of first-token times auto-scaling with moves "
            "needs up to 36 % fewer instances.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_scaling",
            measured_as=f"{_FLEET}, mean 512; 1 to 16 instances that take 5 s to start, Poisson "
            "arrivals and CV 4 at half of the load that 16 could take (quick: the latter), 3,000 "
            "requests (quick: 600), four (quick: two) thresholds: instance-seconds against "
            "first-token times of INFaaS++ and Llumnix, which scale by the same rule.",
            tolerance="reproduced if for some threshold of INFaaS++ a Llumnix whose 99th "
            "percentile is at most 5 % longer needs at least 15 % fewer instance-seconds; partly "
            "if at least 5 % fewer (quick: none more).",
            inference=f"{_SIMULATED} 15 % is ours. The artifact's simulator starts instances in "
            "5 s; the size of the load is near that of its scripts.",
        ),
        Claim(
            slug="live-migration",
            system=_SLUG,
            statement="The time for which a request stands still while it moves does not grow "
            "with its length, that of moving it at once does; what it says stays the same.",
            source=_PAPER,
            experiment="makespan.claims.llumnix_real:move_for_real",
            measured_as="Two real vLLM engines on CPUs with a small model; requests of 48 to 768 "
            "(quick: 384) prompt tokens one after the other, each moved once in its answer of 64: "
            "time between the source's last token and the target's first, live and blocking, and "
            "greedy answers token by token against unmoved ones.",
            tolerance="reproduced if all answers are equal, the live median of the longest is at "
            "most twice that of the shortest, and the blocking one at least four times; partly "
            "if answers are equal and live is at least twice as short for the longest.",
            inference="The paper copies KV blocks; vLLM offers no copy between engines on CPUs, so "
            "the target computes them while the source decodes on. The paper's recompute variant "
            "is the blocking one. Its times in milliseconds cannot be confirmed here.",
        ),
    ),
)
