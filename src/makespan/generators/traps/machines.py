"""Traps about machines: blocking and swaps, setups, several machines at once, milestones."""

from __future__ import annotations

from makespan.core.builder import ProblemBuilder
from makespan.core.vocabulary import Blocking
from makespan.generators.traps._registry import register


def _two_ways(b: ProblemBuilder, rule: Blocking) -> None:
    left, right = b.machine("left", blocking=rule), b.machine("right", blocking=rule)
    for first, second in ((left, right), (right, left)):
        job = b.job()
        b.chain(
            b.task(duration=2, machine=first, job=job), b.task(duration=2, machine=second, job=job)
        )


@register(4)
def swap_allowed(b: ProblemBuilder) -> None:
    """Two blocked jobs exchange their machines at 2; each needs 4 ticks, so 4 is optimal."""
    _two_ways(b, Blocking.SWAP)


@register(8)
def swap_forbidden(b: ProblemBuilder) -> None:
    """Without swaps the second job may enter neither machine while the first job is on its way.

    If each job is first on its own first machine, each waits for the other to leave: a swap. So
    one job is first on both machines, leaves its second at 4 or later, and only then the other
    starts there: 8.
    """
    _two_ways(b, Blocking.NO_SWAP)


def _ring(b: ProblemBuilder, rule: Blocking) -> None:
    ring = [b.machine(f"M{k + 1}", blocking=rule) for k in range(3)]
    for k in range(3):
        job = b.job()
        b.chain(
            b.task(duration=2, machine=ring[k], job=job),
            b.task(duration=2, machine=ring[(k + 1) % 3], job=job),
        )


@register(4)
def ring_swap_allowed(b: ProblemBuilder) -> None:
    """Three jobs move on round a ring of three machines at the same instant: 4, their length."""
    _ring(b, Blocking.SWAP)


@register(8)
def ring_swap_forbidden(b: ProblemBuilder) -> None:
    """Three jobs on a ring: on some machine the guest must be served before the resident.

    If every resident is first, the three moves wait for each other. Otherwise some resident starts
    after a guest has left, at 4 at the earliest, and needs 4 more ticks.
    """
    _ring(b, Blocking.NO_SWAP)


@register(6)
def chain_of_moves(b: ProblemBuilder) -> None:
    """Moves into machines just left are no cycle, so they are allowed without swaps.

    Job 2 leaves M2 for M3 at 2, job 1 leaves M1 for M2 at 2, job 3 enters M1 at 2 and moves to M2
    at 4. M2 carries 2 + 2 + 2 ticks, so 6 is optimal.
    """
    m1, m2, m3 = (b.machine(f"M{k + 1}", blocking=Blocking.NO_SWAP) for k in range(3))
    for first, second in ((m1, m2), (m2, m3), (m1, m2)):
        job = b.job()
        b.chain(
            b.task(duration=2, machine=first, job=job), b.task(duration=2, machine=second, job=job)
        )


@register(6)
def last_task_leaves(b: ProblemBuilder) -> None:
    """The last task of a job leaves its blocking machine when it ends: two tasks of 3 take 6."""
    m = b.machine("M", blocking=Blocking.NO_SWAP)
    for _ in range(2):
        b.task(duration=3, machine=m, job=b.job())


@register(5)
def blocked_by_itself(b: ProblemBuilder) -> None:
    """A job whose next task is on the machine it blocks does not block itself.

    Its two tasks of 2 and a stranger of 1, which cannot come between them: 5, the load.
    """
    m = b.machine("M", blocking=Blocking.NO_SWAP)
    job = b.job()
    b.chain(b.task(duration=2, machine=m, job=job), b.task(duration=2, machine=m, job=job))
    b.task(duration=1, machine=m)


@register(14)
def blocking_makes_wait(b: ProblemBuilder) -> None:
    """A finished job keeps M1 while M2 is busy, and a third job waits for M1.

    Two jobs have 1 on M1 and 6 on M2, the third 7 on M1 only. Behind both, it waits until the
    second job leaves M1 at 7: 14. Between them, the second job reaches M2 at 9: 15. Before them,
    M2 starts at 8: 20. Without blocking it would be 13.
    """
    m1, m2 = b.machine("M1", blocking=Blocking.SWAP), b.machine("M2")
    for _ in range(2):
        job = b.job()
        b.chain(b.task(duration=1, machine=m1, job=job), b.task(duration=6, machine=m2, job=job))
    b.task(duration=7, machine=m1, job=b.job())


