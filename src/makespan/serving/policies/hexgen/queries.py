"""Queries of a record: how long each took, and how tight a deadline all but a few would keep."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from makespan.core.errors import OptionError
from makespan.serving.record import Record
from makespan.serving.workload import PICOSECONDS

Seconds = npt.NDArray[np.float64]


def query_seconds(record: Record) -> Seconds:
    """(q,) seconds from the first request of each program sent to its last token, by program.

    Infinite if any of its requests did not finish. Requests of no program are queries themselves,
    after the programs.
    """
    load = record.workload
    alone = load.program < 0
    key = np.where(alone, load.program.max(initial=-1) + 1 + np.cumsum(alone), load.program)
    _, place = np.unique(key, return_inverse=True)
    count = int(place.max(initial=-1)) + 1
    begun = np.full(count, np.iinfo(np.int64).max)
    ended = np.zeros(count, dtype=np.int64)
    whole = np.ones(count, dtype=np.bool_)
    np.minimum.at(begun, place, np.where(record.sent >= 0, record.sent, begun.max(initial=0)))
    np.maximum.at(ended, place, record.last)
    np.logical_and.at(whole, place, record.finished)
    return np.where(whole, (ended - begun) / PICOSECONDS, np.inf)


def kept_by(seconds: Seconds, share: float) -> float:
    """The shortest deadline that at least this share of the queries keeps.

    The order statistic itself: no interpolation would be kept by as many.
    """
    if not len(seconds) or not 0.0 < share <= 1.0:
        raise OptionError(f"a share {share} of {len(seconds)} queries")
    # Less than one part in a million is rounding of the product, not another query.
    needed = int(np.ceil(share * len(seconds) - 1e-6))
    return float(np.sort(seconds)[max(needed, 1) - 1])
