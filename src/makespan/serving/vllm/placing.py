"""Which engine of a fleet has which request, as the router says.

A router is asked when a request arrives, and again when the engine that had it has died. While no
engine is open and one is being started, requests wait here and are at no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from makespan.core.errors import EngineError
from makespan.serving.policy import FleetView, Router
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.book import Book
from makespan.serving.vllm.fleet_view import RemoteEngine, Requests
from makespan.serving.vllm.staffing import Staffing
from makespan.serving.vllm.tokens import Tokens
from makespan.serving.workload import Workload


class Fleet(FleetView, Protocol):
    """The run that requests are placed for, and what routers see of it."""

    @property
    def engines(self) -> Sequence[RemoteEngine]:
        """All engines by index."""

    @property
    def requests(self) -> Requests:
        """What is known of all requests."""

    def order(self, engine: int, order: say.Order) -> None:
        """Tell an engine something."""


class Placing:
    """See the module.

    Parameters
    ----------
    prompts
        Tokens of the prompts, if the load does not make them.

    Attributes
    ----------
    stranded
        Requests that no open engine could be found for, while one is being started.
    """

    def __init__(
        self,
        fleet: Fleet,
        router: Router,
        staffing: Staffing,
        load: Workload,
        book: Book,
        tokens: Tokens,
        prompts: Sequence[Sequence[int]] | None,
    ) -> None:
        self.stranded: list[int] = []
        self._fleet, self._router, self._staffing = fleet, router, staffing
        self._load, self._book, self._tokens = load, book, tokens
        self._prompts = {
            r: list(prompt) for r, prompt in enumerate(() if prompts is None else prompts)
        }

    def dispatch(self, request: int) -> None:
        """Ask the router where a request goes that no living engine has.

        Raises
        ------
        EngineError
            If there is no engine left, or the router names one that is not open.
        """
        fleet, router = self._fleet, self._router
        if not fleet.open:
            if not fleet.starting:
                raise self._staffing.nobody()
            self._withdraw(request)
            self.stranded.append(request)
            return
        engine = router.route(request, fleet)
        if engine not in fleet.open:
            raise EngineError(f"{router.name} sends request {request} to engine {engine}")
        whole = int(self._load.prompt[request] + self._load.cap[request])
        if whole > fleet.engines[engine].max_model_len:
            self._book.refuse(request)
            self.leaves(request)
            return
        # Who has tokens already has waited its turn before.
        first = bool(fleet.requests.said[request])
        self.serve(request, engine, first=first, guarded=False)

    def dispatch_stranded(self) -> None:
        """Dispatch who found no open engine, if there is one now or never will be."""
        if not self.stranded or (self._fleet.starting and not self._fleet.open):
            return
        stranded, self.stranded = self.stranded, []
        for r in stranded:
            self.dispatch(r)

    def serve(self, request: int, engine: int, *, first: bool, guarded: bool) -> None:
        """Have an engine go on with a request, which leaves the one that it was at."""
        fleet, requests = self._fleet, self._fleet.requests
        self._withdraw(request)
        there = fleet.engines[engine]
        if not there.assigned:
            there.heard_at = fleet.now
        requests.engine[request] = engine
        requests.computed[request] = 0
        there.assigned[request] = None
        fleet.order(
            engine,
            say.Serve(
                request,
                self.tokens(request),
                int(self._load.output[request]) - len(requests.said[request]),
                requests.sent[request],
                int(self._load.priority[request]),
                first=first,
                guarded=guarded,
            ),
        )

    def tokens(self, request: int) -> list[int]:
        """Prompt and answer so far."""
        if request not in self._prompts:
            self._prompts[request] = self._tokens.prompt(request)
        return self._prompts[request] + self._fleet.requests.said[request]

    def leaves(self, request: int) -> None:
        """A request has ended or was given up."""
        self._withdraw(request)
        self._prompts.pop(request, None)
        self._router.finished(request, self._fleet)

    def _withdraw(self, request: int) -> None:
        """No engine has it any longer."""
        requests = self._fleet.requests
        before = requests.engine[request]
        if before >= 0:
            requests.engine[request] = -1
            del self._fleet.engines[before].assigned[request]
            self._book.leave(request)
