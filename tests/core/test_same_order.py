"""Same-order sets: what may be stated, and which schedules break them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.errors import ProblemError
from makespan.core.problem import Problem, Sets
from makespan.core.schedule import Schedule
from makespan.core.validation import validate
from makespan.core.verify import verify
from tests import oracle
from tests.strategies import broken_schedules, problems, schedules


def flow(times: list[list[int]], **sets: tuple[int, ...]) -> Problem:
    """Jobs through machines A, B, ... with same-order sets of machine numbers."""
    b = ProblemBuilder("flow")
    machines = [b.machine("ABCDE"[k]) for k in range(len(times[0]))]
    for j, row in enumerate(times):
        job = b.job(f"J{j + 1}")
        names = [f"{'abcde'[k]}{j + 1}" for k in range(len(row))]
        pairs = zip(names, row, machines, strict=True)
        b.chain(*(b.task(n, duration=d, machine=m, job=job) for n, d, m in pairs))
    for name, members in sets.items():
        b.same_order(*(machines[k] for k in members), name=name)
    return b.build()


def broken(problem: Problem, *starts: int) -> list[tuple[str, tuple[str, ...], str | None, int]]:
    """Kind, tasks, resource and amount of every violation."""
    schedule = Schedule.from_starts(problem, np.array(starts))
    assert {v.kind.value for v in verify(problem, schedule)} == oracle.broken(problem, schedule)
    return [(v.kind.value, v.tasks, v.resource, v.amount) for v in verify(problem, schedule)]


def test_a_job_that_overtakes_is_named_with_the_ticks() -> None:
    """First before second on A, but two ticks after it on B."""
    problem = flow([[1, 2], [1, 2]], line=(0, 1))
    assert broken(problem, 0, 1, 1, 3) == []
    assert broken(problem, 0, 4, 1, 2) == [("same_order", ("b2", "b1"), "B", 2)]
    schedule = Schedule.from_starts(problem, np.array([0, 4, 1, 2]))
    assert str(verify(problem, schedule)[0]) == (
        "task 'b2' starts at 2 on 'B', before 'b1' at 4 (2 ticks), but on 'A' 'a1' starts before "
        "'a2', against same-order set 'line'"
    )


def test_only_machines_of_one_set_agree() -> None:
    """Overtaking between two sets is allowed."""
    times = [[1, 1, 1, 1], [1, 1, 1, 1]]
    starts = (0, 1, 9, 10, 1, 2, 7, 8)
    assert broken(flow(times, front=(0, 1), back=(2, 3)), *starts) == []
    assert [v[2] for v in broken(flow(times, all=(0, 1, 2, 3)), *starts)] == list("CDCD")
    assert broken(flow(times, alone=(0,), none=()), *starts) == []


def test_every_overtaking_job_is_reported_once_per_two_machines() -> None:
    """Each against the job before it that starts last."""
    problem = flow([[1, 1]] * 3, line=(0, 1))
    found = broken(problem, 0, 12, 1, 10, 2, 11)
    assert found == [
        ("same_order", ("b2", "b1"), "B", 2),
        ("same_order", ("b3", "b1"), "B", 1),
    ]


def test_jobs_that_start_at_one_instant_are_in_no_order() -> None:
    """A milestone may start together with the task that is before or after it elsewhere."""
    problem = flow([[2, 3], [2, 0]], line=(0, 1))
    assert broken(problem, 0, 4, 2, 4) == []
    assert broken(problem, 2, 4, 0, 4) == []
    # Ties on one machine do not make up for opposite orders on two others.
    instant = flow([[1, 0, 1], [1, 0, 1]], line=(0, 1, 2))
    assert broken(instant, 0, 2, 3, 1, 2, 2) == [("same_order", ("c2", "c1"), "C", 1)]


def test_absent_tasks_and_jobs_elsewhere_do_not_matter() -> None:
    """Two machines compare the jobs that are on both."""
    b = ProblemBuilder("absent")
    m = [b.machine("A"), b.machine("B")]
    jobs = [b.job("x"), b.job("y")]
    for job in jobs:
        for machine in m:
            b.task(f"{job.name}{machine.name}", duration=1, machine=machine, job=job, optional=True)
    b.task("alone", duration=1, machine=m)
    b.same_order(*m)
    problem = b.build()
    assert list(problem.same_orders.names) == ["same-order 1"]

    def kinds(start: list[int], mode: list[int]) -> set[str]:
        begin = np.array(start)
        schedule = Schedule(begin, begin + 1, np.array(mode, dtype=np.int32))
        found = {v.kind.value for v in verify(problem, schedule)}
        assert found == oracle.broken(problem, schedule)
        return found

    assert kinds([0, 5, 1, 4, 9], [0, 1, 2, 3, 4]) == {"same_order"}
    assert kinds([0, 5, 1, 4, 9], [0, 1, 2, -1, 4]) == set()
    # A task without a job is a job of its own.
    assert kinds([0, 5, 1, 6, 3], [0, 1, -1, -1, 4]) == {"same_order"}


def test_builder_refuses_what_is_no_set_of_its_machines() -> None:
    """Other resources, other builders, repetitions; and the builder stays as it was."""
    b, other = ProblemBuilder("one"), ProblemBuilder("two")
    a, crew, far = b.machine("A"), b.renewable("crew", capacity=2), other.machine("far")
    for members, text in (
        ((a, crew), "same-order set 'line': 'crew' is not a machine"),
        ((a, a), "same-order set 'line': machine 'A' occurs twice"),
        ((a, far), "same-order set 'line': 'far' belongs to another builder"),
    ):
        with pytest.raises(ProblemError) as caught:
            b.same_order(*members, name="line")
        assert str(caught.value) == text
    with pytest.raises(ProblemError, match="the name of a same-order set is ''"):
        b.same_order(a, name="")
    b.task("t", duration=1, machine=a)
    assert b.build().same_orders.count == 0


def test_a_job_has_one_task_on_a_machine_of_a_set() -> None:
    """Two tasks that may run there are refused, be it in a second mode."""
    b = ProblemBuilder("twice")
    a, c, job = b.machine("A"), b.machine("C"), b.job("J")
    b.task("first", duration=1, machine=a, job=job).mode(2, a).mode(2, c)
    b.task("second", duration=1, machine=c, job=job)
    b.same_order(a, name="fine")
    assert b.build().same_orders.count == 1
    b.same_order(a, c, name="line")
    with pytest.raises(ProblemError) as caught:
        b.build()
    assert str(caught.value) == (
        "same-order set 'line': tasks 'first' and 'second' of one job may both run on 'C' "
        "(its machines order jobs, so a job has one task on each at most)"
    )


def test_validation_checks_the_tables_of_sets() -> None:
    """Names, pointers, members and kinds, as for the other sets."""
    problem = flow([[1, 1], [1, 1]], line=(0, 1), rest=(1,))
    sets = problem.same_orders
    twice = np.array([1, 1, 1], dtype=np.int32)
    for changed, text in (
        (replace(sets, names=type(sets.names).explicit(["a", "a"])), "two same-order sets are"),
        (replace(sets, names=type(sets.names).explicit(["a"])), "same_orders has 1 names"),
        (replace(sets, ptr=np.array([0, 2, 2])), "same_orders.ptr is not a CSR pointer"),
        (replace(sets, member=sets.member + 1), "same_orders.member refers outside"),
        (replace(sets, member=twice), "same-order set 'line' lists a machine twice"),
    ):
        with pytest.raises(ProblemError, match=text):
            validate(replace(problem, same_orders=changed))
    b = ProblemBuilder("crew")
    b.task("t", duration=1, demands={b.renewable("crew", capacity=1): 1})
    crew = replace(b.build(), same_orders=Sets.single("line", np.zeros(1, dtype=np.int32)))
    with pytest.raises(ProblemError, match="same-order set 'line': 'crew' is not a machine"):
        validate(crew)


FEATURES = {"same_order", "milestones", "multi", "modes", "optional", "jobs"}


@settings(max_examples=150)
@given(st.data())
def test_verifier_and_oracle_agree(data: st.DataObject) -> None:
    """On random problems with sets, for feasible schedules and for damaged ones."""
    problem = data.draw(problems(features=FEATURES, most_features=6, max_tasks=6))
    make = data.draw(st.sampled_from([schedules, broken_schedules]))
    schedule = data.draw(make(problem))
    assert {v.kind.value for v in verify(problem, schedule)} == oracle.broken(problem, schedule)
