"""The registry of systems: what each paper's system is, where it lives, and what is claimed of it.

A room declares a :class:`System` as plain data and registers it; experiments are named by import
path, so a declaration imports neither its engine nor its experiment. Third parties declare theirs
under the entry-point group ``makespan.systems``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points

from makespan.core.errors import OptionError

GROUP = "makespan.systems"
"""Entry-point group whose members are :class:`System` objects."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def _check_slug(slug: str, what: str) -> None:
    if not _SLUG.fullmatch(slug):
        raise OptionError(
            f"{slug!r} is no slug for a {what}",
            hint="use lower-case letters and digits, with single hyphens between words",
        )


def _check_import_path(path: str, owner: str) -> None:
    if not _IMPORT_PATH.fullmatch(path):
        raise OptionError(
            f"{owner}: {path!r} is no import path", hint="write it as 'package.module:name'"
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Where a system or a claim comes from.

    Attributes
    ----------
    paper
        Authors, year and title, or the name of a published data set.
    identifier
        arXiv id, DOI or ISSN and volume; '' if it has none.
    url
        Where a reader finds it; '' if nowhere.
    """

    paper: str
    identifier: str = ""
    url: str = ""

    def __str__(self) -> str:
        return f"{self.paper} ({self.identifier})" if self.identifier else self.paper


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a source and the experiment that measures it here.

    Attributes
    ----------
    system
        Slug of the system the claim belongs to.
    statement
        What the source says, in our words.
    experiment
        Import path ``module:function`` of the experiment.
    measured_as
        What the experiment does at our scale.
    tolerance
        When the verdict is "reproduced"; stated before measuring.
    inference
        What of the experiment is ours and not the source's.
    """

    slug: str
    system: str
    statement: str
    source: Source
    experiment: str
    measured_as: str
    tolerance: str
    inference: str = ""

    def __post_init__(self) -> None:
        _check_slug(self.slug, "claim")
        _check_import_path(self.experiment, f"claim {self.slug!r}")


@dataclass(frozen=True, slots=True)
class System:
    """One system: a method of a paper as it exists in this library.

    Attributes
    ----------
    room
        Sub-package it lives in ("solvers", "shop", "serving", ...).
    entry_points
        Import paths ``module:name`` where a user starts.
    """

    slug: str
    title: str
    source: Source
    room: str
    summary: str
    entry_points: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        _check_slug(self.slug, "system")
        for path in self.entry_points:
            _check_import_path(path, f"system {self.slug!r}")
        seen: set[str] = set()
        for claim in self.claims:
            if claim.system != self.slug:
                raise OptionError(
                    f"system {self.slug!r} lists claim {claim.slug!r} of system {claim.system!r}"
                )
            if claim.slug in seen:
                raise OptionError(f"system {self.slug!r} lists claim {claim.slug!r} twice")
            seen.add(claim.slug)


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A declaration that could not be loaded; the others are unaffected."""

    path: str
    reason: str


class SystemRegistry:
    """Systems by slug, in the order of their registration."""

    def __init__(self, systems: Iterable[System] = ()) -> None:
        self._systems: dict[str, System] = {}
        self.failures: list[LoadFailure] = []
        for system in systems:
            self.register(system)

    def register(self, system: System) -> None:
        """Add a system.

        Raises
        ------
        OptionError
            If its slug is taken.
        """
        if system.slug in self._systems:
            raise OptionError(f"a system {system.slug!r} is already registered")
        self._systems[system.slug] = system

    def load(self, path: str) -> None:
        """Register the System at import path ``module:name``; a failure is kept, not raised."""
        try:
            module, _, name = path.partition(":")
            found = getattr(importlib.import_module(module), name)
            if not isinstance(found, System):
                raise OptionError(f"{path} is a {type(found).__name__}, not a System")
            self.register(found)
        except Exception as error:  # noqa: BLE001  # a plug-in may fail in any way
            self.failures.append(LoadFailure(path, f"{type(error).__name__}: {error}"))

    def load_plugins(self) -> None:
        """Register what other installed packages declare under ``makespan.systems``."""
        for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
            self.load(point.value)

    def get(self, slug: str) -> System:
        """The system called ``slug``.

        Raises
        ------
        OptionError
            If there is none; the hint lists close names.
        """
        from difflib import get_close_matches

        system = self._systems.get(slug)
        if system is not None:
            return system
        if not self._systems:
            raise OptionError(f"there is no system {slug!r}", hint="none is registered")
        close = get_close_matches(slug, self._systems, n=3)
        known = ", ".join(close or sorted(self._systems))
        raise OptionError(
            f"there is no system {slug!r}",
            hint=f"did you mean {known}?" if close else f"known systems: {known}",
        )

    def __contains__(self, slug: object) -> bool:
        return slug in self._systems

    def __iter__(self) -> Iterator[System]:
        return iter(self._systems.values())

    def __len__(self) -> int:
        return len(self._systems)
