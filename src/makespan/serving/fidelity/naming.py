"""Which known model and device a recorded run is about, by the names that it states."""

from __future__ import annotations

import re

from makespan.serving.cost.hardware import hardware_names
from makespan.serving.cost.models import MODELS
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.fidelity.replay import Replay
from makespan.serving.workloads.llmservingsim import RecordedRun


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


def cost_of_run(
    run: RecordedRun, replay: Replay, *, shape: str | None = None, device: str | None = None
) -> OperatorCost | None:
    """Step cost by published operators of the model and the device of a run.

    Parameters
    ----------
    shape, device
        Their names, where the caller knows them; else those that the run states. None is returned
        if one of them is not known.
    """
    shape = shape or known_model(run.model)
    device = device or known_device(run.hardware)
    if shape is None or device is None:
        return None
    limits = run.meta.get("engine_kwargs")
    tp = limits.get("tensor_parallel_size") if isinstance(limits, dict) else None
    return OperatorCost.of(
        device,
        shape,
        tp if isinstance(tp, int) and tp > 0 else 1,
        expert_parallel=replay.in_step,
        peers=replay.instances if replay.in_step else 1,
        tokens=replay.settings.max_num_batched_tokens,
        sequences=replay.settings.max_num_seqs,
    )


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z0-9.]+", name.lower())
