"""Replaying a recorded run: the same requests, sent when their client sent them.

Latencies count from the queue on, on both sides. An engine queues what has arrived at the boundary
between two steps, so that the real queue's times are a consequence of its steps: replaying those
would make requests of the simulation arrive just after a boundary of the real engine and wait for
the next one of the simulated engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.hardware import Hardware
from makespan.serving.cost.memory import kv_blocks
from makespan.serving.cost.models import ModelShape
from makespan.serving.cost.step import StepCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.fidelity.boundaries import Boundaries
from makespan.serving.fidelity.lockstep import serve_in_step
from makespan.serving.fidelity.stated import (
    AMPLE_BLOCKS,
    NEVER_BINDS,
    limits_of,
    memory_told,
    on_one_clock,
    table_of,
    whole,
)
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import Workload
from makespan.serving.workloads.llmservingsim import RecordedRun

FIGURES: Final = ("mean", "p50", "p90", "p99")
"""Figures of a latency that are compared."""

METRICS: Final = ("ttft", "tpot", "e2e")
"""Latencies that are compared, from the engine's queue on."""

AHEAD_SINCE: Final = (0, 14)
"""Version of vLLM from which on engines on GPUs plan a step ahead unless told not to."""

_CPU: Final = re.compile(r"cpu|xeon|epyc", re.IGNORECASE)
"""Devices on which vLLM switches that off."""


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
        """(3, 4): METRICS by FIGURES over the chosen requests, in seconds; NaN of none."""
        table = []
        for name in METRICS:
            values = getattr(self, name)[chosen]
            values = values[~np.isnan(values)]
            if len(values):
                table.append([values.mean(), *np.quantile(values, (0.5, 0.9, 0.99))])
            else:
                table.append([np.nan] * len(FIGURES))
        return np.array(table)

    def head(self, count: int) -> Timings:
        """Of the first requests."""
        return Timings(self.ttft[:count], self.tpot[:count], self.e2e[:count])


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
            If the run has fewer than two requests.
        """
        if run.workload.count < 2:
            raise OptionError("a run of fewer than two requests cannot be compared")
        settings, assumed = limits_of(run)
        scheduler = table_of(table_of(run.meta, "resolved_config"), "scheduler_config")
        ahead = scheduler.get("async_scheduling")
        if not isinstance(ahead, bool):
            ahead = _version(run.engine) >= AHEAD_SINCE and not _CPU.search(run.hardware)
            if ahead:
                assumed.append("steps are planned one ahead, vLLM's default")
        workload, apart = on_one_clock(run)
        if apart:
            assumed.append(f"clocks {apart / 1e12:.1f} s apart are brought together")
        engine = table_of(run.meta, "engine_kwargs")
        return cls(
            workload,
            replace(settings, async_scheduling=ahead),
            _timings(workload, run.queued, run.first_token, run.last_token),
            "; ".join(assumed),
            whole(engine, "data_parallel_size") or 1,
            bool(engine.get("enable_expert_parallel")),
        )

    def head(self, count: int) -> Replay:
        """The same of its first requests alone."""
        if count >= self.workload.count:
            return self
        first = np.arange(self.workload.count) < count
        return replace(self, workload=self.workload.take(first), real=self.real.head(count))

    def with_memory(
        self, device: Hardware, shape: ModelShape, tp: int, *, utilisation: float = 0.9
    ) -> Replay:
        """The same with as many KV blocks as fit beside the model, if the run did not say.

        Left as it is where experts are spread over several engines, since what each holds is not
        known, and where the model does not fit by our count, since it did.
        """
        limits = self.settings
        if limits.blocks != AMPLE_BLOCKS or self.in_step:
            return self
        try:
            blocks = kv_blocks(
                device,
                shape,
                tp,
                block_size=limits.block_size,
                memory_utilisation=utilisation,
                max_num_batched_tokens=limits.max_num_batched_tokens,
                max_num_seqs=limits.max_num_seqs,
            )
        except OptionError:
            return self
        # What was served did fit.
        longest = int((self.workload.prompt + self.workload.output).max())
        blocks = max(blocks - 1, -(-longest // limits.block_size))
        told = memory_told(blocks, f"what fits beside {shape.name} on {tp} x {device.name}")
        rest = [part for part in self.assumed.split("; ") if not part.endswith(NEVER_BINDS)]
        assumed = "; ".join([told, *filter(None, rest)])
        return replace(self, settings=replace(limits, blocks=blocks), assumed=assumed)

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
        router = Boundaries()
        engines = [self.settings] * self.instances
        if self.in_step:
            record = serve_in_step(self.workload, engines, [cost] * self.instances, router=router)
        else:
            record = simulate_serving(self.workload, engines, cost, router=router)
        if not record.finished.all():
            raise OptionError("some requests do not fit into the simulated engine")
        queued = np.array([router.taken[request] for request in range(self.workload.count)])
        first, last = record.first + delay, record.last + delay
        return _timings(self.workload, queued, first, last), record

    def errors(self, simulated: Timings, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Signed relative errors of the figures, as ``ttft_mean``: 0.02 is 2 % too long.

        A figure that nothing was measured of is left out, or that was 0: of no requests, or the
        time per token where every answer is one token.
        """
        real, seen = self.real.figures(chosen), simulated.figures(chosen)
        return {
            f"{metric}_{figure}": float(seen[i, j] / real[i, j] - 1.0)
            for i, metric in enumerate(METRICS)
            for j, figure in enumerate(FIGURES)
            if real[i, j] > 0
        }


def _timings(workload: Workload, queued: IntArray, first: IntArray, last: IntArray) -> Timings:
    more = workload.output - 1
    tpot = np.where(more > 0, (last - first) / np.maximum(more, 1), np.nan)
    return Timings((first - queued) / 1e12, tpot / 1e12, (last - queued) / 1e12)


def _version(engine: str) -> tuple[int, ...]:
    """Numbers of "vLLM 0.19.0"; () if there are none."""
    found = re.search(r"vLLM (\d+)\.(\d+)", engine)
    return tuple(int(part) for part in found.groups()) if found else ()
