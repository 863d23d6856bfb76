"""Generators of compound tasks and of mixed service classes, as JITServe serves them.

JITServe (arXiv 2504.20068, section 2 and evaluation) has three kinds of requests in equal parts:
chats with targets for the first and for every next token, answers due as a whole, and tasks of
many calls with one deadline of 20 s per stage. It publishes the targets, not the lengths: those are
ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.arrivals import process, ticks
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.independent import draw
from makespan.serving.workloads.layers import Calls, Layer, calls_of
from makespan.serving.workloads.lengths import LogNormal
from makespan.serving.workloads.limits import require_amount, require_count, require_share
from makespan.serving.workloads.pieces import nested
from makespan.serving.workloads.published import published
from makespan.serving.workloads.transform import mix, set_slo

INTERACTIVE: Final = Slo("interactive", ttft=2 * PICOSECONDS, tpot=PICOSECONDS // 10)
"""JITServe's targets for chats: first token in 2 s, the next ones every 100 ms."""

DEADLINE: Final = Slo("deadline", deadline=20 * PICOSECONDS)
"""JITServe's target for answers as a whole: 20 s."""

STAGE_SECONDS: Final = 20.0
"""JITServe's deadline of a compound task, per stage."""


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of stage: prompts beyond the task's context, outputs, and a tool before it.

    Attributes
    ----------
    prompt, output
        Mean tokens, log-normal with CV 0.7.
    tool
        Mean seconds between the stage before and this one, exponential.
    """

    name: str
    prompt: float
    output: float
    tool: float


_RESEARCH: Final = (
    Step("plan", 200, 300, 0.0),
    Step("search", 2500, 250, 1.5),
    Step("reflect", 1500, 300, 0.0),
    Step("report", 4000, 1500, 0.0),
)
_CODE: Final = (
    Step("plan", 300, 400, 0.0),
    Step("implement", 1500, 800, 0.0),
    Step("repair", 2000, 500, 3.0),
    Step("review", 2500, 300, 0.0),
)
KINDS: Final = {"deep-research": _RESEARCH, "code": _CODE}
"""Stages of the kinds of tasks (ours): middle ones are repeated, some side by side."""


def compound(
    *,
    tasks: int = 100,
    rate: float = 0.2,
    arrivals: str = "poisson",
    cv: float = 1.0,
    kind: str = "deep-research",
    width: int = 6,
    rounds: int = 3,
    template_tokens: int = 800,
    task_tokens: int = 600,
    stage_seconds: float = STAGE_SECONDS,
    grain: int = 16,
    seed: int = 0,
) -> Workload:
    """Tasks of stages that fan out and come together, unfolding at run time, with one deadline.

    deep-research: a plan, rounds of searches side by side each with a reflection behind, a report.
    code: a plan, parts written side by side, repairs one after another, a review. All calls of a
    task begin with the template of its kind and the task.

    Parameters
    ----------
    tasks
        Number of tasks.
    rate
        Mean tasks per second.
    arrivals
        poisson, gamma, weibull, diurnal or bursts.
    cv
        Coefficient of variation of the gaps between tasks, for gamma and weibull.
    kind
        deep-research or code.
    width
        Most calls side by side; drawn evenly from 2 (1 if that is the width).
    rounds
        Most rounds of searches, or most repairs; drawn evenly from 1.
    template_tokens
        Tokens that all tasks begin with.
    task_tokens
        Mean tokens of a task's own context.
    stage_seconds
        Deadline per stage that the task turns out to have, seconds; 0 for none.
    grain
        Tokens of a piece.
    """
    require_count(
        tasks=tasks, width=width, rounds=rounds, template_tokens=template_tokens, grain=grain
    )
    require_amount(stage_seconds=stage_seconds)
    if kind not in KINDS:
        raise OptionError(f"no tasks of kind {kind!r}", hint=f"one of {', '.join(KINDS)}")
    if width > 10_000 or rounds > 1000:
        raise OptionError(f"width {width}, rounds {rounds}", hint="at most 10,000 and 1,000")
    stream = Stream(seed, "compound", kind)
    layers = _stages(kind, tasks, width, rounds, stream)
    calls = calls_of(layers)
    prompt, output, delay = _work(KINDS[kind], calls, stream)
    context = template_tokens + LogNormal.of_moments(task_tokens, 0.7 * task_tokens).draw(
        tasks, stream.stream("context")
    )
    own = context[calls.program]
    start = process(arrivals, rate, cv).times(tasks, stream.stream("arrivals"))
    stages = np.sum([layer.calls > 0 for layer in layers], axis=0)
    sizes = np.unique(stages).tolist()
    slo = np.searchsorted(sizes, stages)[calls.program]
    seconds = stage_seconds * PICOSECONDS
    return assemble(
        f"compound-{kind}",
        arrival=start[calls.program],
        prompt=own + prompt,
        output=output,
        program=calls.program,
        label=calls.label,
        labels=tuple(step.name for step in KINDS[kind]),
        slo=slo if seconds else None,
        slos=tuple(
            Slo(f"compound of {size} stages", deadline=round(size * seconds)) for size in sizes
        )
        if seconds
        else (),
        parents=(calls.child, calls.parent, delay),
        contents=nested(
            [(calls.program * 0, np.full(len(own), template_tokens)), (calls.program, own)], grain
        ),
        grain=grain,
    )


def service_mix(
    *,
    requests: int = 300,
    rate: float = 1.0,
    arrivals: str = "poisson",
    cv: float = 1.0,
    compound_share: float = 1 / 3,
    deadline_share: float = 1 / 3,
    seed: int = 0,
) -> Workload:
    """JITServe's mix: chats, answers with a deadline, and compound tasks, 1 : 1 : 1.

    Chats have the lengths of Azure's conversations, answers those of Azure's code; half of the
    tasks are deep research, half are code. Targets are JITServe's.

    Parameters
    ----------
    requests
        Number of chats, answers and tasks; a task is many calls.
    rate
        Mean chats, answers and tasks per second.
    arrivals
        poisson, gamma, weibull, diurnal or bursts, of each class on its own.
    cv
        Coefficient of variation of the gaps, for gamma and weibull.
    compound_share, deadline_share
        Shares of tasks and of answers with a deadline; the rest are chats.
    """
    require_count(requests=requests)
    require_share(
        compound_share=compound_share,
        deadline_share=deadline_share,
        both=compound_share + deadline_share,
    )
    stream = Stream(seed, "service-mix")
    due = round(requests * deadline_share)
    research = round(requests * compound_share / 2)
    code = round(requests * compound_share) - research
    parts: list[Workload] = []
    for name, count, lengths, slo in (
        ("chat", requests - due - research - code, "azure-conversation", INTERACTIVE),
        ("answer", due, "azure-code", DEADLINE),
    ):
        if count > 0:
            kind = process(arrivals, rate * count / requests, cv)
            load = draw(name, count, kind, published(lengths), stream.stream(name), 0)
            load = replace(load, label=np.zeros(count, dtype=np.int64), labels=(name,))
            parts.append(set_slo(load, slo, np.ones(count, dtype=np.bool_)))
    parts += [
        compound(
            tasks=count,
            rate=rate * count / requests,
            arrivals=arrivals,
            cv=cv,
            kind=kind_name,
            seed=seed,
        )
        for kind_name, count in (("deep-research", research), ("code", code))
        if count > 0
    ]
    return mix(parts, name="service-mix")


def _stages(kind: str, tasks: int, width: int, rounds: int, stream: Stream) -> list[Layer]:
    one = np.ones(tasks, dtype=np.int64)
    repeats = stream.stream("rounds").integers(1, rounds, tasks)
    wide = stream.stream("width")
    layers = [Layer(0, one)]
    if kind == "deep-research":
        for k in range(rounds):
            more = (repeats > k).astype(np.int64)
            layers.append(Layer(1, more * wide.integers(min(2, width), width, tasks)))
            layers.append(Layer(2, more))
    else:
        layers.append(Layer(1, wide.integers(min(2, width), width, tasks)))
        layers += [Layer(2, (repeats > k).astype(np.int64)) for k in range(rounds)]
    layers.append(Layer(3, one))
    return layers


def _work(
    steps: tuple[Step, ...], calls: Calls, stream: Stream
) -> tuple[IntArray, IntArray, IntArray]:
    """Tokens of every call, beyond its context, and picoseconds behind every parent."""
    prompt = np.empty(len(calls.label), dtype=np.int64)
    output = np.empty(len(calls.label), dtype=np.int64)
    tool = np.zeros(len(calls.label))
    for k, step in enumerate(steps):
        rows = np.flatnonzero(calls.label == k)
        own = stream.stream(step.name)
        for column, mean, name in (
            (prompt, step.prompt, "prompt"),
            (output, step.output, "output"),
        ):
            column[rows] = LogNormal.of_moments(mean, 0.7 * mean).draw(len(rows), own.stream(name))
        tool[rows] = step.tool * own.stream("tool").exponentials(len(rows))
    return prompt, output, ticks(tool)[calls.child]
