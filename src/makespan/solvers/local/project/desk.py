"""What one worker writes on while it makes schedules."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.solvers.local.draw import Stream, stream
from makespan.solvers.local.project.cost import Price
from makespan.solvers.local.project.network import Project, Words
from makespan.solvers.local.project.placing import Profile, make_profile


class Desk(NamedTuple):
    """Arrays of one worker, for n activities and p points; int64 unless said.

    Attributes
    ----------
    order
        The list to schedule, (n,).
    mode, duration, word
        The chosen modes, their ticks, and the first word of their demands (uint64); (n,).
    use
        What the chosen modes take of each consumable, (c,).
    finish, mirror
        Finishes of the last forward pass, and of the last pass of the mirrored project, (n,).
    latest, tail
        Allowances, and the ready times they are in the mirrored project, (n,).
    kept, kept_mode
        Finishes and modes of a schedule set aside, (n,).
    key, bucket
        Keys of the next order, (n,), and room for their counting sort.
    at
        Completions of points, (p,).
    tick
        Problem ticks per network tick, (1,).
    passes
        Number of schedules made so far, (1,).
    """

    order: IntArray
    mode: IntArray
    duration: IntArray
    word: Words
    use: IntArray
    finish: IntArray
    mirror: IntArray
    latest: IntArray
    tail: IntArray
    kept: IntArray
    kept_mode: IntArray
    key: IntArray
    bucket: IntArray
    at: IntArray
    tick: IntArray
    passes: IntArray
    profile: Profile
    state: Stream


def make_desk(project: Project, price: Price, seed: int, worker: int, *, by_tick: bool) -> Desk:
    """An empty desk; in mirrored lists times reach twice the span, and keys get noise."""
    n, words = project.count, project.network.need.shape[1]
    reach = 2 * project.span + 32
    row = [np.zeros(n, dtype=np.int64) for _ in range(10)]
    return Desk(
        order=row[0],
        mode=row[1],
        duration=row[2],
        word=np.zeros(n, dtype=np.uint64),
        use=np.zeros(len(project.network.amount), dtype=np.int64),
        finish=row[3],
        mirror=row[4],
        latest=row[5],
        tail=row[6],
        kept=row[7],
        kept_mode=row[8],
        key=row[9],
        bucket=np.zeros(reach + 2 if by_tick else 0, dtype=np.int64),
        at=np.zeros(len(price.due), dtype=np.int64),
        tick=np.array([project.tick], dtype=np.int64),
        passes=np.zeros(1, dtype=np.int64),
        profile=make_profile(n, words, reach, by_tick=by_tick),
        state=stream(seed, worker),
    )
