"""Kernels of this package: as :mod:`makespan.solvers.jit`, without reference counts."""

from __future__ import annotations

from typing import cast

import numba

from makespan.solvers.jit import INNER, KERNEL, Kernel


def kernel(function: Kernel) -> Kernel:
    """``function`` compiled on first use; it must not make arrays."""
    return cast("Kernel", numba.njit(**KERNEL, _nrt=False)(function))


def inner(function: Kernel) -> Kernel:
    """A kernel that only other kernels call."""
    return cast("Kernel", numba.njit(**INNER, _nrt=False)(function))
