"""The verifier agrees with the literal reading of the semantics on random problems."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from makespan.core.builder import ProblemBuilder
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import Blocking
from tests import oracle
from tests.strategies import broken_schedules, problems, schedules

# Kinds that the oracle derives from all pairs, while the verifier names one culprit per task: of
# these it may leave out one where it reports another.
SUMMARISED = {"overlap", "blocking", "milestone", "swap"}


def agree(problem: Problem, schedule: Schedule) -> None:
    """Check that verifier and oracle find the same kinds of violations."""
    found = {violation.kind.value for violation in verify(problem, schedule)}
    expected = oracle.broken(problem, schedule)
    assert bool(found) == bool(expected), (found, expected)
    assert found <= expected
    assert expected - found <= SUMMARISED, (found, expected)


@settings(max_examples=100)
@given(st.data())
def test_verify_accepts_what_the_semantics_accept(data: st.DataObject) -> None:
    """On feasible and nearly feasible schedules, verifier and oracle give the same answer."""
    problem = data.draw(problems())
    agree(problem, data.draw(schedules(problem)))


@settings(max_examples=100)
@given(st.data())
def test_verify_rejects_what_the_semantics_reject(data: st.DataObject) -> None:
    """After random changes to a schedule, verifier and oracle name the same kinds of rules."""
    problem = data.draw(problems())
    agree(problem, data.draw(broken_schedules(problem)))


@st.composite
def rotations(draw: st.DrawFn) -> tuple[Problem, Schedule]:
    """Jobs that all move at once: random machines before and after, random blocking codes."""
    builder = ProblemBuilder("rotation")
    codes = st.sampled_from([*Blocking, Blocking.NO_SWAP, Blocking.NO_SWAP])
    jobs = draw(st.integers(2, 4))
    each = 1 if jobs > 2 else draw(st.integers(1, 2))
    machines = [builder.machine(f"M{k}", blocking=draw(codes)) for k in range(jobs * each)]
    before, after = draw(st.permutations(machines)), draw(st.permutations(machines))
    start = []
    for k in range(jobs):
        job = builder.job()
        for begin, dealt in ((0, before), (2, after)):
            milestone = begin == 2 and draw(st.integers(0, 5)) == 5
            builder.task(
                duration=0 if milestone else 2,
                machine=dealt[k * each : (k + 1) * each],
                job=job,
                blocking=draw(codes),
            )
            start.append(begin)
    problem = builder.build()
    return problem, Schedule.from_starts(problem, start)


@settings(max_examples=200)
@given(rotations())
def test_verify_orders_simultaneous_moves_as_the_semantics_do(
    case: tuple[Problem, Schedule],
) -> None:
    """A cycle of moves without swap is found exactly where no order of the moves exists."""
    problem, schedule = case
    found = {violation.kind.value for violation in verify(problem, schedule)}
    expected = oracle.broken(problem, schedule)
    assert found == expected
