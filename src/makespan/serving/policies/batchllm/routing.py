"""Groups of prompts with a prefix in common, each on as few engines as the load allows.

The paper plans for one engine. In a fleet a prefix is computed and kept once per engine that gets a
member of its group, so that spreading groups undoes what grouping saves. What follows is ours.
"""

from __future__ import annotations

from makespan.core.errors import OptionError
from makespan.serving.policies.batchllm.plan import Plan
from makespan.serving.policies.batchllm.planning import plan_workload
from makespan.serving.policy import FleetView, Router
from makespan.serving.workload import Workload


class PrefixGroups(Router):
    """Sends a group to one engine, and to a further one whenever all it has are overloaded.

    An engine is overloaded if it has more than ``factor`` times the requests of the least loaded
    one, and more than ``spare`` beyond those. A request without a group goes to the least loaded.

    Parameters
    ----------
    plan
        Groups of the whole workload; None: those of :func:`.planning.plan_workload`. They follow
        from prompts alone, but from all of them: as in the paper, the batch is known.
    """

    name = "prefix-groups"

    def __init__(
        self,
        workload: Workload,
        plan: Plan | None = None,
        *,
        factor: float = 1.25,
        spare: int = 8,
    ) -> None:
        if factor < 1 or spare < 0:
            raise OptionError(
                f"factor is {factor} and spare {spare}", hint="at least 1, and no negative number"
            )
        planned = plan_workload(workload) if plan is None else plan
        if planned.total != workload.count:
            raise OptionError(f"the plan is of {planned.total}, not of {workload.count} requests")
        self.group: list[int] = planned.group.tolist()
        self.prefix: list[int] = planned.prefix.tolist()
        self.factor, self.spare = factor, spare
        self.homes: dict[int, list[int]] = {}

    def route(self, request: int, fleet: FleetView) -> int:
        """See :meth:`Router.route`; O(engines)."""
        load = {index: fleet.engines[index].load for index in fleet.open}
        idlest = min(load, key=lambda i: (load[i], i))
        group = self.group[request]
        if group < 0 or not self.prefix[group]:
            return idlest
        homes = self.homes.setdefault(group, [])
        there = [index for index in homes if index in load]
        if there:
            home = min(there, key=lambda i: (load[i], i))
            if load[home] <= max(self.factor * load[idlest], load[idlest] + self.spare):
                return home
        if idlest not in homes:
            homes.append(idlest)
        return idlest
