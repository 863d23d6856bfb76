"""makespan's own workload files, CSV and JSON lines: everything a workload holds, exactly.

The unit of a column is in its name. Needed are an arrival, ``prompt_tokens`` and ``output_tokens``;
the rest has defaults. Arrivals and delays may be in ``_s``, ``_ms``, ``_us``, ``_ns`` or ``_ps``;
the writer uses picoseconds, so that reading gives back the very arrays.

CSV: a header line; lists are separated by blanks; a first line ``#makespan-workload {...}`` holds
what is said once (name, source, grain_tokens, slos, labels) and may be absent. JSON lines: the same
object first, marked by ``makespan_workload``, then one object per request.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final

import numpy as np

from makespan.core.errors import FormatError, ProblemError
from makespan.io.text import Text, shown
from makespan.serving.workload import TIME_LIMIT, TOKEN_LIMIT, Slo, Workload
from makespan.serving.workloads._jsonl import WHOLE_LIMIT, Entry, document, entries, first_keys
from makespan.serving.workloads._lines import first_line, lines
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.trace import Trace

VERSION: Final = 1
"""Version of the format."""

_MARK: Final = "#makespan-workload"
_PLACES: Final = {"s": 12, "ms": 9, "us": 6, "ns": 3, "ps": 0}
_ARRIVAL: Final = re.compile(r"arrival_(s|ms|us|ns|ps)")
_DELAYS: Final = re.compile(r"delays_(s|ms|us|ns|ps)")
_COLUMNS: Final[tuple[str, ...]] = (
    "arrival_ps", "prompt_tokens", "output_tokens", "cap_tokens", "priority", "slo", "program",
    "label", "parents", "delays_ps", "content",
)  # fmt: skip
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,19}(\.[0-9]{0,30})?([eE]-?[0-9]{1,2})?", re.ASCII)
_SLO_TERMS: Final = tuple(f"{item.name}_ps" for item in fields(Slo) if item.name != "name")


def sniff_csv(text: Text) -> bool:
    """Whether the text begins with the mark, or a header with an arrival and token counts."""
    header = first_line(text)
    if header.startswith(_MARK):
        return True
    names = {name.strip() for name in header.split(",")}
    return {"prompt_tokens", "output_tokens"} <= names and any(map(_ARRIVAL.fullmatch, names))


def sniff_jsonl(text: Text) -> bool:
    """Whether the first line has the mark, or an arrival and token counts."""
    keys = first_keys(text)
    return "makespan_workload" in keys or (
        {"prompt_tokens", "output_tokens"} <= keys and any(map(_ARRIVAL.fullmatch, keys))
    )


def read_csv(text: Text) -> Trace:
    """The workload of a CSV text.

    Raises
    ------
    FormatError
        If a line breaks the format.
    """
    about = Entry({}, text.source, 1)
    head = first_line(text)
    marked = head.startswith(_MARK)
    if marked:
        about = document(Text(head.removeprefix(_MARK).strip() or "{}", text.source))
    build = _Build(about, text)
    names: list[str] = []
    for number, line in lines(text):
        if not line.strip():
            continue
        if marked and not names and line.startswith(_MARK):
            marked = False
            continue
        try:
            cells = next(iter(csv.reader([line], strict=True)), [])
        except csv.Error as error:
            raise text.error(number, f"quotes: {error}", "each request on one line") from error
        if not names:
            names = [cell.strip() for cell in cells]
            _check_names(names, text, number)
            continue
        if len(cells) != len(names):
            raise text.error(number, f"{len(cells)} fields", f"{len(names)}: {', '.join(names)}")
        build.add(_entry(names, cells, text.source, number))
    if not names:
        raise text.error(1, "there is no header", ", ".join(_COLUMNS[:3]))
    return build.trace()


def read_jsonl(text: Text) -> Trace:
    """The workload of JSON lines.

    Raises
    ------
    FormatError
        If a line breaks the format.
    """
    build: _Build | None = None
    for entry in entries(text):
        if build is None:
            marked = "makespan_workload" in entry.values
            build = _Build(entry if marked else Entry({}, text.source, entry.line), text)
            if marked:
                continue
        _check_names(list(entry.values), text, entry.line)
        build.add(entry)
    if build is None:
        raise text.error(1, "there are no requests")
    return build.trace()


def to_csv(load: Workload) -> str:
    """CSV text of a workload.

    Raises
    ------
    FormatError
        If the name of a label or SLO class cannot stand in a CSV line.
    """
    for name in (*load.labels, *(slo.name for slo in load.slos)):
        if not name.isprintable() or name != name.strip():
            raise FormatError(
                f"a CSV line cannot hold the name {name!r}", hint="write JSON lines instead"
            )
    stream = io.StringIO()
    stream.write(f"{_MARK} {json.dumps(_about(load))}\n")
    columns = [name for name in _COLUMNS if name in _used(load)]
    writer = csv.DictWriter(stream, columns, lineterminator="\n", restval="")
    writer.writeheader()
    for row in _rows(load):
        writer.writerow(
            {
                key: " ".join(map(str, value)) if isinstance(value, list) else value
                for key, value in row.items()
            }
        )
    return stream.getvalue()


def to_jsonl(load: Workload) -> str:
    """JSON lines of a workload."""
    head = json.dumps({"makespan_workload": VERSION, **_about(load)})
    return "\n".join([head, *(json.dumps(row) for row in _rows(load)), ""])


def _about(load: Workload) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": load.name,
        "source": load.source,
        "grain_tokens": load.grain,
        "labels": list(load.labels),
        "slos": [
            {"name": slo.name}
            | {
                f"{term}_ps": getattr(slo, term)
                for term in ("ttft", "tpot", "gap", "deadline")
                if getattr(slo, term) is not None
            }
            for slo in load.slos
        ],
    }


def _used(load: Workload) -> set[str]:
    """Columns that say more than the defaults."""
    used = {"arrival_ps", "prompt_tokens", "output_tokens"}
    if (load.cap != load.output).any():
        used.add("cap_tokens")
    if load.priority.any():
        used.add("priority")
    for name in ("slo", "program", "label"):
        if (getattr(load, name) >= 0).any():
            used.add(name)
    if len(load.parent):
        used |= {"parents", "delays_ps"}
    if len(load.content):
        used.add("content")
    return used


def _rows(load: Workload) -> Iterator[dict[str, Any]]:
    """Every request with what differs from the defaults."""
    columns = {
        "arrival_ps": load.arrival,
        "prompt_tokens": load.prompt,
        "output_tokens": load.output,
        "cap_tokens": load.cap,
        "priority": load.priority,
        "slo": load.slo,
        "program": load.program,
        "label": load.label,
    }
    listed = {key: value.tolist() for key, value in columns.items()}
    for r in range(load.count):
        row: dict[str, Any] = {key: listed[key][r] for key in _COLUMNS[:3]}
        if listed["cap_tokens"][r] != row["output_tokens"]:
            row["cap_tokens"] = listed["cap_tokens"][r]
        if listed["priority"][r]:
            row["priority"] = listed["priority"][r]
        if listed["slo"][r] >= 0:
            row["slo"] = load.slos[listed["slo"][r]].name
        if listed["program"][r] >= 0:
            row["program"] = listed["program"][r]
        if listed["label"][r] >= 0:
            row["label"] = load.labels[listed["label"][r]]
        begin, end = int(load.parent_ptr[r]), int(load.parent_ptr[r + 1])
        if end > begin:
            row["parents"] = load.parent[begin:end].tolist()
            row["delays_ps"] = load.delay[begin:end].tolist()
        if len(load.contents(r)):
            row["content"] = load.contents(r).tolist()
        yield row


def _check_names(names: list[str], text: Text, line: int) -> None:
    """Refuse what is no column, twice there, or missing."""
    for name in names:
        known = name in _COLUMNS or _ARRIVAL.fullmatch(name) or _DELAYS.fullmatch(name)
        if not known:
            raise text.error(line, f"unknown column {shown(name)}", ", ".join(_COLUMNS))
        if names.count(name) > 1:
            raise text.error(line, f"column {name!r} occurs twice")
    for pattern, what in ((_ARRIVAL, "arrival_s"), (_DELAYS, "delays_s")):
        count = sum(pattern.fullmatch(name) is not None for name in names)
        if count > 1 or (count == 0 and what == "arrival_s"):
            raise text.error(line, f"{count} columns for {what[:-2]}", f"one, such as {what}")
    for name in ("prompt_tokens", "output_tokens"):
        if name not in names:
            raise text.error(line, f"there is no {name}")


def _entry(names: list[str], cells: list[str], source: str, line: int) -> Entry:
    """The values of a CSV row as JSON would have them; empty cells are left out."""
    values: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=True):
        word = cell.strip()
        if not word:
            continue
        if name in ("slo", "label"):
            values[name] = word
        elif name in ("parents", "content") or name.startswith("delays_"):
            values[name] = [_number(part, name, source, line) for part in word.split()]
        else:
            values[name] = _number(word, name, source, line)
    return Entry(values, source, line)


def _number(word: str, name: str, source: str, line: int) -> int | Decimal:
    if _WHOLE.fullmatch(word):
        return int(word)
    if not _NUMBER.fullmatch(word):
        raise FormatError(f"{name} is {shown(word)}", source=source, line=line, expected="a number")
    return Decimal(word)


class _Build:
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
        arrival, places = _timed(entry, _ARRIVAL)
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
    if pattern is _ARRIVAL:
        raise entry.error("there is no arrival", "a column such as arrival_s")
    return "", 0
