"""Draw the picture of the README: an optimal schedule of ft10, solved and verified here.

Run it again when the drawing changes: ``.venv/bin/python scripts/render_readme_picture.py``.
Many schedules are optimal, and with several threads it depends on timing which of them is found.
"""

from __future__ import annotations

import sys
from pathlib import Path

from makespan import Status, named_instance, solve
from makespan.viz import gantt_svg

TARGET = Path(__file__).resolve().parents[1] / "docs" / "assets" / "ft10.svg"


def main() -> None:
    """Solve, check that the optimum is proven, draw."""
    problem = named_instance("ft10")
    result = solve(problem, threads=8, time_limit=300)
    if result.status is not Status.OPTIMAL or result.schedule is None:
        sys.exit(f"not solved to optimality: {result.status.value}")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(gantt_svg(problem, result), encoding="utf-8")
    print(f"{TARGET.name}: makespan {result.objective} in {result.seconds:.1f} s")


if __name__ == "__main__":
    main()
