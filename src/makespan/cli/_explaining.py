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

_BOTTLENECKS: Final = 5
_STEPS_SHOWN: Final = 30


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
    from makespan.core.graph_schedule import criticality
    from makespan.core.metrics import resource_use

    found = criticality(problem, schedule)
    names = problem.tasks.names
    chain = [
        {
            "task": names[i],
            "start": int(schedule.start[i]),
            "end": int(schedule.end[i]),
            "pushed_by": None if k == 0 else found.pushes[k - 1].cause.value,
            "on": None if k == 0 else found.pushes[k - 1].subject,
        }
        for k, i in enumerate(found.chain)
    ]
    use = resource_use(problem, schedule)
    order = sorted(range(problem.resources.count), key=lambda r: -use.utilisation[r])
    bottlenecks = [
        {"resource": problem.resources.names[r], "utilisation": round(use.utilisation[r], 4)}
        for r in order[:_BOTTLENECKS]
        if use.utilisation[r] > 0
    ]
    critical = int(found.critical.sum())
    told = f"{count(critical, 'task')} of {problem.tasks.count} cannot slip without moving the end"
    rows = [
        ("why not shorter", f"{told}; a chain of them:"),
        *(("", _step(step)) for step in _abridged(chain)),
        ("busiest", ", ".join(f"{b['resource']} {b['utilisation']:.0%}" for b in bottlenecks)),
    ]
    details = {
        "critical": [names[i] for i in found.critical.nonzero()[0].tolist()],
        "chain": chain,
        "bottlenecks": bottlenecks,
    }
    return Explained("schedule", tuple(rows), details, critical=found.critical)


def _abridged(chain: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """The chain, without its middle if it is long; None stands for what is left out."""
    if len(chain) <= _STEPS_SHOWN:
        return list(chain)
    half = _STEPS_SHOWN // 2
    return [*chain[:half], None, *chain[-half:]]


def _step(step: dict[str, Any] | None) -> str:
    if step is None:
        return "…"
    text = f"{step['task']}  {step['start']}-{step['end']}"
    if step["pushed_by"] is None:
        return text
    if step["pushed_by"] == "precedence":
        return f"{text}  after the one before, by precedence"
    return f"{text}  waits for {step['on']}"


def _why_infeasible(problem: Problem) -> Explained:
    from makespan.solvers.explain import explain_infeasibility

    conflict = explain_infeasibility(problem)
    sentences = [line for line in str(conflict).splitlines() if line.strip()]
    rows = [("why infeasible" if k == 0 else "", line) for k, line in enumerate(sentences)]
    return Explained("conflict", tuple(rows), {"conflict": sentences})
