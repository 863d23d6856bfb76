"""makespan's own JSON: every term of a Problem, in rows that refer to each other by name.

The document and its fields are described in ``schema/problem-v1.schema.json``. A field that has
its default value is left out. Unknown fields are errors, so that a misspelt word is not lost.
"""

from __future__ import annotations

import re

from makespan.core.errors import FormatError
from makespan.core.names import NameTable
from makespan.core.problem import Problem
from makespan.io.format import ProblemFormat
from makespan.io.json_rows import document
from makespan.io.json_tables import problem_of
from makespan.io.json_values import check_head, dump, parse
from makespan.io.text import Text

KIND = "makespan-problem"
VERSION = 1
_START = re.compile(r"\s*\{\s*[\w\"'}]")


def sniff(text: Text) -> float:
    """An object that names itself; less surely any object."""
    if not _START.match(text.body):
        return 0.0
    return 0.99 if f'"{KIND}"' in text.body else 0.5


def read(text: Text) -> Problem:
    """Problem of a JSON document."""
    root = parse(text)
    check_head(root, KIND, VERSION)
    return problem_of(root)


def write(problem: Problem) -> str:
    """JSON document of any problem."""
    for what, names in (
        ("task", problem.tasks.names),
        ("resource", problem.resources.names),
        ("job", problem.jobs.names),
        ("group", problem.groups.names),
        ("calendar", NameTable.explicit(c.name for c in problem.calendars)),
        ("setup matrix", NameTable.explicit(s.name for s in problem.setups)),
    ):
        twice = names.first_duplicate()
        if twice is not None:
            raise FormatError(f"two {what}s are named {twice!r}", hint="names must be distinct")
    return dump({"format": KIND, "version": VERSION} | document(problem))


FORMAT = ProblemFormat(
    name="json",
    description="makespan's own JSON, holds every term of a problem",
    extensions=(".json",),
    sniff=sniff,
    read=read,
    write=write,
)
