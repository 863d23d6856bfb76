"""Readers and writers of job, flow, open and flexible shops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import FormatError
from makespan.core.problem import Problem
from makespan.io import read_text, to_text
from tests.io import samples


def operations(problem: Problem) -> list[list[list[tuple[str, int]]]]:
    """Jobs as lists of operations, each a list of (machine, duration) alternatives."""
    modes, tasks = problem.modes, problem.tasks
    found = []
    for k in range(problem.jobs.count):
        job = []
        for i in problem.jobs.task[problem.jobs.task_ptr[k] : problem.jobs.task_ptr[k + 1]]:
            span = range(tasks.mode_ptr[i], tasks.mode_ptr[i + 1])
            job.append(
                [
                    (problem.resources.names[modes.demand_resource[m]], int(modes.duration[m]))
                    for m in span
                ]
            )
        found.append(job)
    return found


def single(*jobs: list[tuple[str, int]]) -> list[list[list[tuple[str, int]]]]:
    """Operations with one alternative each."""
    return [[[op] for op in job] for job in jobs]


def arcs(problem: Problem) -> list[tuple[str, str]]:
    """Precedences by the names of their tasks."""
    names, relation = problem.tasks.names, problem.precedences
    return [(names[a], names[b]) for a, b in zip(relation.source, relation.target, strict=True)]


JOB_SHOP = single([("M0", 3), ("M1", 2), ("M2", 2)], [("M2", 4), ("M0", 1), ("M1", 5)])
FROM_ONE = single([("M1", 3), ("M2", 2), ("M3", 2)], [("M3", 4), ("M1", 1), ("M2", 5)])


def test_jsplib_reads_pairs_with_machines_from_zero() -> None:
    """The pair layout gives routes, chains within jobs and names by job and place."""
    problem = read_text(samples.JSPLIB, source="dir/tiny.txt")
    assert operations(problem) == JOB_SHOP
    assert arcs(problem) == [("J1.1", "J1.2"), ("J1.2", "J1.3"), ("J2.1", "J2.2"), ("J2.2", "J2.3")]
    assert problem.name == "tiny"


def test_pairs_that_count_machines_from_one() -> None:
    """Machine m without machine 0 tells that a text counts from 1; names follow the text."""
    problem = read_text(samples.JSPLIB_FROM_ONE)
    assert operations(problem) == FROM_ONE
    assert read_text(to_text(problem, "taillard")) == problem
    assert to_text(problem, "jsplib") == to_text(read_text(samples.JSPLIB), "jsplib")
    assert read_text("1 1\n1 5\n").resources.names[0] == "M1"
    with pytest.raises(FormatError, match="line 2: machine 3 is out of range; expected 0 to 2"):
        read_text("1 3\n3 1 0 1 1 1\n")
    with pytest.raises(FormatError, match="line 2: job 1 visits machine 3 twice"):
        read_text("1 3\n3 1 1 1 3 1\n", format="jsplib")


@pytest.mark.parametrize("text", [samples.TAILLARD, samples.TAILLARD_BARE])
def test_taillard_reads_times_then_machines_from_one(text: str) -> None:
    """Both spellings of Taillard's layout give the same job shop."""
    assert operations(read_text(text)) == FROM_ONE


@pytest.mark.parametrize("text", [samples.FLOWSHOP, samples.FLOWSHOP_BARE, samples.FLOWSHOP_PAIRS])
def test_flowshop_layouts_agree(text: str) -> None:
    """A matrix of machines by jobs and pairs with identical routes say the same."""
    wanted = single([("M1", 5), ("M2", 1)], [("M1", 6), ("M2", 2)], [("M1", 7), ("M2", 3)])
    problem = read_text(text)
    assert operations(problem) == wanted
    assert len(arcs(problem)) == 3
    assert [members.tolist() for members in problem.same_orders] == [[0, 1]]


def test_pairs_read_as_a_job_shop_let_jobs_overtake() -> None:
    """The same text is a permutation flow shop or, by the name of its format, a plain one."""
    plain = read_text(samples.FLOWSHOP_PAIRS, format="jsplib")
    assert plain.same_orders.count == 0
    assert read_text(to_text(plain, "jsplib"), format="jsplib") == plain
    with pytest.raises(FormatError, match="without one order of jobs on all machines"):
        to_text(plain, "flowshop")


