"""What ``jitserve``'s claim about a real vLLM measures; see :mod:`makespan.claims.jitserve`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from makespan.claims.jitserve import EVEN, REAL_GAIN
from makespan.claims.jitserve_experiments import CAP, FULL, TRAINING, mix
from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.real_engine import Listening, Said, unlike, unmeasured

if TYPE_CHECKING:
    from makespan.serving.policies.jitserve.policy import JitServe
    from makespan.serving.policy import Policy
    from makespan.serving.record import Record
    from makespan.serving.workload import Workload

_UNITS: Final = 60
_FEW: Final = 20
_LOAD: Final = 1.2
_REFERENCE: Final = 0.3
_PLACES: Final = 8
_BUDGET: Final = 256
_BLOCKS: Final = 512
_TIME_LIMIT: Final = 150.0
_SHORTER: Final = (40, 24)
"""By which prompts and outputs are divided."""


def compare_on_vllm(given: Conditions) -> Measurement:
    """Token goodput of JITServe and FCFS on a real vLLM."""
    if given.model is None:
        return unmeasured()
    from makespan.serving.goodput import token_goodput
    from makespan.serving.policy import Policy
    from makespan.serving.settings import EngineSettings
    from makespan.serving.study import at_rate
    from makespan.serving.vllm.real import CPU_BLOCK

    settings = EngineSettings(
        blocks=_BLOCKS,
        block_size=CPU_BLOCK,
        max_num_batched_tokens=_BUDGET,
        max_num_seqs=_PLACES,
    )
    units = _FEW if given.quick else _UNITS
    load = _shortened(units, given.seed, tools=0.1)
    training = _shortened(TRAINING, 1000 + given.seed, tools=0.1)
    found: dict[str, tuple[Record, Said]] = {}
    spent: list[float] = []
    made: list[JitServe] = []

    with Listening(given.model, settings) as engine:
        trial = _without_tasks(load, load.count // 2)
        record, _ = engine.serve(at_rate(trial, None), Policy, time_limit=_TIME_LIMIT)
        rate = _drained(record)
        given.say(f"capacity {rate:.2f} requests/s")
        slow = at_rate(_without_tasks(load, load.count // 6), _REFERENCE * rate)
        unloaded, _ = engine.serve(slow, Policy, time_limit=_TIME_LIMIT)
        whole = _sent_faster(_aimed(load, unloaded), _LOAD * rate)

        def jitserve() -> Policy:
            made.append(_timed(whole, training, spent))
            return made[-1]

        arms: dict[str, Callable[[], Policy]] = {"FCFS": Policy, FULL: jitserve}
        for name, make in arms.items():
            found[name] = engine.serve(whole, make, time_limit=_TIME_LIMIT, steps=True)
            given.say(f"{name}: {token_goodput(found[name][0]).good} tokens in time")
    measured = {"capacity": Figure(round(rate, 2), "requests/s")}
    good = {name: _note(name, record, measured) for name, (record, _) in found.items()}
    frames = np.array(spent or [0.0])
    measured["mean time to decide a frame"] = Figure(round(1e3 * float(frames.mean()), 2), "ms")
    measured["longest time to decide a frame"] = Figure(round(1e3 * float(frames.max()), 2), "ms")
    held = made[0].bounds.coverage
    measured["lengths within their first bound"] = Figure(round(100 * held, 1), "%")
    differ, count = unlike(found["FCFS"][1], found[FULL][1]), whole.count
    measured["answers that differ"] = Figure(differ)
    gain = good[FULL] / max(good["FCFS"], 1)
    measured["gain in token goodput"] = Figure(round(gain, 2))
    holds = gain >= REAL_GAIN
    reproduced = holds and differ == 0 and frames.mean() < 0.02
    partly = holds and differ <= 0.02 * count
    if given.quick:  # so few do not fill a queue
        partly |= gain >= EVEN and differ == 0
    return Measurement(
        Verdict.REPRODUCED if reproduced else Verdict.PARTLY if partly else Verdict.NOT,
        measured,
        f"{gain:.2f} times the token goodput of FCFS, measured; {differ} of {count} answers "
        "differ. Client and engine share one process; the policy is asked inside vLLM's scheduler.",
        seeds=(given.seed,),
    )


def _drained(record: Record) -> float:
    """Requests per second while the places were full: up to the end of four in five."""
    last = np.sort(record.last[record.finished])
    most = max(4 * len(last) // 5, 1)
    return most / max((int(last[most - 1]) - int(record.sent.min())) / 1e12, 1e-9)


def _note(name: str, record: Record, measured: dict[str, Figure]) -> int:
    from makespan.serving.goodput import token_goodput

    goodput = token_goodput(record)
    tokens = sum(one.tokens for one in goodput.classes)
    measured[f"{name}, tokens in time"] = Figure(round(100 * goodput.good / tokens, 1), "%")
    share = 100 * goodput.attained / record.count
    measured[f"{name}, requests in time"] = Figure(round(share, 1), "%")
    measured[f"{name}, preemptions"] = Figure(int(record.preemptions.sum()))
    measured[f"{name}, unfinished"] = Figure(int((~record.finished).sum()))
    return goodput.good


def _shortened(units: int, seed: int, *, tools: float) -> Workload:
    """The mix for a small engine: shorter, nothing shared, tools that take less time."""
    from makespan.serving.workloads.transform import drop_sharing, set_cap

    load = drop_sharing(mix(units, 1.0, seed))
    output = -(-load.output // _SHORTER[1])
    short = replace(
        load,
        prompt=-(-load.prompt // _SHORTER[0]),
        output=output,
        cap=output,
        delay=np.rint(load.delay * tools).astype(np.int64),
    )
    return set_cap(short, CAP // _SHORTER[1])


def _without_tasks(load: Workload, count: int) -> Workload:
    """Some requests of the load, evenly spread, each on its own."""
    step = max(load.count // max(count, 1), 1)
    some = load.take(np.arange(0, load.count, step))
    none = np.zeros(0, dtype=np.int64)
    return replace(
        some,
        program=np.full(some.count, -1, dtype=np.int64),
        parent_ptr=np.zeros(some.count + 1, dtype=np.int64),
        parent=none,
        delay=none,
    )


def _aimed(load: Workload, unloaded: Record) -> Workload:
    """The load with targets from how fast the engine is when it has little to do."""
    served = unloaded.workload
    done = unloaded.finished
    ttft = float(np.median(unloaded.ttft[done]))
    tpot = float(np.nanmedian(unloaded.tpot[done]))
    answers = [k for k, slo in enumerate(served.slos) if slo.name == "deadline"]
    answer = float(unloaded.e2e[done & np.isin(served.slo, answers)].mean())
    tasks = [k for k, slo in enumerate(served.slos) if slo.name.startswith("compound")]
    call = float(unloaded.e2e[done & np.isin(served.slo, tasks)].mean())
    slos = []
    for slo in load.slos:
        if slo.name.startswith("compound"):
            stages = int(slo.name.split(" of ")[1].split()[0])
            slos.append(replace(slo, deadline=round(3 * call * stages)))
        elif slo.deadline is not None:
            slos.append(replace(slo, deadline=round(3 * answer)))
        else:
            slos.append(replace(slo, ttft=round(10 * ttft), tpot=round(3 * tpot)))
    return replace(load, slos=tuple(slos))


def _sent_faster(load: Workload, rate: float) -> Workload:
    """The load with its mean rate of calls; tools keep their times."""
    own = load.count * 1e12 / max(load.span, 1)
    return replace(load, arrival=np.rint(load.arrival * (own / rate)).astype(np.int64))


def _timed(load: Workload, training: Workload, spent: list[float]) -> JitServe:
    """JITServe with a note of how long each of its frames took to decide."""
    from makespan.serving.policies.jitserve.lengths import Bounds, ForestLengths
    from makespan.serving.policies.jitserve.patterns import Tasks
    from makespan.serving.policies.jitserve.policy import JitServe

    class Timed(JitServe):
        """The policy with a stopwatch."""

        def begin_frame(self, engine: Any) -> None:
            """See the base class."""
            since = time.perf_counter()
            super().begin_frame(engine)
            spent.append(time.perf_counter() - since)

    bounds = Bounds(ForestLengths(load, training))
    return Timed(load, bounds=bounds, tasks=Tasks(load, training))
