"""What ``makespan serve-vllm`` reads."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from makespan.core.errors import OptionError
from makespan.core.pairs import read_pairs


def policy_spec(
    name: str, options: str | None, slos: Sequence[str], cost: str | None, seed: int
) -> dict[str, Any]:
    """The policy as its environment variable has it."""
    spec: dict[str, Any] = {"policy": name, "seed": seed}
    for key, text in (("options", options), ("cost", cost)):
        if text is None:
            continue
        try:
            spec[key] = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise OptionError(f"--{key} is no JSON: {error}", hint="such as '{\"k\": 5}'") from None
    if slos:
        spec["slos"] = [_slo(text) for text in slos]
    return spec


def _slo(text: str) -> dict[str, Any]:
    name, colon, terms = text.partition(":")
    example = "chat:ttft=1,tpot=0.1, in seconds"
    if not name or not colon:
        raise OptionError(f"--slo is {text!r}", hint=f"such as {example}")
    found: dict[str, Any] = {"name": name}
    for key, value in read_pairs(terms.split(","), f"--slo {name}", example=example).items():
        try:
            found[f"{key}_s"] = float(value)
        except ValueError:
            raise OptionError(
                f"--slo {name}: {key} is {value!r}, no number", hint=f"such as {example}"
            ) from None
    return found


def key_of(variable: str | None, file: str | None) -> str | None:
    """The key that an environment variable or a file holds; without either, vLLM's own variable."""
    if variable is not None and file is not None:
        raise OptionError("--api-key-env and --api-key-file say the same", hint="give one of them")
    if variable is not None:
        key = os.environ.get(variable, "").strip()
        if not key:
            raise OptionError(
                f"the environment variable {variable} holds no key", hint=f"export {variable}=..."
            )
        return key
    if file is None:
        return os.environ.get("VLLM_API_KEY", "").strip() or None
    path = Path(file)
    if stat.S_ISREG(path.stat().st_mode) and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise OptionError(f"others may read {file}", hint=f"chmod 600 {file}")
    key = path.read_text(encoding="utf-8", errors="replace").strip()
    if not key:
        raise OptionError(f"{file} holds no key")
    return key
