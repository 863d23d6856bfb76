"""The routers by name, for command lines and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.batchllm.routing import PrefixGroups
from makespan.serving.policies.hexgen import by_name as hexgen
from makespan.serving.policies.jitserve.router import PowerOfK
from makespan.serving.policies.llumnix.dispatch import Dispatch
from makespan.serving.policies.llumnix.pairing import Pairing
from makespan.serving.policies.llumnix.router import Llumnix
from makespan.serving.policies.llumnix.scaling import AutoScaling
from makespan.serving.policies.llumnix.usage import Measure
from makespan.serving.policies.routing import LeastWork, LoadAware, PowerOfTwo
from makespan.serving.policy import RoundRobin, Router
from makespan.serving.workload import Workload

URGENT: Final = -1
"""Priority numbers up to this are urgent for Llumnix; vLLM's default is 0."""


@dataclass(frozen=True, slots=True)
class RouterEntry:
    """A router that can be asked for by name.

    Attributes
    ----------
    make
        Given the workload, step times and a seed, makes one for a run. Step times are those of
        every engine, or one for all; none if they are not known.
    says
        What it does, in a line.
    oracle
        Whether it knows what no real router can know.
    moves, scales
        Whether it wants requests moved between engines, and engines switched on and off.
    """

    name: str
    make: Callable[[Workload, tuple[StepCost, ...], int], Router]
    says: str
    oracle: bool = False
    moves: bool = False
    scales: bool = False


def _artifact(seed: int) -> Llumnix:
    """As the authors' artifact runs it: what it does differently from the paper is marked there."""
    return Llumnix(
        dispatch=Dispatch(Measure("all"), seed=seed),
        pairing=Pairing("defrag", Measure("all-as-one")),
        choice="LCR",
        urgent=URGENT,
        pinned=True,
    )


ROUTERS: Final = {
    entry.name: entry
    for entry in (
        RouterEntry("least-loaded", lambda _w, _c, _s: Router(), "to the one with the fewest"),
        RouterEntry("round-robin", lambda _w, _c, _s: RoundRobin(), "one after the other"),
        RouterEntry(
            "power-of-two", lambda _w, _c, s: PowerOfTwo(s), "the one with fewer of two drawn"
        ),
        RouterEntry(
            "load-aware",
            lambda _w, _c, _s: LoadAware(),
            "to the one whose memory is asked for least (INFaaS++)",
        ),
        RouterEntry(
            "load-aware-elastic",
            lambda _w, _c, _s: LoadAware(scaling=AutoScaling()),
            "the same, switching engines on and off by mean freeness",
            scales=True,
        ),
        RouterEntry(
            "llumnix",
            lambda _w, _c, s: Llumnix(dispatch=Dispatch(seed=s), pairing=Pairing(), urgent=URGENT),
            "by freeness, moving requests from full engines to free ones",
            moves=True,
        ),
        RouterEntry(
            "llumnix-balanced",
            lambda _w, _c, s: Llumnix(
                dispatch=Dispatch(seed=s), pairing=Pairing("balanced"), urgent=URGENT
            ),
            "the same, moving only what brings two engines nearer to each other",
            moves=True,
        ),
        RouterEntry(
            "llumnix-waiting",
            lambda _w, _c, s: Llumnix(
                dispatch=Dispatch(seed=s), pairing=Pairing(), choice="FCWSR", urgent=URGENT
            ),
            "Llumnix that moves heads of queues, too",
            moves=True,
        ),
        RouterEntry(
            "llumnix-artifact",
            lambda _w, _c, s: _artifact(s),
            "as the authors' artifact: the last admitted moves, the urgent never",
            moves=True,
        ),
        RouterEntry(
            "llumnix-base",
            lambda _w, _c, s: Llumnix(dispatch=Dispatch(seed=s), pairing=Pairing()),
            "Llumnix for which all requests are alike",
            moves=True,
        ),
        RouterEntry(
            "llumnix-dispatch",
            lambda _w, _c, s: Llumnix(dispatch=Dispatch(seed=s), urgent=URGENT),
            "by freeness, moving nothing",
        ),
        RouterEntry(
            "llumnix-elastic",
            lambda _w, _c, s: Llumnix(
                dispatch=Dispatch(seed=s), pairing=Pairing(), scaling=AutoScaling(), urgent=URGENT
            ),
            "Llumnix, switching engines on and off by mean freeness",
            moves=True,
            scales=True,
        ),
        RouterEntry(
            "hexgen",
            lambda w, c, _s: hexgen.workload_balance(w, c),
            "to fast engines and to idle ones, weighed by alpha",
        ),
        RouterEntry(
            "least-seconds",
            lambda w, c, _s: hexgen.least_seconds(w, c),
            "to where it ends first by the mean times of stages",
        ),
        RouterEntry(
            "jitserve",
            lambda _w, _c, s: PowerOfK(seed=s),
            "two engines may serve it, the first that can does",
            moves=True,
        ),
        RouterEntry(
            "prefix-groups",
            lambda w, _c, _s: PrefixGroups(w),
            "a batch's groups with a prefix in common to one engine each, unless it is overloaded",
        ),
        RouterEntry(
            "least-work-oracle",
            lambda w, _c, _s: LeastWork(w),
            "to the one with the least work left, knowing all lengths",
            oracle=True,
        ),
    )
}
"""Routers by name."""


def router_of(
    name: str,
    workload: Workload,
    cost: StepCost | Sequence[StepCost] | None = None,
    *,
    seed: int = 0,
) -> Router:
    """The named router, made for one run.

    Parameters
    ----------
    cost
        Step times of every engine, or one for all.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    entry = ROUTERS.get(name)
    if entry is None:
        raise OptionError(f"no router is called {name!r}", hint=f"there are {', '.join(ROUTERS)}")
    costs = tuple(cost) if isinstance(cost, Sequence) else () if cost is None else (cost,)
    return entry.make(workload, costs, seed)
