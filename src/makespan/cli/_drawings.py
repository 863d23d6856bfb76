"""What each output option of ``solve`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.core.errors import OptionError

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.core.schedule import Schedule


def draw(option: str, problem: Problem, schedule: Schedule) -> str:
    """Text of the output that ``option`` asks for.

    Raises
    ------
    OptionError
        If the option writes no drawing.
    """
    if option == "--save":
        from makespan.io import schedule_to_text

        return schedule_to_text(problem, schedule, "json")
    if option == "--csv":
        from makespan.io import schedule_to_text

        return schedule_to_text(problem, schedule, "csv")
    if option == "--html":
        from makespan.viz import gantt_html

        return gantt_html(problem, schedule)
    if option == "--svg":
        from makespan.viz import gantt_svg

        return gantt_svg(problem, schedule)
    if option == "--perfetto":
        from makespan.core.trace import Trace
        from makespan.viz import perfetto_json

        return perfetto_json(Trace.from_schedule(problem, schedule))
    raise OptionError(f"{option} writes no drawing")
