"""System ``priority-rules``: schedules built in one pass, and what the literature says of them.

Sources: R. Kolisch, "Serial and parallel resource-constrained project scheduling methods
revisited: theory and computation", European Journal of Operational Research 90 (1996) 320-333,
from whose abstract the statements on projects are taken; K. R. Baker, "Introduction to sequencing
and scheduling", Wiley 1974, which reports the job shop study of Jeremiah, Lalchandani and Schrage
(1964).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.published import first_of_each_class, table, without_data
from makespan.core.problem import Objective, ObjectiveTerm
from makespan.core.registry import Claim, Source, System
from makespan.core.vocabulary import ObjectiveKind

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.solvers.dispatch._runner import Runner

_KOLISCH = Source(
    "Kolisch 1996, Serial and parallel resource-constrained project scheduling methods revisited",
    "doi:10.1016/0377-2217(95)00357-6",
)
_BAKER = Source(
    "Baker 1974, Introduction to sequencing and scheduling, on Jeremiah, Lalchandani & Schrage 1964"
)

SCHEMES: Final = ("serial", "parallel")
PROJECT_RULES: Final = ("LFT", "LST", "MTS", "MINSLK", "GRPW", "SPT")
SHOP_RULES: Final = ("SPT", "FIFO", "MWKR", "MOPNR", "LWKR", "RANDOM")
SAMPLES: Final = 100
MANY_SAMPLES: Final = 1000
_HEAT: Final = 0.5
_CLASSES: Final = 48
_QUICK_CLASSES: Final = 8
_SHOPS: Final = 40
_QUICK_SHOPS: Final = 10
_NOISE: Final = (
    "Sampling adds Gumbel noise of half a standard deviation to the priorities (a draw from their "
    "softmax), where the source draws by regret-based biased sampling; the instances are one per "
    "class of j30."
)

SYSTEM = System(
    slug="priority-rules",
    title="Priority rules with serial, parallel and Giffler-Thompson schedule generation",
    source=_KOLISCH,
    room="solvers",
    summary="Builds a schedule of any Problem in one pass, by one of twenty-eight rules, and "
    "samples around the rule; the first answer of every solve.",
    entry_points=(
        "makespan.solvers.dispatch:DispatchSolver",
        "makespan.solvers.dispatch:RULES",
    ),
    claims=(
        Claim(
            slug="sampling-improves",
            system="priority-rules",
            statement="On projects, sampling around a rule improves its single pass significantly.",
            source=_KOLISCH,
            experiment="makespan.claims.priority_rules:sampling_improves",
            measured_as=f"Rule LFT in both schemes on {_CLASSES} instances j30 (quick: "
            f"{_QUICK_CLASSES}): mean deviation from the optimum of one pass and of the best of "
            f"{SAMPLES}.",
            tolerance="reproduced if sampling at least halves the mean deviation in both schemes; "
            "partly if it lowers it in both.",
            inference=_NOISE,
        ),
        Claim(
            slug="parallel-not-superior",
            system="priority-rules",
            statement="The parallel scheme cannot be considered superior to the serial one in "
            "general: it makes non-delay schedules, which may all miss the optimum.",
            source=_KOLISCH,
            experiment="makespan.claims.priority_rules:parallel_not_superior",
            measured_as=f"Rule LFT on {_CLASSES} instances j30 (quick: {_QUICK_CLASSES}): mean "
            f"deviation from the optimum of both schemes for 1, {SAMPLES} and {MANY_SAMPLES} "
            "schedules.",
            tolerance="reproduced if the serial scheme has the lower mean deviation for at least "
            "one of the three numbers of schedules.",
            inference=_NOISE,
        ),
        Claim(
            slug="ranking-stable",
            system="priority-rules",
            statement="The ranking of priority rules does not differ between single passes and "
            "sampling.",
            source=_KOLISCH,
            experiment="makespan.claims.priority_rules:ranking_stable",
            measured_as=f"Rules {', '.join(PROJECT_RULES)} on {_CLASSES} instances j30 (quick: "
            f"{_QUICK_CLASSES}), ranked by mean deviation of one pass and of the best of "
            f"{SAMPLES}, in both schemes.",
            tolerance="reproduced if Kendall's tau of the two rankings is at least 0.7 in both "
            "schemes; partly if it is at least 0.4.",
            inference=f"{_NOISE} The choice of rules is ours.",
        ),
        Claim(
            slug="job-shop-rules",
            system="priority-rules",
            statement="In job shops, among single non-delay passes, most work remaining does best "
            "for the makespan and shortest processing time for the mean flow time.",
            source=_BAKER,
            experiment="makespan.claims.priority_rules:job_shop_rules",
            measured_as=f"Rules {', '.join(SHOP_RULES)} on Taillard's job shops ta01-ta{_SHOPS} "
            f"(quick: ta01-ta{_QUICK_SHOPS}): mean ratio to the best rule per instance.",
            tolerance="reproduced if both rules come first; partly if one does and the other is "
            "within 2 % of the first.",
            inference="The instances are ours; the study reported used 84 problems of its time.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Projects with known optima, prepared for dispatching."""

    runners: Sequence[Runner]
    optima: Sequence[int]


