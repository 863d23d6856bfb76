"""A load under policies: facts and tables as text, and the curves for the page's script to draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from makespan._version import __version__
from makespan.core.errors import OptionError
from makespan.serving.record import Record
from makespan.serving.report.frame import COLOURS, assembled, figure
from makespan.serving.report.series import (
    CELLS,
    LATENCY_SLICES,
    ROWS,
    SLICES,
    THINNED,
    Slices,
    curve,
    latency_over_time,
    over_time,
)
from makespan.serving.service import GOODPUT, METRICS, Summary, terms
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo
from makespan.viz.markup import escaped

_CURVES: Final = {
    "ttft": "time to first token",
    "tpot": "time per output token",
    "e2e": "end to end",
    "queued": "waiting for the first admission",
}

_SLICED: Final = (
    f"Over time: {SLICES} slices of equal length. Lines are means over a slice, weighted by time; "
    "bands reach up to the highest value within it, of memory to that of the fullest instance. "
    "Blocks in use are those held at the end of each stretch of steps; while an instance takes no "
    "step it shows nothing, even if memory is kept for later. Latencies over time are of the "
    f"requests sent in each of {LATENCY_SLICES} slices."
)


def serving_html(
    records: Mapping[str, Record],
    settings: Sequence[EngineSettings],
    *,
    title: str | None = None,
    facts: Iterable[tuple[str, str]] = (),
    calibration: str = "",
) -> str:
    """Self-contained page about one load, served under one or several policies.

    Latency distributions, KV memory, what batches are made of, instances over time, service by
    class, percentiles. Charts over time need ``record.timeline``.

    Parameters
    ----------
    records
        By the name of the policy, of one load.
    settings
        Of each instance.
    title
        Heading; default is the load's name.
    facts
        More label and value pairs for the heading.
    calibration
        Where simulated times come from, and how far off they are.

    Raises
    ------
    OptionError
        If there is no record, or an instance without settings.
    """
    if not records:
        raise OptionError("a report about no policy")
    one = next(iter(records.values()))
    for name, record in records.items():
        if record.count and record.instance.max() >= len(settings):
            raise OptionError(f"{name}: instance {record.instance.max()} has no settings")
    load = one.workload
    summaries = {name: record.summary() for name, record in records.items()}
    heading = title if title is not None else load.name
    clock = "measured" if one.measured else "simulated"
    pairs = [
        ("load", f"{load.count:,} requests ({load.source or load.name})"),
        *facts,
        ("times", f"{clock}; {calibration}" if calibration else clock),
        ("engine", one.engine),
        ("makespan version", __version__),
    ]
    return assembled(
        "report",
        title=heading,
        facts=pairs,
        notes=_notes(records),
        data=_payload(records, summaries, settings),
        parts={"percentiles": _percentiles(summaries), "service": _service(summaries)},
    )


def _payload(
    records: Mapping[str, Record],
    summaries: Mapping[str, Summary],
    settings: Sequence[EngineSettings],
) -> dict[str, Any]:
    one = next(iter(records.values()))
    origin, seconds = _range(records)
    slices, coarse = (Slices(n, seconds / n) for n in (SLICES, LATENCY_SLICES))
    blocks = np.array([s.blocks for s in settings], dtype=np.int64)
    policies = []
    for k, (name, record) in enumerate(records.items()):
        latencies = {
            "ttft": record.ttft[record.first >= 0],
            "tpot": record.tpot[~np.isnan(record.tpot)],
            "e2e": record.e2e[record.finished],
            "queued": record.queued[record.admitted >= 0],
        }
        policies.append(
            {
                "name": name,
                "colour": COLOURS[k % len(COLOURS)],
                "dash": k // len(COLOURS),
                "curves": {key: curve(values) for key, values in latencies.items()},
                "latency": latency_over_time(record, coarse, origin),
                "time": over_time(record.timeline, slices, origin, blocks)
                if record.timeline is not None
                else None,
                "kept": [a.share if a.requests else None for a in summaries[name].attainment],
            }
        )
    classes = summaries[next(iter(records))].attainment
    return {
        "curves": _CURVES,
        "slices": {"n": SLICES, "width": slices.width},
        "cells": {"n": CELLS, "width": seconds / CELLS},
        "coarse": {"n": LATENCY_SLICES, "width": coarse.width},
        "policies": policies,
        "classes": [_class_name(a.slo) for a in classes],
        "limits": _limits(one),
    }


def _limits(record: Record) -> dict[str, list[dict[str, Any]]]:
    """Bounds of the classes by curve; a class of a program bounds something else."""
    found: dict[str, list[dict[str, Any]]] = {key: [] for key in _CURVES}
    load = record.workload
    for k, slo in enumerate(load.slos):
        alone = not (load.program[load.slo == k] >= 0).any()
        for key, bound in (
            ("ttft", slo.ttft),
            ("tpot", slo.tpot),
            ("e2e", slo.deadline if alone else None),
        ):
            if bound is not None:
                found[key].append({"name": slo.name, "at": bound / PICOSECONDS})
    return found


def _range(records: Mapping[str, Record]) -> tuple[int, float]:
    """First time of all records, and seconds from there to the last."""
    first, last = [], []
    for record in records.values():
        sent = record.sent[record.sent >= 0]
        first += [int(sent.min())] if len(sent) else []
        last += [int(t.max()) for t in (record.sent, record.first, record.last) if len(t)]
        if record.timeline is not None and len(record.timeline):
            first.append(int(record.timeline.begin.min()))
            last.append(int(record.timeline.end.max()))
    origin = min(first, default=0)
    return origin, max(max(last, default=0) - origin, 1) / PICOSECONDS


def _percentiles(summaries: Mapping[str, Summary]) -> str:
    rows = []
    for metric, meaning in METRICS.items():
        for k, (name, summary) in enumerate(summaries.items()):
            spread = summary.latencies[metric]
            unit, factor = ("ms", 1000.0) if metric in ("TPOT", "gap") else ("s", 1.0)
            cells = "".join(
                f"<td>{figure(factor * v)}</td>"
                for v in (spread.mean, spread.p50, spread.p90, spread.p99)
            )
            head = (
                f'<th scope="rowgroup" rowspan="{len(summaries)}" title="{escaped(meaning)}">'
                f"{metric} <small>{unit}</small></th>"
                if k == 0
                else ""
            )
            border = ' class="first"' if k == 0 else ""
            rows.append(f'<tr{border}>{head}<th scope="row">{escaped(name)}</th>{cells}</tr>')
    heads = "".join(f'<th scope="col">{word}</th>' for word in ("mean", "p50", "p90", "p99"))
    return (
        '<table><thead><tr><th scope="col">latency</th><th scope="col" class="word">policy</th>'
        f"{heads}</tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _service(summaries: Mapping[str, Summary]) -> str:
    classes = next(iter(summaries.values())).attainment
    heads = ["policy", "finished", "requests/s", "goodput/s", "tokens/s", "preempted", "cache hits"]
    heads += [_class_name(a.slo) for a in classes]
    rows = []
    for name, s in summaries.items():
        finished = next(iter(s.fates.values()))
        cells = [
            f"{finished:,} of {sum(s.fates.values()):,}",
            figure(s.throughput),
            figure(s.goodput),
            f"{s.token_throughput:,.0f}",
            f"{s.preemptions:,}",
            (f"{s.hit / s.prompt:.1%}" if s.prompt else "–")
            + (f" <small>{s.loaded:,} tokens loaded</small>" if s.loaded else ""),
            *(f"{_percent(a.share)} <small>of {a.requests:,}</small>" if a.requests else "–"
              for a in s.attainment),
        ]  # fmt: skip
        body = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row">{escaped(name)}</th>{body}</tr>')
    head = "".join(f'<th scope="col">{escaped(word)}</th>' for word in heads)
    asked = "".join(
        f"<p><b>{escaped(_class_name(a.slo))}</b>: "
        f"{escaped(terms(a.slo) if a.slo else 'to finish')}</p>"
        for a in classes
    )
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f'<div class="asked">{asked}</div>'
    )


def _notes(records: Mapping[str, Record]) -> list[str]:
    notes = [f"{name}: {meaning}." for name, meaning in METRICS.items()]
    notes += [GOODPUT, THINNED, _SLICED]
    if any(record.timeline is not None for record in records.values()):
        notes.append(
            f"Rows of instances have {CELLS} slices of time and two digits; beyond {ROWS} "
            "instances a row is the mean of neighbours. Bands are left out while more than three "
            "policies are shown."
        )
    else:
        notes.append("These records have no timeline: nothing is drawn of memory and batches.")
    return notes


def _class_name(slo: Slo | None) -> str:
    return slo.name if slo else "no class"


def _percent(share: float) -> str:
    return f"{share:.2%}" if 0.99 < share < 1.0 else f"{share:.1%}"
