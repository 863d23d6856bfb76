"""Policies that need what clients say, in real servers: not for a quick look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from makespan.serving.load import Client, play
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from tests.serving.vllm.servers import KEY, serving

# A server takes half a minute to load, and minutes on a machine that is busy otherwise.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BESIDE = np.arange(5) * PICOSECONDS // 50
"""All while the first, which has the only seat, is served."""

OUTPUT = np.array([60, 2, 2, 2, 2])


def test_hexgen_serves_the_call_first_that_has_most_before_it(model: Path, tmp_path: Path) -> None:
    """The clients name the stages, and the short first stages of two queries go before the long."""
    load = Workload(
        "queries",
        BESIDE,
        np.array([200, 150, 140, 130, 120]),
        OUTPUT,
        program=np.arange(5),
        label=np.array([0, 1, 0, 1, 0]),
        labels=("plan", "write"),
        slo=np.zeros(5, dtype=np.int64),
        slos=(Slo("query", deadline=600 * PICOSECONDS),),
    )
    options = '{"seconds": {"plan": 1, "write": 100}, "workflow": {"plan": 1, "write": 1}}'
    words = ["--policy", "hexgen-urgency", "--options", options, "--slo", "query:deadline=600"]
    with serving(model, tmp_path, words) as server:
        record = play(load, Client(server, "smol", key=KEY, hints=True), time_limit=600).record
    assert record.finished.all()
    # First come, first served would be 0 to 4.
    assert set(np.argsort(record.first).tolist()[:3]) == {0, 2, 4}


def test_batchllm_serves_groups_together(model: Path, tmp_path: Path) -> None:
    """Prompts with a prefix in common follow one another, though they were sent alternately."""
    pieces = [[90 + k for k in range(4)], *([10 * (r % 2) + k for k in range(4)] for r in range(4))]
    load = Workload(
        "alternating",
        BESIDE,
        np.full(5, 150),
        OUTPUT,
        content=np.array(pieces).ravel(),
        content_ptr=np.arange(6) * 4,
        grain=32,
    )
    with serving(model, tmp_path, ["--policy", "batchllm"]) as server:
        record = play(load, Client(server, "smol", key=KEY, hints=True), time_limit=600).record
    assert record.finished.all()
    order = np.argsort(record.first).tolist()
    assert order[0] == 0
    assert [r % 2 for r in order[1:]] in ([0, 0, 1, 1], [1, 1, 0, 0])
