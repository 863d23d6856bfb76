"""Small loads of queries and fleets of engines of different speed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from makespan.serving.policies.hexgen.profile import DECODE, Profile, published_machine
from makespan.serving.policies.hexgen.workflow import CHESS
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.text2sql import text2sql

GPUS = ("A100", "A100", "A6000", "L40S")
COSTS = [published_machine(gpu).cost(DECODE[gpu]) for gpu in GPUS]
SETTINGS = [EngineSettings(blocks=2500, max_num_batched_tokens=32_768)] * len(GPUS)


def queries(count: int = 12, seed: int = 0, rate: float = 0.5, scale: float = 4.0) -> Workload:
    """A load of Text-to-SQL queries."""
    return text2sql(queries=count, rate=rate, slo_scale=scale, seed=seed, grain=256)


def fleet(load: Workload) -> dict[str, Any]:
    """Engines that serve it."""
    return {"workload": load, "settings": SETTINGS, "cost": COSTS}


def chain(stages: list[str], deadline: float, begin: float = 0.0) -> Workload:
    """One query whose calls follow one another."""
    n = len(stages)
    names = tuple(dict.fromkeys((*CHESS.stages, *stages)))
    start = round(begin * PICOSECONDS)
    return Workload(
        "chain",
        np.full(n, start),
        np.full(n, 10),
        np.full(n, 10),
        program=np.zeros(n, dtype=np.int64),
        label=np.array([names.index(stage) for stage in stages]),
        labels=names,
        parent_ptr=np.array([0, *range(n)]),
        parent=np.arange(n - 1),
        delay=np.zeros(n - 1, dtype=np.int64),
        slo=np.zeros(n, dtype=np.int64),
        slos=(Slo("query", deadline=round(deadline * PICOSECONDS)),),
    )


def published(learn: float = 0.1) -> Profile:
    """The authors' table for the fleet."""
    return Profile.published(GPUS, learn=learn)


@dataclass
class View:
    """An engine as a policy sees it, by hand."""

    sent: dict[int, int] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    index: int = 0
    now: int = 0
    batch: list[int] = field(default_factory=list)
    tokens: int = 10

    def arrival(self, request: int) -> int:
        """As told."""
        return self.sent[request]

    def preemptions(self, request: int) -> int:
        """As told."""
        return int(request in self.lost)

    def generated(self, _request: int) -> int:
        """The same for all."""
        return self.tokens

    def running(self) -> list[int]:
        """As told."""
        return self.batch
