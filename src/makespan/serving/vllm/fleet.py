"""Several real vLLM engines behind a router, each in a process of its own.

The parent sends requests when they are due, asks the router where to, and hears of every step; it
keeps the record. Times are those of the machine's monotonic clock, which all processes share: when
a step was planned, and when its tokens were there, as the engine's process read it. The way of a
token through the pipe is in no latency.

All decisions between engines rest on their last reports; see
:mod:`makespan.serving.vllm.fleet_view`. ``Router.scale`` is not asked: an engine takes seconds to
load.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from makespan.core.errors import EngineError, OptionError
from makespan.serving.policies.catalogue import policy_maker
from makespan.serving.policy import Policy, Router
from makespan.serving.settings import EngineSettings
from makespan.serving.vllm import messages as say
from makespan.serving.vllm.adapter import version
from makespan.serving.vllm.fleet_run import FleetRun, Serving, hear
from makespan.serving.vllm.handover import Handing
from makespan.serving.vllm.worker import NamedPolicy, Place, Setup, work
from makespan.serving.workload import Workload

START_LIMIT = 600.0
"""Seconds after which an engine that has not loaded is given up."""

_GOODBYE = 30.0
"""Seconds that an engine gets to end by itself."""


def run_fleet(
    workload: Workload,
    settings: EngineSettings,
    model: Path,
    *,
    engines: int = 2,
    router: Router | None = None,
    handing: Handing | None = None,
    places: Sequence[Place] | None = None,
    max_model_len: int | None = None,
    policy: str | Callable[[], Policy] | None = None,
    dtype: str = "bfloat16",
    time_limit: float | None = None,
    seed: int = 0,
) -> FleetRun:
    """Serve a workload with several real vLLM engines, warmed up before; see :class:`RealFleet`.

    Parameters
    ----------
    policy
        Of each engine: a name of the catalogue, or what makes one; vLLM's scheduler as it is if
        None.
    seed
        For named policies that draw.

    Raises
    ------
    MissingDependencyError
        If vLLM is not installed.
    OptionError
        If vLLM cannot run with the settings.
    EngineError
        If an engine fails.
    """
    if isinstance(policy, str):
        policy_maker(policy, workload)  # an unknown name is told before engines are loaded
    with RealFleet(
        model,
        settings,
        engines=engines,
        places=places,
        max_model_len=max_model_len,
        policy=NamedPolicy(policy, workload, seed) if isinstance(policy, str) else policy,
        dtype=dtype,
    ) as fleet:
        return fleet.run(workload, router=router, handing=handing, time_limit=time_limit)


class RealFleet:
    """Real engines with a model each, for one run after the other; a context manager.

    Processes are spawned, so that a script that makes a fleet must not do so when it is imported
    (``if __name__ == "__main__"``).

    Parameters
    ----------
    engines
        Their number.
    places
        Where each runs, and how fast; one :class:`Place` per engine.
    policy
        Makes the policy of a run in the process of each engine: a class or a function of a module,
        or something else that can be pickled. vLLM's scheduler as it is if None.
    model, settings, max_model_len, dtype
        As of :class:`makespan.serving.vllm.real.RealEngine`.

    Attributes
    ----------
    processes
        The engines' processes, by index.
    """

    def __init__(
        self,
        model: Path,
        settings: EngineSettings,
        *,
        engines: int = 2,
        places: Sequence[Place] | None = None,
        max_model_len: int | None = None,
        policy: Callable[[], Policy] | None = None,
        dtype: str = "bfloat16",
    ) -> None:
        version()
        if engines < 1:
            raise OptionError(f"{engines} engines", hint="at least one")
        where = list(places) if places is not None else [Place()] * engines
        if len(where) != engines:
            raise OptionError(f"{len(where)} places for {engines} engines")
        self._caching = settings.enable_prefix_caching
        self._ends: list[Connection] = []
        self.processes: list[multiprocessing.process.BaseProcess] = []
        spawning = multiprocessing.get_context("spawn")
        try:
            for k, place in enumerate(where):
                ours, theirs = spawning.Pipe()
                setup = Setup(model, settings, max_model_len, dtype, policy, place)
                process = spawning.Process(
                    target=work, args=(theirs, setup), name=f"engine {k}", daemon=True
                )
                process.start()
                # With our copy of their end closed, a process that dies is heard.
                theirs.close()
                self._ends.append(ours)
                self.processes.append(process)
            self._ready = self._await_ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; one that does not end by itself is killed."""
        for end in self._ends:
            try:
                end.send(say.Quit())
            except OSError:
                continue
        patience = time.monotonic() + _GOODBYE
        for process in self.processes:
            process.join(max(patience - time.monotonic(), 0.0))
            if process.is_alive():
                process.kill()
                process.join()
        for end in self._ends:
            end.close()
        self._ends.clear()
        self.processes.clear()

    def run(
        self,
        workload: Workload,
        *,
        router: Router | None = None,
        handing: Handing | None = None,
        time_limit: float | None = None,
        prompts: Sequence[Sequence[int]] | None = None,
    ) -> FleetRun:
        """Serve a workload in real time, from empty prefix caches.

        Parameters
        ----------
        router
            The one with the fewest requests gets the next if None.
        handing
            How the router's moves are carried out: live if None.
        time_limit
            In seconds; what has not ended by then has the fate ``UNFINISHED``.
        prompts
            Tokens of every prompt; if None, they are made up so as to share what the workload says.
        """
        if prompts is not None and [len(p) for p in prompts] != workload.prompt.tolist():
            raise OptionError("the prompts are not as many or as long as the workload says")
        router, handing = router or Router(), handing or Handing()
        if router.poll is not None and handing.mode == "live" and not self._caching:
            raise OptionError(
                "live hand-over computes ahead into the prefix cache, which is off",
                hint="set enable_prefix_caching, or hand over with mode='blocking'",
            )
        serving = Serving(workload, self._ends, self._ready, router, handing, prompts)
        return serving.run(time_limit)

    def _await_ready(self) -> list[say.Ready]:
        patience = time.monotonic() + START_LIMIT
        found: dict[int, say.Ready] = {}
        while len(found) < len(self._ends):
            # Of several, the first that fails is heard, whoever else is still loading.
            loading = [end for k, end in enumerate(self._ends) if k not in found]
            heard = wait(loading, max(patience - time.monotonic(), 0.0))
            if not heard:
                lost = next(k for k in range(len(self._ends)) if k not in found)
                raise EngineError(f"engine {lost} has not loaded within {START_LIMIT:g} s")
            for k, end in enumerate(self._ends):
                if end in heard:
                    answer = hear(end, k)
                    assert isinstance(answer, say.Ready)
                    found[k] = answer
        return [found[k] for k in range(len(self._ends))]
