"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _complete
from makespan.core.errors import OptionError

Problem = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM",
        help="File of any known format, - for standard input, or a built-in instance (ft10).",
        autocompletion=_complete.problems,
        show_default=False,
    ),
]
Json = Annotated[
    str | None,
    typer.Option(
        "--json",
        metavar="FILE",
        help="Write the outcome as JSON for machines; - is standard output.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print nothing but errors.")]
Debug = Annotated[
    bool,
    typer.Option("--debug", metavar="", help="Show the traceback of an error."),
]
InputFormat = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="FORMAT",
        help="Format of PROBLEM, where its content leaves a doubt.",
        autocompletion=_complete.formats,
    ),
]
Instance = Annotated[
    int | None,
    typer.Option(
        "--instance",
        metavar="NUMBER",
        help="Which instance of a file that holds several, from 1.",
        min=1,
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        "--objective",
        metavar="TERMS",
        help="What to minimise instead: makespan+10*total_tardiness; a comma separates levels, "
        "most important first.",
        autocompletion=_complete.objectives,
    ),
]
Blocking = Annotated[
    str | None,
    typer.Option(
        "--blocking",
        metavar="swap|no-swap",
        help="Turn a shop into its blocking variant: without buffers, a job keeps its machine "
        "until the next one takes it.",
        autocompletion=_complete.blocking,
    ),
]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="File to write; - is standard output."),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="Format to write; without it the ending of --output decides.",
        autocompletion=_complete.formats,
    ),
]


def one_stdin(*sources: str | None) -> None:
    """Refuse to read two inputs from standard input.

    Raises
    ------
    OptionError
        If more than one source is '-'.
    """
    if sources.count("-") > 1:
        raise OptionError(
            "only one input can come from standard input", hint="put the other into a file"
        )
