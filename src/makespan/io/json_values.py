"""Checked access to parsed JSON: wrong types, unknown fields and limits become errors with a path.

Paths read like ``$.tasks[3].modes[0].duration``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from makespan.core.errors import FormatError
from makespan.core.vocabulary import TICK_LIMIT
from makespan.io.text import Text, shown

T = TypeVar("T")

_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

MISSING: Any = object()
"""Marks an absent field that has no default."""


class Lines(list[str]):
    """Rows of a list that are JSON text already, so that long tables need no dict per row."""


class Node:
    """A JSON value, where it stands, and the label of its text."""

    __slots__ = ("_above", "_key", "_used", "source", "value")

    def __init__(
        self, value: Any, source: str, above: Node | None = None, key: str | int = ""
    ) -> None:
        self.value = value
        self.source = source
        self._above = above
        self._key = key
        self._used: set[str] = set()

    @property
    def key(self) -> str | int:
        """Field or place in the value above."""
        return self._key

    @property
    def path(self) -> str:
        """Where the value stands, from the root ``$``; worked out only for messages."""
        if self._above is None:
            return "$"
        if isinstance(self._key, int):
            return f"{self._above.path}[{self._key}]"
        key = self._key if self._key.isidentifier() else shown(self._key)
        return f"{self._above.path}.{key}"

    def error(self, message: str, expected: str = "") -> FormatError:
        """Error that names the path."""
        return FormatError(f"{self.path}: {message}", source=self.source, expected=expected or None)

    def wrong(self, expected: str) -> FormatError:
        """Error about the type or value found here."""
        return self.error(f"found {_described(self.value)}", expected)

    def whole(self, low: int = -TICK_LIMIT, high: int = TICK_LIMIT) -> int:
        """A whole number in ``[low, high]``."""
        if type(self.value) is not int:
            raise self.wrong("a whole number")
        if not low <= self.value <= high:
            raise self.wrong(f"a whole number from {low} to {high}")
        return self.value

    def text(self) -> str:
        """A string of real characters."""
        if not isinstance(self.value, str):
            raise self.wrong("a string")
        try:
            self.value.encode("utf-8")
        except UnicodeEncodeError:
            raise self.error("the string has half a surrogate pair", "valid Unicode") from None
        return self.value

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def entries(self) -> list[Any]:
        """The entries of a list as parsed."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return self.value

    def items(self) -> list[Node]:
        """Entries of a list."""
        return [Node(v, self.source, self, k) for k, v in enumerate(self.entries())]

    def row(self, size: int) -> list[Node]:
        """Entries of a list of a fixed length."""
        entries = self.items()
        if len(entries) != size:
            raise self.error(f"{len(entries)} entries", f"{size}")
        return entries

    def wholes(self, size: int | None = None, low: int = -TICK_LIMIT) -> list[int]:
        """A list of whole numbers."""
        entries = self.items() if size is None else self.row(size)
        return [entry.whole(low) for entry in entries]

    def members(self) -> dict[str, Node]:
        """All fields of an object whose keys are names."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        return {key: Node(v, self.source, self, key) for key, v in self.value.items()}

    def has(self, key: str) -> bool:
        """Whether a field is there and not null."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        self._used.add(key)
        return self.value.get(key) is not None

    def get(self, key: str, convert: Callable[[Node], T], default: T = MISSING) -> T:
        """A converted field; null counts as absent."""
        if type(self.value) is not dict:
            raise self.wrong("an object")
        self._used.add(key)
        found = self.value.get(key)
        if found is None:
            if default is MISSING:
                raise self.error(f"the field {key!r} is missing")
            return default
        return convert(Node(found, self.source, self, key))

    def done(self) -> None:
        """Check that every field of this object was asked for."""
        self.only(self._used)

    def only(self, known: set[str]) -> None:
        """Check that this object has no fields but the known ones."""
        unknown = next((key for key in self.value if key not in known), None)
        if unknown is not None:
            listed = ", ".join(sorted(known))
            raise self.error(f"unknown field {shown(unknown)}", f"one of {listed}")

    def one_of(self, choices: Sequence[str]) -> str:
        """A string out of a closed set."""
        word = self.text()
        if word not in choices:
            raise self.wrong("one of " + ", ".join(choices))
        return word


def _described(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) > 10**30:
        return "a huge number"
    return shown(value) if isinstance(value, str) else str(value)


def parse(text: Text) -> Node:
    """Root of a JSON text.

    Raises
    ------
    FormatError
        If the text is not strict JSON: also for repeated keys, NaN, and text that is not UTF-8.
    """
    if not text.exact:
        raise FormatError("not valid UTF-8", source=text.source, expected="JSON in UTF-8")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            name = found.get("name") or found.get("task")
            where = f"in the object of {shown(name)}" if isinstance(name, str) else "in one object"
            raise FormatError(
                f"the field {shown(twice)} occurs twice {where}",
                source=text.source,
                expected="each field once",
            )
        return found

    def no_constant(word: str) -> Any:
        raise FormatError(f"{word} is not JSON", source=text.source, expected="a number")

    try:
        value = json.loads(text.body, object_pairs_hook=unique, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise FormatError(
            f"not JSON: {error.msg} at column {error.colno}",
            source=text.source,
            line=error.lineno,
            expected="strict JSON",
        ) from error
    except RecursionError:
        raise FormatError("nested too deeply", source=text.source) from None
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError("a number has too many digits", source=text.source) from error
    return Node(value, text.source)


def check_head(root: Node, kind: str, version: int) -> None:
    """Check the fields ``format`` and ``version`` of a document."""
    if not root.has("format"):
        raise root.error("the field 'format' is missing: this is another kind of JSON", repr(kind))
    found = root.get("format", Node.text)
    if found != kind:
        raise root.error(f"the field 'format' is {shown(found)}", repr(kind))
    number = root.get("version", Node.whole)
    if number > version:
        raise FormatError(
            f"$.version: the document has version {number}, newer than this library reads",
            source=root.source,
            expected=f"{version}",
            hint="update makespan",
        )
    if number < 1:
        raise root.error(f"the version is {number}", f"1 to {version}")


def dump(document: dict[str, Any]) -> str:
    """JSON with one line per row of every list in the document.

    Raises
    ------
    FormatError
        If a name has half a surrogate pair, which no file can hold.
    """
    fields = []
    for key, value in document.items():
        head = f"  {json.dumps(key)}: "
        if isinstance(value, Lines) and value:
            fields.append(head + "[\n    " + ",\n    ".join(value) + "\n  ]")
        elif isinstance(value, list) and value and isinstance(value[0], (dict, list)):
            fields.append(head + "[\n    " + ",\n    ".join(map(_ENCODE, value)) + "\n  ]")
        else:
            fields.append(head + json.dumps(value, ensure_ascii=False))
    content = "{\n" + ",\n".join(fields) + "\n}\n"
    try:
        content.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("a name has half a surrogate pair, which no file can hold") from None
    return content
