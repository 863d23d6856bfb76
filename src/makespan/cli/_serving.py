"""What ``makespan simulate serving`` shows of policies on a load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from makespan.cli._line import Watch
from makespan.cli._report import facts, figure_table
from makespan.cli._session import Session
from makespan.serving.engine.fleet import Fleet
from makespan.serving.record import NEVER
from makespan.serving.scenario import Setup
from makespan.serving.service import GOODPUT, METRICS, terms
from makespan.serving.study import Arm, compare
from makespan.serving.workload import PICOSECONDS


def report(setup: Setup, arms: Sequence[Arm], width: int) -> RenderableType:
    """A table with a row per policy, and what its figures mean, for so many characters a line."""
    load = setup.workload
    rate = (load.count - 1) * PICOSECONDS / load.span if load.span else float("inf")
    rows = facts()
    rows.add_row("load", f"{load.count:,} requests ({load.name}; {load.source})")
    at = "all at once" if load.span == 0 else f"{rate:,.2f} requests/s"
    rows.add_row("rate", f"{at}; capacity about {setup.capacity:,.2f} requests/s")
    rows.add_row("caps", f"{load.cap.min():,} to {load.cap.max():,} tokens of output")
    rows.add_row("engines", engines_line(setup))
    rows.add_row("times", f"simulated; {setup.calibration}")
    if load.slos:
        rows.add_row("asked for", terms(load.slos[0]))
    shared = any(arm.summary.hit for arm in arms)
    tier = any(arm.summary.loaded for arm in arms)
    found = [*(["hits"] if shared else []), *(["loaded"] if tier else [])]
    heads = ["TTFT s", "TPOT ms", "E2E s", "preempted", *found, "goodput/s"]
    cells = []
    for arm in arms:
        s = arm.summary
        spreads = [s.latencies[key] for key in ("TTFT", "TPOT", "E2E")]
        pairs = [
            (_short(factor * spread.mean), _short(factor * spread.p99))
            for spread, factor in zip(spreads, (1, 1000, 1), strict=True)
        ]
        hits = [(f"{s.hit / s.prompt:.0%}" if s.prompt else "-",)] if shared else []
        loaded = [(f"{s.loaded:,}",)] if tier else []
        cells.append([*pairs, (f"{s.preemptions:,}",), *hits, *loaded, (f"{s.goodput:.2f}",)])
    table = figure_table(["policy"], [(arm.policy,) for arm in arms], heads, cells, width)
    left = sum(count for fate, count in arms[0].summary.fates.items() if fate)
    lines: list[RenderableType] = [rows, Text(), table, Text()]
    if left:
        lines.append(Text(f"{left} requests were refused or never sent", style="yellow"))
    meaning = "; ".join(f"{name}: {says}" for name, says in METRICS.items() if name != "gap")
    if tier:
        lines.append(Text("loaded: tokens from the second tier of the prefix cache", style="dim"))
    lines.append(Text(f"Latencies: mean / p99. {meaning}. {GOODPUT}", style="dim"))
    return Group(*lines)


def compared(
    session: Session,
    setup: Setup,
    policies: Sequence[str],
    *,
    router: str,
    seed: int,
    traced: bool,
) -> tuple[list[Arm], bool]:
    """What the policies come to, and whether all have been run.

    An interruption leaves those that had ended.

    Raises
    ------
    KeyboardInterrupt
        If none had.
    """
    arms: list[Arm] = []
    count = f"{setup.workload.count:,}"
    now: list[Fleet] = []

    def served() -> str | None:
        if not now:
            return None
        last = now[-1].requests.last
        return (
            f"{policies[len(arms)]}: {len(last) - last.count(NEVER):,} of {count} requests served"
        )

    def begun(name: str) -> None:
        watch.clear()
        session.note(f"simulating {name} ...")

    def done(arm: Arm) -> None:
        now.clear()
        arms.append(arm)

    watch = Watch(session, served)
    try:
        with watch:
            compare(
                setup.workload,
                policies,
                setup.engines,
                setup.costs,
                router=router,
                seed=seed,
                traced=traced,
                on_arm=begun,
                on_fleet=now.append,
                on_done=done,
            )
    except KeyboardInterrupt:
        if not arms:
            raise
        return arms, False
    return arms, True


def engines_line(setup: Setup) -> str:
    """Number of engines, and the limits of each; of a mixed fleet by hardware."""
    settings = setup.engines[0]
    step = f"{settings.max_num_batched_tokens:,} tokens and {settings.max_num_seqs} requests a step"
    if settings.async_scheduling:
        step += ", planned ahead"
    if settings.swap_blocks:
        step += f", {settings.swap_blocks:,} blocks at the host"
    if settings.offload_blocks:
        step += f", {settings.offload_blocks:,} blocks offloaded"
    if not setup.mixed:
        blocks = f"{settings.blocks:,} blocks of {settings.block_size}"
        return f"{setup.instances} x ({blocks}, {step})"
    parts = [
        f"{kind['instances']} x {kind['gpu']} ({kind['blocks']:,} blocks)" for kind in _kinds(setup)
    ]
    return f"{', '.join(parts)}; blocks of {settings.block_size}, {step}"


def _kinds(setup: Setup) -> list[dict[str, Any]]:
    """Instances by hardware, in the order of the fleet."""
    blocks = dict(zip(setup.gpus, (one.blocks for one in setup.engines), strict=True))
    return [
        {"gpu": gpu, "instances": setup.gpus.count(gpu), "blocks": blocks[gpu]} for gpu in blocks
    ]


def drawing(option: str, setup: Setup, arms: Sequence[Arm], seed: int) -> str:
    """Text of the file that ``--html`` or ``--perfetto`` asks for."""
    records = {arm.policy: arm.record for arm in arms}
    label = setup.calibration
    if option == "--perfetto":
        from makespan.serving.perfetto import serving_perfetto

        return serving_perfetto(records, calibration=label)
    from makespan.serving.report import serving_html

    facts = [("engines", engines_line(setup)), ("seed", str(seed))]
    return serving_html(records, setup.engines, facts=facts, calibration=label)


def _short(value: float) -> str:
    """Three digits."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def document(
    setup: Setup, arms: Sequence[Arm], seed: int, outputs: Mapping[str, str], complete: bool
) -> dict[str, Any]:
    """The same for machines; ``outputs`` are the files written, by option."""
    return {
        **load_document(setup),
        "capacity": setup.capacity,
        "seed": seed,
        "policies": [_arm(arm) for arm in arms],
        "cancelled": not complete,
        "outputs": dict(outputs),
    }


def load_document(setup: Setup) -> dict[str, Any]:
    """What is simulated, for machines."""
    load, settings = setup.workload, setup.engines[0]
    return {
        "load": {
            "name": load.name,
            "source": load.source,
            "requests": load.count,
            "seconds": load.span / PICOSECONDS,
        },
        "instances": setup.instances,
        "engine": {
            "blocks": settings.blocks,
            "block_size": settings.block_size,
            "max_num_batched_tokens": settings.max_num_batched_tokens,
            "max_num_seqs": settings.max_num_seqs,
            "prefix_caching": settings.enable_prefix_caching,
            "async_scheduling": settings.async_scheduling,
            "swap_blocks": settings.swap_blocks,
            "offload_blocks": settings.offload_blocks,
        },
        "fleet": _kinds(setup),
        "calibration": setup.calibration,
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
        "loaded_tokens": s.loaded,
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
