"""Traps about renewables, consumables and reservoirs."""

from __future__ import annotations

from makespan.core.builder import ProblemBuilder
from makespan.generators.traps._registry import register


@register(6)
def demand_does_not_pack(b: ProblemBuilder) -> None:
    """Three tasks of 2 ticks take 2 of 3 units each: no two fit together, so 6, not 4."""
    crew = b.renewable("crew", capacity=3)
    for _ in range(3):
        b.task(duration=2, demands={crew: 2})


@register(7)
def capacity_gap(b: ProblemBuilder) -> None:
    """No capacity during [3, 5): one task of 2 fits before, the other starts at 5."""
    crew = b.renewable("crew", capacity=1, steps=[(3, 0), (5, 1)])
    b.task(duration=2, demands={crew: 1})
    b.task(duration=2, demands={crew: 1})


@register(3)
def capacity_freed_at_an_end(b: ProblemBuilder) -> None:
    """Units are free again at the tick where a task ends: 1 + 2."""
    crew = b.renewable("crew", capacity=1)
    b.task(duration=1, demands={crew: 1})
    b.task(duration=2, demands={crew: 1})


@register(2)
def milestone_needs_no_units(b: ProblemBuilder) -> None:
    """A milestone takes no renewable, even more units than there are."""
    crew = b.renewable("crew", capacity=1)
    b.task(duration=2, demands={crew: 1})
    b.task(duration=0, demands={crew: 5})


@register(7)
def reservoir_waits_for_two(b: ProblemBuilder) -> None:
    """The consumer takes 2; two producers on one machine have delivered 1 each at 6: 7."""
    tank, m = b.reservoir("tank"), b.machine("M")
    for _ in range(2):
        b.task(duration=3, machine=m, ends_with={tank: 1})
    b.task(duration=1, starts_with={tank: -2})


@register(4)
def reservoir_sums_an_instant(b: ProblemBuilder) -> None:
    """A full tank is filled and drained at one instant: only the sum counts, so 2 + 2."""
    tank = b.reservoir("tank", initial=1, maximum=1)
    fill = b.task(duration=2, ends_with={tank: 1})
    drain = b.task(duration=2, starts_with={tank: -1})
    b.no_wait(fill, drain)


@register(6)
def reservoir_full(b: ProblemBuilder) -> None:
    """A tank of 1 takes the second delivery only when the first is gone.

    Each consumer of 3 ticks takes 1 at its end, so it may run before the delivery it needs; both
    share a machine, which bounds the makespan by 6. Deliveries can end at 1 and at 3.
    """
    tank, m = b.reservoir("tank", maximum=1), b.machine("M")
    for _ in range(2):
        b.task(duration=1, ends_with={tank: 1})
        b.task(duration=3, machine=m, ends_with={tank: -1})


@register(infeasible=True)
def reservoir_never_filled(b: ProblemBuilder) -> None:
    """The consumer takes 2, all that is ever delivered is 1."""
    tank = b.reservoir("tank")
    b.task(duration=1, ends_with={tank: 1})
    b.task(duration=1, starts_with={tank: -2})


@register(4)
def milestone_fills_the_reservoir(b: ProblemBuilder) -> None:
    """A milestone's delivery counts: released at 3 it lets the task of 1 start."""
    tank = b.reservoir("tank")
    b.task("delivery", duration=0, release=3, starts_with={tank: 1})
    b.task(duration=1, starts_with={tank: -1})


@register(10)
def budget_for_one_fast_mode(b: ProblemBuilder) -> None:
    """The budget of 5 buys one fast mode only: 2 + 8 on one machine."""
    budget, m = b.consumable("budget", amount=5), b.machine("M")
    for _ in range(2):
        b.task(duration=8, machine=m).mode(2, m, demands={budget: 4})


@register(infeasible=True)
def budget_spent(b: ProblemBuilder) -> None:
    """Two tasks take 3 of a budget of 5 each."""
    budget = b.consumable("budget", amount=5)
    b.task(duration=1, demands={budget: 3})
    b.task(duration=1, demands={budget: 3})


@register(4)
def cheap_machine(b: ProblemBuilder) -> None:
    """Cost counts ticks times rate: 4 x 1 on the slow machine beats 2 x 3 on the fast one."""
    fast, slow = b.machine("fast", rate=3), b.machine("slow", rate=1)
    b.task(duration=2, machine=fast).mode(4, slow)
    b.minimise("resource_cost")
