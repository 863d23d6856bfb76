"""How long it takes to move a request or to start an engine, for fleets given by hardware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.step import StepCost
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import PICOSECONDS

BLOCK_TIME: Final = 10**9
"""Picoseconds to copy a block where the hardware is not known: a millisecond, our assumption."""

LOADING: Final = 20 * PICOSECONDS
"""Picoseconds that an engine needs to start besides reading its weights: our assumption."""


def migration_of(settings: Sequence[EngineSettings], costs: Sequence[StepCost]) -> Migration:
    """Copies of blocks over the slowest of the host links; every GPU copies its part at once.

    A network between hosts that is slower than their links is not considered.
    """
    slowest = 0
    for one, cost in zip(settings, costs, strict=True):
        if not isinstance(cost, OperatorCost):
            slowest = max(slowest, BLOCK_TIME)
            continue
        kernels = cost.kernels
        size = kernels.shape.layers * kernels.kv_bytes_per_layer * one.block_size
        slowest = max(slowest, round(size / kernels.device.host_link.value * PICOSECONDS))
    return Migration(max(slowest, 1))


def elastic_of(costs: Sequence[StepCost]) -> Elastic:
    """All engines are on at first and one always stays; starting one reads its weights again."""
    reading = 0.0
    for cost in costs:
        if isinstance(cost, OperatorCost):
            kernels = cost.kernels
            part = kernels.shape.total_weight_bytes / kernels.tp
            reading = max(reading, part / kernels.device.host_link.value)
    return Elastic(initial=len(costs), least=1, startup=LOADING + round(reading * PICOSECONDS))
