"""What ``makespan simulate serving --capacity`` does and shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from makespan.cli._report import facts, figure_table
from makespan.cli._serving import engines_line, load_document
from makespan.serving.capacity import CAVEAT, Capacity, Goal, Point, find_capacity
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
) -> tuple[Setup, list[Searched], bool]:
    """The setup of the first seed, the capacity of each policy under each seed, and whether all.

    An interruption leaves what is known so far, and False.
    """
    wanted = tuple(Goal.parse(text) for text in goals) or (Goal(),)
    # A rate of the load's own does not matter; an open file can be read once only.
    scenario = replace(scenario, rate=None, load=None)
    read = base_load(scenario) if scenario.trace is not None else None
    setups = [prepare(replace(scenario, seed=scenario.seed + k), read) for k in range(seeds)]
    done: dict[str, list[Capacity]] = {}

    def told(point: Point, policy: str) -> None:
        shares = ", ".join(f"{share:.1%}" for share in point.shares)
        verdict = "kept" if point.passed else "not kept"
        note(f"{policy} at {point.rate:.3f} requests/s: {shares}, {verdict}")

    complete = True
    for policy, (k, setup) in product(policies, enumerate(setups)):
        try:
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
                on_point=partial(told, policy=policy),
            )
        except KeyboardInterrupt:
            if not done:
                raise
            complete = False
            break
        done.setdefault(policy, []).append(capacity)
        if capacity.cancelled:
            complete = False
            break
    found = [Searched(policy, tuple(searches)) for policy, searches in done.items()]
    return setups[0], found, complete


def report(setup: Setup, found: Sequence[Searched], width: int) -> RenderableType:
    """A row per policy, and what the figures mean, for so many characters a line."""
    first = found[0].searches[0]
    load = setup.workload
    rows = facts()
    rows.add_row("load", f"{load.count:,} requests ({load.name}; {load.source}), stretched")
    rows.add_row("engines", engines_line(setup))
    rows.add_row("times", f"simulated; {setup.calibration}")
    for goal in first.goals:
        rows.add_row("goal", goal.says(load))
    seeds = len(found[0].searches)
    spread = ["lowest", "highest"] if seeds > 1 else ["fails at"]
    cells = []
    for one in found:
        rates, last = one.rates, one.searches[-1]
        beyond = [min(rates), max(rates)] if seeds > 1 else [last.ceiling]
        point = last.found
        cells.append(
            [
                (f"{np.mean(rates):.4g}",),
                *((f"{value:.4g}" if math.isfinite(value) else "none",) for value in beyond),
                tuple(f"{share:.1%}" for share in point.shares) if point else ("-",),
                tuple(f"{a:.1%}/{b:.1%}" for a, b in point.halves) if point else ("-",),
                (str(sum(len(c.points) for c in one.searches)),),
            ]
        )
    heads = ["requests/s", *spread, "kept", "halves", "rates"]
    table = figure_table(["policy"], [(one.policy,) for one in found], heads, cells, width)
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
    last = one.searches[-1]
    if last.cancelled:
        beyond = f" and below {last.ceiling:.4g}" if math.isfinite(last.ceiling) else ""
        doubts.append(f"stopped by you; so far at least {last.rate:.4g} requests/s{beyond}")
        return doubts
    if any(c.rate == 0.0 for c in one.searches):
        lowest = min(c.points[0].rate for c in one.searches)
        doubts.append(f"the goals are not kept even at {lowest:.4g} requests/s")
    if any(math.isinf(c.ceiling) for c in one.searches):
        doubts.append("no rate is too high: the load is too short, or the goals are too easy")
    if not all(c.monotone for c in one.searches):
        doubts.append("some rate fails below one that passes; see the points of --json")
    return doubts


def document(setup: Setup, found: Sequence[Searched], seed: int, complete: bool) -> dict[str, Any]:
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
        "cancelled": not complete,
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
