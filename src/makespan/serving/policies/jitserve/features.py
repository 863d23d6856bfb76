"""What the length analyzer knows of a request when it arrives, as numbers.

JITServe describes prompts by a bag of words. A load here has no words but names of the pieces that
prompts begin with, so these are hashed instead (n-grams of a piece each); beside them stand the
length of the prompt, the limit asked for, the label (stage or tenant), the SLO class, and how deep
in its program the request is. All of it is there when a request is sent; no output is looked at
but those of the training load.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.serving.workload import Workload

FloatArray = npt.NDArray[np.float64]

BUCKETS: Final = 16
"""Hashed names of pieces share so many columns."""


def depths(load: Workload) -> IntArray:
    """(n,) stage of each request in its program: one more than the deepest of its parents."""
    depth = np.zeros(load.count, dtype=np.int64)
    if len(load.parent):
        ptr, parent = load.parent_ptr.tolist(), load.parent.tolist()
        found = [0] * load.count
        for r in np.flatnonzero(np.diff(load.parent_ptr)).tolist():
            found[r] = 1 + max(found[p] for p in parent[ptr[r] : ptr[r + 1]])
        depth[:] = found
    return depth


class Features:
    """How requests become rows of numbers, fixed by a training load.

    Labels and classes are numbered by the mean output that they had in training, which lets a
    tree part them by one threshold as well as by any set (Breiman et al., Classification and
    Regression Trees, 1984, section 4.2.2); what was not seen comes in the middle.
    """

    def __init__(self, history: Workload) -> None:
        self.labels = _by_output(history, history.label, history.labels)
        self.classes = _by_output(history, history.slo, tuple(s.name for s in history.slos))

    def of(self, load: Workload) -> FloatArray:
        """(n, d) rows of the requests of a load."""
        kinds = np.zeros((load.count, BUCKETS))
        if len(load.content):
            size = np.diff(load.content_ptr)
            owner = np.repeat(np.arange(load.count), size)
            place = np.arange(len(load.content)) - np.repeat(load.content_ptr[:-1], size)
            # Names behind the prompt tell of the output.
            known = (place + 1) * load.grain <= load.prompt[owner]
            np.add.at(kinds, (owner[known], _hashed(load.content[known])), 1.0)
        return np.column_stack(
            (
                np.log(load.prompt),
                np.log(load.cap),
                _coded(load.label, load.labels, self.labels),
                _coded(load.slo, tuple(s.name for s in load.slos), self.classes),
                depths(load),
                np.diff(load.parent_ptr),
                np.log1p(kinds),
            )
        ).astype(np.float64)


def _by_output(load: Workload, index: IntArray, names: tuple[str, ...]) -> dict[str, float]:
    mean = {
        name: float(load.output[index == k].mean())
        for k, name in enumerate(names)
        if (index == k).any()
    }
    order = sorted(mean, key=lambda name: (mean[name], name))
    return {name: float(place) for place, name in enumerate(order)}


def _coded(index: IntArray, names: tuple[str, ...], code: dict[str, float]) -> FloatArray:
    middle = (len(code) - 1) / 2
    table = np.array([code.get(name, middle) for name in names] + [middle])
    return np.asarray(table[index])  # -1, no name, takes the last


def _hashed(names: IntArray) -> IntArray:
    """Buckets of names: Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4)."""
    mixed = names.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (mixed >> np.uint64(60)).astype(np.int64) % BUCKETS
