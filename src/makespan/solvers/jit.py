"""How kernels are compiled: cached on disk, free of the interpreter lock, no more than needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def kernel(function: Kernel) -> Kernel:
    """``function`` compiled on first use, callable from Python; its type stays what it was."""
    return cast("Kernel", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inner(function: Kernel) -> Kernel:
    """A kernel that only other kernels call; without wrappers for Python it compiles faster."""
    compiled = numba.njit(
        cache=True,
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )
    return cast("Kernel", compiled(function))
