"""Projects with minimum and maximum time lags (RCPSP/max, ProGen/max, ``.sch``).

First line: activities without the two dummies, renewable, nonrenewable and doubly constrained
resources. Then per activity, from 0, ``number modes successors...`` with one bracketed lag per
successor; then per mode duration and demands; then the capacities. A lag ``[d]`` of i -> j says
start(j) >= start(i) + d; a negative d is a maximum lag seen from j. Lags that differ between
modes are not supported.
"""

from __future__ import annotations

import re

import numpy as np

from makespan.core.problem import Precedences, Problem
from makespan.core.vocabulary import INFINITY, IndexArray, IntArray, PrecedenceKind, ResourceKind
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    demand_matrix,
    refuse,
    require_classic,
    require_no_jobs,
    require_single_mode,
)
from makespan.io.psplib import mode_rows, require_dummies
from makespan.io.tables import Activities, project
from makespan.io.text import Numbers, Text, rows

_ARC_LINE = re.compile(r"[0-9 \t]+(?:\[[-0-9 \t]*\][ \t]*)*")
_GROUP = re.compile(r"\[([^\]]*)\]")
_DUMMIES = 2
_HEADER = 4


def sniff(text: Text) -> float:
    """Numbers and bracketed lags only."""
    body = text.plain
    if "[" not in body or body.lstrip()[:1] in "{[":
        return 0.0
    rest = body.translate(str.maketrans("", "", "0123456789 \t\n-[]"))
    return 0.9 if not rest else 0.0


def read(text: Text) -> Problem:
    """Project of a ProGen/max text."""
    lines = [(k, line) for k, line in enumerate(text.plain.split("\n"), start=1) if line.strip()]
    if not lines:
        raise text.error(1, "there are only comments", "an instance")
    head = Numbers(lines[0][1], text.source, first_line=lines[0][0])
    n, renewable, nonrenewable, doubly = _header(head)
    total, count = renewable + nonrenewable, n + _DUMMIES
    if doubly:
        raise head.error(3, "doubly constrained resources are not supported", "0 of them")
    if len(lines) < 1 + count:
        raise text.error(
            lines[-1][0], f"{len(lines) - 1} lines after the header", f"{count} lines of successors"
        )
    arcs = [
        _arcs(text, line, k, count, body) for k, (line, body) in enumerate(lines[1 : 1 + count])
    ]
    modes = [mode_count for mode_count, _, _ in arcs]
    precedences = _precedences(arcs)
    rest = lines[1 + count :]
    if not rest:
        raise text.error(lines[-1][0], "durations and demands are missing", "a line per mode")
    first_line = rest[0][0]
    body = "\n".join(text.plain.split("\n")[first_line - 1 :])
    numbers = Numbers(body, text.source, first_line=first_line)
    numbers.need(count * (3 + total) + total, f"{count} activities and {total} capacities")
    found = mode_rows(numbers, 0, modes, total, renewable, first_number=0)
    stop = count + sum(modes) * (2 + total)
    numbers.end(stop + total, f"{total} capacities")
    numbers.check(0, None, slice(stop, stop + total), "capacity")
    return project(
        text.name,
        Activities(
            mode_ptr=found.mode_ptr,
            duration=found.duration,
            demand=found.demand,
            capacity=numbers.values[stop:],
            renewable_count=renewable,
            first_number=0,
        ),
        precedences,
    )


def _header(head: Numbers) -> tuple[int, int, int, int]:
    if len(head) not in (2, 3, _HEADER):
        raise head.error(
            0,
            f"the header has {len(head)} numbers",
            "activities, renewable, nonrenewable and doubly constrained resources",
        )
    head.check(0, None, slice(0, None), "header number")
    values = [*head.values.tolist(), 0, 0]
    return values[0], values[1], values[2], values[3]


