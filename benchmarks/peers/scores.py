"""What is computed from recorded runs: gaps, comparisons, gaps over time, profiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

Row = dict[str, Any]
Case = tuple[str, int]
"""Instance and seed."""

Series = list[tuple[float, float]]

NO_SCHEDULE_GAP = 1.0
"""What counts as the gap while there is no schedule, and the most that any gap counts over time."""


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that may be compared: one set under the same limit and number of threads.

    Attributes
    ----------
    cases
        The runs of each case by engine; only cases run by every engine that has runs of the
        case's kind here (an engine that cannot express a kind has none).
    incomplete
        Number of cases left out because some engine has not run them.
    """

    set_name: str
    limit: float
    threads: int
    engines: tuple[str, ...]
    cases: dict[Case, dict[str, Row]]
    incomplete: int

    def having(self, *engines: str) -> list[dict[str, Row]]:
        """Runs of the cases that all of these engines can express, in order."""
        return [runs for runs in self.cases.values() if all(e in runs for e in engines)]

    @property
    def kinds(self) -> list[str]:
        """Kinds of the cases, in order of appearance."""
        return list(dict.fromkeys(_kind(runs) for runs in self.cases.values()))


def groups(rows: Iterable[Row], first: str = "makespan") -> list[Group]:
    """Recorded runs sorted into groups, in order of appearance; ours leads the engines."""
    found: dict[tuple[str, float, int], dict[Case, dict[str, Row]]] = {}
    for row in rows:
        place = found.setdefault((row["set"], float(row["limit"]), row["threads"]), {})
        place.setdefault((row["instance"], row["seed"]), {})[row["engine"]] = row
    result = []
    for (set_name, limit, threads), cases in found.items():
        order = list(dict.fromkeys(_kind(runs) for runs in cases.values()))
        names = sorted({e for runs in cases.values() for e in runs})
        names.sort(key=lambda name: (name != first, name in _PEERS, _PEERS.get(name, 0)))
        able: dict[str, set[str]] = {}
        for runs in cases.values():
            able.setdefault(_kind(runs), set()).update(runs)
        whole = [(c, runs) for c, runs in cases.items() if len(runs) == len(able[_kind(runs)])]
        kept = dict(sorted(whole, key=lambda item: (_place(order, item[1]), _order(item[0]))))
        left_out = len(cases) - len(kept)
        result.append(Group(set_name, limit, threads, tuple(names), kept, left_out))
    return result


def _kind(runs: dict[str, Row]) -> str:
    return str(next(iter(runs.values()))["kind"])


def _place(order: list[str], runs: dict[str, Row]) -> int:
    return order.index(_kind(runs))


_PEERS = {
    "pyjobshop": 1,
    "bare-cpsat": 2,
    "job-shop-lib": 3,
    "job-shop-lib-rules": 4,
    "job-shop-lib-annealing": 5,
}


def is_peer(name: str) -> bool:
    """Whether the engine is not one of this project."""
    return name in _PEERS


def _order(case: Case) -> tuple[list[tuple[int, int, str]], int]:
    from benchmarks.peers.instances import natural

    return natural(case[0]), case[1]


def reference(runs: dict[str, Row]) -> int | None:
    """Best known value of a case; without one, the best that any engine found in it."""
    known = next((r["best_known"] for r in runs.values() if r["best_known"]), None)
    if known is not None:
        return int(known["value"])
    return min((r["objective"] for r in runs.values() if r["objective"] is not None), default=None)


def gap(value: float | None, best: int | None) -> float | None:
    """Relative distance to the reference, None if there is none.

    Without a schedule there is no gap; nor is there one for a positive value where the reference
    is 0. Negative where the value is better than the reference.
    """
    if value is None or best is None:
        return None
    if value == best:
        return 0.0
    return (value - best) / abs(best) if best else None


def ratio(value: int | None, other: int | None) -> float | None:
    """value / other where both are positive, 1 if they are equal, else None."""
    if value is None or other is None:
        return None
    if value == other:
        return 1.0
    return value / other if value > 0 and other > 0 else None


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """Over those that exist; None if none does."""
    logs = [math.log(r) for r in ratios if r is not None]
    return math.exp(fmean(logs)) if logs else None


def mean(values: Iterable[float | None]) -> float | None:
    """Over those that exist; None if none does."""
    there = [v for v in values if v is not None]
    return fmean(there) if there else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one engine did in a group.

    Attributes
    ----------
    gap
        Mean gap to the reference over the cases with a schedule.
    at_reference
        Cases whose value is the reference or better.
    unsolved
        Cases without a verified schedule.
    unscored
        Cases with a schedule but no gap: the reference is 0 and the value is not.
    late
        Cases with a schedule that came more than 5 % and half a second after the limit.
    longest, memory
        Most wall seconds and MiB of any run.
    """

    engine: str
    runs: int
    gap: float | None
    at_reference: int
    proofs: int
    unsolved: int
    unscored: int
    late: int
    seconds: float | None
    longest: float | None
    memory: float | None


def standing(group: Group, engine: str) -> Standing:
    """The engine's line in the table of a group."""
    cases = group.having(engine)
    rows = [runs[engine] for runs in cases]
    gaps = [gap(runs[engine]["objective"], reference(runs)) for runs in cases]
    unsolved = sum(r["objective"] is None for r in rows)
    seconds = [r["seconds"] for r in rows if r["seconds"] is not None]
    memories = [r["memory"] for r in rows if r.get("memory")]
    return Standing(
        engine=engine,
        runs=len(rows),
        gap=mean(gaps),
        at_reference=sum(g is not None and g <= 0 for g in gaps),
        proofs=sum(r["proven"] for r in rows),
        unsolved=unsolved,
        unscored=sum(g is None for g in gaps) - unsolved,
        late=sum(
            r["objective"] is not None and (r["seconds"] or 0.0) > 1.05 * group.limit + 0.5
            for r in rows
        ),
        seconds=mean(seconds),
        longest=max(seconds, default=None),
        memory=max(memories, default=None),
    )


