"""Curves of a report: as many points as can be seen, each of them exact.

A distribution is thinned to some of its order statistics, more of them near the top, where
percentiles are read; every point drawn lies on the true curve. What an engine did over time is
given per slice of equal length: the mean over the slice, weighted by time, and the highest value
within it, so that no peak is lost. Totals are kept: means times lengths add up to what there was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from makespan.core.vocabulary import IntArray
from makespan.serving.record import Record
from makespan.serving.timeline import Timeline
from makespan.serving.workload import PICOSECONDS

FloatArray = npt.NDArray[np.float64]

CURVE_POINTS: Final = 300
"""Order statistics that a distribution is thinned to."""

THINNED: Final = (
    f"Distributions of more than {CURVE_POINTS} requests are drawn through at most so many of "
    "their order statistics, a third of them towards the top; each point is exact to four digits."
)
"""The same, for readers."""

SLICES: Final = 400
"""Slices of time that a run is cut into."""

LATENCY_SLICES: Final = 80
"""Slices of time in which the requests sent give a median."""

ROWS: Final = 64
"""Instances shown one by one; of more, neighbours share a row."""

CELLS: Final = 200
"""Slices of time that a row of an instance has."""


def curve(picoseconds: npt.NDArray[Any]) -> dict[str, Any]:
    """Some order statistics of latencies, in seconds, with the share that is no longer than each.

    All of them, up to :data:`CURVE_POINTS`; ties keep the highest share.
    """
    n = len(picoseconds)
    values = np.sort(picoseconds.astype(np.float64)) / PICOSECONDS
    if n <= CURVE_POINTS:
        ranks = np.arange(n)
    else:
        tail = CURVE_POINTS // 3
        evenly = np.linspace(0, n - 1, CURVE_POINTS - tail)
        ranks = np.unique(np.rint(np.append(evenly, n - np.geomspace(1, n, tail))).astype(np.int64))
    # Of equal values the last rank is the one whose share the curve reaches.
    ranks = np.unique(np.searchsorted(values, values[ranks], side="right") - 1)
    return {
        "n": n,
        "x": short(values[ranks]),
        "p": short((ranks + 1) / max(n, 1), digits=7),
    }


@dataclass(frozen=True, slots=True)
class Slices:
    """Equal slices of time from 0.

    Attributes
    ----------
    width
        Seconds.
    """

    count: int
    width: float

    @property
    def edges(self) -> FloatArray:
        """(count + 1,) seconds."""
        return np.arange(self.count + 1, dtype=np.float64) * self.width

    def mean(self, begin: FloatArray, end: FloatArray, value: FloatArray) -> FloatArray:
        """(count,) mean of a step function that is 0 outside its stretches, which are disjoint."""
        knots = np.stack((begin, end), axis=1).reshape(-1)
        growth = np.stack((np.zeros(len(value)), value * (end - begin)), axis=1).reshape(-1)
        if not len(knots):
            return np.zeros(self.count)
        area = np.interp(self.edges, knots, np.cumsum(growth))
        return np.asarray(np.diff(area) / self.width)

    def peak(self, begin: FloatArray, end: FloatArray, value: FloatArray) -> FloatArray:
        """(count,) highest value of the same within each slice."""
        first = np.clip((begin / self.width).astype(np.int64), 0, self.count - 1)
        last = np.clip(np.ceil(end / self.width).astype(np.int64) - 1, first, self.count - 1)
        size = last - first + 1
        starts = np.cumsum(size) - size
        place = np.repeat(first - starts, size) + np.arange(int(size.sum()))
        highest = np.zeros(self.count)
        np.maximum.at(highest, place, np.repeat(value, size))
        return highest


def over_time(timeline: Timeline, slices: Slices, origin: int, blocks: IntArray) -> dict[str, Any]:
    """What all instances did together, and each of them, per slice.

    Parameters
    ----------
    origin
        Time of the first slice, picoseconds.
    blocks
        KV blocks of each instance.
    """
    count = len(blocks)
    shape = (count, slices.count)
    names = ("occupancy", "running", "waiting")
    mean = {name: np.zeros(shape) for name in (*names, "prompt", "decode")}
    peak = {name: np.zeros(shape) for name in names}
    for i in range(count):
        own = np.flatnonzero(timeline.instance == i)
        if not len(own):
            continue
        begin = (timeline.begin[own] - origin) / PICOSECONDS
        end = (timeline.end[own] - origin) / PICOSECONDS
        for name, value in (
            ("occupancy", timeline.used[own] / blocks[i]),
            ("running", timeline.running[own].astype(np.float64)),
            ("waiting", timeline.waiting[own].astype(np.float64)),
        ):
            mean[name][i] = slices.mean(begin, end, value)
            peak[name][i] = slices.peak(begin, end, value)
        length = np.maximum(end - begin, 1 / PICOSECONDS)
        mean["prompt"][i] = slices.mean(begin, end, timeline.prompt[own] / length)
        mean["decode"][i] = slices.mean(begin, end, timeline.decode[own] / length)
    weight = blocks / blocks.sum()
    whole: dict[str, Any] = {
        # Of the fullest instance: a sum of peaks at different times would be no peak.
        "occupancy": {
            "mean": short(weight @ mean["occupancy"]),
            "peak": short(peak["occupancy"].max(axis=0)),
        },
    }
    for name in ("running", "waiting"):
        whole[name] = {
            "mean": short(mean[name].sum(axis=0)),
            "peak": short(peak[name][0]) if count == 1 else None,
        }
    for name in ("prompt", "decode"):
        whole[name] = short(mean[name].sum(axis=0))
    per_row = -(-count // ROWS)
    starts = np.arange(0, count, per_row)
    whole["rows"] = {
        "per": per_row,
        "n": count,
        **{name: _rows(mean[name], starts) for name in names},
    }
    return whole


def _rows(mean: FloatArray, starts: IntArray) -> list[list[float | int | None]]:
    """Means of rows of neighbours from ``starts`` on, and of slices of time; two digits will do."""
    count, slices = mean.shape
    size = np.diff(np.append(starts, count))[:, None]
    rows = np.add.reduceat(mean, starts, axis=0) / size
    wide = -(-slices // CELLS)
    cuts = np.arange(0, slices, wide)
    cells = np.add.reduceat(rows, cuts, axis=1) / np.diff(np.append(cuts, slices))
    return [short(row, digits=2) for row in cells]


def latency_over_time(record: Record, slices: Slices, origin: int) -> dict[str, Any]:
    """Median and 90th percentile of the TTFT of the requests sent in each slice; null for none."""
    spoke = np.flatnonzero(record.first >= 0)
    sent = (record.sent[spoke] - origin) / PICOSECONDS
    return middle_over_time(sent, record.ttft[spoke] / PICOSECONDS, slices)


def middle_over_time(sent: FloatArray, values: FloatArray, slices: Slices) -> dict[str, Any]:
    """Median and 90th percentile of the values sent in each slice; null for none."""
    place = np.clip((sent / slices.width).astype(np.int64), 0, slices.count - 1)
    order = np.argsort(place, kind="stable")
    values = values[order]
    bounds = np.searchsorted(place[order], np.arange(slices.count + 1))
    found: dict[str, Any] = {"median": [], "p90": []}
    for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        pair = np.quantile(values[a:b], (0.5, 0.9)) if b > a else np.full(2, np.nan)
        for name, value in zip(("median", "p90"), short(pair), strict=True):
            found[name].append(value)
    return found


def inside_over_time(begin: FloatArray, end: FloatArray, slices: Slices) -> list[Any]:
    """Mean number, per slice, of stretches of time that are under way."""
    knots = np.concatenate((begin, end))
    order = np.argsort(knots, kind="stable")
    change = np.concatenate((np.ones(len(begin)), -np.ones(len(end))))[order]
    times = knots[order]
    return short(slices.mean(times[:-1], times[1:], np.cumsum(change)[:-1]))


def short(values: FloatArray, digits: int = 4) -> list[float | int | None]:
    """Numbers of so many significant digits; null where there is none."""
    return [
        None
        if value != value
        else int(shown)
        if (shown := float(f"{value:.{digits}g}")).is_integer()
        else shown
        for value in values.tolist()
    ]
