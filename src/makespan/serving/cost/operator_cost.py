"""StepCost of a model on a device: the sum of the operators of a step from tables, in O(1).

The tables hold whole picoseconds, so that k steps of the same sequences last exactly their closed
form. Against the sum of :func:`..operators.operators` a step differs by rounding alone: at most
3 ps, half a picosecond per token of context, and a 2^-32th of a picosecond per pair. Four things
are simplified, because a step is known by its four sums only:

- a layer with a sliding window is taken to be full: decodes there read ``window`` tokens each, even
  those that have fewer, and chunks are short of at most one query's keys;
- beyond the tables (``tokens`` and ``sequences`` of :class:`OperatorCost`) times are
  interpolated between sizes that double;
- the next token of every sequence is asked for, which is what vLLM does for unfinished chunks, too;
- a chunk of one token counts as a decode, which it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.cost.calibration.record import Calibration
from makespan.serving.cost.error_band import calibration_of
from makespan.serving.cost.hardware import Hardware, hardware
from makespan.serving.cost.host import Host
from makespan.serving.cost.kernels import Attention, Kernels, Work
from makespan.serving.cost.models import ModelShape, model
from makespan.serving.cost.operators import windowed
from makespan.serving.cost.popularity import Popularity
from makespan.serving.workload import PICOSECONDS

FloatArray = npt.NDArray[np.float64]

_SHIFT: Final = 32
_LARGEST: Final = 1 << 33


class _Table(dict[int, int]):
    """Whole picoseconds by a count: exact up to a size, between doubled sizes beyond it."""

    def __init__(self, seconds: Callable[[IntArray], FloatArray], size: int) -> None:
        near = np.rint(seconds(np.arange(size + 1)) * PICOSECONDS).astype(np.int64)
        near[0] = 0  # a step of nothing
        super().__init__(enumerate(near.tolist()))
        doubled = (_LARGEST // size).bit_length()
        counts = size * 2 ** np.arange(doubled + 1, dtype=np.int64)
        self._last = size
        self._counts: list[int] = counts.tolist()
        # Whole numbers without a limit: on a slow device these leave 64 bits.
        self._far: list[int] = [round(span) for span in (seconds(counts) * PICOSECONDS).tolist()]

    def __missing__(self, count: int) -> int:
        k = (count // self._last).bit_length() - 1
        if k + 1 >= len(self._counts):
            raise OptionError(f"a step of {count} tokens or sequences", hint="that is too many")
        low, high = self._counts[k], self._counts[k + 1]
        rise = self._far[k + 1] - self._far[k]
        return self._far[k] + rise * (count - low) // (high - low)


class OperatorCost:
    """Durations of steps of a model on a device, compiled.

    Parameters
    ----------
    kernels
        The model, sharded on a device.
    tokens
        Tokens of a step up to which times are exact; an engine's budget.
    sequences
        Sequences up to which times are exact.

    Attributes
    ----------
    kernels
        As given.
    calibration
        Where the times come from, and how far off they are; to be printed beside every figure.
    """

    __slots__ = ("_chunk_launches", "_decode", "_host", "_met", "_of_sequences", "_of_tokens",
                 "_per_chunk_context", "_per_context", "_per_pair", "_per_windowed_pair", "_window",
                 "calibration", "kernels")  # fmt: skip

    def __init__(self, kernels: Kernels, *, tokens: int = 8192, sequences: int = 1024) -> None:
        if min(tokens, sequences) < 1:
            raise OptionError(f"tables of {tokens} tokens and {sequences} sequences")
        self.kernels = kernels
        self.calibration: Calibration = calibration_of(kernels)
        shape, limited = kernels.shape, len(windowed(kernels.shape))
        full, window = shape.layers - limited, shape.window
        alone, mixed = kernels.attention(chunk=False), kernels.attention(chunk=True)

        def of_tokens(count: IntArray) -> FloatArray:
            return _dense_seconds(kernels, count)

        def of_sequences(count: IntArray, attention: Attention) -> FloatArray:
            reading = limited * attention.per_context * window
            return np.asarray(
                _sum(kernels.sampled(count))
                + shape.layers * (attention.fixed + attention.per_sequence * count)
                + reading * count
            )

        def decode(count: IntArray) -> FloatArray:
            busy = of_tokens(count) + of_sequences(count, alone)
            return np.asarray(busy + kernels.waiting(busy))

        # Of the tokens of a chunk after its first: the number of all less that of sequences.
        beyond = shape.layers * mixed.per_token + limited * mixed.per_context
        self._decode = _Table(decode, sequences)
        self._of_tokens = _Table(lambda count: of_tokens(count) + beyond * count, tokens)
        self._of_sequences = _Table(
            lambda count: of_sequences(count, mixed) - beyond * count, sequences
        )
        self._met = None
        if kernels.peers > 1:
            self._met = _Table(lambda seen: _met_seconds(kernels, seen), tokens * kernels.peers)
        self._host = round(kernels.host.fixed * PICOSECONDS)
        eager = kernels.host.mode == "eager"
        self._chunk_launches = (
            round(float(kernels.waiting(0.0)) * PICOSECONDS) - self._host if eager else 0
        )
        self._per_context = round(full * alone.per_context * PICOSECONDS)
        scale = PICOSECONDS << _SHIFT
        self._per_chunk_context = round(full * mixed.per_context * scale)
        self._per_pair = round(full * mixed.per_pair * scale)
        self._per_windowed_pair = round(limited * mixed.per_pair * scale)
        self._window = 2 * window

    @classmethod
    def of(
        cls,
        device: Hardware | str,
        shape: ModelShape | str,
        tp: int = 1,
        *,
        host: Host | None = None,
        popularity: Popularity | None = None,
        all_reduce_fixed: float | None = None,
        expert_parallel: bool = False,
        peers: int = 1,
        tokens: int = 8192,
        sequences: int = 1024,
    ) -> OperatorCost:
        """Cost of a model on a device, known ones by name; :class:`Kernels` has the options."""
        kernels = Kernels(
            hardware(device), model(shape), tp, host or Host(), popularity, all_reduce_fixed,
            expert_parallel, peers,
        )  # fmt: skip
        return cls(kernels, tokens=tokens, sequences=sequences)

    def __repr__(self) -> str:
        return f"OperatorCost({self.calibration.label})"

    def step(self, tokens: int, sequences: int, context: int, pairs: int) -> int:
        """See :class:`~makespan.serving.cost.step.StepCost`."""
        if tokens == sequences:
            return self._decode[sequences] + self._per_context * context
        busy = self._of_tokens[tokens] + self._of_sequences[sequences]
        waiting = max(self._chunk_launches - busy, 0)
        linear = self._per_chunk_context * context + self._per_pair * pairs
        if self._per_windowed_pair:
            linear += self._per_windowed_pair * min(pairs, self._window * (tokens - sequences))
        return busy + waiting + self._host + (linear >> _SHIFT)

    def decode(self, sequences: int) -> tuple[int, int]:
        """See :class:`~makespan.serving.cost.step.StepCost`."""
        return self._decode[sequences], self._per_context

    def meeting(self, tokens: int, seen: int) -> int:
        """See :class:`~makespan.serving.cost.step.MeetingCost`."""
        if self._met is None:
            return 0
        return self._met[seen] - self._met[tokens * self.kernels.peers]


def _dense_seconds(kernels: Kernels, tokens: IntArray) -> FloatArray:
    """Seconds of everything that depends on the tokens alone, all layers."""
    shape = kernels.shape
    total = _sum(kernels.once(tokens))
    dense = shape.layers - shape.moe_layers
    if dense:
        total = total + dense * _sum(kernels.layer(tokens, 0))
    for layer, alike in _mixtures(kernels):
        total = total + alike * _sum(kernels.layer(tokens, layer))
    return np.asarray(total)


def _met_seconds(kernels: Kernels, seen: IntArray) -> FloatArray:
    """Seconds of what depends on the tokens of all peers, all layers."""
    return np.asarray(
        sum(alike * _sum(kernels.met(seen, layer)) for layer, alike in _mixtures(kernels))
    )


def _mixtures(kernels: Kernels) -> list[tuple[int, int]]:
    """Layers with experts, one for each popularity, and how many are alike."""
    shape = kernels.shape
    if not shape.moe_layers:
        return []
    assert kernels.popularity is not None
    kinds = len(kernels.popularity.chosen)
    dense = shape.layers - shape.moe_layers
    return [(layer, shape.moe_layers // kinds) for layer in range(dense, dense + kinds)]


def _sum(works: list[Work]) -> FloatArray:
    return np.asarray(np.sum([work.seconds for work in works], axis=0))
