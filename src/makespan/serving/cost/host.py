"""What the CPU that feeds a GPU adds to a step, and the batches that recorded graphs allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray

FloatArray = npt.NDArray[np.floating]

ONCE: Final = 5
"""Launches of a step beside those of its layers: embedding, norm, output layer, sampling."""


@dataclass(frozen=True, slots=True)
class Host:
    """What the CPU that feeds the GPU adds to a step.

    Attributes
    ----------
    mode
        ``graph``: a recorded graph is replayed; scheduling, sampling and the like cost ``fixed``
        seconds, and small batches are padded to the sizes recorded. ``eager``: kernels are launched
        one by one, and the GPU waits where their work is shorter than their launches.
    fixed
        Seconds of every step. The default is an order of magnitude of vLLM V1, not a measurement.
    launch
        Seconds per launch.
    kernels
        Launches per layer.
    """

    mode: Literal["graph", "eager"] = "graph"
    fixed: float = 1.0e-3
    launch: float = 5e-6
    kernels: int = 8

    def __post_init__(self) -> None:
        if self.mode not in {"graph", "eager"}:
            raise OptionError(f"host mode is {self.mode!r}", hint="graph or eager")
        if not (self.fixed >= 0 and self.launch >= 0 and self.kernels >= 0):
            raise OptionError(f"impossible host overhead {self}")

    def waiting(self, busy: FloatArray | float, layers: int) -> FloatArray | float:
        """Seconds added to a step whose kernels take ``busy`` but for reading the context.

        Launches run ahead of the GPU. That reading a long context hides launches, too, is left
        out: it keeps steps linear in the context and errs towards slow.
        """
        if self.mode == "graph":
            return self.fixed
        launches = self.launch * (self.kernels * layers + ONCE)
        return self.fixed + np.maximum(launches - busy, 0.0)


def padded(tokens: IntArray) -> IntArray:
    """Rows of the recorded graph that serves ``tokens``; vLLM's sizes, up to 512 tokens.

    They are 1, 2, 4, then every 8th up to 256 and every 16th up to 512 (vLLM 0.11 and later,
    ``cudagraph_capture_sizes``). Larger batches are not padded.
    """
    by_eight = -(-tokens // 8) * 8
    by_sixteen = -(-tokens // 16) * 16
    small = np.where(tokens <= 2, tokens, np.where(tokens <= 4, 4, by_eight))
    return np.where(tokens <= 256, small, np.where(tokens <= 512, by_sixteen, tokens))
