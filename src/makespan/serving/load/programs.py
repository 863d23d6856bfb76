"""Completion times of programs: sessions, conversations and compound tasks of several requests."""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.record import Record


def program_times(record: Record) -> tuple[IntArray, int]:
    """Job completion times of the programs that ended, ps, and the number of all programs.

    From the sending of a program's first request to the last token of its last; one with a request
    that did not finish has none.
    """
    program = record.workload.program
    members = np.flatnonzero(program >= 0)
    _, place = np.unique(program[members], return_inverse=True)
    count = int(place.max(initial=-1)) + 1
    whole = np.ones(count, dtype=np.bool_)
    np.logical_and.at(whole, place, record.finished[members])
    begun = np.full(count, np.iinfo(np.int64).max)
    ended = np.full(count, -1, dtype=np.int64)
    np.minimum.at(begun, place, record.sent[members])
    np.maximum.at(ended, place, record.last[members])
    times: IntArray = (ended - begun)[whole]
    return times, count
