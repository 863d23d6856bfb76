"""The requests of an engine that decode, without anything to do per step.

All advance by one token a step, so one counter of steps carries them: a request keeps only the
difference ``base`` between the tokens it has computed and the counter. Completions wait in a heap
by the value of the counter at which they fall due. The blocks needed in a step follow from a
histogram of ``-base`` modulo the block size.
"""

from __future__ import annotations

from bisect import bisect_right
from heapq import heappop, heappush

from makespan.serving.engine.requests import Requests

NEVER = 1 << 62

Ticket = tuple[int, int, int, int]
"""Value of the counter at which a member has all its tokens, its rank, the member itself, and value
of the counter at which it joined."""


class Cohort:
    """The decoding requests of one engine.

    Attributes
    ----------
    steps
        Steps taken.
    base
        Of every member: its computed tokens minus ``steps``.
    context
        Sum of the members' computed tokens.
    crossing
        ``crossing[steps % block_size]`` members need a block in the next step.
    tickets
        Of every member, the one entry of ``due`` that holds.
    longest
        The longest step since the last member joined, ps; 0 if there was none.
    """

    __slots__ = (
        "base",
        "block_size",
        "context",
        "crossing",
        "due",
        "longest",
        "lull_ends",
        "lulls",
        "requests",
        "steps",
        "tickets",
    )

    def __init__(self, requests: Requests, block_size: int) -> None:
        self.requests, self.block_size = requests, block_size
        self.steps = self.context = self.longest = 0
        self.base: dict[int, int] = {}
        self.tickets: dict[int, Ticket] = {}
        self.crossing = [0] * block_size
        self.due: list[Ticket] = []
        # Longest steps between two times that members joined, if none after them was longer, and
        # the value of the counter at the end of each.
        self.lulls: list[int] = []
        self.lull_ends: list[int] = []

    def join(self, request: int, rank: int) -> None:
        """A request whose prompt is computed decodes from now on; ``rank`` breaks ties."""
        if self.longest:
            self._close()
        computed, steps = self.requests.computed[request], self.steps
        base = computed - steps
        self.base[request] = base
        self.context += computed
        self.crossing[-base % self.block_size] += 1
        ticket = (self.requests.goal[request] - 1 - base, rank, request, steps)
        self.tickets[request] = ticket
        heappush(self.due, ticket)

    def leave(self, request: int, computed: int) -> None:
        """A request ends or loses its memory; its state is written back to the requests."""
        base = self.base.pop(request)
        self.crossing[-base % self.block_size] -= 1
        self.context -= computed
        joined, longest = self.tickets.pop(request)[3], self.longest
        ends = self.lull_ends
        if ends and ends[-1] > joined:
            longest = max(longest, self.lulls[bisect_right(ends, joined)])
        if longest > self.requests.longest_gap[request]:
            self.requests.longest_gap[request] = longest

    def next_due(self) -> int:
        """The value of ``steps`` at which the next member has all its tokens."""
        due, tickets = self.due, self.tickets
        while due:
            ticket = due[0]
            if tickets.get(ticket[2]) is ticket:
                return ticket[0]
            heappop(due)  # it left, or was held up, since
        return NEVER

    def ended(self) -> list[int]:
        """Who has all its tokens now, in the order of ranks; the heap forgets them."""
        due, tickets, steps = self.due, self.tickets, self.steps
        ended = []
        while due and due[0][0] <= steps:
            ticket = heappop(due)
            if tickets.get(ticket[2]) is ticket:
                ended.append(ticket[2])
        return ended

    def hold_up(self, request: int, rank: int) -> None:
        """A member gets no token in the step that ``steps`` already counts."""
        base = self.base[request]
        self.crossing[-base % self.block_size] -= 1
        base -= 1
        self.base[request] = base
        self.crossing[-base % self.block_size] += 1
        joined = self.tickets[request][3]
        ticket = (self.requests.goal[request] - 1 - base, rank, request, joined)
        self.tickets[request] = ticket
        heappush(self.due, ticket)

    def lasted(self, duration: int) -> None:
        """Note how long the longest of the steps that ``steps`` has just counted took."""
        if duration > self.longest:
            self.longest = duration

    def _close(self) -> None:
        """Somebody joins: what has been the longest step is not for him."""
        lulls, ends, longest = self.lulls, self.lull_ends, self.longest
        while lulls and lulls[-1] <= longest:
            lulls.pop()
            ends.pop()
        lulls.append(longest)
        ends.append(self.steps)
        self.longest = 0
