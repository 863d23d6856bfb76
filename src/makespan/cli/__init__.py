"""The command line: one module per command, no logic of its own.

Nothing heavy is imported here or at the top of a command's module, so that ``makespan --help``
and shell completion answer at once.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``makespan`` program."""
    from makespan.cli.app import run

    run()
