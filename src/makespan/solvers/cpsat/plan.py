"""A schedule seen through the questions that hint rules ask of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from makespan.core.schedule import Schedule
from makespan.core.vocabulary import Blocking, ResourceKind

if TYPE_CHECKING:
    from makespan.solvers.cpsat.facts import Facts


class Plan:
    """Times, modes and orders of one schedule as Python numbers.

    Attributes
    ----------
    start, end, mode
        Per task; mode is the global index or -1 when absent.
    """

    def __init__(self, facts: Facts, schedule: Schedule) -> None:
        self.facts = facts
        self.start: list[int] = schedule.start.tolist()
        self.end: list[int] = schedule.end.tolist()
        self.mode: list[int] = schedule.mode.tolist()

    def present(self, task: int) -> bool:
        """Whether ``task`` is in the plan."""
        return self.mode[task] >= 0

    def chosen(self, mode: int) -> bool:
        """Whether the global ``mode`` is its task's choice."""
        return self.mode[self.facts.mode_task[mode]] == mode

    def follower(self, task: int) -> int | None:
        """Next present task of the same job, if any."""
        return next((k for k in self.facts.followers[task] if self.present(k)), None)

    def departure(self, task: int) -> int:
        """When ``task`` leaves a machine that it blocks."""
        after = self.follower(task)
        return self.end[task] if after is None else max(self.end[task], self.start[after])

    def latest_end(self, tasks: list[int]) -> int | None:
        """Latest end of the present ones among ``tasks``."""
        return max((self.end[i] for i in tasks if self.present(i)), default=None)

    def runs(self, task: int) -> bool:
        """Whether ``task`` is present with a positive duration."""
        return self.present(task) and self.facts.duration[self.mode[task]] > 0

    def visits(self, task: int, resource: int) -> bool:
        """Whether ``task`` is present and uses ``resource``, be it as a milestone."""
        return self.present(task) and any(
            r == resource for r, _ in self.facts.usage[self.mode[task]]
        )

    def machines(self, task: int) -> list[int]:
        """Machines that ``task`` occupies."""
        if not self.runs(task):
            return []
        kind = self.facts.kind
        return [r for r, _ in self.facts.usage[self.mode[task]] if kind[r] == ResourceKind.MACHINE]

    @cached_property
    def _sequences(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for i in sorted(range(len(self.start)), key=lambda i: (self.start[i], i)):
            for r in self.machines(i):
                found.setdefault(r, []).append(i)
        return found

    def sequence(self, machine: int) -> list[int]:
        """Tasks of positive duration on ``machine`` in order of start."""
        return self._sequences.get(machine, [])

    @cached_property
    def _neighbours(self) -> dict[int, dict[int, int]]:
        """Machine -> task -> the task right after it (-1 at the end; key -1 is the start)."""
        return {
            r: dict(zip([-1, *order], [*order, -1], strict=True))
            for r, order in self._sequences.items()
        }

    def follows(self, machine: int, before: int, after: int) -> bool:
        """Whether ``after`` comes right after ``before`` on ``machine``; -1 is the depot."""
        return self._neighbours.get(machine, {-1: -1}).get(before) == after

    @cached_property
    def _leavers(self) -> dict[tuple[int, int], int]:
        """(machine, instant) -> task that leaves it there by a move that allows no swap."""
        found = {}
        for i in range(len(self.start)):
            after = self.follower(i) if self.runs(i) else None
            if after is None or self.start[after] < self.end[i]:
                continue
            for r in self.machines(i):
                if self.facts.blocking(i, r) == Blocking.NO_SWAP:
                    found[r, self.start[after]] = i
        return found

    @cached_property
    def entry_rank(self) -> list[int]:
        """Place of each task's entry among the moves at its start, 0 when nothing precedes it."""
        rank = [-1] * len(self.start)

        def place(i: int) -> int:
            if rank[i] >= 0:
                return rank[i]
            rank[i] = 0
            for r in self.machines(i):
                leaver = self._leavers.get((r, self.start[i]))
                after = None if leaver is None else self.follower(leaver)
                if after is not None and after != i:
                    rank[i] = max(rank[i], place(after) + 1)
            return rank[i]

        for i in range(len(self.start)):
            place(i)
        return rank
