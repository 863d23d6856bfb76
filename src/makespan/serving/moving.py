"""What hardware says of moving requests, starting engines, swapping and offloading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.cost.step import StepCost
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import PICOSECONDS

BLOCK_TIME: Final = 10**9
"""Picoseconds to copy a block where the hardware is not known: a millisecond, our assumption."""

LOADING: Final = 20 * PICOSECONDS
"""Picoseconds that an engine needs to start besides reading its weights: our assumption."""

_MOST: Final = 2.0**60
"""Bytes, and bytes per second, that nothing has."""


def migration_of(settings: Sequence[EngineSettings], costs: Sequence[StepCost]) -> Migration:
    """Copies of blocks over the slowest of the host links; every GPU copies its part at once.

    A network between hosts that is slower than their links is not considered.
    """
    slowest = 0
    for one, cost in zip(settings, costs, strict=True):
        if isinstance(cost, OperatorCost):
            slowest = max(slowest, _copy_time(cost, one.block_size))
        else:
            slowest = max(slowest, BLOCK_TIME)
    return Migration(max(slowest, 1))


def with_host_memory(settings: EngineSettings, cost: OperatorCost, size: float) -> EngineSettings:
    """The engine with so many bytes at its host for what is preempted, over its host link.

    Less than a block is as if there were none: what is preempted is computed again.

    Raises
    ------
    OptionError
        If it is no number of bytes.
    """
    blocks = _blocks_in(size, cost, settings.block_size)
    time = _copy_time(cost, settings.block_size)
    return replace(settings, swap_blocks=blocks, swap_time=time)


def with_offload(
    settings: EngineSettings, cost: OperatorCost, size: float, bandwidth: float | None = None
) -> EngineSettings:
    """The engine with a second tier of the prefix cache.

    Parameters
    ----------
    size
        Its bytes, for all GPUs of the engine.
    bandwidth
        Bytes per second that all GPUs together read from it, which the host links bound as well;
        None: those alone, as for the memory of the host.

    Raises
    ------
    OptionError
        If it has no room for a block, cannot be read, or the engine has no prefix cache.
    """
    blocks = _blocks_in(size, cost, settings.block_size)
    if not blocks:
        raise OptionError(
            f"{size:g} bytes hold no block of {settings.block_size} tokens",
            hint="offload to more memory, or leave it out",
        )
    time = _copy_time(cost, settings.block_size)
    if bandwidth is not None:
        if not 0 < bandwidth < _MOST:
            raise OptionError(
                f"what is offloaded is read at {bandwidth:g} bytes/s",
                hint="give a positive number, below 2^60",
            )
        whole = cost.kernels.tp * _block_bytes(cost, settings.block_size)
        time = max(time, round(whole / bandwidth * PICOSECONDS))
    return replace(settings, offload_blocks=blocks, offload_time=time)


def _blocks_in(size: float, cost: OperatorCost, block_size: int) -> int:
    """Blocks of all GPUs of an engine that so many bytes hold."""
    if not 0 <= size < _MOST:
        raise OptionError(
            f"{size:g} bytes of memory beside the device", hint="from 0 to below 2^60"
        )
    return int(size / (cost.kernels.tp * _block_bytes(cost, block_size)))


def _block_bytes(cost: OperatorCost, block_size: int) -> float:
    """Bytes of a block on one GPU."""
    kernels = cost.kernels
    return float(kernels.shape.layers * kernels.kv_bytes_per_layer * block_size)


def _copy_time(cost: OperatorCost, block_size: int) -> int:
    """Picoseconds in which every GPU copies its part of a block over its host link."""
    size = _block_bytes(cost, block_size)
    return round(size / cost.kernels.device.host_link.value * PICOSECONDS)


def elastic_of(costs: Sequence[StepCost]) -> Elastic:
    """All engines are on at first and one always stays; starting one reads its weights again."""
    reading = 0.0
    for cost in costs:
        if isinstance(cost, OperatorCost):
            kernels = cost.kernels
            part = kernels.shape.total_weight_bytes / kernels.tp
            reading = max(reading, part / kernels.device.host_link.value)
    return Elastic(initial=len(costs), least=1, startup=LOADING + round(reading * PICOSECONDS))
