"""The checks of ``makespan doctor``; each states a fact and, where it helps, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from makespan.cli._wording import describe_seconds

State = Literal["ok", "note", "fail"]

_OLDEST_PYTHON = (3, 11)
_NEEDED = ("numpy", "numba", "ortools", "highspy", "typer", "rich")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_GIB = 1 << 30
_LITTLE_MEMORY = 2 * _GIB


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes
    ----------
    state
        "ok", "note" (works, but could be better) or "fail" (something needed is broken).
    """

    name: str
    state: State
    found: str
    hint: str = ""

    def document(self) -> dict[str, Any]:
        """For the JSON contract."""
        return asdict(self)


def check_all(*, warm: bool) -> Iterator[Check]:
    """Every check in turn; one that raises is a failure, and the rest still run."""
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("makespan", _makespan),
        ("python", _python),
        *((name, _package(name)) for name in _NEEDED),
        ("processor", _processor),
        ("memory", _memory),
        ("numba cache", _numba_cache),
        ("data", _data),
        ("terminal", _terminal),
        ("browser", _browser),
        ("plug-ins", _plugins),
    ]
    if warm:
        checks.append(("warm-up", _warm))
    checks.append(("self-test", _self_test))
    for name, check in checks:
        try:
            yield check()
        except Exception as error:  # noqa: BLE001  # the doctor reports what is broken
            yield Check(name, "fail", f"{type(error).__name__}: {error}")


def _makespan() -> Check:
    from makespan import __version__

    place = Path(__file__).resolve().parents[1]
    return Check("makespan", "ok", f"{__version__} in {place}")


def _python() -> Check:
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Check("python", "fail", found, "install Python 3.11 or newer")
    return Check("python", "ok", found)


def _package(name: str) -> Callable[[], Check]:
    def check() -> Check:
        try:
            return Check(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            return Check(name, "fail", "not installed", f"pip install {name}")

    return check


def _processor() -> Check:
    from makespan.solvers.solving import available_cores

    usable, present = available_cores(), os.cpu_count() or 1
    limited = "" if usable == present else f", {usable} usable here"
    return Check("processor", "ok", f"{platform.machine()}, {present} cores{limited}")


def _memory() -> Check:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return Check("memory", "ok", "not told by this system")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = f"{total / _GIB:.1f} GiB"
    if total < _LITTLE_MEMORY:
        return Check("memory", "note", found, "exact models of large problems may not fit")
    return Check("memory", "ok", found)


def _numba_cache() -> Check:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(chosen) if chosen else Path(__file__).resolve().parents[1]
    probe = folder if folder.exists() else folder.parent
    if os.access(probe, os.W_OK):
        return Check("numba cache", "ok", f"writable, {folder}")
    fallback = Path.home()
    if os.access(fallback, os.W_OK):
        return Check("numba cache", "ok", f"{folder} is read-only; numba uses one below {fallback}")
    return Check(
        "numba cache",
        "note",
        f"{folder} is not writable: hot loops are compiled again in every process",
        "set NUMBA_CACHE_DIR to a directory you can write to",
    )


def _data() -> Check:
    place = os.environ.get("MAKESPAN_DATA")
    if not place:
        return Check("data", "ok", "MAKESPAN_DATA is not set; claims use generated instances only")
    folder = Path(place) / "scheduling"
    if not folder.is_dir():
        return Check("data", "note", f"MAKESPAN_DATA={place} has no folder 'scheduling'",
                     "point it at the folder that holds the instance collections")  # fmt: skip
    kinds = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return Check("data", "ok", f"{folder}: {', '.join(kinds)}")


def _terminal() -> Check:
    encoding = (sys.stdout.encoding or "unknown").lower()
    size = shutil.get_terminal_size()
    live = "live progress" if sys.stderr.isatty() else "plain progress lines (not a terminal)"
    found = f"{size.columns} columns, {encoding}, {live}"
    if "utf" not in encoding:
        return Check("terminal", "note", found, "set PYTHONIOENCODING=utf-8 for the drawings")
    return Check("terminal", "ok", found)


def _browser() -> Check:
    for name in _BROWSERS:
        place = shutil.which(name)
        if place:
            return Check("browser", "ok", place)
    return Check("browser", "ok", "no chromium found; only the tests of HTML pages want one")


def _plugins() -> Check:
    found, bad = [], []
    for group in ("makespan.solvers", "makespan.formats", "makespan.systems"):
        for point in metadata.entry_points(group=group):
            try:
                point.load()
                found.append(f"{point.name} ({group})")
            except Exception as error:  # noqa: BLE001  # any plug-in may fail in any way
                bad.append(f"{point.value}: {type(error).__name__}: {error}")
    if bad:
        return Check("plug-ins", "note", "; ".join(bad), "uninstall or mend these packages")
    return Check("plug-ins", "ok", ", ".join(found) or "none")


def _warm() -> Check:
    from makespan.cli._warming import warm_up

    begun = time.perf_counter()
    warm_up()
    return Check("warm-up", "ok", f"compiled in {describe_seconds(time.perf_counter() - begun)}")


def _self_test() -> Check:
    from makespan import named_instance, solve, verify
    from makespan.core.vocabulary import Status

    problem = named_instance("ft06")
    begun = time.perf_counter()
    result = solve(problem, time_limit=60, seed=0)
    seconds = time.perf_counter() - begun
    if result.schedule is None or result.status is not Status.OPTIMAL or result.objective != 55:
        return Check(
            "self-test", "fail", f"ft06 gave {result.status.value} {result.objective}, not 55"
        )
    violations = verify(problem, result.schedule)
    if violations:
        return Check("self-test", "fail", f"the schedule of ft06 breaks: {violations[0]}")
    return Check(
        "self-test",
        "ok",
        f"ft06 solved to its optimum 55 and verified in {describe_seconds(seconds)}",
    )
