"""Calibration: to what a cost model was fitted, and how far off it is there.

Every simulated figure is worth what its cost model is worth; so the model carries this record, and
reports print its :attr:`Calibration.label`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from makespan.core.errors import FormatError, OptionError
from makespan.io.json_values import Node, check_head, parse
from makespan.io.text import Text

Kind = Literal["fitted", "specification", "inferred"]
"""Fitted to measurements, taken from a vendor's data sheet, or inferred from neighbours."""

KIND_NAMES: Final[tuple[str, ...]] = get_args(Kind)
FORMAT: Final = "makespan-calibration"
VERSION: Final = 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where the constants of a cost model come from.

    Attributes
    ----------
    id
        Short name to quote beside a figure.
    kind
        Of the weakest part: one inferred constant makes the whole inferred.
    source
        What it was fitted to or taken from.
    count
        Measurements in the fit.
    error
        Mean of ``|log(model / measured)|``, roughly the mean relative error; None if unknown.
    p90
        90th percentile of the same.
    held_out
        Whether the errors are of measurements that the fit did not see.
    date
        Day of the fit, ``YYYY-MM-DD``; empty if unknown.
    inferred
        Of a composed model: share of the time of a step that no measurement stands behind.
    parts
        Records of the parts of a composed model.
    """

    id: str
    kind: Kind
    source: str
    count: int = 0
    error: float | None = None
    p90: float | None = None
    held_out: bool = False
    date: str = ""
    inferred: float = 0.0
    parts: tuple[Calibration, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KIND_NAMES:
            raise OptionError(f"calibration {self.id!r} is {self.kind!r}", hint=str(KIND_NAMES))
        if self.date and not _DATE.fullmatch(self.date):
            raise OptionError(f"calibration {self.id!r} has the date {self.date!r}",
                              hint="write YYYY-MM-DD")  # fmt: skip
        if not 0 <= self.inferred <= 1:
            raise OptionError(f"calibration {self.id!r}: {self.inferred} of it is inferred")
        for name in ("error", "p90"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise OptionError(f"calibration {self.id!r}: {name} is {value}")

    @property
    def calibrated(self) -> bool:
        """Whether it was fitted to measurements, all of it or nearly so."""
        return self.kind == "fitted"

    @property
    def label(self) -> str:
        """Name and error band, to print beside a figure."""
        words = []
        if self.inferred:
            words.append(f"{self.inferred:.0%} of the time inferred")
        elif not self.calibrated:
            words.append(self.kind)
        if not self.calibrated:
            words[0] = f"uncalibrated: {words[0]}"
        if self.error is not None:
            words.append(f"error {self.error:.1%}")
        elif self.calibrated:
            words.append("error unknown")
        if self.p90 is not None:
            words.append(f"p90 {self.p90:.1%}")
        if self.held_out:
            words.append("held out")
        return f"{self.id} ({', '.join(words)})"

    def to_json(self) -> str:
        """Record as JSON."""
        return (
            json.dumps({"format": FORMAT, "version": VERSION, **fields_of(self)}, indent=2) + "\n"
        )

    @classmethod
    def from_json(cls, text: str, source: str = "calibration") -> Calibration:
        """Record of a JSON text.

        Raises
        ------
        FormatError
            If the text is not such a record.
        """
        root = parse(Text(text, source))
        check_head(root, FORMAT, VERSION)
        return record_of(root)


MOSTLY: Final = 0.9
"""Share of a step's time that must come from fitted parts for the whole to count as fitted."""


def compose(id: str, parts: Mapping[Calibration, float]) -> Calibration:
    """Record of a model whose times are sums over ``parts``.

    Its error is the mean of the errors of the fitted parts, weighted by their shares of the time:
    the mean relative error of a sum is at most that. The same mean of the percentiles is an
    estimate, as if the parts were far off at the same time.

    Parameters
    ----------
    id
        Name of the whole.
    parts
        Share of the time of each part.
    """
    total = sum(parts.values())
    if not total > 0:
        raise OptionError(f"calibration {id!r} is made of nothing")
    fitted = {part: share for part, share in parts.items() if part.kind == "fitted"}
    weight = sum(fitted.values())
    weakest = max(parts, key=lambda part: KIND_NAMES.index(part.kind))

    def mean(name: str) -> float | None:
        known = [(getattr(part, name), share) for part, share in fitted.items()]
        if not known or weight <= 0 or any(value is None for value, _ in known):
            return None
        return float(sum(value * share for value, share in known) / weight)

    return Calibration(
        id=id,
        kind="fitted" if weight >= MOSTLY * total else weakest.kind,
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        count=sum(part.count for part in parts),
        error=mean("error"),
        p90=mean("p90"),
        held_out=bool(fitted) and all(part.held_out for part in fitted),
        date=max((part.date for part in parts), default=""),
        inferred=min(max(1.0 - weight / total, 0.0), 1.0),
        parts=tuple(parts),
    )


def log_errors(model: npt.ArrayLike, measured: npt.ArrayLike) -> tuple[float, float]:
    """Mean and 90th percentile of ``|log(model / measured)|``."""
    errors = np.abs(np.log(np.asarray(model, float) / np.asarray(measured, float)))
    return float(errors.mean()), float(np.quantile(errors, 0.9))


def fields_of(record: Calibration) -> dict[str, Any]:
    """Fields as JSON values."""
    return {
        "id": record.id,
        "kind": record.kind,
        "source": record.source,
        "count": record.count,
        "error": record.error,
        "p90": record.p90,
        "held_out": record.held_out,
        "date": record.date,
        "inferred": record.inferred,
        "parts": [fields_of(part) for part in record.parts],
    }


def real(node: Node, low: float = 0.0, high: float = 1e30) -> float:
    """A finite number in ``[low, high]``."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise node.wrong("a number")
    if not low <= value <= high:
        raise node.wrong(f"a number from {low:g} to {high:g}")
    return float(value)


_DEPTH: Final = 4


def _records(node: Node, depth: int) -> tuple[Calibration, ...]:
    if depth > _DEPTH:
        raise node.error("records in records in records", f"at most {_DEPTH} levels")
    return tuple(record_of(part, depth) for part in node.items())


def record_of(node: Node, depth: int = 0) -> Calibration:
    """Record in a JSON object, ``depth`` levels inside another."""
    kind = node.get("kind", lambda part: part.one_of(KIND_NAMES))
    try:
        found = Calibration(
            id=node.get("id", Node.text),
            kind=kind,  # type: ignore[arg-type]
            source=node.get("source", Node.text),
            count=node.get("count", lambda part: part.whole(0), 0),
            error=node.get("error", real, None),
            p90=node.get("p90", real, None),
            held_out=node.get("held_out", Node.flag, False),
            date=node.get("date", Node.text, ""),
            inferred=node.get("inferred", lambda part: real(part, 0.0, 1.0), 0.0),
            parts=node.get("parts", lambda part: _records(part, depth + 1), ()),
        )
    except OptionError as error:
        raise FormatError(f"{node.path}: {error}", source=node.source) from error
    node.only({"format", "version", *fields_of(found)})
    return found
