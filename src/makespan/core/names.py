"""Names of tasks, jobs and resources, stored once as text or generated from a pattern.

A problem with a million tasks must not pay for a million strings, so readers of structured
formats pass a pattern and the text is made when somebody asks for it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from makespan.core.vocabulary import IndexArray, IntArray


class NameTable(Sequence[str]):
    """Immutable sequence of distinct names with reverse look-up.

    Build it with :meth:`explicit`, :meth:`numbered` or :meth:`per_job`.
    """

    __slots__ = (
        "_index",
        "_job",
        "_job_names",
        "_position",
        "_prefix",
        "_size",
        "_start",
        "_texts",
    )

    def __init__(self) -> None:
        self._texts: tuple[str, ...] | None = None
        self._prefix = ""
        self._start = 0
        self._size = 0
        self._job: IndexArray | None = None
        self._position: IntArray | None = None
        self._job_names: NameTable | None = None
        self._index: dict[str, int] | None = None

    @classmethod
    def explicit(cls, texts: Iterable[str]) -> NameTable:
        """Names given one by one."""
        table = cls()
        table._texts = tuple(texts)
        table._size = len(table._texts)
        return table

    @classmethod
    def numbered(cls, prefix: str, size: int, start: int = 1) -> NameTable:
        """``prefix`` followed by consecutive numbers from ``start``."""
        table = cls()
        table._prefix, table._size, table._start = prefix, size, start
        return table

    @classmethod
    def per_job(cls, job_names: NameTable, job: IndexArray, position: IntArray) -> NameTable:
        """``<job>.<position + 1>`` for tasks that all belong to jobs.

        Parameters
        ----------
        job
            Job of each task, shape (n,).
        position
            0-based place of each task in its job, shape (n,).
        """
        table = cls()
        table._job_names, table._job, table._position = job_names, job, position
        table._size = len(job)
        return table

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._size))]
        i = operator.index(index)
        if i < 0:
            i += self._size
        if not 0 <= i < self._size:
            raise IndexError(index)
        if self._texts is not None:
            return self._texts[i]
        if self._job is not None and self._position is not None and self._job_names is not None:
            return f"{self._job_names[int(self._job[i])]}.{int(self._position[i]) + 1}"
        return f"{self._prefix}{self._start + i}"

    def __iter__(self) -> Iterator[str]:
        if self._texts is not None:
            return iter(self._texts)
        if self._job is not None and self._position is not None and self._job_names is not None:
            # Plain Python numbers make a million names several times faster than one by one.
            jobs = list(self._job_names)
            pairs = zip(self._job.tolist(), self._position.tolist(), strict=True)
            return (f"{jobs[job]}.{place + 1}" for job, place in pairs)
        return (f"{self._prefix}{self._start + i}" for i in range(self._size))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameTable):
            return NotImplemented
        return self._size == other._size and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((self._size, self[0] if self._size else ""))

    def __repr__(self) -> str:
        shown = ", ".join(self[: min(3, self._size)])
        return f"NameTable({self._size}: {shown}{', …' if self._size > 3 else ''})"

    def find(self, name: str) -> int | None:
        """Index of ``name``, or None; O(n) once, then O(1)."""
        if self._index is None:
            self._index = {text: i for i, text in enumerate(self)}
        return self._index.get(name)

    def first_duplicate(self) -> str | None:
        """A name that occurs twice, or None."""
        if self._texts is None:
            # Patterns number distinct (job, position) pairs, so only repeated pairs can clash.
            if self._job is None or self._position is None:
                return None
            key = self._job.astype(np.int64) * (int(self._position.max(initial=0)) + 1)
            values, counts = np.unique(key + self._position, return_counts=True)
            if (counts > 1).any():
                first = int(np.flatnonzero(key + self._position == values[counts > 1][0])[0])
                return self[first]
            return None
        seen: set[str] = set()
        for text in self._texts:
            if text in seen:
                return text
            seen.add(text)
        return None
