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
from decimal import Decimal
from typing import Any, Final

from makespan.core.errors import FormatError
from makespan.io.text import Text, shown
from makespan.serving.workload import Workload
from makespan.serving.workloads._jsonl import Entry, document, entries, first_keys
from makespan.serving.workloads._lines import first_line, lines
from makespan.serving.workloads._own_rows import ARRIVAL, COLUMNS, VERSION, Build, check_names
from makespan.serving.workloads.trace import Trace

_MARK: Final = "#makespan-workload"
_WHOLE: Final = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{1,19}(\.[0-9]{0,30})?([eE]-?[0-9]{1,2})?", re.ASCII)


def sniff_csv(text: Text) -> bool:
    """Whether the text begins with the mark, or a header with an arrival and token counts."""
    header = first_line(text)
    if header.startswith(_MARK):
        return True
    names = {name.strip() for name in header.split(",")}
    return {"prompt_tokens", "output_tokens"} <= names and any(map(ARRIVAL.fullmatch, names))


def sniff_jsonl(text: Text) -> bool:
    """Whether the first line has the mark, or an arrival and token counts."""
    keys = first_keys(text)
    return "makespan_workload" in keys or (
        {"prompt_tokens", "output_tokens"} <= keys and any(map(ARRIVAL.fullmatch, keys))
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
    build = Build(about, text)
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
            check_names(names, text, number)
            continue
        if len(cells) != len(names):
            raise text.error(number, f"{len(cells)} fields", f"{len(names)}: {', '.join(names)}")
        build.add(_entry(names, cells, text.source, number))
    if not names:
        raise text.error(1, "there is no header", ", ".join(COLUMNS[:3]))
    return build.trace()


def read_jsonl(text: Text) -> Trace:
    """The workload of JSON lines.

    Raises
    ------
    FormatError
        If a line breaks the format.
    """
    build: Build | None = None
    for entry in entries(text):
        if build is None:
            marked = "makespan_workload" in entry.values
            build = Build(entry if marked else Entry({}, text.source, entry.line), text)
            if marked:
                continue
        check_names(list(entry.values), text, entry.line)
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
    columns = [name for name in COLUMNS if name in _used(load)]
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
        row: dict[str, Any] = {key: listed[key][r] for key in COLUMNS[:3]}
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
