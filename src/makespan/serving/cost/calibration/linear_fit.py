"""Fit of the five coefficients of a linear cost to measured steps of an engine.

``max(floor, per_token T) + per_context C + per_sequence S + per_pair P`` is linear but for the one
corner T* = floor / per_token: for a given corner its first term is ``floor * max(1, T / T*)``, and
the rest is least squares with coefficients that are not negative. The corner is searched. Residuals
count relative to the measured time, and large ones count less (Huber, Annals of Mathematical
Statistics 35, 1964), so that a pause of the garbage collector does not bend the fit.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from makespan.core.errors import FormatError, OptionError
from makespan.io.json_values import check_head, parse
from makespan.io.text import Text
from makespan.serving.cost.calibration.columns import Columns, Source, load_text
from makespan.serving.cost.calibration.operator_fits import FitLabel
from makespan.serving.cost.calibration.record import (
    Calibration,
    fields_of,
    log_errors,
    record_of,
)
from makespan.serving.cost.calibration.search import nonnegative_least_squares
from makespan.serving.cost.step import LinearCost
from makespan.serving.workload import PICOSECONDS

FloatArray = npt.NDArray[np.float64]

FORMAT: Final = "makespan-linear-cost"
VERSION: Final = 1
COEFFICIENTS: Final = ("floor", "per_token", "per_context", "per_sequence", "per_pair")
COLUMNS: Final = ("tokens", "sequences", "context", "pairs", "seconds")

_HUBER: Final = 1.345
_ROUNDS: Final = 12
_CORNERS: Final = 40
_FINER: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Measured steps of an engine, in the order in which they ran.

    Attributes
    ----------
    tokens, sequences, context, pairs
        (n,) as :class:`~makespan.serving.cost.step.StepCost` defines them.
    seconds
        (n,) measured.
    """

    tokens: FloatArray
    sequences: FloatArray
    context: FloatArray
    pairs: FloatArray
    seconds: FloatArray

    def __post_init__(self) -> None:
        sizes = set()
        for name in COLUMNS:
            values = np.asarray(getattr(self, name), dtype=float)
            object.__setattr__(self, name, values)
            if values.ndim != 1 or not (np.isfinite(values).all() and (values >= 0).all()):
                raise OptionError(f"{name} of the steps must be flat, finite and not negative")
            sizes.add(len(values))
        if len(sizes) != 1:
            raise OptionError("the columns of the steps differ in length")
        if not ((self.seconds > 0).all() and (self.tokens >= 1).all()):
            raise OptionError("a step has no tokens or took no time")

    def __len__(self) -> int:
        return len(self.seconds)

    def take(self, rows: npt.NDArray[np.int64]) -> Steps:
        """Some of the steps."""
        return Steps(*(getattr(self, name)[rows] for name in COLUMNS))


def read_steps(source: Source) -> Steps:
    """Steps of a CSV text with the columns tokens, sequences, context, pairs and seconds.

    Raises
    ------
    FormatError
        If a column is missing or a number impossible.
    """
    columns = Columns(load_text(source), COLUMNS)
    return Steps(
        columns.numbers("tokens", 1.0),
        columns.numbers("sequences", 1.0),
        columns.numbers("context"),
        columns.numbers("pairs"),
        columns.numbers("seconds", above=True),
    )


