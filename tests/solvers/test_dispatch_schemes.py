"""Every rule in every scheme that applies, over the families: valid schedules or a clear refusal."""

from __future__ import annotations

import pytest
from tests.solvers.dispatch_support import place

from makespan.core.errors import EngineError, OptionError
from makespan.generators import (
    named_instance,
    random_blocking_job_shop,
    random_due_date_job_shop,
    random_everything,
    random_flexible_job_shop,
    random_multimode_rcpsp,
    random_open_shop,
    random_rcpsp,
    random_rcpsp_max,
    random_setup_job_shop,
)
from makespan.generators.traps import trap, trap_names, trap_optimum
from makespan.solvers.dispatch import RULES, dispatch, find_rule, sample
from makespan.solvers.dispatch._runner import SCHEMES, Attempt, Runner, Scheme
from makespan.solvers.dispatch.sampling import explain

GENERAL: tuple[Scheme, ...] = ("serial", "parallel")

SHOPS = {
    "ft06": lambda: named_instance("ft06"),
    "ft10": lambda: named_instance("ft10"),
    "flexible": lambda: random_flexible_job_shop(6, 4, seed=1),
    "due dates": lambda: random_due_date_job_shop(6, 4, seed=1, latest_release=50),
}
OTHERS = {
    "open shop": lambda: random_open_shop(5, 4, seed=1),
    "blocking": lambda: random_blocking_job_shop(5, 4, seed=1),
    "blocking without swap": lambda: random_blocking_job_shop(5, 4, seed=1, swap=False),
    "setups": lambda: random_setup_job_shop(6, 4, seed=1),
    "project": lambda: random_rcpsp(30, seed=1),
    "lags": lambda: random_rcpsp_max(20, seed=3),
    "modes": lambda: random_multimode_rcpsp(16, seed=1),
    "everything 1": lambda: random_everything(12, seed=1),
    "everything 2": lambda: random_everything(25, seed=2),
    "everything 3": lambda: random_everything(40, seed=3, breaks=False),
}
ALWAYS = set(SHOPS) | {"open shop", "setups", "project"}
"""Families in which a greedy scheme cannot get stuck."""


@pytest.mark.parametrize("family", [*SHOPS, *OTHERS])
def test_every_rule_and_scheme(family: str) -> None:
    """What a run returns verifies and is valued right; what it cannot place, it explains."""
    problem = (SHOPS | OTHERS)[family]()
    runner = Runner(problem)
    schemes = SCHEMES if family in SHOPS else GENERAL
    for rule in RULES:
        for scheme in schemes:
            for heat in (0.0, 0.3):
                schedule = place(runner, Attempt(find_rule(rule), scheme, heat=heat), seed=7)
                if schedule is None:
                    assert family not in ALWAYS
                    assert explain(problem, runner.failure).startswith("dispatch")


@pytest.mark.parametrize("family", sorted({*OTHERS} - {"everything 1", "everything 2"}))
def test_families_are_solved(family: str) -> None:
    """Some rule places every family but the most entangled ones."""
    runner = Runner(OTHERS[family]())
    done = [place(runner, Attempt(rule, s)) for rule in RULES.values() for s in GENERAL]
    assert any(schedule is not None for schedule in done)


@pytest.mark.parametrize("family", sorted(OTHERS))
def test_active_scheme_is_for_shops(family: str) -> None:
    """Giffler-Thompson outside plain shops is refused, by dispatch and by sample."""
    problem = OTHERS[family]()
    with pytest.raises(OptionError, match="plain shops"):
        dispatch(problem, scheme="giffler-thompson")
    with pytest.raises(OptionError, match="plain shops"):
        sample(problem, schemes=["giffler-thompson"], iterations=1)


@pytest.mark.parametrize("name", trap_names())
def test_traps(name: str) -> None:
    """On tiny problems with known optima nothing beats the optimum and no bound exceeds it."""
    problem, optimum = trap(name), trap_optimum(name)
    result = sample(problem, iterations=60)
    if optimum is None:
        assert result.schedule is None
        assert result.message.startswith("dispatch")
        return
    assert all(b is None or b <= v for b, v in zip(result.bounds, optimum, strict=True))
    if result.schedule is not None:
        assert result.objectives >= optimum
        runner = Runner(problem)
        for rule in RULES.values():
            for scheme in GENERAL:
                place(runner, Attempt(rule, scheme))


def test_unknown_names() -> None:
    """Unknown rules and schemes are refused with a list of the known ones."""
    problem = named_instance("ft06")
    with pytest.raises(OptionError, match="SPTT") as rule:
        dispatch(problem, rule="SPTT")
    assert "SPT" in str(rule.value.hint)
    with pytest.raises(OptionError, match="seriel") as scheme:
        dispatch(problem, scheme="seriel")
    assert "serial" in str(scheme.value.hint)
    assert find_rule("spt") is RULES["SPT"]


def test_stuck_task_is_named() -> None:
    """A task that cannot keep its deadline is named in the error, with what to try."""
    problem = trap("deadlines_on_one_machine")
    with pytest.raises(EngineError, match="task '") as raised:
        dispatch(problem)
    assert "cpsat" in str(raised.value.hint)
