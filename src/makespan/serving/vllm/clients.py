"""Who the requests of a vLLM are: numbers for a policy, and what their clients say about them.

Two kinds of clients. Those of a *workload* send requests whose ids are indices into it, and what is
known of them stands there. Those of a *live* server are strangers: their requests are numbered as
they come, and what they want to be known they put into the sampling parameters' ``extra_args``
(``vllm_xargs`` of the OpenAI-compatible server):

- ``makespan_program``: the session or program it is a part of; left out, vLLM's ``session_id``
- ``makespan_label``: stage, tool or tenant (for HexGen-Text2SQL the stage of the query)
- ``makespan_slo``: name of an SLO class of the server
- ``makespan_last``: true if the program ends with it

Nothing that a stranger writes there is an error; what makes no sense counts as not said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from makespan.core.errors import EngineError
from makespan.serving.workload import PICOSECONDS, Slo, Workload

_MOST_PROGRAMS: Final = 1 << 17
"""Programs remembered; beyond, the oldest that has no request here makes room."""


class Clock(Protocol):
    """The time that a policy reads, picoseconds."""

    def now(self) -> int:
        """Now."""

    def of(self, seconds: float) -> int:
        """What vLLM calls ``arrival_time`` on this clock."""


class RunClock:
    """The clock of a run, on which arrival times are given."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now

    def of(self, seconds: float) -> int:
        """See :class:`Clock`."""
        return round(seconds * PICOSECONDS)


class ServerClock:
    """Monotonic time since a server began; arrivals come from the wall clock of its front end."""

    def __init__(self) -> None:
        self._begin = time.monotonic_ns()
        self._wall = time.time()

    def now(self) -> int:
        """See :class:`Clock`."""
        return (time.monotonic_ns() - self._begin) * 1000

    def of(self, seconds: float) -> int:
        """See :class:`Clock`; between the beginning and now, whatever the wall clock did."""
        return min(max(round((seconds - self._wall) * PICOSECONDS), 0), self.now())


@dataclass(slots=True)
class Client:
    """A request and what is known about it.

    Attributes
    ----------
    request
        vLLM's object.
    number
        What policies call it.
    hit
        Tokens of its prompt that were found when it was first admitted, -1 before.
    """

    request: Any
    number: int
    arrival: int
    cap: int
    priority: int
    program: int = -1
    label: str = ""
    slo: int = -1
    hit: int = -1


class Clients(Protocol):
    """Those who send requests to an engine."""

    @property
    def lasting(self) -> bool:
        """Whether requests that have left can still be asked about, as in a simulator."""

    def meet(self, request: Any) -> Client:
        """A request has arrived."""

    def has_ended(self, request: Any) -> bool:
        """Whether a request that left has got its last token, and was not cut off."""

    def forget(self, client: Client) -> None:
        """Nobody will ask about the request any more."""


class WorkloadClients:
    """The clients of a workload; the id of a request begins with its index."""

    lasting = True

    def __init__(self, workload: Workload, clock: Clock) -> None:
        self._load, self._clock = workload, clock

    def meet(self, request: Any) -> Client:
        """See :class:`Clients`."""
        load, r = self._load, self._index(request)
        waits = load.parent_ptr[r] < load.parent_ptr[r + 1]
        label = int(load.label[r])
        return Client(
            request,
            r,
            # Whole picoseconds where they are known: a float of seconds has 53 bits.
            self._clock.of(request.arrival_time) if waits else int(load.arrival[r]),
            int(load.cap[r]),
            int(load.priority[r]),
            int(load.program[r]),
            load.labels[label] if label >= 0 else "",
            int(load.slo[r]),
        )

    def has_ended(self, request: Any) -> bool:
        """See :class:`Clients`."""
        return bool(request.num_output_tokens >= self._load.output[self._index(request)])

    def forget(self, client: Client) -> None:
        """See :class:`Clients`; a workload stays known."""

    def _index(self, request: Any) -> int:
        # vLLM appends a random suffix to the ids that clients give.
        name = str(request.request_id).partition("-")[0]
        if not name.isdecimal() or int(name) >= self._load.count:
            raise EngineError(
                f"request {request.request_id!r} is none of the {self._load.count} of workload "
                f"{self._load.name!r}"
            )
        return int(name)


