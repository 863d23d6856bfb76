"""The one way kernels are compiled: cached on disk, and without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def kernel(function: Kernel) -> Kernel:
    """``function`` compiled on first use; its type stays what it was."""
    return cast("Kernel", numba.njit(cache=True, nogil=True)(function))
