"""Values of options: durations, objectives, variants, and numbers in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan.cli._values import parse_blocking, parse_objective, parse_seconds
from makespan.cli._wording import count, describe_gap, describe_seconds, level_names, percent
from makespan.core.errors import OptionError
from makespan.core.problem import Objective, ObjectiveTerm
from makespan.core.vocabulary import Blocking, ObjectiveKind


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("1.5", 1.5), (".5", 0.5), ("2m", 120), ("1.5 min", 90), ("2h", 7200),
     ("30s", 30), ("NONE", None)],
)  # fmt: skip
def test_durations_are_read_with_their_units(text: str, seconds: float | None) -> None:
    """A number, with a unit or without, is a number of seconds; none is no limit."""
    assert parse_seconds(text, "--time") == seconds


@pytest.mark.parametrize("text", ["0", "-1", "", "abc", "1d", "nan", "inf", "1e3", "0.0", "9e99"])
def test_what_is_no_positive_duration_is_refused_with_its_option(text: str) -> None:
    """The message names the option and quotes the text."""
    with pytest.raises(OptionError, match="--time") as caught:
        parse_seconds(text, "--time")
    assert repr(text) in str(caught.value)


def test_blocking_variants_have_their_codes() -> None:
    """The two variants of the semantics, and none."""
    assert parse_blocking("swap") == Blocking.SWAP
    assert parse_blocking("no-swap") == Blocking.NO_SWAP
    assert parse_blocking(None) is None
    with pytest.raises(OptionError, match="--blocking"):
        parse_blocking("yes")


def test_an_objective_of_several_terms_and_levels_is_read() -> None:
    """Plus joins terms, a comma separates levels, a factor may stand on either side."""
    got = parse_objective("makespan+10*total_tardiness, max-tardiness * 3")
    assert got == Objective(
        (
            (
                ObjectiveTerm(ObjectiveKind.MAKESPAN),
                ObjectiveTerm(ObjectiveKind.TOTAL_TARDINESS, 10),
            ),
            (ObjectiveTerm(ObjectiveKind.MAX_TARDINESS, 3),),
        )
    )


_OBJECTIVES = st.lists(
    st.lists(
        st.builds(ObjectiveTerm, st.sampled_from(ObjectiveKind), st.integers(1, 1000)),
        min_size=1,
        max_size=4,
        unique_by=lambda term: term.kind,
    ).map(tuple),
    min_size=1,
    max_size=3,
).map(lambda levels: Objective(tuple(levels)))


@given(_OBJECTIVES)
def test_an_objective_survives_being_typed(objective: Objective) -> None:
    """What is written with factors, plus signs and commas reads back as itself."""
    typed = ",".join(
        "+".join(f"{term.coefficient}*{term.kind.value}" for term in level)
        for level in objective.levels
    )
    assert parse_objective(typed) == objective


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("makespam", "did you mean makespan"),
        ("zzz", "terms: makespan"),
        ("", "cannot read ''"),
        ("makespan+", "cannot read ''"),
        ("makespan,,makespan", "cannot read ''"),
        ("0*makespan", "at least 1"),
        ("makespan*1.5", "cannot read"),
        ("makespan+makespan", "twice"),
        ("99999999999999999999*makespan", "at most"),
    ],
)
def test_an_objective_that_cannot_be_read_says_why(text: str, part: str) -> None:
    """Unknown terms, empty levels and bad factors are named."""
    with pytest.raises(OptionError) as caught:
        parse_objective(text)
    assert part in str(caught.value)
    assert "--objective" in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (12.4, "12 s"), (59.4, "59 s"), (59.6, "1 min 00 s"),
     (185, "3 min 05 s"), (3600, "1 h 0 min 00 s"), (7325, "2 h 2 min 05 s")],
)  # fmt: skip
def test_durations_are_told_as_people_would(seconds: float, text: str) -> None:
    """Tenths below ten seconds, then seconds, minutes and hours."""
    assert describe_seconds(seconds) == text


def test_numbers_in_words() -> None:
    """Plurals, thousands and percents read well."""
    assert count(1, "task") == "1 task"
    assert count(1200, "job") == "1 200 jobs"
    assert count(2, "family") == "2 families"
    assert count(3, "day") == "3 days"
    assert percent(0) == "0 %"
    assert percent(0.0042) == "0.42 %"
    assert percent(0.123) == "12.3 %"
    assert describe_gap(100, 90) == "10.0 %"
    assert describe_gap(0, 0) == "0 %"


def test_levels_are_named_without_underscores() -> None:
    """One readable name per level, with factors other than 1."""
    names = level_names(parse_objective("makespan+2*tardy_count,max_lateness"))
    assert names == ["makespan + 2 tardy count", "max lateness"]
