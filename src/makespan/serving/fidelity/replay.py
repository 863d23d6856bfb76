"""Replaying a recorded run: the same requests, sent when the real engine queued them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.simulating import simulate_serving
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


@dataclass(frozen=True, slots=True, eq=False)
class Timings:
    """Latencies of n requests in the order in which they were queued, float seconds.

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
        Its requests, arriving when they were queued.
    settings, instances
        Limits of its engines, and their number (data parallelism). They run side by side; that the
        engines of a mixture of experts wait for one another at every step is not modelled.
    real
        What was measured.
    assumed
        What of the settings the run did not say, in words.
    expert_parallel
        Whether the experts are spread over the engines' GPUs.
    """

    workload: Workload
    settings: EngineSettings
    real: Timings
    assumed: str
    instances: int = 1
    expert_parallel: bool = False

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
        order = np.argsort(run.queued, kind="stable")
        workload = run.workload.sent_at(run.queued)
        settings, assumed = run.settings, ""
        limits = run.meta.get("engine_kwargs")
        if not isinstance(limits, dict):
            limits = {}
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
            assumed = f"{AMPLE_BLOCKS:,} KV blocks, so that memory never binds"
        first, last = run.first_token[order], run.last_token[order]
        real = _timings(workload, run.queued[order], first, last)
        instances = int(limits.get("data_parallel_size") or 1)
        spread = bool(limits.get("enable_expert_parallel"))
        return cls(workload, settings, real, assumed, instances, spread)

    @property
    def first_half(self) -> npt.NDArray[np.bool_]:
        """(n,) the requests that were queued first."""
        n = self.workload.count
        half: npt.NDArray[np.bool_] = np.arange(n) < n // 2
        return half

    def simulated(self, cost: StepCost, delay: int = 0) -> tuple[Timings, Record]:
        """The run under a cost model; ``delay`` ps pass between a token and its being seen."""
        record = simulate_serving(self.workload, [self.settings] * self.instances, cost)
        if not record.finished.all():
            raise OptionError("some requests do not fit into the simulated engine")
        first, last = record.first + delay, record.last + delay
        return _timings(self.workload, record.sent, first, last), record

    def errors(self, simulated: Timings, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Signed relative errors of the figures, as ``ttft_mean``: 0.02 is 2 % too long."""
        share = simulated.figures(chosen) / self.real.figures(chosen) - 1.0
        return {
            f"{metric}_{figure}": float(share[i, j])
            for i, metric in enumerate(METRICS)
            for j, figure in enumerate(FIGURES)
        }


def _timings(workload: Workload, sent: IntArray, first: IntArray, last: IntArray) -> Timings:
    more = workload.output - 1
    tpot = np.where(more > 0, (last - first) / np.maximum(more, 1), np.nan)
    return Timings((first - sent) / 1e12, tpot / 1e12, (last - sent) / 1e12)
