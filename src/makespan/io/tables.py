"""Problem tables of the classic formats, built straight from arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from makespan.core.names import NameTable
from makespan.core.problem import Jobs, Modes, Precedences, Problem, Resources, Sets, Tasks
from makespan.core.vocabulary import DemandTiming, ResourceKind

if TYPE_CHECKING:
    from makespan.core.vocabulary import CodeArray, IndexArray, IntArray


def machines(count: int, first: int) -> Resources:
    """Machines ``M<first>``, ``M<first + 1>``, ...: numbered as the format numbers them."""
    return Resources.plain(
        NameTable.numbered("M", count, first),
        np.full(count, ResourceKind.MACHINE, dtype=np.uint8),
        np.ones(count, dtype=np.int64),
    )


def single_demand(task: IndexArray, duration: IntArray, machine: IndexArray) -> Modes:
    """Modes that each use exactly one machine."""
    m = len(duration)
    return Modes(
        task=task,
        duration=duration,
        cost=np.zeros(m, dtype=np.int64),
        demand_ptr=np.arange(m + 1, dtype=np.int64),
        demand_resource=machine,
        demand_amount=np.ones(m, dtype=np.int64),
        demand_timing=np.full(m, DemandTiming.DURING, dtype=np.uint8),
    )


def shop(
    name: str,
    *,
    job_ptr: IntArray,
    mode_ptr: IntArray,
    duration: IntArray,
    machine: IntArray,
    machine_count: int,
    first_machine: int,
    ordered: bool = True,
) -> Problem:
    """Job shop, flexible job shop or open shop.

    Parameters
    ----------
    job_ptr
        Tasks of job k are ``job_ptr[k] .. job_ptr[k+1]-1``, (j+1,).
    mode_ptr
        Modes of task i are ``mode_ptr[i] .. mode_ptr[i+1]-1``, (n+1,).
    duration, machine
        Per mode; machines from 0.
    first_machine
        Number in the name of machine 0.
    ordered
        Whether a job's tasks run in the given order; if not they only must not overlap.
    """
    job_count, task_count = len(job_ptr) - 1, len(mode_ptr) - 1
    sizes = np.diff(job_ptr)
    job = np.repeat(np.arange(job_count, dtype=np.int32), sizes)
    position = np.arange(task_count, dtype=np.int64) - np.repeat(job_ptr[:-1], sizes)
    job_names = NameTable.numbered("J", job_count)
    task = np.arange(task_count, dtype=np.int32)
    follows = np.flatnonzero(position > 0).astype(np.int32) if ordered else task[:0]
    return Problem(
        name=name,
        tasks=Tasks.plain(NameTable.per_job(job_names, job, position), job, mode_ptr),
        modes=single_demand(np.repeat(task, np.diff(mode_ptr)), duration, machine.astype(np.int32)),
        resources=machines(machine_count, first_machine),
        jobs=Jobs.plain(job_names, job_ptr, task),
        precedences=Precedences.finish_to_start(follows - np.int32(1), follows),
        no_overlaps=Sets.empty() if ordered else Sets(job_names, job_ptr, task),
    )


@dataclass(frozen=True, slots=True)
class Activities:
    """Activities of a project as the project formats list them.

    Attributes
    ----------
    mode_ptr
        CSR of modes, (n+1,).
    duration
        Per mode, (m,).
    demand
        Per mode and resource, (m, r).
    capacity
        Per resource, (r,).
    renewable_count
        The first so many resources are renewable, the others consumable.
    first_number
        Number of the first activity; activities are named by their numbers.
    """

    mode_ptr: IntArray
    duration: IntArray
    demand: IntArray
    capacity: IntArray
    renewable_count: int
    first_number: int = 1


def project(name: str, activities: Activities, precedences: Precedences) -> Problem:
    """Project with renewable resources ``R1``.. and consumable ones ``N1``.., without jobs."""
    count = len(activities.mode_ptr) - 1
    total, renewable = len(activities.capacity), activities.renewable_count
    kind: CodeArray = np.full(total, ResourceKind.CONSUMABLE, dtype=np.uint8)
    kind[:renewable] = ResourceKind.RENEWABLE
    names = [f"R{k + 1}" for k in range(renewable)]
    names += [f"N{k + 1}" for k in range(total - renewable)]
    mode, resource = np.nonzero(activities.demand)
    demand_ptr = np.zeros(len(activities.duration) + 1, dtype=np.int64)
    np.cumsum(np.count_nonzero(activities.demand, axis=1), out=demand_ptr[1:])
    task = np.arange(count, dtype=np.int32)
    return Problem(
        name=name,
        tasks=Tasks.plain(
            NameTable.numbered("", count, activities.first_number),
            np.full(count, -1, dtype=np.int32),
            activities.mode_ptr,
        ),
        modes=Modes(
            task=np.repeat(task, np.diff(activities.mode_ptr)),
            duration=activities.duration,
            cost=np.zeros(len(activities.duration), dtype=np.int64),
            demand_ptr=demand_ptr,
            demand_resource=resource.astype(np.int32),
            demand_amount=activities.demand[mode, resource],
            demand_timing=np.full(len(mode), DemandTiming.DURING, dtype=np.uint8),
        ),
        resources=Resources.plain(NameTable.explicit(names), kind, activities.capacity),
        jobs=Jobs.plain(NameTable.explicit(()), np.zeros(1, dtype=np.int64), task[:0]),
        precedences=precedences,
    )


def cyclic_tasks(count: int, source: IntArray, target: IntArray) -> IntArray:
    """Tasks on or behind a cycle of the relation ``source -> target``; empty if acyclic.

    O(n + p) in vectorised layers, at most n of them.
    """
    if (source < target).all():
        return np.empty(0, dtype=np.int64)
    waiting = np.bincount(target, minlength=count)
    order = np.argsort(source, kind="stable")
    heads = target[order]
    ptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=count), out=ptr[1:])
    ready = np.flatnonzero(waiting == 0)
    done = np.zeros(count, dtype=np.bool_)
    while len(ready):
        done[ready] = True
        sizes = ptr[ready + 1] - ptr[ready]
        base = np.repeat(ptr[ready] - np.append(0, np.cumsum(sizes)[:-1]), sizes)
        reached = heads[base + np.arange(int(sizes.sum()))]
        np.subtract.at(waiting, reached, 1)
        candidates = np.unique(reached)
        ready = candidates[waiting[candidates] == 0]
    return np.flatnonzero(~done)
