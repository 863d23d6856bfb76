"""Timeline: what each engine of a fleet was doing when, for charts and traces of a run."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from makespan.core.vocabulary import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Stretches of steps of one or more engines, in order of their begin; arrays of one length.

    A stretch is one step, or several in which the same sequences decoded and nothing else happened.

    Attributes
    ----------
    instance
        Index of the engine.
    begin, end
        Picoseconds.
    steps
        Steps of the stretch.
    running, waiting
        Requests in the batch and in the queue after its first step was planned.
    used
        KV blocks held at the end of the stretch.
    prompt, decode
        Tokens of prompts (or of what is computed anew) and tokens of decoding sequences, summed
        over its steps.
    """

    instance: IntArray
    begin: IntArray
    end: IntArray
    steps: IntArray
    running: IntArray
    waiting: IntArray
    used: IntArray
    prompt: IntArray
    decode: IntArray

    def __post_init__(self) -> None:
        for part in fields(self):
            array = np.array(getattr(self, part.name), dtype=np.int64)
            array.setflags(write=False)
            object.__setattr__(self, part.name, array)

    def __len__(self) -> int:
        return len(self.begin)