@register(5)
def setup_not_triangular(b: ProblemBuilder) -> None:
    """Only immediate successors are kept apart: 0, 1, 2 takes 3 ticks of work and two setups of 1.

    The setup from 0 to 2 is 10, but 1 lies between. Every other order has a setup of 10.
    """
    table = b.setups("colours", [[0, 1, 10], [10, 0, 1], [10, 10, 0]])
    m = b.machine("M", setup=table)
    for family in range(3):
        b.task(duration=1, machine=m, family=family)


@register(3)
def setup_before_the_first(b: ProblemBuilder) -> None:
    """The initial setup decides the order: 5 before family 0, none before family 1; 1 between."""
    table = b.setups("colours", [[0, 1], [1, 0]], initial_time=[5, 0])
    m = b.machine("M", setup=table)
    for family in range(2):
        b.task(duration=1, machine=m, family=family)


@register(4)
def setup_ignores_milestones(b: ProblemBuilder) -> None:
    """A milestone of another family between two tasks changes no setup: 2 + 2."""
    table = b.setups("colours", [[0, 5], [5, 0]])
    m = b.machine("M", setup=table)
    b.chain(
        b.task(duration=2, machine=m),
        b.task(duration=0, machine=m, family=1),
        b.task(duration=2, machine=m),
    )


@register(9)
def setup_after_blocking(b: ProblemBuilder) -> None:
    """A setup starts when the blocked job has left, not when its task ended.

    M2 is busy during [0, 5), so the job's first task, done at 1, keeps M1 until 5. The stranger
    must follow it there: 3 ticks of setup and 1 of work end at 9.
    """
    table = b.setups("colours", [[0, 3], [3, 0]])
    m1 = b.machine("M1", blocking=Blocking.SWAP, setup=table)
    m2 = b.machine("M2")
    b.task("fixed", duration=5, machine=m2, deadline=5)
    job = b.job()
    first = b.task(duration=1, machine=m1, job=job, family=0)
    stranger = b.task("stranger", duration=1, machine=m1, family=1)
    b.chain(first, b.task(duration=1, machine=m2, job=job))
    b.chain(first, stranger)


@register(3)
def setup_cost_against_time(b: ProblemBuilder) -> None:
    """The cheap order is the slow one; only cost counts: 0 -> 1 costs 3, 1 -> 0 costs 9."""
    table = b.setups("colours", [[0, 8], [1, 0]], cost=[[0, 3], [9, 0]])
    m = b.machine("M", setup=table)
    for family in range(2):
        b.task(duration=1, machine=m, family=family)
    b.minimise("setup_cost")


@register(5)
def two_machines_at_once(b: ProblemBuilder) -> None:
    """A task that needs both machines for 2 ticks waits for, or delays, both tasks of 3: 5."""
    m1, m2 = b.machine("M1"), b.machine("M2")
    b.task(duration=2, machine=(m1, m2))
    b.task(duration=3, machine=m1)
    b.task(duration=3, machine=m2)


@register(6)
def milestone_between_two_tasks(b: ProblemBuilder) -> None:
    """A milestone may touch tasks on its machine: at 3, where one ends and the other starts."""
    m = b.machine("M")
    b.task(duration=3, machine=m)
    b.task(duration=3, machine=m)
    b.task("sign", duration=0, machine=m, release=3, deadline=3)


@register(8)
def milestone_not_inside(b: ProblemBuilder) -> None:
    """A milestone fixed at 2 may not lie inside a task of 3 on its machine.

    No task of 3 fits before 2, so both start at 2 or later: 8.
    """
    m = b.machine("M")
    b.task(duration=3, machine=m)
    b.task(duration=3, machine=m)
    b.task("sign", duration=0, machine=m, release=2, deadline=2)


@register(6)
def milestone_in_no_overlap_set(b: ProblemBuilder) -> None:
    """A milestone fixed at 2 in a no-overlap set with a task of 4: the task starts at 2."""
    task = b.task(duration=4)
    sign = b.task("sign", duration=0, release=2, deadline=2)
    b.no_overlap([task, sign])


@register(7)
def no_overlap_across_machines(b: ProblemBuilder) -> None:
    """Tasks on different machines in one set exclude each other: 3 + 4."""
    one = b.task(duration=3, machine=b.machine("M1"))
    other = b.task(duration=4, machine=b.machine("M2"))
    b.no_overlap([one, other])
