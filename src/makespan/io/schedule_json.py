"""Schedules as JSON; the fields are described in ``schema/schedule-v1.schema.json``."""

from __future__ import annotations

from typing import Any

import numpy as np

from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.io.json_values import Node, check_head, dump, parse
from makespan.io.schedule_rows import Assembly, ScheduleRow, resource_names
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
    assembly = Assembly(problem, text.source)
    for node in root.get("schedule", Node.items):
        assembly.add(_row(node))
    for node in root.rows("absent"):
        assembly.leave_out(node.text(), node.error)
    if strict:
        root.done()
    return assembly.schedule()


def _row(node: Node) -> ScheduleRow:
    row = ScheduleRow(
        task=node.get("task", Node.text),
        start=node.get("start", Node.whole),
        end=node.get("end", Node.whole, None),
        mode=node.get("mode", Node.whole, None),
        job=node.get("job", Node.text, None),
        resources=node.get("resources", lambda n: [e.text() for e in n.items()], None),
        fail=node.error,
    )
    node.done()
    return row


def write(problem: Problem, schedule: Schedule) -> str:
    """JSON document with one row per present task, by start."""
    tasks = problem.tasks
    names, job_names = list(tasks.names), list(problem.jobs.names)
    job, first = tasks.job.tolist(), tasks.mode_ptr.tolist()
    used = resource_names(problem)
    start, end, mode = schedule.start.tolist(), schedule.end.tolist(), schedule.mode.tolist()
    present = np.flatnonzero(schedule.present)
    rows = []
    for i in present[np.argsort(schedule.start[present], kind="stable")].tolist():
        row: dict[str, Any] = {"task": names[i]}
        if job[i] >= 0:
            row["job"] = job_names[job[i]]
        row |= {"start": start[i], "end": end[i], "mode": mode[i] - first[i]}
        row["resources"] = used[mode[i]]
        rows.append(row)
    absent = [names[i] for i in np.flatnonzero(~schedule.present).tolist()]
    document: dict[str, Any] = {"format": KIND, "version": VERSION, "problem": problem.name}
    document["schedule"] = rows
    if absent:
        document["absent"] = absent
    return dump(document)
