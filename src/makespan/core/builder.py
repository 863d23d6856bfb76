"""ProblemBuilder: a fluent, typed way to state a Problem in one's own names.

Local rules (a negative duration, a float, a handle of another builder) are checked by the call
that breaks them; rules between parts are checked by ``validate`` when ``build`` freezes the
arrays. A call that fails leaves the builder as it was. The module is long because it has a method
for each word of the vocabulary; none of them is much longer than its documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import SupportsIndex

import numpy as np

from makespan.core import _freezing
from makespan.core._checks import (
    amount_of,
    code_of,
    index_of,
    interval_of,
    kind_of,
    name_of,
    nonnegative,
    ticks_of,
)
from makespan.core._rows import JobRow, ModeRow, ResourceRow, TaskRow
from makespan.core.calendar import Calendar
from makespan.core.errors import ProblemError
from makespan.core.handles import (
    GroupHandle,
    JobHandle,
    ResourceHandle,
    SetupHandle,
    TaskHandle,
    _Handle,
)
from makespan.core.problem import Objective, ObjectiveTerm, Problem, SetupMatrix
from makespan.core.validation import validate
from makespan.core.vocabulary import (
    INFINITY,
    Blocking,
    DemandTiming,
    LinkKind,
    ObjectiveKind,
    PrecedenceKind,
    ResourceKind,
    SelectionKind,
)

ObjectiveSpec = str | ObjectiveKind | Mapping[str, int] | Mapping[ObjectiveKind, int]


class ProblemBuilder:
    """Collects the parts of a Problem and freezes them.

    Parameters
    ----------
    name
        Name of the problem.
    time_unit, origin
        For display: what a tick is ("minute") and the date of tick 0.
    horizon
        First and last tick of the plan; the last may be None for "open".

    Examples
    --------
    >>> from makespan import ProblemBuilder
    >>> b = ProblemBuilder("two jobs")
    >>> saw, drill = b.machine("saw"), b.machine("drill")
    >>> for k, (cut, bore) in enumerate([(3, 2), (2, 4)]):
    ...     job = b.job(f"order {k + 1}")
    ...     first = b.task(f"cut {k + 1}", duration=cut, machine=saw, job=job)
    ...     second = b.task(f"bore {k + 1}", duration=bore, machine=drill, job=job)
    ...     b.chain(first, second)
    >>> b.build()
    Problem('two jobs': 4 tasks, 2 jobs, 2 resources, minimise makespan)
    """

    def __init__(
        self,
        name: str = "problem",
        *,
        time_unit: str = "",
        origin: datetime | None = None,
        horizon: tuple[int, int | None] = (0, None),
    ) -> None:
        self.name = name
        self._time_unit, self._origin = time_unit, origin
        self._horizon = (
            ticks_of(horizon[0], "horizon start"),
            _optional_tick(horizon[1], "horizon end"),
        )
        self._resources: list[ResourceRow] = []
        self._tasks: list[TaskRow] = []
        self._jobs: list[JobRow] = []
        self._calendars: list[Calendar] = []
        self._setups: list[SetupMatrix] = []
        self._precedences: list[tuple[int, int, int, int, int]] = []
        self._no_overlaps: list[tuple[str, list[int]]] = []
        self._same_orders: list[tuple[str, list[int]]] = []
        self._groups: list[tuple[str, list[int]]] = []
        self._links: list[tuple[int, int, int, int]] = []
        self._selections: list[tuple[int, list[int]]] = []
        self._levels: list[tuple[ObjectiveTerm, ...]] = []

    # Resources ---------------------------------------------------------------------------------

    def calendar(
        self,
        name: str,
        *,
        working: Iterable[tuple[int, int]] | None = None,
        period: int = 0,
        exceptions: Iterable[tuple[int, int, bool]] = (),
    ) -> Calendar:
        """Working time for resources: see :meth:`Calendar.create`."""
        name_of(name, "calendar")
        made = Calendar.create(name, working=working, period=period, exceptions=exceptions)
        self._calendars.append(made)
        return made

    def setups(
        self,
        name: str,
        time: Sequence[Sequence[int]] | np.ndarray,
        *,
        initial_time: Sequence[int] | None = None,
        cost: Sequence[Sequence[int]] | np.ndarray | None = None,
        initial_cost: Sequence[int] | None = None,
    ) -> SetupHandle:
        """Setup matrix between task families: ``time[i][j]`` ticks when j follows i."""
        where = f"setups {name_of(name, 'setup matrix')!r}"
        square = _freezing.matrix(time, f"{where}: time")
        families = len(square)
        prices = np.zeros_like(square)
        if cost is not None:
            prices = _freezing.matrix(cost, f"{where}: cost")
        first = _freezing.vector(initial_time, families, f"{where}: initial_time")
        first_cost = _freezing.vector(initial_cost, families, f"{where}: initial_cost")
        if prices.shape != square.shape:
            raise ProblemError(f"{where}: cost matrix is not {families} x {families} like time")
        self._setups.append(SetupMatrix(name, square, first, prices, first_cost))
        return SetupHandle(name, len(self._setups) - 1, self)

    def machine(
        self,
        name: str | None = None,
        *,
        calendar: Calendar | None = None,
        breaks: str = "forbid",
        blocking: Blocking = Blocking.NONE,
        setup: SetupHandle | None = None,
        rate: int = 0,
    ) -> ResourceHandle:
        """A machine: one task at a time.

        Parameters
        ----------
        breaks
            "forbid": tasks lie wholly in working time; "suspend": they pause in breaks.
        rate
            Cost per tick of processing, >= 0.
        """
        row = self._resource_row(name, ResourceKind.MACHINE, 1, calendar, breaks, rate)
        row.blocking = code_of(Blocking, blocking, f"machine {row.name!r}: blocking")
        if setup is not None:
            row.setup = self._own(setup, SetupHandle, f"machine {row.name!r}: setup")
        return self._add_resource(row)

    def renewable(
        self,
        name: str | None = None,
        *,
        capacity: int,
        steps: Iterable[tuple[int, int]] = (),
        calendar: Calendar | None = None,
        breaks: str = "forbid",
        released_in_breaks: bool = False,
        rate: int = 0,
    ) -> ResourceHandle:
        """A resource of ``capacity`` units per tick; from ``time`` on, ``steps`` change it."""
        row = self._resource_row(name, ResourceKind.RENEWABLE, capacity, calendar, breaks, rate)
        row.released = bool(released_in_breaks)
        where = f"renewable {row.name!r}"
        row.steps = [
            (ticks_of(t, f"{where}: step time"), nonnegative(c, f"{where}: step capacity"))
            for t, c in steps
        ]
        return self._add_resource(row)

    def consumable(self, name: str | None = None, *, amount: int, rate: int = 0) -> ResourceHandle:
        """A total amount shared by all tasks over all time."""
        row = self._resource_row(name, ResourceKind.CONSUMABLE, 0, None, "forbid", rate)
        row.capacity = nonnegative(amount, f"consumable {row.name!r}: amount")
        return self._add_resource(row)

    def reservoir(
        self,
        name: str | None = None,
        *,
        initial: int = 0,
        minimum: int = 0,
        maximum: int | None = None,
    ) -> ResourceHandle:
        """A level that tasks raise and lower; it must stay within [minimum, maximum]."""
        row = self._resource_row(name, ResourceKind.RESERVOIR, 0, None, "forbid", 0)
        where = f"reservoir {row.name!r}"
        row.capacity = _optional_tick(maximum, f"{where}: maximum")
        row.minimum = amount_of(minimum, f"{where}: minimum")
        row.initial = amount_of(initial, f"{where}: initial level")
        return self._add_resource(row)

    def group(self, name: str, resources: Iterable[ResourceHandle]) -> GroupHandle:
        """A named set of resources for same-/different-resource links."""
        name_of(name, "group")
        members = [self._own(r, ResourceHandle, f"group {name!r}") for r in resources]
        self._groups.append((name, members))
        return GroupHandle(name, len(self._groups) - 1, self)

    # Work --------------------------------------------------------------------------------------

    def job(
        self,
        name: str | None = None,
        *,
        release: int | None = None,
        due: int | None = None,
        deadline: int | None = None,
        weight: int = 1,
    ) -> JobHandle:
        """A job: tasks that are completed together.

        Parameters
        ----------
        release
            Earliest start of its tasks; default is the start of the horizon.
        due, deadline
            When its last task should, and when it must, have ended.
        """
        label = f"J{len(self._jobs) + 1}" if name is None else name_of(name, "job")
        where = f"job {label!r}"
        self._jobs.append(
            JobRow(
                label,
                self._release(release, where),
                _optional_tick(deadline, f"{where}: deadline"),
                _optional_tick(due, f"{where}: due"),
                nonnegative(weight, f"{where}: weight"),
            )
        )
        return JobHandle(label, len(self._jobs) - 1, self)

    def task(
        self,
        name: str | None = None,
        *,
        duration: int | None = None,
        machine: ResourceHandle | Sequence[ResourceHandle] = (),
        demands: Mapping[ResourceHandle, int] | None = None,
        starts_with: Mapping[ResourceHandle, int] | None = None,
        ends_with: Mapping[ResourceHandle, int] | None = None,
        cost: int = 0,
        job: JobHandle | None = None,
        release: int | None = None,
        deadline: int | None = None,
        due: int | None = None,
        weight: int = 1,
        optional: bool = False,
        reward: int = 0,
        family: int = 0,
        blocking: Blocking = Blocking.NONE,
        forbidden: Iterable[tuple[int, int]] = (),
        baseline: int | tuple[int, int] | None = None,
    ) -> TaskHandle:
        """A task; with ``duration`` its first mode is made of the arguments up to ``cost``.

        Parameters
        ----------
        release
            Earliest start; default is the start of the horizon.
        reward
            What the unplaced objective loses when an optional task is left out, >= 0.
        family
            Row and column in the setup matrices of its machines.
        forbidden
            Half-open intervals the task must not touch.
        baseline
            Start, or start and mode number (from 0), in the plan that change terms compare with.
        """
        label = f"T{len(self._tasks) + 1}" if name is None else name_of(name, "task")
        where = f"task {label!r}"
        start, number = _baseline(baseline, where)
        row = TaskRow(
            name=label,
            job=-1 if job is None else self._own(job, JobHandle, f"{where}: job"),
            release=self._release(release, where),
            deadline=_optional_tick(deadline, f"{where}: deadline"),
            due=_optional_tick(due, f"{where}: due"),
            weight=nonnegative(weight, f"{where}: weight"),
            optional=bool(optional),
            reward=nonnegative(reward, f"{where}: reward"),
            family=index_of(family, f"{where}: family"),
            blocking=code_of(Blocking, blocking, f"{where}: blocking"),
            forbidden=[interval_of(pair, f"{where}: forbidden interval") for pair in forbidden],
            baseline_start=start,
            baseline_mode=number,
        )
        if duration is not None:
            row.modes.append(
                self._mode_row(row, duration, machine, demands, starts_with, ends_with, cost)
            )
        elif machine or demands or starts_with or ends_with or cost:
            raise ProblemError(
                f"{where}: resources or a cost, but no duration",
                hint="give a duration, or add each mode with .mode(...)",
            )
        index = len(self._tasks)
        self._tasks.append(row)
        if row.job >= 0:
            self._jobs[row.job].tasks.append(index)
        return TaskHandle(label, index, self)

    # Relations ---------------------------------------------------------------------------------

    def precedence(
        self,
        source: TaskHandle,
        target: TaskHandle,
        *,
        kind: str | PrecedenceKind = PrecedenceKind.FS,
        min_lag: int = 0,
        max_lag: int | None = None,
    ) -> None:
        """Lag between an end of ``source`` and an end of ``target``.

        Parameters
        ----------
        kind
            "FS", "SS", "FF" or "SF": first letter which end of the source, second of the target.
        min_lag, max_lag
            Bounds on the difference in ticks; ``min_lag`` may be negative.
        """
        self._add_precedences([(source, target)], kind, min_lag, max_lag)

    def chain(self, *tasks: TaskHandle, lag: int = 0) -> None:
        """Each task starts at least ``lag`` after the one before it ends."""
        self._add_precedences(self._in_turn(tasks, "chain"), min_lag=lag)

    def no_wait(self, *tasks: TaskHandle) -> None:
        """Each task starts exactly when the one before it ends."""
        self._add_precedences(self._in_turn(tasks, "no_wait"), max_lag=0)

    def no_overlap(self, tasks: Iterable[TaskHandle], *, name: str | None = None) -> None:
        """No two of ``tasks`` run at the same time, whatever their machines."""
        label = f"no-overlap {len(self._no_overlaps) + 1}"
        if name is not None:
            label = name_of(name, "no-overlap set")
        self._no_overlaps.append((label, self._task_set(tasks, f"no-overlap set {label!r}")))

    def same_order(self, *machines: ResourceHandle, name: str | None = None) -> None:
        """These machines take the jobs they share in the same order (permutation flow shop).

        A job may have one task on each of them at most; a task without a job is its own job.
        """
        label = f"same-order {len(self._same_orders) + 1}"
        if name is not None:
            label = name_of(name, "same-order set")
        what = f"same-order set {label!r}"
        members: dict[int, None] = {}
        for machine in machines:
            index = self._own(machine, ResourceHandle, what)
            if machine.kind is not ResourceKind.MACHINE:
                raise ProblemError(f"{what}: {machine.name!r} is not a machine")
            if index in members:
                raise ProblemError(f"{what}: machine {machine.name!r} occurs twice")
            members[index] = None
        self._same_orders.append((label, list(members)))

    def same_resource(self, first: TaskHandle, second: TaskHandle, group: GroupHandle) -> None:
        """The chosen modes use the same resources of ``group``."""
        self._link(LinkKind.SAME, first, second, group)

    def different_resource(self, first: TaskHandle, second: TaskHandle, group: GroupHandle) -> None:
        """The chosen modes use no common resource of ``group``."""
        self._link(LinkKind.DIFFERENT, first, second, group)

    def exactly_one(self, tasks: Iterable[TaskHandle]) -> None:
        """Exactly one of these optional tasks is present."""
        self._select(SelectionKind.EXACTLY_ONE, tasks)

    def at_most_one(self, tasks: Iterable[TaskHandle]) -> None:
        """At most one of these optional tasks is present."""
        self._select(SelectionKind.AT_MOST_ONE, tasks)

    def all_or_none(self, tasks: Iterable[TaskHandle]) -> None:
        """Either all of these tasks are present or none."""
        self._select(SelectionKind.ALL_OR_NONE, tasks)

    def implies(self, task: TaskHandle, *others: TaskHandle) -> None:
        """If ``task`` is present, so are all ``others``."""
        self._select(SelectionKind.IMPLIES, (task, *others))

    # Objective and build -----------------------------------------------------------------------

    def minimise(self, objective: ObjectiveSpec) -> None:
        """Sets the objective: a term's name, or terms with non-negative integer coefficients."""
        self._levels = [_level(objective)]

    def then_minimise(self, objective: ObjectiveSpec) -> None:
        """Adds a lexicographic level below the levels before it."""
        if not self._levels:
            raise ProblemError("then_minimise needs a first level", hint="call minimise first")
        self._levels.append(_level(objective))

    def build(self) -> Problem:
        """The validated, frozen Problem.

        Raises
        ------
        ProblemError
            If parts contradict each other; the message uses your names.
        """
        for row in self._tasks:
            if not row.modes:
                raise ProblemError(
                    f"task {row.name!r} has no mode", hint="give a duration or call .mode(...)"
                )
        problem = Problem(
            name=self.name,
            tasks=_freezing.tasks(self._tasks),
            modes=_freezing.modes(self._tasks),
            resources=_freezing.resources(self._resources),
            jobs=_freezing.jobs(self._jobs),
            precedences=_freezing.precedences(self._precedences),
            calendars=tuple(self._calendars),
            setups=tuple(self._setups),
            no_overlaps=_freezing.sets(self._no_overlaps),
            same_orders=_freezing.sets(self._same_orders),
            groups=_freezing.sets(self._groups),
            links=_freezing.links(self._links),
            selections=_freezing.selections(self._selections),
            objective=Objective(tuple(self._levels)) if self._levels else Objective(),
            horizon_start=self._horizon[0],
            horizon_end=self._horizon[1],
            time_unit=self._time_unit,
            origin=self._origin,
        )
        validate(problem)
        return problem

    # Internals ---------------------------------------------------------------------------------

    def _own(self, handle: _Handle, kind: type[_Handle], what: str) -> int:
        if not isinstance(handle, kind):
            raise ProblemError(f"{what}: got {handle!r}, not a {kind.__name__} of this builder")
        if handle.owner is not self:
            raise ProblemError(f"{what}: {handle.name!r} belongs to another builder")
        return handle.index

    def _task_set(self, tasks: Iterable[TaskHandle], what: str) -> list[int]:
        members: dict[int, None] = {}
        for task in tasks:
            index = self._own(task, TaskHandle, what)
            if index in members:
                raise ProblemError(f"{what}: task {task.name!r} occurs twice")
            members[index] = None
        return list(members)

    def _in_turn(
        self, tasks: Sequence[TaskHandle], what: str
    ) -> Iterable[tuple[TaskHandle, TaskHandle]]:
        for task in tasks:
            self._own(task, TaskHandle, what)
        return pairwise(tasks)

    def _add_precedences(
        self,
        pairs: Iterable[tuple[TaskHandle, TaskHandle]],
        kind: str | PrecedenceKind = PrecedenceKind.FS,
        min_lag: int = 0,
        max_lag: int | None = None,
    ) -> None:
        rows = []
        for source, target in pairs:
            i = self._own(source, TaskHandle, "precedence: source")
            j = self._own(target, TaskHandle, "precedence: target")
            if i == j:
                raise ProblemError(f"task {source.name!r} precedes itself")
            where = f"precedence {source.name!r} -> {target.name!r}"
            low = ticks_of(min_lag, f"{where}: min_lag")
            high = _optional_tick(max_lag, f"{where}: max_lag")
            if high < low:
                raise ProblemError(f"{where}: max_lag {high} is below min_lag {low}")
            rows.append((i, j, int(kind_of(kind, where)), low, high))
        self._precedences += rows

    def _link(
        self, kind: LinkKind, first: TaskHandle, second: TaskHandle, group: GroupHandle
    ) -> None:
        i, j = self._own(first, TaskHandle, "link"), self._own(second, TaskHandle, "link")
        if i == j:
            raise ProblemError(f"task {first.name!r} is linked to itself")
        self._links.append((int(kind), i, j, self._own(group, GroupHandle, "link: group")))

    def _select(self, kind: SelectionKind, tasks: Iterable[TaskHandle]) -> None:
        what = kind.name.lower()
        members = self._task_set(tasks, what)
        least = 2 if kind is SelectionKind.IMPLIES else 1
        if len(members) < least:
            raise ProblemError(f"{what}: too few tasks", hint=f"give it {least} or more")
        self._selections.append((int(kind), members))

    def _resource_row(
        self,
        name: str | None,
        kind: ResourceKind,
        capacity: int,
        calendar: Calendar | None,
        breaks: str,
        rate: int,
    ) -> ResourceRow:
        label = f"{kind.name[0]}{len(self._resources) + 1}"
        if name is not None:
            label = name_of(name, kind.name.lower())
        where = f"{kind.name.lower()} {label!r}"
        if breaks not in ("forbid", "suspend"):
            raise ProblemError(f'{where}: breaks={breaks!r}; it is either "forbid" or "suspend"')
        number = -1
        if calendar is not None:
            known = [k for k, c in enumerate(self._calendars) if c is calendar]
            if not known:
                called = getattr(calendar, "name", calendar)
                raise ProblemError(
                    f"{where}: calendar {called!r} is not this builder's",
                    hint="make it with builder.calendar(...)",
                )
            number = known[0]
        return ResourceRow(
            label,
            kind,
            nonnegative(capacity, f"{where}: capacity"),
            calendar=number,
            suspend=breaks == "suspend",
            rate=nonnegative(rate, f"{where}: rate"),
        )

    def _add_resource(self, row: ResourceRow) -> ResourceHandle:
        self._resources.append(row)
        return ResourceHandle(row.name, len(self._resources) - 1, self, row.kind)

    def _add_mode(
        self,
        task: TaskHandle,
        duration: int,
        machine: ResourceHandle | Sequence[ResourceHandle],
        demands: Mapping[ResourceHandle, int] | None,
        starts_with: Mapping[ResourceHandle, int] | None,
        ends_with: Mapping[ResourceHandle, int] | None,
        cost: int,
    ) -> None:
        row = self._tasks[self._own(task, TaskHandle, "task")]
        row.modes.append(
            self._mode_row(row, duration, machine, demands, starts_with, ends_with, cost)
        )

    def _mode_row(
        self,
        row: TaskRow,
        duration: int,
        machine: ResourceHandle | Sequence[ResourceHandle],
        demands: Mapping[ResourceHandle, int] | None,
        starts_with: Mapping[ResourceHandle, int] | None,
        ends_with: Mapping[ResourceHandle, int] | None,
        cost: int,
    ) -> ModeRow:
        where = f"task {row.name!r}, mode {len(row.modes) + 1}"
        listed: list[tuple[int, int, DemandTiming]] = []
        machines = tuple(machine) if isinstance(machine, Iterable) else (machine,)
        for handle in machines:
            r = self._own(handle, ResourceHandle, f"{where}: machine")
            if handle.kind is not ResourceKind.MACHINE:
                raise ProblemError(
                    f"{where}: {handle.name!r} is not a machine", hint="put it into demands"
                )
            listed.append((r, 1, DemandTiming.DURING))
        for handle, units in (demands or {}).items():
            r = self._own(handle, ResourceHandle, f"{where}: demand")
            if handle.kind is ResourceKind.RESERVOIR:
                raise ProblemError(
                    f"{where}: reservoir {handle.name!r} among demands",
                    hint="state its change in starts_with or ends_with",
                )
            quantity = nonnegative(units, f"{where}: demand for {handle.name!r}")
            if handle.kind is ResourceKind.MACHINE and quantity != 1:
                raise ProblemError(f"{where}: a machine such as {handle.name!r} is demanded once")
            if quantity:
                listed.append((r, quantity, DemandTiming.DURING))
        for changes, timing in (
            (starts_with, DemandTiming.AT_START),
            (ends_with, DemandTiming.AT_END),
        ):
            for handle, units in (changes or {}).items():
                r = self._own(handle, ResourceHandle, f"{where}: change")
                if handle.kind is not ResourceKind.RESERVOIR:
                    raise ProblemError(f"{where}: {handle.name!r} is not a reservoir")
                change = amount_of(units, f"{where}: change of {handle.name!r}")
                if change:
                    listed.append((r, change, timing))
        return ModeRow(
            nonnegative(duration, f"{where}: duration"),
            nonnegative(cost, f"{where}: cost"),
            listed,
        )

    def _release(self, release: int | None, where: str) -> int:
        return self._horizon[0] if release is None else ticks_of(release, f"{where}: release")


