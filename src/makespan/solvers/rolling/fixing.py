"""Which decisions of one window the next one takes over.

Fixing a task means to keep its *mode* (its machine) alone; start and order stay open, so a window
never becomes infeasible by it. Learned rules have a place here: they see the overlap with what was
decided about it, and the problem of the window. Source: Li et al., Graph-RHO, arXiv 2604.10073;
Li et al., L-RHO, arXiv 2502.15791.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.vocabulary import BoolArray, IndexArray, IntArray
from makespan.solvers.alns.picture import Frame, Picture


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """What two consecutive windows have in common, and what the first one decided about it.

    Attributes
    ----------
    task
        Tasks of the window's problem that the window before had too, int64 (k,).
    mode, start, end
        Their modes (rows of the window problem's mode table), starts and ends there, (k,).
    choices
        How many modes each has, int64 (k,); where it is 1, fixing says nothing.
    """

    task: IntArray
    mode: IndexArray
    start: IntArray
    end: IntArray
    choices: IntArray


class FixingRule(Protocol):
    """Decides which modes of the overlap are kept."""

    def fix(self, overlap: Overlap, window: Problem, random: np.random.Generator) -> BoolArray:
        """Which overlap tasks keep their mode, bool (k,).

        Parameters
        ----------
        window
            The problem about to be solved, nothing fixed in it yet but what has been settled.
        random
            The only source of chance, so that equal seeds give equal results.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixNone:
    """Every decision is open again."""

    def fix(self, overlap: Overlap, window: Problem, random: np.random.Generator) -> BoolArray:
        """No task."""
        return np.zeros(len(overlap.task), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class FixAll:
    """Every overlap task keeps its mode."""

    def fix(self, overlap: Overlap, window: Problem, random: np.random.Generator) -> BoolArray:
        """All tasks."""
        return np.ones(len(overlap.task), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class FixShare:
    """A random share of the overlap keeps its mode: the control for rules that choose."""

    share: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise OptionError(f"share is {self.share}; it must lie in [0, 1]")

    def fix(self, overlap: Overlap, window: Problem, random: np.random.Generator) -> BoolArray:
        """That share, drawn without replacement."""
        count = len(overlap.task)
        chosen = np.zeros(count, dtype=np.bool_)
        chosen[random.permutation(count)[: round(self.share * count)]] = True
        return chosen


@dataclass(frozen=True, slots=True)
class FixBySlack:
    """Tasks with little slack in the window before keep their mode.

    Slack is the time by which a task may shift right, along precedences and orders on resources,
    before the last end of the overlap moves; 0 means critical.

    Attributes
    ----------
    most
        Largest slack, in ticks, at which a mode is kept.
    critical
        False turns the choice round: what has more slack is kept, what is tight is open.
    """

    most: int = 0
    critical: bool = True

    def fix(self, overlap: Overlap, window: Problem, random: np.random.Generator) -> BoolArray:
        """Those whose slack is small enough, or the others."""
        tight = slack(overlap, window) <= self.most
        return tight if self.critical else ~tight


def slack(overlap: Overlap, window: Problem) -> IntArray:
    """Latest start minus start of overlap tasks, ticks, (k,); O(k log k + precedences).

    A backward pass in decreasing end time over successors in the precedences and on resources.
    """
    n = window.tasks.count
    start, end = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    mode = np.full(n, -1, dtype=np.int32)
    start[overlap.task], end[overlap.task] = overlap.start, overlap.end
    mode[overlap.task] = overlap.mode
    frame = Frame(window)
    picture = Picture(frame, Schedule(start, end, mode))
    last = int(overlap.end.max(initial=0))
    latest = dict.fromkeys(overlap.task.tolist(), last)
    for i in sorted(latest, key=lambda i: (int(end[i]), int(start[i])), reverse=True):
        after = [k for k in frame.after[i] if k in latest]
        for r in picture.resources(i):
            lane, place = picture.lanes[r], picture.place[r, i]
            after += [k for k in lane[place + 1 : place + 9] if start[k] >= end[i]][:1]
        for k in after:
            if start[k] >= end[i]:
                latest[i] = min(latest[i], latest[k] - int(end[k] - start[k]))
    ends = np.array([latest[i] for i in overlap.task.tolist()], dtype=np.int64)
    return ends - overlap.end