@dataclass(frozen=True, slots=True)
class Duel:
    """One engine beside another over the cases of a group.

    Attributes
    ----------
    ratio
        Geometric mean of value / other's value over the cases both solved; below 1 is better.
    runs, proofs, peer_proofs
        Cases compared, and on how many of them each proved its value optimal.
    wins, ties, losses
        A schedule beats none; two without a schedule tie.
    bound_ratio
        Geometric mean of bound / other's bound; above 1 is better.
    """

    ours: str
    peer: str
    runs: int
    ratio: float | None
    proofs: int
    peer_proofs: int
    wins: int
    ties: int
    losses: int
    bound_ratio: float | None


def duel(group: Group, ours: str, peer: str, kind: str | None = None) -> Duel:
    """Compare two engines, over the cases of one kind if one is given."""
    pairs = [
        (runs[ours], runs[peer])
        for runs in group.having(ours, peer)
        if kind is None or runs[ours]["kind"] == kind
    ]
    values = [(_value(a), _value(b)) for a, b in pairs]
    return Duel(
        ours,
        peer,
        len(pairs),
        geometric_mean(ratio(a["objective"], b["objective"]) for a, b in pairs),
        sum(a["proven"] for a, _ in pairs),
        sum(b["proven"] for _, b in pairs),
        sum(a < b for a, b in values),
        sum(a == b for a, b in values),
        sum(a > b for a, b in values),
        geometric_mean(ratio(a["bound"], b["bound"]) for a, b in pairs),
    )


def _value(row: Row) -> float:
    return math.inf if row["objective"] is None else row["objective"]


def trajectory(row: Row) -> Series:
    """Seconds and value of each better schedule, the last at the end of the run.

    What is told after the verified value was reached, or is better than it, does not count.
    """
    if row["objective"] is None:
        return []
    points = [(float(t), float(v)) for t, v in row["history"] if v > row["objective"]]
    reached = [float(t) for t, v in row["history"] if v <= row["objective"]]
    seconds = row["seconds"] or 0.0
    return [*points, (min([*reached, seconds]), float(row["objective"]))]


def gap_over_time(group: Group, engine: str, times: Sequence[float]) -> Series:
    """Mean gap at each time; without a schedule and at most 100 % counts as 100 %."""
    curves = []
    for runs in group.having(engine):
        best = reference(runs)
        if best is not None:
            curves.append([(t, gap(v, best)) for t, v in trajectory(runs[engine])])
    if not curves:
        return []
    return [(time, fmean(_gap_at(curve, time) for curve in curves)) for time in times]


def _gap_at(curve: Sequence[tuple[float, float | None]], time: float) -> float:
    found = NO_SCHEDULE_GAP
    for seconds, value in curve:
        if seconds <= time:
            found = NO_SCHEDULE_GAP if value is None else min(value, NO_SCHEDULE_GAP)
    return found


def sample_times(limit: float, count: int = 120) -> list[float]:
    """Times from a hundredth of a second to the limit, evenly spread on a logarithmic scale."""
    low = min(0.01, limit / 10)
    return [low * (limit / low) ** (k / (count - 1)) for k in range(count)]


def profile(group: Group) -> dict[str, list[float]]:
    """Performance profile of solution quality: each engine's sorted ratios to the best of a case.

    E. D. Dolan and J. J. Moré, "Benchmarking optimization software with performance profiles",
    Mathematical Programming 91 (2002), with the value reached at the limit as the measure. The
    profile at x is the share of ratios that are at most x. No schedule, or a positive value where
    the best is 0, is infinite. Cases that nobody solved are infinite for all.
    """
    ratios: dict[str, list[float]] = {engine: [] for engine in group.engines}
    for runs in group.cases.values():
        best = min(_value(row) for row in runs.values())
        for engine, row in runs.items():
            value = _value(row)
            if value == best < math.inf:
                ratios[engine].append(1.0)
            else:
                ratios[engine].append(value / best if 0 < best < math.inf else math.inf)
    return {engine: sorted(found) for engine, found in ratios.items()}


def share_within(ratios: Sequence[float], most: float) -> float:
    """Share of sorted ratios that are at most ``most``."""
    return sum(r <= most for r in ratios) / len(ratios) if ratios else 0.0


def contradictions(rows: Iterable[Row]) -> list[str]:
    """Bounds above a value that a verified schedule has, and schedules that do not verify."""
    found = []
    lowest: dict[str, int] = {}
    rows = list(rows)
    for row in rows:
        if row["objective"] is not None:
            name = f"{row['set']} {row['instance']}"
            lowest[name] = min(lowest.get(name, row["objective"]), row["objective"])
    for row in rows:
        name = f"{row['set']} {row['instance']}"
        best = lowest.get(name)
        if row["bound"] is not None and best is not None and row["bound"] > best:
            found.append(
                f"{name}: {row['engine']} claims bound {row['bound']}, value {best} exists"
            )
        if row["status"] == "invalid":
            found.append(f"{name}: {row['engine']} returned a schedule that breaks a constraint")
    return found


def better_than_known(rows: Iterable[Row]) -> list[str]:
    """Values below the best known one of the table."""
    return [
        f"{r['instance']}: {r['engine']} {r['objective']}, best known {r['best_known']['value']}"
        for r in rows
        if r["best_known"] and r["objective"] is not None
        if r["objective"] < r["best_known"]["value"]
    ]
