"""How much to admit: the two extremes that engines ship, between which Past-Future looks."""

from __future__ import annotations

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.policies.peak import peak_blocks
from makespan.serving.policy import EngineView, Policy
from makespan.serving.workload import Workload


class Conservative(Policy):
    """Admits only what fits even if all outputs are as long as they may be.

    The rule of TGI and DeepSpeed-MII as Past-Future (arXiv 2507.10150, section 4) describes it: no
    request ever loses its memory, and much of it stays empty.

    Parameters
    ----------
    cap
        Nominal length of every output; None: what each client asked for.
    """

    name = "conservative"

    def __init__(self, cap: int | None = None) -> None:
        if cap is not None and cap < 1:
            raise OptionError(f"cap is {cap}", hint="at least one token, or leave it out")
        self.cap = cap

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`."""
        size = engine.block_size
        batch = [*engine.running(), request]
        needed = 0
        for r in batch:
            cap = engine.cap(r) if self.cap is None else self.cap
            needed += -(-(engine.prompt(r) + cap) // size)
        return needed <= engine.total_blocks


class Aggressive(Policy):
    """Admits what fits now and leaves a share of the memory free.

    vLLM's watermark; with 0 it is vLLM's default. Past-Future's baseline leaves 1 %.
    """

    name = "aggressive"

    def __init__(self, watermark: float = 0.01) -> None:
        if not 0.0 <= watermark < 1.0:
            raise OptionError(f"watermark is {watermark}", hint="give a share from 0 to below 1")
        self.watermark = watermark

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`."""
        tokens = engine.prompt(request) + engine.generated(request)
        left = engine.free_blocks - -(-tokens // engine.block_size)
        return left >= self.watermark * engine.total_blocks


class TrueLengths(Policy):
    """Admits what will fit at every step to come, knowing all lengths: an oracle.

    "Theoretical optimum" of Past-Future (section 4).
    """

    name = "true-lengths-oracle"
    time_varying = True

    def __init__(self, workload: Workload) -> None:
        self.goal = (workload.prompt + workload.output).tolist()

    def admit(self, request: int, engine: EngineView) -> bool:
        """See :meth:`Policy.admit`."""
        batch, size = [*engine.running(), request], engine.block_size
        # The last token of an output is never stored. Most often all fit at their longest at once.
        if sum(-(-(self.goal[r] - 1) // size) for r in batch) <= engine.total_blocks:
            return True
        held = np.array([engine.prompt(r) + engine.generated(r) for r in batch], dtype=np.int64)
        left = np.array([self.goal[r] - 1 for r in batch], dtype=np.int64) - held
        return peak_blocks(held + np.minimum(left, 0), np.maximum(left, 0), size) <= (
            engine.total_blocks
        )
