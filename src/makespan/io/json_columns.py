"""Columns of a JSON list of objects.

A document may list millions of rows. They stay the plain dicts that the parser made and are
checked a column at a time; only a row that needs a closer look is wrapped in a Node, which knows
its path and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from makespan.core.names import NameTable
from makespan.core.vocabulary import TICK_LIMIT, BoolArray, CodeArray, IndexArray, IntArray
from makespan.io.json_values import MISSING, Node

T = TypeVar("T")

_ABSENT = type(None)


class Rows:
    """A list of objects.

    Attributes
    ----------
    values
        The objects as parsed.
    at
        Makes the Node of a row, for errors and for values that are no plain column.
    """

    __slots__ = ("_keys", "_used", "at", "values")

    def __init__(self, values: list[Any], at: Callable[[int], Node]) -> None:
        self.values = values
        self.at = at
        if set(map(type, values)) - {dict}:
            other = next(k for k, value in enumerate(values) if type(value) is not dict)
            raise at(other).wrong("an object")
        self._keys: set[str] = set(chain.from_iterable(values))
        self._used: set[str] = set()

    @classmethod
    def of(cls, owner: Node, key: str) -> Rows:
        """Rows of a list field; none if it is absent."""
        listed = owner.get(key, lambda node: node, None)
        if listed is None:
            return cls([], lambda _: owner)
        values = listed.entries()
        return cls(values, lambda k: Node(values[k], owner.source, listed, k))

    def __len__(self) -> int:
        return len(self.values)

    def has(self, key: str) -> bool:
        """Whether any row has a field."""
        self._used.add(key)
        return key in self._keys

    def raw(self, key: str) -> list[Any]:
        """A field of every row as parsed, None where it is absent."""
        self._used.add(key)
        return [row.get(key) for row in self.values]

    def each(self, key: str, convert: Callable[[Node], T], default: T = MISSING) -> list[T]:
        """A field of every row, converted one by one; null counts as absent."""
        self._used.add(key)
        if default is MISSING:
            return [self.at(k).get(key, convert) for k in range(len(self))]
        if key not in self._keys:
            return [default] * len(self)
        return [
            default if row.get(key) is None else self.at(k).get(key, convert)
            for k, row in enumerate(self.values)
        ]

    def _plain(self, key: str, kind: type, needed: bool) -> list[Any] | None:
        """The raw column if it holds nothing but values of a type, and absent ones if allowed."""
        column = self.raw(key)
        kinds = set(map(type, column))
        return column if kinds <= ({kind} if needed else {kind, _ABSENT}) else None

    def wholes(
        self, key: str, default: int = MISSING, low: int = -TICK_LIMIT, high: int = TICK_LIMIT
    ) -> IntArray:
        """Whole numbers in ``[low, high]``."""
        if default is not MISSING and not self.has(key):
            return np.full(len(self), default, dtype=np.int64)
        column = self._plain(key, int, default is MISSING)
        given = [] if column is None else [value for value in column if value is not None]
        if column is None or (given and (min(given) < low or max(given) > high)):
            column = self.each(key, lambda node: node.whole(low, high), default)
        return np.array([default if v is None else v for v in column], dtype=np.int64)

    def texts(self, key: str) -> list[str]:
        """Strings of real characters, in every row."""
        column = self._plain(key, str, needed=True)
        if column is not None:
            try:
                "".join(column).encode("utf-8")
            except UnicodeEncodeError:
                column = None
        return self.each(key, Node.text) if column is None else column

    def labels(self, key: str) -> list[str | None]:
        """Strings, None where absent."""
        column = self._plain(key, str, needed=False)
        return self.each(key, Node.text, None) if column is None else column

    def text_lists(self, key: str) -> list[list[str] | None]:
        """Lists of strings, None where absent."""
        column = self._plain(key, list, needed=False)
        if column is None or set(map(type, chain.from_iterable(filter(None, column)))) - {str}:
            return self.each(key, lambda node: [item.text() for item in node.items()], None)
        return column

    def flags(self, key: str) -> BoolArray:
        """True or false, false where absent."""
        column = self._plain(key, bool, needed=False)
        if column is None:
            column = self.each(key, Node.flag, False)
        return np.array([value is True for value in column], dtype=np.bool_)

    def choices(self, key: str, words: Sequence[str], default: int = MISSING) -> CodeArray:
        """Places in ``words`` of strings out of this closed set."""
        if default is not MISSING and not self.has(key):
            return np.full(len(self), default, dtype=np.uint8)
        return np.array(
            self.each(key, lambda node: words.index(node.one_of(words)), default), dtype=np.uint8
        )

    def done(self) -> None:
        """Check that every field of every row was asked for."""
        if self._keys <= self._used:
            return
        for k in range(len(self)):
            self.at(k).only(self._used)


class Names:
    """Index of each name of a table; looks references up and refuses repeated names."""

    __slots__ = ("index", "what")

    def __init__(self, what: str, rows: Rows) -> None:
        self.what = what
        listed = rows.texts("name")
        self.index = dict(zip(listed, range(len(listed)), strict=True))
        if "" in self.index:
            raise rows.at(self.index[""]).error(f"the name of the {what} is empty", "a name")
        if len(self.index) < len(listed):
            seen: set[str] = set()
            for k, name in enumerate(listed):
                if name in seen:
                    raise rows.at(k).error(f"a second {what} is named {name!r}", "distinct names")
                seen.add(name)

    def table(self) -> NameTable:
        """The names in order."""
        return NameTable.explicit(self.index)

    def find(self, node: Node) -> int:
        """Index of the name in ``node``."""
        found = self.index.get(node.text())
        if found is None:
            raise node.error(
                f"there is no {self.what} {node.value!r}", f"the name of a {self.what}"
            )
        return found

    def find_all(self, node: Node) -> list[int]:
        """Indices of a list of names."""
        names = node.entries()
        if set(map(type, names)) <= {str}:
            found = [self.index.get(name) for name in names]
            if None not in found:
                return [place for place in found if place is not None]
        return [self.find(entry) for entry in node.items()]

    def column(self, rows: Rows, key: str, default: int = MISSING) -> IndexArray:
        """Index of the name in a field of every row, ``default`` where it is absent."""
        if default is not MISSING and not rows.has(key):
            return np.full(len(rows), default, dtype=np.int32)
        column = rows.raw(key)
        if set(map(type, column)) <= {str, _ABSENT}:
            unknown = object()
            found = [default if name is None else self.index.get(name, unknown) for name in column]
            if unknown not in found and MISSING not in found:
                return np.array(found, dtype=np.int32)
        return np.array(rows.each(key, self.find, default), dtype=np.int32)
