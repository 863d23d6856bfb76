"""The programs database: islands that breed apart, the worse half of which is reset in turn.

B. Romera-Paredes et al., "Mathematical discoveries from program search with large language
models", Nature 625 (2024) 468-475; the numbers are those of Cetinkaya et al. 2025 [paper]: ten
islands, two programs per prompt, better ones favoured, bad ones kept with a low weight.
"""

from __future__ import annotations

import math
import random
from bisect import insort
from dataclasses import dataclass, field
from typing import Final

from makespan.core.errors import OptionError

_FAVOUR: Final = 0.85
"""Ratio of the chances of neighbouring ranks [inferred; the source gives no number]."""


@dataclass(frozen=True, slots=True, order=True)
class Program:
    """One program and its score, the mean total tardiness; inf if it failed.

    Programs compare by score, then by age.
    """

    score: float
    number: int
    text: str = field(compare=False)


class Islands:
    """Programs on islands, each sorted by score.

    Parameters
    ----------
    seeds
        Scored programs every island starts with.
    """

    def __init__(self, seeds: list[Program], *, count: int = 10, seed: int = 0) -> None:
        if count < 1 or not seeds:
            raise OptionError("an islands database needs at least one island and one program")
        self._islands = [sorted(seeds) for _ in range(count)]
        self._random = random.Random(seed)
        self._next = max(program.number for program in seeds) + 1

    def __len__(self) -> int:
        return len(self._islands)

    @property
    def best(self) -> Program:
        """The best program of all islands."""
        return min(island[0] for island in self._islands)

    def members(self, island: int) -> list[Program]:
        """Programs of an island, best first."""
        return list(self._islands[island])

    def sample(self, count: int = 2) -> tuple[int, list[Program]]:
        """An island drawn uniformly, and so many of its programs, the best of them last."""
        island = self._random.randrange(len(self._islands))
        programs = self._islands[island]
        drawn = {self._rank(len(programs)) for _ in range(count)}
        while len(drawn) < min(count, len(programs)):
            drawn.add(self._rank(len(programs)))
        return island, [programs[rank] for rank in sorted(drawn, reverse=True)]

    def add(self, island: int, text: str, score: float) -> Program:
        """Store a program; a failed one (inf, or not a number) goes to the end."""
        program = Program(score if math.isfinite(score) else math.inf, self._next, text)
        self._next += 1
        insort(self._islands[island], program)
        return program

    def reset(self) -> list[int]:
        """Wipe the worse half; each gets the best program of a surviving island drawn at random.

        Returns the islands that were wiped.
        """
        ranked = sorted(range(len(self._islands)), key=lambda i: (self._islands[i][0], i))
        keep = (len(ranked) + 1) // 2
        survivors, wiped = ranked[:keep], ranked[keep:]
        for island in wiped:
            self._islands[island] = [self._islands[self._random.choice(survivors)][0]]
        return sorted(wiped)

    def _rank(self, size: int) -> int:
        rank = int(math.log(1.0 - self._random.random()) / math.log(_FAVOUR))
        return min(rank, self._random.randrange(size) if rank >= size else rank)
