"""Best-known values with their source, for scoring alone: no engine is ever told one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from benchmarks.peers.instances import Instance, collections_folder

from makespan.generators import best_known as named_best_known

_SOURCES = {
    "jssp": ("ScheduleOpt/benchmarks, job shop bks.json", "2026-06"),
    "fjsp": ("ScheduleOpt/benchmarks, flexible job shop bks.json", "2026-06"),
    "rcpsp": ("solutionsupdate.ugent.be and runs of OptalCP and PyJobShop", "2024-09"),
}
"""Source of each table of the collections and when it was current; the files do not date it."""


@dataclass(frozen=True, slots=True)
class Known:
    """Best value found by anyone and the highest lower bound proven, with source and date."""

    value: int
    lower: int | None
    source: str
    date: str

    def row(self) -> dict[str, Any]:
        """Fields for JSON."""
        return asdict(self)


def best_known(instance: Instance) -> Known | None:
    """What is known of the instance's objective, None if no table has it."""
    if instance.table == "named":
        found = named_best_known(instance.key)
        return Known(found.upper, found.lower, found.source, found.date) if found else None
    entry = _table(instance.table).get(instance.key) if instance.table in _SOURCES else None
    if entry is None:
        return None
    return Known(int(entry["ub"]), entry.get("lb"), *_SOURCES[instance.table])


@cache
def _table(folder: str) -> dict[str, dict[str, Any]]:
    file = collections_folder() / folder / "best_known.json"
    if not file.is_file():
        return {}
    table: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["instances"]
    return table
