"""Rules that are procedures on a whole order, written as their sources define them.

Reference versions in plain Python; the compiled ones are in
:mod:`makespan.shop.single_machine.kernels`. Tags as in
:mod:`makespan.shop.single_machine.dispatching`.
"""

from __future__ import annotations

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.shop.single_machine.dispatching import Rule, dispatch, shortest_first
from makespan.shop.single_machine.jobs import Jobs


def due_then_shortest(jobs: Jobs) -> IntArray:
    """Jobs by due date, then time, then index."""
    return np.lexsort((jobs.processing, jobs.due)).astype(np.int64)


def eddc_as_printed(jobs: Jobs) -> IntArray:
    """EDD Challenger as its listing says [paper]: sort by due date and time, then insert backwards.

    The loop runs while the job's due date is earlier than its predecessor's, which after that sort
    never happens: the listing is EDD. The figures of the source are not those of EDD; see
    :func:`eddc`.
    """
    order = due_then_shortest(jobs).tolist()
    p, d = jobs.processing.tolist(), jobs.due.tolist()
    for i in range(len(order)):
        j = i
        while j > 0 and d[order[j]] < d[order[j - 1]]:
            before = sum(p[job] for job in order[:j])
            if d[order[j - 1]] > before:
                order[j - 1], order[j] = order[j], order[j - 1]
            j -= 1
    return np.array(order, dtype=np.int64)


def eddc(jobs: Jobs) -> IntArray:
    """EDD Challenger in the reading that fits the figures of the source [inferred].

    The first sort is by time, then due date (what ``lexsort((d, p))`` does); then each job in
    turn moves backwards: it swaps with its predecessor if it is due earlier, and the predecessor
    is due after the sum of times of the jobs before the moving one. The look goes on past a pair
    that did not swap, as long as due dates fall.
    """
    order = shortest_first(jobs).tolist()
    p, d = jobs.processing.tolist(), jobs.due.tolist()
    for i in range(len(order)):
        j = i
        while j > 0 and d[order[j]] < d[order[j - 1]]:
            before = sum(p[job] for job in order[:j])
            if d[order[j - 1]] > before:
                order[j - 1], order[j] = order[j], order[j - 1]
            j -= 1
    return np.array(order, dtype=np.int64)


def psk(jobs: Jobs) -> IntArray:
    """Panwalkar, Smith & Koulamas 1993 [known: European Journal of Operational Research 70].

    Passes over the shortest-first list of the unscheduled jobs: the active job goes next if it
    cannot finish before its due date, or is due before a later candidate could finish; else a
    later job with an earlier due date takes over as the active one.
    """
    p, d = jobs.processing.tolist(), jobs.due.tolist()
    left = shortest_first(jobs).tolist()
    order = []
    time = 0
    while left:
        active = 0
        if time + p[left[0]] < d[left[0]]:
            for other in range(1, len(left)):
                job, next_ = left[active], left[other]
                if d[job] <= time + p[next_]:
                    break
                if d[next_] < d[job]:
                    active = other
                    if time + p[next_] >= d[next_]:
                        break
        time += p[left[active]]
        order.append(left.pop(active))
    return np.array(order, dtype=np.int64)


def panneerselvam(jobs: Jobs) -> IntArray:
    """A greedy heuristic in the place of Panneerselvam's 2006 [inferred], O(n^3).

    R. Panneerselvam, "Simple heuristic to minimize total tardiness in a single machine scheduling
    problem", International Journal of Advanced Manufacturing Technology 30 (2006) 722-726, calls
    it "simple" and "greedy"; its steps could not be consulted. This one appends the job after
    which the total tardiness is least if the others follow by due date; of equal ones, the one
    due first, then the shortest. Its figures must not be taken for those of the source.
    """
    p, d = jobs.processing.tolist(), jobs.due.tolist()
    left = due_then_shortest(jobs).tolist()
    order: list[int] = []
    time = 0
    while left:
        best, choice = None, 0
        for k, job in enumerate(left):
            clock = time + p[job]
            late = max(0, clock - d[job])
            for other in left[:k] + left[k + 1 :]:
                clock += p[other]
                late += max(0, clock - d[other])
            if best is None or late < best:
                best, choice = late, k
        time += p[left[choice]]
        order.append(left.pop(choice))
    return np.array(order, dtype=np.int64)


def greedy(jobs: Jobs) -> IntArray:
    """:func:`panneerselvam` by sums of arrays: O(n^3), but n steps of the interpreter.

    With the others by due date, those before the job that goes first shift by its time.
    """
    left = due_then_shortest(jobs)
    w = jobs.weight if jobs.weight is not None else np.ones(len(jobs), dtype=np.int64)
    order = np.empty(len(jobs), dtype=np.int64)
    time = 0
    for k in range(len(jobs)):
        p, d, weight = jobs.processing[left], jobs.due[left], w[left]
        slack = np.cumsum(p) + (time - d)
        shifted = np.maximum(slack[None, :] + p[:, None], 0) * weight
        before = np.tril(shifted, -1).sum(axis=1)
        late = np.maximum(slack, 0) * weight
        behind = late.sum() - np.cumsum(late)
        first = np.maximum(time + p - d, 0) * weight
        place = int(np.argmin(before + behind + first))
        order[k] = left[place]
        time += int(p[place])
        left = np.delete(left, place)
    return order


def augmented(jobs: Jobs, rule: Rule) -> IntArray:
    """A list rule with Bean and Hall's augmentation [known], O(n^3) as written here.

    After each job that the rule appends, every earlier job, from the front of the partial order on
    [inferred: the order of the tries], moves to its end if that lowers its total tardiness.
    """
    return augment(jobs, dispatch(jobs, rule))


def augment(jobs: Jobs, order: IntArray) -> IntArray:
    """The order after the moves to the end that lower the total tardiness of its growing front.

    A move changes neither which jobs are in the front nor its length, so a list rule, which looks
    at the remaining jobs and the clock alone, picks the same jobs with the moves as without.
    """
    p, d = jobs.processing.tolist(), jobs.due.tolist()
    w = None if jobs.weight is None else jobs.weight.tolist()

    def late(sequence: list[int]) -> int:
        clock = total = 0
        for job in sequence:
            clock += p[job]
            total += max(0, clock - d[job]) * (1 if w is None else w[job])
        return total

    front: list[int] = []
    for job in order.tolist():
        earlier = front[:]
        front.append(job)
        value = late(front)
        for mover in earlier:
            moved = [other for other in front if other != mover] + [mover]
            found = late(moved)
            if found < value:
                front, value = moved, found
    return np.array(front, dtype=np.int64)
