"""How kernels are compiled: cached on disk, free of the interpreter lock, no more than needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Final, TypeVar, cast

import numba
from numba.core import errors, event

from makespan.solvers.compiling import COMPILE_CLOCK

Kernel = TypeVar("Kernel", bound=Callable[..., object])


class _Listener(event.Listener):  # type: ignore[misc]  # numba ships no types
    """Tells the compile clock when numba compiles; loading from the cache does not count."""

    def on_start(self, event: object) -> None:
        COMPILE_CLOCK.on_start(event)

    def on_end(self, event: object) -> None:
        COMPILE_CLOCK.on_end(event)


event.register("numba:compile", _Listener())

# Where colorama is installed, numba swaps sys.stdout for a moment whenever it words an error, as it
# does while it compiles: what another thread prints then, or redirects, would go astray.
errors.ColorShell = nullcontext  # type: ignore[attr-defined]


KERNEL: Final = {"cache": True, "nogil": True, "error_model": "numpy"}
INNER: Final = {**KERNEL, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: Kernel) -> Kernel:
    """``function`` compiled on first use, callable from Python; its type stays what it was."""
    return cast("Kernel", numba.njit(**KERNEL)(function))


def inner(function: Kernel) -> Kernel:
    """A kernel that only other kernels call; without wrappers for Python it compiles faster."""
    return cast("Kernel", numba.njit(**INNER)(function))
