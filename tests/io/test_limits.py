"""Every term that a classic format cannot hold is named, for every writer that meets it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import FormatError
from makespan.core.vocabulary import Blocking
from makespan.io import read_text, to_text
from tests.io import samples

Change = Callable[[ProblemBuilder], object]


def shop(change: Change) -> ProblemBuilder:
    """Two jobs of two tasks on machines a and b, then changed."""
    b = ProblemBuilder("shop")
    machines = [b.machine("a"), b.machine("b")]
    for k in range(2):
        job = b.job(f"J{k}")
        b.chain(*(b.task(f"t{k}{i}", duration=1, machine=machines[i], job=job) for i in range(2)))
    change(b)
    return b


def lonely(b: ProblemBuilder) -> None:
    """A task without a job."""
    b.task("alone", duration=1, machine=b.machine("c"))


TERMS: list[tuple[Change, str]] = [
    (lambda b: b.machine("c", calendar=b.calendar("day", working=[(0, 9)])), "a calendar .*'c'"),
    (lambda b: b.calendar("day", working=[(0, 9)]), "calendars"),
    (lambda b: b.machine("c", blocking=Blocking.SWAP), r"blocking \(resource 'c'\)"),
    (lambda b: b.machine("c", rate=2), r"a cost rate \(resource 'c'\)"),
    (lambda b: b.setups("s", time=[[0]]), "setup matrices"),
    (lambda b: b.machine("c", setup=b.setups("s", time=[[0]])), r"setups \(resource 'c'\)"),
    (lambda b: b.renewable("r", capacity=2, steps=[(4, 1)]), r"capacity steps \(resource 'r'\)"),
    (lambda b: b.reservoir("tank", initial=0, minimum=0), r"reservoir levels \(resource 'tank'\)"),
    (lambda b: b.renewable("r", capacity=2), r"resources other than machines \('r'\)"),
    (lambda b: b.job("empty"), r"a job without tasks \('empty'\)"),
    (lambda b: b.job("late", due=4), r"a due date \(job 'late'\)"),
    (lambda b: b.job("heavy", weight=4), r"a weight \(job 'heavy'\)"),
    (lonely, r"a task without a job \('alone'\)"),
    (lambda b: b.task("x", duration=1, optional=True), r"the option to leave out \(task 'x'\)"),
    (lambda b: b.task("x", duration=1, deadline=9), r"a deadline \(task 'x'\)"),
    (lambda b: b.task("x", duration=1, family=1), r"a setup family \(task 'x'\)"),
    (lambda b: b.task("x", duration=1, baseline=3), r"a baseline \(task 'x'\)"),
    (lambda b: b.task("x", duration=1, forbidden=[(1, 2)]), r"forbidden intervals \(task 'x'\)"),
    (lambda b: b.task("x", duration=1, blocking=Blocking.SWAP), r"blocking \(task 'x'\)"),
    (lambda b: b.task("x", duration=1, cost=3), r"a mode cost \(task 'x'\)"),
    (lambda b: b.task("x", duration=1), r"does not use one machine \(task 'x'\)"),
    (lambda b: b.group("g", [b.machine("c")]), "resource groups"),
    (lambda b: b.minimise("total_completion"), "the objective total_completion"),
    (lambda b: b.no_overlap([b.task("x", duration=0, machine=b.machine("c"))]), "a task without"),
]


@pytest.mark.parametrize(("change", "term"), TERMS)
@pytest.mark.parametrize("name", ["jsplib", "fjsplib", "bel"])
def test_shop_writers_name_the_term(name: str, change: Change, term: str) -> None:
    """A job shop with one term too many is refused with that term's name."""
    with pytest.raises(FormatError, match=f"the format {name} cannot hold .*{term}"):
        to_text(shop(change).build(), name)


