"""Blocking without swap: simultaneous moves must have an order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from makespan.core.verification.plan import Demands, Plan
from makespan.core.verification.violation import Violation, ViolationKind, listed
from makespan.core.vocabulary import Blocking, IntArray


def _waits(plan: Plan, on_machine: Demands) -> tuple[IntArray, IntArray, IntArray]:
    """Pairs (move, move it must come after, machine); a move is named by its blocking task.

    Where several tasks leave one machine at one instant they overlap, which is reported
    elsewhere; one of them stands for all here.
    """
    none = np.empty(0, dtype=np.int64)
    codes = plan.blocking_codes(on_machine)
    if not (codes == Blocking.NO_SWAP).any():
        return none, none, none
    after = plan.following()
    blocked = np.zeros(len(plan.start), dtype=np.bool_)
    blocked[on_machine.task[codes > 0]] = True
    mover = np.flatnonzero(blocked & (after >= 0))
    mover = mover[plan.start[after[mover]] >= plan.end[mover]]
    moves = np.zeros(len(plan.start), dtype=np.bool_)
    moves[mover] = True
    origin = np.full(len(plan.start), -1, dtype=np.int64)
    origin[after[mover]] = mover
    leaving = np.flatnonzero(moves[on_machine.task] & (codes == Blocking.NO_SWAP))
    entering = np.flatnonzero((origin[on_machine.task] >= 0) & ~plan.milestone[on_machine.task])
    if not len(leaving):
        return none, none, none
    left = on_machine.task[leaving]
    entered = on_machine.task[entering]
    # One number per machine and instant, by the rank of the instant so that it surely fits.
    instants = np.unique(plan.start[after[mover]])
    place = on_machine.resource[leaving] * len(instants)
    place += np.searchsorted(instants, plan.start[after[left]])
    wanted = on_machine.resource[entering] * len(instants)
    wanted += np.searchsorted(instants, plan.start[entered])
    order = np.argsort(place, kind="stable")
    place, holder = place[order], left[order]
    found = np.minimum(np.searchsorted(place, wanted), len(place) - 1)
    earlier = np.where(place[found] == wanted, holder[found], -1)
    later = origin[entered]
    real = (earlier >= 0) & (earlier != later)
    return later[real], earlier[real], on_machine.resource[entering][real]


def check_swaps(plan: Plan, on_machine: Demands) -> list[Violation]:
    """No cycle of moves each into the machine that the next leaves at the same instant."""
    later, earlier, machine = _waits(plan, on_machine)
    successors: dict[int, list[int]] = {}
    for u, w in zip(later.tolist(), earlier.tolist(), strict=True):
        successors.setdefault(w, []).append(u)
    cycles = _cycles(successors)
    number = {task: k for k, cycle in enumerate(cycles) for task in cycle}
    swapped: list[set[int]] = [set() for _ in cycles]
    for u, w, r in zip(later.tolist(), earlier.tolist(), machine.tolist(), strict=True):
        if u in number and number[u] == number.get(w):
            swapped[number[u]].add(r)
    after = plan.following()
    found = []
    for cycle, machines in zip(cycles, swapped, strict=True):
        names = tuple(plan.task(i) for i in cycle)
        where = [plan.resource(r) for r in sorted(machines)]
        sentence = (
            f"at {plan.start[after[cycle[0]]]} the jobs of {listed(names)} would have to swap "
            f"{listed(where)} at once, which blocking without swap forbids"
        )
        found.append(Violation(ViolationKind.SWAP, names, where[0], len(cycle), sentence))
    return found


def _cycles(successors: dict[int, list[int]]) -> list[list[int]]:
    """Strongly connected components of two or more nodes, members sorted (Tarjan, iterative)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    nothing: Sequence[int] = ()
    for root in sorted(successors):
        if root in index:
            continue
        work = [(root, iter(successors[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for child in rest:
                if child not in index:
                    index[child] = low[child] = len(index)
                    stack.append(child)
                    on_stack.add(child)
                    work.append((child, iter(successors.get(child, nothing))))
                    break
                if child in on_stack:
                    low[node] = min(low[node], index[child])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        members.append(member)
                        if member == node:
                            break
                    if len(members) > 1:
                        found.append(sorted(members))
    return sorted(found)
