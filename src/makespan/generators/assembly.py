"""Problems assembled from matrices: the array tables of the classic shop and project models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from makespan.core.names import NameTable
from makespan.core.problem import (
    Jobs,
    Modes,
    Objective,
    ObjectiveTerm,
    Precedences,
    Problem,
    Resources,
    Sets,
    Tasks,
)
from makespan.core.vocabulary import (
    IndexArray,
    IntArray,
    ObjectiveKind,
    ResourceKind,
)


def pointers(lengths: npt.ArrayLike) -> IntArray:
    """CSR pointers of rows with these lengths, int64 (rows + 1,)."""
    counts = np.asarray(lengths, dtype=np.int64)
    ptr = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=ptr[1:])
    return ptr


def minimise(kind: ObjectiveKind) -> Objective:
    """The objective of a single term."""
    return Objective(((ObjectiveTerm(kind),),))


def machine_modes(mode_ptr: IntArray, machine: IntArray, duration: IntArray) -> Modes:
    """Modes that hold one machine each, m rows."""
    m = len(duration)
    return Modes(
        task=np.repeat(np.arange(len(mode_ptr) - 1, dtype=np.int32), np.diff(mode_ptr)),
        duration=np.asarray(duration, dtype=np.int64),
        cost=np.zeros(m, dtype=np.int64),
        demand_ptr=np.arange(m + 1, dtype=np.int64),
        demand_resource=np.asarray(machine, dtype=np.int32),
        demand_amount=np.ones(m, dtype=np.int64),
        demand_timing=np.zeros(m, dtype=np.uint8),
    )


def machines(count: int, first: int) -> Resources:
    """Machines M``first``, M``first + 1``, ..."""
    return Resources.plain(
        NameTable.numbered("M", count, first),
        np.full(count, ResourceKind.MACHINE, dtype=np.uint8),
        np.ones(count, dtype=np.int64),
    )


def chain_arcs(task_ptr: IntArray) -> tuple[IndexArray, IndexArray]:
    """Arcs between consecutive tasks of rows of tasks numbered in row order."""
    n = int(task_ptr[-1])
    last = np.zeros(n, dtype=np.bool_)
    last[task_ptr[1:][np.diff(task_ptr) > 0] - 1] = True
    source = np.flatnonzero(~last).astype(np.int32)
    return source, source + np.int32(1)


def shop(
    name: str,
    task_ptr: IntArray,
    mode_ptr: IntArray,
    machine: IntArray,
    duration: IntArray,
    machine_count: int,
    *,
    first_machine: int = 1,
    chained: bool = True,
) -> Problem:
    """Shop whose tasks are numbered job by job; O(size).

    Parameters
    ----------
    task_ptr
        Tasks of job j are ``task_ptr[j] .. task_ptr[j+1]-1``, int64 (jobs + 1,).
    mode_ptr
        Modes of each task, int64 (n + 1,).
    machine, duration
        Machine (from 0) and ticks of each mode, (m,).
    first_machine
        Number in the name of machine 0, as the file format of the model counts them.
    chained
        Whether a job's tasks follow one another (job and flow shops) or only exclude one another
        in time (open shops).
    """
    n, jobs = int(task_ptr[-1]), len(task_ptr) - 1
    job = np.repeat(np.arange(jobs, dtype=np.int32), np.diff(task_ptr))
    position = np.arange(n, dtype=np.int64) - np.repeat(task_ptr[:-1], np.diff(task_ptr))
    job_names = NameTable.numbered("J", jobs)
    everything = np.arange(n, dtype=np.int32)
    source, target = chain_arcs(task_ptr) if chained else (everything[:0], everything[:0])
    return Problem(
        name=name,
        tasks=Tasks.plain(NameTable.per_job(job_names, job, position), job, mode_ptr),
        modes=machine_modes(mode_ptr, machine, duration),
        resources=machines(machine_count, first_machine),
        jobs=Jobs.plain(job_names, task_ptr, everything),
        precedences=Precedences.finish_to_start(source, target),
        no_overlaps=Sets.empty() if chained else Sets(job_names, task_ptr, everything),
    )


def job_shop(
    name: str, *, machine: IntArray, duration: IntArray, first_machine: int = 0
) -> Problem:
    """Job shop from its machine (from 0) and time matrices, each (jobs, operations)."""
    jobs, operations = duration.shape
    count = int(machine.max(initial=-1)) + 1
    return shop(
        name,
        np.arange(jobs + 1, dtype=np.int64) * operations,
        np.arange(jobs * operations + 1, dtype=np.int64),
        np.ascontiguousarray(machine).ravel(),
        np.ascontiguousarray(duration).ravel(),
        count,
        first_machine=first_machine,
    )


def flow_shop(name: str, duration: IntArray, *, permutation: bool) -> Problem:
    """Flow shop from its time matrix (jobs, machines): every job visits M1, M2, ... in turn.

    With ``permutation`` all machines take the jobs in the same order.
    """
    jobs, count = duration.shape
    order = np.broadcast_to(np.arange(count, dtype=np.int64), (jobs, count))
    made = job_shop(name, machine=order, duration=duration, first_machine=1)
    if not permutation:
        return made
    return replace(made, same_orders=Sets.single("permutation", np.arange(count, dtype=np.int32)))


def open_shop(name: str, duration: IntArray) -> Problem:
    """Open shop from its time matrix (jobs, machines): a job's tasks in any order, no two at once.

    Task k of a job is its work on machine k.
    """
    jobs, count = duration.shape
    return shop(
        name,
        np.arange(jobs + 1, dtype=np.int64) * count,
        np.arange(jobs * count + 1, dtype=np.int64),
        np.tile(np.arange(count, dtype=np.int64), jobs),
        np.ascontiguousarray(duration).ravel(),
        count,
        chained=False,
    )


def with_job_dates(
    problem: Problem,
    *,
    due: IntArray | None = None,
    weight: IntArray | None = None,
    release: IntArray | None = None,
    objective: Objective | None = None,
) -> Problem:
    """Copy with job due dates, weights, releases (each (jobs,)) and another objective."""
    old = problem.jobs
    jobs = replace(
        old,
        due=old.due if due is None else np.asarray(due, dtype=np.int64),
        weight=old.weight if weight is None else np.asarray(weight, dtype=np.int64),
        release=old.release if release is None else np.asarray(release, dtype=np.int64),
    )
    return replace(
        problem, jobs=jobs, objective=problem.objective if objective is None else objective
    )


def project(
    name: str,
    *,
    mode_ptr: IntArray,
    duration: IntArray,
    demand: IntArray,
    capacity: IntArray,
    renewable: int,
    precedences: Precedences,
) -> Problem:
    """Project of activities A1, A2, ... without jobs or dummies.

    Parameters
    ----------
    duration
        Ticks per mode, int64 (m,).
    demand
        Units per mode and resource, int64 (m, resources).
    capacity
        Units per resource, int64 (resources,).
    renewable
        The first so many resources are renewable (R1, ...), the others consumable (N1, ...).
    """
    n, resources = len(mode_ptr) - 1, len(capacity)
    kind = np.full(resources, ResourceKind.CONSUMABLE, dtype=np.uint8)
    kind[:renewable] = ResourceKind.RENEWABLE
    names = [f"R{k + 1}" for k in range(renewable)]
    names += [f"N{k + 1}" for k in range(resources - renewable)]
    mode, resource = np.nonzero(demand)
    return Problem(
        name=name,
        tasks=Tasks.plain(NameTable.numbered("A", n), np.full(n, -1, dtype=np.int32), mode_ptr),
        modes=Modes(
            task=np.repeat(np.arange(n, dtype=np.int32), np.diff(mode_ptr)),
            duration=duration,
            cost=np.zeros(len(duration), dtype=np.int64),
            demand_ptr=pointers(np.count_nonzero(demand, axis=1)),
            demand_resource=resource.astype(np.int32),
            demand_amount=demand[mode, resource],
            demand_timing=np.zeros(len(mode), dtype=np.uint8),
        ),
        resources=Resources.plain(NameTable.explicit(names), kind, capacity),
        jobs=Jobs.plain(
            NameTable.explicit(()), np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32)
        ),
        precedences=precedences,
    )
