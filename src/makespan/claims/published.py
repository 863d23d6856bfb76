"""Published values beside the instance collections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from makespan.claims.outcome import Conditions, Measurement, Verdict
from makespan.core.errors import FormatError


def without_data(needed: str) -> Measurement:
    """The outcome where the instances that a claim is about are not at hand."""
    return Measurement(
        verdict=Verdict.UNCONFIRMED,
        measured={},
        explanation=f"{needed} are needed; set MAKESPAN_DATA to the folder that holds "
        "scheduling/ with the instance collections.",
    )


def table(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """The instances of a published table, by name.

    Raises
    ------
    FormatError
        If the file is missing or not such a table.
    """
    path = folder / name
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return cast("dict[str, dict[str, Any]]", document["instances"])
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(f"no table of published values: {error}", source=str(path)) from error


def first_of_each_class(given: Conditions, family: str, classes: int, quick: int) -> list[str]:
    """Names such as j30_7_1: one instance per class, spread over the classes when quick."""
    step = max(1, classes // quick) if given.quick else 1
    return [f"{family}_{k}_1" for k in range(1, classes + 1, step)]
