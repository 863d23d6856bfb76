"""What a recorded run states of its engine and its clocks, and what is taken where it does not.

Whatever is taken is said in words, for the reader of the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import numpy as np

from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from makespan.serving.workloads.llmservingsim import RecordedRun

AMPLE_BLOCKS: Final = 1 << 17
"""KV blocks taken where a run does not say how many there were, so that memory never binds."""

NEVER_BINDS: Final = "so that memory never binds"

SEQUENCES: Final = 256
TOKENS: Final = 2048
"""vLLM's usual limits of a step: ``max_num_seqs`` and ``max_num_batched_tokens`` of a server."""

UTILISATION: Final = 0.9
"""vLLM's ``gpu_memory_utilization``."""

_WAITED: Final = 10**12
_WINDOWS: Final = 16
_WINDOW: Final = 20
_APART: Final = 250 * 10**9


def limits_of(run: RecordedRun) -> tuple[EngineSettings, list[str]]:
    """Limits of a run's engines, and in words what of them is assumed.

    Where the number of sequences is not known, it is how many were seen at a time if others waited
    for a second meanwhile, be it for a place or for memory; else vLLM's usual limit.
    """
    if run.settings is not None:
        return run.settings, []
    assumed = []
    scheduler = table_of(table_of(run.meta, "resolved_config"), "scheduler_config")
    limits = {**scheduler, **table_of(run.meta, "engine_kwargs")}
    cache = table_of(run.meta, "kv_cache")
    blocks, block_size = whole(cache, "num_gpu_blocks"), whole(cache, "block_size") or 16
    if blocks is None or blocks < 2:
        blocks = AMPLE_BLOCKS + 1
        assumed.append(memory_told(AMPLE_BLOCKS, NEVER_BINDS))
    sequences, tokens = whole(limits, "max_num_seqs"), whole(limits, "max_num_batched_tokens")
    if sequences is None:
        sequences, why = _together(run), "as many as were seen at a time"
        if not np.any(run.scheduled - run.queued > _WAITED):
            sequences, why = max(sequences, SEQUENCES), "since none waited long"
        assumed.append(f"{sequences} requests a step, {why}")
    if tokens is None:
        tokens = max(TOKENS, sequences)
        assumed.append(f"{tokens:,} tokens a step, vLLM's default")
    settings = EngineSettings(
        blocks=blocks - 1,
        block_size=block_size,
        max_num_batched_tokens=tokens,
        max_num_seqs=sequences,
    )
    return settings, assumed


def utilisation_of(run: RecordedRun) -> float:
    """Share of the GPU's memory that the engine could use; vLLM's default if not stated."""
    found = table_of(run.meta, "engine_kwargs").get("gpu_memory_utilization")
    if isinstance(found, int | float | Decimal) and 0 < found <= 1:
        return float(found)
    return UTILISATION


def memory_told(blocks: int, why: str) -> str:
    """A word on memory."""
    return f"{blocks:,} KV blocks, {why}"


def _together(run: RecordedRun) -> int:
    """Requests that were running at a time at most, per engine."""
    events = np.concatenate([run.scheduled, run.last_token])
    change = np.repeat([1, -1], run.workload.count)
    order = np.lexsort((change, events))
    engines = whole(table_of(run.meta, "engine_kwargs"), "data_parallel_size") or 1
    return max(-(-int(np.cumsum(change[order]).max()) // engines), 1)


def on_one_clock(run: RecordedRun) -> tuple[Workload, int]:
    """The load by the engine's clock, and how far the client's ran from it, ps; 0 if not.

    The reader makes the least time from sending to queue 0 (:class:`RecordedRun`). Where clocks run
    apart, or one is set, the least of a part of the run is not that of another; a frontend that
    cannot follow shows the same. Either way requests reach the engine later by the least of the
    requests around them.
    """
    load, count = run.workload, run.workload.count
    windows = min(_WINDOWS, count // _WINDOW)
    if windows < 2:
        return load, 0
    lag = run.queued - load.arrival
    parts = np.array_split(np.arange(count), windows)
    least = np.array([lag[part].min() for part in parts])
    if least.max() <= _APART:
        return load, 0
    middle = np.array([load.arrival[part].mean() for part in parts])
    moved = load.arrival + np.interp(load.arrival, middle, least).astype(np.int64)
    # Nobody is queued before being sent, and all stay in their order.
    arrival = np.maximum.accumulate(np.minimum(moved, run.queued))
    return replace(load, arrival=arrival), int(least.max())


def table_of(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A table inside another; empty if there is none."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def whole(values: Mapping[str, Any], key: str) -> int | None:
    """A positive whole number, None if there is none."""
    found = values.get(key)
    return found if type(found) is int and found > 0 else None
