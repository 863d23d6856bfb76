"""Output files: checked before the work begins, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from makespan.core.errors import OptionError

STDOUT = "-"
_PROBE_BYTES = 65_536


def check_target(target: str, option: str) -> None:
    """Raise now what would go wrong when ``target`` is written after a long solve.

    Raises
    ------
    OptionError
        If the target is a directory, its folder is missing, read-only or full.
    """
    if target == STDOUT:
        return
    path = Path(target)
    if path.is_dir():
        raise OptionError(
            f"{option}: {target} is a directory", hint="give the name of a file inside it"
        )
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        return
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OptionError(
            f"{option}: there is no directory {folder}", hint=f"create it: mkdir -p {folder}"
        )
    if path.exists() and not os.access(path, os.W_OK):
        raise OptionError(f"{option}: {target} is write-protected", hint="choose another name")
    probe = folder / f".{path.name}.{os.getpid()}.probe"
    try:
        with probe.open("xb") as file:
            file.write(bytes(_PROBE_BYTES))
    except OSError as error:
        raise OptionError(
            f"{option}: cannot write {target}: {error.strerror or error}",
            hint="choose a place you can write to",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def check_targets(targets: dict[str, str | None]) -> None:
    """Check all outputs of a command; two may not share a file, and one at most is stdout.

    Raises
    ------
    OptionError
        On the first target that cannot be written.
    """
    seen: dict[str, str] = {}
    for option, target in targets.items():
        if target is None:
            continue
        key = target if target == STDOUT else str(Path(target).resolve())
        if key in seen:
            place = "standard output" if target == STDOUT else target
            raise OptionError(
                f"{seen[key]} and {option} would both write {place}",
                hint="give each output a file of its own",
            )
        seen[key] = option
        check_target(target, option)


def write_text(target: str, text: str, option: str) -> None:
    """Write ``text`` to a file by way of a temporary neighbour, or to standard output for '-'.

    Raises
    ------
    OptionError
        If the file cannot be written; a previous file of that name is left as it was.
    """
    if target == STDOUT:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
        return
    path = Path(target)
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            path.write_text(text, encoding="utf-8")
            return
        final = path.resolve()
        _replace(final, text)
    except OSError as error:
        raise OptionError(
            f"{option}: cannot write {target}: {error.strerror or error}",
            hint="nothing of it was written; choose another place",
        ) from error


def _replace(final: Path, text: str) -> None:
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if final.exists():
            temporary.chmod(stat.S_IMODE(final.stat().st_mode))
        temporary.replace(final)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
