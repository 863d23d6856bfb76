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


def blocking(problem: Problem, code: Blocking) -> Problem:
    """The shop with every machine blocking."""
    codes = np.full(problem.resources.count, code, dtype=np.uint8)
    return replace(problem, resources=replace(problem.resources, blocking=codes))


def proven(problem: Problem, *, time_limit: float = 100.0) -> int:
    """Proven optimal makespan."""
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
    ("file", "optimum"),
    [
        ("jssp/la/la01.txt", 666),
        ("jssp/la/la02.txt", 655),
        ("jssp/la/la03.txt", 597),
        ("jssp/la/la04.txt", 590),
        ("jssp/la/la05.txt", 593),
        ("fjsp/kacem/kacem1.txt", 11),
        ("fjsp/brandimarte/mk01.txt", 40),
        ("fjsp/brandimarte/mk03.txt", 204),
        ("rcpsp/j30/j30_10_1.rcp", 42),
        ("rcpsp/j60/j60_10_1.rcp", 85),
    ],
)
def test_published_optimum(data_dir: Path, file: str, optimum: int) -> None:
    """Quick instances of each family are proven at the published value."""
    assert proven(read(data_dir / file)) == optimum


@pytest.mark.data
@pytest.mark.slow
def test_ft10() -> None:
    """The classic that stayed open for 25 years: 930."""
    assert proven(named_instance("ft10")) == 930


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "optimum"), [("la01", 793), ("la02", 793), ("la03", 715), ("la04", 743), ("la05", 664)]
)
def test_blocking_with_swap(data_dir: Path, name: str, optimum: int) -> None:
    """Published values for blocking job shops with swap (OptalCP, within half an hour)."""
    problem = blocking(read(data_dir / "jssp" / "la" / f"{name}.txt"), Blocking.SWAP)
    result = run(problem, options=FULL, threads=2, time_limit=60.0)
    assert result.bounds[0] is not None
    assert result.bounds[0] <= optimum <= result.objectives[0]
    assert result.objectives[0] <= 1.03 * optimum
