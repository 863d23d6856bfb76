"""System ``blocking-job-shop``: job shops without buffers, with swaps, solved exactly.

Source: the blocking job shop runs of OptalCP 0.9.2 and CP Optimizer 22.1 (1800 s, 4 cores) in the
OptalCP benchmarks. A job that finished an operation keeps its machine until the next machine
takes it; jobs that wait for one another's machines may exchange them at one instant; the last
operation of a job does not block.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.core.registry import Claim, Source, System
from makespan.core.vocabulary import Blocking, Status

if TYPE_CHECKING:
    from makespan.core.problem import Problem

_OPTALCP = Source(
    "OptalCP benchmarks, blocking job shop",
    "results of OptalCP 0.9.2 and CP Optimizer 22.1",
    "https://github.com/ScheduleOpt/optalcp-benchmarks",
)

PUBLISHED: Final = {
    "ft06": 63,
    "la01": 793,
    "la02": 793,
    "la03": 715,
    "la04": 743,
    "la05": 664,
    "ft10": 1068,
}
"""Optimal makespans with swaps allowed."""

SECONDS: Final = 300.0
QUICK_SECONDS: Final = 20.0
_QUICK: Final = ("ft06",)

SYSTEM = System(
    slug="blocking-job-shop",
    title="Blocking job shops, with and without swaps",
    source=_OPTALCP,
    room="solvers",
    summary="Machines without buffers: occupancy lasts until the job's next machine takes it. "
    "With swaps a cycle of jobs may move at one instant; without, moves must be orderable.",
    entry_points=(
        "makespan.core.vocabulary:Blocking",
        "makespan.solvers.cpsat:CpSatSolver",
    ),
    claims=(
        Claim(
            slug="swap-optima",
            system="blocking-job-shop",
            statement="With swaps the optimal makespans are ft06 63, la01 793, la02 793, la03 715, "
            "la04 743, la05 664, ft10 1068.",
            source=_OPTALCP,
            experiment="makespan.claims.blocking_job_shop:solve_with_swaps",
            measured_as=f"The seven instances with every task blocking, solved by CP-SAT, at most "
            f"{SECONDS:.0f} s each (quick: ft06 only).",
            tolerance="reproduced if every value is proved and equal; partly if at least one is "
            "equal and none is contradicted. A proved value that differs, or a better one, "
            "refutes the claim.",
        ),
        Claim(
            slug="swaps-only-help",
            system="blocking-job-shop",
            statement="Forbidding swaps can only lengthen the best schedule: every schedule "
            "without them is one with them.",
            source=Source("Mascis & Pacciarelli 2002, Job-shop scheduling with blocking and "
                          "no-wait constraints", "doi:10.1016/S0377-2217(01)00338-1"),
            experiment="makespan.claims.blocking_job_shop:compare_variants",
            measured_as="ft06 solved to proven optimality three times: with buffers, blocking with "
            "swaps, blocking without.",
            tolerance="reproduced if buffers <= swaps <= no swaps, all three proved.",
            inference="The inequality follows from the definitions; the source defines the two "
            "variants. The instance is ours to choose.",
        ),
    ),
)  # fmt: skip


def blocking_variant(problem: Problem, kind: Blocking) -> Problem:
    """The same shop with every task blocking."""
    codes = np.full(problem.tasks.count, kind, dtype=np.uint8)
    return replace(problem, tasks=replace(problem.tasks, blocking=codes))


def solve_with_swaps(given: Conditions) -> Measurement:
    """Solve the blocking variants of small classic job shops."""
    from makespan.generators import named_instance
    from makespan.solvers.solving import solve

    limit = QUICK_SECONDS if given.quick else SECONDS
    names = _QUICK if given.quick else tuple(PUBLISHED)
    proved, equal, refuted = 0, 0, 0
    measured: dict[str, Figure] = {}
    for name in names:
        problem = blocking_variant(named_instance(name), Blocking.SWAP)
        result = solve(
            problem, engine="cpsat", time_limit=limit, threads=given.threads, seed=given.seed
        )
        value, optimum = result.objective, PUBLISHED[name]
        optimal = result.status is Status.OPTIMAL
        proved += optimal
        equal += value == optimum
        refuted += (value is not None and value < optimum) or (optimal and value != optimum)
        measured[f"{name} (published {optimum})"] = Figure(
            f"{value}, {'proved' if optimal else f'bound {result.bound}'}, {result.seconds:.1f} s"
        )
        given.say(f"{name}: {result.status.value} {value} (published {optimum})")
    total = len(names)
    measured["proved and equal"] = Figure(f"{min(proved, equal)} of {total}")
    if refuted or not equal:
        verdict = Verdict.NOT
    else:
        verdict = Verdict.REPRODUCED if proved == equal == total else Verdict.PARTLY
    return Measurement(
        verdict=verdict,
        measured=measured,
        explanation=f"{proved} of {total} proved and {equal} of {total} equal within {limit:.0f} s "
        f"on {given.threads} threads.",
        seeds=(given.seed,),
    )


def compare_variants(given: Conditions) -> Measurement:
    """Optima of ft06 with buffers, with swaps and without swaps."""
    from makespan.generators import named_instance
    from makespan.solvers.solving import solve

    problem = named_instance("ft06")
    limit = QUICK_SECONDS if given.quick else SECONDS
    values: list[int | None] = []
    proved = True
    measured: dict[str, Figure] = {}
    for what, kind in (
        ("with buffers", Blocking.NONE),
        ("blocking, swaps allowed", Blocking.SWAP),
        ("blocking, no swaps", Blocking.NO_SWAP),
    ):
        result = solve(
            blocking_variant(problem, kind),
            engine="cpsat",
            time_limit=limit,
            threads=given.threads,
            seed=given.seed,
        )
        proved = proved and result.status is Status.OPTIMAL
        values.append(result.objective)
        measured[what] = Figure("none" if result.objective is None else result.objective, "ticks")
        given.say(f"ft06 {what}: {result.status.value} {result.objective}")
    found = [value for value in values if value is not None]
    ordered = len(found) == len(values) and found == sorted(found)
    if not proved:
        verdict = Verdict.PARTLY if ordered else Verdict.UNCONFIRMED
    else:
        verdict = Verdict.REPRODUCED if ordered else Verdict.NOT
    return Measurement(
        verdict=verdict,
        measured=measured,
        explanation="All three optima are proved."
        if proved
        else f"Not every optimum was proved within {limit:.0f} s.",
        seeds=(given.seed,),
    )
