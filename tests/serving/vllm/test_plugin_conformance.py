"""One policy, three engines: the fast one, the plain one, and vLLM's scheduler ruled by it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import pytest

from makespan.serving.policies.catalogue import POLICIES as CATALOGUE
from makespan.serving.policies.catalogue import policy_maker
from makespan.serving.policy import Policy
from makespan.serving.record import first_difference
from tests.serving.engine.cases import POLICIES
from tests.serving.vllm.three_ways import HOOKED, Case, differences, rich_case, ruled

pytestmark = [pytest.mark.usefixtures("vllm"), pytest.mark.timeout(7200)]

CASES: Final = int(os.environ.get("MAKESPAN_CASES", "1"))
"""Random loads per policy."""

OURS: Final = {cls.__name__: cls for cls in (*POLICIES, *HOOKED)}


def maker(name: str, case: Case) -> Callable[[], Policy]:
    """What makes a policy of that name, always with the same seed."""
    if name in OURS:
        return OURS[name]

    def make() -> Policy:
        return policy_maker(name, case["workload"], case["cost"][0], seed=3)()

    return make


@pytest.mark.parametrize("name", [*OURS, *CATALOGUE])
def test_three_engines_do_the_same(name: str) -> None:
    """Every admission, preemption, hit, drop and token at the same picosecond, in the same order."""
    # Different loads for different policies, so that few per policy are many together.
    first = 0 if CASES > 20 else 31 * [*OURS, *CATALOGUE].index(name)
    for seed in range(first, first + CASES):
        case = rich_case(seed)
        found, _ = differences(case, maker(name, case))
        assert not found, f"case {seed}: {found}"


@pytest.mark.parametrize("cls", HOOKED, ids=lambda cls: cls.__name__)
def test_every_hook_changes_what_vllm_does(cls: type[Policy]) -> None:
    """No hook is left unasked: each policy's run differs from the default's on some load."""
    for seed in range(8):
        case = rich_case(seed)
        if first_difference(ruled(case, Policy), ruled(case, cls)):
            return
    pytest.fail(f"{cls.__name__} does what vLLM does by default")
