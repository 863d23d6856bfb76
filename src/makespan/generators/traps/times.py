"""Traps about time: lags, calendars, windows, the horizon."""

from __future__ import annotations

from makespan.core.builder import ProblemBuilder
from makespan.generators.traps._registry import register


@register(11)
def no_wait_starts_late(b: ProblemBuilder) -> None:
    """The first task must idle so that the second meets the machine: starting at 0 is worse.

    The machine carries 10 + 1. After the long task: first at 9, second during [10, 11). Before it,
    the second cannot start before 1, so the long task ends at 12 at the earliest.
    """
    m = b.machine("M")
    b.task("long", duration=10, machine=m)
    first, second = b.task("first", duration=1), b.task("second", duration=1, machine=m)
    b.no_wait(first, second)


@register(infeasible=True)
def lags_contradict(b: ProblemBuilder) -> None:
    """Through the middle task at least 4 ticks pass, but at most 3 may."""
    first, middle, last = b.task(duration=1), b.task(duration=4), b.task(duration=1)
    b.chain(first, middle, last)
    b.precedence(first, last, max_lag=3)


@register(infeasible=True)
def lags_against_machine(b: ProblemBuilder) -> None:
    """Two tasks of 2 on one machine must start within a tick of each other: lags alone allow it."""
    m = b.machine("M")
    one, other = b.task(duration=2, machine=m), b.task(duration=2, machine=m)
    b.precedence(one, other, kind="SS", min_lag=-1, max_lag=1)


@register(5)
def negative_lag(b: ProblemBuilder) -> None:
    """A negative minimum lag lets the second task overlap the first by 3: 5, not 7."""
    first, second = b.task(duration=5), b.task(duration=2)
    b.precedence(first, second, min_lag=-3)


@register(6)
def start_to_finish(b: ProblemBuilder) -> None:
    """The second task ends at least 6 after the first starts, though both are short."""
    first, second = b.task(duration=1), b.task(duration=2)
    b.precedence(first, second, kind="SF", min_lag=6)


@register(9)
def finish_to_finish(b: ProblemBuilder) -> None:
    """The second task, though it could run at once, ends 2 after the first: 7 + 2."""
    first, second = b.task(duration=7), b.task(duration=1)
    b.precedence(first, second, kind="FF", min_lag=2)


@register(0)
def tied_milestones(b: ProblemBuilder) -> None:
    """Two milestones held at one instant by lags both ways; both can be at 0."""
    one, other = b.task(duration=0), b.task(duration=0)
    b.precedence(one, other, kind="SS", min_lag=0, max_lag=0)


@register(12)
def calendar_forbids(b: ProblemBuilder) -> None:
    """Shifts of 4 in 10 ticks hold 3 or 2, not both: the 2 last ends at 12, the 3 last at 13."""
    m = b.machine("M", calendar=b.calendar("shift", working=[(0, 4)], period=10))
    b.task(duration=3, machine=m)
    b.task(duration=2, machine=m)


@register(14)
def calendar_suspends(b: ProblemBuilder) -> None:
    """The same shifts, but tasks pause: 6 + 2 working ticks end at 14 in either order."""
    shift = b.calendar("shift", working=[(0, 4)], period=10)
    m = b.machine("M", calendar=shift, breaks="suspend")
    b.task(duration=6, machine=m)
    b.task(duration=2, machine=m)


@register(14)
def shift_ends_with_the_task(b: ProblemBuilder) -> None:
    """A task may end where the break starts and the next start where it ends: [0, 4), [10, 14)."""
    m = b.machine("M", calendar=b.calendar("shift", working=[(0, 4)], period=10))
    b.task(duration=4, machine=m)
    b.task(duration=4, machine=m)


@register(15)
def common_working_time(b: ProblemBuilder) -> None:
    """Work progresses only where both resources work: [3, 5) of every 10; 4 ticks end at 15."""
    m = b.machine(
        "M", calendar=b.calendar("machine", working=[(0, 5)], period=10), breaks="suspend"
    )
    crew = b.renewable(
        "crew",
        capacity=1,
        calendar=b.calendar("crew", working=[(3, 8)], period=10),
        breaks="suspend",
    )
    b.task(duration=4, machine=m, demands={crew: 1})


