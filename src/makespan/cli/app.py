"""The ``makespan`` program: its commands and its global options."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from makespan.cli import (
    convert,
    doctor,
    generate,
    load,
    repair,
    reproduce,
    serve_vllm,
    simulate,
    solve,
    systems,
    verify,
)
from makespan.cli._session import CANCELLED

app = typer.Typer(
    name="makespan",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="PROBLEM is a file of any known format, - for standard input, or a built-in instance "
    "such as ft10. Exit codes: 0 done, 1 infeasible or violations, 2 bad input, 130 cancelled.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from makespan._version import __version__

        typer.echo(f"makespan {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_print_version,
            is_eager=True,
            help="Show the version and stop.",
        ),
    ] = False,
) -> None:
    """Schedules that are solved, verified, measured and drawn."""


app.command("solve")(solve.solve)
app.command("verify")(verify.verify)
app.command("repair")(repair.repair)
app.command("convert")(convert.convert)
app.command("generate")(generate.generate)
app.add_typer(simulate.app, name="simulate")
app.command("load")(load.load)
app.command("serve-vllm")(serve_vllm.serve_vllm)
app.command("systems")(systems.systems)
app.command("reproduce")(reproduce.reproduce)
app.command("doctor")(doctor.doctor)


def run() -> None:
    """Run the program; Ctrl-C before a command took over ends it as cancelled."""
    try:
        app(prog_name="makespan")
    except KeyboardInterrupt:
        sys.stderr.write("makespan: cancelled\n")
        sys.exit(CANCELLED)
