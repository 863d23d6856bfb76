"""What the contenders are measured on: files of the collections, and instances made from seeds.

Made instances need no files, so that the comparison runs anywhere; families and sizes are spread
so that none decides the mean alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from makespan.core.problem import Problem
from makespan.generators import (
    best_known,
    named_instance,
    random_flexible_job_shop,
    random_job_shop,
    random_rcpsp,
)
from makespan.io import read

DATA = (
    Path(os.environ.get("MAKESPAN_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    / "scheduling"
)


@dataclass(frozen=True, slots=True)
class Instance:
    """One row of the comparison.

    Attributes
    ----------
    kind
        "job shop", "flexible job shop" or "project".
    make
        Makes or reads the problem.
    file
        Path below the collections, None for a made instance.
    key
        Name in the best-known table of its collection.
    """

    name: str
    kind: str
    make: Callable[[], Problem]
    file: str | None = None
    key: str | None = None

    @property
    def available(self) -> bool:
        """Whether the problem can be had here."""
        return self.file is None or (DATA / self.file).is_file()

    def best_known(self) -> int | None:
        """Best published makespan, if the collection states one."""
        if self.file is None or self.key is None:
            known = best_known(self.name)
            return None if known is None else known.upper
        table = DATA / self.file.split("/")[0] / "best_known.json"
        row = json.loads(table.read_text(encoding="utf-8"))["instances"].get(self.key)
        return None if row is None else int(row["ub"])


def _file(kind: str, name: str, file: str, key: str | None = None) -> Instance:
    return Instance(name, kind, lambda: read(DATA / file), file, key or name)


def _made(kind: str, name: str, make: Callable[[], Problem]) -> Instance:
    return Instance(name, kind, make)


SHOP, FLEXIBLE, PROJECT = "job shop", "flexible job shop", "project"

_ALL = [
    # Taillard's shops are made from their published seeds.
    _made(SHOP, "ft10", lambda: named_instance("ft10")),
    _made(SHOP, "ta01", lambda: named_instance("ta01")),
    _made(SHOP, "ta11", lambda: named_instance("ta11")),
    _made(SHOP, "ta21", lambda: named_instance("ta21")),
    _made(SHOP, "ta31", lambda: named_instance("ta31")),
    _made(SHOP, "ta41", lambda: named_instance("ta41")),
    _made(SHOP, "ta51", lambda: named_instance("ta51")),
    _made(SHOP, "shop 12x12", lambda: random_job_shop(12, 12, seed=1)),
    _made(SHOP, "shop 40x8", lambda: random_job_shop(40, 8, seed=2)),
    *(_file(SHOP, name, f"jssp/orb/{name}.txt") for name in ("orb01", "orb07")),
    *(_file(SHOP, name, f"jssp/la/{name}.txt") for name in ("la21", "la29", "la38")),
    _file(SHOP, "abz7", "jssp/abz/abz7.txt"),
    _file(SHOP, "yn1", "jssp/yn/yn1.txt"),
    _made(FLEXIBLE, "flexible 8x6", lambda: random_flexible_job_shop(8, 6, seed=3)),
    _made(
        FLEXIBLE,
        "flexible 15x8",
        lambda: random_flexible_job_shop(15, 8, seed=4, flexibility=3.0),
    ),
    _made(
        FLEXIBLE,
        "flexible 20x15",
        lambda: random_flexible_job_shop(20, 15, seed=5, flexibility=2.0),
    ),
    _made(
        FLEXIBLE,
        "identical 20x8",
        lambda: random_flexible_job_shop(20, 8, seed=6, flexibility=4.0, spread=0.0),
    ),
    *(_file(FLEXIBLE, f"mk{k:02}", f"fjsp/brandimarte/mk{k:02}.txt") for k in (4, 6, 7, 10, 15)),
    _file(FLEXIBLE, "edata la24", "fjsp/hurink/edata/la24.txt", "la24_edata"),
    _file(FLEXIBLE, "rdata la29", "fjsp/hurink/rdata/la29.txt", "la29_rdata"),
    _file(FLEXIBLE, "rdata la38", "fjsp/hurink/rdata/la38.txt", "la38_rdata"),
    _file(FLEXIBLE, "vdata la21", "fjsp/hurink/vdata/la21.txt", "la21_vdata"),
    _file(FLEXIBLE, "vdata la31", "fjsp/hurink/vdata/la31.txt", "la31_vdata"),
    _file(FLEXIBLE, "setb4xyz", "fjsp/barnes/setb4xyz.txt"),
    _file(FLEXIBLE, "seti5x", "fjsp/barnes/seti5x.txt"),
    _made(PROJECT, "project 30", lambda: random_rcpsp(30, seed=7, strength=0.2, factor=0.75)),
    _made(PROJECT, "project 60", lambda: random_rcpsp(60, seed=8, strength=0.2, factor=1.0)),
    _made(PROJECT, "project 120", lambda: random_rcpsp(120, seed=9, strength=0.3, factor=0.75)),
    _made(PROJECT, "project 300", lambda: random_rcpsp(300, seed=10, strength=0.3, factor=0.5)),
    *(
        _file(PROJECT, name, f"rcpsp/{name.split('_')[0]}/{name}.rcp")
        for name in (
            "j30_13_1",
            "j30_29_3",
            "j60_9_1",
            "j60_13_3",
            "j60_25_5",
            "j60_45_2",
            "j120_6_3",
            "j120_11_8",
            "j120_31_9",
            "j120_36_2",
            "j120_51_4",
        )
    ),
]

INSTANCES = {instance.name: instance for instance in _ALL}
