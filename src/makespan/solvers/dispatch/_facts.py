"""What rules read about each task, computed once per problem."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from makespan.core.problem import Problem
from makespan.core.vocabulary import INFINITY, IndexArray, IntArray, PrecedenceKind
from makespan.solvers.dispatch import _graph as graph
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch import _score
from makespan.solvers.dispatch._blocks import task_order
from makespan.solvers.dispatch._compile import Compiled
from makespan.solvers.dispatch._layout import FloatArray
from makespan.solvers.dispatch.rules import Rule


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Static data of tasks, each (n,), in ticks; see :mod:`makespan.solvers.dispatch.rules`.

    ``head`` and ``head_end`` are earliest start and end by precedence alone; ``tail`` and
    ``tail_end`` the least time from start and end to the end of the whole plan.
    """

    shortest: IntArray
    head: IntArray
    head_end: IntArray
    tail: IntArray
    tail_end: IntArray
    remaining: IntArray
    operations: IntArray
    job_work: IntArray
    due: IntArray
    weight: IntArray
    order: IntArray
    arc_ptr: IntArray
    arc_target: IntArray
    facts: FloatArray
    numbers: FloatArray
    bases: dict[str, FloatArray] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Longest path from the horizon's start: a lower bound on the latest end."""
        return int((self.head + self.tail).max(initial=0))

    @property
    def closure_work(self) -> int:
        """Steps it takes to sum over all successors of each task, as MTS and GRPW* do."""
        if (np.diff(self.arc_ptr) <= 1).all():
            return 0
        return len(self.order) * (len(self.order) + len(self.arc_target)) // 64

    def base(self, rule: Rule) -> FloatArray:
        """Values of a static rule, (n,); zeros for dynamic ones. Kept after the first call."""
        if rule.name not in self.bases:
            self.bases[rule.name] = self._values(rule.name)
        return self.bases[rule.name]

    def _values(self, name: str) -> FloatArray:
        p = self.shortest.astype(np.float64)
        if name in ("MTS", "GRPW*"):
            count, total = graph.successor_totals(
                self.order, self.arc_ptr, self.arc_target, self.shortest
            )
            return -count.astype(np.float64) if name == "MTS" else -(p + total)
        if name in ("MIS", "GRPW"):
            degree = np.diff(self.arc_ptr)
            if name == "MIS":
                return -degree.astype(np.float64)
            owner = np.repeat(np.arange(len(p)), degree)
            return -(p + np.bincount(owner, weights=p[self.arc_target], minlength=len(p)))
        length = self.length
        values: dict[str, IntArray | FloatArray] = {
            "SPT": p,
            "LPT": -p,
            "WSPT": p / np.maximum(self.weight, _score.TINY),
            "MWKR": -self.remaining,
            "LWKR": self.remaining,
            "MOPNR": -self.operations,
            "LOPNR": self.operations,
            "EDD": self.due,
            "SPT/TWKR": p / np.maximum(self.job_work, 1),
            "EST": self.head,
            "LST": length - self.tail,
            "LFT": length - self.tail_end,
            "MINSLK": length - self.tail - self.head,
        }
        return np.asarray(values.get(name, np.zeros(len(p))), dtype=np.float64)


