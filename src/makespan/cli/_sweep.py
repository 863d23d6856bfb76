"""What ``makespan simulate serving --sweep`` does and shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from makespan.cli._report import facts, figure_table
from makespan.core.errors import OptionError
from makespan.serving.scenario import Scenario, base_load
from makespan.serving.service import GOODPUT
from makespan.serving.sweep import Case, CaseResult, axis, grid, groups, sweep
from makespan.serving.sweep.spread import Spread

_SHOWN: Final = (
    ("TTFT s", "ttft_mean", 1.0),
    ("its p99", "ttft_p99", 1.0),
    ("TPOT ms", "tpot_mean", 1000.0),
    ("kept %", "attained", 100.0),
    ("goodput/s", "goodput", 1.0),
)
"""Columns of the table, few enough for 80 characters: heading, figure, and a factor."""


def cases_of(
    scenario: Scenario,
    words: Sequence[str],
    policies: Sequence[str],
    *,
    router: str,
    seeds: int,
) -> list[Case]:
    """The grid; several policies are an axis of their own unless one is given."""
    axes = [axis(text) for text in words]
    if len(policies) > 1:
        if any(name == "policy" for name, _ in axes):
            raise OptionError("a sweep over policies, and others to compare", hint="give one")
        axes.append(("policy", tuple(policies)))
    return grid(replace(scenario, trace=None), axes, policy=policies[0], router=router, seeds=seeds)


def run(
    scenario: Scenario,
    cases: Sequence[Case],
    into: list[CaseResult],
    *,
    results: str | None,
    workers: int,
    ray: str | None,
    note: Callable[[str], None],
) -> None:
    """Run the cases, adding to ``into`` as they end, so that an interruption keeps what is done."""
    load = base_load(scenario) if scenario.trace is not None else None
    for result in sweep(
        cases,
        workload=load,
        results=results,
        workers=workers,
        ray=ray is not None,
        address=ray,
    ):
        into.append(result)
        words = ", ".join(f"{name}={value}" for name, value in result.varied)
        goodput = result.figures.get("goodput")
        said = result.error or (f"goodput {goodput:.3f}/s" if goodput is not None else "")
        source = " (from the file)" if result.reused else ""
        note(f"{len(into)} of {len(cases)}: {words}, seed={result.seed}: {said}{source}")


def report(cases: Sequence[Case], found: Sequence[CaseResult], width: int) -> RenderableType:
    """A row per combination with the mean and the spread over its seeds, for lines so long."""
    made = groups(found)
    rows = facts()
    rows.add_row("cases", _counted(cases, found))
    for label in dict.fromkeys(label for g in made for label in g.calibrations):
        rows.add_row("times", f"simulated; {label}")
    names = [name for name, _ in cases[0].varied]
    labels = [[str(value) for _, value in g.varied] for g in made]
    cells = [[_cell(g.figures.get(name), f) for _, name, f in _SHOWN] for g in made]
    table = figure_table(names, labels, [head for head, _, _ in _SHOWN], cells, width, joint="")
    lines: list[RenderableType] = [rows, Text(), table, Text()]
    for group in made:
        for error in dict.fromkeys(group.errors):
            words = ", ".join(f"{name}={value}" for name, value in group.varied)
            lines.append(Text(f"{words}: {error}", style="yellow"))
    seeds = max((len(g.seeds) for g in made), default=0)
    spread = ", ± standard deviation over the seeds" if seeds > 1 else ""
    kept = "Kept: requests that attain their class; further figures are in --json and --results"
    lines.append(Text(f"Means{spread}. {kept}. {GOODPUT}", style="dim"))
    return Lines(*lines)


def _counted(cases: Sequence[Case], found: Sequence[CaseResult]) -> str:
    reused = sum(r.reused for r in found)
    failed = sum(bool(r.error) for r in found)
    seeds = len({c.scenario.seed for c in cases})
    words = [f"{len(found)} of {len(cases)}", f"{seeds} {'seed' if seeds == 1 else 'seeds'} each"]
    words += [f"{reused} from the file"] if reused else []
    words += [f"{failed} that cannot be simulated"] if failed else []
    return ", ".join(words)


def _cell(spread: Spread | None, factor: float) -> tuple[str, ...]:
    """The mean, with as many of its decimals as the first digit of the deviation needs, and it."""
    if spread is None:
        return ("-",)
    mean, deviation = factor * spread.mean, factor * spread.deviation
    if not deviation:
        return (f"{mean:.4g}",)
    digits = max(0, -math.floor(math.log10(deviation)))
    return f"{mean:.{digits}f}", f"±{deviation:.{digits}f}"


def document(
    cases: Sequence[Case], found: Sequence[CaseResult], results: str | None, cancelled: bool
) -> dict[str, Any]:
    """The same for machines."""
    axes: dict[str, list[Any]] = {}
    for case in cases:
        for name, value in case.varied:
            if value not in axes.setdefault(name, []):
                axes[name].append(value)
    return {
        "axes": axes,
        "seeds": sorted({case.scenario.seed for case in cases}),
        "cases": len(cases),
        "done": len(found),
        "reused": sum(r.reused for r in found),
        "results": results,
        "cancelled": cancelled,
        "groups": [
            {
                "case": dict(group.varied),
                "seeds": list(group.seeds),
                "calibrations": list(group.calibrations),
                "errors": list(group.errors),
                "figures": {
                    name: {
                        "count": spread.count,
                        "mean": spread.mean,
                        "deviation": spread.deviation,
                        "least": spread.least,
                        "most": spread.most,
                    }
                    for name, spread in group.figures.items()
                },
            }
            for group in groups(found)
        ],
    }
