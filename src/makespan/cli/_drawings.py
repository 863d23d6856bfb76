"""What each output option of ``solve`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from makespan.core.errors import OptionError

if TYPE_CHECKING:
    from makespan.cli._explaining import Explained
    from makespan.core.problem import Problem
    from makespan.core.result import Result


def draw(option: str, problem: Problem, result: Result, told: Explained | None) -> str:
    """Text of the output that ``option`` asks for; ``told`` marks critical tasks in it.

    Raises
    ------
    OptionError
        If the option writes no drawing, or there is no schedule to draw.
    """
    if result.schedule is None:
        raise OptionError(f"{option}: there is no schedule to write")
    critical = None if told is None else told.critical
    slack = None if told is None else told.slack
    if option in ("--save", "--csv"):
        from makespan.io import schedule_to_text

        return schedule_to_text(problem, result.schedule, "json" if option == "--save" else "csv")
    if option == "--html":
        from makespan.viz import gantt_html

        return gantt_html(problem, result, critical=critical, slack=slack)
    if option == "--svg":
        from makespan.viz import gantt_svg

        return gantt_svg(problem, result, critical=critical)
    if option == "--perfetto":
        from makespan.viz import perfetto_json

        return perfetto_json((problem, result))
    raise OptionError(f"{option} writes no drawing")
