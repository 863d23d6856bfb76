"""What ``makespan load`` plays, and what it shows."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from makespan.cli._files import STDOUT
from makespan.cli._report import facts
from makespan.core.errors import OptionError
from makespan.serving.load.http import Server
from makespan.serving.load.looking import About, look_at
from makespan.serving.load.playing import LoadRun, Progress
from makespan.serving.load.programs import program_times
from makespan.serving.load.request import Client, Dialect
from makespan.serving.load.saving import limits_of, save
from makespan.serving.scenario import Scenario, base_load, slo_of
from makespan.serving.service import GOODPUT, METRICS, Distribution, Summary, terms
from makespan.serving.study import at_rate
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.transform import closed_loop, set_cap


@dataclass(frozen=True, slots=True)
class Wish:
    """The options as they were given."""

    url: str
    trace: str | None
    generate: str
    requests: int | None
    rate: float | None
    clients: int | None
    think: float
    cap: int | None
    slo: tuple[str, ...]
    seed: int
    model: str | None
    key_variable: str | None
    dialect: str
    hints: bool
    hang_up: bool
    timeout: float
    vocabulary: str
    engine: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A load, who plays it, and what its server says of itself."""

    workload: Workload
    client: Client
    about: About
    limits: dict[str, int]


def prepare(wish: Wish) -> Plan:
    """Load and client of the options; the server is asked for its models.

    Raises
    ------
    OptionError
        If options contradict each other, or the server has no such model.
    EngineError
        If it cannot be reached.
    """
    if wish.clients is not None and wish.rate is not None:
        raise OptionError(
            "--clients and --rate contradict each other",
            hint="clients of a closed loop send when they are answered",
        )
    if wish.think and wish.clients is None:
        raise OptionError("--think is of the clients of a closed loop", hint="give --clients")
    server = Server.at(wish.url)
    limits = limits_of(wish.engine) if wish.engine else {}
    workload = _workload(wish)
    key = _key(wish.key_variable)
    client = Client(  # all options are looked at before the server is
        server,
        wish.model or "",
        key=key,
        dialect=_dialect(wish.dialect),
        hints=wish.hints,
        hang_up=wish.hang_up,
        timeout=wish.timeout,
        vocabulary=_vocabulary(wish.vocabulary),
    )
    _allow_many_connections()
    about = look_at(server, model=wish.model, key=key)
    if about.max_model_len is not None:
        longest = int((workload.prompt + workload.output).max())
        if longest > about.max_model_len:
            raise OptionError(
                f"a request of the load has {longest:,} tokens, {about.model} takes "
                f"{about.max_model_len:,}",
                hint="give a load of shorter requests",
            )
    if about.blocks is not None and about.block_size is not None:
        limits = {"blocks": about.blocks, "block_size": about.block_size, **limits}
    return Plan(workload, replace(client, model=about.model), about, limits)


def _allow_many_connections() -> None:
    """Every open request is an open file, of which shells allow few unless asked."""
    try:
        import resource
    except ImportError:
        return  # not on this system
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _workload(wish: Wish) -> Workload:
    workload = base_load(
        Scenario(
            trace=sys.stdin.buffer if wish.trace == STDOUT else wish.trace,
            generate=wish.generate,
            requests=wish.requests,
            seed=wish.seed,
        )
    )
    if not workload.count:
        raise OptionError(f"the load {workload.name!r} has no requests")
    if wish.cap is not None:
        workload = set_cap(workload, wish.cap)
    elif wish.hang_up and np.array_equal(workload.cap, workload.output):
        workload = set_cap(workload, int(workload.output.max()))
    if wish.rate is not None:
        workload = at_rate(workload, wish.rate)
    if wish.clients is not None:
        workload = closed_loop(workload, wish.clients, think=wish.think)
    if wish.slo:
        none = np.zeros(workload.count, dtype=np.int64)
        workload = replace(workload, slos=(slo_of(wish.slo),), slo=none)
    return workload


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise OptionError(
            f"the environment variable {variable} holds no key", hint=f"export {variable}=..."
        )
    return key


def _dialect(word: str) -> Dialect:
    if word == "vllm":
        return "vllm"
    if word == "openai":
        return "openai"
    raise OptionError(f"--dialect is {word!r}", hint="vllm or openai")


def _vocabulary(text: str) -> tuple[int, int]:
    words = [word.strip() for word in text.split(",")]
    if len(words) != 2 or not all(word.isascii() and word.isdecimal() for word in words):
        raise OptionError(f"--vocabulary is {text!r}", hint="such as 256,32000")
    return int(words[0]), int(words[1])


def keep(run: LoadRun, plan: Plan, path: str) -> None:
    """Write the run for replays."""
    save(
        run,
        Path(path),
        model=plan.about.model,
        limits=plan.limits,
        version=plan.about.version,
    )


