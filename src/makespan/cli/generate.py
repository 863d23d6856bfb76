"""``makespan generate``: instances of the literature by name, random families by parameters."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _complete, _options
from makespan.cli._files import STDOUT, check_targets, write_text
from makespan.cli._session import Session


def generate(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A built-in instance (ft10, ta01) or a random family (--list shows both).",
            autocompletion=_complete.generators,
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Parameters of a family: jobs=10 machines=5.",
            show_default=False,
        ),
    ] = None,
    output: _options.Output = STDOUT,
    to: _options.To = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of a random family.", min=0)] = 0,
    objective: _options.Objective = None,
    blocking: _options.Blocking = None,
    listing: Annotated[
        bool,
        typer.Option(
            "--list", metavar="", help="List the instances, the families and their parameters."
        ),
    ] = False,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Write a built-in instance, or a random one, in any format."""
    with Session(
        "generate",
        json_target=json,
        quiet=quiet,
        debug=debug,
        stdout_taken=not listing and STDOUT in (output, json),
    ) as session:
        from makespan.cli._families import listing_document, listing_report, make
        from makespan.core.errors import OptionError

        if listing:
            check_targets({"--json": json})
            session.print(listing_report())
            session.emit(listing_document())
            return
        if what is None:
            raise OptionError("say what to generate", hint="`makespan generate --list` shows it")
        from makespan.cli._catalogue import output_format
        from makespan.cli._documents import problem_document
        from makespan.cli._variants import variant
        from makespan.cli._wording import describe_problem
        from makespan.io import to_text

        check_targets({"--output": output, "--json": json})
        form = output_format(to, output)
        model = variant(make(what, settings or [], seed), objective=objective, blocking=blocking)
        write_text(output, to_text(model, form), "--output")
        if output != STDOUT:
            session.print(f"wrote {output} ({form}): {describe_problem(model)}")
        session.emit(
            {
                "instance": model.name,
                "problem": problem_document(model),
                "format": form,
                "output": output,
                "seed": seed,
            }
        )
