"""What the engines are measured on: named sets of instances, from files or made from seeds.

A family of the collections is whatever its folder holds, in natural order. Taillard's instances
are made from his published seeds, and random sets from theirs, so those run anywhere. Nothing here
knows how good a schedule can be; see :mod:`benchmarks.peers.known` for that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from makespan.core.problem import Problem
from makespan.generators import (
    named_instance,
    random_due_date_job_shop,
    random_job_shop,
    random_single_machine,
)
from makespan.io import read

SHOP, FLEXIBLE, PROJECT = "job shop", "flexible job shop", "project"
FLOW, OPEN = "flow shop", "open shop"
DUE, SINGLE = "job shop with due dates", "single machine"


def collections_folder() -> Path:
    """Folder of the instance collections, whether or not it exists."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("MAKESPAN_DATA") or default) / "scheduling"


@dataclass(frozen=True, slots=True)
class Instance:
    """One problem to solve.

    Attributes
    ----------
    kind
        What it is a case of, e.g. "job shop".
    make
        Reads or makes the problem.
    table, key
        Where its best-known value stands: a folder of the collections or "named" for the table
        of the named instances, and the name there; both empty if it is in none.
    """

    name: str
    kind: str
    make: Callable[[], Problem]
    table: str = ""
    key: str = ""


def natural(name: str) -> list[tuple[int, int, str]]:
    """Key that sorts la2 before la10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]


def from_folder(
    kind: str, folder: str, key: Callable[[str], str] = lambda stem: stem
) -> list[Instance]:
    """Every instance in a folder of the collections; none if the folder is absent."""
    place = collections_folder() / folder
    table = folder.split("/", maxsplit=1)[0].removesuffix("-reentrant")
    files = [f for f in place.glob("*") if f.suffix != ".json"] if place.is_dir() else []
    return [
        Instance(file.stem, kind, partial(read, file), table, key(file.stem))
        for file in sorted(files, key=lambda file: natural(file.stem))
    ]


def named(kind: str, names: Iterable[str]) -> list[Instance]:
    """Instances built in by name."""
    return [Instance(n, kind, partial(named_instance, n), "named", n) for n in names]


def _hurink(variant: str) -> list[Instance]:
    found = from_folder(FLEXIBLE, f"fjsp/hurink/{variant}", lambda stem: f"{stem}_{variant}")
    return [replace(i, name=i.key) for i in found]


def _first_of_each(family: str) -> list[Instance]:
    """The first instance of each parameter class of PSPLIB, ``j120_k_1``."""
    return [i for i in _project(family) if i.name.endswith("_1")]


def spread(found: list[Instance], count: int) -> list[Instance]:
    """``count`` instances at equal distances, the same ones every time."""
    if len(found) <= count:
        return found
    return [found[(2 * k + 1) * len(found) // (2 * count)] for k in range(count)]


def _open_ones(family: str) -> list[Instance]:
    from benchmarks.peers.known import best_known

    return [i for i in _project(family) if (k := best_known(i)) and k.lower != k.value]


def _sample(family: str) -> list[Instance]:
    """All open instances and thirty closed ones, spread over the classes."""
    undecided = {i.name for i in _open_ones(family)}
    found = _project(family)
    closed = spread([i for i in found if i.name not in undecided], 30)
    chosen = undecided | {i.name for i in closed}
    return [i for i in found if i.name in chosen]


def _project(family: str) -> list[Instance]:
    return from_folder(PROJECT, f"rcpsp/{family}")


def _due_dates() -> list[Instance]:
    """Thirty job shops, weighted tardiness, at the tightest and loosest of Singer and Pinedo."""
    return [
        Instance(
            f"due {jobs}x{machines} f{tightness} s{seed}",
            DUE,
            partial(random_due_date_job_shop, jobs, machines, seed=seed, tightness=tightness),
        )
        for jobs, machines in ((10, 10), (20, 5), (20, 10), (30, 10), (50, 10))
        for tightness in (1.3, 1.6)
        for seed in (1, 2, 3)
    ]


def _single_machine() -> list[Instance]:
    """The hard middle of the (T, R) grid of Potts and Van Wassenhove, four sizes."""
    return [
        Instance(
            f"single {jobs} T{late} R{wide}",
            SINGLE,
            partial(random_single_machine, jobs, seed=1, tardiness_factor=late, due_range=wide),
        )
        for jobs in (40, 100, 300, 1000)
        for late, wide in ((0.4, 0.2), (0.6, 0.4), (0.6, 0.8), (0.8, 0.4), (1.0, 0.2))
    ]


def _large(jobs: int, machines: int, seeds: Iterable[int]) -> list[Instance]:
    """Job shops as Da Col and Teppan make their largest: times U[1, 1000], random routes.

    G. Da Col and E. C. Teppan, "Industrial-size job shop scheduling with constraint programming",
    Operations Research Perspectives 9 (2022): sizes 10, 100 and 1000 in each direction, every job
    on every machine once. The random numbers are not theirs.
    """
    return [
        Instance(
            f"large {jobs}x{machines} s{seed}",
            SHOP,
            partial(random_job_shop, jobs, machines, seed=seed, low=1, high=1000),
        )
        for seed in seeds
    ]


def _mixed() -> list[Instance]:
    from benchmarks.peers.mixed import mixed

    return mixed()


_OPEN_SIZES = (4, 5, 7, 10, 15, 20)

SETS: dict[str, Callable[[], list[Instance]]] = {
    **{
        family: partial(from_folder, SHOP, f"jssp/{family}")
        for family in ("ft", "la", "abz", "orb", "swv", "yn", "dmu", "tai")
    },
    "ta": lambda: named(SHOP, (f"ta{k:02}" for k in range(1, 81))),
    "bel": lambda: from_folder(SHOP, "jssp-reentrant/bel"),
    "dct": lambda: from_folder(SHOP, "jssp-reentrant/dct", lambda stem: f"dct-{stem}"),
    **{
        family: partial(from_folder, FLEXIBLE, f"fjsp/{family}")
        for family in ("brandimarte", "barnes", "kacem", "fattahi", "behnke")
    },
    "dauzere": lambda: from_folder(FLEXIBLE, "fjsp/dauzere", lambda stem: f"dpp{stem}"),
    **{
        f"hurink-{variant}": partial(_hurink, variant)
        for variant in ("edata", "rdata", "vdata", "sdata")
    },
    **{
        f"{family}{part}": partial(choose, family)
        for family in ("j30", "j60", "j90", "j120")
        for part, choose in (
            ("", _project),
            ("-first", _first_of_each),
            ("-open", _open_ones),
            ("-sample", _sample),
        )
    },
    "flow-taillard": lambda: named(FLOW, (f"tfs{k:03}" for k in range(1, 121))),
    "open-taillard": lambda: named(
        OPEN, (f"tos{m}x{m}_{k}" for m in _OPEN_SIZES for k in range(1, 11))
    ),
    "open-gueret-prins": lambda: from_folder(OPEN, "ossp/gueret-prins"),
    "open-brucker": lambda: from_folder(OPEN, "ossp/brucker"),
    "due-dates": _due_dates,
    "single-machine": _single_machine,
    "large-1000x100": lambda: _large(1000, 100, (1, 2, 3)),
    "large-1000x1000": lambda: _large(1000, 1000, (1, 2)),
    "mixed": _mixed,
}


def instance(set_name: str, name: str) -> Instance:
    """The instance of that name in the set.

    Raises
    ------
    KeyError
        If there is none.
    """
    for found in SETS[set_name]():
        if found.name == name:
            return found
    raise KeyError(f"no instance {name!r} in set {set_name!r}")
