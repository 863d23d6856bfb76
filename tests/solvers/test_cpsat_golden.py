"""Published optima: job shops, flexible shops, projects, and job shops with blocking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.solvers.cpsat_support import run

from makespan.core.problem import Problem
from makespan.core.vocabulary import Blocking, Status
from makespan.generators import named_instance
from makespan.io import read
from makespan.solvers.cpsat import CpSatOptions

FULL = CpSatOptions()


def numbered(pattern: str, values: str) -> dict[str, int]:
    """Names by number, from 1 on, with their published values; a dot leaves one out."""
    return {
        pattern.format(k): int(value)
        for k, value in enumerate(values.split(), start=1)
        if value != "."
    }


LAWRENCE = numbered(
    "la{:02}",
    "666 655 597 590 593 926 890 863 951 958 1222 1039 1150 1292 1207 945 784 848 842 902",
)
APPLEGATE_COOK = numbered("orb{:02}", ". 888 . 1005 887 1010 397 899 934 944")
FISHER_THOMPSON = {"ft06": 55, "ft10": 930, "ft20": 1165}
HARDER = {"orb01": 1059, "orb03": 1005}
FLEXIBLE = {
    **numbered("brandimarte/mk{:02}", "40 . 204 . . . . 523"),
    **numbered("kacem/kacem{}", "11 11 7"),
}
PROJECTS = numbered(
    "j30_{}_1",
    "43 38 72 49 53 59 55 44 83 42 54 47 58 50 46 51 64 53 40 57 84 42 63 53 "
    "93 59 43 69 85 47 43 61 65 68 57 66 79 48 55 51 86 58 55 50 82 59 58 63",
)
BLOCKING = numbered("la{:02}", "793 793 715 743 664")


def blocking(problem: Problem, code: Blocking) -> Problem:
    """The shop with every machine blocking."""
    codes = np.full(problem.resources.count, code, dtype=np.uint8)
    return replace(problem, resources=replace(problem.resources, blocking=codes))


def job_shop(data_dir: Path, name: str) -> Problem:
    """A classic job shop of the collections."""
    return read(data_dir / "jssp" / name.rstrip("0123456789") / f"{name}.txt")


def proven(problem: Problem, *, time_limit: float = 100.0) -> int:
    """Proven optimal makespan; the schedule is verified on the way."""
    result = run(problem, options=FULL, threads=2, time_limit=time_limit)
    assert result.status is Status.OPTIMAL
    return result.objectives[0]


def test_ft06_blocking_with_swap() -> None:
    """Blocking with swap: 63, proven by several published solvers."""
    assert proven(blocking(named_instance("ft06"), Blocking.SWAP)) == 63


def test_ft06_blocking_without_swap() -> None:
    """Forbidding swaps costs 6 more; proven here, kept to notice a change of meaning."""
    assert proven(blocking(named_instance("ft06"), Blocking.NO_SWAP)) == 69


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "optimum"), {**FISHER_THOMPSON, **LAWRENCE, **APPLEGATE_COOK}.items()
)
def test_job_shop(data_dir: Path, name: str, optimum: int) -> None:
    """Classic job shops are proven at the published value."""
    assert proven(job_shop(data_dir, name)) == optimum


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "optimum"), HARDER.items())
def test_harder_job_shop(data_dir: Path, name: str, optimum: int) -> None:
    """The two of the ten-by-ten shops that take longest are proven too."""
    assert proven(job_shop(data_dir, name)) == optimum


@pytest.mark.data
@pytest.mark.parametrize(("name", "optimum"), FLEXIBLE.items())
def test_flexible_job_shop(data_dir: Path, name: str, optimum: int) -> None:
    """Flexible job shops are proven at the published value."""
    assert proven(read(data_dir / "fjsp" / f"{name}.txt")) == optimum


@pytest.mark.data
@pytest.mark.slow
def test_kacem4_is_reached(data_dir: Path) -> None:
    """Ten machines for every operation: 11 is reached at once, its proof takes a minute."""
    result = run(
        read(data_dir / "fjsp" / "kacem" / "kacem4.txt"),
        options=FULL,
        threads=2,
        time_limit=15.0,
    )
    assert result.objectives == (11,)
    assert result.bounds[0] in (10, 11)


@pytest.mark.data
@pytest.mark.parametrize(("name", "optimum"), PROJECTS.items())
def test_project(data_dir: Path, name: str, optimum: int) -> None:
    """The first project of each class of j30 is proven at the published value."""
    assert proven(read(data_dir / "rcpsp" / "j30" / f"{name}.rcp")) == optimum


@pytest.mark.data
def test_larger_project(data_dir: Path) -> None:
    """A project of 60 activities that its critical path and resources close: 85."""
    assert proven(read(data_dir / "rcpsp" / "j60" / "j60_10_1.rcp")) == 85


@pytest.mark.data
@pytest.mark.parametrize(("name", "optimum"), BLOCKING.items())
def test_blocking_with_swap(data_dir: Path, name: str, optimum: int) -> None:
    """Ten jobs on five blocking machines are proven at the values OptalCP proves."""
    assert proven(blocking(job_shop(data_dir, name), Blocking.SWAP)) == optimum


@pytest.mark.data
@pytest.mark.slow
def test_ft10_blocking_with_swap(data_dir: Path) -> None:
    """1068 is proved in one to two minutes; in half a minute values and bounds enclose it."""
    result = run(
        blocking(job_shop(data_dir, "ft10"), Blocking.SWAP),
        options=FULL,
        threads=2,
        time_limit=30.0,
    )
    assert result.bounds[0] is not None
    assert result.bounds[0] <= 1068 <= result.objectives[0] <= 1.03 * 1068
