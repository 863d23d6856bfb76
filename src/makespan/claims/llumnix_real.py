"""What ``llumnix``'s claim about real engines measures; see :mod:`makespan.claims.llumnix`."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.real_engine import unmeasured

if TYPE_CHECKING:
    from makespan.serving.policy import Router
    from makespan.serving.vllm.fleet_run import FleetRun
    from makespan.serving.workload import Workload

LENGTHS: Final = (48, 96, 192, 384, 768)
_OUTPUT: Final = 64
_AFTER: Final = 8
"""Tokens of its answer after which a request is moved."""

_REPEATS: Final = 2
_BLOCKS: Final = 96
_BUDGET: Final = 1024
_TIME_LIMIT: Final = 150.0
FLAT: Final = 2.0
GROWS: Final = 4.0


def _one_by_one(lengths: list[int]) -> Workload:
    """Requests of which each is sent when the one before has ended."""
    from makespan.serving.workload import Workload

    count = len(lengths)
    return Workload(
        "one by one",
        np.zeros(count, dtype=np.int64),
        np.array(lengths, dtype=np.int64),
        np.full(count, _OUTPUT, dtype=np.int64),
        parent_ptr=np.concatenate(([0], np.arange(count))),
        parent=np.arange(count - 1),
        delay=np.full(count - 1, 10**10, dtype=np.int64),
    )


def _mover() -> Router:
    """All requests begin at the first engine and are moved once to the other."""
    from makespan.serving.policy import FleetView, Move, Router

    class Once(Router):
        """See above."""

        poll = 2 * 10**10

        def __init__(self) -> None:
            self.asked: set[int] = set()

        def route(self, request: int, fleet: FleetView) -> int:
            """See the base class."""
            return 0

        def migrate(self, fleet: FleetView) -> list[Move]:
            """See the base class."""
            source = fleet.engines[0]
            moves = [
                Move(r, 1)
                for r in source.running()
                if source.generated(r) >= _AFTER and r not in self.asked
            ]
            self.asked |= {move.request for move in moves}
            return moves

    return Once()


def move_for_real(given: Conditions) -> Measurement:
    """Downtime of live and of blocking hand-over against length, and equality of answers."""
    if given.model is None:
        return unmeasured()
    from makespan.serving.policy import Router
    from makespan.serving.settings import EngineSettings
    from makespan.serving.vllm.fleet import RealFleet
    from makespan.serving.vllm.handover import Handing
    from makespan.serving.vllm.real import CPU_BLOCK

    class Staying(Router):
        """All at the first engine."""

        def route(self, request: int, fleet: object) -> int:
            """See the base class."""
            return 0

    lengths = LENGTHS[:4] if given.quick else LENGTHS
    load = _one_by_one([n for n in lengths for _ in range(1 if given.quick else _REPEATS)])
    settings = EngineSettings(
        blocks=_BLOCKS, block_size=CPU_BLOCK, max_num_batched_tokens=_BUDGET, max_num_seqs=8
    )
    runs: dict[str, FleetRun] = {}
    with RealFleet(given.model, settings, engines=2, dtype="float32") as fleet:
        for name, router, mode in (
            ("unmoved", Staying(), "live"),
            ("live", _mover(), "live"),
            ("blocking", _mover(), "blocking"),
        ):
            handing = Handing(mode=mode)  # type: ignore[arg-type]
            run = fleet.run(load, router=router, handing=handing, time_limit=_TIME_LIMIT)
            runs[name] = run
            given.say(f"{name}: {len(run.migrations)} moves, {run.record.makespan / 1e12:.1f} s")
    return judge(given, load, runs)


def judge(given: Conditions, load: Workload, runs: dict[str, FleetRun]) -> Measurement:
    """The verdict on three runs of a load: unmoved, live and blocking."""
    measured: dict[str, Figure] = {}
    median: dict[tuple[str, int], float] = {}
    lengths = sorted(set(load.prompt.tolist()))
    for mode in ("live", "blocking"):
        moved = [m for m in runs[mode].migrations if m.downtime is not None]
        measured[f"{mode}: requests moved"] = Figure(len(moved))
        for length in lengths:
            times = [m.downtime for m in moved if load.prompt[m.request] == length]
            if times:
                median[mode, length] = statistics.median(t for t in times if t is not None) / 1e9
                measured[f"{mode}: median downtime of {length} tokens"] = Figure(
                    round(median[mode, length], 1), "ms"
                )
    answers = runs["unmoved"].answers
    differ = sum(
        answer != other
        for mode in ("live", "blocking")
        for answer, other in zip(answers, runs[mode].answers, strict=True)
    )
    measured["answers that differ"] = Figure(differ)
    whole = all((mode, n) in median for mode in ("live", "blocking") for n in lengths)
    if not whole:
        return Measurement(
            Verdict.NOT, measured, "Not every length could be moved.", seeds=(given.seed,)
        )
    first, last = lengths[0], lengths[-1]
    live = median["live", last] / median["live", first]
    blocking = median["blocking", last] / median["blocking", first]
    apart = median["blocking", last] / median["live", last]
    measured["live: longest over shortest"] = Figure(round(live, 2))
    measured["blocking: longest over shortest"] = Figure(round(blocking, 2))
    measured["longest: blocking over live"] = Figure(round(apart, 2))
    good = differ == 0 and live <= FLAT and blocking >= GROWS
    partly = differ == 0 and apart >= 2.0
    return Measurement(
        Verdict.REPRODUCED if good else Verdict.PARTLY if partly else Verdict.NOT,
        measured,
        f"From {first} to {last} tokens of prompt the downtime of live moves changes by a factor "
        f"of {live:.1f}, that of blocking ones by {blocking:.1f}; {differ} of "
        f"{2 * load.count} answers differ. A live move leaves at most 16 tokens and a partial "
        "block to compute at the target.",
        seeds=(given.seed,),
    )
