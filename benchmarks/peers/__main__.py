"""The command: ``python -m benchmarks.peers run | page | docs | sets``."""

from __future__ import annotations

import argparse
import fnmatch
import os
import signal
import sys
from pathlib import Path

from benchmarks.peers import engines, journal, page, runner, summary
from benchmarks.peers.instances import SETS, Instance, collections_folder

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDS = HERE / "records" / "runs.jsonl"


def chosen_instances(
    sets: list[str], pattern: str = "*", first: int | None = None
) -> list[tuple[str, Instance]]:
    """Instances of the sets whose name matches the pattern, the first so many of each set."""
    found = []
    for name in sets:
        members = SETS[name]()
        if not members:
            print(
                f"set {name!r} is not here: no such files below {collections_folder()} "
                "(set MAKESPAN_DATA)",
                file=sys.stderr,
            )
        matching = [i for i in members if fnmatch.fnmatch(i.name, pattern)]
        found += [(name, instance) for instance in matching[:first]]
    return found


def run(arguments: argparse.Namespace) -> int:
    """Make the runs that are not recorded yet, then render the page."""
    terms = [
        runner.Terms(
            limit=arguments.limit,
            threads=arguments.threads,
            seed=seed,
            grace=arguments.grace,
            warm_up=arguments.warm_up,
            memory=arguments.memory * 1024 if arguments.memory else 0.9 * available_memory(),
        )
        for seed in arguments.seeds
    ]
    chosen = chosen_instances(arguments.sets, arguments.instances, arguments.first)
    done = set() if arguments.again else journal.done(journal.load(arguments.records))
    jobs = list(runner.plan(chosen, arguments.engines, terms, done))
    if arguments.jobs * arguments.threads > (os.cpu_count() or 1):
        print("more threads than cores: times will not mean much", file=sys.stderr)
    hours = len(jobs) * (arguments.limit + 4) / arguments.jobs / 3600
    print(f"{len(jobs)} runs to make, at most about {hours:.1f} hours", flush=True)
    failures = runner.warm_caches(jobs, arguments.compile)
    if failures:
        print(*failures, "nothing was run; choose others with --engines", sep="\n", file=sys.stderr)
        return 1
    number = 0

    def report(row: journal.Row) -> None:
        nonlocal number
        number += 1
        value = row["status"] if row["objective"] is None else row["objective"]
        took = "" if row["seconds"] is None else f" {row['seconds']:.1f} s"
        best = row["best_known"] and row["best_known"]["value"]
        print(
            f"{number}/{len(jobs)} {row['instance']:18} {row['engine']:18} {value} "
            f"(bound {row['bound']}, best known {best}){took}",
            flush=True,
        )

    finished = runner.run(jobs, arguments.records, at_once=arguments.jobs, report=report)
    render(arguments.records, arguments.records.with_suffix(".html"))
    return 0 if finished else 130


def available_memory() -> float:
    """MiB that can be had now, or of the machine where the system does not say."""
    table = Path("/proc/meminfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 1024
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20)


def render(path: Path, output: Path) -> None:
    """Write the page of recorded runs."""
    rows = journal.load(path)
    if rows:
        output.write_text(page.render(rows), encoding="utf-8")
        print(f"wrote {output}")


def show_sets(_arguments: argparse.Namespace) -> int:
    """List the sets and how many of their instances are here."""
    for name, make in SETS.items():
        members = make()
        kind = members[0].kind if members else "no files here"
        print(f"{name:20} {len(members):4}  {kind}")
    return 0


def write_page(arguments: argparse.Namespace) -> int:
    """Render one page."""
    render(arguments.records, arguments.output or arguments.records.with_suffix(".html"))
    return 0


def write_docs(arguments: argparse.Namespace) -> int:
    """Renew the blocks of a Markdown file that name the records they come from."""
    text = arguments.file.read_text(encoding="utf-8")
    arguments.file.write_text(summary.renew(text, ROOT), encoding="utf-8")
    return 0


def main() -> int:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description="makespan beside its peers"
    )
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("run", help="make runs that are not recorded yet, write the page")
    make.add_argument("--sets", nargs="+", required=True, choices=SETS, metavar="SET")
    make.add_argument("--instances", default="*", help="only names that match this pattern")
    make.add_argument("--first", type=int, help="only the first so many of each set")
    make.add_argument(
        "--engines", nargs="+", default=list(engines.DEFAULT), choices=engines.names()
    )
    make.add_argument("--limit", type=float, default=10.0, help="wall seconds per run")
    make.add_argument("--threads", type=int, default=2)
    make.add_argument("--seeds", type=int, nargs="+", default=[0])
    make.add_argument("--records", type=Path, default=RECORDS, help="file of recorded runs")
    make.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    make.add_argument("--grace", type=float, default=10.0, help="seconds late before it is killed")
    make.add_argument(
        "--memory", type=float, help="GiB before it is killed; default 90 %% of what is free"
    )
    make.add_argument("--warm-up", type=float, default=2.0, help="seconds, in each process")
    make.add_argument(
        "--compile", type=float, default=10.0, help="seconds per attempt to compile all"
    )
    make.add_argument("--again", action="store_true", help="repeat what is recorded")
    make.set_defaults(act=run)
    one = commands.add_parser("page", help="render recorded runs")
    one.add_argument("records", type=Path)
    one.add_argument("--output", type=Path)
    one.set_defaults(act=write_page)
    docs = commands.add_parser("docs", help="renew the tables of a Markdown file")
    docs.add_argument("file", type=Path, nargs="?", default=ROOT / "docs" / "benchmarks.md")
    docs.set_defaults(act=write_docs)
    commands.add_parser("sets", help="list the sets").set_defaults(act=show_sets)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        act: int = arguments.act(arguments)
    except KeyboardInterrupt:
        return 130
    return act


if __name__ == "__main__":
    sys.exit(main())
