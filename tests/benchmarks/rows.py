"""Recorded runs made up for tests."""

from __future__ import annotations

from typing import Any


def run(
    engine: str,
    instance: str,
    objective: int | None,
    *,
    set_name: str = "some",
    kind: str = "job shop",
    limit: float = 10.0,
    threads: int = 2,
    bound: int | None = None,
    history: list[list[float]] | None = None,
    seconds: float = 10.0,
    status: str | None = None,
) -> dict[str, Any]:
    """One record with every field that is read."""
    return {
        "set": set_name,
        "instance": instance,
        "engine": engine,
        "limit": limit,
        "threads": threads,
        "seed": 0,
        "kind": kind,
        "status": status or ("none" if objective is None else "schedule"),
        "objective": objective,
        "bound": bound,
        "proven": objective is not None and objective == bound,
        "seconds": seconds,
        "memory": 100.0,
        "history": history or [],
        "message": "",
        "best_known": None,
        "load": 0.5,
        "jobs": 1,
        "date": "2026-01-02T03:04:05Z",
        "machine": "a machine",
        "versions": {"python": "3.11"},
        "revision": "abc",
    }
