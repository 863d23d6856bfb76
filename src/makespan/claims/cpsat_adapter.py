"""System ``cpsat-adapter``: the CP-SAT model of a Problem, against published runs of CP-SAT.

Sources: L. Lan, J. Berkhout, "PyJobShop: Solving scheduling problems with constraint programming
in Python", arXiv 2502.13483, whose raw results give value, bound and seconds per instance; and the
result files of the ScheduleOpt benchmarks for job shops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.published import first_of_each_class, table, without_data
from makespan.core.registry import Claim, Source, System
from makespan.core.vocabulary import Status

if TYPE_CHECKING:
    from pathlib import Path

    from makespan.core.problem import Problem

_PYJOBSHOP = Source(
    "Lan & Berkhout 2025, PyJobShop: solving scheduling problems with constraint programming in "
    "Python",
    "arXiv 2502.13483",
    "https://arxiv.org/abs/2502.13483",
)
_SCHEDULEOPT = Source(
    "ScheduleOpt benchmarks, results of CP-SAT 9.15 on job shops",
    "jobshop/solutions, 2026",
    "https://github.com/ScheduleOpt/benchmarks",
)

PROJECT_SECONDS: Final = 60.0
SHOP_SECONDS: Final = 120.0
QUICK_SECONDS: Final = 5.0
_CLASSES: Final = 48
_QUICK_CLASSES: Final = 8
_SHOPS: Final = ("ft06", "ft10", "ft20", *(f"orb{k:02d}" for k in range(1, 11)))
_QUICK_SHOPS: Final = ("ft06", "ft10", "la01", "la02", "la03", "la04", "la05")

SYSTEM = System(
    slug="cpsat-adapter",
    title="Exact solving: every Problem as one CP-SAT model",
    source=_PYJOBSHOP,
    room="solvers",
    summary="Translates tasks, modes, resources, calendars, setups, blocking and every objective "
    "into a CP-SAT model with complete hints, and its answer back into a verified schedule.",
    entry_points=("makespan.solvers.cpsat:CpSatSolver",),
    claims=(
        Claim(
            slug="psplib-j30-proved",
            system="cpsat-adapter",
            statement="OR-Tools CP-SAT proves the optimum of all 480 PSPLIB j30 instances, within "
            "900 s on 8 cores.",
            source=_PYJOBSHOP,
            experiment="makespan.claims.cpsat_adapter:prove_j30",
            measured_as=f"The first instance of each of the {_CLASSES} classes of j30, at most "
            f"{PROJECT_SECONDS:.0f} s each on the cores of this machine (quick: {_QUICK_CLASSES} "
            f"of them, {QUICK_SECONDS:.0f} s).",
            tolerance="reproduced if every instance of the sample is proved and has the published "
            "optimum; partly if at least 90 % are and no value contradicts a published optimum.",
            inference="The sample of one instance per class and the shorter limit are ours; the "
            "other 432 instances are not run.",
        ),
        Claim(
            slug="classic-job-shops-proved",
            system="cpsat-adapter",
            statement="CP-SAT 9.15 proves the optimum of ft06, ft10, ft20 and orb01-orb10, within "
            "600 s on 4 cores.",
            source=_SCHEDULEOPT,
            experiment="makespan.claims.cpsat_adapter:prove_job_shops",
            measured_as=f"The same 13 instances, at most {SHOP_SECONDS:.0f} s each on the cores of "
            f"this machine (quick, or without the collections: ft06, ft10 and la01-la05).",
            tolerance="reproduced if all are proved and equal the published optima; partly if at "
            "least 75 % are.",
            inference="The shorter limit is ours, and so is the replacement sample of built-in "
            "instances.",
        ),
    ),
)


def _proofs(
    problems: dict[str, tuple[Problem, int]], seconds: float, given: Conditions
) -> tuple[int, int, int, float]:
    """Numbers of proved, published and impossible values, and the longest time of a proof."""
    from makespan.solvers.solving import solve

    proved = equal = impossible = 0
    longest = 0.0
    for name, (problem, optimum) in problems.items():
        result = solve(
            problem,
            engine="cpsat",
            time_limit=seconds,
            threads=given.threads,
            seed=given.seed,
        )
        value = result.objective
        proved += result.status is Status.OPTIMAL
        equal += value == optimum
        impossible += (value is not None and value < optimum) or (
            result.bound is not None and result.bound > optimum
        )
        if result.status is Status.OPTIMAL:
            longest = max(longest, result.seconds)
        given.say(
            f"{name}: {result.status.value} {value} (published {optimum}), {result.seconds:.1f} s"
        )
    return proved, equal, impossible, longest


def _judge(
    problems: dict[str, tuple[Problem, int]], seconds: float, given: Conditions, *, partly: float,
    scope: str,
) -> Measurement:  # fmt: skip
    proved, equal, impossible, longest = _proofs(problems, seconds, given)
    total = len(problems)
    if impossible:
        verdict = Verdict.NOT
    elif proved == equal == total:
        verdict = Verdict.REPRODUCED
    else:
        verdict = Verdict.PARTLY if min(proved, equal) >= partly * total else Verdict.NOT
    return Measurement(
        verdict=verdict,
        measured={
            "instances": Figure(total),
            "proved optimal": Figure(proved),
            "equal to the published optimum": Figure(equal),
            "contradicting a published optimum": Figure(impossible),
            "longest proof": Figure(round(longest, 1), "s"),
            "time limit": Figure(seconds, "s"),
            "threads": Figure(given.threads),
        },
        explanation=scope,
        seeds=(given.seed,),
    )


def prove_j30(given: Conditions) -> Measurement:
    """Solve j30 instances to proven optimality."""
    if given.data is None:
        return without_data("The PSPLIB instances j30")
    from makespan.io import read

    published = table(given.data, "rcpsp/best_known.json")
    names = first_of_each_class(given, "j30", _CLASSES, _QUICK_CLASSES)
    problems = {
        name: (read(given.data / "rcpsp" / "j30" / f"{name}.rcp"), int(published[name]["ub"]))
        for name in names
    }
    return _judge(
        problems,
        QUICK_SECONDS if given.quick else PROJECT_SECONDS,
        given,
        partly=0.9,
        scope=f"{len(names)} of 480 instances, the first of {len(names)} classes; the others were "
        "not run. Published runs had 8 cores and 900 s.",
    )


def prove_job_shops(given: Conditions) -> Measurement:
    """Solve the Fisher-Thompson and Applegate-Cook job shops to proven optimality."""
    from makespan.generators import best_known, named_instance

    problems: dict[str, tuple[Problem, int]] = {}
    if given.quick or given.data is None:
        for name in _QUICK_SHOPS:
            known = best_known(name)
            if known is not None:
                problems[name] = (named_instance(name), known.upper)
        scope = "Built-in instances only: a sample of other, smaller instances than the source's."
    else:
        published = table(given.data, "jssp/best_known.json")
        for name in _SHOPS:
            problems[name] = (_job_shop(given.data, name), int(published[name]["ub"]))
        scope = "All 13 instances of the statement. Published runs had 4 cores and 600 s."
    limit = QUICK_SECONDS if given.quick else SHOP_SECONDS
    return _judge(problems, limit, given, partly=0.75, scope=scope)


def _job_shop(data: Path, name: str) -> Problem:
    from makespan.io import read

    family = name.rstrip("0123456789")
    return read(next((data / "jssp" / family).glob(f"{name}*")))
