"""What a query has yet to go through, as far as one can expect.

Stages are revealed one by one. What is expected of a query is a number of further stages of each
kind: the standard workflow of HexGen-Text2SQL (arXiv 2505.05286; its simulator), from which a
stage is taken when the query enters it, and all revisions once it comes to the unit tests. The
released code keeps this list once for all queries, which spoils their budgets; here it travels
along the dependences of the calls: what is left after a call follows from what was left after its
parents, so that there is nothing that queries could share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.workload import Workload

Left = tuple[float, ...]
"""Stages of each kind yet to come, in the order of the workflow."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """The stages of an expected query; calls side by side are one stage.

    Attributes
    ----------
    stages
        Names.
    count
        Of each, how many stages a query is expected to have.
    ends
        What is not expected any more once a stage has been entered.
    """

    stages: tuple[str, ...]
    count: Left
    ends: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        if len(self.stages) != len(self.count) or len(set(self.stages)) != len(self.stages):
            raise OptionError(f"a workflow of stages {self.stages} with counts {self.count}")
        if any(not 0.0 <= count < float("inf") for count in self.count):
            raise OptionError(f"a workflow with counts {self.count}")
        named = {name for names in self.ends.values() for name in names}
        if not named <= set(self.stages):
            raise OptionError(f"a workflow of stages {self.stages} that ends {sorted(named)}")

    @classmethod
    def typical(cls, workload: Workload) -> Workflow:
        """The mean workflow of the programs of a load, taken as a history.

        A stage ends those that never came after it in any program.
        """
        names = workload.labels
        depth = _depths(workload)
        member = np.flatnonzero((workload.program >= 0) & (workload.label >= 0))
        places = {(int(workload.program[r]), int(depth[r]), int(workload.label[r])) for r in member}
        programs = len({p for p, _, _ in places})
        count = [0] * len(names)
        later = [[False] * len(names) for _ in names]
        by_program: dict[int, list[tuple[int, int]]] = {}
        for program, level, label in sorted(places):
            count[label] += 1
            for before, other in by_program.setdefault(program, []):
                if before < level:
                    later[other][label] = True
            by_program[program].append((level, label))
        return cls(
            names,
            tuple(c / programs if programs else 0.0 for c in count),
            {
                name: tuple(other for j, other in enumerate(names) if j != k and not later[k][j])
                for k, name in enumerate(names)
            },
        )

    def enter(self, left: Left, stage: str) -> Left:
        """What is left once a stage has been entered."""
        rest = list(left)
        for name in self.ends.get(stage, ()):
            rest[self.stages.index(name)] = 0.0
        if stage in self.stages:
            k = self.stages.index(stage)
            rest[k] = max(rest[k] - 1.0, 0.0)
        return tuple(rest)


CHESS: Final = Workflow(
    (
        "retriever",
        "keywords",
        "candidate",
        "revise",
        "unit_tester",
        "generate_unit_test",
        "evaluate",
    ),
    (4.0, 1.0, 1.0, 4.0, 3.0, 1.0, 1.0),
    {"unit_tester": ("revise",)},
)
"""The standard workflow of the authors' simulator: the CHESS pipeline with four revisions."""


class Progress:
    """How far the calls of a load have brought their programs.

    What is left at a call depends on the call and on those it waited for, nothing else.
    """

    def __init__(self, workload: Workload, workflow: Workflow) -> None:
        self.workload, self.workflow = workload, workflow
        self.stage = [workload.labels[k] if k >= 0 else "" for k in workload.label.tolist()]
        self.known: dict[int, Left] = {}
        self.ptr: list[int] = workload.parent_ptr.tolist()
        self.parent: list[int] = workload.parent.tolist()
        self.program: list[int] = workload.program.tolist()

    def left(self, request: int) -> Left:
        """Stages expected after the one of the call."""
        pending = [request]
        while pending:
            r = pending[-1]
            parents = self._parents(r)
            unknown = [p for p in parents if p not in self.known]
            if r in self.known:
                pending.pop()
            elif unknown:
                pending += unknown
            else:
                # Of branches that went through different stages, both have been entered.
                rows = {self.known[p] for p in parents} or {self.workflow.count}
                left = rows.pop() if len(rows) == 1 else _least(rows)
                self.known[r] = self.workflow.enter(left, self.stage[r])
                pending.pop()
        return self.known[request]

    def _parents(self, request: int) -> list[int]:
        chosen = self.parent[self.ptr[request] : self.ptr[request + 1]]
        return [p for p in chosen if self.program[p] == self.program[request]]


def _least(rows: Iterable[Left]) -> Left:
    return tuple(min(column) for column in zip(*rows, strict=True))


def _depths(workload: Workload) -> list[int]:
    depth = [0] * workload.count
    ptr, parent = workload.parent_ptr.tolist(), workload.parent.tolist()
    for r in range(workload.count):
        depth[r] = 1 + max((depth[p] for p in parent[ptr[r] : ptr[r + 1]]), default=-1)
    return depth
