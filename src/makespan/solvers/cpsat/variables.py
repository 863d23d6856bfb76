"""Variables of tasks: start, end, presence, mode choice, and the intervals they span."""

from __future__ import annotations

from dataclasses import dataclass, field

from ortools.sat.python.cp_model import LinearExpr

from makespan.core.errors import EngineError
from makespan.core.vocabulary import ResourceKind
from makespan.solvers.cpsat.domains import Ranges, StartDomains, StartSets, union
from makespan.solvers.cpsat.facts import Facts
from makespan.solvers.cpsat.labels import ConstraintLabel, LabelKind
from makespan.solvers.cpsat.model import VALUE_LIMIT, Expression, Interval, IntVar, Literal, Model
from makespan.solvers.cpsat.plan import Plan


@dataclass(slots=True)
class TaskVars:
    """Variables of one task.

    Attributes
    ----------
    start, end
        Integer expressions; an absent task has some start in its domain and ``end`` equal to it
        or, for a task of one fixed length, that length later.
    present
        Literal; the model's constant ``true`` for a task that cannot be left out.
    modes
        Literal per global mode index that can be chosen at all.
    length
        Ticks the task is held, when that does not depend on any choice, else None.
    earliest, latest
        Bounds of start and end.
    rest
        Start that hints give to an absent task.
    """

    start: IntVar
    end: Expression
    present: Literal
    modes: dict[int, Literal]
    length: int | None
    earliest: int
    latest: int
    rest: int
    fixed: dict[int, int | None] = field(default_factory=dict)
    size: IntVar | None = None
    main: Interval | None = None


