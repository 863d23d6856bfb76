"""Readers and writers of project formats."""

from __future__ import annotations

import numpy as np
import pytest

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import FormatError
from makespan.core.vocabulary import INFINITY, PrecedenceKind, ResourceKind
from makespan.io import read_text, to_text
from tests.io import samples


def test_patterson_reads_capacities_demands_and_successors() -> None:
    """Demand and capacity are not mixed up although both are lists over resources."""
    problem = read_text(samples.PATTERSON)
    assert list(problem.tasks.names) == ["1", "2", "3", "4"]
    assert list(problem.resources.names) == ["R1", "R2"]
    assert problem.resources.capacity.tolist() == [3, 2]
    assert problem.modes.duration.tolist() == [0, 4, 5, 0]
    assert problem.modes.demand_ptr.tolist() == [0, 0, 1, 3, 3]
    assert problem.modes.demand_resource.tolist() == [0, 0, 1]
    assert problem.modes.demand_amount.tolist() == [2, 1, 2]
    assert problem.precedences.source.tolist() == [0, 0, 1, 2]
    assert problem.precedences.target.tolist() == [1, 2, 3, 3]
    assert problem.jobs.count == 0


def test_single_mode_psplib_says_the_same_as_patterson() -> None:
    """The two layouts of one project give equal problems."""
    assert read_text(samples.SM) == read_text(samples.PATTERSON)


def test_patterson_may_break_lines_anywhere() -> None:
    """Only the order of numbers counts, as in files that wrap long lists of successors."""
    wrapped = "4 2\n3 2\n0 0 0 2\n2\n3\n4 2 0 1 4 5 1 2 1 4 0 0 0 0\n"
    assert read_text(wrapped) == read_text(samples.PATTERSON)


@pytest.mark.parametrize("text", [samples.MM, samples.MMLIB])
def test_multi_mode_layouts_agree(text: str) -> None:
    """PSPLIB's and MMLIB's spelling of headings and columns are both understood."""
    problem = read_text(text)
    assert problem.tasks.mode_ptr.tolist() == [0, 1, 3, 4]
    assert problem.modes.duration.tolist() == [0, 3, 9, 0]
    assert problem.resources.kind.tolist() == [ResourceKind.RENEWABLE, ResourceKind.CONSUMABLE]
    assert list(problem.resources.names) == ["R1", "N1"]
    assert problem.resources.capacity.tolist() == [2, 7]
    assert problem.modes.demand_amount.tolist() == [2, 1, 5]
    assert problem.modes.demand_resource.tolist() == [0, 0, 1]


def test_progen_max_reads_start_to_start_lags() -> None:
    """Lags may be negative; activities count from 0."""
    problem = read_text(samples.PROGEN_MAX)
    relation = problem.precedences
    assert list(problem.tasks.names) == ["0", "1", "2", "3"]
    assert relation.source.tolist() == [0, 0, 1, 2, 2]
    assert relation.target.tolist() == [2, 1, 3, 3, 1]
    assert relation.minimum.tolist() == [0, 0, 4, 5, -3]
    assert set(relation.kind.tolist()) == {PrecedenceKind.SS}
    assert (relation.maximum == INFINITY).all()


def test_progen_max_accepts_lags_that_are_equal_for_all_modes() -> None:
    """A bracket with several equal numbers is one lag; different numbers are not supported."""
    equal = samples.PROGEN_MAX.replace("[4]", "[4 4]")
    assert read_text(equal) == read_text(samples.PROGEN_MAX)
    with pytest.raises(FormatError, match=r"line 3: the lag \[4 5\]"):
        read_text(samples.PROGEN_MAX.replace("[4]", "[4 5]"))


def test_progen_max_writes_every_kind_of_lag_as_start_to_start() -> None:
    """Fixed durations turn FS, FF, SF and maximum lags into lags between starts."""
    b = ProblemBuilder("lags")
    crew = b.renewable("crew", capacity=1)
    source = b.task("source", duration=0)
    one = b.task("one", duration=4, demands={crew: 1})
    two = b.task("two", duration=6, demands={crew: 1})
    sink = b.task("sink", duration=0)
    b.precedence(source, one)
    b.precedence(one, two, kind="FF", min_lag=1, max_lag=5)
    b.precedence(two, sink, min_lag=2)
    lines = to_text(b.build(), "progen-max").splitlines()
    assert lines[0] == "2\t1\t0\t0"
    assert lines[1:5] == [
        "0\t1\t1\t1\t[0]",
        "1\t1\t1\t2\t[-1]",  # 4 + 1 - 6
        "2\t1\t2\t3\t1\t[8]\t[-3]",  # 6 + 2; at most 4 + 5 - 6 after the start of one
        "3\t1\t0",
    ]


def test_project_writers_want_dummies() -> None:
    """Layouts that count activities without source and sink need both."""
    b = ProblemBuilder("bare")
    crew = b.renewable("crew", capacity=1)
    b.task("only", duration=4, demands={crew: 1})
    for name in ("psplib-sm", "psplib-mm", "progen-max"):
        with pytest.raises(FormatError, match="milestones as first and last task"):
            to_text(b.build(), name)


def test_infeasible_lags_are_read_as_they_are() -> None:
    """A positive cycle of lags makes an instance infeasible, not malformed."""
    text = samples.PROGEN_MAX.replace("3\t1\t0\n0", "3\t1\t1\t2\t[1]\n0")
    assert read_text(text).precedences.count == 6


def test_equal_capacities_do_not_hide_swapped_tables() -> None:
    """A demand above the capacity of one resource but not the other is kept where it stands."""
    problem = read_text("3 2\n9 1\n0 0 0 1 2\n4 7 1 1 3\n0 0 0 0\n")
    assert problem.resources.capacity.tolist() == [9, 1]
    assert np.array_equal(problem.modes.demand_amount, [7, 1])
