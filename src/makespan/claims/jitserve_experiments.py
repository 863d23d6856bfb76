"""What the claims of ``jitserve`` measure; see :mod:`makespan.claims.jitserve`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from makespan.claims.jitserve import (
    CLOSE,
    EDGE,
    FAR,
    FEW,
    GAIN,
    LIGHT,
    ORACLE,
    OVERLOAD,
    PARITY,
    QUICK,
    UNITS,
)
from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict

if TYPE_CHECKING:
    from makespan.serving.cost.step import StepCost
    from makespan.serving.goodput import TokenGoodput
    from makespan.serving.policies.jitserve.policy import Grouping, JitServe
    from makespan.serving.policy import Policy
    from makespan.serving.settings import EngineSettings
    from makespan.serving.workload import Workload

DEVICE: Final = "A100-SXM-80GB"
MODEL: Final = "llama-3.1-8b"
PLACES: Final = 32
BUDGET: Final = 512
CAP: Final = 8192
TRAINING: Final = 600
CV: Final = 2.0
BASELINES: Final = ("FCFS", "Autellix", "LTR", "SLOs-Serve")
OTHERS: Final = ("EDF", "SJF")
FULL: Final = "JITServe"

Arms = dict[str, Callable[[], "Policy"]]


@dataclass(frozen=True, slots=True)
class Served:
    """What one policy made of a load."""

    good: int
    tokens: int
    attained: int
    requests: int
    covered: int
    ended: int

    def __add__(self, other: Served) -> Served:
        return Served(
            self.good + other.good,
            self.tokens + other.tokens,
            self.attained + other.attained,
            self.requests + other.requests,
            self.covered + other.covered,
            self.ended + other.ended,
        )


def compare_at_overload(given: Conditions) -> Measurement:
    """Token goodput against other schedulers at overload, and under light load."""
    loads = (QUICK,) if given.quick else (EDGE, *OVERLOAD)
    measured: dict[str, Figure] = {}
    gains: dict[str, float] = {}
    for load in loads:
        found = {
            name: _measure(given, load, name, measured) for name in (FULL, *BASELINES, *OTHERS)
        }
        for name in (*BASELINES, *OTHERS):
            gains[f"{name} at {load:g}"] = found[FULL].good / max(found[name].good, 1)
    light = {name: _measure(given, LIGHT, name, measured) for name in (FULL, "FCFS")}
    even = abs(light[FULL].good / max(light["FCFS"].good, 1) - 1) <= PARITY
    heavy = {name: gain for name, gain in gains.items() if not name.endswith(f" at {EDGE:g}")}
    judged = [gain for name, gain in heavy.items() if name.split(" at ")[0] in BASELINES]
    for name, gain in gains.items():
        measured[f"gain over {name}"] = Figure(round(gain, 2))
    better = min(judged) > 1
    whole = min(judged) >= GAIN and even
    return Measurement(
        Verdict.REPRODUCED if whole else Verdict.PARTLY if better else Verdict.NOT,
        measured,
        f"At overload JITServe has {min(judged):.2f} to {max(judged):.2f} times the token goodput "
        f"of the four, and at least {min(heavy.values()):.2f} times that of all, earliest deadline "
        "first and shortest predicted job first among them. Most tokens are those of tasks, so "
        "that who finishes tasks wins; chats pay for it.",
        seeds=_seeds(given),
    )


def compare_with_oracle(given: Conditions) -> Measurement:
    """Distance from true lengths and known tasks, and coverage of the bounds."""
    measured: dict[str, Figure] = {}
    apart = []
    total = None
    for load in (QUICK,) if given.quick else OVERLOAD:
        full = _measure(given, load, FULL, measured)
        best = _measure(given, load, "oracle", measured)
        apart.append(1 - full.good / max(best.good, 1))
        measured[f"below the oracle at {load:g}"] = Figure(round(100 * apart[-1], 1), "%")
        total = full if total is None else total + full
    assert total is not None
    held = total.covered / max(total.ended, 1)
    measured["lengths within their first bound"] = Figure(round(100 * held, 1), "%")
    low, high = (0.90, 0.99) if given.quick else (0.93, 0.97)
    near, covered = max(apart) <= ORACLE, low <= held <= high
    partly = Verdict.PARTLY if near or covered else Verdict.NOT
    return Measurement(
        Verdict.REPRODUCED if near and covered else partly,
        measured,
        f"At most {100 * max(apart):.1f} % below the oracle; {100 * held:.1f} % of the lengths "
        "stayed within their first upper bound of level 0.95. The oracle is JITServe with true "
        "lengths, not the best schedule there is.",
        seeds=_seeds(given),
    )


def leave_parts_out(given: Conditions) -> Measurement:
    """Token goodput without the analyzer, without GMAX, and without anything."""
    measured: dict[str, Figure] = {}
    names = (FULL, "no analyzer", "no GMAX", "FCFS", "no grouping by length")
    near = 1 - (FAR if given.quick else CLOSE)
    whole = partly = True
    said = []
    for load in (QUICK,) if given.quick else OVERLOAD:
        good = {name: _measure(given, load, name, measured).good for name in names}
        order = [good[name] for name in names[:4]]
        whole &= all(a > b for a, b in pairwise(order))
        partly &= order[0] >= near * max(order) and order[3] == min(order)
        shares = ", ".join(f"{name} {good[name] / max(good[FULL], 1):.2f}" for name in names[1:])
        said.append(f"at {load:g}: {shares}")
    return Measurement(
        Verdict.REPRODUCED if whole else Verdict.PARTLY if partly else Verdict.NOT,
        measured,
        f"Token goodput relative to the full system {'; '.join(said)}. The load has no text, so "
        "that lengths are foretold from stage, prompt and class, and steps of this engine cost "
        "the same whether the lengths of a batch are alike or not, so that the window of GMAX "
        "cannot pay.",
        seeds=_seeds(given),
    )


def _seeds(given: Conditions) -> tuple[int, ...]:
    return (given.seed,) if given.quick else (given.seed, given.seed + 1)


def _measure(given: Conditions, load: float, arm: str, measured: dict[str, Figure]) -> Served:
    units = FEW if given.quick else UNITS
    parts = [_served(load, arm, seed, units) for seed in _seeds(given)]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    share = 100 * whole.good / max(whole.tokens, 1)
    measured[f"{arm} at {load:g}, tokens in time"] = Figure(round(share, 1), "%")
    measured[f"{arm} at {load:g}, requests in time"] = Figure(
        round(100 * whole.attained / max(whole.requests, 1), 1), "%"
    )
    given.say(f"load {load:g}, {arm}: {share:.1f} % of the tokens in time")
    return whole


def mix(units: int, rate: float, seed: int) -> Workload:
    """Chats, answers and tasks in bursts, with one cap for all."""
    from makespan.serving.workloads.catalogue import generate
    from makespan.serving.workloads.transform import set_cap

    parameters: dict[str, int | float | str] = {
        "requests": units,
        "rate": rate,
        "arrivals": "gamma",
        "cv": CV,
    }
    return set_cap(generate("service-mix", parameters, seed=seed), CAP)


@lru_cache(maxsize=1)
def _engine() -> tuple[EngineSettings, StepCost]:
    from makespan.serving.cost.memory import kv_blocks
    from makespan.serving.cost.operator_cost import OperatorCost
    from makespan.serving.settings import EngineSettings

    blocks = kv_blocks(DEVICE, MODEL, max_num_batched_tokens=BUDGET, max_num_seqs=PLACES) - 1
    settings = EngineSettings(blocks, max_num_batched_tokens=BUDGET, max_num_seqs=PLACES)
    return settings, OperatorCost.of(DEVICE, MODEL)


@lru_cache(maxsize=4)
def _training(seed: int) -> Workload:
    return mix(TRAINING, 1.0, 1000 + seed)


@lru_cache(maxsize=16)
def _load(load: float, seed: int, units: int) -> Workload:
    """The mix, sent at a multiple of the rate at which one engine drains it."""
    from makespan.serving.study import drain_rate

    settings, cost = _engine()
    trial = mix(units, 1.0, seed)
    calls = trial.count / units
    return mix(units, load * drain_rate(trial, settings, cost) / calls, seed)


@lru_cache(maxsize=64)
def _served(load: float, arm: str, seed: int, units: int) -> Served:
    from makespan.serving.engine.simulating import simulate_serving
    from makespan.serving.goodput import token_goodput

    settings, cost = _engine()
    workload = _load(load, seed, units)
    made: list[Policy] = []

    def make() -> Policy:
        made.append(arms_of(workload, cost, _training(seed))[arm]())
        return made[-1]

    record = simulate_serving(workload, settings, cost, policy=make, events=True, timeline=True)
    return _judged(token_goodput(record), made[0])


def _judged(goodput: TokenGoodput, policy: Policy) -> Served:
    bounds = getattr(policy, "bounds", None)
    return Served(
        goodput.good,
        sum(one.tokens for one in goodput.classes),
        goodput.attained,
        sum(one.requests for one in goodput.classes),
        bounds.covered if bounds else 0,
        bounds.ended if bounds else 0,
    )


def arms_of(load: Workload, cost: StepCost | None, training: Workload) -> Arms:
    """The policies that are compared, by name."""
    from makespan.serving.policies.autellix import Autellix
    from makespan.serving.policies.jitserve.lengths import (
        Bounds,
        ForestLengths,
        PastLengths,
        TrueLengths,
    )
    from makespan.serving.policies.jitserve.patterns import Tasks
    from makespan.serving.policies.jitserve.policy import JitServe
    from makespan.serving.policies.ordering import EarliestDeadline
    from makespan.serving.policies.predicted import LearnedRanks, ShortestPredicted
    from makespan.serving.policies.slos_serve import SlosServe
    from makespan.serving.policy import Policy

    def bounds() -> Bounds:
        return Bounds(ForestLengths(load, training))

    def means() -> Bounds:
        return Bounds(ForestLengths(load, training), level=None)

    def jitserve(grouping: Grouping = "window") -> JitServe:
        tasks = Tasks(load, training)
        return JitServe(load, cost, bounds=bounds(), tasks=tasks, grouping=grouping)

    return {
        "FCFS": Policy,
        "EDF": lambda: EarliestDeadline(load),
        "SJF": lambda: ShortestPredicted(means()),
        "LTR": lambda: LearnedRanks(means()),
        "Autellix": Autellix,
        "SLOs-Serve": lambda: SlosServe(load, means()),
        FULL: jitserve,
        "no analyzer": lambda: JitServe(
            load,
            cost,
            bounds=Bounds(PastLengths(by_label=False), level=None),
            tasks=Tasks(load, foretell=False),
        ),
        "no GMAX": lambda: jitserve("shortest"),
        "no grouping by length": lambda: jitserve("none"),
        "oracle": lambda: JitServe(
            load, cost, bounds=Bounds(TrueLengths(load)), tasks=Tasks(load, known=True)
        ),
    }
