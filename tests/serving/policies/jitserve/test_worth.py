"""Priorities: tokens in time against counting them, and who comes before whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.serving.policies.jitserve.targets import NEVER, targets
from makespan.serving.policies.jitserve.worth import Crowd, artifact, on_time, paper, pooled
from makespan.serving.workload import PICOSECONDS, Slo, Workload


def crowd(**columns: Any) -> Crowd:
    """Requests with these columns; the others are those of plain answers that are not urgent."""
    n = len(next(iter(columns.values())))
    usual: dict[str, Any] = {
        "prompt": 100, "had": 0, "bound": 50, "missing": 100, "sent": 0.0, "ttft": NEVER,
        "tbt": NEVER, "due": NEVER, "chat": False, "task": -1, "earlier": 0.0,
    }  # fmt: skip
    return Crowd(**{key: np.array(columns.get(key, [value] * n)) for key, value in usual.items()})


@given(
    st.integers(0, 30),
    st.integers(1, 60),
    st.integers(0, 4000),
    st.integers(1, 300),
    st.integers(1, 40),
    st.integers(1, 900),
)
def test_tokens_in_time_are_those_that_counting_finds(
    had: int, left: int, now: int, ttft: int, tbt: int, missing: int
) -> None:
    """Served from now on, token by token, in whole tenths of seconds."""
    step, budget = 1.0, 128
    one = crowd(
        had=[had], bound=[had + left], missing=[missing], ttft=[float(ttft)],
        tbt=[tbt / 10 + 0.03], chat=[True],
    )  # fmt: skip
    begin = now / 10 + step * -(-(missing - 1) // budget)
    due = [ttft + (tbt / 10 + 0.03) * (had + k) for k in range(left)]
    counted = sum(begin + step * (k + 1) <= due[k] + 1e-9 for k in range(left))
    assert on_time(one, now / 10, step, budget)[0] == counted


def test_short_services_and_large_goodputs_come_first() -> None:
    """Tokens per second of service; prompts count with their outputs, late ones not at all."""
    some = crowd(
        prompt=[1000, 1000, 4000, 1000],
        bound=[10, 100, 100, 10],
        missing=[1, 1, 1, 1],
        due=[NEVER, NEVER, NEVER, 5.0],
    )
    worth = paper(some, 10.0, 0.02, 512, 0.0)
    assert worth.tolist() == pytest.approx([1010 / 0.2, 1100 / 2.0, 4100 / 2.0, 0.0])


def test_calls_of_a_task_stand_together() -> None:
    """Sum of the tokens over the longest service, with what has ended while there is hope."""
    task = np.array([7, 7, -1])
    value = pooled(task, np.array([10.0, 30.0, 8.0]), np.array([1.0, 4.0, 2.0]))
    assert value.tolist() == [10.0, 10.0, 4.0]
    some = crowd(task=[3, 3, 3], due=[NEVER, NEVER, NEVER], earlier=[600.0] * 3, missing=[1] * 3)
    assert paper(some, 0.0, 0.02, 512, 0.0).tolist() == pytest.approx([(450 + 600) / 1.0] * 3)
    late = crowd(task=[3, 3], due=[1.0, 1.0], earlier=[600.0] * 2)
    assert paper(late, 2.0, 0.02, 512, 0.0).tolist() == [0.0, 0.0]


def test_the_artifact_decays_softly() -> None:
    """Full reward in time, less the later, never nothing."""
    times = [NEVER, 100.0, 2.0, 1.0]
    some = crowd(due=times, missing=[1] * 4, bound=[50] * 4)
    worth = artifact(some, 1.0, 0.02, 512, 1.0)
    whole = 100 + 8 * 50
    assert worth[0] == worth[1] == pytest.approx(whole / 1.0)
    assert worth[2] == pytest.approx(whole / 1.0)
    assert worth[3] == pytest.approx(whole / 2)
    silent = crowd(chat=[True], ttft=[2.0], tbt=[0.1], missing=[1])
    assert artifact(silent, 0.0, 0.02, 512, 1.0)[0] == pytest.approx(whole / 1.0)
    assert artifact(silent, 19.98, 0.02, 512, 1.0)[0] == pytest.approx(100 * 0.1 + 400)


def test_classes_are_chats_or_have_deadlines() -> None:
    """A gap stands in for TPOT; a deadline outweighs targets for tokens; -1 has no targets."""
    one = np.ones(1, dtype=np.int64)
    load = Workload(
        "classes", 0 * one, one, one,
        slos=(
            Slo("chat", ttft=PICOSECONDS, gap=PICOSECONDS // 5),
            Slo("both", ttft=PICOSECONDS, deadline=9 * PICOSECONDS),
            Slo("none"),
        ),
    )  # fmt: skip
    chat, both, none, absent = targets(load)
    assert chat == (1.0, 0.2, None, True)
    assert (both.deadline, both.chat) == (9 * PICOSECONDS, False)
    assert none == absent == (NEVER, NEVER, None, False)
