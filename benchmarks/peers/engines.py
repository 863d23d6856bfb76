"""Who takes part: engines of makespan by name, and the peers."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from benchmarks.peers.instances import SHOP
from benchmarks.peers.outcome import Answer, Call, Clock

from makespan.core.problem import Problem
from makespan.solvers.registry import engine_names
from makespan.solvers.solving import solve

OURS = "makespan"


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine outside makespan.

    Attributes
    ----------
    place
        Module and function that prepares a call, imported in the process that measures.
    packages
        Distributions whose versions a record states.
    kinds
        Kinds of instances it can express, None for all.
    """

    place: str
    packages: tuple[str, ...]
    kinds: frozenset[str] | None = None


_JOB_SHOP_LIB = "benchmarks.peers.job_shop_lib_peer"
_SHOPS = frozenset({SHOP})

PEERS = {
    "pyjobshop": Peer("benchmarks.peers.pyjobshop_peer:prepare", ("pyjobshop", "ortools")),
    "bare-cpsat": Peer("benchmarks.peers.cp_sat:prepare", ("ortools",)),
    "job-shop-lib": Peer(f"{_JOB_SHOP_LIB}:prepare_exact", ("job-shop-lib", "ortools"), _SHOPS),
    "job-shop-lib-rules": Peer(f"{_JOB_SHOP_LIB}:prepare_rules", ("job-shop-lib",), _SHOPS),
    "job-shop-lib-annealing": Peer(f"{_JOB_SHOP_LIB}:prepare_annealing", ("job-shop-lib",), _SHOPS),
}

DEFAULT = (OURS, "pyjobshop", "bare-cpsat", "job-shop-lib")


def names() -> list[str]:
    """Every engine that can be asked for."""
    return [OURS, *engine_names(), *PEERS]


def ours(name: str) -> bool:
    """Whether the engine is one of this project."""
    return name not in PEERS


def takes(name: str, kind: str) -> bool:
    """Whether the engine can express instances of the kind."""
    peer = PEERS.get(name)
    return peer is None or peer.kinds is None or kind in peer.kinds


def packages(name: str) -> tuple[str, ...]:
    """Distributions that matter to the engine's results."""
    peer = PEERS.get(name)
    return peer.packages if peer else ("makespan", "ortools", "numba")


def prepare(name: str, problem: Problem) -> Call:
    """A call of that engine on the problem; what happens here is not measured."""
    if name in PEERS:
        module, _, function = PEERS[name].place.partition(":")
        call: Call = getattr(importlib.import_module(module), function)(problem)
        return call
    return _own("auto" if name == OURS else name, problem)


def _own(engine: str, problem: Problem) -> Call:
    def call(limit: float, threads: int, seed: int, clock: Clock) -> Answer:
        began = clock()
        result = solve(problem, engine=engine, time_limit=limit, threads=threads, seed=seed)
        history: list[tuple[float, int]] = []
        for point in result.history:
            if point.level or point.objective is None:
                continue
            if not history or point.objective < history[-1][1]:
                history.append((began + point.seconds, point.objective))
        return Answer(result.schedule, result.bound, history, result.message)

    return call
