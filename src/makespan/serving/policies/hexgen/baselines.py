"""What urgency is to be compared with: orders of the queue that know the query but no budgets.

Each is a number that stays with a call while it waits, so that they are asked at events only.
"""

from __future__ import annotations

from typing import Final

from makespan.serving.policies.hexgen.budget import Budgets, due_dates
from makespan.serving.policies.hexgen.profile import Profile
from makespan.serving.policies.ordering import ByKey
from makespan.serving.workload import PICOSECONDS, Workload

_NEVER: Final = float("inf")


class QueryDeadline(ByKey):
    """The query first that is due first (EDF of whole queries).

    With one deadline for all queries this is first come, first served by query.
    """

    name = "edf-query"

    def __init__(self, workload: Workload) -> None:
        self.due = due_dates(workload)
        super().__init__(self._key)

    def _key(self, request: int) -> float:
        due = self.due[request]
        return _NEVER if due is None else float(due)


class UpwardRank(ByKey):
    """The call first behind which most work is expected (rank of HEFT, Topcuoglu et al. 2002).

    The rank of a call is its mean time plus that of the stages expected after it; deadlines do not
    count. Queries in their first stages go before those that are nearly done.
    """

    name = "heft-rank"

    def __init__(self, budgets: Budgets) -> None:
        self.budgets = budgets
        super().__init__(self._key)

    def _key(self, request: int) -> float:
        known = self.budgets
        own = known.profile.mean(known.stage[request], known.prompt[request])
        return -(own + known.rest(request))


class LeastSlack(ByKey):
    """The query first with the least time to spare, knowing all calls and lengths: an oracle.

    To spare is what is left until the query is due less its longest path at the mean speeds of the
    fleet. The order of two that wait does not change, as both lose time alike.
    """

    name = "least-slack-oracle"

    def __init__(self, workload: Workload, profile: Profile) -> None:
        kinds = [profile.machines[members[0]] for members in profile.kinds]
        prompt, output = workload.prompt.tolist(), workload.output.tolist()
        path = [
            sum(machine.seconds(p, o) for machine in kinds) / len(kinds)
            for p, o in zip(prompt, output, strict=True)
        ]
        ptr, parent, delay = (
            a.tolist() for a in (workload.parent_ptr, workload.parent, workload.delay)
        )
        behind = [0.0] * workload.count
        for r in reversed(range(workload.count)):
            path[r] += behind[r]
            for k in range(ptr[r], ptr[r + 1]):
                behind[parent[k]] = max(behind[parent[k]], path[r] + delay[k] / PICOSECONDS)
        due = due_dates(workload)
        self.spare = [
            _NEVER if d is None else d / PICOSECONDS - p for d, p in zip(due, path, strict=True)
        ]
        super().__init__(self.spare.__getitem__)
