"""A real run and its simulation: how far off, and where: distributions, requests, over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from makespan._version import __version__
from makespan.serving.fidelity.replay import FIGURES, METRICS, Replay, Timings
from makespan.serving.report.frame import COLOURS, assembled, figure
from makespan.serving.report.series import (
    LATENCY_SLICES,
    SLICES,
    THINNED,
    Slices,
    curve,
    inside_over_time,
    middle_over_time,
    short,
)
from makespan.serving.workload import PICOSECONDS

POINTS: Final = 4000
"""Requests that are drawn one by one; of more, so many evenly spaced ones."""

PARTS: Final = {"first-half": "first half", "second-half": "second half", "all": "whole run"}
"""Parts of a run by the names that :class:`makespan.cli._fidelity.Likeness` gives them."""

_NAMES: Final = {
    "ttft": ("TTFT", "time to first token"),
    "tpot": ("TPOT", "time per output token"),
    "e2e": ("E2E", "end to end"),
}

_QUEUED: Final = (
    "Latencies count from the queue of the engine on, on both sides. TPOT: mean time per output "
    "token after the first, of requests with at least two."
)

_ERRORS: Final = (
    "Errors: simulated over measured, less one; of the mean and of each percentile, not the mean "
    "or percentile of errors of requests."
)

_POINTS: Final = (
    "Request by request: a point on the line is a request that takes as long in the simulation as "
    "it did; dashed lines are off by a quarter."
)

_INSIDE: Final = (
    "Requests in the engine: those that have been sent and have not got their last token."
)

_COUPLED: Final = (
    "The queue couples both halves, so that the second is held out of the fit but not alone."
)


def likeness_html(
    replay: Replay,
    simulated: Timings,
    *,
    judged: str = "all",
    title: str | None = None,
    facts: Iterable[tuple[str, str]] = (),
    calibration: str = "",
) -> str:
    """Self-contained page about a recorded run and what the simulator makes of it.

    Errors of means and percentiles, overlaid distributions of the latencies, every request of the
    one against itself in the other, and both over time.

    Parameters
    ----------
    simulated
        As :meth:`Replay.simulated` gives them.
    judged
        The part of the run that counts: "all", "first-half" or "second-half". Where it is a half,
        the others are shown beside it.
    title
        Heading; default is the run's name.
    facts
        More label and value pairs for the heading.
    calibration
        Where simulated times come from, and how far off they are.
    """
    load = replay.workload
    half = load.count // 2
    ranges = {"all": (0, load.count), "first-half": (0, half), "second-half": (half, load.count)}
    # Of a run that is judged as a whole its halves say nothing further.
    shown = [judged] if judged == "all" else [judged, *(key for key in PARTS if key != judged)]
    names = {key: PARTS[key] for key in shown}
    if judged != "all":
        names[judged] += " (judged)"
    notes = [_QUEUED, _ERRORS, _POINTS, _INSIDE, THINNED]
    if load.count > POINTS:
        notes.append(f"Of the {load.count:,} requests {POINTS:,} are drawn one by one.")
    if judged != "all":
        notes.append(_COUPLED)
    begun = (load.arrival - load.arrival[0]) / PICOSECONDS
    seconds = max(float((begun + both.e2e).max()) for both in (replay.real, simulated))
    slices = Slices(SLICES, seconds / SLICES)
    # Sending may end long before the run does.
    coarse = Slices(LATENCY_SLICES, max(float(begun[-1]), seconds / SLICES) / LATENCY_SLICES)
    data = {
        "curves": {key: says for key, (_, says) in _NAMES.items()},
        "limits": dict.fromkeys(_NAMES, ()),
        "slices": {"n": SLICES, "width": slices.width},
        "coarse": {"n": LATENCY_SLICES, "width": coarse.width},
        "parts": [
            {"key": key, "name": names[key], "first": ranges[key][0], "last": ranges[key][1]}
            for key in shown
        ],
        "policies": [
            {
                "name": name,
                "colour": COLOURS[k],
                "dash": k,
                "parts": {key: _curves(of, *ranges[key]) for key in shown},
                "latency": middle_over_time(begun, of.ttft, coarse),
                "inside": inside_over_time(begun, begun + of.e2e, slices),
            }
            for k, (name, of) in enumerate((("measured", replay.real), ("simulated", simulated)))
        ],
        "requests": _requests(replay.real, simulated),
    }
    return assembled(
        "likeness",
        title=title if title is not None else load.name,
        facts=[
            *facts,
            ("times", f"measured, and simulated; {calibration}" if calibration else "simulated"),
            ("makespan version", __version__),
        ],
        notes=notes,
        data=data,
        parts={
            "errors": "".join(
                _table(replay, simulated, names[key], _chosen(load.count, *ranges[key]))
                for key in shown
            )
        },
    )


def _chosen(count: int, first: int, last: int) -> npt.NDArray[np.bool_]:
    index = np.arange(count)
    chosen: npt.NDArray[np.bool_] = (index >= first) & (index < last)
    return chosen


def _curves(timings: Timings, first: int, last: int) -> dict[str, Any]:
    curves = {}
    for key in METRICS:
        values = getattr(timings, key)[first:last]
        curves[key] = curve(values[~np.isnan(values)] * PICOSECONDS)
    return curves


def _requests(real: Timings, simulated: Timings) -> dict[str, Any]:
    """Pairs of latencies by metric, of the requests that have them."""
    found: dict[str, Any] = {}
    for key in METRICS:
        one, other = getattr(real, key), getattr(simulated, key)
        there = np.flatnonzero(~np.isnan(one) & ~np.isnan(other))
        if len(there) > POINTS:
            there = there[np.linspace(0, len(there) - 1, POINTS).astype(np.int64)]
        found[key] = {
            "request": there.tolist(),
            "real": short(one[there]),
            "simulated": short(other[there]),
        }
    return found


def _signed(share: float) -> str:
    text = f"{share:+.1%}".replace("-", "−")
    return "0.0%" if text.endswith("0.0%") and len(text) == 5 else text


def _table(replay: Replay, simulated: Timings, name: str, chosen: npt.NDArray[np.bool_]) -> str:
    """Measured and simulated figures of a part of the run, and how far apart they are."""
    real, ours = replay.real.figures(chosen), simulated.figures(chosen)
    errors = replay.errors(simulated, chosen)
    rows = []
    for i, key in enumerate(METRICS):
        unit, factor = ("ms", 1000.0) if key == "tpot" else ("s", 1.0)
        word, meaning = _NAMES[key]
        head = (
            f'<th scope="rowgroup" rowspan="3" title="{meaning}">{word} <small>{unit}</small></th>'
        )
        lines = {
            "measured": [figure(factor * value) for value in real[i]],
            "simulated": [figure(factor * value) for value in ours[i]],
            "error": [_signed(errors[f"{key}_{word}"]) for word in FIGURES],
        }
        for k, (label, cells) in enumerate(lines.items()):
            kind = ' class="first"' if k == 0 else ' class="error"' if label == "error" else ""
            body = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(
                f'<tr{kind}>{head if k == 0 else ""}<th scope="row">{label}</th>{body}</tr>'
            )
    heads = "".join(f'<th scope="col">{word}</th>' for word in FIGURES)
    count = int(chosen.sum())
    return (
        f"<div><table><caption>{name} <small>{count:,} requests</small></caption>"
        f'<thead><tr><th scope="col">latency</th><th scope="col"></th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
