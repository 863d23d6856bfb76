"""Projects in the layout of PSPLIB: single mode (``.sm``) and multi mode (``.mm``), also MMLIB.

Sections under capital headings hold the numbers: successors per activity, then durations and
demands per mode, then the resources' availabilities; renewable resources come first, then
nonrenewable ones (read as consumables). Project dates and the horizon of the file are hints to
people, not constraints, and are not used. Supersource and supersink are kept as milestones.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Precedences, Problem
from makespan.core.vocabulary import ResourceKind
from makespan.io.format import ProblemFormat
from makespan.io.limits import (
    demand_matrix,
    refuse,
    require_classic,
    require_finish_to_start,
    require_no_jobs,
    require_single_mode,
)
from makespan.io.patterson import check_graph
from makespan.io.tables import Activities, project
from makespan.io.text import Numbers, Text

_HEADINGS = (
    re.compile(r"^[ \t]*PRECEDENCE[ \t]+RELATIONS.*$", re.MULTILINE | re.IGNORECASE),
    re.compile(r"^[ \t]*REQUESTS[ \t]*/[ \t]*DURATIONS.*$", re.MULTILINE | re.IGNORECASE),
    re.compile(r"^[ \t]*RESOURCE[ \t]*AVAILABILITIES.*$", re.MULTILINE | re.IGNORECASE),
)
_TITLES = ("PRECEDENCE RELATIONS", "REQUESTS/DURATIONS", "RESOURCEAVAILABILITIES")
_NOT_NUMBERS = re.compile(r"^(?:[^\n]*[A-Za-z][^\n]*|[ \t]*[-*=]{2,}[ \t]*)$", re.MULTILINE)
_COLUMN = re.compile(r"\b([RND])[ \t]*[0-9]+")
_COUNTS = (
    (
        "jobs",
        "jobs (incl. supersource/sink ): 32",
        re.compile(r"^[ \t]*jobs[^\n:]*:[ \t]*([0-9]+)", re.MULTILINE),
    ),
    (
        "renewable",
        "- renewable : 4 R",
        re.compile(r"^[ \t]*-[ \t]*renewable[ \t]*:[ \t]*([0-9]+)", re.MULTILINE),
    ),
    (
        "nonrenewable",
        "- nonrenewable : 2 N",
        re.compile(r"^[ \t]*-[ \t]*nonrenewable[ \t]*:[ \t]*([0-9]+)", re.MULTILINE),
    ),
    (
        "doubly constrained",
        "- doubly constrained : 0 D",
        re.compile(r"^[ \t]*-[ \t]*doubly constrained[ \t]*:[ \t]*([0-9]+)", re.MULTILINE),
    ),
)
_RULE = "*" * 72


def _counts(text: Text) -> tuple[int, int, int]:
    """Activities, renewable and nonrenewable resources that the head of the file states."""
    found = []
    for what, example, pattern in _COUNTS:
        match = pattern.search(text.body)
        if match is None:
            raise text.error(
                1, f"the head does not state the number of {what}", f"a line '{example}'"
            )
        if len(match.group(1)) > 12:
            raise text.error(
                text.body.count("\n", 0, match.start()) + 1, f"absurd number of {what}"
            )
        found.append((int(match.group(1)), text.body.count("\n", 0, match.start()) + 1))
    if found[3][0]:
        raise text.error(found[3][1], "doubly constrained resources are not supported", "0 of them")
    if found[0][0] < 1:
        raise text.error(found[0][1], "there are no activities", "at least 1")
    return found[0][0], found[1][0], found[2][0]


def _sections(text: Text) -> list[tuple[Numbers, str]]:
    """Numbers and raw text of the three sections."""
    body = text.body
    spans = []
    at = 0
    for heading, title in zip(_HEADINGS, _TITLES, strict=True):
        match = heading.search(body, at)
        if match is None:
            line = body.count("\n", 0, at) + 1
            raise text.error(line, f"no section {title} after this line", "its heading")
        spans.append(match)
        at = match.end()
    stops = [match.start() for match in spans[1:]] + [len(body)]
    parts = []
    for match, stop in zip(spans, stops, strict=True):
        raw = body[match.end() : stop]
        line = body.count("\n", 0, match.end()) + 1
        parts.append((Numbers(_NOT_NUMBERS.sub("", raw), text.source, first_line=line), raw))
    return parts


def _check_columns(text: Text, raw: str, line: int, renewable: int, total: int) -> None:
    """Check that columns headed ``R 1 R 2 N 1`` list renewable resources first."""
    columns = _COLUMN.findall(raw)
    if columns and columns[:total] != ["R"] * renewable + ["N"] * (total - renewable):
        raise text.error(
            line,
            f"the columns read {' '.join(columns[:12])}",
            f"{renewable} renewable (R), then {total - renewable} nonrenewable (N)",
        )


def read_any(text: Text) -> Problem:
    """Project of a PSPLIB or MMLIB text, single or multi mode."""
    n, renewable, nonrenewable = _counts(text)
    total = renewable + nonrenewable
    (relations, _), (requests, raw), (capacities, _) = _sections(text)
    relations.need(3 * n, f"the successors of {n} activities")
    requests.need(n * (3 + total), f"durations and demands of {n} activities")
    _check_columns(text, raw, requests.line(0), renewable, total)

    values = relations.values.tolist()
    places, counts, modes, at = [], [], [], 0
    for i in range(1, n + 1):
        relations.need(at + 3, f"the successors of activity {i}")
        number, mode_count, count = values[at : at + 3]
        if number != i:
            raise relations.error(at, f"found activity {number}", f"activity {i}")
        if mode_count < 1:
            raise relations.error(at + 1, f"activity {i} has {mode_count} modes", "at least 1")
        if not 0 <= count <= n:
            raise relations.error(
                at + 2, f"activity {i} has {count} successors", f"a number from 0 to {n}"
            )
        places.append(at)
        modes.append(mode_count)
        counts.append(count)
        at += 3 + count
    relations.end(at, f"the successors of activity {n}")
    place, size = np.array(places, dtype=np.int64), np.array(counts, dtype=np.int64)
    source = np.repeat(np.arange(n), size)
    rank = np.arange(len(source)) - np.repeat(np.cumsum(size) - size, size)
    target_at = np.repeat(place + 3, size) + rank
    relations.check(1, n, target_at, "successor")
    target = relations.values[target_at] - 1
    check_graph(relations, source, target, target_at, place)

    activities = _requests(requests, modes, total, renewable)
    capacities.end(total, f"the availabilities of {total} resources")
    capacities.check(0, None, slice(0, total), "availability")
    return project(
        text.name,
        Activities(
            mode_ptr=activities.mode_ptr,
            duration=activities.duration,
            demand=activities.demand,
            capacity=capacities.values,
            renewable_count=renewable,
        ),
        Precedences.finish_to_start(source.astype(np.int32), target.astype(np.int32)),
    )


def _requests(numbers: Numbers, modes: list[int], total: int, renewable: int) -> Activities:
    return mode_rows(numbers, 0, modes, total, renewable, first_number=1)


def mode_rows(
    numbers: Numbers, begin: int, modes: list[int], total: int, renewable: int, *, first_number: int
) -> Activities:
    """Durations and demands from rows ``activity mode duration demands``, checked.

    Further modes of an activity leave its number out. The capacities are left empty.

    Parameters
    ----------
    begin
        Place of the first row.
    modes
        Number of modes of each activity.
    """
    width = 2 + total
    mode_count = np.array(modes, dtype=np.int64)
    stop = begin + len(modes) + sum(modes) * width
    numbers.need(stop, f"durations and demands of {len(modes)} activities")
    first = begin + np.arange(len(modes)) + (np.cumsum(mode_count) - mode_count) * width
    for what, places, wanted in (
        ("activity", first, np.arange(first_number, first_number + len(modes))),
    ):
        wrong = np.flatnonzero(numbers.values[places] != wanted)
        if len(wrong):
            row = int(wrong[0])
            raise numbers.error(
                int(places[row]),
                f"found {what} {int(numbers.values[places[row]])}",
                f"{what} {int(wanted[row])} with {modes[row]} modes",
            )
    owner = np.repeat(np.arange(len(modes)), mode_count)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(mode_count) - mode_count, mode_count)
    row_at = first[owner] + 1 + rank * width
    wrong = np.flatnonzero(numbers.values[row_at] != rank + 1)
    if len(wrong):
        row = int(wrong[0])
        raise numbers.error(
            int(row_at[row]),
            f"activity {int(owner[row]) + first_number}: found mode "
            f"{int(numbers.values[row_at[row]])}",
            f"mode {int(rank[row]) + 1}",
        )
    numbers.check(0, None, row_at + 1, "duration")
    demand_at = row_at[:, None] + np.arange(2, width)
    numbers.check(0, None, demand_at.ravel(), "demand")
    mode_ptr = np.zeros(len(modes) + 1, dtype=np.int64)
    np.cumsum(mode_count, out=mode_ptr[1:])
    return Activities(
        mode_ptr=mode_ptr,
        duration=numbers.values[row_at + 1],
        demand=numbers.values[demand_at],
        capacity=np.empty(0, dtype=np.int64),
        renewable_count=renewable,
        first_number=first_number,
    )


def _multi(text: Text) -> bool | None:
    """Whether a PSPLIB text is multi mode; None if it is no PSPLIB text."""
    if not (_HEADINGS[0].search(text.body) and _HEADINGS[1].search(text.body)):
        return None
    try:
        n, _, nonrenewable = _counts(text)
        if nonrenewable:
            return True
        numbers = _sections(text)[0][0]
        starts = numbers.row_ptr[:-1]
        return bool((numbers.values[starts[:n] + 1] > 1).any())
    except (FormatError, IndexError):
        return text.source.endswith(".mm")


def _sniff_single(text: Text) -> float:
    multi = _multi(text)
    return 0.0 if multi is None else (0.6 if multi else 0.95)


def _sniff_multi(text: Text) -> float:
    multi = _multi(text)
    return 0.0 if multi is None else (0.95 if multi else 0.6)


def read_single(text: Text) -> Problem:
    """Project of a PSPLIB text whose activities have one mode."""
    problem = read_any(text)
    several = np.diff(problem.tasks.mode_ptr) > 1
    if several.any():
        name = problem.tasks.names[int(np.flatnonzero(several)[0])]
        raise text.error(None, f"activity {name} has several modes", "1 (or format='psplib-mm')")
    return problem


def _write(problem: Problem, format_name: str) -> str:
    require_classic(problem, format_name)
    require_no_jobs(problem, format_name)
    require_finish_to_start(problem, format_name)
    require_dummies(problem, format_name)
    kinds = problem.resources.kind
    renewable = int((kinds == ResourceKind.RENEWABLE).sum())
    wanted = (ResourceKind.RENEWABLE,) * renewable
    wanted += (ResourceKind.CONSUMABLE,) * (len(kinds) - renewable)
    for k, kind in enumerate(kinds.tolist()):
        if kind == ResourceKind.MACHINE:
            raise refuse(format_name, f"machines ({problem.resources.names[k]!r})")
        if kind != wanted[k]:
            raise refuse(
                format_name,
                f"a renewable resource after a consumable one ({problem.resources.names[k]!r})",
            )
    n, total = problem.tasks.count, len(kinds)
    ptr = problem.tasks.mode_ptr.tolist()
    successors: list[list[int]] = [[] for _ in range(n)]
    for a, b in zip(
        problem.precedences.source.tolist(), problem.precedences.target.tolist(), strict=True
    ):
        successors[a].append(b + 1)
    duration, demand = problem.modes.duration.tolist(), demand_matrix(problem).tolist()
    horizon = sum(max(duration[a:b]) for a, b in pairwise(ptr))
    columns = [f"R {k + 1}" for k in range(renewable)]
    columns += [f"N {k + 1}" for k in range(total - renewable)]
    lines = [
        _RULE,
        "file with basedata            : none",
        "initial value random generator: 0",
        _RULE,
        "projects                      :  1",
        f"jobs (incl. supersource/sink ):  {n}",
        f"horizon                       :  {horizon}",
        "RESOURCES",
        f"  - renewable                 :  {renewable}   R",
        f"  - nonrenewable              :  {total - renewable}   N",
        "  - doubly constrained        :  0   D",
        _RULE,
        "PROJECT INFORMATION:",
        "pronr.  #jobs rel.date duedate tardcost  MPM-Time",
        f"    1     {n - 2}      0       {horizon}        0       0",
        _RULE,
        "PRECEDENCE RELATIONS:",
        "jobnr.    #modes  #successors   successors",
    ]
    lines += [
        " ".join(f"{v:>5}" for v in (i + 1, ptr[i + 1] - ptr[i], len(after), *after))
        for i, after in enumerate(successors)
    ]
    lines += [_RULE, "REQUESTS/DURATIONS:", "jobnr. mode duration  " + "  ".join(columns), "-" * 72]
    for i in range(n):
        for rank, mode in enumerate(range(ptr[i], ptr[i + 1])):
            row = [rank + 1, duration[mode], *demand[mode]]
            head = f"{i + 1:>5}" if rank == 0 else " " * 5
            lines.append(head + " " + " ".join(f"{v:>5}" for v in row))
    lines += [
        _RULE,
        "RESOURCEAVAILABILITIES:",
        "  " + "  ".join(columns),
        " ".join(f"{v:>5}" for v in problem.resources.capacity.tolist()),
        _RULE,
    ]
    return "\n".join(lines) + "\n"


def require_dummies(problem: Problem, format_name: str) -> None:
    """Check that first and last task are milestones without demands, as project files have."""
    demand = demand_matrix(problem)
    ptr = problem.tasks.mode_ptr
    for i in (0, problem.tasks.count - 1):
        if (
            problem.tasks.count < 2
            or ptr[i + 1] - ptr[i] != 1
            or problem.modes.duration[ptr[i]]
            or demand[ptr[i]].any()
        ):
            raise refuse(format_name, "a project without milestones as first and last task")


def _write_single(problem: Problem) -> str:
    require_single_mode(problem, "psplib-sm")
    consumable = problem.resources.kind == ResourceKind.CONSUMABLE
    if consumable.any():
        name = problem.resources.names[int(np.flatnonzero(consumable)[0])]
        raise refuse("psplib-sm", f"consumable resources ({name!r})")
    return _write(problem, "psplib-sm")


def _write_multi(problem: Problem) -> str:
    return _write(problem, "psplib-mm")


SINGLE = ProblemFormat(
    name="psplib-sm",
    description="project, one mode per activity (PSPLIB .sm)",
    extensions=(".sm",),
    sniff=_sniff_single,
    read=read_single,
    write=_write_single,
)
MULTI = ProblemFormat(
    name="psplib-mm",
    description="project, several modes per activity (PSPLIB .mm, MMLIB)",
    extensions=(".mm",),
    sniff=_sniff_multi,
    read=read_any,
    write=_write_multi,
)
