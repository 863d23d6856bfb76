"""The share of a query's time that one of its calls may take.

HexGen-Text2SQL (arXiv 2505.05286, section 3; its simulator): a call gets of the time that its query
has left the part that its stage has in all that is expected to be left,
``(SLO - elapsed) * t(stage) / (t(stage) + sum of t over the expected stages)``. It is computed anew
as each stage begins, so that time lost tightens all later stages. The budget of a query that is
late is negative; see :mod:`.urgency` for what becomes of it.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np

from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policies.hexgen.workflow import Progress, Workflow
from makespan.serving.workload import PICOSECONDS, Workload

Value_co = TypeVar("Value_co", covariant=True)


class OfRequests(Protocol[Value_co]):
    """Something that is known of each request."""

    def __getitem__(self, request: int, /) -> Value_co:
        """Of this one."""


class Shares(Protocol):
    """What the queue of an engine must know."""

    @property
    def profile(self) -> Profile:
        """Service times, as they are known when a call begins."""

    @property
    def stage(self) -> OfRequests[str]:
        """Of each call."""

    @property
    def prompt(self) -> OfRequests[int]:
        """Tokens of each call's prompt."""

    def budget(self, request: int, sent: int) -> float | None:
        """Seconds that the call, sent at this time, may take; None if it is due at no time."""


class Budgets:
    """Due dates of queries, and budgets of their calls.

    Parameters
    ----------
    profile
        Service times, as they are known when a call begins.
    """

    def __init__(self, workload: Workload, profile: Profile, workflow: Workflow) -> None:
        self.profile = profile
        self.progress = Progress(workload, workflow)
        self.stage = self.progress.stage
        self.prompt: list[int] = workload.prompt.tolist()
        self.due = due_dates(workload)

    def rest(self, request: int) -> float:
        """Seconds of the stages that are expected after the call's own."""
        left = self.progress.left(request)
        names = self.progress.workflow.stages
        return sum(
            count * self.profile.expected(name)
            for name, count in zip(names, left, strict=True)
            if count
        )

    def budget(self, request: int, sent: int) -> float | None:
        """Seconds that the call, sent at this time, may take; None if it is due at no time."""
        due = self.due[request]
        if due is None:
            return None
        own = self.profile.mean(self.stage[request], self.prompt[request])
        return (due - sent) / PICOSECONDS * own / (own + self.rest(request))


def due_dates(workload: Workload) -> list[int | None]:
    """When each request's program, or the request itself, is due, ps; None: at no time.

    A program begins with the first of its requests that waits for no other; requests that belong
    to no program and wait for others are due at no time that could be known beforehand.
    """
    begin = workload.arrival.copy()
    member = np.flatnonzero(workload.program >= 0)
    if len(member):
        _, place = np.unique(workload.program[member], return_inverse=True)
        first = np.full(int(place.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, place, workload.arrival[member])
        begin[member] = first[place]
    alone = (workload.program < 0) & (np.diff(workload.parent_ptr) > 0)
    limits = [slo.deadline for slo in workload.slos]
    due: list[int | None] = []
    for k, start, lonely in zip(workload.slo.tolist(), begin.tolist(), alone.tolist(), strict=True):
        limit = limits[k] if k >= 0 else None
        due.append(None if limit is None or lonely else start + limit)
    return due
