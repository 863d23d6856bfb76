"""What ``makespan simulate serving --capacity`` does and shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from makespan.cli._report import facts
from makespan.cli._serving import engines_line, load_document
from makespan.serving.capacity import CAVEAT, Capacity, Goal, find_capacity
from makespan.serving.scenario import Scenario, Setup, base_load, prepare


@dataclass(frozen=True, slots=True)
class Searched:
    """The capacities of one policy, a search per seed."""

    policy: str
    searches: tuple[Capacity, ...]

    @property
    def rates(self) -> tuple[float, ...]:
        """Requests per second by seed."""
        return tuple(one.rate for one in self.searches)


def search(
    scenario: Scenario,
    policies: Sequence[str],
    goals: Sequence[str],
    *,
    router: str,
    warm_up: float,
    seeds: int,
    note: Callable[[str], None],
) -> tuple[Setup, list[Searched]]:
    """The setup of the first seed, and the capacity of each policy under each seed."""
    wanted = tuple(Goal.parse(text) for text in goals) or (Goal(),)
    # A rate of the load's own does not matter; an open file can be read once only.
    scenario = replace(scenario, rate=None, load=None)
    read = base_load(scenario) if scenario.trace is not None else None
    setups = [prepare(replace(scenario, seed=scenario.seed + k), read) for k in range(seeds)]
    found = []
    for policy in policies:
        searches = []
        for k, setup in enumerate(setups):
            capacity = find_capacity(
                setup.workload,
                policy,
                setup.engines,
                setup.costs,
                wanted,
                router=router,
                seed=scenario.seed + k,
                warm_up=warm_up,
                start=setup.capacity,
                on_point=lambda p, policy=policy: note(  # type: ignore[misc]
                    f"{policy} at {p.rate:.3f} requests/s: "
                    f"{', '.join(f'{s:.1%}' for s in p.shares)}"
                ),
            )
            searches.append(capacity)
        found.append(Searched(policy, tuple(searches)))
    return setups[0], found


def report(setup: Setup, found: Sequence[Searched]) -> RenderableType:
    """A row per policy, and what the figures mean."""
    first = found[0].searches[0]
    load = setup.workload
    rows = facts()
    rows.add_row("load", f"{load.count:,} requests ({load.name}; {load.source}), stretched")
    rows.add_row("engines", engines_line(setup))
    rows.add_row("times", f"simulated; {setup.calibration}")
    for goal in first.goals:
        rows.add_row("goal", goal.says(load))
    seeds = len(found[0].searches)
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("policy", overflow="fold")
    spread = ["lowest", "highest"] if seeds > 1 else ["fails at"]
    for head in ["requests/s", *spread, "kept", "halves", "rates"]:
        table.add_column(head, justify="right", no_wrap=True)
    for one in found:
        rates = one.rates
        last = one.searches[-1]
        beyond = [min(rates), max(rates)] if seeds > 1 else [last.ceiling]
        point = last.found
        table.add_row(
            one.policy,
            f"{np.mean(rates):.4g}",
            *(f"{value:.4g}" if math.isfinite(value) else "none" for value in beyond),
            " ".join(f"{s:.1%}" for s in point.shares) if point else "-",
            " ".join(f"{a:.1%}/{b:.1%}" for a, b in point.halves) if point else "-",
            str(sum(len(c.points) for c in one.searches)),
        )
    lines: list[RenderableType] = [rows, Text(), table, Text()]
    for one in found:
        lines += [Text(f"{one.policy}: {says}", style="yellow") for says in _doubts(one)]
    words = [
        "Highest rate at which every goal is kept, by bisection and probes above it,",
        f"to {first.tolerance:.1%}.",
        f"The first {first.warm_up:.0%} of the load are not counted.",
    ]
    if seeds > 1:
        words.append(f"Mean of {seeds} seeds; kept and halves are those of the last.")
    words.append(CAVEAT)
    lines.append(Text(" ".join(words), style="dim"))
    return Group(*lines)


def _doubts(one: Searched) -> list[str]:
    doubts = []
    if any(c.rate == 0.0 for c in one.searches):
        lowest = min(c.points[0].rate for c in one.searches)
        doubts.append(f"the goals are not kept even at {lowest:.4g} requests/s")
    if any(math.isinf(c.ceiling) for c in one.searches):
        doubts.append("no rate is too high: the load is too short, or the goals are too easy")
    if not all(c.monotone for c in one.searches):
        doubts.append("some rate fails below one that passes; see the points of --json")
    return doubts


def document(setup: Setup, found: Sequence[Searched], seed: int) -> dict[str, Any]:
    """The same for machines."""
    first = found[0].searches[0]
    return {
        **load_document(setup),
        "drain_rate": setup.capacity,
        "seed": seed,
        "goals": [
            {
                "share": goal.share,
                "metric": goal.metric,
                "bound": goal.bound,
                "says": goal.says(setup.workload),
            }
            for goal in first.goals
        ],
        "warm_up": first.warm_up,
        "tolerance": first.tolerance,
        "capacities": [
            {
                "policy": one.policy,
                "rate": float(np.mean(one.rates)),
                "searches": [_search(c, seed + k) for k, c in enumerate(one.searches)],
            }
            for one in found
        ],
    }


def _search(found: Capacity, seed: int) -> dict[str, Any]:
    return {
        "seed": seed,
        "rate": found.rate,
        "ceiling": found.ceiling if math.isfinite(found.ceiling) else None,
        "monotone": found.monotone,
        "points": [
            {
                "rate": point.rate,
                "shares": list(point.shares),
                "halves": [list(pair) for pair in point.halves],
                "passed": point.passed,
                "goodput": point.goodput,
            }
            for point in found.points
        ],
    }
