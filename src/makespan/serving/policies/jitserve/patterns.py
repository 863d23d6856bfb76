"""What tasks of many calls have in common: graphs of those that ended, and what they foretell.

JITServe (arXiv 2504.20068, section 4) remembers ended tasks as graphs of calls (model, tokens in
and out) and tools (time), and likens a running task to them stage by stage with a Gaussian kernel;
graphs that cease to fit are dropped from the comparison. The deadline D of the task becomes
sub-deadlines ``D * t(<= s) / t`` from the times that the stages of the best match took. K-medoids
keep the library small, and what is not seen for an hour counts a tenth less.

Ours, because the paper does not say: a stage is compared by the numbers of its calls and the means
of the logarithms of their tokens, label by label; the kernel's width is 1 and a graph is dropped
when a stage is less alike than 0.05; of equal likeness the more frequent graph wins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.policies.jitserve.features import depths
from makespan.serving.policies.told import Told
from makespan.serving.workload import PICOSECONDS, Workload

WIDTH: Final = 1.0
"""Of the Gaussian kernel, in units of the natural logarithm of tokens and of calls."""

LEAST: Final = 0.05
"""Likeness of a stage below which a graph is no match."""

LIBRARY: Final = 50
"""Medoids that are kept; twice as many graphs are gathered before they are chosen anew."""

DECAY: Final = 0.9
"""Of the frequency of a graph, per hour (the paper's)."""

_TOKENS_PER_SECOND: Final = 10_000.0
_STEP_SECONDS: Final = 0.02
"""By which stages of a training load are timed; only their proportions matter [inferred]."""


_MOST: Final = 10_000
"""Running tasks that are remembered; of more the one that began first is forgotten."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The calls of one label in a stage: their number and means of logarithms.

    Attributes
    ----------
    output
        None while the stage runs.
    """

    calls: int
    prompt: float
    output: float | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a task.

    Attributes
    ----------
    kinds
        By label.
    tool
        Seconds between the end of the stage before and its first call.
    seconds
        From its first call to its last token.
    """

    kinds: Mapping[str, Kind]
    tool: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Graph:
    """An ended task; ``frequency`` counts those that it stands for, as of ``seen`` seconds."""

    stages: tuple[Stage, ...]
    frequency: float = 1.0
    seen: float = 0.0

    def share(self, stage: int) -> float:
        """Part of the whole time that has gone when a stage ends."""
        times = [one.tool + one.seconds for one in self.stages]
        whole = sum(times)
        if whole <= 0.0:
            return (stage + 1) / len(times)
        return sum(times[: stage + 1]) / whole


def stage_of(calls: Sequence[tuple[str, int, int | None]], tool: float, seconds: float) -> Stage:
    """The stage of calls (label, prompt, output or None while it runs)."""
    by_label: dict[str, list[tuple[int, int | None]]] = {}
    for label, prompt, output in calls:
        by_label.setdefault(label, []).append((prompt, output))
    kinds = {}
    for label in sorted(by_label):
        rows = by_label[label]
        known = [math.log(output) for _, output in rows if output is not None]
        kinds[label] = Kind(
            len(rows),
            sum(math.log(prompt) for prompt, _ in rows) / len(rows),
            sum(known) / len(known) if len(known) == len(rows) else None,
        )
    return Stage(kinds, tool, seconds)


def likeness(one: Stage, other: Stage) -> float:
    """Gaussian kernel of two stages, 0 to 1; 0 if they call different things."""
    if one.kinds.keys() != other.kinds.keys():
        return 0.0
    squared = 0.0
    for label, a in one.kinds.items():
        b = other.kinds[label]
        squared += math.log(a.calls / b.calls) ** 2 + (a.prompt - b.prompt) ** 2
        if a.output is not None and b.output is not None:
            squared += (a.output - b.output) ** 2
    squared += (math.log1p(one.tool) - math.log1p(other.tool)) ** 2
    return math.exp(-squared / (2 * WIDTH**2))


def alike(one: Graph, other: Graph) -> float:
    """Product of the likenesses of the stages of two ended tasks; 0 if their numbers differ."""
    if len(one.stages) != len(other.stages):
        return 0.0
    product = 1.0
    for a, b in zip(one.stages, other.stages, strict=True):
        product *= likeness(a, b)
        if not product:
            break
    return product


class Library:
    """Graphs of ended tasks, no more than twice ``size`` of them."""

    def __init__(self, size: int = LIBRARY) -> None:
        if size < 1:
            raise OptionError(f"a library of {size} graphs", hint="keep at least one")
        self.size = size
        self.graphs: list[Graph] = []

    def add(self, graph: Graph) -> None:
        """Remember an ended task."""
        self.graphs.append(graph)
        if len(self.graphs) > 2 * self.size:
            self._compact(graph.seen)

    def _compact(self, now: float) -> None:
        """Keep medoids, which take over the frequencies of what they stand for. O(n²)."""
        graphs = self.graphs
        for graph in graphs:
            graph.frequency *= DECAY ** (max(now - graph.seen, 0.0) / 3600)
            graph.seen = now
        n = len(graphs)
        apart = np.zeros((n, n))
        for i in range(n):
            for j in range(i):
                apart[i, j] = apart[j, i] = 1.0 - alike(graphs[i], graphs[j])
        weight = np.array([graph.frequency for graph in graphs])
        chosen = medoids(apart, weight, self.size)
        nearest = np.argmin(apart[:, chosen], axis=1)
        for k, at in enumerate(chosen.tolist()):
            graphs[at].frequency = float(weight[nearest == k].sum())
        self.graphs = [graphs[at] for at in chosen.tolist()]


def medoids(apart: np.ndarray, weight: np.ndarray, size: int) -> IntArray:
    """Indices of medoids, ascending: chosen greedily, then improved in turn until none is better.

    The build and an alternating improvement of k-medoids (Kaufman and Rousseeuw, Finding Groups in
    Data, 1990, chapter 2; Park and Jun, Expert Systems with Applications 36, 2009).
    """
    n = len(weight)
    chosen: list[int] = []
    nearest = np.full(n, np.inf)
    for _ in range(min(size, n)):
        cost = (np.minimum(nearest[None, :], apart) * weight).sum(axis=1)
        cost[chosen] = np.inf
        chosen.append(int(np.argmin(cost)))
        nearest = np.minimum(nearest, apart[chosen[-1]])
    current = np.array(sorted(chosen), dtype=np.int64)
    while True:
        owner = np.argmin(apart[:, current], axis=1)
        moved = current.copy()
        for k in range(len(current)):
            members = np.flatnonzero(owner == k)
            inner = (apart[np.ix_(members, members)] * weight[members]).sum(axis=1)
            if len(members) and inner.min() < inner[members == current[k]].min(initial=np.inf):
                moved[k] = members[np.argmin(inner)]
        if (moved == current).all():
            return np.sort(current)
        current = moved


@dataclass(slots=True)
class _Task:
    """A running task."""

    begun: int
    candidates: list[tuple[Graph, float]]
    stage: int = 0
    opened: int = 0
    tool: float = 0.0
    ended: int = 0
    tokens: int = 0
    calls: dict[int, tuple[str, int, int | None]] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    matched: tuple[int, int, float] | None = None


class Tasks:
    """The running tasks of a load, with sub-deadlines from ended ones.

    One object may serve all engines of a fleet: calls of a task may run on any of them.

    Parameters
    ----------
    told
        What clients say: a workload tells, once a call has been sent, behind which calls it comes,
        and, once all have ended, that the task has; nothing else of it is used. Without one, a call
        that comes while no other of its task is there opens a stage, and the task ends with the
        call that is said to be its last.
    history
        A training load whose programs fill the library.
    known
        Whether the stages of each task are known from the start: an oracle.
    foretell
        Whether there are sub-deadlines at all.
    """

    def __init__(
        self,
        told: Workload | Told,
        history: Workload | None = None,
        *,
        known: bool = False,
        foretell: bool = True,
        size: int = LIBRARY,
    ) -> None:
        self.library = Library(size)
        self.foretell = foretell
        self._told: Told | None = None
        self._depth: list[int] = []
        self._left: dict[int, int] = {}
        self._known: dict[int, Graph] | None = None
        self._tasks: dict[int, _Task] = {}
        if isinstance(told, Workload):
            self._depth = depths(told).tolist()
            members = np.unique(told.program[told.program >= 0], return_counts=True)
            self._left = dict(zip(*(part.tolist() for part in members), strict=True))
            self._known = graphs_of(told) if known else None
        elif known:
            raise OptionError("only a workload knows the stages of its tasks beforehand")
        else:
            self._told = told
        if history is not None:
            for graph in graphs_of(history).values():
                self.library.add(graph)

    def arrived(self, program: int, request: int, label: str, prompt: int, now: int) -> None:
        """A call of a task has been sent."""
        task = self._tasks.get(program)
        if task is None:
            known = [self._known[program]] if self._known else self.library.graphs
            task = self._tasks[program] = _Task(now, [(graph, 1.0) for graph in known], opened=now)
            if len(self._tasks) > _MOST:  # clients that never came back
                del self._tasks[next(iter(self._tasks))]
        stage = self._stage(task, request)
        if stage > task.stage:
            self._close(task)
            task.stage, task.opened = stage, now
            task.tool = (now - task.ended) / PICOSECONDS
        task.calls[request] = label, prompt, None
        task.matched = None

    def finished(self, program: int, request: int, output: int, now: int) -> None:
        """A call has ended."""
        task = self._tasks.get(program)
        if task is not None:
            task.ended = now
            if request in task.calls:
                label, prompt, _ = task.calls[request]
                task.calls[request] = label, prompt, output
                task.tokens += prompt + output
        if self._over(program, request, task) and task is not None:
            self._close(task)
            self.library.add(Graph(tuple(task.stages), 1.0, now / PICOSECONDS))
            del self._tasks[program]

    def begun(self, program: int) -> int | None:
        """When the first call of a running task was sent."""
        task = self._tasks.get(program)
        return None if task is None else task.begun

    def due(self, program: int, deadline: int) -> int | None:
        """When the running stage should end, so that the task keeps a deadline from its begin."""
        task = self._tasks.get(program)
        if task is None:
            return None
        share = self._share(task) if self.foretell else 1.0
        return task.begun + round(deadline * share)

    def tokens(self, program: int) -> int:
        """Tokens, of prompts and outputs, of the calls of a running task that have ended."""
        task = self._tasks.get(program)
        return 0 if task is None else task.tokens

    def _stage(self, task: _Task, request: int) -> int:
        """The stage that a call opens or joins."""
        if self._told is None:
            return self._depth[request]
        alone = bool(task.calls) and all(out is not None for _, _, out in task.calls.values())
        return task.stage + alone

    def _over(self, program: int, request: int, task: _Task | None) -> bool:
        """Whether a task has ended with the end of a call."""
        if self._told is None:
            self._left[program] -= 1
            return not self._left[program]
        return task is not None and self._told.is_last(request)

    def _share(self, task: _Task) -> float:
        """Cumulative part of the time at the end of the running stage; 1 without a match."""
        at = task.stage
        if task.matched is None or task.matched[:2] != (at, len(task.calls)):
            share = 1.0
            if self._known:
                share = task.candidates[0][0].share(at)
            else:
                running = stage_of([(a, b, None) for a, b, _ in task.calls.values()], task.tool, 0)
                best = (0.0, 0.0)
                for graph, so_far in task.candidates:
                    if len(graph.stages) > at:
                        here = likeness(running, graph.stages[at])
                        if here >= LEAST and (so_far * here, graph.frequency) > best:
                            best, share = (so_far * here, graph.frequency), graph.share(at)
            task.matched = at, len(task.calls), share
        return task.matched[2]

    def _close(self, task: _Task) -> None:
        """The running stage is over: graphs that do not fit it are no longer compared."""
        stage = stage_of(
            list(task.calls.values()), task.tool, (task.ended - task.opened) / PICOSECONDS
        )
        task.stages.append(stage)
        task.calls = {}
        if not self._known:
            at = len(task.stages) - 1
            fits = []
            for graph, so_far in task.candidates:
                if len(graph.stages) > at + 1:
                    here = likeness(stage, graph.stages[at])
                    if here >= LEAST:
                        fits.append((graph, so_far * here))
            task.candidates = fits


def graphs_of(load: Workload) -> dict[int, Graph]:
    """The graph of every program, stages timed by their tokens as nobody has served them."""
    depth = depths(load)
    longest = np.zeros(load.count)
    for r in np.flatnonzero(np.diff(load.parent_ptr)).tolist():
        a, b = load.parent_ptr[r], load.parent_ptr[r + 1]
        longest[r] = load.delay[a:b].max() / PICOSECONDS
    seconds = load.output * _STEP_SECONDS + load.prompt / _TOKENS_PER_SECOND
    calls: dict[int, dict[int, list[int]]] = {}
    for r in np.flatnonzero(load.program >= 0).tolist():
        calls.setdefault(int(load.program[r]), {}).setdefault(int(depth[r]), []).append(r)
    graphs = {}
    for program, by_stage in calls.items():
        stages = []
        for stage in sorted(by_stage):
            rows = by_stage[stage]
            names = [load.labels[k] if k >= 0 else "" for k in load.label[rows].tolist()]
            stages.append(
                stage_of(
                    list(zip(names, load.prompt[rows].tolist(), load.output[rows].tolist(),
                             strict=True)),
                    float(longest[rows].min()),
                    float(seconds[rows].max()),
                )
            )  # fmt: skip
        graphs[program] = Graph(tuple(stages))
    return graphs
