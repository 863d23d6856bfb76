"""Processes of this machine: killed ones lose nothing, failing ones say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.serving.sweep.fragile import fragile

from makespan.core.errors import EngineError
from makespan.serving.sweep.processes import in_processes


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Its job begins again, and is counted; the others are not disturbed."""
    jobs = [(tmp_path / name, name) for name in ("one", "killed", "three")]
    found = {item[1]: (value, tries) for item, value, tries in in_processes(fragile, jobs, 10, 2)}
    assert found == {"one": (13, 1), "killed": (16, 2), "three": (15, 1)}


def test_jobs_that_fail_or_kill_end_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error with its message; deaths without end with a hint."""
    with pytest.raises(EngineError, match="ValueError: wrong job"):
        list(in_processes(fragile, [(tmp_path / "wrong", "w")], 0, 1))
    monkeypatch.setattr("makespan.serving.sweep.processes._RETRIES", 1)
    with pytest.raises(EngineError, match="2 processes died under it"):
        list(in_processes(fragile, [(tmp_path / "deadly", "d")], 0, 1))
