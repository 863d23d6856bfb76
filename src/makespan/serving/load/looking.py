"""What a server says about itself before a load is played: models, version, memory."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from makespan.core.errors import EngineError, OptionError
from makespan.serving.load.failures import Failure
from makespan.serving.load.http import Exchange, Server
from makespan.serving.load.request import rejection

_PATIENCE = 15.0
"""Seconds for each question."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a server.

    Attributes
    ----------
    model
        Name of the model to ask for.
    version
        Of vLLM; "" if it is not known to be one.
    blocks, block_size
        KV memory, if it tells; without the block that vLLM keeps for itself.
    max_model_len
        Longest sequence, if it tells.
    """

    model: str
    version: str = ""
    blocks: int | None = None
    block_size: int | None = None
    max_model_len: int | None = None


def look_at(server: Server, *, model: str | None, key: str | None) -> About:
    """Ask a server what it serves.

    Parameters
    ----------
    model
        Must be among its models; None: the only one.

    Raises
    ------
    EngineError
        If it cannot be reached, or refuses.
    OptionError
        If it has no such model, or several and none is named.
    """
    return asyncio.run(_look_at(server, model, key))


async def _look_at(server: Server, model: str | None, key: str | None) -> About:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    status, text = await _get(server, f"{server.path}/models", headers)
    if status in (401, 403):
        raise EngineError(
            f"{server} wants another key: {rejection(status, text)}",
            hint="name the environment variable that holds it with --api-key-env",
        )
    found = _models(text) if status == 200 else {}
    if not found and model is None:
        raise EngineError(
            f"{server} does not say which models it has (HTTP {status} at {server.path}/models)",
            hint="name one with --model, and see that the URL is that of an OpenAI-compatible API",
        )
    if found and model is None:
        if len(found) > 1:
            raise OptionError(
                f"{server} has several models", hint=f"name one with --model: {', '.join(found)}"
            )
        model = next(iter(found))
    if found and model not in found:
        raise OptionError(f"{server} has no model {model!r}", hint=f"there is {', '.join(found)}")
    assert model is not None
    version = await _version(server, headers)
    blocks, block_size = await _memory(server, headers) if version else (None, None)
    return About(model, version, blocks, block_size, found.get(model))


def _models(text: str) -> dict[str, int | None]:
    """Longest sequences by the names of the models."""
    try:
        rows = json.loads(text)["data"]
        return {
            str(row["id"]): row.get("max_model_len")
            if type(row.get("max_model_len")) is int
            else None
            for row in rows
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


async def _version(server: Server, headers: dict[str, str]) -> str:
    try:
        status, text = await _get(server, "/version", headers)
        found: Any = json.loads(text) if status == 200 else {}
    except (EngineError, ValueError, RecursionError):
        return ""
    version = found.get("version") if isinstance(found, dict) else None
    return version if isinstance(version, str) else ""


async def _memory(server: Server, headers: dict[str, str]) -> tuple[int | None, int | None]:
    try:
        status, text = await _get(server, "/metrics", headers)
    except EngineError:
        return None, None
    return memory_of(text) if status == 200 else (None, None)


def memory_of(metrics: str) -> tuple[int | None, int | None]:
    """Blocks and their size, from vLLM's metric ``cache_config_info``."""
    line = next(
        (line for line in metrics.splitlines() if line.startswith("vllm:cache_config_info{")), ""
    )
    labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
    blocks, size = (
        int(word) if (word := labels.get(name, "")).isascii() and word.isdecimal() else 0
        for name in ("num_gpu_blocks", "block_size")
    )
    return (blocks - 1, size) if 2 <= blocks < 1 << 40 and 1 <= size < 1 << 20 else (None, None)


async def _get(server: Server, path: str, headers: dict[str, str]) -> tuple[int, str]:
    try:
        async with asyncio.timeout(_PATIENCE), Exchange(server, path, headers=headers) as answer:
            return answer.status, await answer.text(1 << 22)
    except TimeoutError as error:
        raise EngineError(f"{server} does not answer within {_PATIENCE:g} s") from error
    except Failure as failure:
        raise EngineError(
            f"{server}: {failure}", hint="is an OpenAI-compatible server running there?"
        ) from failure