@dataclass(slots=True)
class _Program:
    """A program of strangers: its number, its requests that are known, and whether it is over."""

    number: int
    members: int = 0
    ended: bool = False


class LiveClients:
    """Strangers; also what they and the server's operator have told (``Told``, ``Prompts``).

    Parameters
    ----------
    slos
        The SLO classes that requests may name.
    """

    lasting = False

    def __init__(self, clock: Clock, slos: tuple[Slo, ...] = ()) -> None:
        self.slos = slos
        self._clock = clock
        self._classes = {slo.name: k for k, slo in enumerate(slos)}
        self._count = self._programs = 0
        self._program: dict[str, _Program] = {}
        self._named: dict[int, str] = {}
        self._last: set[int] = set()
        self._here: dict[int, Any] = {}

    def is_last(self, request: int) -> bool:
        """See :class:`makespan.serving.policies.told.Told`."""
        return request in self._last

    def prompt_tokens(self, request: int) -> Sequence[int]:
        """See :class:`makespan.serving.policies.told.Prompts`."""
        return getattr(self._here[request], "prompt_token_ids", None) or ()

    def sharing(self, request: int) -> Hashable:
        """See :class:`makespan.serving.policies.told.Prompts`: salt, adapter and pictures."""
        here = self._here[request]
        seen = getattr(here, "mm_features", None) or ()
        return (
            str(getattr(here, "cache_salt", None)),
            str(getattr(getattr(here, "lora_request", None), "lora_name", None)),
            *(str(getattr(one, "identifier", None)) for one in seen),
        )

    def meet(self, request: Any) -> Client:
        """See :class:`Clients`."""
        said = _said(request)
        client = Client(
            request,
            self._count,
            self._clock.of(request.arrival_time),
            int(request.max_tokens),
            int(request.priority),
            label=_word(said.get("makespan_label")),
            slo=self._classes.get(_word(said.get("makespan_slo")), -1),
        )
        self._here[client.number] = request
        self._count += 1
        name = _word(said.get("makespan_program")) or _word(request.session_id)
        if name:
            client.program = self._join(name, client.number)
        if _word(said.get("makespan_last")).lower() in ("1", "1.0", "true", "yes"):
            self._last.add(client.number)
        return client

    def has_ended(self, request: Any) -> bool:
        """See :class:`Clients`.

        Stop strings are found by vLLM's front end, which then aborts the request: it cannot be told
        from a client that hung up in the middle of an answer, and both have got their last token.
        """
        return bool(request.num_output_tokens)

    def forget(self, client: Client) -> None:
        """See :class:`Clients`; a program is forgotten with the request that ends it."""
        number = client.number
        self._here.pop(number, None)
        ended = number in self._last
        self._last.discard(number)
        name = self._named.pop(number, None)
        if name is None or name not in self._program:
            return
        program = self._program[name]
        program.members -= 1
        program.ended |= ended
        if program.ended and not program.members:
            del self._program[name]

    def _join(self, name: str, number: int) -> int:
        program = self._program.get(name)
        if program is None:
            if len(self._program) >= _MOST_PROGRAMS:
                idle = next((n for n, p in self._program.items() if not p.members), None)
                if idle is not None:
                    del self._program[idle]
            program = self._program[name] = _Program(self._programs)
            self._programs += 1
        program.members += 1
        self._named[number] = name
        return program.number


def _said(request: Any) -> Mapping[str, object]:
    params = request.sampling_params or request.pooling_params
    said = getattr(params, "extra_args", None)
    return said if isinstance(said, Mapping) else {}


def _word(value: object) -> str:
    """A name, from whatever JSON has for it."""
    return str(value) if isinstance(value, (str, int, float)) else ""