def _projects(given: Conditions) -> _Sample | None:
    if given.data is None:
        return None
    from makespan.io import read
    from makespan.solvers.dispatch._runner import Runner

    published = table(given.data, "rcpsp/best_known.json")
    names = first_of_each_class(given, "j30", _CLASSES, _QUICK_CLASSES)
    folder = given.data / "rcpsp" / "j30"
    return _Sample(
        [Runner(read(folder / f"{name}.rcp")) for name in names],
        [int(published[name]["ub"]) for name in names],
    )


def _deviation(sample: _Sample, rule: str, scheme: str, samples: int, seed: int) -> float:
    """Mean deviation from the optimum, in percent, of the best of so many schedules.

    The first schedule is the rule's own; the others have noise on the priorities.
    """
    from makespan.solvers.dispatch import find_rule
    from makespan.solvers.dispatch._runner import Attempt

    deviations = []
    for runner, optimum in zip(sample.runners, sample.optima, strict=True):
        plain = Attempt(find_rule(rule), scheme=scheme)  # type: ignore[arg-type]
        noisy = replace(plain, heat=_HEAT)
        best: int | None = None
        for k in range(samples):
            if runner.run(plain if k == 0 else noisy, seed=seed * samples + k):
                value = runner.objective()[0]
                best = value if best is None else min(best, value)
        if best is not None:
            deviations.append(100 * (best - optimum) / optimum)
    return float(np.mean(deviations))


def sampling_improves(given: Conditions) -> Measurement:
    """Compare one pass of LFT with the best of a hundred."""
    sample = _projects(given)
    if sample is None:
        return without_data("The PSPLIB instances j30")
    measured: dict[str, Figure] = {}
    ratios = []
    for scheme in SCHEMES:
        one = _deviation(sample, "LFT", scheme, 1, given.seed)
        many = _deviation(sample, "LFT", scheme, SAMPLES, given.seed)
        measured[f"{scheme}, 1 schedule"] = Figure(round(one, 2), "% above optimum")
        measured[f"{scheme}, {SAMPLES} schedules"] = Figure(round(many, 2), "% above optimum")
        ratios.append(many / one if one > 0 else 1.0)
        given.say(f"{scheme}: {one:.2f} % -> {many:.2f} %")
    worst = max(ratios)
    partly = Verdict.PARTLY if worst < 1 else Verdict.NOT
    verdict = Verdict.REPRODUCED if worst <= 0.5 else partly
    return Measurement(
        verdict=verdict,
        measured=measured,
        explanation=f"{len(sample.optima)} instances; sampling leaves at most {worst:.0%} of the "
        "deviation of a single pass.",
        seeds=(given.seed,),
    )


def parallel_not_superior(given: Conditions) -> Measurement:
    """Compare the schemes for one, a hundred and a thousand schedules."""
    sample = _projects(given)
    if sample is None:
        return without_data("The PSPLIB instances j30")
    measured: dict[str, Figure] = {}
    better: list[int] = []
    for number in (1, SAMPLES, MANY_SAMPLES):
        serial, parallel = (
            _deviation(sample, "LFT", scheme, number, given.seed) for scheme in SCHEMES
        )
        noun = "schedule" if number == 1 else "schedules"
        measured[f"serial, {number} {noun}"] = Figure(round(serial, 2), "% above optimum")
        measured[f"parallel, {number} {noun}"] = Figure(round(parallel, 2), "% above optimum")
        given.say(f"{number} {noun}: serial {serial:.2f} %, parallel {parallel:.2f} %")
        if serial < parallel:
            better.append(number)
    return Measurement(
        verdict=Verdict.REPRODUCED if better else Verdict.NOT,
        measured=measured,
        explanation=f"{len(sample.optima)} instances; the serial scheme is ahead for "
        f"{' and '.join(map(str, better))} schedules per instance."
        if better
        else f"{len(sample.optima)} instances; the parallel scheme is ahead throughout.",
        seeds=(given.seed,),
    )


