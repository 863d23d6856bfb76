"""How long a call of a stage takes on each machine: the table of unrelated machines, and its drift.

HexGen-Text2SQL (arXiv 2505.05286, sections 3.2 to 3.4) profiles the mean service time of each stage
on each kind of GPU; budgets, urgency and dispatch all read that one table. Here it is typed in from
the authors' code, or estimated from step times. It can follow what completions show (an
exponentially weighted mean, for machines whose speed drifts; ours: their table is fixed). A stage
that the table does not have is priced by its prompt and the outputs seen so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.cost.step import LinearCost, StepCost
from makespan.serving.workload import PICOSECONDS, Workload
from makespan.serving.workloads.text2sql import STAGES

SECONDS: Final[Mapping[str, tuple[float, ...]]] = {
    "A100": (0.23, 1.14, 18.2, 3.33, 0.17, 2.54, 0.87),
    "A6000": (0.49, 2.11, 34.3, 8.03, 0.39, 4.56, 1.79),
    "L40S": (0.40, 2.03, 32.6, 5.89, 0.31, 4.55, 1.54),
}
"""Mean service seconds by GPU, in the order of the stages of the workload generator (constants of
the authors' simulator; the last is of its L40 class). The model is a Llama-3.1-70B in 4 bits."""

DECODE: Final[Mapping[str, float]] = {"A100": 0.035, "A6000": 0.058, "L40S": 0.0545}
"""Seconds per decode step, whatever the batch (constants of the authors' simulator)."""

_UNKNOWN_OUTPUT: Final = 256.0
"""Output tokens expected of a stage of which none has been seen (ours)."""

_BESIDE: Final = 8
"""Sequences that an estimate supposes to decode beside a call (ours)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of engine: what it is called, and its speeds.

    Attributes
    ----------
    prefill, decode
        Seconds per token of a prompt and of an output.
    """

    name: str
    prefill: float
    decode: float

    def seconds(self, prompt: float, output: float) -> float:
        """Service time of a call."""
        return self.prefill * prompt + self.decode * output

    def cost(self, decode: float | None = None) -> LinearCost:
        """Step times of the engine: a step lasts as long as its slower part.

        Parameters
        ----------
        decode
            Another time of a decode step, seconds.
        """
        step = self.decode if decode is None else decode
        return LinearCost(round(step * PICOSECONDS), round(self.prefill * PICOSECONDS), 0, 0)


class Profile:
    """Mean service seconds per machine and stage, of a fleet whose engine k is machine k.

    Parameters
    ----------
    machines
        Of every engine; those of one name are of one kind, those beyond are like the last.
    seconds
        Per machine the mean seconds by stage.
    learn
        Weight of a completion in the mean that it updates; 0: the table stays. Completions tell
        service under load, so that busy machines look slow and dispatch turns away from them, and
        back: on steady machines a fixed table serves better (docs, HexGen-Text2SQL).
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        seconds: Sequence[Mapping[str, float]],
        *,
        learn: float = 0.0,
    ) -> None:
        if not machines or len(machines) != len(seconds) or not 0.0 <= learn < 1.0:
            raise OptionError(
                f"{len(machines)} machines with {len(seconds)} rows of times, learning by {learn}",
                hint="as many rows as machines, and a weight from 0 to below 1",
            )
        if any(not 0.0 < value < float("inf") for row in seconds for value in row.values()):
            raise OptionError("service times must be above 0 and finite")
        self.machines = tuple(machines)
        self.learn = learn
        self.output = _UNKNOWN_OUTPUT
        kinds: dict[str, list[int]] = {}
        for k, machine in enumerate(self.machines):
            kinds.setdefault(machine.name, []).append(k)
        self.kinds = list(kinds.values())
        rows = {name: dict(seconds[members[0]]) for name, members in kinds.items()}
        if any(dict(row) != rows[m.name] for m, row in zip(machines, seconds, strict=True)):
            raise OptionError("machines of one name have different times")
        # Machines of a kind share their row: what each saw by chance would set them apart.
        self.table = [rows[machine.name] for machine in self.machines]

    @classmethod
    def published(cls, gpus: Sequence[str], *, learn: float = 0.0) -> Profile:
        """The authors' table for engines on A100, A6000 or L40S, by name.

        Raises
        ------
        OptionError
            If a GPU is not in the table.
        """
        for gpu in gpus:
            if gpu not in SECONDS:
                raise OptionError(
                    f"no published times for {gpu!r}", hint=f"there are {', '.join(SECONDS)}"
                )
        names = [stage.name for stage in STAGES]
        rows = [dict(zip(names, SECONDS[gpu], strict=True)) for gpu in gpus]
        return cls([published_machine(gpu) for gpu in gpus], rows, learn=learn)

    @classmethod
    def estimated(
        cls,
        workload: Workload,
        costs: Sequence[StepCost],
        *,
        beside: int = _BESIDE,
        learn: float = 0.0,
    ) -> Profile:
        """Times of each stage's mean lengths in a load, from the step times of each engine.

        The load is a history: what a profiling run would see, stage by stage. Engines of equal
        step times are of one kind.

        Parameters
        ----------
        beside
            Sequences that decode beside a call.
        """
        stages = [*workload.labels, ""] if (workload.label < 0).any() else list(workload.labels)
        means: dict[str, tuple[float, float]] = {}
        for k, name in enumerate(stages):
            of = workload.label == (k if name else -1)
            if of.any():
                means[name] = float(workload.prompt[of].mean()), float(workload.output[of].mean())
        kinds: list[StepCost] = []
        machines: list[Machine] = []
        rows: list[dict[str, float]] = []
        for cost in costs:
            if cost not in kinds:
                kinds.append(cost)
            machine = _machine(f"kind {kinds.index(cost) + 1}", cost, means, beside)
            machines.append(machine)
            rows.append({name: machine.seconds(*mean) for name, mean in means.items()})
        return cls(machines, rows, learn=learn)

    def copy(self, *, learn: float | None = None) -> Profile:
        """The same table, which from then on goes its own way."""
        other = Profile(self.machines, self.table, learn=self.learn if learn is None else learn)
        other.output = self.output
        return other

    def seconds(self, stage: str, prompt: int, engine: int) -> float:
        """Mean service seconds of a call on an engine."""
        k = engine if engine < len(self.machines) else -1
        known = self.table[k].get(stage)
        return self.machines[k].seconds(prompt, self.output) if known is None else known

    def mean(self, stage: str, prompt: int) -> float:
        """The same, averaged over the kinds of machines."""
        total = 0.0
        for members in self.kinds:
            total += self.seconds(stage, prompt, members[0])
        return total / len(self.kinds)

    def expected(self, stage: str) -> float:
        """Mean seconds of a stage to come, of whose prompt nothing is known; 0 if it is unknown."""
        rows = [self.table[members[0]] for members in self.kinds]
        known = [row[stage] for row in rows if stage in row]
        return sum(known) / len(known) if known else 0.0

    def observe(self, stage: str, engine: int, seconds: float, output: int) -> None:
        """A call of the stage took so long on the engine, and had so many tokens of output.

        Engines of the same kind learn from it, too.
        """
        k = min(engine, len(self.machines) - 1)
        known = self.table[k].get(stage)
        if known is None:
            self.output += self.learn * (output - self.output)
        elif seconds > 0.0:
            self.table[k][stage] = known + self.learn * (seconds - known)


def published_machine(gpu: str) -> Machine:
    """Speeds that explain the published row of a GPU, by least squares of relative errors.

    Two rates and the mean token counts of the traces give all seven times to within 17 %. The
    rates of decoding are 0.68, 0.66 and 0.78 of :data:`DECODE`, which a batch explains.
    """
    seconds = np.array(SECONDS[gpu])
    tokens = np.array([[stage.prompt.mean, stage.output.mean] for stage in STAGES])
    prefill, decode = np.linalg.lstsq(tokens / seconds[:, None], np.ones(len(seconds)), rcond=None)[
        0
    ]
    return Machine(gpu, float(prefill), float(decode))


def _machine(
    name: str, cost: StepCost, means: Mapping[str, tuple[float, float]], beside: int
) -> Machine:
    """Speeds by step times: a typical prompt alone, and a step of several that decode."""
    prompts = [round(prompt) for prompt, _ in means.values()] or [1]
    prompt = max(1, sorted(prompts)[len(prompts) // 2])
    fixed, growth = cost.decode(beside)
    whole = cost.step(prompt, 1, prompt, prompt * prompt)
    return Machine(
        name,
        whole / PICOSECONDS / prompt,
        (fixed + growth * beside * prompt) / PICOSECONDS,
    )