def progress_text(at: Progress) -> str:
    """How far a run is."""
    failed = f", {at.failed:,} failed" if at.failed else ""
    return (
        f"{at.seconds:6.1f} s: {at.sent:,} of {at.requests:,} sent, {at.finished:,} answered, "
        f"{at.open:,} open{failed}"
    )


def report(run: LoadRun, plan: Plan) -> RenderableType:
    """What the clients got, and what the figures mean."""
    load, about, summary = plan.workload, plan.about, run.record.summary()
    rows = facts()
    version = f", vLLM {about.version}" if about.version else ""
    rows.add_row("server", f"{plan.client.server} ({about.model}{version})")
    rows.add_row("load", f"{load.count:,} requests ({load.name}; {load.source})")
    fates = [f"{n:,} {fate.name.lower().replace('_', ' ')}" for fate, n in _fates(summary)]
    rows.add_row("outcome", ", ".join(fates) + (" (cancelled)" if run.cancelled else ""))
    rows.add_row("times", "measured at the client, from when a request was due")
    rows.add_row(
        "throughput",
        f"{summary.throughput:.2f} requests/s, {summary.token_throughput:,.1f} tokens/s "
        f"in {summary.seconds:,.1f} s",
    )
    if summary.hit:
        rows.add_row("prefix hits", f"{summary.hit:,} of {summary.prompt:,} prompt tokens")
    if run.late > 0.01:
        rows.add_row("client", f"sent up to {run.late:.3f} s late")
    for one in summary.attainment:
        if one.slo:
            rows.add_row(
                "attained",
                f"{one.attained:,} of {one.requests:,} ({one.slo.name}: {terms(one.slo)})",
            )
    rows.add_row("goodput", f"{summary.goodput:.2f} requests/s")
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("seconds")
    for head in ("mean", "p50", "p90", "p99"):
        table.add_column(head, justify="right", no_wrap=True)
    times, programs = program_times(run.record)
    spreads = {**summary.latencies, **({"JCT": Distribution.of(times)} if programs else {})}
    for name, spread in spreads.items():
        figures = (spread.mean, spread.p50, spread.p90, spread.p99)
        table.add_row(name, *(f"{v:.4f}" if v == v else "-" for v in figures))
    lines: list[RenderableType] = [rows, Text(), table, Text()]
    lines += [Text(line, style="yellow") for line in _failures(run)]
    meaning = "; ".join(f"{name}: {says}" for name, says in METRICS.items())
    jct = (
        f" JCT: time from a program's first request to its last token, of {len(times):,} of "
        f"{programs:,} programs."
        if programs
        else ""
    )
    lines.append(Text(f"{meaning}.{jct} {GOODPUT}", style="dim"))
    return Group(*lines)


def _fates(summary: Summary) -> list[tuple[Any, int]]:
    return [(fate, n) for fate, n in summary.fates.items() if n or fate == 0]


def _failures(run: LoadRun) -> list[str]:
    """A line per kind, with the first of it."""
    lines = []
    for kind, count in run.kinds.items():
        r, first = next((r, f) for r, f in run.failures.items() if f.kind is kind)
        lines.append(f"{count:,} {kind.value}; the first, request {r}: {first.sentence}")
    return lines


def document(run: LoadRun, plan: Plan, wish: Wish, outputs: dict[str, str]) -> dict[str, Any]:
    """The same for machines."""
    load, summary = plan.workload, run.record.summary()
    times, programs = program_times(run.record)
    return {
        "server": str(plan.client.server),
        "model": plan.about.model,
        "server_version": plan.about.version or None,
        "load": {
            "name": load.name,
            "source": load.source,
            "requests": load.count,
            "seconds": load.span / PICOSECONDS,
        },
        "clients": wish.clients,
        "seed": wish.seed,
        "fates": {fate.name.lower(): count for fate, count in summary.fates.items()},
        "failures": [
            {"kind": kind.name.lower(), "count": count, "first": first}
            for kind, count in run.kinds.items()
            for first in [next(f.sentence for f in run.failures.values() if f.kind is kind)]
        ],
        "seconds": summary.seconds,
        "throughput": summary.throughput,
        "token_throughput": summary.token_throughput,
        "goodput": summary.goodput,
        "attainment": [
            {
                "slo": one.slo.name if one.slo else None,
                "requests": one.requests,
                "attained": one.attained,
            }
            for one in summary.attainment
        ],
        "prefix_hit_tokens": summary.hit,
        "prompt_tokens": summary.prompt,
        "latencies": {name.lower(): _spread(s) for name, s in summary.latencies.items()},
        "programs": {
            "count": programs,
            "finished": len(times),
            "jct": _spread(Distribution.of(times)),
        },
        "late": run.late,
        "cancelled": run.cancelled,
        "outputs": outputs,
    }


def _spread(spread: Distribution) -> dict[str, float | None]:
    return {
        key: value if value == value else None
        for key in ("mean", "p50", "p90", "p99")
        for value in [getattr(spread, key)]
    }