@register(16)
def one_forbids_one_suspends(b: ProblemBuilder) -> None:
    """A pause of the machine must not cross a break of the crew, which forbids.

    The machine pauses for tick 3 of every 10; the crew works [0, 2) and from 6 on. Before 6 only
    2 ticks are common, so all is done from 6 on: 9 ticks of work and the pause at 13 end at 16.
    """
    m = b.machine(
        "M",
        calendar=b.calendar("machine", working=[(0, 3), (4, 10)], period=10),
        breaks="suspend",
    )
    crew = b.renewable(
        "crew", capacity=1, calendar=b.calendar("crew", working=[(0, 2), (6, 30)], period=30)
    )
    b.task(duration=4, machine=m, demands={crew: 1})
    b.task(duration=5, machine=m, demands={crew: 1})


@register(8)
def crew_released_in_breaks(b: ProblemBuilder) -> None:
    """While the machine's break pauses the first task, its crew does the second.

    The machine rests during [2, 6): first during [0, 2) and [6, 8), second during [2, 6).
    """
    _break_in_the_middle(b, released=True)


@register(10)
def crew_held_in_breaks(b: ProblemBuilder) -> None:
    """The crew waits with the paused task: 8 ticks, then 4; or 4, then from 6 to 10."""
    _break_in_the_middle(b, released=False)


def _break_in_the_middle(b: ProblemBuilder, *, released: bool) -> None:
    rest = b.calendar("rest", exceptions=[(2, 6, False)])
    m = b.machine("M", calendar=rest, breaks="suspend")
    crew = b.renewable(
        "crew",
        capacity=1,
        calendar=b.calendar("always"),
        breaks="suspend",
        released_in_breaks=released,
    )
    b.task("first", duration=4, machine=m, demands={crew: 1})
    b.task("second", duration=4, demands={crew: 1})


@register(3)
def milestone_in_a_break(b: ProblemBuilder) -> None:
    """Calendars do not rule milestones: one on a resting machine may follow a task at 3."""
    m = b.machine("M", calendar=b.calendar("rest", exceptions=[(3, 50, False)]))
    b.chain(b.task(duration=3, machine=m), b.task("sign", duration=0, machine=m))


@register(5)
def forbidden_interval(b: ProblemBuilder) -> None:
    """A task of 3 that must not touch [1, 2) starts at 2."""
    b.task(duration=3, forbidden=[(1, 2)])


@register(2)
def milestone_in_a_forbidden_interval(b: ProblemBuilder) -> None:
    """A milestone at 0 or 1 would lie in the forbidden [0, 2); at 2 it does not."""
    b.task(duration=0, forbidden=[(0, 2)])


@register(infeasible=True)
def deadlines_on_one_machine(b: ProblemBuilder) -> None:
    """Each of two tasks of 3 can end by 5, but not both on one machine."""
    m = b.machine("M")
    b.task(duration=3, machine=m, deadline=5)
    b.task(duration=3, machine=m, deadline=5)


@register(9)
def job_window(b: ProblemBuilder) -> None:
    """The job's release binds its first task and its tasks bind each other: 4 + 2 + 3."""
    job = b.job(release=4, deadline=9)
    b.chain(b.task(duration=2, job=job), b.task(duration=3, job=job))


@register(-2, horizon_start=-5)
def horizon_before_zero(b: ProblemBuilder) -> None:
    """The horizon starts at -5, so a task of 3 ends at -2."""
    b.task(duration=3)


@register(-8)
def lateness_below_zero(b: ProblemBuilder) -> None:
    """A task of 2 that is due at 10 is late by -8 at best."""
    b.task(duration=2, due=10)
    b.minimise("max_lateness")


@register(5, 2)
def lexicographic_levels(b: ProblemBuilder) -> None:
    """Both orders end at 5; the second level prefers the tardiness 0 + 2 to 0 + 3."""
    m = b.machine("M")
    for duration in (2, 3):
        b.task(duration=duration, machine=m, job=b.job(due=duration))
    b.minimise("makespan")
    b.then_minimise("total_tardiness")


@register(0, 11)
def earliness_wants_delay(b: ProblemBuilder) -> None:
    """Nothing is early if the task due at 11 ends there; the second level cannot undo that."""
    b.task(duration=2, due=11)
    b.minimise("total_earliness")
    b.then_minimise("makespan")
