"""Makespan within a time limit: our CP-SAT engine against PyJobShop and a bare CP-SAT model.

    python benchmarks/cpsat_vs_peers/run.py --limit 60            # every instance
    python benchmarks/cpsat_vs_peers/run.py --limit 10 --instances ft10 mk10 --seeds 0 1
    python benchmarks/cpsat_vs_peers/run.py --report              # rewrite the page only

Contenders run one after the other on each instance, so that what else the machine does falls on
all of them. Every finished run is appended to ``runs.jsonl``; a repeated call skips what is there.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

from peers import CONTENDERS

from makespan.io import read

HERE = Path(__file__).resolve().parent
RUNS = HERE / "runs.jsonl"
DATA = Path(os.environ.get("MAKESPAN_DATA") or HERE.parents[2] / "shared" / "data") / "scheduling"

INSTANCES = {
    # job shop
    **{name: f"jssp/ft/{name}.txt" for name in ("ft10", "ft20")},
    **{name: f"jssp/la/{name}.txt" for name in ("la21", "la24", "la27", "la29", "la38", "la40")},
    **{name: f"jssp/abz/{name}.txt" for name in ("abz7", "abz8")},
    **{name: f"jssp/yn/{name}.txt" for name in ("yn1",)},
    **{
        name: f"jssp/ta/{name}js.txt"
        for name in ("ta01", "ta11", "ta21", "ta31", "ta41", "ta51", "ta71")
    },
    # flexible job shop
    **{f"mk{k:02}": f"fjsp/brandimarte/mk{k:02}.txt" for k in (4, 5, 6, 7, 10, 13, 15)},
    "edata la24": "fjsp/hurink/edata/la24.txt",
    "rdata la29": "fjsp/hurink/rdata/la29.txt",
    "rdata la38": "fjsp/hurink/rdata/la38.txt",
    "vdata la03": "fjsp/hurink/vdata/la03.txt",
    "vdata la21": "fjsp/hurink/vdata/la21.txt",
    "vdata la31": "fjsp/hurink/vdata/la31.txt",
    "setb4xyz": "fjsp/barnes/setb4xyz.txt",
    "seti5x": "fjsp/barnes/seti5x.txt",
    # project scheduling
    **{
        name: f"rcpsp/{name.split('_')[0]}/{name}.rcp"
        for name in (
            "j30_13_1",
            "j30_29_3",
            "j60_9_1",
            "j60_13_3",
            "j60_25_5",
            "j60_29_6",
            "j60_45_2",
            "j120_6_3",
            "j120_11_8",
            "j120_16_5",
            "j120_31_9",
            "j120_36_2",
            "j120_51_4",
            "j120_56_1",
        )
    },
}

BEST_KNOWN = {
    "ta": "{name}js",
    "edata": "{last}_edata",
    "rdata": "{last}_rdata",
    "vdata": "{last}_vdata",
}


def best_known(name: str) -> int | None:
    """Best published makespan, if the collection states one."""
    family = INSTANCES[name].split("/")[0]
    table = json.loads((DATA / family / "best_known.json").read_text())["instances"]
    pattern = BEST_KNOWN.get(name.split(maxsplit=1)[0].rstrip("0123456789"), "{name}")
    row = table.get(pattern.format(name=name, last=name.rsplit(maxsplit=1)[-1]))
    return None if row is None else row["ub"]


def past_runs() -> list[dict]:
    """Runs recorded so far."""
    if not RUNS.exists():
        return []
    return [json.loads(line) for line in RUNS.read_text().splitlines()]


def key(row: dict) -> tuple:
    """What makes a run the same run."""
    return row["instance"], row["contender"], row["limit"], row["threads"], row["seed"]


def measure(arguments: argparse.Namespace) -> None:
    """Run what has not been run, instance by instance, contender by contender."""
    known = {key(row) for row in past_runs()}
    warm_up(arguments.threads)
    for seed in arguments.seeds:
        for name in arguments.instances:
            problem = read(DATA / INSTANCES[name])
            for contender in arguments.contenders:
                row = {
                    "instance": name,
                    "contender": contender,
                    "limit": arguments.limit,
                    "threads": arguments.threads,
                    "seed": seed,
                }
                if key(row) in known:
                    continue
                outcome = CONTENDERS[contender](
                    problem, limit=arguments.limit, threads=arguments.threads, seed=seed
                )
                row |= outcome.row() | {
                    "load": round(os.getloadavg()[0], 2),
                    "date": time.strftime("%Y-%m-%d"),
                    "ortools": version("ortools"),
                    "pyjobshop": version("pyjobshop"),
                }
                with RUNS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(
                    f"{name:12} {contender:10} {outcome.objective} (bound {outcome.bound}) "
                    f"{outcome.seconds:.1f} s",
                    flush=True,
                )


def warm_up(threads: int) -> None:
    """Load compiled code, so that no measured run pays for it."""
    for name in ("ft10", "mk04", "j30_13_1"):
        CONTENDERS["makespan"](read(DATA / INSTANCES[name]), limit=10.0, threads=threads, seed=0)


def geometric_mean(ratios: list[float]) -> float:
    """Geometric mean of positive numbers."""
    return math.exp(fmean(math.log(x) for x in ratios))


def report(limit: float, threads: int) -> str:
    """Markdown page of the runs with this limit and thread count."""
    rows = [r for r in past_runs() if r["limit"] == limit and r["threads"] == threads]
    by_case: dict[tuple, dict[str, dict]] = {}
    for row in rows:
        by_case.setdefault((row["instance"], row["seed"]), {})[row["contender"]] = row
    complete = {case: runs for case, runs in by_case.items() if len(runs) == len(CONTENDERS)}
    lines = [
        "# CP-SAT engine against its peers",
        "",
        (
            f"Makespan after {limit:g} s with {threads} workers on {platform.machine()} "
            f"{platform.system()} ({cpu()}, {os.cpu_count()} cores); "
            f"OR-Tools {version('ortools')}, PyJobShop {version('pyjobshop')}; "
            f"seeds {sorted({c[1] for c in complete})}. `makespan` is this library's engine with "
            "default options; its limit includes building the model and the dispatch schedule it "
            "starts from (compiled code loaded beforehand), the peers' limits start with the "
            "search. `bare` is the textbook model of the script. Lower is better."
        ),
        "",
        (
            "| peer | runs | geometric mean of makespan / peer | better | equal | worse | "
            "proofs: makespan | proofs: peer | bound / peer's bound |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for peer in (name for name in CONTENDERS if name != "makespan"):
        pairs = [(c["makespan"], c[peer]) for c in complete.values()]
        solved = [(a, b) for a, b in pairs if a["objective"] and b["objective"]]
        if not solved:
            continue
        ratio = geometric_mean([a["objective"] / b["objective"] for a, b in solved])
        bounded = [(a, b) for a, b in pairs if (a["bound"] or 0) > 0 and (b["bound"] or 0) > 0]
        bounds = geometric_mean([a["bound"] / b["bound"] for a, b in bounded]) if bounded else 1.0
        better = sum(a["objective"] < b["objective"] for a, b in solved)
        worse = sum(a["objective"] > b["objective"] for a, b in solved)
        lines.append(
            f"| {peer} | {len(solved)} of {len(pairs)} | {ratio:.4f} | {better} | "
            f"{len(solved) - better - worse} | {worse} | {sum(a['proven'] for a, _ in pairs)} | "
            f"{sum(b['proven'] for _, b in pairs)} | {bounds:.4f} |"
        )
    lines += [
        "",
        "Each cell: makespan (proven lower bound) seconds. Best known: collections' tables.",
        "",
        "| instance | seed | best known | " + " | ".join(CONTENDERS) + " |",
        "|---|---|---|" + "---|" * len(CONTENDERS),
    ]
    order = {name: k for k, name in enumerate(INSTANCES)}
    for (name, seed), runs in sorted(complete.items(), key=lambda item: order[item[0][0]]):
        cells = [
            f"{runs[c]['objective']} ({runs[c]['bound']}) {runs[c]['seconds']:.1f}"
            for c in CONTENDERS
        ]
        lines.append(f"| {name} | {seed} | {best_known(name)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cpu() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Parse the command line, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=60.0, help="seconds per run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--instances", nargs="+", default=list(INSTANCES), choices=INSTANCES)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--report", action="store_true", help="only rewrite the page")
    arguments = parser.parse_args()
    if not arguments.report:
        measure(arguments)
    page = report(arguments.limit, arguments.threads)
    (HERE / "README.md").write_text(page)
    print(page.split("Each cell")[0])


if __name__ == "__main__":
    main()
