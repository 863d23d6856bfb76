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
        self._learnt: dict[int, int] = {}

    def prompt(self, request: int) -> list[int]:
        """The prompt of a request."""
        return self._span(request, 0, int(self._load.prompt[request]))

    def output(self, request: int) -> list[int]:
        """The output of a request."""
        prompt = int(self._load.prompt[request])
        return self._span(request, prompt, prompt + int(self._load.output[request]))

    def learn(self, request: int, output: list[int]) -> None:
        """Take the named part of an answer from what was said, for those who will quote it.

        What was learnt first stays: two answers that a workload calls the same piece cannot both be
        quoted if they differ.
        """
        prompt = int(self._load.prompt[request])
        known = self._known(request, prompt, prompt + len(output))
        named = self._named(request, prompt, prompt + len(output))
        for number, said in zip(known[:named], output, strict=False):
            self._learnt.setdefault(int(number), said)

    def _span(self, request: int, begin: int, end: int) -> list[int]:
        known = self._known(request, begin, end)
        drawn = [int(number) for number in self._drawn(known)]
        if self._learnt:
            for k in range(self._named(request, begin, end)):
                drawn[k] = self._learnt.get(int(known[k]), drawn[k])
        return drawn

    def _named(self, request: int, begin: int, end: int) -> int:
        """How many of the tokens from ``begin`` to ``end`` lie in named pieces."""
        first, last = self._load.content_ptr[request : request + 2]
        return min(max(int(last - first) * self._load.grain - begin, 0), end - begin)

    def _known(self, request: int, begin: int, end: int) -> IntArray:
        """What a token is known by: a number of its own, or of its place in its piece."""
        grain, first = self._load.grain, self._load.content_ptr[request]
        place = np.arange(begin, end, dtype=np.int64)
        known: IntArray = place + self._private[request]
        inside = place[: self._named(request, begin, end)]
        known[: len(inside)] = self._piece[first + inside // grain] + inside % grain
        return known

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
