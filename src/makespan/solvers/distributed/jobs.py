"""Independent jobs on a Ray cluster; each comes back once, whatever dies meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from makespan.core.errors import EngineError
from makespan.solvers.distributed.ray_link import lost

T = TypeVar("T")

RETRIES: Final = 5
"""Deaths of nodes under one job after which the cluster is given up."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """A job that came back.

    Attributes
    ----------
    value
        What it returned.
    attempts
        1, or more if nodes died under it.
    """

    job: T
    value: Any
    attempts: int


def each_once(ray: Any, submit: Callable[[T], Any], jobs: Iterable[T]) -> Generator[Done[T]]:
    """All jobs, in the order in which they end.

    ``submit`` starts a job and returns its reference. Its retries by Ray should be off, so that a
    job that was lost begins again here, and is counted. When the caller stops early, what still
    runs is cancelled.

    Raises
    ------
    EngineError
        If a job raises, or its nodes die again and again.
    """
    waiting = {submit(job): (job, 1) for job in jobs}
    try:
        while waiting:
            (reference,), _ = ray.wait(list(waiting), num_returns=1)
            job, attempts = waiting.pop(reference)
            try:
                value = ray.get(reference)
            except Exception as failure:
                if not lost(ray, failure) or attempts > RETRIES:
                    raise EngineError(f"{job} failed on the cluster: {failure}") from failure
                waiting[submit(job)] = (job, attempts + 1)
                continue
            yield Done(job, value, attempts)
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)