class Variables:
    """Creates and hands out the variables of every task.

    Parameters
    ----------
    model
        Where the variables live.
    domains
        Allowed starts of modes.
    """

    def __init__(self, model: Model, facts: Facts, domains: StartDomains) -> None:
        self.model = model
        self.facts = facts
        self.domains = domains
        self.tasks: list[TaskVars] = [self._task(i) for i in range(facts.task_count)]
        self._intervals: dict[int, Interval] = {}
        self._on: dict[tuple[int, int], Literal] = {}

    def __getitem__(self, task: int) -> TaskVars:
        return self.tasks[task]

    # Construction

    def _task(self, i: int) -> TaskVars:
        model, facts = self.model, self.facts
        sets = {m: self.domains.of_mode(m) for m in facts.modes[i]}
        sets = {m: found for m, found in sets.items() if found.by_length}
        every = union([found.union for found in sets.values()])
        earliest = self.domains.earliest(i)
        if abs(earliest) >= VALUE_LIMIT or abs(self.domains.latest(i)) >= VALUE_LIMIT:
            raise EngineError(
                f"task {facts.problem.tasks.names[i]!r} has a window beyond 64-bit sums",
                hint="use a coarser time unit",
            )
        if not every:
            return self._impossible(i, earliest)
        rest = every[0][0]
        start = model.domain_var(every, lambda plan: plan.start[i] if plan.present(i) else rest)
        present = model.literal(lambda plan: plan.present(i)) if facts.optional[i] else model.true
        modes = self._modes(sets, present)
        lengths = {held for found in sets.values() for held in found.by_length}
        open_ended = model.relaxable and any(self._pauses(m) for m in sets)
        task = TaskVars(
            start=start,
            end=start,
            present=present,
            modes=modes,
            length=None,
            earliest=rest,
            latest=self.domains.latest(i),
            rest=rest,
        )
        if len(lengths) == 1 and not open_ended:
            (task.length,) = lengths
            task.end = start + task.length
            task.fixed = dict.fromkeys(modes, task.length)
            task.latest = min(task.latest, every[-1][1] + task.length)
            if len(sets) > 1:
                self._limit_starts(task, sets, every)
            return task
        shortest = 0 if facts.optional[i] else min(lengths)
        task.end = model.int_var(
            rest + shortest,
            task.latest if not facts.optional[i] else max(task.latest, every[-1][1]),
            lambda plan: plan.end[i] if plan.present(i) else rest,
        )
        self._tie_lengths(i, task, sets, every)
        return task

    def _impossible(self, i: int, earliest: int) -> TaskVars:
        """A task that fits nowhere: left out if it may be, else the model is infeasible."""
        model = self.model
        start = model.int_var(earliest, earliest, lambda plan: earliest)
        if self.facts.optional[i]:
            present: Literal = model.literal(lambda plan: plan.present(i))
            model.add_clause([~present])
        else:
            present = model.true
            model.forbid()
        return TaskVars(start, start, present, {}, 0, earliest, earliest, earliest)

    def _modes(self, sets: dict[int, StartSets], present: Literal) -> dict[int, Literal]:
        model = self.model
        if len(sets) == 1:
            return dict.fromkeys(sets, present)

        def literal(m: int) -> Literal:
            return model.literal(lambda plan: plan.chosen(m))

        modes = {m: literal(m) for m in sets}
        if present is model.true:
            model.add_exactly_one(list(modes.values()))
        else:
            model.add_exactly_one([*modes.values(), ~present])
        return modes

    def _pauses(self, mode: int) -> bool:
        resources = self.facts.problem.resources
        return self.facts.duration[mode] > 0 and any(
            resources.suspend[r] for r, _ in self.facts.usage[mode]
        )

    def _limit_starts(self, task: TaskVars, sets: dict[int, StartSets], every: Ranges) -> None:
        for m, found in sets.items():
            if found.union != every:
                self.model.add_in_domain(task.start, found.union, task.modes[m])

    def _tie_lengths(
        self, i: int, task: TaskVars, sets: dict[int, StartSets], every: Ranges
    ) -> None:
        """End = start + held time of the chosen mode, by start for modes that pause."""
        model = self.model
        choices: list[tuple[Literal, int]] = []
        for m, found in sets.items():
            chosen = task.modes[m]
            if model.relaxable:
                self._tie_relaxable(m, task, chosen)
                continue
            if len(found.by_length) == 1:
                ((held, ranges),) = found.by_length.items()
                task.fixed[m] = held
                choices.append((chosen, held))
                if ranges != every:
                    model.add_in_domain(task.start, ranges, chosen)
                continue
            task.fixed[m] = None
            picks = self._picks(m, task, found, chosen)
            choices.extend(picks)
        if model.relaxable:
            if task.present is not model.true:
                model.add(task.end == task.start, ~task.present)
            return
        # One linear equation instead of one implication per choice: the LP sees it.
        base = min(held for _, held in choices) if task.present is model.true else 0
        model.add(
            task.end
            == task.start
            + base
            + LinearExpr.weighted_sum(
                [lit for lit, _ in choices], [held - base for _, held in choices]
            )
        )

    def _picks(
        self, m: int, task: TaskVars, found: StartSets, chosen: Literal
    ) -> list[tuple[Literal, int]]:
        """Literal per distinct held time of a mode that pauses, tied to its starts."""
        model = self.model
        i = self.facts.mode_task[m]

        def literal(held: int) -> Literal:
            return model.literal(
                lambda plan: plan.chosen(m) and plan.end[i] - plan.start[i] == held
            )

        picks = [(literal(held), held) for held in sorted(found.by_length)]
        for pick, held in picks:
            model.add_in_domain(task.start, found.by_length[held], pick)
        literals = [pick for pick, _ in picks]
        if chosen is model.true:
            model.add_exactly_one(literals)
        else:
            model.add_exactly_one([*literals, ~chosen])
        return picks

    def _tie_relaxable(self, m: int, task: TaskVars, chosen: Literal) -> None:
        """The same with one switch per calendar; without it the end is only bounded below."""
        model, work = self.model, self.facts.duration[m]
        if not self._pauses(m):
            task.fixed[m] = work
            model.add(task.end == task.start + work, chosen)
            return
        task.fixed[m] = None
        model.add(task.end >= task.start + work, chosen)
        resources = self.facts.problem.resources
        ruled = [r for r, _ in self.facts.usage[m] if resources.calendar[r] >= 0]
        found = self.domains.restricted(m, forbidden=False, resources=set(ruled))
        with model.labelled(*(calendar_label(self.facts, r) for r in ruled)):
            if not found.by_length:
                model.add_clause([], chosen)
                return
            for pick, held in self._picks(m, task, found, chosen):
                model.add(task.end == task.start + held, pick)

    # Access

    def rest_end(self, task: int) -> int:
        """Value of ``end`` in hints that leave ``task`` out."""
        variables = self.tasks[task]
        return variables.rest + (variables.length or 0)

    def uses(self, task: int, resource: int) -> list[Literal]:
        """Literals of the task's modes of positive duration on ``resource``."""
        variables = self.tasks[task]
        return [
            variables.modes[m]
            for m in self.facts.modes[task]
            if m in variables.modes
            and self.facts.duration[m] > 0
            and any(r == resource for r, _ in self.facts.usage[m])
        ]

    def on(self, task: int, machine: int) -> Literal:
        """Literal that the task runs on ``machine`` with a positive duration, in whatever mode."""
        literals = self.uses(task, machine)
        if len(literals) == 1:
            return literals[0]
        if len(literals) == len(self.tasks[task].modes):
            return self.tasks[task].present
        key = (task, machine)
        if key not in self._on:
            here = self.model.literal(lambda plan: machine in plan.machines(task))
            self.model.define_exactly_one([*literals, ~here])
            self._on[key] = here
        return self._on[key]

    def main_interval(self, task: int) -> Interval:
        """``[start, end)`` of a task whatever its mode."""
        variables = self.tasks[task]
        if variables.main is None:
            variables.main = self.model.interval(
                variables.start, self.size(task), variables.end, variables.present
            )
        return variables.main

    def size(self, task: int) -> int | IntVar:
        """Held time of a task as a constant or a variable."""
        variables = self.tasks[task]
        if variables.length is not None:
            return variables.length
        if variables.size is None:
            longest = variables.latest - variables.earliest

            def held(plan: Plan) -> int:
                return plan.end[task] - plan.start[task] if plan.present(task) else 0

            variables.size = self.model.int_var(0, max(longest, 0), held)
            self.model.define(variables.size == variables.end - variables.start)
        return variables.size

    def mode_interval(self, mode: int) -> Interval:
        """``[start, end)`` of a task if ``mode`` is chosen."""
        if mode in self._intervals:
            return self._intervals[mode]
        task = self.facts.mode_task[mode]
        variables = self.tasks[task]
        chosen = variables.modes[mode]
        if chosen is variables.present:
            return self.main_interval(task)
        held = variables.fixed.get(mode)
        made = (
            self.model.interval(variables.start, held, variables.end, chosen)
            if held is not None
            else self.model.interval(variables.start, self.size(task), variables.end, chosen)
        )
        self._intervals[mode] = made
        return made


def calendar_label(facts: Facts, resource: int) -> ConstraintLabel:
    """Label of a resource's working time."""
    resources = facts.problem.resources
    calendar = facts.problem.calendars[int(resources.calendar[resource])].name
    kind = "machine" if resources.kind[resource] == ResourceKind.MACHINE else "resource"
    return ConstraintLabel(
        LabelKind.CALENDAR,
        f"{kind} {resources.names[resource]!r} works by calendar {calendar!r}",
        resource,
    )
