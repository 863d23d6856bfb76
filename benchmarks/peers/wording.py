"""Numbers and circumstances in words, the same on the page and in the docs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.peers.scores import Group, is_peer

Row = dict[str, Any]

MEANINGS = {
    "makespan": "this library, engine `auto`",
    "pyjobshop": "PyJobShop with its OR-Tools backend, default options",
    "bare-cpsat": "a textbook model for OR-Tools CP-SAT, default options",
    "job-shop-lib": "job-shop-lib's CP-SAT solver",
    "job-shop-lib-rules": "the best of job-shop-lib's dispatching rules",
    "job-shop-lib-annealing": "job-shop-lib's simulated annealing, default options",
}


def meaning(engine: str) -> str:
    """What stands behind an engine's name."""
    return MEANINGS.get(engine) or f"this library, engine `{engine}`"


def percent(value: float | None, digits: int = 2) -> str:
    """A share with its sign of percent, a dash if there is none."""
    if value is None:
        return "–"
    shown = f"{100 * value:.{digits}f} %"
    return f"0.{'0' * digits} %" if shown == f"-0.{'0' * digits} %" else shown


def decimal(value: float | None, digits: int = 4) -> str:
    """A number, a dash if there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def whole(value: float | None) -> str:
    """A whole number with separators, a dash if there is none."""
    return "–" if value is None else f"{value:,.0f}"


def cases(group: Group) -> str:
    """How many cases a group has."""
    return "1 case" if len(group.cases) == 1 else f"{len(group.cases)} cases"


def title(group: Group) -> str:
    """Name of a group with what was equal for all."""
    workers = "1 thread" if group.threads == 1 else f"{group.threads} threads"
    return f"{group.set_name}: {group.limit:g} s, {workers}"


def duels(group: Group) -> list[tuple[str, str]]:
    """Whom to compare: ours with each peer, and with our other engines."""
    ours = next((e for e in group.engines if not is_peer(e)), None)
    return [(ours, e) for e in group.engines if e != ours] if ours else []


def circumstances(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """What the runs were made with and when, as pairs of a word and a text."""
    rows = list(rows)

    def listed(values: Iterable[Any]) -> str:
        return ", ".join(sorted({str(v) for v in values if v not in ("", None)}))

    versions: dict[str, set[str]] = {}
    for row in rows:
        for package, version in row["versions"].items():
            versions.setdefault(package, set()).add(version)
    dates = sorted(row["date"] for row in rows)
    loads = [row["load"] for row in rows]
    first, last = dates[0], dates[-1]
    found = [
        ("machine", listed(r["machine"] for r in rows)),
        ("dates", first if first == last else f"{first} to {last}"),
        ("versions", ", ".join(f"{p} {' / '.join(sorted(v))}" for p, v in versions.items())),
        ("revision", listed(r.get("revision", "") for r in rows)),
        ("limits", listed(f"{r['limit']:g} s" for r in rows)),
        ("threads", listed(r["threads"] for r in rows)),
        ("seeds", listed(r["seed"] for r in rows)),
        ("runs at once", listed(r.get("jobs", 1) for r in rows)),
        ("load before a run", f"{min(loads):.1f} to {max(loads):.1f}"),
        ("note", listed(r.get("note") for r in rows)),
    ]
    return [(word, text) for word, text in found if text]


def references(group: Group) -> str:
    """Where the reference values of a group come from."""
    known = [r["best_known"] for runs in group.cases.values() for r in runs.values()]
    sources = sorted(
        {f"{k['source']}" + (f", {k['date']}" if k["date"] else "") for k in known if k}
    )
    lacking = sum(not any(r["best_known"] for r in runs.values()) for runs in group.cases.values())
    parts = [f"best known values ({'; '.join(sources)})"] if sources else []
    if lacking:
        few = "" if lacking == len(group.cases) else f"for {lacking} of {cases(group)} "
        parts.append(f"{few}the best value found here")
    return " and ".join(parts)


METHOD = (
    "Every run is a process of its own: it imports, makes the instance and the engine's own data "
    "object, solves a small instance of the same kind so that all code is loaded and compiled, and "
    "only then the clock starts. The time limit covers the whole call, making a solver's model "
    "included; a process that has not returned some seconds after it is killed and counts as "
    "unsolved. Engines take turns in going first. Only schedules that the verifier accepts count, "
    "with the objective evaluated from the schedule."
)
