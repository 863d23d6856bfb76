"""Requests of makespan's own formats: what a row means, whatever text it comes from.

A row is a mapping of columns to values as JSON has them; see :mod:`makespan.serving.workloads.own`.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Final

import numpy as np

from makespan.core.errors import FormatError, ProblemError
from makespan.io.text import Text, shown
from makespan.serving.workload import TIME_LIMIT, TOKEN_LIMIT, Slo
from makespan.serving.workloads._jsonl import WHOLE_LIMIT, Entry
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.trace import Trace

VERSION: Final = 1
"""Version of the format."""

COLUMNS: Final[tuple[str, ...]] = (
    "arrival_ps", "prompt_tokens", "output_tokens", "cap_tokens", "priority", "slo", "program",
    "label", "parents", "delays_ps", "content",
)  # fmt: skip
"""All columns, as they are written."""

ARRIVAL: Final = re.compile(r"arrival_(s|ms|us|ns|ps)")
"""The column of arrivals, in one of its units."""

_DELAYS: Final = re.compile(r"delays_(s|ms|us|ns|ps)")
_PLACES: Final = {"s": 12, "ms": 9, "us": 6, "ns": 3, "ps": 0}
_SLO_TERMS: Final = tuple(f"{item.name}_ps" for item in fields(Slo) if item.name != "name")


class Build:
    """Columns of the requests read so far."""

    def __init__(self, about: Entry, text: Text) -> None:
        for key in ("version", "makespan_workload"):
            about.whole(key, 1, VERSION, default=VERSION)
        self._text = text
        self._name = about.text("name", text.name.removesuffix(".csv").removesuffix(".jsonl"))
        self._source = about.text("source", text.source)
        self._grain = about.whole("grain_tokens", 1, TOKEN_LIMIT, default=16)
        self._open = not about.has("labels")
        self._labels = _names(about)
        self._slos = [_slo(item) for item in about.objects("slos")] if about.has("slos") else []
        self._slo_index = {slo.name: k for k, slo in enumerate(self._slos)}
        self._rows: list[tuple[int, ...]] = []
        self._child: list[int] = []
        self._parent: list[int] = []
        self._delay: list[int] = []
        self._sizes: list[int] = []
        self._content: list[int] = []

    def add(self, entry: Entry) -> None:
        """Take one request."""
        row = len(self._rows)
        arrival, places = _timed(entry, ARRIVAL)
        output = entry.whole("output_tokens", 1, TOKEN_LIMIT)
        self._rows.append(
            (
                entry.scaled(arrival, places, TIME_LIMIT // 10**places),
                entry.whole("prompt_tokens", 1, TOKEN_LIMIT),
                output,
                entry.whole("cap_tokens", output, TOKEN_LIMIT, default=output),
                entry.whole("priority", -WHOLE_LIMIT, WHOLE_LIMIT, default=0),
                self._slo(entry),
                entry.whole("program", 0, WHOLE_LIMIT, default=-1),
                self._label(entry),
            )
        )
        parents = entry.wholes("parents").tolist() if entry.has("parents") else []
        if any(parent >= row for parent in parents):
            raise entry.error(f"parents {parents} of request {row}", "requests before it")
        self._child += [row] * len(parents)
        self._parent += parents
        self._delay += self._delays(entry, len(parents))
        content = entry.wholes("content", -WHOLE_LIMIT).tolist() if entry.has("content") else []
        self._sizes.append(len(content))
        self._content += content

    def _slo(self, entry: Entry) -> int:
        name = entry.text("slo", "")
        if name and name not in self._slo_index:
            raise entry.error(f"unknown SLO class {shown(name)}", "one of the list slos")
        return self._slo_index[name] if name else -1

    def _label(self, entry: Entry) -> int:
        name = entry.text("label", "")
        if not name:
            return -1
        if name not in self._labels and not self._open:
            raise entry.error(f"unknown label {shown(name)}", "one of the list labels")
        return self._labels.setdefault(name, len(self._labels))

    def _delays(self, entry: Entry, count: int) -> list[int]:
        key, places = _timed(entry, _DELAYS)
        if not key:
            return [0] * count
        values = entry.get(key)
        if type(values) is not list or len(values) != count:
            raise entry.error(f"{key} does not fit the {count} parents")
        return [
            Entry({key: value}, entry.source, entry.line).scaled(
                key, places, TIME_LIMIT // 10**places
            )
            for value in values
        ]

    def trace(self) -> Trace:
        """The load of all requests taken."""
        table = np.array(self._rows, dtype=np.int64).reshape(-1, 8).T
        arrival, prompt, output, cap, priority, slo, program, label = table
        try:
            load = assemble(
                self._name,
                arrival=arrival,
                prompt=prompt,
                output=output,
                cap=cap,
                priority=priority,
                slo=slo,
                program=program,
                label=label,
                parents=(
                    np.array(self._child, dtype=np.int64),
                    np.array(self._parent, dtype=np.int64),
                    np.array(self._delay, dtype=np.int64),
                ),
                contents=(
                    np.concatenate(([0], np.cumsum(self._sizes))).astype(np.int64),
                    np.array(self._content, dtype=np.int64),
                ),
                grain=self._grain,
                slos=tuple(self._slos),
                labels=tuple(self._labels),
                source=self._source,
            )
        except ProblemError as error:
            raise FormatError(error.message, source=self._text.source, hint=error.hint) from error
        return Trace(load, 1)


def check_names(names: list[str], text: Text, line: int) -> None:
    """Refuse what is no column, twice there, or missing."""
    for name in names:
        known = name in COLUMNS or ARRIVAL.fullmatch(name) or _DELAYS.fullmatch(name)
        if not known:
            raise text.error(line, f"unknown column {shown(name)}", ", ".join(COLUMNS))
        if names.count(name) > 1:
            raise text.error(line, f"column {name!r} occurs twice")
    for pattern, what in ((ARRIVAL, "arrival_s"), (_DELAYS, "delays_s")):
        count = sum(pattern.fullmatch(name) is not None for name in names)
        if count > 1 or (count == 0 and what == "arrival_s"):
            raise text.error(line, f"{count} columns for {what[:-2]}", f"one, such as {what}")
    for name in ("prompt_tokens", "output_tokens"):
        if name not in names:
            raise text.error(line, f"there is no {name}")


def _names(about: Entry) -> dict[str, int]:
    names = about.get("labels") if about.has("labels") else []
    if type(names) is not list or not all(type(name) is str and name for name in names):
        raise about.error("labels must be a list of names")
    found = {name: k for k, name in enumerate(names)}
    if len(found) != len(names):
        raise about.error("a label occurs twice")
    return found


def _slo(item: Entry) -> Slo:
    extra = set(item.values) - {"name", *_SLO_TERMS}
    if extra:
        raise item.error(f"unknown term {min(extra)!r} of an SLO class", ", ".join(_SLO_TERMS))
    terms = {
        key.removesuffix("_ps"): item.whole(key, 1, TIME_LIMIT)
        for key in _SLO_TERMS
        if item.has(key)
    }
    return Slo(item.text("name"), **terms)


def _timed(entry: Entry, pattern: re.Pattern[str]) -> tuple[str, int]:
    """The column of a time and the decimal places of its unit in picoseconds."""
    for key in entry.values:
        match = pattern.fullmatch(key)
        if match:
            return key, _PLACES[match.group(1)]
    if pattern is ARRIVAL:
        raise entry.error("there is no arrival", "a column such as arrival_s")
    return "", 0
