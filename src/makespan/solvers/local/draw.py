"""Random numbers inside kernels: xorshift64, one word of state per worker."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Stream = npt.NDArray[np.uint64]
"""State, uint64 (1,), never 0."""


def stream(seed: int, *names: int) -> Stream:
    """A stream of its own for a seed and any further numbers, e.g. the worker's."""
    word: Stream = np.random.SeedSequence([seed, *names]).generate_state(1).astype(np.uint64)
    word[0] = (word[0] << np.uint64(31)) ^ np.uint64(0x9E3779B97F4A7C15)
    word[0] |= np.uint64(1)
    return word


@numba.njit(inline="always")  # type: ignore[untyped-decorator]  # numba ships no types
def draw(state: Stream) -> int:
    """Next number in [0, 2^31) (Marsaglia 2003, shifts 13, 7, 17; the high bits)."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return np.int64(x >> np.uint64(33))  # type: ignore[return-value]
