"""Windows of a schedule that are placed anew, and right-justification."""

from __future__ import annotations

import numpy as np
import pytest
from tests.solvers.local.project.project_support import plain_serial, project_of, random_list

from makespan import solve
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray
from makespan.generators import random_rcpsp
from makespan.solvers.local.project.network import Project
from makespan.solvers.local.project.windows import right_justified, shorten


def listed(project: Project, seed: int) -> tuple[IntArray, IntArray, int]:
    """Starts of a random list, modes, and makespan."""
    mode = project.network.mode_ptr[:-1].copy()
    order = random_list(project, np.random.default_rng(seed))
    finish = np.array(plain_serial(project, order, mode, project.network.ready))
    return finish - project.network.duration[mode], mode, int(finish.max())


@pytest.mark.parametrize("seed", range(5))
def test_right_justified_schedules_verify(seed: int) -> None:
    """No activity moves left, none ends after the end, and all constraints hold."""
    problem = random_rcpsp(25, seed=seed, strength=0.2)
    project = project_of(problem)
    start, mode, end = listed(project, seed)
    late = right_justified(project, start, mode, end)
    assert (late >= start).all()
    assert verify(problem, project.schedule(late, mode)) == []
    assert (late + project.network.duration[mode]).max() == end


@pytest.mark.parametrize("seed", range(3))
def test_with_all_activities_free_the_optimum_is_reached(seed: int) -> None:
    """Shortening tick by tick ends where the exact engine proves that it must."""
    problem = random_rcpsp(14, seed=seed, strength=0.1)
    project = project_of(problem)
    start, mode, end = listed(project, seed)
    while True:
        late = right_justified(project, start, mode, end)
        found = shorten(project, start, late, mode, np.arange(project.count), 100.0, lambda: False)
        if found is None:
            break
        start = found
        assert verify(problem, project.schedule(start, mode)) == []
        assert (start + project.network.duration[mode]).max() < end
        end = int((start + project.network.duration[mode]).max())
    proof = solve(problem, engine="cpsat", time_limit=20, threads=1)
    assert proof.objectives == proof.bounds == (end,)


def test_windows_keep_what_is_outside() -> None:
    """A shortened schedule verifies; activities outside keep their places or move by a tick."""
    improved = 0
    for seed in range(12):
        problem = random_rcpsp(30, seed=seed, strength=0.1)
        project = project_of(problem)
        start, mode, end = listed(project, seed)
        late = right_justified(project, start, mode, end)
        free = np.argsort(start + late, kind="stable")[8:22]
        found = shorten(project, start, late, mode, free, 1.0, lambda: False)
        if found is None:
            continue
        improved += 1
        assert verify(problem, project.schedule(found, mode)) == []
        assert (found + project.network.duration[mode]).max() <= end - 1
        fixed = np.setdiff1d(np.arange(30), free)
        assert ((found == start) | (found == late - 1))[fixed].all()
    assert improved > 0


def test_stop_is_heard() -> None:
    """A search that is over before it begins finds nothing or what is there at once."""
    project = project_of(random_rcpsp(60, seed=1, strength=0.1))
    start, mode, end = listed(project, 1)
    late = right_justified(project, start, mode, end)
    shorten(project, start, late, mode, np.arange(60), 1e9, lambda: True)
