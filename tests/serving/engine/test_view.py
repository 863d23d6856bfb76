"""What can be reached from the views that policies and routers get: no length that is hidden."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.cohort import Cohort
from makespan.serving.engine.fleet import Fleet
from makespan.serving.engine.instance import Instance
from makespan.serving.engine.memory import Memory
from makespan.serving.engine.plain import PlainInstance
from makespan.serving.engine.plain_memory import PlainMemory
from makespan.serving.engine.plain_state import State
from makespan.serving.engine.reference import Reference
from makespan.serving.engine.requests import Requests
from makespan.serving.policy import EngineView, FleetView, Move, Policy, Router, Scaling
from makespan.serving.settings import Elastic, EngineSettings, Migration
from makespan.serving.workload import Workload

ENGINES = pytest.mark.parametrize("kind", [Fleet, Reference])
KNOWING = (
    Workload, Requests, State, Fleet, Reference, Instance, PlainInstance, PlainMemory, Cohort, Memory
)  # fmt: skip
"""What knows the lengths of outputs, or leads to it."""

LEAVES = (int, float, str, bytes, types.ModuleType)
FUNCTION = ("__dict__", "__defaults__", "__kwdefaults__")
"""What functions keep outside their cells and the globals of their module."""

CALLABLE = (
    types.MethodType,
    types.BuiltinMethodType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)
COUNT = 40
OUTPUT = np.arange(COUNT) * 7 + 1003
"""Numbers that nothing else has."""


def reachable(root: object) -> list[object]:
    """Everything that attributes and containers lead to, with and without underscores."""
    found: dict[int, object] = {}
    todo = [root]
    while todo:
        one = todo.pop()
        if id(one) in found:
            continue
        found[id(one)] = one
        if isinstance(one, np.ndarray):
            todo.extend(one.ravel().tolist())
        elif isinstance(one, Mapping):
            todo.extend((*one.keys(), *one.values()))
        elif isinstance(one, list | tuple | set | frozenset | deque):
            todo.extend(one)
        elif not isinstance(one, LEAVES):
            todo.extend(_attributes(one))
    return list(found.values())


def _attributes(one: object) -> Iterable[object]:
    if isinstance(one, type) and not one.__module__.startswith(("makespan", "tests")):
        return  # Python's own, which hold nothing of a run
    names: Sequence[str] = dir(one)
    if isinstance(one, types.FunctionType):
        names = FUNCTION
    elif isinstance(one, CALLABLE):
        names = ("__self__", "__func__")
    for name in names:
        try:
            yield getattr(one, name)
        except AttributeError:
            continue


def told(root: object) -> list[str]:
    """What of the reachable tells lengths."""
    things = reachable(root)
    known = [type(one).__name__ for one in things if isinstance(one, KNOWING)]
    hidden = set(OUTPUT.tolist()) | set((OUTPUT + PROMPT).tolist())
    numbers = {one for one in things if isinstance(one, int)} & hidden
    return known + [f"the number {number}" for number in sorted(numbers)]


class Looks(Policy):
    """Overrides all hooks, and walks from what each gets the first times that it is asked."""

    def __init__(self, asked: dict[str, int]) -> None:
        self.asked = asked

    def look(self, hook: str, *got: object) -> None:
        """Nothing that is got leads to a length."""
        self.asked[hook] = self.asked.get(hook, 0) + 1
        if self.asked[hook] <= 3:
            assert told(got) == []

    def order(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.look("order", waiting, engine)
        return waiting

    def admit(self, request: int, engine: EngineView) -> bool:
        """See the base class."""
        self.look("admit", engine, engine.running(), engine.waiting())
        return True

    def drop(self, waiting: Sequence[int], engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.look("drop", waiting, engine)
        return ()

    def interrupt(self, engine: EngineView) -> Sequence[int]:
        """See the base class."""
        self.look("interrupt", engine)
        return ()

    def token_budget(self, engine: EngineView) -> int:
        """See the base class."""
        self.look("token_budget", engine)
        return engine.max_num_batched_tokens

    def victim(self, running: Sequence[int], engine: EngineView) -> int:
        """See the base class."""
        self.look("victim", running, engine)
        return running[-1]

    def retain(self, request: int, engine: EngineView) -> int | None:
        """See the base class."""
        self.look("retain", engine)
        return engine.now + 10**11

    def unpin(self, pinned: Sequence[int], request: int, engine: EngineView) -> int | None:
        """See the base class."""
        self.look("unpin", pinned, engine)
        return pinned[0]

    def wake(self, engine: EngineView) -> int | None:
        """See the base class."""
        self.look("wake", engine)
        return None

    def arrived(self, request: int, engine: EngineView) -> None:
        """See the base class."""
        self.look("arrived", engine)

    def finished(self, request: int, engine: EngineView) -> None:
        """See the base class; ``generated`` is no secret any longer."""
        self.look("finished", engine)


class LooksAtFleets(Router):
    """The same for routers."""

    poll = 10**11

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}

    def look(self, hook: str, fleet: FleetView) -> None:
        """Nothing that is got leads to a length."""
        self.asked[hook] = self.asked.get(hook, 0) + 1
        if self.asked[hook] <= 3:
            assert told(fleet) == []

    def route(self, request: int, fleet: FleetView) -> int:
        """See the base class."""
        self.look("route", fleet)
        return fleet.open[request % len(fleet.open)]

    def finished(self, request: int, fleet: FleetView) -> None:
        """See the base class."""
        self.look("finished", fleet)

    def migrate(self, fleet: FleetView) -> Sequence[Move]:
        """See the base class."""
        self.look("migrate", fleet)
        return [Move(r, 1) for r in fleet.engines[0].running()[:1]]

    def scale(self, fleet: FleetView) -> Scaling | None:
        """See the base class."""
        self.look("scale", fleet)
        return None


PROMPT = np.arange(COUNT) % 5 * 16 + 20


def workload() -> Workload:
    """Requests that come while others run, more than fit."""
    return Workload("hidden", np.arange(COUNT) * 10**11, PROMPT, OUTPUT)


def fleet_of(kind: type[Fleet | Reference], **more: Any) -> Fleet | Reference:
    """Two small engines, not run yet."""
    settings = [EngineSettings(blocks=300, max_num_seqs=8)] * 2
    cost = [LinearCost(10**9, 10**7, 10**4, 10**6)] * 2
    return kind(workload(), settings, cost, **more)


@ENGINES
def test_no_attribute_of_what_a_hook_gets_leads_to_a_length(kind: type[Fleet | Reference]) -> None:
    """In every hook."""
    asked: dict[str, int] = {}
    fleet_of(kind, policy=lambda: Looks(asked)).run()
    hooks = {name for name in dir(Policy) if not name.startswith("_")}
    assert set(asked) == hooks - {"name", "time_varying", "window"}


@ENGINES
def test_no_attribute_of_what_a_router_gets_leads_to_a_length(
    kind: type[Fleet | Reference],
) -> None:
    """In every hook."""
    router = LooksAtFleets()
    fleet_of(kind, router=router, migration=Migration(10**7), elastic=Elastic(2, 1, 10**9)).run()
    assert set(router.asked) == {"route", "finished", "migrate", "scale"}


@ENGINES
def test_a_view_has_what_the_protocol_names_and_nothing_else(kind: type[Fleet | Reference]) -> None:
    """To those who look for public names."""

    def names(one: object) -> set[str]:
        return {name for name in dir(one) if not name.startswith("_")}

    fleet = fleet_of(kind)
    assert names(fleet.view) == names(FleetView)
    assert names(fleet.engines[0].view) == names(EngineView)
    assert not hasattr(fleet.view, "__dict__")
    assert not hasattr(fleet.engines[0].view, "__dict__")


@ENGINES
def test_the_walk_finds_what_is_there(kind: type[Fleet | Reference]) -> None:
    """From an engine, from one of its methods, and from something that holds it."""
    fleet = fleet_of(kind)
    ways: list[Callable[[], object]] = [
        lambda: fleet,
        lambda: fleet.engines[0].arrive,
        lambda: types.SimpleNamespace(_inner=[{"engine": fleet.engines[0]}]),
    ]
    for way in ways:
        found = told(way())
        assert "Workload" in found
        assert f"the number {OUTPUT[0]}" in found
