"""What ``makespan simulate serving`` reads, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from makespan.cli._files import STDOUT
from makespan.cli._report import facts
from makespan.core.errors import OptionError
from makespan.serving.cost.hardware import hardware
from makespan.serving.cost.memory import kv_blocks
from makespan.serving.cost.models import model
from makespan.serving.cost.operator_cost import OperatorCost
from makespan.serving.service import GOODPUT, METRICS, terms
from makespan.serving.settings import EngineSettings
from makespan.serving.study import Arm, at_rate, drain_rate
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.catalogue import generate, generators
from makespan.serving.workloads.reading import read_workload
from makespan.serving.workloads.transform import set_cap


@dataclass(frozen=True, slots=True)
class Wish:
    """The options as they were given."""

    trace: str | None
    generate: str
    requests: int | None
    rate: float | None
    load: float | None
    cap: int | None
    slo: tuple[str, ...]
    model: str
    gpu: str
    tp: int
    instances: int
    blocks: int | None
    block_size: int
    max_num_batched_tokens: int
    max_num_seqs: int
    prefix_caching: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Setup:
    """What is simulated.

    Attributes
    ----------
    capacity
        Requests per second that all instances serve while requests wait.
    """

    workload: Workload
    settings: EngineSettings
    cost: OperatorCost
    instances: int
    capacity: float


def prepare(wish: Wish) -> Setup:
    """Load, engines and cost model of the options."""
    if wish.rate is not None and wish.load is not None:
        raise OptionError("--rate and --load say the same", hint="give one of them")
    if wish.load is not None and not wish.load > 0:
        raise OptionError(f"--load is {wish.load}", hint="give a positive share of the capacity")
    device, shape = hardware(wish.gpu), model(wish.model)
    blocks = wish.blocks or kv_blocks(
        device,
        shape,
        wish.tp,
        block_size=wish.block_size,
        max_num_batched_tokens=wish.max_num_batched_tokens,
        max_num_seqs=wish.max_num_seqs,
    )
    settings = EngineSettings(
        blocks=blocks,
        block_size=wish.block_size,
        max_num_batched_tokens=wish.max_num_batched_tokens,
        max_num_seqs=wish.max_num_seqs,
        enable_prefix_caching=wish.prefix_caching,
    )
    cost = operator_cost(wish)
    workload = _load(wish)
    if not workload.count:
        raise OptionError(f"the load {workload.name!r} has no requests")
    if wish.cap is not None:
        workload = set_cap(workload, wish.cap)
    elif np.array_equal(workload.cap, workload.output):
        # A cap that is the length itself would tell every policy what none can know.
        workload = set_cap(workload, int(workload.output.max()))
    capacity = wish.instances * drain_rate(workload, settings, cost)
    rate = wish.rate if wish.load is None else wish.load * capacity
    if rate is not None:
        workload = at_rate(workload, rate)
    if wish.slo:
        workload = replace(
            workload,
            slos=(_slo(wish.slo),),
            slo=np.zeros(workload.count, dtype=np.int64),
        )
    return Setup(workload, settings, cost, wish.instances, capacity)


def operator_cost(wish: Wish, peers: int = 1) -> OperatorCost:
    """Step times of the model on the hardware, its experts spread over so many GPUs."""
    return OperatorCost.of(
        hardware(wish.gpu),
        model(wish.model),
        wish.tp,
        tokens=wish.max_num_batched_tokens,
        sequences=wish.max_num_seqs,
        expert_parallel=peers > 1,
        peers=peers,
    )


def _load(wish: Wish) -> Workload:
    if wish.trace is not None:
        import sys

        source = sys.stdin.buffer if wish.trace == STDOUT else wish.trace
        return read_workload(source, limit=wish.requests, seed=wish.seed)
    name, *pairs = wish.generate.split(",")
    parameters: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise OptionError(f"--generate: {pair!r} is no KEY=VALUE")
        parameters[key.strip()] = _value(value.strip())
    counted = any(
        p.name == "requests" for g in generators() if g.name == name for p in g.parameters
    )
    if wish.requests is not None and counted:
        parameters.setdefault("requests", wish.requests)
    workload = generate(name, parameters, seed=wish.seed)
    if wish.requests is not None and wish.requests < workload.count:
        workload = workload.take(np.arange(wish.requests))
    return workload


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _slo(terms_given: Sequence[str]) -> Slo:
    limits: dict[str, int] = {}
    for pair in (p for text in terms_given for p in text.split(",")):
        key, _, value = pair.partition("=")
        try:
            seconds = float(value)
        except ValueError:
            seconds = float("nan")
        if key not in {"ttft", "tpot", "gap", "deadline"} or not 0 < seconds < 1e6:
            raise OptionError(
                f"--slo: {pair!r} is no term", hint="such as ttft=2 or tpot=0.1, in seconds"
            )
        limits[key] = round(seconds * PICOSECONDS)
    return Slo("all", **limits)


def report(setup: Setup, arms: Sequence[Arm]) -> RenderableType:
    """A table with a row per policy, and what its figures mean."""
    load, settings = setup.workload, setup.settings
    rate = (load.count - 1) * PICOSECONDS / load.span if load.span else float("inf")
    rows = facts()
    rows.add_row("load", f"{load.count:,} requests ({load.name}; {load.source})")
    at = "all at once" if load.span == 0 else f"{rate:,.2f} requests/s"
    rows.add_row("rate", f"{at}; capacity about {setup.capacity:,.2f} requests/s")
    rows.add_row("caps", f"{load.cap.min():,} to {load.cap.max():,} tokens of output")
    rows.add_row(
        "engines",
        f"{setup.instances} x ({settings.blocks:,} blocks of {settings.block_size}, "
        f"{settings.max_num_batched_tokens:,} tokens and {settings.max_num_seqs} requests a step)",
    )
    rows.add_row("times", f"simulated; {setup.cost.calibration.label}")
    if load.slos:
        rows.add_row("asked for", terms(load.slos[0]))
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("policy", overflow="fold")
    shared = any(arm.summary.hit for arm in arms)
    heads = ["TTFT s", "TPOT ms", "E2E s", "preempted", *(["hits"] if shared else []), "goodput/s"]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for arm in arms:
        s = arm.summary
        ttft, tpot, e2e = (s.latencies[key] for key in ("TTFT", "TPOT", "E2E"))
        table.add_row(
            arm.policy,
            f"{_short(ttft.mean)} / {_short(ttft.p99)}",
            f"{_short(1000 * tpot.mean)} / {_short(1000 * tpot.p99)}",
            f"{_short(e2e.mean)} / {_short(e2e.p99)}",
            f"{s.preemptions:,}",
            *([f"{s.hit / s.prompt:.0%}" if s.prompt else "-"] if shared else []),
            f"{s.goodput:.2f}",
        )
    left = sum(count for fate, count in arms[0].summary.fates.items() if fate)
    lines: list[RenderableType] = [rows, Text(), table, Text()]
    if left:
        lines.append(Text(f"{left} requests were refused or never sent", style="yellow"))
    meaning = "; ".join(f"{name}: {says}" for name, says in METRICS.items() if name != "gap")
    lines.append(Text(f"Latencies: mean / p99. {meaning}. {GOODPUT}", style="dim"))
    return Group(*lines)


def _short(value: float) -> str:
    """Three digits."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def document(setup: Setup, arms: Sequence[Arm], seed: int) -> dict[str, Any]:
    """The same for machines."""
    load, settings = setup.workload, setup.settings
    return {
        "load": {
            "name": load.name,
            "source": load.source,
            "requests": load.count,
            "seconds": load.span / PICOSECONDS,
        },
        "capacity": setup.capacity,
        "instances": setup.instances,
        "engine": {
            "blocks": settings.blocks,
            "block_size": settings.block_size,
            "max_num_batched_tokens": settings.max_num_batched_tokens,
            "max_num_seqs": settings.max_num_seqs,
            "prefix_caching": settings.enable_prefix_caching,
        },
        "calibration": setup.cost.calibration.label,
        "seed": seed,
        "policies": [_arm(arm) for arm in arms],
    }


def _arm(arm: Arm) -> dict[str, Any]:
    s = arm.summary
    return {
        "policy": arm.policy,
        "fates": {fate.name.lower(): count for fate, count in s.fates.items()},
        "seconds": s.seconds,
        "throughput": s.throughput,
        "token_throughput": s.token_throughput,
        "goodput": s.goodput,
        "preemptions": s.preemptions,
        "prefix_hit_tokens": s.hit,
        "prompt_tokens": s.prompt,
        "latencies": {
            name.lower(): {
                key: value if value == value else None
                for key in ("mean", "p50", "p90", "p99")
                for value in [getattr(spread, key)]
            }
            for name, spread in s.latencies.items()
        },
    }
