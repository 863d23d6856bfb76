"""What shell completion offers: instances, engines, formats, systems; files are the shell's.

Completion must never print or fail, whatever the state of the installation, so every source of
words is asked inside :func:`_words`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def _words(source: Callable[[], Iterable[str]], incomplete: str) -> list[str]:
    try:
        return [word for word in source() if word.startswith(incomplete)]
    except Exception:  # noqa: BLE001  # a traceback in the middle of a command line helps nobody
        return []


def instances(incomplete: str) -> list[str]:
    """Names of built-in instances."""

    def source() -> Iterable[str]:
        from makespan.generators import instance_names

        return instance_names()

    return _words(source, incomplete)


def problems(incomplete: str) -> list[str]:
    """Built-in instances, and files beside them.

    Where no instance fits nothing is offered, and the shell completes files as it always does.
    """
    found = instances(incomplete) if incomplete else []
    if not found:
        return []
    return found + _words(lambda: sorted(path.name for path in Path().iterdir()), incomplete)


def blocking(incomplete: str) -> list[str]:
    """Blocking variants."""
    return _words(lambda: ("swap", "no-swap"), incomplete)


def engines(incomplete: str) -> list[str]:
    """Names of engines, built in and plugged in."""

    def source() -> Iterable[str]:
        from makespan.solvers.registry import engine_names

        return engine_names()

    return _words(source, incomplete)


def formats(incomplete: str) -> list[str]:
    """Names of file formats that can be written."""

    def source() -> Iterable[str]:
        from makespan.cli._catalogue import writable_formats

        return writable_formats()

    return _words(source, incomplete)


def system_slugs(incomplete: str) -> list[str]:
    """Slugs of registered systems."""

    def source() -> Iterable[str]:
        from makespan.claims import registry

        return (system.slug for system in registry())

    return _words(source, incomplete)


def objectives(incomplete: str) -> list[str]:
    """Objective terms, completing the last one of an expression."""

    def source() -> Iterable[str]:
        from makespan.core.vocabulary import ObjectiveKind

        cut = max(incomplete.rfind(mark) for mark in "+,*") + 1
        return (incomplete[:cut] + kind.value for kind in ObjectiveKind)

    return _words(source, incomplete)


def generators(incomplete: str) -> list[str]:
    """Random families and built-in instances."""

    def source() -> Iterable[str]:
        from makespan.generators import families

        return (family.name for family in families())

    return _words(source, incomplete) + instances(incomplete)
