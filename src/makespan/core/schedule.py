"""A Schedule: who runs what, where and when, for one Problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.core.errors import ProblemError
from makespan.core.vocabulary import BoolArray, IndexArray, IntArray

if TYPE_CHECKING:
    from makespan.core.problem import Problem

ABSENT = -1
"""Mode number of a task that is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Start, end and mode of every task; absent tasks have mode ``ABSENT`` and times 0.

    Parameters
    ----------
    start, end
        Ticks, int64 (n,).
    mode
        Global mode index (a row of ``problem.modes``) or ``ABSENT``, int32 (n,).

    Raises
    ------
    ProblemError
        If the arrays differ in length, or a time is not a whole number.
    """

    start: IntArray
    end: IntArray
    mode: IndexArray

    def __post_init__(self) -> None:
        absent = np.asarray(self.mode) < 0
        for name, kind in (("start", np.int64), ("end", np.int64), ("mode", np.int32)):
            given = np.asarray(getattr(self, name))
            if given.dtype.kind == "f":
                whole = (np.trunc(given) == given) & (abs(given) < 2**63)
                if not whole.all():
                    raise ProblemError(f"a schedule's {name} holds what is not a whole number")
            array = np.array(given, dtype=kind)
            if array.shape != absent.shape or array.ndim != 1:
                raise ProblemError("a schedule's start, end and mode must have one entry per task")
            array[absent] = ABSENT if name == "mode" else 0
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.start)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return (
            np.array_equal(self.start, other.start)
            and np.array_equal(self.end, other.end)
            and np.array_equal(self.mode, other.mode)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def present(self) -> BoolArray:
        """Which tasks are in the schedule, bool (n,)."""
        return np.asarray(self.mode >= 0)

    @property
    def makespan(self) -> int:
        """Latest end of a present task, 0 if there is none."""
        ends = self.end[self.mode >= 0]
        return int(ends.max()) if len(ends) else 0

    def __repr__(self) -> str:
        here = int((self.mode >= 0).sum())
        return f"Schedule({here} of {len(self)} tasks, makespan {self.makespan})"

    @classmethod
    def from_starts(
        cls, problem: Problem, start: IntArray, mode: IndexArray | None = None
    ) -> Schedule:
        """Schedule with ends derived from starts, modes and the calendars that suspend tasks.

        Parameters
        ----------
        start
            Ticks, (n,).
        mode
            Global mode index or ``ABSENT``, (n,); default is each task's first mode.

        Raises
        ------
        ProblemError
            If there is not one start and one mode per task, or the problem lacks a mode.
        InfeasibleError
            If a task pauses in breaks and its calendars never let it end.
        """
        from makespan.core.working_time import mode_ends

        chosen = (
            problem.tasks.mode_ptr[:-1].astype(np.int32)
            if mode is None
            else np.asarray(mode, dtype=np.int32)
        )
        begin = np.asarray(start, dtype=np.int64)
        for what, array in (("starts", begin), ("modes", chosen)):
            if array.shape != (problem.tasks.count,):
                raise ProblemError(
                    f"{what} of shape {array.shape} for {problem.tasks.count} tasks of "
                    f"{problem.name!r}"
                )
        if (chosen >= problem.modes.count).any():
            raise ProblemError(
                f"mode {int(chosen.max())} does not exist: {problem.name!r} has "
                f"{problem.modes.count} modes"
            )
        return cls(begin, mode_ends(problem, begin, chosen), chosen)
