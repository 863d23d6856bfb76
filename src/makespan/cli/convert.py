"""``makespan convert``: read a problem in one format, write it in another."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _options
from makespan.cli._files import STDOUT, check_targets, write_text
from makespan.cli._session import Session


def convert(
    problem: _options.Problem,
    target: Annotated[
        str | None,
        typer.Argument(metavar="[OUTPUT]", help="File to write, as --output.", show_default=False),
    ] = None,
    output: _options.Output = STDOUT,
    to: _options.To = None,
    objective: _options.Objective = None,
    blocking: _options.Blocking = None,
    json: _options.Json = None,
    input_format: _options.InputFormat = None,
    instance: _options.Instance = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Write a problem in another format.

    What that format cannot hold is refused by name, never dropped.
    """
    twice = target is not None and output != STDOUT
    output = output if target is None or twice else target
    with Session(
        "convert",
        json_target=json,
        quiet=quiet,
        debug=debug,
        stdout_taken=STDOUT in (output, json),
    ) as session:
        from makespan.cli._catalogue import output_format
        from makespan.cli._documents import problem_document
        from makespan.cli._sources import load_problem
        from makespan.cli._variants import variant
        from makespan.cli._wording import describe_problem
        from makespan.core.errors import OptionError
        from makespan.io import to_text

        if twice:
            raise OptionError(f"two files to write, {target} and {output}", hint="name one of them")
        check_targets({"--output": output, "--json": json})
        form = output_format(to, output)
        found, _ = load_problem(problem, form=input_format, instance=instance)
        model = variant(found, objective=objective, blocking=blocking)
        write_text(output, to_text(model, form), "--output")
        if output != STDOUT:
            session.print(f"wrote {output} ({form}): {describe_problem(model)}")
        session.emit(
            {
                "instance": model.name,
                "problem": problem_document(model),
                "format": form,
                "output": output,
            }
        )