def attributes(problem: Problem, compiled: Compiled) -> Attributes:
    """Attributes of all tasks, O(n + p) for acyclic precedences."""
    t, m, p = problem.tasks, problem.modes, problem.precedences
    T = compiled.tables
    n = t.count
    first = t.mode_ptr[:-1]
    shortest = np.minimum.reduceat(m.duration, first) if n else np.empty(0, dtype=np.int64)
    longest = np.maximum.reduceat(m.duration, first) if n else shortest
    stretches = np.zeros(m.count, dtype=bool)
    ruled = T.mode[:, at.PATTERN] >= 0
    if ruled.any():
        stretches[ruled] = T.pattern[T.mode[ruled, at.PATTERN], at.SUSPENDS] == 1
    rigid = longest.copy()
    rigid[m.task[stretches]] = -1
    binding = p.minimum > -INFINITY
    if t.optional.any():
        # A lag binds only if both tasks are present, so paths through optional ones prove nothing.
        binding = binding & ~t.optional[p.source] & ~t.optional[p.target]
    source, target = p.source[binding].astype(np.int64), p.target[binding].astype(np.int64)
    code = p.kind[binding]
    kind = 2 * np.isin(code, (PrecedenceKind.FS, PrecedenceKind.FF)).astype(np.int64)
    kind += np.isin(code, (PrecedenceKind.FF, PrecedenceKind.SF))
    ptr, arcs = graph.csr(source, n)
    target, kind, lag = target[arcs], kind[arcs], p.minimum[binding][arcs]
    order = task_order(problem)
    sizes = T.block[:, at.MEMBER_TO] - T.block[:, at.MEMBER_FROM]
    rounds = 1 + min(int(sizes.max(initial=1)), 50)
    head, head_end, tail, tail_end = graph.heads_and_tails(
        order,
        ptr,
        target,
        kind,
        lag,
        np.ascontiguousarray(T.task[:, at.RELEASE]),
        shortest,
        rigid,
        rounds,
    )
    remaining, operations, job_work = _job_sums(problem, shortest, tail)
    weight = t.weight.copy()
    due = t.due.copy()
    owned = (t.job >= 0) & (t.due >= INFINITY)
    if owned.any():
        due[owned] = problem.jobs.due[t.job[owned]]
        dated = owned & (due < INFINITY)
        weight[dated] = problem.jobs.weight[t.job[dated]]
    if problem.jobs.count and (t.weight == 1).all():
        inside = t.job >= 0
        weight[inside] = problem.jobs.weight[t.job[inside]]
    free = due >= INFINITY
    if free.all() and n:
        due = int((head + tail).max()) - tail + remaining
    elif free.any():
        due[free] = int(due[~free].max()) + int(shortest.sum()) + 1
    facts = np.zeros((n, _score.FACT_COLUMNS))
    facts[:, _score.LENGTH] = shortest
    facts[:, _score.REMAINING] = remaining
    facts[:, _score.OPERATIONS] = operations
    facts[:, _score.DUE] = due
    facts[:, _score.WEIGHT_OF] = weight
    machine = _first_machine(T)
    facts[:, _score.MACHINE] = machine
    facts[:, _score.NEXT_MACHINE] = _next_machine(problem, machine)
    numbers = np.zeros(5)
    numbers[_score.SCALE] = 1.0
    numbers[_score.MEAN_LENGTH] = max(float(shortest.mean()) if n else 1.0, 1.0)
    numbers[_score.LOOK_AHEAD] = numbers[_score.WAIT_FACTOR] = 2.0
    return Attributes(
        shortest,
        head,
        head_end,
        tail,
        tail_end,
        remaining,
        operations,
        job_work,
        due,
        weight,
        order,
        ptr,
        target,
        facts,
        numbers,
    )


def _job_sums(
    problem: Problem, shortest: IntArray, tail: IntArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Work and tasks left in the job from each task on, and work of the whole job."""
    t, jobs = problem.tasks, problem.jobs
    remaining, operations = tail.copy(), np.ones(t.count, dtype=np.int64)
    total = shortest.copy()
    if len(jobs.task):
        task = jobs.task
        sums = np.concatenate(([0], np.cumsum(shortest[task])))
        ends = np.repeat(jobs.task_ptr[1:], np.diff(jobs.task_ptr))
        begins = np.repeat(jobs.task_ptr[:-1], np.diff(jobs.task_ptr))
        rows = np.arange(len(task))
        remaining[task] = sums[ends] - sums[rows]
        operations[task] = ends - rows
        total[task] = sums[ends] - sums[begins]
    return remaining, operations, total


def _first_machine(T: at.Tables) -> IntArray:
    machine = np.full(len(T.task), -1, dtype=np.int64)
    if not len(T.demand):
        return machine
    mode = T.task[:, at.MODE_FROM]
    row = T.mode[mode, at.DEMAND_FROM]
    some = row < T.mode[mode, at.DEMAND_TO]
    machine[some] = T.demand[row[some], at.RESOURCE]
    return machine


def _next_machine(problem: Problem, machine: IntArray) -> IntArray:
    """First resource of the next task in the job, else of the first successor; -1 if none."""
    result = np.full(problem.tasks.count, -1, dtype=np.int64)
    task: IndexArray = problem.jobs.task
    if len(task) > 1:
        job = problem.tasks.job[task]
        same = job[:-1] == job[1:]
        result[task[:-1][same]] = machine[task[1:][same]]
    return result
