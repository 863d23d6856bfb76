"""Programs of stages: the calls of a stage wait for all calls of the stage before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.workloads.pieces import rows


@dataclass(frozen=True, slots=True)
class Layer:
    """A stage of all programs.

    Attributes
    ----------
    label
        Index of its label.
    calls
        (p,) calls that run side by side in each program; 0 leaves the stage out.
    """

    label: int
    calls: IntArray


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of all programs, stage by stage: columns for :func:`.assemble.assemble`.

    Attributes
    ----------
    program, label, place
        (n,) program, label, and number within its stage of every call.
    child, parent
        Dependences: a barrier behind every stage.
    """

    program: IntArray
    label: IntArray
    place: IntArray
    child: IntArray
    parent: IntArray


def calls_of(layers: Sequence[Layer]) -> Calls:
    """The calls of programs that go through the layers in order."""
    programs = len(layers[0].calls)
    first = np.zeros(programs, dtype=np.int64)
    width = np.zeros(programs, dtype=np.int64)
    parts: list[tuple[IntArray, IntArray, IntArray, IntArray, IntArray]] = []
    total = 0
    for layer in layers:
        ptr, owner, place = rows(layer.calls)
        call = np.arange(len(owner), dtype=np.int64) + total
        _, behind, at = rows(width[owner])
        parts.append(
            (
                owner,
                np.full(len(owner), layer.label, dtype=np.int64),
                place,
                call[behind],
                first[owner][behind] + at,
            )
        )
        taken = layer.calls > 0
        first = np.where(taken, ptr[:-1] + total, first)
        width = np.where(taken, layer.calls, width)
        total += len(owner)
    return Calls(*(np.concatenate(column) for column in zip(*parts, strict=True)))