def _arcs(
    text: Text, line: int, number: int, count: int, body: str
) -> tuple[int, list[int], list[int]]:
    """Modes, successors and their lags in the line of one activity."""
    if not _ARC_LINE.fullmatch(body):
        raise text.error(line, "not a line of successors", "numbers, then lags in brackets")
    start = body.find("[")
    plain = Numbers(body if start < 0 else body[:start], text.source, first_line=line)
    groups = _GROUP.findall(body)
    plain.need(3, "activity, modes and number of successors")
    found, mode_count, successors = plain.values[:3].tolist()
    if found != number:
        raise text.error(line, f"found activity {found}", f"activity {number}")
    if mode_count < 1:
        raise text.error(line, f"activity {number} has {mode_count} modes", "at least 1")
    plain.end(3 + successors, f"{successors} successors")
    plain.check(0, count - 1, slice(3, None), "successor")
    if len(groups) != successors:
        raise text.error(
            line, f"{len(groups)} lags in brackets", f"{successors}, one per successor"
        )
    targets = plain.values[3:].tolist()
    if len(set(targets)) != len(targets):
        raise text.error(line, f"activity {number} lists a successor twice", "each successor once")
    if number in targets:
        raise text.error(line, f"activity {number} is its own successor", "others")
    lags = []
    for group in groups:
        values = set(Numbers(group, text.source, first_line=line).values.tolist())
        if len(values) != 1:
            raise text.error(line, f"the lag [{group.strip()}]", "one number, or equal ones")
        lags.append(values.pop())
    return mode_count, targets, lags


def _precedences(arcs: list[tuple[int, list[int], list[int]]]) -> Precedences:
    sizes = [len(targets) for _, targets, _ in arcs]
    source = np.repeat(np.arange(len(arcs), dtype=np.int32), sizes)
    target = np.array([j for _, targets, _ in arcs for j in targets], dtype=np.int32)
    return start_to_start(
        source, target, np.array([d for _, _, lags in arcs for d in lags], dtype=np.int64)
    )


def start_to_start(source: IndexArray, target: IndexArray, lag: IntArray) -> Precedences:
    """Relations start(target) >= start(source) + lag."""
    return Precedences(
        source=source,
        target=target,
        kind=np.full(len(source), PrecedenceKind.SS, dtype=np.uint8),
        minimum=lag,
        maximum=np.full(len(source), INFINITY, dtype=np.int64),
    )


def write(problem: Problem) -> str:
    """ProGen/max text of a single-mode project.

    Lags of every kind become start-to-start lags, which says the same as durations are fixed.
    """
    name = "progen-max"
    require_classic(problem, name)
    require_no_jobs(problem, name)
    require_single_mode(problem, name)
    require_dummies(problem, name)
    resources = problem.resources
    other = resources.kind != ResourceKind.RENEWABLE
    if other.any():
        culprit = resources.names[int(np.flatnonzero(other)[0])]
        raise refuse(name, f"resources other than renewable ones ({culprit!r})")
    duration = problem.modes.duration
    relation = problem.precedences
    from_end = np.isin(relation.kind, (PrecedenceKind.FS, PrecedenceKind.FF))
    to_end = np.isin(relation.kind, (PrecedenceKind.FF, PrecedenceKind.SF))
    shift = duration[relation.source] * from_end - duration[relation.target] * to_end
    lags: dict[tuple[int, int], int] = {}
    limited = relation.maximum != INFINITY
    for a, b, lag in zip(
        np.concatenate((relation.source, relation.target[limited])).tolist(),
        np.concatenate((relation.target, relation.source[limited])).tolist(),
        np.concatenate(
            (relation.minimum + shift, -(relation.maximum[limited] + shift[limited]))
        ).tolist(),
        strict=True,
    ):
        lags[a, b] = max(lag, lags.get((a, b), lag))
    after: list[list[tuple[int, int]]] = [[] for _ in range(problem.tasks.count)]
    for (a, b), lag in lags.items():
        after[a].append((b, lag))
    lines = [f"{problem.tasks.count - _DUMMIES}\t{resources.count}\t0\t0"]
    for i, found in enumerate(after):
        numbers = [i, 1, len(found), *(b for b, _ in found)]
        lines.append("\t".join([*map(str, numbers), *(f"[{lag}]" for _, lag in found)]))
    demand = demand_matrix(problem).tolist()
    table = [[i, 1, d, *demand[i]] for i, d in enumerate(duration.tolist())]
    return "\n".join(lines) + "\n" + rows([*table, resources.capacity.tolist()])


FORMAT = ProblemFormat(
    name="progen-max",
    description="project with minimum and maximum time lags (RCPSP/max, ProGen/max .sch)",
    extensions=(".sch",),
    sniff=sniff,
    read=read,
    write=write,
)
