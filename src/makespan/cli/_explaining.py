"""``--explain``: what keeps a schedule from being shorter, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from makespan.cli._wording import count
from makespan.core.vocabulary import Status

if TYPE_CHECKING:
    from rich.console import RenderableType

    from makespan.core.problem import Problem
    from makespan.core.result import Result
    from makespan.core.schedule import Schedule
    from makespan.core.vocabulary import BoolArray, IntArray

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation for people and for machines.

    Attributes
    ----------
    critical, slack
        Marks for the drawings, (n,); None without a schedule or where unknown.
    """

    kind: str
    rows: tuple[tuple[str, str], ...]
    details: dict[str, Any]
    critical: BoolArray | None = None
    slack: IntArray | None = None

    def document(self) -> dict[str, Any]:
        """For the JSON contract."""
        return {"kind": self.kind, **self.details}

    def report(self) -> RenderableType:
        """Labelled lines."""
        from rich.text import Text

        from makespan.cli._report import facts

        table = facts()
        for label, text in self.rows:
            table.add_row(label, Text(text))
        return table


def explanation(problem: Problem, result: Result) -> Explained | None:
    """What can be said about the result; None if there is neither a schedule nor a proof."""
    if result.schedule is not None:
        return _why_not_shorter(problem, result.schedule)
    if result.status is Status.INFEASIBLE:
        return _why_infeasible(problem)
    return None


def _why_not_shorter(problem: Problem, schedule: Schedule) -> Explained:
    from makespan.solvers.explain import explain_schedule

    found = explain_schedule(problem, schedule)
    names = problem.tasks.names
    pushes = (None, *found.criticality.pushes)
    chain = [
        {
            "task": name,
            "start": start,
            "end": end,
            "pushed_by": None if push is None else push.cause.value,
            "on": None if push is None else push.subject,
        }
        for name, (start, end), push in zip(found.names, found.starts, pushes, strict=False)
    ]
    critical = int(found.critical.sum())
    told = f"{count(critical, 'task')} of {problem.tasks.count} cannot slip without moving the end"
    helps = [str(lever) for lever in found.levers[:_SHOWN]]
    shares = [str(term) for term in found.told_terms]
    rows = [
        ("why not shorter", f"{told}; a chain of them:"),
        *(("", step) for step in found.chain),
        ("busiest", ", ".join(str(b) for b in found.bottlenecks[:_SHOWN])),
        *(("would help" if k == 0 else "", text) for k, text in enumerate(helps)),
        *(("made up of" if k == 0 else "", text) for k, text in enumerate(shares)),
    ]
    details = {
        "critical": [names[i] for i in found.critical.nonzero()[0].tolist()],
        "chain": chain,
        "slack": {names[i]: int(found.slack[i]) for i in schedule.present.nonzero()[0].tolist()},
        "bottlenecks": [
            {"resource": b.resource, "utilisation": round(b.utilisation, 4), "waits": b.waits}
            for b in found.bottlenecks
        ],
        "levers": [
            {"kind": lever.kind, "name": lever.name, "gain": lever.gain} for lever in found.levers
        ],
        "terms": [
            {
                "level": term.level,
                "term": term.kind.value,
                "coefficient": term.coefficient,
                "value": term.value,
                "contributors": [{"name": n, "amount": v} for n, v in term.contributors],
            }
            for term in found.terms
        ],
    }
    return Explained("schedule", tuple(rows), details, critical=found.critical, slack=found.slack)


def _why_infeasible(problem: Problem) -> Explained:
    from makespan.solvers.explain import explain_infeasibility

    conflict = explain_infeasibility(problem)
    lines = [line for line in str(conflict).splitlines() if line.strip()]
    rows = [("why infeasible" if k == 0 else "", line) for k, line in enumerate(lines)]
    details = {"conflict": list(conflict.sentences), "minimal": conflict.minimal}
    return Explained("conflict", tuple(rows), details)
