"""Earliest deadline first: what is due when, in the queue and in what is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from makespan.serving.cost.step import LinearCost
from makespan.serving.engine.simulating import simulate_serving
from makespan.serving.policies.hexgen.baselines import QueryDeadline
from makespan.serving.policies.ordering import EarliestDeadline
from makespan.serving.policies.told import ToldByWorkload
from makespan.serving.policy import Policy
from makespan.serving.record import Record
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.catalogue import generate

COST = LinearCost(10**12, 0, 0, 0)
"""A step a second, whatever it computes."""

ONE_AT_A_TIME = EngineSettings(blocks=100, max_num_seqs=1)

Maker = Callable[[Workload], Policy]
KNOWN = [EarliestDeadline, lambda load: EarliestDeadline(ToldByWorkload(load))]
"""Told when programs begin, and finding it out."""


def two_programs() -> Workload:
    """A program of two calls due at 8, a call due at 9.5, and one whose first token is due at 9.

    The program's second call is sent at 3, while the last of these runs, until 4. The call due at
    9.5 is waiting then, too; counted by itself the second call would be due at 11.
    """
    return Workload(
        "two programs",
        np.array([0, 0, 1, 1]) * PICOSECONDS,
        np.array([4, 4, 4, 4]),
        np.array([1, 3, 4, 2]),
        slo=np.array([0, 2, 1, 0]),
        program=np.array([7, -1, -1, 7]),
        parent_ptr=np.array([0, 0, 0, 0, 1]),
        parent=np.array([0]),
        delay=np.array([2]) * PICOSECONDS,
        slos=(
            Slo("program", deadline=8 * PICOSECONDS),
            Slo("lone", deadline=17 * PICOSECONDS // 2),
            Slo("other", ttft=9 * PICOSECONDS),
        ),
    )


def served(load: Workload, policy: Maker) -> Record:
    """One request at a time."""
    return simulate_serving(load, ONE_AT_A_TIME, COST, policy=lambda: policy(load))


@pytest.mark.parametrize("policy", KNOWN)
def test_a_deadline_of_a_program_counts_from_its_first_call(policy: Maker) -> None:
    """Its second call goes before a request that was sent earlier and is due later."""
    record = served(two_programs(), policy)
    seconds = (record.admitted // PICOSECONDS).tolist()
    assert seconds == [0, 1, 6, 4]
    # The program ends at 6, the other at 10.
    attained = {one.slo.name: one.attained for one in record.summary().attainment if one.slo}
    assert attained == {"program": 2, "lone": 0, "other": 1}


def test_without_deadlines_it_is_the_first_token_that_is_due() -> None:
    """Of each call of its own; what asks for nothing comes last."""
    load = Workload(
        "turns",
        np.array([0, 0, 1, 2]) * PICOSECONDS,
        np.full(4, 4),
        np.array([4, 1, 1, 1]),
        slo=np.array([-1, -1, 0, 1]),
        program=np.array([-1, -1, 5, 5]),
        slos=(Slo("slow", ttft=9 * PICOSECONDS), Slo("quick", ttft=2 * PICOSECONDS)),
    )
    assert (served(load, EarliestDeadline).admitted // PICOSECONDS).tolist() == [0, 6, 5, 4]


@pytest.mark.parametrize("policy", KNOWN)
def test_staged_queries_are_ordered_as_by_their_own_policy(policy: Maker) -> None:
    """On one engine all that is needed to know is when the first call came."""
    load = generate("text2sql", {"queries": 12, "rate": 0.4, "slo_scale": 3.0}, seed=3)
    engine = EngineSettings(blocks=4000, max_num_seqs=3)
    cost = LinearCost(15 * 10**9, 10**7, 10**4, 10**7)
    one = simulate_serving(load, engine, cost, policy=lambda: policy(load))
    other = simulate_serving(load, engine, cost, policy=lambda: QueryDeadline(load))
    assert one.last.tolist() == other.last.tolist()


def test_engines_of_a_fleet_know_when_a_program_began_elsewhere() -> None:
    """From the load, since the first call may have been served by another engine."""
    load = two_programs()
    alone, told = EarliestDeadline(load), EarliestDeadline(ToldByWorkload(load))
    assert alone.begun == {7: 0}
    assert told.begun == {}