def _optional_tick(value: SupportsIndex | None, what: str) -> int:
    if value is None or (isinstance(value, (int, np.integer)) and value == INFINITY):
        return INFINITY
    return ticks_of(value, what)


def _baseline(value: int | tuple[int, ...] | None, where: str) -> tuple[int, int]:
    """Start (INFINITY: none) and mode number (-1: none)."""
    if not isinstance(value, tuple):
        return _optional_tick(value, f"{where}: baseline"), -1
    if len(value) != 2:
        raise ProblemError(f"{where}: baseline {value!r} is not a start and a mode")
    start = _optional_tick(value[0], f"{where}: baseline")
    return start, index_of(value[1], f"{where}: baseline mode")


def _level(spec: ObjectiveSpec) -> tuple[ObjectiveTerm, ...]:
    terms: Mapping[str, int] | Mapping[ObjectiveKind, int]
    terms = {spec: 1} if isinstance(spec, str) else spec
    if not isinstance(terms, Mapping):
        raise ProblemError(
            f"objective {spec!r} is neither a term's name nor terms with coefficients",
            hint="for levels, call minimise and then then_minimise",
        )
    if not terms:
        raise ProblemError("an objective level needs at least one term")
    made = []
    for name, coefficient in terms.items():
        try:
            kind = ObjectiveKind(name)
        except ValueError:
            known = ", ".join(k.value for k in ObjectiveKind)
            raise ProblemError(f"unknown objective {name!r}", hint=f"known: {known}") from None
        made.append(ObjectiveTerm(kind, nonnegative(coefficient, f"coefficient of {kind.value}")))
    return tuple(made)
