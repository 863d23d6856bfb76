"""Which known model and device a recorded run is about, by the names that it states."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from makespan.serving.cost.hardware import hardware_names
from makespan.serving.cost.host import Host
from makespan.serving.cost.models import MODELS
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.fidelity.replay import Replay
from makespan.serving.workloads.llmservingsim import RecordedRun

_DEPTH: Final = 4
"""Parts of a path that may name the model and the device: its file, and three folders."""

_SHORTEST: Final = 4
"""Letters that the beginning of a device's name needs: H100, not A1."""


def known_model(name: str) -> str | None:
    """The known model that a repository's name begins with, the longest of several.

    ``Qwen/Qwen3-30B-A3B-Instruct-2507`` is a Qwen3-30B-A3B: variants differ in their weights.
    """
    words = _words(name.rsplit("/", 1)[-1])
    found = [
        shape.name for shape in MODELS if words[: len(_words(shape.name))] == _words(shape.name)
    ]
    return max(found, key=len, default=None)


def known_device(name: str) -> str | None:
    """The known device whose words all occur in a driver's name for it, the longest of several."""
    words = _words(name)
    found = [
        known
        for known in hardware_names()
        if all(any(word.startswith(part) for word in words) for part in _words(known))
    ]
    return max(found, key=len, default=None)


def named_in(path: str) -> tuple[str | None, str | None]:
    """(model, device) that the name of a file, or of the folders it lies in, gives.

    Benchmarks keep runs by such names: ``RTXPRO6000_Llama-3.1-8B_requests.jsonl``.
    """
    parts = Path(path).parts[-_DEPTH:]
    pieces = [piece for part in reversed(parts) for piece in part.split("_")]
    models, devices = map(known_model, pieces), map(_device_of, pieces)
    return next(filter(None, models), None), next(filter(None, devices), None)


def known_by_path(path: str, device: str) -> bool:
    """Whether the name of a file says that a run was on that device."""
    return named_in(path)[1] == device


def _device_of(piece: str) -> str | None:
    """The known device that is called so, or the only one whose name begins so."""
    short = "".join(_words(piece))
    if not any(letter.isdigit() for letter in short) or short[:1].isdigit():
        return None
    names = {"".join(_words(known)): known for known in hardware_names()}
    if short in names:
        return names[short]
    longer = [known for name, known in names.items() if name.startswith(short)]
    return longer[0] if len(longer) == 1 and len(short) >= _SHORTEST else None


def cost_of_run(
    run: RecordedRun,
    replay: Replay,
    *,
    shape: str | None = None,
    device: str | None = None,
    path: str = "",
    host: Host | None = None,
) -> OperatorCost | None:
    """Step cost by published operators of the model and the device of a run.

    Parameters
    ----------
    shape, device
        Their names, where the caller knows them; else those that the run states, or else those in
        the name of its file. None is returned if one of them is not known.
    path
        Where the run lies.
    host
        What the CPU adds to a step; None: the default.
    """
    model_named, device_named = named_in(path)
    shape = shape or known_model(run.model) or (None if run.model else model_named)
    device = device or known_device(run.hardware) or (None if run.hardware else device_named)
    if shape is None or device is None:
        return None
    limits = run.meta.get("engine_kwargs")
    tp = limits.get("tensor_parallel_size") if isinstance(limits, dict) else None
    return OperatorCost.of(
        device,
        shape,
        tp if isinstance(tp, int) and tp > 0 else 1,
        host=host,
        expert_parallel=replay.in_step,
        peers=replay.instances if replay.in_step else 1,
        tokens=replay.settings.max_num_batched_tokens,
        sequences=replay.settings.max_num_seqs,
    )


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9.]+", name.lower())
