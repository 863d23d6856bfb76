"""Every file of the public instance collections: detected, read, and in line with known results.

Best known makespans and critical paths come from the collections' own result files, which were
made by other programs; what a reader got wrong would show as a bound that a solution breaks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from makespan.core.problem import Problem
from makespan.core.validation import validate
from makespan.core.vocabulary import ResourceKind
from makespan.io import detect, read
from makespan.io.files import load_from

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class Collection:
    """A folder of instances.

    Attributes
    ----------
    files
        How many there are; 0 files in a partial copy of the data are skipped.
    form
        Format in which all of them are.
    known
        Whether the best known makespan of each is given.
    """

    folder: str
    files: int
    form: str
    known: bool = True


COLLECTIONS = [
    Collection("jssp", 192, "jsplib"),
    Collection("jssp-reentrant/bel", 20, "bel"),
    Collection("jssp-reentrant/dct", 12, "dct"),
    Collection("fjsp", 324, "fjsplib"),
    Collection("fajsp", 50, "fajsp", known=False),
    Collection("ossp", 192, "openshop", known=False),
    Collection("pfsp", 120, "flowshop"),
    Collection("rcpsp/j30", 480, "patterson"),
    Collection("rcpsp/j60", 480, "patterson"),
    Collection("rcpsp/j120", 600, "patterson"),
]


@cache
def results(path: Path) -> dict[str, dict[str, object]]:
    """Known results by instance; none if there is no file of them."""
    if not path.is_file():
        return {}
    found: dict[str, dict[str, object]] = json.loads(path.read_text())["instances"]
    return found


def known(data: Path, file: Path) -> dict[str, object]:
    """What is known of one instance under the name that the result files use."""
    room = file.relative_to(data).parts[0].removesuffix("-reentrant")
    table = results(data / room / "best_known.json")
    name = file.stem.lower()
    if file.parent.parent.name == "hurink":
        name += f"_{file.parent.name}"
    return table.get(name) or table.get(f"dct-{name}") or table.get(f"dpp{name}", {})


def files(data: Path, collection: Collection) -> Iterator[Path]:
    """Instance files of a collection, in order."""
    for path in sorted((data / collection.folder).rglob("*")):
        if path.is_file() and path.suffix != ".json":
            yield path


def shortest(problem: Problem) -> np.ndarray:
    """Shortest duration of each task."""
    return np.minimum.reduceat(problem.modes.duration, problem.tasks.mode_ptr[:-1])


def critical_path(problem: Problem) -> int:
    """Longest chain of shortest durations along the precedences, by repeated relaxation."""
    length = shortest(problem)
    relation = problem.precedences
    order = np.argsort(relation.source, kind="stable")
    if (relation.source < relation.target).all():
        start = [0] * len(length)
        size = length.tolist()
        for a, b in zip(
            relation.source[order].tolist(), relation.target[order].tolist(), strict=True
        ):
            start[b] = max(start[b], start[a] + size[a])
        return int((np.array(start) + length).max())
    begin = np.zeros(len(length), dtype=np.int64)
    for _ in range(len(length) + 1):
        later = begin.copy()
        np.maximum.at(later, relation.target, begin[relation.source] + length[relation.source])
        if np.array_equal(later, begin):
            return int((begin + length).max())
        begin = later
    raise AssertionError("the precedences have a cycle")


def job_bound(problem: Problem) -> int:
    """Longest job, its tasks one after the other."""
    if not problem.jobs.count or not problem.no_overlaps.count:
        return 0
    return int(np.add.reduceat(shortest(problem), problem.jobs.task_ptr[:-1]).max())


def load_bound(problem: Problem) -> int:
    """Largest amount of work on a resource over its capacity, or all work over all machines."""
    modes, resources = problem.modes, problem.resources
    if modes.count > problem.tasks.count:
        return -(-int(shortest(problem).sum()) // resources.count)
    energy = modes.duration[modes.demand_mode()] * modes.demand_amount
    load = np.zeros(resources.count, dtype=np.int64)
    np.add.at(load, modes.demand_resource, energy)
    used = load > 0
    return int((-(-load[used] // resources.capacity[used])).max())


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda c: c.folder)
def test_every_instance_is_read_and_agrees_with_known_results(
    data_dir: Path, collection: Collection
) -> None:
    """Format, validity, counts, and trivial bounds that no known solution beats."""
    paths = list(files(data_dir, collection))
    if not paths:
        pytest.skip(f"no instances in {collection.folder}")
    compared = 0
    for path in paths:
        text = load_from(path)
        assert detect(text) == collection.form, path
        problem = read(path)
        validate(problem)
        assert problem.name == path.stem
        assert (problem.modes.duration >= 0).all()
        bound = max(critical_path(problem), job_bound(problem), load_bound(problem))
        assert bound > 0, path
        facts = known(data_dir, path)
        if facts:
            compared += 1
            assert bound <= int(str(facts["ub"])), path
        if "cpm" in facts:
            assert critical_path(problem) == facts["cpm"], path
        if problem.resources.kind[0] == ResourceKind.RENEWABLE:
            amounts, places = problem.modes.demand_amount, problem.modes.demand_resource
            assert (amounts <= problem.resources.capacity[places]).all(), path
        # Two sizes in the table of flexible job shops are wrong; the files agree with the papers.
        if "jobs" in facts and path.stem not in {"fattahi6", "kacem1"}:
            assert (problem.jobs.count, problem.resources.count) == (
                facts["jobs"],
                facts["machines"],
            ), path
    assert len(paths) == collection.files
    assert compared == (len(paths) if collection.known else 0)


@pytest.mark.parametrize(
    ("file", "tasks", "jobs", "resources", "work"),
    [
        ("jssp/ft/ft06.txt", 36, 6, 6, 197),
        ("fjsp/brandimarte/mk01.txt", 55, 10, 6, None),
        ("rcpsp/j30/j30_10_1.rcp", 32, 0, 4, 164),
        ("pfsp/taillard/tfs001.txt", 100, 20, 5, None),
        ("ossp/gueret-prins/gp03-01.txt", 9, 3, 3, 3000),
        ("fajsp/birgin/DAFJS01.txt", 26, 4, 5, None),
    ],
)
def test_sizes_of_known_instances(
    data_dir: Path, file: str, tasks: int, jobs: int, resources: int, work: int | None
) -> None:
    """Counts, and the sum of durations where it is known, of one instance per collection."""
    problem = read(data_dir / file)
    assert problem.tasks.count == tasks
    assert problem.jobs.count == jobs
    assert problem.resources.count == resources
    if work is not None:
        assert int(problem.modes.duration.sum()) == work


def test_open_shops_of_gueret_and_prins_have_equal_loads(data_dir: Path) -> None:
    """Every machine and every job of that collection has exactly 1000 ticks of work."""
    for path in sorted((data_dir / "ossp" / "gueret-prins").glob("*.txt")):
        problem = read(path)
        assert job_bound(problem) == load_bound(problem) == 1000, path
        assert int(problem.modes.duration.sum()) == 1000 * problem.jobs.count


def test_reentrant_shops_of_da_col_and_teppan_are_as_long_as_their_fullest_machine(
    data_dir: Path,
) -> None:
    """Their optimum was built in: 600000, the load of a machine."""
    for path in sorted((data_dir / "jssp-reentrant" / "dct").iterdir()):
        assert load_bound(read(path)) == 600_000 == known(data_dir, path)["ub"], path
