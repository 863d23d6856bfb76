"""How far off the steps of a model on a device may be, from the fits of its operators."""

from __future__ import annotations

from typing import Final

from makespan.serving.cost.batch import Batch, Chunk
from makespan.serving.cost.calibration.record import Calibration, compose
from makespan.serving.cost.kernels import Kernels
from makespan.serving.cost.operators import step_operators

TYPICAL: Final = (
    Batch(decode=(1024,) * 64),
    Batch(prefill=(Chunk(512, 512),), decode=(1024,) * 32),
)
"""Steps in which the shares of the operators are taken: decodes, and a chunk beside decodes."""


def calibration_of(kernels: Kernels) -> Calibration:
    """Record of a model on a device: of the typical step that is known worse."""
    name = f"{kernels.device.name}/{kernels.shape.name}/tp{kernels.tp}"
    if kernels.expert_parallel:
        name += f"/ep{kernels.expert_ranks}"
    found = []
    for batch in TYPICAL:
        shares: dict[Calibration, float] = {}
        for row in step_operators(kernels, batch):
            record = kernels.calibration(row.op)
            shares[record] = shares.get(record, 0.0) + row.seconds
        found.append(compose(name, shares))
    return max(found, key=lambda record: (not record.calibrated, record.error or 0.0))
