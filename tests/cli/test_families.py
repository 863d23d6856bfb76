"""Parameters of random families as people type them."""

from __future__ import annotations

import pytest

from makespan.cli._families import make
from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.generators import families, random_flexible_job_shop

FAMILIES = {family.name: family for family in families()}


def test_values_are_read_by_the_type_of_their_parameter() -> None:
    """Whole numbers, numbers and none become what the generator takes."""
    settings = ["jobs=3", "machines=4", "flexibility=1.5", "operations=none", "spread = 0"]
    made = make("flexible-job-shop", settings, seed=2)
    assert made == random_flexible_job_shop(
        3, 4, seed=2, flexibility=1.5, operations=None, spread=0.0
    )


@pytest.mark.parametrize(("text", "same"), [("yes", True), ("TRUE", True), ("off", False)])
def test_truth_values_may_be_written_in_several_ways(text: str, same: bool) -> None:
    """yes, true, on, 1 and their opposites."""
    made = make("blocking_job_shop", ["jobs=2", "machines=2", f"swap={text}"], seed=0)
    default = make("blocking_job_shop", ["jobs=2", "machines=2"], seed=0)
    assert (made == default) is same


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        (["jobs=x"], "jobs is 'x', not a whole number"),
        (["jobs=2.5"], "not a whole number"),
        (["swap=maybe"], "not true or false"),
        (["jobs=none"], "not a whole number"),
        (["job=2"], "did you mean jobs=...?"),
        (["zzz=2"], "its parameters: jobs, machines, swap=true"),
        (["jobs"], "is no KEY=VALUE"),
        (["jobs=2", "jobs=3"], "given twice"),
        (["jobs=2"], "needs machines"),
        (["jobs=0", "machines=2"], "jobs"),
    ],
)
def test_what_does_not_fit_is_named(settings: list[str], part: str) -> None:
    """The family or parameter, the text, and what would fit."""
    with pytest.raises(OptionError) as caught:
        make("blocking_job_shop", settings, seed=0)
    assert part in str(caught.value)


def test_an_instance_takes_no_parameters() -> None:
    """Its name is all there is to say."""
    with pytest.raises(OptionError, match="takes no parameters"):
        make("ft06", ["jobs=3"], seed=0)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_can_be_made_from_the_command_line(name: str) -> None:
    """With its required parameters alone; the same seed makes the same problem."""
    settings = [f"{item.name}=12" for item in FAMILIES[name].parameters if item.required]
    problem = make(name, settings, seed=1)
    assert isinstance(problem, Problem)
    assert problem == make(name.replace("_", "-"), settings, seed=1)
