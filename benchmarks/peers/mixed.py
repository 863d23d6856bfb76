"""A set that mixes kinds and sizes, so that no family decides a mean alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.peers.instances import FLEXIBLE, PROJECT, SHOP, Instance, collections_folder, named

from makespan.core.problem import Problem
from makespan.generators import random_flexible_job_shop, random_job_shop, random_rcpsp
from makespan.io import read


def _made(kind: str, name: str, make: Callable[[], Problem]) -> Instance:
    return Instance(name, kind, make)


def _files(kind: str, folder: str, names: tuple[str, ...], form: str = "{}") -> list[Instance]:
    """Those of the named files that are there; ``form`` makes a name, and a key, of a file's."""
    found = []
    for name in names:
        place = collections_folder() / folder / name
        key = form.format(place.stem)
        if place.is_file():
            table = Path(folder).parts[0]
            found.append(Instance(key, kind, partial(read, place), table, key))
    return found


def _texts(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}.txt" for name in names)


def mixed() -> list[Instance]:
    """Sixteen job shops, sixteen flexible ones, fifteen projects."""
    flexible, rcpsp = random_flexible_job_shop, random_rcpsp
    j60 = ("j60_9_1", "j60_13_3", "j60_25_5", "j60_45_2")
    j120 = ("j120_6_3", "j120_11_8", "j120_31_9", "j120_36_2", "j120_51_4")
    return [
        *named(SHOP, ("ft10", "ta01", "ta11", "ta21", "ta31", "ta41", "ta51")),
        _made(SHOP, "shop 12x12", lambda: random_job_shop(12, 12, seed=1)),
        _made(SHOP, "shop 40x8", lambda: random_job_shop(40, 8, seed=2)),
        *_files(SHOP, "jssp/orb", _texts("orb01", "orb07")),
        *_files(SHOP, "jssp/la", _texts("la21", "la29", "la38")),
        *_files(SHOP, "jssp/abz", _texts("abz7")),
        *_files(SHOP, "jssp/yn", _texts("yn1")),
        _made(FLEXIBLE, "flexible 8x6", lambda: flexible(8, 6, seed=3)),
        _made(FLEXIBLE, "flexible 15x8", lambda: flexible(15, 8, seed=4, flexibility=3.0)),
        _made(FLEXIBLE, "flexible 20x15", lambda: flexible(20, 15, seed=5, flexibility=2.0)),
        _made(
            FLEXIBLE,
            "identical 20x8",
            lambda: flexible(20, 8, seed=6, flexibility=4.0, spread=0.0),
        ),
        *_files(FLEXIBLE, "fjsp/brandimarte", _texts("mk04", "mk06", "mk07", "mk10", "mk15")),
        *_files(FLEXIBLE, "fjsp/hurink/edata", _texts("la24"), "{}_edata"),
        *_files(FLEXIBLE, "fjsp/hurink/rdata", _texts("la29", "la38"), "{}_rdata"),
        *_files(FLEXIBLE, "fjsp/hurink/vdata", _texts("la21", "la31"), "{}_vdata"),
        *_files(FLEXIBLE, "fjsp/barnes", _texts("setb4xyz", "seti5x")),
        _made(PROJECT, "project 30", lambda: rcpsp(30, seed=7, strength=0.2, factor=0.75)),
        _made(PROJECT, "project 60", lambda: rcpsp(60, seed=8, strength=0.2, factor=1.0)),
        _made(PROJECT, "project 120", lambda: rcpsp(120, seed=9, strength=0.3, factor=0.75)),
        _made(PROJECT, "project 300", lambda: rcpsp(300, seed=10, strength=0.3, factor=0.5)),
        *_files(PROJECT, "rcpsp/j30", ("j30_13_1.rcp", "j30_29_3.rcp")),
        *_files(PROJECT, "rcpsp/j60", tuple(f"{name}.rcp" for name in j60)),
        *_files(PROJECT, "rcpsp/j120", tuple(f"{name}.rcp" for name in j120)),
    ]
