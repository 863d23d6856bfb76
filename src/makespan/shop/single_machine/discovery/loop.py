"""The discovery loop: sample parents, have a proposer improve them, score, store, reset.

Cetinkaya et al. 2025, method B, after FunSearch. One proposer, one evaluator, one thread [paper].
The source resets islands every four hours of 72; here it is a number of iterations [inferred], so
that a run depends on its seed alone.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from makespan.core.errors import OptionError
from makespan.shop.single_machine.discovery.islands import Islands, Program

SCHEMA = "makespan/rule-discovery/1"


class Proposer(Protocol):
    """What writes new programs."""

    @property
    def name(self) -> str:
        """Who proposes, for the record."""
        ...

    def propose(self, parents: Sequence[str]) -> str:
        """Text of a new program; the last parent is the best one."""
        ...


class Evaluator(Protocol):
    """What scores programs."""

    @property
    def name(self) -> str:
        """What is measured, for the record."""
        ...

    def score(self, text: str) -> float:
        """Mean total tardiness over the training set; inf for a program that fails."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """An improvement of the best program.

    Attributes
    ----------
    iteration
        0 for the seeds.
    seconds
        Wall time since the start.
    """

    iteration: int
    seconds: float
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a run found.

    Attributes
    ----------
    iterations, failed, repeated
        Proposals asked for, of which failed or had no finite score, or had been scored before.
    stopped
        Whether it was stopped before its last iteration.
    """

    best: Program
    steps: tuple[Step, ...]
    iterations: int
    failed: int
    repeated: int
    seconds: float
    stopped: bool
    proposer: str
    evaluator: str
    seed: int

    def document(self) -> dict[str, Any]:
        """The JSON object of this run."""
        return {
            "schema": SCHEMA,
            "best": {"text": self.best.text, "score": self.best.score},
            "steps": [
                {"iteration": s.iteration, "seconds": s.seconds, "score": s.score, "text": s.text}
                for s in self.steps
            ],
            "iterations": self.iterations,
            "failed": self.failed,
            "repeated": self.repeated,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "proposer": self.proposer,
            "evaluator": self.evaluator,
            "seed": self.seed,
        }


def discover(
    proposer: Proposer,
    evaluator: Evaluator,
    seeds: Sequence[str],
    *,
    iterations: int,
    islands: int = 10,
    reset_every: int = 1000,
    time_limit: float | None = None,
    seed: int = 0,
    stop: threading.Event | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Discovery:
    """Search for a better program than the seeds.

    Parameters
    ----------
    seeds
        Texts to start from; at least one must have a finite score.
    time_limit
        Wall seconds; None for no limit.
    stop
        Set it to end after the current proposal.
    on_step
        Called with the best seed and with every better program.

    Raises
    ------
    OptionError
        If an option is out of range or no seed has a finite score.
    """
    if iterations < 0 or reset_every < 1:
        raise OptionError("iterations must be at least 0 and reset_every at least 1")
    began = time.perf_counter()
    scores = {text: evaluator.score(text) for text in seeds}
    database = Islands(
        [Program(score, k, text) for k, (text, score) in enumerate(scores.items())],
        count=islands,
        seed=seed,
    )
    best = database.best
    if not math.isfinite(best.score):
        raise OptionError("none of the seeds has a finite score")
    steps: list[Step] = []
    failed = repeated = done = 0
    stopped = False

    def tell(iteration: int) -> None:
        steps.append(Step(iteration, time.perf_counter() - began, best.score, best.text))
        if on_step is not None:
            on_step(steps[-1])

    tell(0)
    for iteration in range(1, iterations + 1):
        late = time_limit is not None and time.perf_counter() - began >= time_limit
        if late or (stop is not None and stop.is_set()):
            stopped = True
            break
        island, parents = database.sample()
        text = proposer.propose([parent.text for parent in parents])
        known = scores.get(text)
        if known is None:
            known = scores[text] = evaluator.score(text)
            failed += not math.isfinite(known)
        else:
            repeated += 1
        done = iteration
        program = database.add(island, text, known)
        if program.score < best.score:
            best = program
            tell(iteration)
        if iteration % reset_every == 0:
            database.reset()
    return Discovery(
        best=best,
        steps=tuple(steps),
        iterations=done,
        failed=failed,
        repeated=repeated,
        seconds=time.perf_counter() - began,
        stopped=stopped,
        proposer=proposer.name,
        evaluator=evaluator.name,
        seed=seed,
    )
