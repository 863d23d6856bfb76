"""What an experiment is given, what it returns, and what the ledger keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, cast

from makespan.core.errors import FormatError

SCHEMA: Final = "makespan/claim-result/1"


class Verdict(str, Enum):
    """How a claim fared here."""

    REPRODUCED = "reproduced"
    PARTLY = "partly reproduced"
    NOT = "not reproduced"
    UNCONFIRMED = "cannot be confirmed here"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number or word with its unit; '' for pure numbers and words."""

    value: int | float | str
    unit: str = ""

    def __str__(self) -> str:
        text = f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)
        return f"{text} {self.unit}" if self.unit else text


def _silent(_text: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an experiment may use.

    Attributes
    ----------
    quick
        Whether to measure a small sample only, in at most half a minute.
    data
        Folder of the instance collections (``scheduling`` below ``MAKESPAN_DATA``), None if absent.
    model
        Folder of a language model for real engines (``MAKESPAN_MODEL``), None if there is none or
        vLLM is not installed.
    say
        Called with one line per step, for people who wait.
    """

    quick: bool = False
    data: Path | None = None
    model: Path | None = None
    threads: int = 1
    seed: int = 0
    say: Callable[[str], None] = _silent


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an experiment returns.

    Attributes
    ----------
    measured
        Figures by what they measure, in reading order.
    explanation
        Why this verdict: scope of the sample, deviations, what could not be done.
    seeds
        Every seed that was used.
    """

    verdict: Verdict
    measured: Mapping[str, Figure]
    explanation: str
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """One measured claim, as the ledger keeps it.

    Attributes
    ----------
    scope
        "full" or "quick".
    seconds
        Wall time of the experiment.
    machine
        Processor, cores and system it ran on.
    versions
        Of Python, makespan and the packages that do the work.
    date
        Day of the measurement, ISO 8601, UTC.
    command
        The command that repeats it.
    """

    system: str
    claim: str
    verdict: Verdict
    measured: Mapping[str, Figure]
    explanation: str
    scope: str
    seconds: float
    machine: str
    versions: Mapping[str, str]
    seeds: tuple[int, ...]
    date: str
    command: str

    def document(self) -> dict[str, Any]:
        """The JSON object of this result."""
        return {
            "schema": SCHEMA,
            "system": self.system,
            "claim": self.claim,
            "verdict": self.verdict.value,
            "measured": {
                name: {"value": figure.value, "unit": figure.unit}
                for name, figure in self.measured.items()
            },
            "explanation": self.explanation,
            "scope": self.scope,
            "seconds": round(self.seconds, 3),
            "machine": self.machine,
            "versions": dict(self.versions),
            "seeds": list(self.seeds),
            "date": self.date,
            "command": self.command,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], source: str) -> ClaimResult:
        """The result in a JSON object.

        Raises
        ------
        FormatError
            If the object is not one of ours.
        """
        if document.get("schema") != SCHEMA:
            raise FormatError(
                f"schema is {document.get('schema')!r}", source=source, expected=repr(SCHEMA)
            )
        try:
            return cls(
                system=document["system"],
                claim=document["claim"],
                verdict=Verdict(document["verdict"]),
                measured={
                    name: Figure(entry["value"], entry["unit"])
                    for name, entry in document["measured"].items()
                },
                explanation=document["explanation"],
                scope=document["scope"],
                seconds=float(document["seconds"]),
                machine=document["machine"],
                versions=cast("Mapping[str, str]", document["versions"]),
                seeds=tuple(document["seeds"]),
                date=document["date"],
                command=document["command"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(f"a field is missing or malformed: {error}", source=source) from error
