"""Results of a sweep: a line of JSON each, written as they come, and read to go on from there.

A file holds results of any number of sweeps: each line says by its key what it depends on, and a
sweep takes from the file what it would compute again. A line that was being written when the
machine died is cut off by the next sweep that writes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from makespan._version import __version__
from makespan.core.errors import FormatError
from makespan.serving.sweep.cases import Case, Value

SCHEMA: Final = "makespan/sweep-case/1"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case.

    Attributes
    ----------
    key
        As :meth:`makespan.serving.sweep.cases.Case.key` makes it.
    figures
        By name; empty if there is an error.
    error
        Why the case cannot be simulated, "" if it was.
    calibration
        Where its step times come from, and how far off they are.
    node
        Where it ran, "" for this machine.
    seconds
        CPU time.
    attempts
        1, or more if processes or nodes died under it.
    reused
        Whether it was read from a file.
    """

    key: str
    varied: tuple[tuple[str, Value], ...]
    seed: int
    figures: Mapping[str, float | None] = field(default_factory=dict)
    error: str = ""
    calibration: str = ""
    node: str = ""
    seconds: float = 0.0
    attempts: int = 1
    reused: bool = False

    @classmethod
    def of(cls, case: Case, key: str, outcome: Mapping[str, Any], attempts: int) -> CaseResult:
        """From what a worker returned."""
        return cls(key, case.varied, case.scenario.seed, attempts=attempts, **outcome)

    def to_line(self) -> str:
        """One line of JSON."""
        return (
            json.dumps(
                {
                    "schema": SCHEMA,
                    "version": __version__,
                    "key": self.key,
                    "case": dict(self.varied),
                    "seed": self.seed,
                    "figures": dict(self.figures),
                    "error": self.error,
                    "calibration": self.calibration,
                    "node": self.node,
                    "seconds": self.seconds,
                    "attempts": self.attempts,
                },
                allow_nan=False,
            )
            + "\n"
        )


def read_results(path: str | Path) -> dict[str, CaseResult]:
    """Results of a file by key, the last of each; a line without an end is no result.

    Raises
    ------
    FormatError
        If a whole line is not a result.
    """
    raw = Path(path).read_bytes()
    found = {}
    whole = raw[: raw.rfind(b"\n") + 1]
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        result = _parsed(line, number, str(path))
        found[result.key] = result
    return found


def _parsed(line: bytes, number: int, source: str) -> CaseResult:
    def wrong(what: str, error: Exception | None = None) -> FormatError:
        made = FormatError(what, source=source, line=number)
        made.__cause__ = error
        return made

    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise wrong("this line is no JSON", error) from error
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise wrong(f"this line is no {SCHEMA}")
    kinds: dict[str, type | tuple[type, ...]] = {
        "key": str, "case": dict, "seed": int, "figures": dict, "error": str,
        "calibration": str, "node": str,
        "seconds": (int, float), "attempts": int,
    }  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(value.get(name), kind) or isinstance(value[name], bool):
            raise wrong(f"{name!r} is missing or of another kind")
    for name, figure in [*value["figures"].items(), ("seconds", value["seconds"])]:
        if not (figure is None or _is_number(figure)):
            raise wrong(f"the figure {name!r} is no number")
    for name, one in value["case"].items():
        if not isinstance(one, str | int | float | bool):
            raise wrong(f"the value of {name!r} is neither text nor number")
    return CaseResult(
        key=value["key"],
        varied=tuple(value["case"].items()),
        seed=value["seed"],
        figures=value["figures"],
        error=value["error"],
        calibration=value["calibration"],
        node=value["node"],
        seconds=float(value["seconds"]),
        attempts=value["attempts"],
        reused=True,
    )


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


class ResultFile:
    """A file that results are added to; whole lines only, each on the disk before the next."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("ab")
        raw = self._path.read_bytes()
        if raw and not raw.endswith(b"\n"):
            self._file.truncate(raw.rfind(b"\n") + 1)
        return self

    def add(self, result: CaseResult) -> None:
        """Write a result."""
        assert self._file is not None
        self._file.write(result.to_line().encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        self._file.close()
