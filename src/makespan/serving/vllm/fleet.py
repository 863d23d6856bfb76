"""Several real vLLM engines behind a router, each in a process of its own.

The parent sends requests when they are due, asks the router where to, and hears of every step; it
keeps the record. Times are those of the machine's monotonic clock, which all processes share: when
a step was planned, and when its tokens were there, as the engine's process read it. The way of a
token through the pipe is in no latency.

All decisions between engines rest on their last reports; see
:mod:`makespan.serving.vllm.fleet_view`. Engines may be started, stopped and lost during a run; see
:mod:`makespan.serving.vllm.staffing`. The requests of one that dies are sent to others, which
compute again what it had computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from makespan.core.errors import OptionError
from makespan.serving.policies.catalogue import policy_maker
from makespan.serving.policy import Policy, Router
from makespan.serving.settings import Elastic, EngineSettings
from makespan.serving.vllm.adapter import version
from makespan.serving.vllm.fleet_run import SILENCE, FleetRun, Serving
from makespan.serving.vllm.handover import Handing
from makespan.serving.vllm.processes import Processes
from makespan.serving.vllm.worker import NamedPolicy, Place, Setup, work
from makespan.serving.workload import Workload


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
    elastic: Elastic | None = None,
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
        If an engine fails and says why, or none is left.
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
        elastic=elastic,
    ) as fleet:
        return fleet.run(workload, router=router, handing=handing, time_limit=time_limit)


class RealFleet:
    """Real engines with a model each, for one run after the other; a context manager.

    Processes are spawned, so that a script that makes a fleet must not do so when it is imported
    (``if __name__ == "__main__"``).

    Parameters
    ----------
    engines
        Their number; with ``elastic`` the most that there may be.
    places
        Where each runs, and how fast; one :class:`Place` per engine.
    policy
        Makes the policy of a run in the process of each engine: a class or a function of a module,
        or something else that can be pickled. vLLM's scheduler as it is if None.
    elastic
        Lets ``Router.scale`` start and stop engines; its ``startup`` counts for nothing, a real one
        takes what it takes. None: all are on.
    silence
        Seconds after which an engine that has requests and says nothing is taken for dead.
    model, settings, max_model_len, dtype
        As of :class:`makespan.serving.vllm.real.RealEngine`.
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
        elastic: Elastic | None = None,
        silence: float = SILENCE,
    ) -> None:
        version()
        if engines < 1:
            raise OptionError(f"{engines} engines", hint="at least one")
        where = list(places) if places is not None else [Place()] * engines
        if len(where) != engines:
            raise OptionError(f"{len(where)} places for {engines} engines")
        if elastic is not None and elastic.initial > engines:
            raise OptionError(f"{elastic.initial} of {engines} engines on at the beginning")
        self._caching = settings.enable_prefix_caching
        self._elastic, self._silence = elastic, silence
        self._crew = Processes(
            [Setup(model, settings, max_model_len, dtype, policy, place) for place in where], work
        )
        try:
            self._muster()
        except BaseException:
            self.close()
            raise

    @property
    def processes(self) -> Mapping[int, BaseProcess]:
        """The process that each engine has, or had last, by index."""
        return self._crew.processes

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
        self._crew.close()

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

        Before the clock starts, engines that are on at the beginning and are missing, because they
        died or were stopped in a run before, are started again.

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
        moves = router.poll is not None and type(router).migrate is not Router.migrate
        if moves and handing.mode == "live" and not self._caching:
            raise OptionError(
                "live hand-over computes ahead into the prefix cache, which is off",
                hint="set enable_prefix_caching, or hand over with mode='blocking'",
            )
        self._muster()
        serving = Serving(
            workload, self._crew, router, handing, prompts, self._elastic, self._silence
        )
        return serving.run(time_limit)

    def _muster(self) -> None:
        """Have those engines on that are on at the beginning of a run, and no other."""
        crew = self._crew
        first = self._elastic.initial if self._elastic else crew.count
        for k in list(crew.ends):
            if k not in crew.ready or not crew.processes[k].is_alive():
                crew.bury(k)
            elif k >= first:
                crew.dismiss(k)
        missing = [k for k in range(first) if k not in crew.ends]
        for k in missing:
            crew.start(k)
        crew.await_ready(missing)
