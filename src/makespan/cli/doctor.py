"""``makespan doctor``: what this installation can do, and what keeps it from doing more."""

from __future__ import annotations

from typing import Annotated

import typer

from makespan.cli import _options
from makespan.cli._files import check_targets
from makespan.cli._session import NEGATIVE, OK, Session

_MARKS = {"ok": "[green]✓[/]", "note": "[yellow]![/]", "fail": "[red]✗[/]"}
_NAME_WIDTH = 12


def doctor(
    warm: Annotated[
        bool,
        typer.Option(
            "--warm", metavar="", help="Compile the hot loops now, so that solves start fast."
        ),
    ] = False,
    json: _options.Json = None,
    quiet: _options.Quiet = False,
    debug: _options.Debug = False,
) -> None:
    """Check this installation and solve a small problem.

    Exit code 1 means that something is broken.
    """
    with Session("doctor", json_target=json, quiet=quiet, debug=debug) as session:
        check_targets({"--json": json})
        from rich.markup import escape
        from rich.table import Table

        from makespan.cli._checks import check_all

        checks = []
        for check in check_all(warm=warm):
            checks.append(check)
            row = Table.grid(padding=(0, 2))
            row.add_column(width=1)
            row.add_column(style="bold", no_wrap=True, width=_NAME_WIDTH)
            row.add_column(overflow="fold")
            hint = f"\n[dim]{escape(check.hint)}[/]" if check.hint else ""
            row.add_row(_MARKS[check.state], check.name, f"{escape(check.found)}{hint}")
            session.print(row)
        broken = [check for check in checks if check.state == "fail"]
        exit_code = NEGATIVE if broken else OK
        session.print()
        session.print(
            f"[bold red]{len(broken)} of {len(checks)} checks failed[/]"
            if broken
            else "[bold green]Everything needed works.[/]"
        )
        session.emit(
            {"ok": not broken, "checks": [check.document() for check in checks]}, exit_code
        )
        session.finish(exit_code)
