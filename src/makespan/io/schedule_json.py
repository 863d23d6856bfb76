"""Schedules as JSON; the fields are described in ``schema/schedule-v1.schema.json``."""

from __future__ import annotations

from json.encoder import encode_basestring as quote
from typing import Any

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.io.json_columns import Rows
from makespan.io.json_values import Lines, Node, check_head, dump, parse
from makespan.io.schedule_rows import UNSTATED, Stated, assemble, resource_names
from makespan.io.text import Text

KIND = "makespan-schedule"
VERSION = 1
SOLVE_DOCUMENT = "makespan/solve/"
"""Start of the ``schema`` field of documents that hold a schedule among other results."""


def sniff(text: Text, _problem: Problem) -> float:
    """An object."""
    return 0.9 if text.body.lstrip()[:1] == "{" else 0.0


def read(text: Text, problem: Problem) -> Schedule:
    """Schedule of a schedule document or of the JSON output of a solve."""
    root = parse(text)
    strict = not (root.has("schema") and root.get("schema", Node.text).startswith(SOLVE_DOCUMENT))
    if strict:
        check_head(root, KIND, VERSION)
        root.get("problem", Node.text, "")
    elif not root.has("schedule"):
        raise FormatError("the solve found no schedule", source=text.source)
    listed = Rows(root.get("schedule", Node.entries), lambda k: root.get("schedule", Node.items)[k])
    absent: list[Node] = root.get("absent", Node.items, [])
    stated = Stated(
        task=listed.texts("task"),
        start=listed.wholes("start"),
        end=listed.wholes("end", UNSTATED),
        mode=listed.wholes("mode", UNSTATED),
        job=listed.labels("job"),
        resources=listed.text_lists("resources"),
        absent=[node.text() for node in absent],
        fail=lambda k, message, expected: listed.at(k).error(message, expected),
        fail_absent=lambda k, message, expected: absent[k].error(message, expected),
    )
    listed.done()
    if strict:
        root.done()
    return assemble(problem, stated, text.source)


def write(problem: Problem, schedule: Schedule) -> str:
    """JSON document with one row per present task, by start."""
    tasks = problem.tasks
    names = list(problem.tasks.names)
    jobs = [f', "job": {quote(name)}' for name in problem.jobs.names]
    jobs.append("")  # a task without a job has number -1
    used = [f"[{', '.join(map(quote, listed))}]" for listed in resource_names(problem)]
    present = np.flatnonzero(schedule.present)
    order = present[np.argsort(schedule.start[present], kind="stable")]
    mode = schedule.mode[order]
    columns = (
        order.tolist(),
        tasks.job[order].tolist(),
        schedule.start[order].tolist(),
        schedule.end[order].tolist(),
        (mode - tasks.mode_ptr[order]).tolist(),
        mode.tolist(),
    )
    rows = Lines(
        f'{{"task": {quote(names[i])}{jobs[job]}, "start": {start}, "end": {end}, '
        f'"mode": {place}, "resources": {used[m]}}}'
        for i, job, start, end, place, m in zip(*columns, strict=True)
    )
    absent = [names[i] for i in np.flatnonzero(~schedule.present).tolist()]
    document: dict[str, Any] = {"format": KIND, "version": VERSION, "problem": problem.name}
    document["schedule"] = rows
    if absent:
        document["absent"] = absent
    return dump(document)
