"""Selection groups of optional tasks, and same-/different-resource links."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ortools.sat.python.cp_model import LinearExpr

from makespan.core.vocabulary import LinkKind, SelectionKind
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.model import Literal

if TYPE_CHECKING:
    from makespan.solvers.cpsat.build import Build


def post(build: Build) -> None:
    """Add the constraints of this theme."""
    _selections(build)
    _links(build)


def _selections(build: Build) -> None:
    table, names, model = build.problem.selections, build.problem.tasks.names, build.model
    for k in range(table.count):
        members = table.task[table.ptr[k] : table.ptr[k + 1]].tolist()
        present = [build.tasks[i].present for i in members]
        kind = SelectionKind(int(table.kind[k]))
        shown = ", ".join(repr(names[i]) for i in members)
        text = f"{kind.name.lower().replace('_', ' ')} of {shown}"
        with model.labelled(ConstraintLabel(LabelKind.SELECTION, text, k)):
            if kind is SelectionKind.EXACTLY_ONE:
                model.add_exactly_one(present)
            elif kind is SelectionKind.AT_MOST_ONE:
                model.add_at_most_one(present)
            elif kind is SelectionKind.ALL_OR_NONE:
                for literal in present[1:]:
                    model.add(literal == present[0])
            else:
                for literal in present[1:]:
                    model.add_clause([literal], present[0])


def _links(build: Build) -> None:
    table, names = build.problem.links, build.problem.tasks.names
    groups = list(build.problem.groups)
    for k in range(table.count):
        i, j = int(table.first[k]), int(table.second[k])
        members = {int(r) for r in groups[int(table.group[k])]}
        kind = LinkKind(int(table.kind[k]))
        group = build.problem.groups.names[int(table.group[k])]
        relation = "the same" if kind is LinkKind.SAME else "different"
        text = f"{names[i]!r} and {names[j]!r} use {relation} resources of {group!r}"
        with build.model.labelled(ConstraintLabel(LabelKind.LINK, text, k)):
            if kind is LinkKind.SAME:
                _same(build, i, j, members)
            else:
                _different(build, i, j, members)


def _demanded(build: Build, mode: int, members: set[int]) -> frozenset[int]:
    """Resources of the group that a mode demands in any way."""
    return frozenset(build.facts.demanded[mode] & members)


def _same(build: Build, i: int, j: int, members: set[int]) -> None:
    model = build.model
    choices: dict[frozenset[int], tuple[list[Literal], list[Literal]]] = defaultdict(
        lambda: ([], [])
    )
    for side, task in enumerate((i, j)):
        for m, literal in build.tasks[task].modes.items():
            choices[_demanded(build, m, members)][side].append(literal)
    both = (build.tasks[i].present, build.tasks[j].present)
    for first, second in choices.values():
        model.add(LinearExpr.sum(first) == LinearExpr.sum(second), *both)


def _different(build: Build, i: int, j: int, members: set[int]) -> None:
    for r in members:
        users = [
            literal
            for task in (i, j)
            for m, literal in build.tasks[task].modes.items()
            if r in _demanded(build, m, members)
        ]
        build.model.add(LinearExpr.sum(users) <= 1)
