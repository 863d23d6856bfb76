"""The ledger: one small JSON file per claim, shipped with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from makespan.claims.outcome import ClaimResult
from makespan.core.errors import FormatError

FOLDER: Final = Path(__file__).with_name("ledger")


def path_of(system: str, claim: str, folder: Path = FOLDER) -> Path:
    """File of a claim's last full measurement."""
    return folder / f"{system}.{claim}.json"


def ledger(folder: Path = FOLDER) -> dict[tuple[str, str], ClaimResult]:
    """Every recorded result by (system, claim).

    Raises
    ------
    FormatError
        If a file of the ledger is damaged.
    """
    results = {}
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise FormatError(error.msg, source=str(path), line=error.lineno) from error
        result = ClaimResult.from_document(document, str(path))
        results[result.system, result.claim] = result
    return results


def record(result: ClaimResult, folder: Path = FOLDER) -> Path:
    """Keep a result in place of the claim's previous one; returns its file."""
    path = path_of(result.system, result.claim, folder)
    temporary = path.with_suffix(".tmp")
    text = json.dumps(result.document(), ensure_ascii=False, indent=1)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)
    return path
