"""System ``batchllm``: offline batches by shared prefixes, planned as a whole.

Source: Zheng, Ji, Fang, Zhou, Liu & Peng, "BatchLLM: Optimizing Large Batched LLM Inference with
Global Prefix Sharing and Throughput-oriented Token Batching", arXiv 2412.03594.
"""

from __future__ import annotations

from typing import Final

from makespan.core.registry import Claim, Source, System

_SLUG: Final = "batchllm"
_HERE: Final = "makespan.claims.batchllm_experiments"
_PAPER: Final = Source(
    "Zheng, Ji, Fang, Zhou, Liu & Peng 2024, BatchLLM: Optimizing Large Batched LLM Inference with "
    "Global Prefix Sharing and Throughput-oriented Token Batching",
    "arXiv:2412.03594",
)

SYSTEM = System(
    slug=_SLUG,
    title="BatchLLM: offline batches planned by their shared prefixes",
    source=_PAPER,
    room="serving",
    summary="Finds what all prompts of a batch share in one prefix tree, flattens it to one shared "
    "prefix per request with the most tokens saved, serves groups that decode much first, and "
    "admits by memory.",
    entry_points=(
        "makespan.serving.policies.batchllm:plan_batch",
        "makespan.serving.policies.batchllm:BatchLLM",
        "makespan.serving.policies.batchllm.grouping:best_grouping",
        "makespan.serving.policies.batchllm.greedy:greedy_grouping",
        "makespan.serving.policies.batchllm.attention:reads_saved",
    ),
    claims=(
        Claim(
            slug="one-level",
            system=_SLUG,
            statement="One shared prefix per request saves nearly what sharing on all levels "
            "would: 55 % of the tokens where the ideal is 56 %.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_savings",
            measured_as="Tokens saved by the exact one-level grouping and by the greedy rule, "
            "divided by those of sharing on all levels, on generated batches of 20,000 prompts "
            "(quick: 2,000) from nearly flat to deep, on conversations, agents and, with "
            "MAKESPAN_DATA, Mooncake's conversation trace and Qwen-Bailian's traces, each taken as "
            "one batch.",
            tolerance="reproduced if the exact grouping saves at least 98 % of the ideal on every "
            "load; partly if it does on the nearly flat ones, whose groups have 16 members or more "
            "and a common root of at most a twentieth of the group's prefix.",
            inference="The paper's two figures are known to us from summaries, its industrial load "
            "is not public. The exact grouping is ours; the greedy rule is our reading of "
            "summaries.",
        ),
        Claim(
            slug="throughput",
            system=_SLUG,
            statement="On offline batches with shared prefixes it serves 1.1 to 2 times as many "
            "requests per second as vLLM, and no fewer without sharing.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_throughput",
            measured_as="Makespans of 4,000 requests in shuffled order (quick: 1,000) that share "
            "0 % to 80 % of their prompts in groups of 16, Llama-3.1-8B on an A100 and an H100, "
            "with memory for half of the prefixes and at most the device's: BatchLLM with 8,192 "
            "tokens and 1,024 sequences per step against arrival order with an LRU prefix cache, "
            "the better of the same limits and of 2,048 tokens and 256 sequences; beside them "
            "prefix sorting, depth-first order, ablations and a bound on what the attention "
            "kernel could add.",
            tolerance="reproduced if the gain over the better arrival order is at least 1.2 "
            "wherever 40 % or more is shared, and at least 0.98 without sharing; partly if it is "
            "at least 1.1 where 40 % or more is shared and 0.98 without.",
            inference="Simulated. The range is that of the abstract's first version; later ones "
            "say 1.3 to 10.8 times over vLLM and SGLang. Its threshold of memory, growth margin "
            "and hysteresis are ours. The shared-prefix attention kernel is not simulated: step "
            "times do not know who shares what.",
        ),
        Claim(
            slug="tokens-per-step",
            system=_SLUG,
            statement="Batching limited by memory instead of by numbers of requests raises the "
            "tokens per step, which decode-heavy loads leave low.",
            source=_PAPER,
            experiment=f"{_HERE}:compare_batching",
            measured_as="Mean tokens per step, without those computed again after a preemption, "
            "of the same plan with batches limited by memory (up to 1,024 sequences and 8,192 "
            "tokens) and by vLLM's former limits (256 sequences, 2,048 tokens), on 4,000 "
            "decode-heavy requests (quick: 1,500); Llama-3.1-8B on an A100 and an H100.",
            tolerance="reproduced if the mean is at least 20 % higher on both devices and the "
            "makespan shorter; partly if the mean is.",
            inference="Simulated. The 20 % are ours: the paper shows the effect in a figure.",
        ),
        Claim(
            slug="real-engine",
            system=_SLUG,
            statement="The plan's order alone saves prefill in a real engine whose memory holds "
            "only part of the prefixes, and changes no answer.",
            source=_PAPER,
            experiment=f"{_HERE}:serve_for_real",
            measured_as="A real vLLM on a CPU with a small model, 48 requests in 6 groups (quick: "
            "24 in 3), prefix 384 and suffix 32 tokens in the mean, memory for a third of the "
            "prefixes and a little more: BatchLLM as scheduler and arrival order, twice each; "
            "total time, prompt tokens found in the cache, and greedy answers token by token.",
            tolerance="reproduced if it is at least 1.2 times as fast, finds at least 95 % of the "
            "planned savings, and every answer equals that of arrival order; partly if the first "
            "two hold.",
            inference="The paper measures GPUs. Computed in 32 bits: in 16, near ties of two words "
            "fall by the shape of the batch, and prompts of random tokens have many.",
        ),
    ),
)