def test_openshop_reads_a_matrix_without_order() -> None:
    """Tasks of a job form a no-overlap set; nothing precedes anything; zeros are kept."""
    problem = read_text(samples.OPENSHOP)
    assert operations(problem) == single(
        [("M1", 5), ("M2", 0), ("M3", 7)], [("M1", 1), ("M2", 2), ("M3", 3)]
    )
    assert problem.precedences.count == 0
    assert [members.tolist() for members in problem.no_overlaps] == [[0, 1, 2], [3, 4, 5]]


def test_openshop_of_taillard_puts_times_on_the_machines_of_the_second_matrix() -> None:
    """The k-th time of a job is spent on the k-th machine of its row."""
    problem = read_text(samples.OPENSHOP_TAILLARD)
    assert operations(problem) == single(
        [("M3", 54), ("M1", 34), ("M2", 61)], [("M2", 9), ("M3", 15), ("M1", 89)]
    )
    assert problem.no_overlaps.count == 2


@pytest.mark.parametrize("text", [samples.FJSPLIB, samples.FJSPLIB_INTEGER, samples.FJSPLIB_SHORT])
def test_fjsplib_reads_alternatives_with_machines_from_one(text: str) -> None:
    """The third header number may be a fraction, an integer or absent."""
    problem = read_text(text)
    assert operations(problem) == [
        [[("M1", 5), ("M3", 4)], [("M2", 6)]],
        [[("M3", 7)]],
    ]
    assert problem.resources.count == 3


def test_fjsplib_that_counts_machines_from_zero() -> None:
    """Machine 0 without machine m tells that a text counts from 0; it is no ragged job shop."""
    problem = read_text(samples.FJSPLIB_FROM_ZERO)
    assert operations(problem) == [
        [[("M0", 5), ("M2", 4)], [("M1", 6)]],
        [[("M2", 7)]],
    ]
    assert to_text(problem, "fjsplib") == to_text(read_text(samples.FJSPLIB), "fjsplib")


def test_fajsp_reads_graphs_and_finds_jobs_as_connected_parts() -> None:
    """Operations 0, 1, 2 hang together, operation 3 is a job of its own."""
    problem = read_text(samples.FAJSP)
    assert operations(problem) == [
        [[("M0", 3), ("M1", 4)], [("M1", 5)], [("M0", 6)]],
        [[("M1", 7), ("M0", 8)]],
    ]
    assert arcs(problem) == [("0", "2"), ("1", "2")]


def test_fajsp_accepts_a_job_number_behind_each_precedence() -> None:
    """Some collections write `a b job`."""
    text = samples.FAJSP.replace("0 2\n1 2\n", "0 2 0\n1 2 0\n")
    assert read_text(text) == read_text(samples.FAJSP)


def test_dct_and_bel_let_jobs_return_to_a_machine() -> None:
    """Route ends are marked by -1 -1 in one layout and by line ends in the other."""
    assert operations(read_text(samples.DCT)) == single(
        [("M0", 5), ("M1", 6), ("M0", 7)], [("M2", 8)]
    )
    assert operations(read_text(samples.BEL)) == single(
        [("M0", 5), ("M1", 6), ("M0", 7), ("M2", 1)], [("M2", 8), ("M1", 1)], [("M1", 1)]
    )


def test_collection_with_several_instances_asks_for_a_choice() -> None:
    """OR-Library's and Taillard's collections hold several instances; one must be named."""
    with pytest.raises(FormatError, match=r"2 instances in one file \(first, second\)"):
        read_text(samples.OR_LIBRARY)
    second = read_text(samples.OR_LIBRARY, instance=2)
    assert second.name == "second"
    assert operations(second) == single([("M0", 1), ("M1", 2)], [("M1", 3), ("M0", 4)])
    with pytest.raises(FormatError, match="2 instances"):
        read_text(samples.TAILLARD_TWO)
    assert read_text(samples.TAILLARD_TWO, instance=2, source="t.txt").name == "t-2"
    with pytest.raises(FormatError, match="there is no instance 3; expected 1 to 2"):
        read_text(samples.TAILLARD_TWO, instance=3)
    with pytest.raises(FormatError, match="there is no instance 2: a dct file holds one"):
        read_text(samples.DCT, instance=2)


