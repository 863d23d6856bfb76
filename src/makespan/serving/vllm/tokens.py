"""Token numbers for a workload: equal where its named pieces say so, different everywhere else.

An engine finds prefixes again by the numbers of their tokens, so a workload that says which pieces
its requests share is turned into such numbers: a token within a named piece is known by the piece
and its place there, any other token by its request and its place. Without a vocabulary each of
these gets a number of its own. With one, numbers are drawn from it by a fixed hash, so that two
different blocks of b tokens coincide with a probability of ``size ** -b``.
"""

from __future__ import annotations

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import Workload


class Tokens:
    """Numbers of the tokens of each request, prompt then output.

    Parameters
    ----------
    vocabulary
        (first, end): numbers to draw from, first <= number < end; None: as many as are needed.
    """

    def __init__(self, workload: Workload, *, vocabulary: tuple[int, int] | None = None) -> None:
        if vocabulary is not None and not 0 <= vocabulary[0] < vocabulary[1]:
            raise OptionError(f"no token lies between {vocabulary[0]} and {vocabulary[1]}")
        self._load = workload
        self._vocabulary = vocabulary
        names, place = np.unique(workload.content, return_inverse=True)
        self._piece = place.astype(np.int64) * workload.grain
        size = workload.prompt + workload.output
        begin = np.cumsum(size) - size
        self._private = begin + len(names) * workload.grain

    def prompt(self, request: int) -> list[int]:
        """The prompt of a request."""
        return self._span(request, 0, int(self._load.prompt[request]))

    def output(self, request: int) -> list[int]:
        """The output of a request."""
        prompt = int(self._load.prompt[request])
        return self._span(request, prompt, prompt + int(self._load.output[request]))

    def _span(self, request: int, begin: int, end: int) -> list[int]:
        grain = self._load.grain
        first, last = self._load.content_ptr[request : request + 2]
        place = np.arange(begin, end, dtype=np.int64)
        known = place + self._private[request]
        named = min(max(int(last - first) * grain - begin, 0), end - begin)
        if named:
            inside = place[:named]
            known[:named] = self._piece[first + inside // grain] + inside % grain
        return [int(number) for number in self._drawn(known)]

    def _drawn(self, known: IntArray) -> IntArray:
        if self._vocabulary is None:
            return known
        low, high = self._vocabulary
        # SplitMix64: its finaliser on multiples of its gamma (Steele, Lea and Flood, OOPSLA 2014).
        bits = (known.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
        return (bits % np.uint64(high - low)).astype(np.int64) + low