def write_steps(steps: Steps) -> str:
    """CSV text of steps."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in zip(*(getattr(steps, name).tolist() for name in COLUMNS), strict=True):
        writer.writerow([*(int(value) for value in row[:-1]), repr(row[-1])])
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class FittedLinearCost(LinearCost):
    """A linear cost with the record of its fit.

    Attributes
    ----------
    calibration
        To what it was fitted; its errors are those of held-out steps if there were any.
    """

    calibration: Calibration = field(kw_only=True)

    def to_json(self) -> str:
        """Coefficients (picoseconds) and record as JSON."""
        document = {"format": FORMAT, "version": VERSION,
                    **{name: getattr(self, name) for name in COEFFICIENTS},
                    "calibration": fields_of(self.calibration)}  # fmt: skip
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "linear cost") -> FittedLinearCost:
        """Cost of a JSON text.

        Raises
        ------
        FormatError
            If the text is not such a cost.
        """
        root = parse(Text(text, source))
        check_head(root, FORMAT, VERSION)
        values = [root.get(name, lambda node: node.whole(0)) for name in COEFFICIENTS]
        record = root.get("calibration", record_of)
        root.only({"format", "version", "calibration", *COEFFICIENTS})
        try:
            return cls(*values, calibration=record)
        except OptionError as error:
            raise FormatError(str(error), source=source) from error


def fit_linear(
    steps: Steps, label: FitLabel, *, held_out: float = 0.3, whole_fit: bool = False
) -> FittedLinearCost:
    """Linear cost of measured steps.

    Parameters
    ----------
    steps
        In the order in which they ran, at least ten; prefills and decodes mixed as in use.
    label
        What to call the fit.
    held_out
        Fraction of the steps, the last ones, that only measure the error. Neighbouring steps are
        alike, so steps held out at random would flatter.
    whole_fit
        Whether to fit to all steps once the error has been measured.
    """
    if not 0 <= held_out <= 0.9:
        raise OptionError(f"held_out is {held_out}", hint="a fraction, at most 0.9")
    if len(steps) < 10:
        raise OptionError(f"{len(steps)} steps", hint="a fit needs at least 10")
    kept = len(steps) - int(len(steps) * held_out)
    order = np.arange(len(steps))
    seen = steps.take(order[:kept])
    cost = _fit(seen)
    judged = steps.take(order[kept:]) if kept < len(steps) else seen
    error, p90 = log_errors(_seconds(cost, judged), judged.seconds)
    if whole_fit and kept < len(steps):
        cost = _fit(steps)
    record = Calibration(label.id, "fitted", label.source, len(steps), error, p90,
                         held_out=kept < len(steps), date=label.date)  # fmt: skip
    return FittedLinearCost(*(getattr(cost, name) for name in COEFFICIENTS), calibration=record)


def _seconds(cost: LinearCost, steps: Steps) -> FloatArray:
    first = np.maximum(cost.floor, cost.per_token * steps.tokens)
    rest = (
        cost.per_context * steps.context
        + cost.per_sequence * steps.sequences
        + cost.per_pair * steps.pairs
    )
    return np.asarray((first + rest) / PICOSECONDS)


def _fit(steps: Steps) -> LinearCost:
    low = max(float(steps.tokens.min()), 1.0)
    high = max(float(steps.tokens.max()), low + 1.0)
    corner, least, x = low, np.inf, np.zeros(4)
    for count in (_CORNERS, _FINER, _FINER):  # each between the neighbours of the best so far
        corners = np.geomspace(low, high, count)
        for candidate in corners:
            loss, found = _with_corner(steps, float(candidate))
            if loss < least:
                corner, least, x = float(candidate), loss, found
        ratio = float(corners[1] / corners[0])
        low, high = max(corner / ratio, low), min(corner * ratio, high)
    floor, *rest = (round(float(value) * PICOSECONDS) for value in x)
    per_token = round(float(x[0]) / corner * PICOSECONDS)
    if floor == per_token == 0:
        floor = 1  # all of the time is explained by sequences or context
    return LinearCost(floor, per_token, *rest)


def _with_corner(steps: Steps, corner: float) -> tuple[float, FloatArray]:
    """(Huber loss, floor and the other coefficients in seconds) for a corner at some tokens."""
    columns = np.stack(
        [np.maximum(1.0, steps.tokens / corner), steps.context, steps.sequences, steps.pairs],
        axis=1,
    )
    relative = columns / steps.seconds[:, None]
    weight = np.ones(len(steps))
    x = np.zeros(4)
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        before, x = x, nonnegative_least_squares(relative * root[:, None], root)
        residual = np.abs(relative @ x - 1.0)
        spread = max(1.4826 * float(np.median(residual)), 1e-6)
        weight = np.minimum(1.0, _HUBER * spread / np.maximum(residual, 1e-300))
        if np.allclose(before, x, rtol=1e-5, atol=0.0):
            break
    # Corners are compared by one fixed loss: with a spread of its own, each would judge itself.
    residual = np.abs(relative @ x - 1.0)
    loss = np.where(residual < 0.1, residual**2 / 2, 0.1 * (residual - 0.05))
    return float(loss.mean()), x
