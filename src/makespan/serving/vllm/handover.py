"""Live migration between real engines: recompute at the target while the source goes on.

Llumnix (arXiv:2406.03243, section 4.2) copies a request's KV blocks in stages while the source
decodes, so that its downtime is that of the last, small copy. vLLM offers no copy between engines
here; the stages are computed instead:

1. The target holds memory for prompt and tokens said so far and for ``lag`` more, and computes
   them into it, without answering.
2. If the source has said more than ``lag`` tokens meanwhile, so again: what was computed before is
   found there, so that each stage computes little more than what the one before missed. What it
   needs besides is held before it begins.
3. The source stops; the tokens missing are handed over, and the target goes on at the head of its
   queue, computing those and its last partial block.

What is held nobody else gets (:mod:`makespan.serving.vllm.holding`), so that no stage can be
evicted before the next. It is given back when the request runs at the target, and when the
migration is given up: because the request ends or loses its memory at the source, because the
target lacks memory or a seat for the next stage, or because one of the two engines is lost. At the
last stage a request that the target refuses returns to its source. Seats of the batch are not held.
The blocking variant is the last stage alone.

The words of an answer stay those of the unmoved one as far as computing a token in a prompt and in
decoding gives the same; see ``dtype`` of :class:`makespan.serving.vllm.real.RealEngine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, Protocol

from makespan.core.errors import OptionError
from makespan.serving.policy import Move
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.fleet_view import RemoteEngine, Requests

Mode = Literal["live", "blocking"]


@dataclass(frozen=True, slots=True)
class Handing:
    """How requests are handed over.

    Attributes
    ----------
    mode
        ``live`` or, for comparison, ``blocking``: the source stops first.
    lag
        The source stops once it is at most this many tokens ahead, for which the target holds
        memory.
    stages
        Most stages before that; Llumnix's limit is 3 (its code, ``max_stages``).
    """

    mode: Mode = "live"
    lag: int = 16
    stages: int = 3

    def __post_init__(self) -> None:
        if self.mode not in ("live", "blocking"):
            raise OptionError(f"no hand-over is called {self.mode!r}", hint="live or blocking")
        if self.lag < 1 or self.stages < 1:
            raise OptionError(f"lag {self.lag}, {self.stages} stages", hint="at least 1 each")


class Outcome(Enum):
    """What became of a migration."""

    MOVED = "moved"
    ENDED = "the request ended before, or was given up"
    PREEMPTED = "the request lost its memory at the source"
    REFUSED = "the target had no room, or gave it up"
    RETURNED = "the target had no room at the last stage; the source goes on"
    BEHIND = "the target did not catch up"
    LOST = "one of the two engines was lost"
    CUT = "the run was over before"


@dataclass(slots=True)
class Migration:
    """A request on its way from one engine to another, and how it went.

    Attributes
    ----------
    begun
        When it was decided.
    stages
        Sequences that the target computed while the source went on.
    tokens
        Length of the sequence, prompt and answer so far, when the source had stopped.
    lag
        Of these, tokens that no stage had computed.
    computed
        Tokens that the target computed between taking over and its first answer; of the rest it
        had keys and values.
    stopped
        When the source gave its last token; -1 if it gave none.
    resumed
        When the target gave its first; -1 if it did not.
    outcome
        None while it is under way.
    """

    request: int
    source: int
    target: int
    mode: Mode
    begun: int
    stages: int = 0
    tokens: int = 0
    lag: int = 0
    computed: int = 0
    stopped: int = -1
    resumed: int = -1
    outcome: Outcome | None = None

    @property
    def downtime(self) -> int | None:
        """Picoseconds between the source's last token and the target's first; None without."""
        return self.resumed - self.stopped if min(self.stopped, self.resumed) >= 0 else None


class Posting(Protocol):
    """What hand-overs need of the run that they are part of."""

    requests: Requests
    engines: list[RemoteEngine]

    def order(self, engine: int, order: say.Order) -> None:
        """Tell an engine something."""

    def tokens(self, request: int) -> list[int]:
        """Prompt and answer so far."""

    def serve(self, request: int, engine: int, *, first: bool, guarded: bool) -> None:
        """Have an engine go on with a request that no engine has."""

    def lives(self, engine: int) -> bool:
        """Whether an engine is on, as far as is known."""

    def dispatch(self, request: int) -> None:
        """Ask the router where a request goes that no living engine has."""

    @property
    def open(self) -> Sequence[int]:
        """Engines that take requests."""

    @property
    def now(self) -> int:
        """The clock of the run."""


_WARMING: Final = "warming"
_STOPPING: Final = "stopping"
_RESUMING: Final = "resuming"
_CLOSING: Final = "closing"


class Handovers:
    """The migrations of a run; each engine is an end of one at a time.

    Attributes
    ----------
    done
        Those that are over, in that order.
    """

    def __init__(self, run: Posting, handing: Handing) -> None:
        self.done: list[Migration] = []
        self._run = run
        self._handing = handing
        self._open: dict[int, Migration] = {}
        self._state: dict[int, str] = {}
        self._reached: dict[int, int] = {}
        self._orphans: set[int] = set()

    @property
    def moving(self) -> list[int]:
        """Requests on their way."""
        return list(self._open)

    @property
    def ends(self) -> set[int]:
        """Engines that take part in a migration."""
        return {end for one in self._open.values() for end in (one.source, one.target)}

    def begin(self, move: Move) -> bool:
        """Start a migration; False: it cannot begin."""
        run, r, target = self._run, move.request, move.target
        if not 0 <= target < len(run.engines) or not 0 <= r < run.requests.load.count:
            raise OptionError(f"a router moves request {r} to engine {target}")
        source = run.requests.engine[r]
        if source < 0 or source == target or self.ends & {source, target}:
            return False
        if target not in run.open or not run.lives(source):
            return False
        waits = r not in run.engines[source].running()
        under_way = not waits and not run.requests.said[r]
        tokens = len(run.tokens(r))
        load = run.requests.load
        whole = int(load.prompt[r] + load.cap[r])
        there = run.engines[target]
        needed = -(-(tokens + 1) // there.block_size)
        if under_way or needed > there.free_blocks or whole > there.max_model_len:
            return False
        one = Migration(r, source, target, self._handing.mode, run.now)
        self._open[r] = one
        self._reached[r] = 0
        if waits or one.mode == "blocking":
            self._stop(one)
        else:
            self._warm(one)
        return True

    def heard(self, engine: int, report: say.Report) -> None:
        """A step of an engine; its tokens are in ``requests.said`` already."""
        for r in report.preempted:
            one = self._at(r, engine, source=True)
            if one and self._state[r] == _WARMING:
                self._give_up(one, Outcome.PREEMPTED)
        for r, count, _ in report.parts:
            one = self._at(r, engine, source=False)
            if one and self._state[r] == _RESUMING:
                one.computed += count
        for r, _ in report.said:
            one = self._open.get(r)
            if one is None:
                continue
            if engine == one.target and self._state[r] == _RESUMING:
                one.resumed = report.end
                self._close(one, Outcome.MOVED)
        for r in report.dropped:
            one = self._at(r, engine, source=False)
            if one and self._state[r] in (_WARMING, _RESUMING):
                self._close(one, Outcome.REFUSED)
        for r in (*report.ended, *report.dropped):
            one = self._at(r, engine, source=True)
            if one and self._state[r] == _WARMING:
                self._give_up(one, Outcome.ENDED)
            elif one:
                one.outcome = Outcome.ENDED  # the source will say that it found nobody to stop
        for r in report.warmed:
            one = self._at(r, engine, source=False)
            if one and self._state[r] == _WARMING:
                self._warmed(one)

    def stopped(self, engine: int, answer: say.Stopped) -> None:
        """An engine has let go of a request, or of its warming."""
        r = answer.request
        one = self._open.get(r)
        if one is None:
            return
        if self._state[r] == _CLOSING and engine == one.target:
            assert one.outcome is not None
            self._close(one, one.outcome)
        elif self._state[r] == _STOPPING and engine == one.source:
            if not answer.found:
                self._give_up(one, Outcome.ENDED)
                return
            if not self._run.lives(one.target):
                self._run.serve(r, one.source, first=True, guarded=False)
                self._close(one, Outcome.LOST)
                return
            one.stopped = self._run.requests.latest[r]
            one.tokens = len(self._run.tokens(r))
            one.lag = one.tokens - self._reached[r]
            self._state[r] = _RESUMING
            self._run.serve(r, one.target, first=True, guarded=True)

    def refused(self, engine: int, answer: say.Refused) -> None:
        """The target has no room."""
        one = self._at(answer.request, engine, source=False)
        if one is None:
            return
        if self._state[one.request] == _RESUMING:
            if self._run.lives(one.source):
                self._run.serve(one.request, one.source, first=True, guarded=False)
                self._close(one, Outcome.RETURNED)
            else:
                self._close(one, Outcome.LOST)
                self._run.dispatch(one.request)
        elif self._state[one.request] == _WARMING:
            self._close(one, Outcome.REFUSED)

    def lost(self, engine: int) -> None:
        """An engine is dead.

        What the other end of its migration holds is given up. Requests that were on their way from
        it are dispatched anew once that end has let go of them, the others by the run.
        """
        for one in list(self._open.values()):
            state = self._state[one.request]
            if engine == one.target and state == _STOPPING:
                self._reached[one.request] = 0  # the source will answer; another may be there then
            elif engine == one.target:
                self._close(one, one.outcome or Outcome.LOST)
            elif engine == one.source:
                if self._run.requests.engine[one.request] == engine:
                    # Remembered: the source may be started again before the target has let go.
                    self._orphans.add(one.request)
                if state in (_WARMING, _STOPPING):
                    self._give_up(one, Outcome.LOST)

    def cut(self) -> None:
        """The run is over; what targets hold is given back."""
        for one in list(self._open.values()):
            self._run.order(one.target, say.Stop(one.request))
            self._close(one, one.outcome or Outcome.CUT)

    def _at(self, request: int, engine: int, *, source: bool) -> Migration | None:
        one = self._open.get(request)
        return one if one and engine == (one.source if source else one.target) else None

    def _warm(self, one: Migration) -> None:
        run, r = self._run, one.request
        tokens = run.tokens(r)
        self._reached[r] = len(tokens)
        self._state[r] = _WARMING
        priority = int(run.requests.load.priority[r])
        order = say.Warm(r, tokens, run.requests.sent[r], priority, self._handing.lag)
        run.order(one.target, order)

    def _warmed(self, one: Migration) -> None:
        one.stages += 1
        ahead = len(self._run.tokens(one.request)) - self._reached[one.request]
        if ahead <= self._handing.lag:
            self._stop(one)
        elif one.stages < self._handing.stages:
            self._warm(one)
        else:
            self._give_up(one, Outcome.BEHIND)

    def _stop(self, one: Migration) -> None:
        self._state[one.request] = _STOPPING
        self._run.order(one.source, say.Stop(one.request))

    def _give_up(self, one: Migration, outcome: Outcome) -> None:
        """Take the warming away from the target, and what it holds."""
        if not self._run.lives(one.target):
            self._close(one, outcome)
            return
        one.outcome = outcome
        self._state[one.request] = _CLOSING
        self._run.order(one.target, say.Stop(one.request))

    def _close(self, one: Migration, outcome: Outcome) -> None:
        one.outcome = outcome
        r = one.request
        del self._open[r], self._state[r], self._reached[r]
        self.done.append(one)
        if r in self._orphans:
            self._orphans.discard(r)
            self._run.dispatch(r)
