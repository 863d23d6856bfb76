"""The verifier: every rule of the semantics that a schedule breaks, by name and amount.

Written from the definitions, sharing no code with any engine. With n tasks, d demands, p
precedences, k intervals in calendars and v violations it takes O((n + d + p + k) log n + v) time,
but for the size of what it reports and for same-order sets whose jobs are no plain permutation,
where every two machines are compared.
"""

from __future__ import annotations

from makespan.core.errors import InputError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verification.durations import (
    check_calendars,
    check_durations,
    find_suspensions,
)
from makespan.core.verification.plan import read_plan
from makespan.core.verification.relations import (
    check_links,
    check_precedences,
    check_selections,
)
from makespan.core.verification.same_order import check_same_orders
from makespan.core.verification.sequence import Turns, check_no_overlaps
from makespan.core.verification.stocks import (
    check_consumables,
    check_renewables,
    check_reservoirs,
)
from makespan.core.verification.swaps import check_swaps
from makespan.core.verification.violation import Violation, ViolationKind
from makespan.core.verification.windows import check_forbidden, check_horizon, check_windows

__all__ = ["ScheduleError", "Violation", "ViolationKind", "check", "verify"]


class ScheduleError(InputError):
    """A schedule breaks rules of its problem; ``violations`` holds every one."""

    def __init__(self, violations: list[Violation]) -> None:
        shown = "; ".join(violation.sentence for violation in violations[:3])
        more = f"; and {len(violations) - 3} more" if len(violations) > 3 else ""
        rules = "1 rule" if len(violations) == 1 else f"{len(violations)} rules"
        super().__init__(f"the schedule breaks {rules}: {shown}{more}")
        self.violations = tuple(violations)


def verify(problem: Problem, schedule: Schedule) -> list[Violation]:
    """Every rule of ``problem`` that ``schedule`` breaks; empty if it is feasible.

    Parameters
    ----------
    problem
        A valid problem.
    schedule
        Any starts, ends and modes, however wrong.

    Returns
    -------
    list of Violation
        In a fixed order: modes and presence, durations and calendars, windows, machines,
        quantities, relations. A schedule of another size yields one ``SHAPE`` violation only.
        A task with a mode that is not its own is reported once and otherwise taken as absent,
        but counts as placed in selections.

    Notes
    -----
    Overlaps on a machine or in a no-overlap set are reported once per task that begins too early,
    against the task before it that ends last. An overload of a renewable or an excursion of a
    reservoir is reported once per maximal stretch of time. For every two machines of a same-order
    set a job that overtakes is reported once, against the one before it that starts last.
    """
    plan, found = read_plan(problem, schedule)
    if plan is None:
        return found
    demands = plan.demands()
    on_machine = plan.machine_demands(demands)
    suspensions = find_suspensions(plan, demands)
    found += check_durations(plan, suspensions)
    found += check_calendars(plan, demands)
    found += check_horizon(plan)
    found += check_windows(plan)
    found += check_forbidden(plan)
    turns = Turns(plan, on_machine)
    found += turns.check_overlaps()
    found += turns.check_setups()
    found += check_swaps(plan, on_machine)
    found += check_no_overlaps(plan)
    found += check_same_orders(plan, on_machine)
    found += check_renewables(plan, demands, suspensions)
    found += check_consumables(plan, demands)
    found += check_reservoirs(plan, demands)
    found += check_precedences(plan)
    found += check_links(plan)
    found += check_selections(plan)
    return found


def check(problem: Problem, schedule: Schedule) -> None:
    """Raise if ``schedule`` breaks a rule of ``problem``.

    Raises
    ------
    ScheduleError
        With every violation.
    """
    found = verify(problem, schedule)
    if found:
        raise ScheduleError(found)
