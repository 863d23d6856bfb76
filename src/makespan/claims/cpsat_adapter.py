"""System ``cpsat-adapter``: the CP-SAT model of a Problem, against published runs of CP-SAT.

Sources: L. Lan, J. Berkhout, "PyJobShop: Solving scheduling problems with constraint programming
in Python", arXiv 2502.13483, whose raw results give value, bound and seconds per instance; and the
result files of the ScheduleOpt benchmarks for job shops.
"""

from __future__ import annotations

from dataclasses import dataclass
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
_TABLES = Source(
    "ScheduleOpt benchmarks, best known solutions of job shops, flexible job shops and projects",
    "bks.json per problem, 2026",
    "https://github.com/ScheduleOpt/benchmarks",
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
_CLASSICS: Final = {
    "jssp": (*_SHOPS, *(f"la{k:02d}" for k in range(1, 21))),
    "fjsp": ("mk01", "mk03", "mk08", *(f"kacem{k}" for k in range(1, 5))),
}
"""Instances by the folder of their best-known table."""
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
        Claim(
            slug="published-optima",
            system="cpsat-adapter",
            statement="The optimal makespans of ft06, ft10, ft20, la01-la20, orb01-orb10, mk01, "
            "mk03, mk08, kacem1-kacem4 and of the PSPLIB j30 projects are those of the tables of "
            "best known solutions.",
            source=_TABLES,
            experiment="makespan.claims.cpsat_adapter:prove_published",
            measured_as=f"These 40 shops and the first project of each of the {_CLASSES} classes "
            f"of j30, at most {SHOP_SECONDS:.0f} s each on the cores of this machine; every "
            f"schedule is verified (quick, or without the collections: {len(_QUICK_SHOPS)} "
            "built-in shops).",
            tolerance="reproduced if every value is proved, equal and comes with a schedule that "
            "verifies; partly if at least 90 % are and none contradicts the table.",
            inference="Selection of the instances and the time limit are ours.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """What the engine reached on one instance."""

    optimum: int
    value: int | None
    bound: int | None
    status: Status
    seconds: float
    verified: bool

    @property
    def proved(self) -> bool:
        return self.status is Status.OPTIMAL

    @property
    def equal(self) -> bool:
        return self.value == self.optimum

    @property
    def impossible(self) -> bool:
        """Whether value or bound contradicts the published optimum."""
        return (self.value is not None and self.value < self.optimum) or (
            self.bound is not None and self.bound > self.optimum
        )

    def __str__(self) -> str:
        checked = "verified" if self.verified else "no schedule"
        return (
            f"{self.value}, bound {self.bound}, {self.status.value}, {checked}, "
            f"{self.seconds:.1f} s (published {self.optimum})"
        )


def _runs(
    problems: dict[str, tuple[Problem, int]], seconds: float, given: Conditions
) -> dict[str, _Row]:
    """Row per instance, in the order given."""
    from makespan.core.verify import verify
    from makespan.solvers.solving import solve

    rows = {}
    for name, (problem, optimum) in problems.items():
        result = solve(
            problem,
            engine="cpsat",
            time_limit=seconds,
            threads=given.threads,
            seed=given.seed,
        )
        schedule = result.schedule
        rows[name] = _Row(
            optimum,
            result.objective,
            result.bound,
            result.status,
            result.seconds,
            verified=schedule is not None and not verify(problem, schedule),
        )
        given.say(f"{name}: {rows[name]}")
    return rows


def _judge(
    problems: dict[str, tuple[Problem, int]], seconds: float, given: Conditions, *, partly: float,
    scope: str, listed: bool = False,
) -> Measurement:  # fmt: skip
    found = _runs(problems, seconds, given)
    rows, total = list(found.values()), len(problems)
    proved, equal = sum(r.proved for r in rows), sum(r.equal for r in rows)
    impossible, verified = sum(r.impossible for r in rows), sum(r.verified for r in rows)
    if impossible:
        verdict = Verdict.NOT
    elif proved == equal == total and (verified == total or not listed):
        verdict = Verdict.REPRODUCED
    else:
        verdict = Verdict.PARTLY if min(proved, equal) >= partly * total else Verdict.NOT
    measured = {
        "instances": Figure(total),
        "proved optimal": Figure(proved),
        "equal to the published optimum": Figure(equal),
        "contradicting a published optimum": Figure(impossible),
        "schedules that verify": Figure(verified),
        "longest proof": Figure(
            round(max((r.seconds for r in rows if r.proved), default=0.0), 1), "s"
        ),
        "time limit": Figure(seconds, "s"),
        "threads": Figure(given.threads),
    }
    if listed:
        measured |= {name: Figure(str(row)) for name, row in found.items()}
    return Measurement(verdict=verdict, measured=measured, explanation=scope, seeds=(given.seed,))


def prove_j30(given: Conditions) -> Measurement:
    """Solve j30 instances to proven optimality."""
    if given.data is None:
        return without_data("The PSPLIB instances j30")
    problems = _projects(given)
    return _judge(
        problems,
        QUICK_SECONDS if given.quick else PROJECT_SECONDS,
        given,
        partly=0.9,
        scope=f"{len(problems)} of 480 instances, the first of {len(problems)} classes; the others "
        "were not run. Published runs had 8 cores and 900 s.",
    )


def prove_job_shops(given: Conditions) -> Measurement:
    """Solve the Fisher-Thompson and Applegate-Cook job shops to proven optimality."""
    if given.quick or given.data is None:
        problems = _built_in()
        scope = "Built-in instances only: a sample of other, smaller instances than the source's."
    else:
        problems = _from_files(given.data, "jssp", _SHOPS)
        scope = "All 13 instances of the statement. Published runs had 4 cores and 600 s."
    limit = QUICK_SECONDS if given.quick else SHOP_SECONDS
    return _judge(problems, limit, given, partly=0.75, scope=scope)


def prove_published(given: Conditions) -> Measurement:
    """Solve classic shops and small projects to their published optima, one row per instance."""
    if given.quick or given.data is None:
        problems = _built_in()
        scope = "Built-in job shops only."
    else:
        problems = {}
        for folder, names in _CLASSICS.items():
            problems |= _from_files(given.data, folder, names)
        problems |= _projects(given)
        scope = "Instance by instance, as listed; value, proven bound, status, seconds."
    limit = QUICK_SECONDS if given.quick else SHOP_SECONDS
    return _judge(problems, limit, given, partly=0.9, scope=scope, listed=True)


def _built_in() -> dict[str, tuple[Problem, int]]:
    from makespan.generators import best_known, named_instance

    known = {name: best_known(name) for name in _QUICK_SHOPS}
    return {
        name: (named_instance(name), entry.upper)
        for name, entry in known.items()
        if entry is not None
    }


def _projects(given: Conditions) -> dict[str, tuple[Problem, int]]:
    if given.data is None:
        return {}
    names = first_of_each_class(given, "j30", _CLASSES, _QUICK_CLASSES)
    return _from_files(given.data, "rcpsp", tuple(names))


def _from_files(data: Path, folder: str, names: tuple[str, ...]) -> dict[str, tuple[Problem, int]]:
    """Problem and published optimum of each name in a folder of the collections."""
    from makespan.io import read

    published = table(data, f"{folder}/best_known.json")
    return {
        name: (read(next((data / folder).glob(f"*/{name}.*"))), int(published[name]["ub"]))
        for name in names
    }