ROUND_TRIPS = [
    ("jsplib", samples.JSPLIB),
    ("taillard", samples.TAILLARD),
    ("flowshop", samples.FLOWSHOP),
    ("openshop", samples.OPENSHOP),
    ("fjsplib", samples.FJSPLIB),
    ("fajsp", samples.FAJSP),
    ("dct", samples.DCT),
    ("bel", samples.BEL),
    ("patterson", samples.PATTERSON),
    ("psplib-sm", samples.SM),
    ("psplib-mm", samples.MM),
    ("psplib-mm", samples.MMLIB),
    ("progen-max", samples.PROGEN_MAX),
    ("json", samples.JSON),
]


@pytest.mark.parametrize(("name", "text"), ROUND_TRIPS)
def test_writing_and_reading_gives_the_same_problem(name: str, text: str) -> None:
    """What a writer makes is detected as its format and read back equal."""
    problem = read_text(text, source="tiny")
    written = to_text(problem, name)
    assert read_text(written, source="tiny") == problem
    assert read_text(written, source="tiny", format=name) == problem
    assert read_text(to_text(problem, "json"), source="other") == problem


def test_writers_do_not_depend_on_the_order_of_tables() -> None:
    """Tasks stored job by job or mixed, and precedences in any order, give the same text."""
    b = ProblemBuilder("mixed")
    m = [b.machine("a"), b.machine("b")]
    j = [b.job("x"), b.job("y")]
    tasks = [
        b.task("t1", duration=1, machine=m[0], job=j[0]),
        b.task("t2", duration=2, machine=m[1], job=j[1]),
        b.task("t3", duration=3, machine=m[1], job=j[0]),
        b.task("t4", duration=4, machine=m[0], job=j[1]),
    ]
    b.chain(tasks[1], tasks[3])
    b.chain(tasks[0], tasks[2])
    assert to_text(b.build(), "jsplib") == "2 2\n0 1 1 3\n1 2 0 4\n"


SHOP = read_text(samples.JSPLIB)


def with_tasks(**changes: object) -> Problem:
    """The small job shop with columns of its task table replaced."""
    return dataclasses.replace(SHOP, tasks=dataclasses.replace(SHOP.tasks, **changes))


@pytest.mark.parametrize(
    ("name", "problem", "term"),
    [
        ("jsplib", with_tasks(release=np.array([0, 0, 7, 0, 0, 0])), r"release date \(task 'J1.3'"),
        ("jsplib", with_tasks(weight=np.array([1, 1, 1, 1, 2, 1])), r"a weight \(task 'J2.2'"),
        ("jsplib", read_text(samples.FJSPLIB), r"several modes \(task 'J1.1'"),
        ("jsplib", read_text(samples.BEL), r"each machine once \('J1'"),
        ("jsplib", read_text(samples.FAJSP), "several modes"),
        ("jsplib", read_text(samples.OPENSHOP), "no-overlap sets"),
        ("jsplib", read_text(samples.FLOWSHOP), "same-order sets of machines"),
        ("jsplib", read_text(samples.PATTERSON), "resources other than machines"),
        ("flowshop", SHOP, r"another route \('J2'\)"),
        ("openshop", SHOP, "precedences"),
        ("fjsplib", read_text(samples.JSON), r"a due date \(job 'J'"),
        ("patterson", SHOP, "jobs"),
        ("psplib-sm", read_text(samples.MM), r"several modes \(task '2'"),
        ("fajsp", read_text(samples.JSON), "due date"),
        ("dct", dataclasses.replace(SHOP, horizon_end=99), r"the horizon \[0, 99\]"),
    ],
)
def test_writer_names_the_first_term_that_would_be_lost(
    name: str, problem: Problem, term: str
) -> None:
    """Nothing is dropped silently: the message names the term and points to JSON."""
    with pytest.raises(FormatError, match=term) as caught:
        to_text(problem, name)
    assert f"the format {name} cannot hold" in str(caught.value)
    assert "json" in str(caught.value)