def ranking_stable(given: Conditions) -> Measurement:
    """Rank rules by single passes and by sampling."""
    sample = _projects(given)
    if sample is None:
        return without_data("The PSPLIB instances j30")
    measured: dict[str, Figure] = {}
    taus = []
    for scheme in SCHEMES:
        one = {rule: _deviation(sample, rule, scheme, 1, given.seed) for rule in PROJECT_RULES}
        many = {
            rule: _deviation(sample, rule, scheme, SAMPLES, given.seed) for rule in PROJECT_RULES
        }
        tau = kendall_tau(list(one.values()), list(many.values()))
        taus.append(tau)
        measured[f"{scheme}, 1 schedule"] = Figure(_ranking(one))
        measured[f"{scheme}, {SAMPLES} schedules"] = Figure(_ranking(many))
        measured[f"{scheme}, Kendall's tau"] = Figure(round(tau, 2))
        given.say(f"{scheme}: tau {tau:.2f}")
    least = min(taus)
    if least >= 0.7:
        verdict = Verdict.REPRODUCED
    else:
        verdict = Verdict.PARTLY if least >= 0.4 else Verdict.NOT
    return Measurement(
        verdict=verdict,
        measured=measured,
        explanation=f"{len(sample.optima)} instances, {len(PROJECT_RULES)} rules; numbers are "
        "percent above the optimum.",
        seeds=(given.seed,),
    )


def _ranking(deviations: Mapping[str, float]) -> str:
    ordered = sorted(deviations.items(), key=lambda item: item[1])
    return ", ".join(f"{rule} {value:.2f}" for rule, value in ordered)


def kendall_tau(one: Sequence[float], other: Sequence[float]) -> float:
    """Concordant minus discordant pairs, over all pairs; ties count as neither."""
    pairs = [(i, j) for i in range(len(one)) for j in range(i)]
    if not pairs:
        return 1.0
    total = sum(int(np.sign(one[i] - one[j]) * np.sign(other[i] - other[j])) for i, j in pairs)
    return total / len(pairs)


def job_shop_rules(given: Conditions) -> Measurement:
    """One non-delay pass per rule on Taillard's job shops, for two objectives."""
    from makespan.generators import named_instance

    number = _QUICK_SHOPS if given.quick else _SHOPS
    problems = [named_instance(f"ta{k:02d}") for k in range(1, number + 1)]
    measured: dict[str, Figure] = {}
    places: dict[str, tuple[str, float]] = {}
    for kind, favourite in (
        (ObjectiveKind.MAKESPAN, "MWKR"),
        (ObjectiveKind.TOTAL_FLOW_TIME, "SPT"),
    ):
        ratios = _mean_ratios(problems, kind, given.seed)
        word = kind.value.replace("_", " ")
        ordered = sorted(ratios.items(), key=lambda item: item[1])
        measured[word] = Figure(", ".join(f"{rule} {ratio:.3f}" for rule, ratio in ordered))
        first, best = ordered[0]
        places[favourite] = first, ratios[favourite] / best - 1
        given.say(f"{word}: {measured[word]}")
    behind = {rule: gap for rule, (first, gap) in places.items() if first != rule}
    if not behind:
        verdict = Verdict.REPRODUCED
    else:
        close = len(behind) == 1 and max(behind.values()) <= 0.02
        verdict = Verdict.PARTLY if close else Verdict.NOT
    told = "; ".join(
        f"{rule} is {gap:.2%} behind {places[rule][0]}" for rule, gap in behind.items()
    )
    return Measurement(
        verdict=verdict,
        measured=measured,
        explanation=f"{number} instances; mean ratio to the best rule of each instance. "
        + (f"{told}." if told else "Both rules come first."),
        seeds=(given.seed,),
    )


def _mean_ratios(problems: Sequence[Problem], kind: ObjectiveKind, seed: int) -> dict[str, float]:
    from makespan.solvers.dispatch import find_rule
    from makespan.solvers.dispatch._runner import Attempt, Runner

    values = np.empty((len(problems), len(SHOP_RULES)))
    for i, problem in enumerate(problems):
        runner = Runner(replace(problem, objective=Objective(((ObjectiveTerm(kind),),))))
        for k, rule in enumerate(SHOP_RULES):
            if not runner.run(Attempt(find_rule(rule), scheme="parallel"), seed=seed):
                values[i, k] = np.nan
                continue
            values[i, k] = runner.objective()[0]
    ratios = values / values.min(axis=1, keepdims=True)
    return dict(zip(SHOP_RULES, ratios.mean(axis=0).tolist(), strict=True))
