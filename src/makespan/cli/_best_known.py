"""Best known values of built-in instances beside what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from makespan.cli._wording import percent
from makespan.core.vocabulary import ObjectiveKind

if TYPE_CHECKING:
    from makespan.core.problem import Problem
    from makespan.generators import BestKnown


def known_makespan(problem: Problem, instance: str | None, *, changed: bool) -> BestKnown | None:
    """What is known of a built-in instance.

    None if it is not one, if options ``changed`` its constraints, or if the first thing to be
    minimised is not the makespan alone.
    """
    if instance is None or changed:
        return None
    first = problem.objective.levels[0]
    if len(first) != 1 or first[0].kind != ObjectiveKind.MAKESPAN or first[0].coefficient != 1:
        return None
    from makespan.generators import best_known

    return best_known(instance)


def known_sentence(known: BestKnown, objective: int | None) -> str:
    """The value, whether it is proved, and how far away ``objective`` is."""
    proof = "optimal" if known.optimal else f"bounds {known.lower}-{known.upper}"
    text = f"{known.upper} ({proof}; {known.source}, {known.date})"
    if objective is None:
        return text
    gap = known.gap(objective)
    if gap == 0:
        return f"{text}: reached"
    return f"{text}: {percent(abs(gap))} {'above' if gap > 0 else 'below'}"


def known_document(known: BestKnown, objective: int | None) -> dict[str, Any]:
    """For the JSON contract."""
    return {
        "value": known.upper,
        "bound": known.lower,
        "date": known.date,
        "source": known.source,
        "note": known.note,
        "gap": None if objective is None else known.gap(objective),
    }
