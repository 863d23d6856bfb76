"""Urgency in a server of strangers, who say of each call its query, its stage and its class.

In the simulator budgets follow from a load whose dependences are known. A live server knows a query
by the calls that it has been sent: they name the query (the program), the stage (the label) and a
class with a deadline, and the last one may say that it is (HexGen-Text2SQL, arXiv 2505.05286, has
its coordinator tell the engines as much). From these follow, in place of what a load says:

- *When a query is due*: its deadline counts from its first call that was sent here.
- *What it has gone through*: a call enters its stage, unless another call of that stage and query
  is here already; then both are one stage, side by side.
- *What is yet to come*: the workflow that the operator gives; without one, the mean numbers of
  stages of the queries that have said that they ended (ours).
- *How long a stage takes*: the mean seconds that the operator gives; without them, the mean output
  of the stage's calls so far at the speed of the engine (ours; the paper profiles beforehand).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.cost.step import StepCost
from makespan.serving.policies.hexgen.by_name import NOMINAL
from makespan.serving.policies.hexgen.profile import Machine, Profile
from makespan.serving.policies.hexgen.urgency import Late, Urgency
from makespan.serving.policies.told import Told
from makespan.serving.policy import EngineView
from makespan.serving.workload import PICOSECONDS

_PROMPT: Final = 512
"""Tokens of the prompt at which the speed of an engine is read off its step times (ours)."""

_BESIDE: Final = 8
"""Sequences that decode beside a call, as in :mod:`.profile`."""

_MOST_QUERIES: Final = 1 << 17
"""Queries remembered; beyond, the oldest that has no call here makes room."""


class SeenStages(Profile):
    """Service times of one engine: those given, else by the lengths of calls that have ended."""

    def __init__(self, cost: StepCost, seconds: Mapping[str, float]) -> None:
        fixed, growth = cost.decode(_BESIDE)
        prefill = cost.step(_PROMPT, 1, _PROMPT, _PROMPT * _PROMPT) / PICOSECONDS / _PROMPT
        decode = (fixed + growth * _BESIDE * _PROMPT) / PICOSECONDS
        super().__init__([Machine("this engine", prefill, decode)], [seconds])
        # Of each stage: calls, and the sums of their prompts and outputs.
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._calls = self._outputs = 0

    def seconds(self, stage: str, prompt: int, engine: int) -> float:
        """See :class:`Profile`."""
        known = self.table[0].get(stage)
        if known is not None:
            return known
        calls, _, outputs = self._seen.get(stage, (0, 0, 0))
        if calls:
            output = outputs / calls
        else:
            output = self._outputs / self._calls if self._calls else self.output
        return self.machines[0].seconds(prompt, output)

    def expected(self, stage: str) -> float:
        """See :class:`Profile`."""
        known = self.table[0].get(stage)
        if known is not None:
            return known
        calls, prompts, outputs = self._seen.get(stage, (0, 0, 0))
        return self.machines[0].seconds(prompts / calls, outputs / calls) if calls else 0.0

    def saw(self, stage: str, prompt: int, output: int) -> None:
        """A call has ended."""
        calls, prompts, outputs = self._seen.get(stage, (0, 0, 0))
        self._seen[stage] = calls + 1, prompts + prompt, outputs + output
        self._calls += 1
        self._outputs += output


@dataclass(slots=True)
class _Query:
    """What is known of a query.

    Attributes
    ----------
    entered
        How often each stage has been.
    here
        Calls of each stage that have not ended.
    """

    begun: int
    entered: dict[str, int] = field(default_factory=dict)
    here: dict[str, int] = field(default_factory=dict)
    last: bool = False


class LiveBudgets:
    """Budgets of calls as they come; see the module, and :class:`.budget.Budgets`.

    Parameters
    ----------
    workflow
        How many stages of each kind a query is expected to have; None: as those that ended had.
    ends
        What is not expected any more once a stage has been entered.
    """

    def __init__(
        self,
        told: Told,
        profile: SeenStages,
        workflow: Mapping[str, float] | None,
        ends: Mapping[str, Sequence[str]],
    ) -> None:
        self.profile = profile
        self.stage: dict[int, str] = {}
        self.prompt: dict[int, int] = {}
        self._told = told
        self._deadlines = [slo.deadline for slo in told.slos]
        self._workflow, self._ends = workflow, ends
        self._due: dict[int, int | None] = {}
        self._program: dict[int, int] = {}
        self._left: dict[int, dict[str, float]] = {}
        self._query: dict[int, _Query] = {}
        self._total: dict[str, int] = {}
        self._ended = 0

    def meet(self, request: int, engine: EngineView) -> None:
        """A call has come."""
        stage, program = engine.label(request), engine.program(request)
        self.stage[request], self.prompt[request] = stage, engine.prompt(request)
        query = self._of(program, engine.arrival(request))
        query.last |= self._told.is_last(request)
        if not query.here.get(stage):
            query.entered[stage] = query.entered.get(stage, 0) + 1
        query.here[stage] = query.here.get(stage, 0) + 1
        self._program[request] = program
        self._left[request] = self._remaining(query)
        slo = engine.slo(request)
        allowed = self._deadlines[slo] if slo >= 0 else None
        self._due[request] = None if allowed is None else query.begun + allowed

    def rest(self, request: int) -> float:
        """Seconds of the stages that are expected after the call's own."""
        profile = self.profile
        return sum(count * profile.expected(name) for name, count in self._left[request].items())

    def budget(self, request: int, sent: int) -> float | None:
        """Seconds that the call, sent at this time, may take; None if it is due at no time."""
        due = self._due[request]
        if due is None:
            return None
        own = self.profile.mean(self.stage[request], self.prompt[request])
        return (due - sent) / PICOSECONDS * own / (own + self.rest(request))

    def leave(self, request: int, output: int | None = None) -> None:
        """A call is not here any more; with an output it has ended, else it was cut off."""
        stage, prompt = self.stage.pop(request), self.prompt.pop(request)
        program = self._program.pop(request)
        del self._left[request], self._due[request]
        if output is not None:
            self.profile.saw(stage, prompt, output)
        query = self._query.get(program)
        if query is None:
            return  # a call that belongs to no query
        query.here[stage] -= 1
        if query.last and not any(query.here.values()):
            del self._query[program]
            self._ended += 1
            for name, count in query.entered.items():
                self._total[name] = self._total.get(name, 0) + count

    def _of(self, program: int, now: int) -> _Query:
        if program < 0:
            return _Query(now)
        query = self._query.get(program)
        if query is None:
            if len(self._query) >= _MOST_QUERIES:
                idle = (p for p, q in self._query.items() if not any(q.here.values()))
                if (oldest := next(idle, None)) is not None:
                    del self._query[oldest]
            query = self._query[program] = _Query(now)
        return query

    def _remaining(self, query: _Query) -> dict[str, float]:
        """Stages expected after those that the query has entered."""
        count: Mapping[str, float]
        if self._workflow is not None:
            count = self._workflow
        else:
            count = {name: total / self._ended for name, total in self._total.items()}
        over = {other for name in query.entered for other in self._ends.get(name, ())}
        return {
            name: max(number - query.entered.get(name, 0), 0.0)
            for name, number in count.items()
            if name not in over
        }


