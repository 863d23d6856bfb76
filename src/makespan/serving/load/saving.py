"""A run of the load generator as files that ``makespan simulate serving --like`` replays.

The format is that of the recorded runs of LLMServingSim's bench: a line per finished request, and a
file about the engine beside it. A client does not see when a request was queued and scheduled:
both are the time at which it was due to be sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.pairs import read_pairs
from makespan.io.files import replace_file
from makespan.serving.load.playing import LoadRun

ENDING: Final = "requests.jsonl"
"""How the name of such a file ends; the file about the engine ends in ``meta.json`` instead."""

LIMITS: Final = ("blocks", "block_size", "max_num_batched_tokens", "max_num_seqs")
"""What may be said about the engine."""


def meta_path(path: Path) -> Path:
    """The file about the engine that belongs to a file of requests.

    Raises
    ------
    OptionError
        If the name of that does not end as it must.
    """
    if not path.name.endswith(ENDING):
        raise OptionError(
            f"{path.name!r} does not end in {ENDING}", hint="such as smollm_requests.jsonl"
        )
    return path.with_name(path.name.removesuffix(ENDING) + "meta.json")


def limits_of(text: str) -> dict[str, int]:
    """Limits of an engine, from ``max_num_seqs=8,blocks=400``.

    Raises
    ------
    OptionError
        If one is unknown or no positive number.
    """
    found: dict[str, int] = {}
    example = "max_num_seqs=8"
    for key, value in read_pairs(text.split(","), "the engine", example=example).items():
        number = int(value) if value.isascii() and value.isdecimal() else 0
        if key not in LIMITS or not 1 <= number < 1 << 40:
            raise OptionError(
                f"{f'{key}={value}'!r} is no limit of an engine", hint=", ".join(LIMITS)
            )
        found[key] = number
    return found


def save(run: LoadRun, path: Path, *, model: str, limits: Mapping[str, int], version: str) -> None:
    """Write the finished requests of a run, and what is known about its engine.

    Raises
    ------
    OptionError
        If nothing has finished, or the path does not end in ``requests.jsonl``.
    OSError
        If a file cannot be written.
    """
    record, beside = run.record, meta_path(path)
    done = np.flatnonzero(record.finished)
    if not len(done):
        raise OptionError("no request has finished, so that there is no run to save")
    lines = []
    for r in done[np.argsort(record.sent[done], kind="stable")].tolist():
        times = {
            "arrival_time": record.sent[r],
            "queued_ts": record.sent[r],
            "scheduled_ts": record.sent[r],
            "first_token_ts": record.first[r],
            "last_token_ts": record.last[r],
        }
        head = {
            "request_id": f"request-{r}",
            "input_toks": int(record.workload.prompt[r]),
            "output_toks": int(record.workload.output[r]),
        }
        # Seconds with twelve places are exact; a float would round.
        said = [f'"{key}": {Decimal(int(value)).scaleb(-12):f}' for key, value in times.items()]
        lines.append(json.dumps(head)[:-1] + ", " + ", ".join(said) + "}\n")
    replace_file(path, "".join(lines))
    replace_file(beside, json.dumps(_about(run, model, limits, version), indent=1) + "\n")


def _about(run: LoadRun, model: str, limits: Mapping[str, int], version: str) -> dict[str, Any]:
    load = run.record.workload
    about: dict[str, Any] = {
        "schema_version": 1,
        "model": model,
        "measured_by": "makespan load, at the client",
        "dataset_path": f"{load.name} ({load.source})",
        "num_requests": load.count,
        "tick_seconds": 1.0,
    }
    if version:
        about["vllm_version"] = version
    steps = {
        key: limits[key] for key in ("max_num_batched_tokens", "max_num_seqs") if key in limits
    }
    if steps:
        about["engine_kwargs"] = {"model": model, **steps}
    if "blocks" in limits:
        about["kv_cache"] = {
            # vLLM counts the block that it keeps for itself.
            "num_gpu_blocks": limits["blocks"] + 1,
            "block_size": limits.get("block_size", 16),
        }
    return about
