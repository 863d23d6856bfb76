"""The only module that imports Ray: starting it, actors, and which failures are the cluster's."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from makespan.core.errors import EngineError, MissingDependencyError

LOCAL: Final = "local"
"""Address of a cluster of this machine alone."""

_LOOPBACK: Final = "127.0.0.1"


def load_ray() -> Any:
    """The ``ray`` module.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError(
            "Ray is not installed", hint="pip install 'makespan[ray]'"
        ) from error
    return ray


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """The ``ray`` module, connected to a cluster.

    A connection that exists is used and left open. Without one, and without an address here or
    in RAY_ADDRESS, or for the address "local", a cluster of this machine alone is started, bound
    to loopback, and ended afterwards.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where = address or os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if where and where != LOCAL:
        try:
            ray.init(address=where, **options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise EngineError(
                f"no Ray cluster answers at {where!r}: {error}",
                hint="start one with `ray start --head`, or leave the address out",
            ) from error
    else:
        ray.init(address=LOCAL, include_dashboard=False, _node_ip_address=_LOOPBACK, **options)
    try:
        yield ray
    finally:
        ray.shutdown()


class ActorLine:
    """Calls of an actor's methods that wait for the answer; may be sent to workers."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __call__(self, method: str, *arguments: Any) -> Any:
        """Value that the actor's method returns."""
        return load_ray().get(getattr(self._actor, method).remote(*arguments))


def here(ray: Any, cls: type, *arguments: Any) -> Any:
    """An actor on this process's own node that takes no CPU from the work."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    node = ray.get_runtime_context().get_node_id()
    strategy = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    actor = ray.remote(cls).options(num_cpus=0, scheduling_strategy=strategy)
    return actor.remote(*arguments)


def lost(ray: Any, error: BaseException) -> bool:
    """Whether a task failed because its worker or node died, so that it may run again."""
    crashed = isinstance(error, ray.exceptions.RayError)
    return crashed and not isinstance(error, ray.exceptions.RayTaskError)
