"""Smooth roofline: time of one kernel from its floating-point operations and bytes.

``t = fixed + ((flops / (F e_c))^q + (bytes / (B e_m))^q)^(1/q)``. F and B are the vendor's peaks;
the two efficiencies, the exponent and the fixed time are fitted together. With a small exponent
the corner is round and an efficiency of 1 does not mean that the peak is reached: the four numbers
mean something only together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.cost.calibration.record import Calibration

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Roofline:
    """Efficiencies of one kind of kernel on one device.

    Attributes
    ----------
    fixed
        Seconds that an empty call takes.
    compute, memory
        Fractions of the peaks ``e_c`` and ``e_m``.
    q
        Sharpness of the corner; infinite would be ``max``.
    calibration
        Where these come from.
    """

    fixed: float
    compute: float
    memory: float
    q: float
    calibration: Calibration

    def __post_init__(self) -> None:
        if not (self.fixed >= 0 and self.compute > 0 and self.memory > 0 and self.q > 0):
            raise OptionError(f"impossible roofline {self.calibration.id!r}")

    def seconds(
        self, flops: npt.ArrayLike, moved: npt.ArrayLike, peak: float, bandwidth: float
    ) -> FloatArray:
        """Seconds of kernels with ``flops`` operations that move ``moved`` bytes."""
        compute = np.asarray(flops, float) / (peak * self.compute)
        memory = np.asarray(moved, float) / (bandwidth * self.memory)
        high, low = np.maximum(compute, memory), np.minimum(compute, memory)
        # The larger term is taken out of the root, so that powers of tiny times do not underflow.
        ratio = np.divide(low, high, out=np.zeros_like(high), where=high > 0)
        return np.asarray(self.fixed + high * (1.0 + ratio**self.q) ** (1.0 / self.q))


@overload
def tiled(tokens: int) -> int: ...
@overload
def tiled(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]: ...
def tiled(tokens: int | npt.NDArray[np.int64]) -> int | npt.NDArray[np.int64]:
    """Rows that the tiles of a GEMM compute: multiples of 16 below 64 rows, else of 64."""
    rows = np.asarray(tokens, dtype=np.int64)
    tile = np.where(rows < 64, 16, 64)
    found = -(-rows // tile) * tile
    return int(found) if np.ndim(tokens) == 0 else found


def gemm_flops(tokens: npt.ArrayLike, inner: npt.ArrayLike, outer: npt.ArrayLike) -> FloatArray:
    """Operations, whole tiles, of ``(tokens, inner) @ (inner, outer)``."""
    rows = tiled(np.asarray(tokens, dtype=np.int64))
    return np.asarray(2.0 * rows * np.asarray(inner, float) * np.asarray(outer, float))


def gemm_bytes(
    tokens: npt.ArrayLike,
    inner: npt.ArrayLike,
    outer: npt.ArrayLike,
    weight_bytes: float = 2.0,
    activation_bytes: float = 2.0,
) -> FloatArray:
    """Bytes of the weights, of the input and of the output."""
    t, k, n = (np.asarray(v, float) for v in (tokens, inner, outer))
    return np.asarray(k * n * weight_bytes + t * (k + n) * activation_bytes)
