"""Recorded runs: one line of JSON each, appended at once, the last line of a run counts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Key = tuple[str, str, str, float, int, int]

_APPENDING = threading.Lock()


def key(row: Row) -> Key:
    """What makes a run the same run."""
    return (
        row["set"],
        row["instance"],
        row["engine"],
        float(row["limit"]),
        row["threads"],
        row["seed"],
    )


def load(path: Path) -> list[Row]:
    """Recorded runs in order; a line cut off by a crash is left out, a repeated run replaced."""
    rows: dict[Key, Row] = {}
    if path.exists():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line:
                continue
            try:
                row = json.loads(line)
                rows[key(row)] = row
            except (json.JSONDecodeError, KeyError, TypeError):
                print(f"{path.name}:{number}: damaged, left out", file=sys.stderr)
    return list(rows.values())


def done(rows: Iterable[Row]) -> set[Key]:
    """Runs that need not be made again: all but those that an error ended."""
    return {key(row) for row in rows if row["status"] != "error"}


def append(path: Path, row: Row) -> None:
    """Add a run on a line of its own, whatever a crash left at the end of the file."""
    with _APPENDING:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.seek(0, os.SEEK_END)
            gap = b""
            if file.tell():
                file.seek(-1, os.SEEK_END)
                gap = b"" if file.read(1) == b"\n" else b"\n"
            file.write(gap + json.dumps(row).encode() + b"\n")


def circumstances(packages: Iterable[str]) -> Row:
    """Date, machine and versions, as every row states them."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {
            "python": platform.python_version(),
            **{name: installed(name) for name in packages},
        },
        "revision": revision(),
    }


def installed(package: str) -> str:
    """Version of a distribution, "absent" if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def revision() -> str:
    """Commit of the checkout, with ``+`` if files of makespan differ from it."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        try:
            done = subprocess.run(
                ["git", *words], cwd=here, capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    changed = git("status", "--porcelain", "--", ":/src")
    return commit + ("+" if changed else "")


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