def handles(b: ProblemBuilder) -> list:
    """Four tasks of one machine in two jobs, not ordered."""
    machine = b.machine("m")
    jobs = [b.job("J0"), b.job("J1")]
    return [b.task(f"t{k}", duration=1, machine=machine, job=jobs[k // 2]) for k in range(4)]


RELATIONS: list[tuple[Callable[[ProblemBuilder, list], object], str]] = [
    (lambda b, t: None, "job tasks without an order .nothing precedes 't1'"),
    (lambda b, t: b.precedence(t[0], t[2]), "precedence 't0' -> 't2' with lag 0, not a step"),
    (lambda b, t: b.precedence(t[0], t[1], kind="SS"), "the SS precedence 't0' -> 't1'"),
    (lambda b, t: b.precedence(t[0], t[1], max_lag=3), "with lag 0, maximum 3"),
    (lambda b, t: b.no_overlap(t[:2], name="corner"), r"no-overlap sets \('corner'\)"),
]


@pytest.mark.parametrize(("change", "term"), RELATIONS)
def test_relations_that_are_not_the_jobs_orders(
    change: Callable[[ProblemBuilder, list], object], term: str
) -> None:
    """Shop formats hold exactly the chains of the jobs."""
    b = ProblemBuilder("relations")
    change(b, handles(b))
    with pytest.raises(FormatError, match=term):
        to_text(b.build(), "bel")


def test_open_shop_wants_exactly_the_sets_of_its_jobs() -> None:
    """Missing and foreign no-overlap sets are named, and jobs that miss a machine."""
    b = ProblemBuilder("open")
    first, second = b.machine("a"), b.machine("b")
    jobs = [b.job("J0"), b.job("J1")]
    tasks = [
        b.task(f"t{k}{i}", duration=1, machine=m, job=job)
        for k, job in enumerate(jobs)
        for i, m in enumerate((first, second))
    ]
    b.no_overlap(tasks[:2])
    with pytest.raises(FormatError, match=r"a job whose tasks may overlap \('J1'\)"):
        to_text(b.build(), "openshop")
    b.no_overlap(tasks[2:])
    assert to_text(b.build(), "openshop") == "2 2\n1 1\n1 1\n"
    b.no_overlap([tasks[0], tasks[2]], name="corner")
    with pytest.raises(FormatError, match="the no-overlap set 'corner'"):
        to_text(b.build(), "openshop")
    missing = ProblemBuilder("missing")
    missing.task("t", duration=1, machine=missing.machine("a"), job=missing.job("J"))
    missing.machine("b")
    with pytest.raises(FormatError, match=r"does not visit each machine once \('J'\)"):
        to_text(missing.build(), "openshop")


def test_graph_format_wants_jobs_to_be_connected_parts() -> None:
    """Two jobs tied by a precedence, or a job in two parts, cannot be told from the graph."""
    b = ProblemBuilder("parts")
    handles(b)
    with pytest.raises(FormatError, match="connected parts of the precedence graph"):
        to_text(b.build(), "fajsp")
    tied = read_text(samples.OPENSHOP)
    with pytest.raises(FormatError, match="no-overlap sets"):
        to_text(tied, "fajsp")


def project(change: Change) -> ProblemBuilder:
    """Source, one activity and sink, then changed."""
    b = ProblemBuilder("project")
    crew = b.renewable("crew", capacity=1)
    change(b)
    tasks = (("source", 0), ("work", 2), ("sink", 0))
    b.chain(*(b.task(name, duration=d, demands={crew: 1} if d else {}) for name, d in tasks))
    return b


@pytest.mark.parametrize(
    ("name", "change", "term"),
    [
        ("patterson", lambda b: b.consumable("gold", amount=3), r"renewable ones \('gold'\)"),
        ("progen-max", lambda b: b.consumable("gold", amount=3), r"renewable ones \('gold'\)"),
        ("psplib-sm", lambda b: b.consumable("gold", amount=3), r"consumable resources \('gold'\)"),
        ("psplib-mm", lambda b: b.machine("m"), r"machines \('m'\)"),
        (
            "psplib-mm",
            lambda b: (b.consumable("gold", amount=3), b.renewable("late", capacity=1)),
            r"a renewable resource after a consumable one",
        ),
        ("patterson", lambda b: b.no_overlap([b.task("x", duration=1)]), "no-overlap sets"),
    ],
)
def test_project_writers_name_the_resource(name: str, change: Change, term: str) -> None:
    """Projects hold renewable resources, and in multi mode consumable ones behind them."""
    with pytest.raises(FormatError, match=f"the format {name} cannot hold .*{term}"):
        to_text(project(change).build(), name)


def test_projects_need_activities_and_resources() -> None:
    """An empty project has no place in Patterson's layout, and an empty shop in none of its."""
    empty = ProblemBuilder("empty").build()
    with pytest.raises(FormatError, match="without resources or activities"):
        to_text(empty, "patterson")
    with pytest.raises(FormatError, match="a problem without jobs"):
        to_text(empty, "jsplib")
    assert read_text(to_text(empty, "json")) == empty
