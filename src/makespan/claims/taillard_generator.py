"""System ``taillard-generator``: the published seeds give the published instances.

Source: E. Taillard, "Benchmarks for basic scheduling problems", European Journal of Operational
Research 64 (1993) 278-285. The random number generator is checked against the value that S. K.
Park and K. W. Miller publish for it, "Random number generators: good ones are hard to find",
Communications of the ACM 31 (1988) 1192-1201.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from makespan.claims.outcome import Conditions, Figure, Measurement, Verdict
from makespan.claims.published import without_data
from makespan.core.registry import Claim, Source, System

if TYPE_CHECKING:
    from pathlib import Path

    from makespan.core.problem import Problem

_TAILLARD = Source(
    "Taillard 1993, Benchmarks for basic scheduling problems",
    "doi:10.1016/0377-2217(93)90182-M",
)
_PARK_MILLER = Source(
    "Park & Miller 1988, Random number generators: good ones are hard to find",
    "doi:10.1145/63039.63042",
)

_STEPS: Final = 10_000
_STATE_AFTER_STEPS: Final = 1_043_618_065

SYSTEM = System(
    slug="taillard-generator",
    title="Taillard's job, flow and open shops from their seeds",
    source=_TAILLARD,
    room="generators",
    summary="Makes every instance of the paper, and any other size, from two seeds, so that no "
    "benchmark file has to be shipped.",
    entry_points=(
        "makespan.generators:taillard_job_shop",
        "makespan.generators:taillard_flow_shop",
        "makespan.generators:taillard_open_shop",
    ),
    claims=(
        Claim(
            slug="minimal-standard",
            system="taillard-generator",
            statement="The generator x <- 16807 x mod (2^31 - 1), started at 1, stands at "
            f"{_STATE_AFTER_STEPS} after {_STEPS} steps.",
            source=_PARK_MILLER,
            experiment="makespan.claims.taillard_generator:check_generator",
            measured_as=f"{_STEPS} steps of our generator from seed 1.",
            tolerance="reproduced if the state is equal.",
            inference="Taillard's paper describes the generator; the check value is Park and "
            "Miller's.",
        ),
        Claim(
            slug="published-seeds",
            system="taillard-generator",
            statement="The published seeds define the 80 job shops, 120 flow shops and 60 open "
            "shops that circulate as files.",
            source=_TAILLARD,
            experiment="makespan.claims.taillard_generator:compare_files",
            measured_as="Every instance is generated and compared with its file, number by number "
            "(quick: every tenth).",
            tolerance="reproduced if all are equal; partly if at least 95 % are.",
            inference="The files are the copies in the ScheduleOpt benchmarks.",
        ),
    ),
)


def check_generator(given: Conditions) -> Measurement:
    """Step our generator ten thousand times from seed 1."""
    from makespan.generators.taillard import Lehmer

    generator = Lehmer(1)
    for _ in range(_STEPS):
        generator.integer(1, 99)
    given.say(f"state after {_STEPS} steps: {generator.state}")
    equal = generator.state == _STATE_AFTER_STEPS
    return Measurement(
        verdict=Verdict.REPRODUCED if equal else Verdict.NOT,
        measured={f"state after {_STEPS} steps": Figure(generator.state)},
        explanation="Our generator reaches the published check value."
        if equal
        else f"The published value is {_STATE_AFTER_STEPS}.",
        seeds=(1,),
    )


def compare_files(given: Conditions) -> Measurement:
    """Compare every generated instance with the file of that name."""
    if given.data is None:
        return without_data("The files of Taillard's instances")
    from makespan.generators import instance_names, named_instance
    from makespan.io import read

    names = [n for n in instance_names() if n.startswith(("ta", "tfs", "tos"))]
    if given.quick:
        names = names[::10]
    compared, equal = 0, 0
    differing: list[str] = []
    absent: list[str] = []
    for name in names:
        path = _file_of(given.data, name)
        if path is None:
            absent.append(name)
            continue
        compared += 1
        if _same(named_instance(name), read(path)):
            equal += 1
        else:
            differing.append(name)
    given.say(f"{equal} of {compared} equal")
    if not compared:
        return without_data("The files of Taillard's instances")
    enough = equal >= 0.95 * compared
    verdict = Verdict.REPRODUCED if equal == compared else Verdict.PARTLY
    return Measurement(
        verdict=verdict if enough else Verdict.NOT,
        measured={
            "files compared": Figure(compared),
            "equal": Figure(equal),
            "without a file": Figure(len(absent)),
        },
        explanation="Durations and machine orders agree number by number."
        if not differing
        else f"Different: {', '.join(differing[:8])}.",
    )


def _file_of(data: Path, name: str) -> Path | None:
    if name.startswith("tfs"):
        pattern, folder = f"{name}*", data / "pfsp" / "taillard"
    elif name.startswith("tos"):
        pattern, folder = f"ta{name[3:]}os.*", data / "ossp" / "taillard"
    else:
        pattern, folder = f"{name}js.*", data / "jssp" / "ta"
    return next(iter(sorted(folder.glob(pattern))), None)


def _same(one: Problem, other: Problem) -> bool:
    """Whether jobs have the same durations on the same machines in the same order."""
    return (
        np.array_equal(one.jobs.task_ptr, other.jobs.task_ptr)
        and np.array_equal(one.jobs.task, other.jobs.task)
        and np.array_equal(one.modes.duration, other.modes.duration)
        and np.array_equal(one.modes.demand_resource, other.modes.demand_resource)
    )
