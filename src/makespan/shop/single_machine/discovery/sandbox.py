"""Running a program that was written by a model: in bubblewrap, or not at all.

The program gets no network, no files but the interpreter, the libraries and NumPy (read-only), no
environment, a fresh process namespace, and limits on memory, processor time, processes and files;
the caller limits wall time and output. There is no way around the sandbox: without ``bwrap``,
:class:`Sandbox` refuses to be made.

The kernel exempts root from the limit on processes: run by root, a program may fork, each process
with the memory limit of its own, until the wall time ends the namespace. Run searches as a user.
"""

from __future__ import annotations

import json
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from makespan.core.errors import MissingDependencyError, OptionError

_HARNESS: Final = """
import json, os, resource, sys
given = json.load(sys.stdin)
sys.path += given["path"]
memory, seconds = given["memory"], given["seconds"]
import numpy
for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds),
                     (resource.RLIMIT_FSIZE, given["output"]), (resource.RLIMIT_NPROC, 0),
                     (resource.RLIMIT_NOFILE, 16), (resource.RLIMIT_CORE, 0)):
    resource.setrlimit(limit, (value, value))
answer = os.fdopen(os.dup(1), "w")
null = os.open("/dev/null", os.O_RDWR)
for stream in (0, 1, 2):
    os.dup2(null, stream)

def frozen(values):
    array = numpy.array(values, dtype=numpy.int64)
    array.flags.writeable = False
    return array

try:
    space = {"np": numpy, "numpy": numpy, "__name__": "program"}
    exec(compile(given["program"], "program", "exec"), space)
    found = []
    for p, d in given["instances"]:
        order = space["assignment"](frozen(p), frozen(d))
        found.append([int(job) for job in order])
    json.dump({"orders": found}, answer)
except BaseException as error:
    json.dump({"error": f"{type(error).__name__}: {str(error)[:200]}"}, answer)
answer.flush()
os._exit(0)
"""

_OUTPUT: Final = 1 << 24
"""Bytes a program may answer with."""


@dataclass(frozen=True, slots=True)
class SandboxOutcome:
    """What came out: one list of job numbers per instance, or the reason why not."""

    orders: list[list[int]] | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Runs programs in bubblewrap.

    Parameters
    ----------
    seconds
        Processor seconds, and twice as many wall seconds and two to start, per run.
    memory
        MiB of address space.
    program
        Name or path of ``bwrap``.

    Raises
    ------
    OptionError
        If a limit is below 1.
    MissingDependencyError
        If bubblewrap is absent or cannot make namespaces here.
    """

    seconds: int = 10
    memory: int = 1024
    program: str = "bwrap"
    _bwrap: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.seconds < 1 or self.memory < 1:
            raise OptionError("a sandbox needs at least 1 second and 1 MiB")
        found = shutil.which(self.program)
        if found is None:
            raise MissingDependencyError(
                "programs of a model run in bubblewrap only, and there is none here",
                hint="install the package bubblewrap, or search with the mutation grammar",
            )
        object.__setattr__(self, "_bwrap", found)
        command = [*self._walls(), sys.executable, "-I", "-S", "-c", ""]
        try:
            ran = subprocess.run(command, capture_output=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MissingDependencyError(f"bubblewrap does not start: {error}") from error
        if ran.returncode:
            reason = ran.stderr.decode(errors="replace").strip()[:300]
            raise MissingDependencyError(
                f"bubblewrap cannot make a sandbox here: {reason}",
                hint="it needs unprivileged user namespaces",
            )

    def orders(
        self, program: str, instances: Sequence[tuple[list[int], list[int]]]
    ) -> SandboxOutcome:
        """Orders that the program's ``assignment(p, d)`` returns for each (times, due dates)."""
        given = json.dumps(
            {
                "program": program,
                "instances": instances,
                "path": _libraries(),
                "memory": self.memory << 20,
                "seconds": self.seconds,
                "output": _OUTPUT,
            }
        )
        command = [*self._walls(), sys.executable, "-I", "-S", "-c", _HARNESS]
        with tempfile.TemporaryFile() as answer:
            try:
                ran = subprocess.run(
                    command,
                    input=given.encode(),
                    stdout=answer,
                    stderr=subprocess.DEVNULL,
                    timeout=2 * self.seconds + 2,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return SandboxOutcome(None, "it took too long")
            answer.seek(0)
            text = answer.read(_OUTPUT + 1)
        if len(text) > _OUTPUT:
            return SandboxOutcome(None, "it answered with too much")
        return _outcome(text, ran.returncode)

    def _walls(self) -> list[str]:
        command = [self._bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
        # One thread per library: the limit on processes forbids pools of them.
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            command += ["--setenv", name, "1"]
        command += ["--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108  # inside
        for place in _places():
            command += ["--ro-bind", place, place]
        return [*command, "--chdir", "/"]


def _libraries() -> list[str]:
    import numpy as np

    return [str(Path(np.__file__).resolve().parent.parent), *site.getsitepackages()]


def _places() -> list[str]:
    """What the sandbox shows: system libraries, this interpreter, NumPy and its libraries."""
    import numpy as np

    package = Path(np.__file__).resolve().parent
    wanted = [
        Path("/usr/lib"),
        Path("/usr/lib64"),
        Path("/lib"),
        Path("/lib64"),
        Path(sys.base_prefix),
        Path(sys.prefix) / "pyvenv.cfg",
        Path(sys.executable).parent,
        package,
        package.parent / "numpy.libs",
    ]
    return list(dict.fromkeys(str(place) for place in wanted if place.exists()))


def _outcome(text: bytes, code: int) -> SandboxOutcome:
    try:
        document = json.loads(text)
        orders = document.get("orders")
        error = document.get("error", "")
    except (ValueError, AttributeError, RecursionError):
        return SandboxOutcome(None, f"it ended without an answer (exit code {code})")
    if not isinstance(orders, list):
        return SandboxOutcome(None, str(error)[:300] or "it gave no orders")
    for order in orders:
        if not isinstance(order, list) or not all(type(job) is int for job in order):
            return SandboxOutcome(None, "an order is no list of whole numbers")
    return SandboxOutcome(orders)
