"""Traps about modes, optional tasks, links and changes against a baseline."""

from __future__ import annotations

from makespan.core.builder import ProblemBuilder
from makespan.generators.traps._registry import register


@register(6)
def same_machine(b: ProblemBuilder) -> None:
    """Linked tasks share a machine: 1 + 5 on the first or 3 + 3 on the second; apart it were 3."""
    m1, m2 = b.machine("M1"), b.machine("M2")
    one = b.task(duration=1, machine=m1).mode(3, m2)
    other = b.task(duration=5, machine=m1).mode(3, m2)
    b.same_resource(one, other, b.group("all", [m1, m2]))


@register(4)
def different_machines(b: ProblemBuilder) -> None:
    """Apart, one of two tasks that prefer the first machine takes 4 on the second.

    The order on the first machine alone would allow 1 + 1 = 2.
    """
    m1, m2 = b.machine("M1"), b.machine("M2")
    one = b.task(duration=1, machine=m1).mode(4, m2)
    other = b.task(duration=1, machine=m1).mode(4, m2)
    b.different_resource(one, other, b.group("all", [m1, m2]))


@register(2)
def link_outside_the_group(b: ProblemBuilder) -> None:
    """Only machines of the group count: two tasks on one machine outside it are not the same."""
    m1, m2, m3 = b.machine("M1"), b.machine("M2"), b.machine("M3")
    one = b.task(duration=1, machine=(m1, m3))
    other = b.task(duration=1, machine=(m2, m3))
    b.different_resource(one, other, b.group("pair", [m1, m2]))


@register(8)
def alternative_routes(b: ProblemBuilder) -> None:
    """One task of 10, or two of 4 in a chain, both or none: 8."""
    whole = b.task(duration=10, optional=True)
    halves = [b.task(duration=4, optional=True) for _ in range(2)]
    b.chain(*halves)
    b.all_or_none(halves)
    b.exactly_one([whole, halves[0]])


@register(infeasible=True)
def exactly_one_of_two_mandatory(b: ProblemBuilder) -> None:
    """Both tasks are mandatory, but exactly one may be present."""
    b.exactly_one([b.task(duration=1), b.task(duration=1)])


@register(3)
def implication_chain(b: ProblemBuilder) -> None:
    """The mandatory task drags in the second, the second the third, one machine: 3."""
    m = b.machine("M")
    first = b.task(duration=1, machine=m)
    second, third = (b.task(duration=1, machine=m, optional=True) for _ in range(2))
    b.implies(first, second)
    b.implies(second, third)


@register(0)
def absent_tasks_bind_nobody(b: ProblemBuilder) -> None:
    """A task left out neither delays its successor nor needs its impossible deadline.

    The successor is a milestone, so the makespan is 0; present, the task would need 7.
    """
    skipped = b.task(duration=7, optional=True, deadline=3)
    b.chain(skipped, b.task("sign", duration=0))


@register(6)
def knapsack(b: ProblemBuilder) -> None:
    """The budget of 7 places demands 3 and 4 with rewards 4 and 5; 5 with reward 6 is left out.

    Every pair but (3, 4) takes more than 7, and a single task leaves more reward out.
    """
    budget = b.consumable("budget", amount=7)
    for demand, reward in ((3, 4), (4, 5), (5, 6)):
        b.task(duration=1, demands={budget: demand}, optional=True, reward=reward)
    b.minimise("unplaced")


@register(9, 0)
def empty_schedule(b: ProblemBuilder) -> None:
    """Nothing can be placed before the deadline: the whole reward is lost and the makespan is 0."""
    b.task(duration=5, deadline=4, optional=True, reward=9)
    b.minimise("unplaced")
    b.then_minimise("makespan")


@register(2)
def repair_shifts_both(b: ProblemBuilder) -> None:
    """A task planned at 0 may start at 1 only; its follower on the machine moves by 1 as well.

    The other order moves the first task to 6: a change of 6.
    """
    _late_start(b)
    b.minimise("change")


@register(1, 9)
def repair_moves_one(b: ProblemBuilder) -> None:
    """Counting moved tasks instead, the first goes behind the second, which stays: 1, then 9."""
    _late_start(b)
    b.minimise("moved")
    b.then_minimise("makespan")


def _late_start(b: ProblemBuilder) -> None:
    m = b.machine("M")
    b.task(duration=3, machine=m, release=1, baseline=0)
    b.task(duration=3, machine=m, baseline=3)


@register(1)
def repair_counts_modes(b: ProblemBuilder) -> None:
    """A task that keeps its start but must change its mode has moved."""
    m1, m2 = b.machine("M1"), b.machine("M2")
    b.task(duration=2, machine=m1, deadline=2)
    b.task(duration=2, machine=m1, deadline=2, baseline=(0, 0)).mode(2, m2)
    b.minimise("moved")


@register(3)
def mode_cost_against_time(b: ProblemBuilder) -> None:
    """A weighted sum: the fast mode costs 2 + 3 x 1, the slow one 3 + 0."""
    b.task(duration=2, cost=1).mode(3)
    b.minimise({"makespan": 1, "mode_cost": 3})


@register(4)
def zero_weight_may_be_late(b: ProblemBuilder) -> None:
    """The job without weight goes last: only the weight 2 of the other counts, 2 x (3 - 1)."""
    m = b.machine("M")
    b.task(duration=3, machine=m, job=b.job(due=1, weight=2))
    b.task(duration=5, machine=m, job=b.job(due=1, weight=0))
    b.minimise("total_tardiness")