class LiveUrgency(Urgency):
    """The queue by urgency, by what clients say of their calls; see the module.

    Parameters
    ----------
    told
        Tells the classes, of which those with a deadline count, and which call is the last.
    cost
        Step times of the engine, for stages whose seconds are not given; None: nominal ones.
    seconds
        Mean service seconds by stage.
    workflow, ends
        As of :class:`LiveBudgets`.
    late
        As of :class:`.urgency.Urgency`.

    Raises
    ------
    OptionError
        If seconds, workflow or ends are not what they should be.
    """

    budgets: LiveBudgets

    def __init__(
        self,
        told: Told,
        cost: StepCost | None = None,
        *,
        seconds: Mapping[str, float] | None = None,
        workflow: Mapping[str, float] | None = None,
        ends: Mapping[str, Sequence[str]] | None = None,
        late: Late = "clamp",
    ) -> None:
        _check("seconds", seconds, least=1e-9)
        _check("workflow", workflow, least=0.0)
        _check_ends(ends)
        profile = SeenStages(cost or NOMINAL, seconds or {})
        super().__init__(LiveBudgets(told, profile, workflow, ends or {}), late=late)

    def arrived(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.arrived`."""
        if len(self.keys) > 2 * engine.load + 64:
            self._sweep(engine)
        self.budgets.meet(request, engine)
        super().arrived(request, engine)

    def finished(self, request: int, engine: EngineView) -> None:
        """See :meth:`Policy.finished`."""
        super().finished(request, engine)
        self.budgets.leave(request, engine.generated(request))

    def _sweep(self, engine: EngineView) -> None:
        """Forget calls that clients have cut off, of which nobody tells."""
        here = {*engine.running(), *engine.waiting()}
        for request in [r for r in self.keys if r not in here]:
            del self.keys[request]
            self.begun.pop(request, None)
            self.budgets.leave(request)


def _check(name: str, given: object, *, least: float) -> None:
    if given is None:
        return
    if not isinstance(given, Mapping) or not all(
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and least <= value < float("inf")
        for value in given.values()
    ):
        raise OptionError(f"{name} is {given!r}", hint="give a number for each stage")


def _check_ends(ends: object) -> None:
    if ends is not None and not (
        isinstance(ends, Mapping)
        and all(isinstance(names, (list, tuple)) for names in ends.values())
    ):
        raise OptionError(f"ends is {ends!r}", hint="give lists of stages by stage")
