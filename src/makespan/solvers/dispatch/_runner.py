"""One problem, prepared: runs of a rule in a scheme, with the retries greedy placement needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.problem import Problem
from makespan.core.schedule import Schedule
from makespan.core.verify import verify
from makespan.core.vocabulary import IntArray
from makespan.solvers.dispatch import _layout as at
from makespan.solvers.dispatch import _score
from makespan.solvers.dispatch._choice import Choices
from makespan.solvers.dispatch._compile import Compiled, compile_problem, new_state
from makespan.solvers.dispatch._facts import Attributes, attributes
from makespan.solvers.dispatch._layout import FloatArray
from makespan.solvers.dispatch._same_orders import in_order
from makespan.solvers.dispatch._schemes import parallel, serial
from makespan.solvers.dispatch._shop import giffler_thompson, non_delay
from makespan.solvers.dispatch._value import Values, schedule_of
from makespan.solvers.dispatch.rules import Rule

Scheme = Literal["serial", "parallel", "giffler-thompson"]
SCHEMES: Final[tuple[Scheme, ...]] = ("serial", "parallel", "giffler-thompson")

_BLOCK_TRIES: Final = 2000
_CALENDAR_LIMIT: Final = 1 << 46
_SPAN_LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one run does.

    Attributes
    ----------
    rule, scheme
        Priority rule and way of generating the schedule.
    heat
        Strength of the noise on priorities in standard deviations of the rule's values; 0: none.
    thrift
        Ticks that one unit of mode cost is worth when modes are compared.
    stir
        Noise on the comparison of modes, as a share of the duration.
    base
        Priorities to use instead of the rule's, (n,); e.g. starts of a known schedule.
    choice
        Number of the choice of optional tasks and bound modes, see :class:`Choices`.
    """

    rule: Rule
    scheme: Scheme = "serial"
    heat: float = 0.0
    thrift: float = 0.0
    stir: float = 0.0
    base: FloatArray | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run gave no schedule: a code of the kernels and the task at fault, -1 if none is."""

    code: int
    task: int


class Runner:
    """Tables, attributes and working memory for one problem and one thread.

    Parameters
    ----------
    problem
        The problem; only its tables are kept.
    shared
        Runner of another thread on the same problem, whose read-only tables are used.

    Attributes
    ----------
    halt
        Setting its only entry, from any thread, ends the current run with the code HALTED.
    """

    def __init__(self, problem: Problem, shared: Runner | None = None) -> None:
        self.problem = problem
        self.compiled: Compiled = shared.compiled if shared else compile_problem(problem)
        self.attributes: Attributes = (
            shared.attributes if shared else attributes(problem, self.compiled)
        )
        self.values: Values = shared.values if shared else Values(problem)
        self.choices: Choices = shared.choices if shared else Choices(problem)
        self.state = new_state(self.compiled)
        self.failure: Failure | None = None
        self.halt: IntArray = np.zeros(1, dtype=np.int64)

    @property
    def shop(self) -> bool:
        """Whether the problem is a plain shop, for which Giffler-Thompson is defined."""
        return self.compiled.shop

    def run(self, attempt: Attempt, seed: int = 0) -> bool:
        """Whether the attempt gave a complete schedule, which is then in ``state``."""
        if attempt.scheme == "giffler-thompson" and not self.shop:
            raise OptionError(
                "the Giffler-Thompson scheme is for plain shops: every mode on one machine, "
                "finish-to-start precedences, nothing else",
                hint="use scheme='serial' or 'parallel'",
            )
        self.failure = None
        code = self._run_long_enough(attempt, seed)
        if code == at.NO_STOCK and attempt.choice == 0 and self.compiled.optional:
            code = self._run_long_enough(replace(attempt, choice=-1), seed)
        if code == at.DONE and self.problem.same_orders.count:
            return self._run_in_order(attempt, seed)
        if code != at.DONE:
            self.failure = Failure(code, int(self.state.report[1]))
        return code == at.DONE

    def _run_in_order(self, attempt: Attempt, seed: int) -> bool:
        """Run again with the jobs of every same-order set in the order of the schedule in state."""
        free = self.schedule()
        again = replace(attempt, scheme="serial", heat=0.0, base=free.start.astype(np.float64))
        self.failure = Failure(at.OVERTAKEN, -1)
        for every_mode in (False, True):
            chained = in_order(self.problem, free, every_mode=every_mode)
            if chained is None:
                continue
            runner = Runner(chained)
            runner.halt = self.halt
            if not runner.run(again, seed):
                self.failure = runner.failure
                continue
            # Other modes than those of the free run may lead jobs around the chains.
            if every_mode or self._single or not verify(self.problem, runner.schedule()):
                self.state.place[:] = runner.state.place
                self.failure = None
                return True
        return False

    @property
    def _single(self) -> bool:
        """Whether nobody chooses between modes."""
        return self.problem.modes.count == self.problem.tasks.count

    def _run_long_enough(self, attempt: Attempt, seed: int) -> int:
        """Run, and again with calendars spelled out further while they were too short."""
        while True:
            code = self._run_kernel(attempt, seed)
            end = self.compiled.calendar_end
            if code == at.NO_CHOICE or self.state.report[2] == 0:
                return code
            if end is None or end > _CALENDAR_LIMIT:
                return code
            if code == at.DONE and not self.compiled.optional:
                return code
            factor = min(4, _SPAN_LIMIT // max(len(self.compiled.tables.span), 1))
            if factor < 2:
                return code
            start = self.problem.horizon_start
            longer = compile_problem(self.problem, start + factor * (end - start))
            # Released renewables have room for a step at every break, so the memory grows too.
            self.compiled, self.state = longer, new_state(longer)

    def _run_kernel(self, attempt: Attempt, seed: int) -> int:
        S, T = self.state._replace(halt=self.halt), self.compiled.tables
        choice = self.choices.number(attempt.choice)
        if choice is None:
            S.report[1] = -1
            return at.NO_CHOICE
        facts = self._facts(attempt)
        S.dice[0] = np.uint64(_mixed(seed))
        S.want[:], S.safe[:] = choice.want, choice.safe
        if attempt.scheme == "giffler-thompson":
            return giffler_thompson(T, S, facts)
        if attempt.scheme == "parallel":
            if self.shop and len(T.mode) == len(T.task):
                return non_delay(T, S, facts)
            return parallel(T, S, facts, attempt.thrift, attempt.stir, _BLOCK_TRIES)
        return serial(T, S, facts, attempt.thrift, attempt.stir, _BLOCK_TRIES)

    def _facts(self, attempt: Attempt) -> _score.Facts:
        a, rule = self.attributes, attempt.rule
        numbers = a.numbers.copy()
        heat = attempt.heat
        code = rule.code
        if attempt.base is not None:
            base, code = attempt.base, _score.STATIC
        elif rule.name == "RANDOM":
            base, heat = a.base(rule), max(heat, 1.0)
        else:
            base = a.base(rule)
        numbers[_score.HEAT] = heat
        numbers[_score.SCALE] = _scale(code, base, numbers) if heat > 0 else 1.0
        return _score.Facts(code, base, a.facts, numbers)

    def objective(self) -> tuple[int, ...]:
        """Objective of the schedule in ``state``."""
        return self.values.of(self.state.place)

    def schedule(self) -> Schedule:
        """The schedule in ``state``."""
        return schedule_of(self.state.place)


def _mixed(seed: int) -> int:
    """Seed spread over 64 bits."""
    return (seed * 0x9E3779B97F4A7C15 + 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF


def _scale(code: int, base: FloatArray, numbers: FloatArray) -> float:
    """Size of a typical difference between two values of a rule."""
    if code == _score.STATIC:
        spread = float(base.std()) if len(base) else 0.0
        return spread if spread > 0 else 1.0
    mean = float(numbers[_score.MEAN_LENGTH])
    if code in (_score.ATC, _score.CR):
        return 1.0
    if code == _score.COVERT:
        return 1.0 / mean
    return mean
