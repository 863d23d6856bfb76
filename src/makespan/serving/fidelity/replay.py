"""Replaying a recorded run: the same requests, sent when their client sent them.

Latencies count from the queue on, on both sides. An engine queues what has arrived at the boundary
between two steps, so that the real queue's times are a consequence of its steps: replaying those
would make requests of the simulation arrive just after a boundary of the real engine and wait for
the next one of the simulated engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.hardware import Hardware
from makespan.serving.cost.memory import kv_blocks
from makespan.serving.cost.models import ModelShape
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.fidelity.ahead import Boundaries, OneAhead
from makespan.serving.fidelity.lockstep import serve_in_step
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from makespan.serving.workloads.llmservingsim import RecordedRun

FIGURES: Final = ("mean", "p50", "p90", "p99")
"""Figures of a latency that are compared."""

METRICS: Final = ("ttft", "tpot", "e2e")
"""Latencies that are compared, from the engine's queue on."""

AMPLE_BLOCKS: Final = 1 << 17
"""KV blocks taken where a run does not say how many there were, so that memory never binds."""

AHEAD_SINCE: Final = (0, 14)
"""Version of vLLM from which on engines on GPUs plan a step ahead unless told not to."""


@dataclass(frozen=True, slots=True, eq=False)
class Timings:
    """Latencies of n requests in the order in which they were sent, float seconds.

    Attributes
    ----------
    ttft, e2e
        From the queue to the first and to the last token.
    tpot
        Mean time per output token after the first; NaN with one token.
    """

    ttft: npt.NDArray[np.float64]
    tpot: npt.NDArray[np.float64]
    e2e: npt.NDArray[np.float64]

    def figures(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """(3, 4): METRICS by FIGURES over the chosen requests, in seconds."""
        table = []
        for name in METRICS:
            values = getattr(self, name)[chosen]
            values = values[~np.isnan(values)]
            table.append([values.mean(), *np.quantile(values, (0.5, 0.9, 0.99))])
        return np.array(table)


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A recorded run made ready for the simulator.

    Attributes
    ----------
    workload
        Its requests, arriving when they were sent; see :class:`RecordedRun` for the clock.
    settings, instances
        Limits of its engines, and their number (data parallelism).
    real
        What was measured.
    assumed
        What of the settings the run did not say, in words.
    expert_parallel
        Whether the experts are spread over the engines' GPUs, which then step together.
    ahead
        Whether the engines plan a step while the one before it runs.
    """

    workload: Workload
    settings: EngineSettings
    real: Timings
    assumed: str
    instances: int = 1
    expert_parallel: bool = False
    ahead: bool = False

    @classmethod
    def of(cls, run: RecordedRun) -> Replay:
        """A replay of a run.

        Raises
        ------
        OptionError
            If the run has fewer than two requests, or does not say how its engine was limited.
        """
        if run.workload.count < 2:
            raise OptionError("a run of fewer than two requests cannot be compared")
        settings, ample = run.settings, run.settings is None
        assumed: list[str] = []
        limits = _table(run.meta, "engine_kwargs")
        if settings is None:
            if "max_num_seqs" not in limits:
                raise OptionError(
                    f"{run.workload.name!r} does not say how its engine was limited",
                    hint="put its meta.json beside it",
                )
            settings = EngineSettings(
                blocks=AMPLE_BLOCKS,
                max_num_batched_tokens=int(limits["max_num_batched_tokens"]),
                max_num_seqs=int(limits["max_num_seqs"]),
            )
        ahead = _table(_table(run.meta, "resolved_config"), "scheduler_config").get(
            "async_scheduling"
        )
        if not isinstance(ahead, bool):
            ahead = _version(run.engine) >= AHEAD_SINCE
            if ahead:
                assumed.append("steps are planned one ahead, vLLM's default")
        real = _timings(run.workload, run.queued, run.first_token, run.last_token)
        instances = int(limits.get("data_parallel_size") or 1)
        spread = bool(limits.get("enable_expert_parallel"))
        replay = cls(
            run.workload, settings, real, "; ".join(assumed), instances, spread, bool(ahead)
        )
        return _told(replay, "so that memory never binds") if ample else replay

    def with_memory(self, device: Hardware, shape: ModelShape, tp: int) -> Replay:
        """The same with as many KV blocks as fit beside the model, if the run did not say.

        Left as it is where experts are spread over several engines: what each holds is not known.
        """
        if self.settings.blocks != AMPLE_BLOCKS or self.in_step:
            return self
        limits = self.settings
        blocks = kv_blocks(
            device,
            shape,
            tp,
            block_size=limits.block_size,
            max_num_batched_tokens=limits.max_num_batched_tokens,
            max_num_seqs=limits.max_num_seqs,
        )
        settings = replace(limits, blocks=max(blocks - 1, 1))
        rest = [part for part in self.assumed.split("; ") if not part.endswith("never binds")]
        plain = replace(self, settings=settings, assumed="; ".join(rest))
        return _told(plain, f"what fits beside {shape.name} on {tp} x {device.name}")

    @property
    def in_step(self) -> bool:
        """Whether several engines wait for one another at every step."""
        return self.expert_parallel and self.instances > 1

    @property
    def first_half(self) -> npt.NDArray[np.bool_]:
        """(n,) the requests that were sent first."""
        n = self.workload.count
        half: npt.NDArray[np.bool_] = np.arange(n) < n // 2
        return half

    def simulated(self, cost: StepCost, delay: int = 0) -> tuple[Timings, Record]:
        """The run under a cost model; ``delay`` ps pass between a token and its being seen."""
        policies: list[Boundaries] = []

        def policy() -> Boundaries:
            policies.append(OneAhead() if self.ahead else Boundaries())
            return policies[-1]

        engines = [self.settings] * self.instances
        if self.in_step:
            record = serve_in_step(self.workload, engines, [cost] * self.instances, policy=policy)
        else:
            record = simulate_serving(self.workload, engines, cost, policy=policy)
        if not record.finished.all():
            raise OptionError("some requests do not fit into the simulated engine")
        queued = np.empty(self.workload.count, dtype=np.int64)
        for one in policies:
            queued[list(one.taken)] = list(one.taken.values())
        first, last = record.first + delay, record.last + delay
        return _timings(self.workload, queued, first, last), record

    def errors(self, simulated: Timings, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Signed relative errors of the figures, as ``ttft_mean``: 0.02 is 2 % too long."""
        share = simulated.figures(chosen) / self.real.figures(chosen) - 1.0
        return {
            f"{metric}_{figure}": float(share[i, j])
            for i, metric in enumerate(METRICS)
            for j, figure in enumerate(FIGURES)
        }


def _timings(workload: Workload, queued: IntArray, first: IntArray, last: IntArray) -> Timings:
    more = workload.output - 1
    tpot = np.where(more > 0, (last - first) / np.maximum(more, 1), np.nan)
    return Timings((first - queued) / 1e12, tpot / 1e12, (last - queued) / 1e12)


def _told(replay: Replay, why: str) -> Replay:
    """The same with a word on its memory."""
    memory = f"{replay.settings.blocks:,} KV blocks, {why}"
    return replace(replay, assumed="; ".join(filter(None, (memory, replay.assumed))))


def _table(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _version(engine: str) -> tuple[int, ...]:
    """Numbers of "vLLM 0.19.0"; () if there are none."""
    found = re.search(r"vLLM (\d+)\.(\d+)", engine)
    return tuple(int(part) for part in found.groups()) if found else ()
