"""Energy of a step: idle power, operations, bytes. For comparisons only.

The three constants are orders of magnitude [inferred]: 90 W idle for an H100 (others in proportion
to their power limit), 0.6 pJ per operation, 40 pJ per byte of device memory. Ratios between two
policies on the same device mean something; joules do not.
"""

from __future__ import annotations

from typing import Final

from makespan.serving.cost.hardware import Hardware
from makespan.serving.cost.operators import Operators

IDLE_SHARE: Final = 90.0 / 700.0
"""Idle power as a fraction of the limit [inferred: H100]."""

JOULES_PER_FLOP: Final = 0.6e-12
"""[inferred: H100]."""

JOULES_PER_BYTE: Final = 40e-12
"""[inferred: HBM of an H100]."""


def relative_energy(device: Hardware, step: Operators, tp: int = 1) -> float:
    """Energy of a step over all GPUs, to be compared with that of another on the same device."""
    idle = device.power.value * IDLE_SHARE * step.elapsed
    dynamic = JOULES_PER_FLOP * step.flops.sum() + JOULES_PER_BYTE * step.hbm_bytes.sum()
    return tp * float(idle + dynamic)
