"""Kernels of this package: as :mod:`makespan.solvers.jit`, without reference counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def kernel(function: Kernel) -> Kernel:
    """``function`` compiled on first use; it must not make arrays."""
    return cast(
        "Kernel", numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    )


def inner(function: Kernel) -> Kernel:
    """A kernel that only other kernels call."""
    compiled = numba.njit(
        cache=True,
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
    )
    return cast("Kernel", compiled(function))


def spliced(function: Kernel) -> Kernel:
    """A kernel written into its only caller, so that the arrays stay in registers."""
    return cast("Kernel", numba.njit(inline="always", _nrt=False)(function))
