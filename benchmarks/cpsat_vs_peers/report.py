"""The page: rendered from recorded runs and nothing else."""

from __future__ import annotations

import math
from statistics import fmean
from typing import Any

Row = dict[str, Any]
Case = tuple[str, int]

OURS = "makespan"

_LEGEND = (
    "Each cell: makespan (proven lower bound) seconds, `*` where the optimum is proved. "
    "Best known: tables of the collections."
)
_COLUMNS = (
    "| kind | peer | runs | makespan / peer (geometric mean) | better | equal | worse | "
    "proofs: makespan | proofs: peer | bound / peer's bound |"
)


def page(rows: list[Row], limit: float, threads: int) -> str:
    """Markdown of the runs with this limit and this many workers."""
    rows = [r for r in rows if r["limit"] == limit and r["threads"] == threads]
    cases: dict[Case, dict[str, Row]] = {}
    for row in rows:
        cases.setdefault((row["instance"], row["seed"]), {})[row["contender"]] = row
    contenders = sorted({r["contender"] for r in rows}, key=lambda name: (name != OURS, name))
    complete = {case: runs for case, runs in cases.items() if len(runs) == len(contenders)}
    if not complete or contenders[:1] != [OURS]:
        return "# CP-SAT engine against its peers\n\nNo complete runs.\n"
    peers = contenders[1:]
    return "\n".join(
        [
            "# CP-SAT engine against its peers",
            "",
            _circumstances(rows, complete, limit, threads),
            "",
            *_summary(complete, peers),
            "",
            _LEGEND,
            "",
            *_details(complete, contenders),
            "",
        ]
    )


def _circumstances(
    rows: list[Row], complete: dict[Case, dict[str, Row]], limit: float, threads: int
) -> str:
    def listed(field: str) -> str:
        return ", ".join(sorted({str(r[field]) for r in rows}))

    loads = [r["load"] for r in rows]
    return (
        f"Makespan after {limit:g} s of wall time with {threads} workers; {len(complete)} runs per "
        f"contender on {listed('machine')}; OR-Tools {listed('ortools')}, PyJobShop "
        f"{listed('pyjobshop')}, Python {listed('python')}; seeds {listed('seed')}; "
        f"{listed('date')}; load before a run {min(loads):.1f} to {max(loads):.1f}.\n\n"
        "`makespan` is this library's engine with default options, `pyjobshop` its OR-Tools "
        "backend with default options, `bare` the textbook model of `peers.py`. The limit covers "
        "making the model for all, and for `makespan` the dispatch schedule it starts from; its "
        "compiled code is loaded before the first run. Contenders take turns in going first. "
        "Only schedules that verify count. Lower is better."
    )


def _summary(complete: dict[Case, dict[str, Row]], peers: list[str]) -> list[str]:
    lines = [
        _COLUMNS,
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    kinds = sorted({run["kind"] for runs in complete.values() for run in runs.values()})
    for kind in [*kinds, "all"]:
        for peer in peers:
            pairs = [
                (runs[OURS], runs[peer])
                for runs in complete.values()
                if kind in (runs[OURS]["kind"], "all")
            ]
            lines.append(_compared(kind, peer, pairs))
    return lines


def _compared(kind: str, peer: str, pairs: list[tuple[Row, Row]]) -> str:
    solved = [
        (a["objective"], b["objective"])
        for a, b in pairs
        if a["objective"] is not None and b["objective"] is not None
    ]
    bounds = [(a["bound"], b["bound"]) for a, b in pairs if a["bound"] and b["bound"]]
    better = sum(a < b for a, b in solved) + sum(
        a["objective"] is not None and b["objective"] is None for a, b in pairs
    )
    equal = sum(a == b for a, b in solved)
    return (
        f"| {kind} | {peer} | {len(pairs)} | {_mean_ratio(solved)} | {better} | {equal} | "
        f"{len(pairs) - better - equal} | {sum(a['proven'] for a, _ in pairs)} | "
        f"{sum(b['proven'] for _, b in pairs)} | {_mean_ratio(bounds)} |"
    )


def _mean_ratio(pairs: list[tuple[int, int]]) -> str:
    ratios = [a / b for a, b in pairs if a > 0 and b > 0]
    return f"{math.exp(fmean(math.log(x) for x in ratios)):.4f}" if ratios else "-"


def _details(complete: dict[Case, dict[str, Row]], contenders: list[str]) -> list[str]:
    lines = [
        "| instance | kind | seed | best known | " + " | ".join(contenders) + " |",
        "|---|---|---|---|" + "---|" * len(contenders),
    ]
    for (name, seed), runs in complete.items():
        ours = runs[OURS]
        known = "-" if ours["best_known"] is None else ours["best_known"]
        cells = " | ".join(_cell(runs[c]) for c in contenders)
        lines.append(f"| {name} | {ours['kind']} | {seed} | {known} | {cells} |")
    return lines


def _cell(row: Row) -> str:
    value = "none" if row["objective"] is None else row["objective"]
    return f"{value}{'*' if row['proven'] else ''} ({row['bound']}) {row['seconds']:.1f}"
