"""Generator of Text-to-SQL workflows with the statistics of HexGen-Text2SQL.

A query goes through retrieval, keywords, retrieval, two candidates, a loop of revisions, tests and
evaluation; candidates and evaluations run side by side with a barrier behind them (HexGen-Text2SQL,
arXiv 2505.05286, sections 3 and 5; the CHESS pipeline). Token counts are the statistics of its five
traces (419 queries); prompts of a stage begin with the stage's template.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.serving.workload import PICOSECONDS, Slo, Workload
from makespan.serving.workloads.arrivals import process
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.layers import Layer, calls_of
from makespan.serving.workloads.lengths import Quantiles
from makespan.serving.workloads.limits import require_amount, require_count
from makespan.serving.workloads.pieces import nested

STANDARD_SECONDS: Final = 52.95
"""Sum of mean service times over the standard workflow, a query's base deadline (its code)."""

KEYWORDS_SHARE: Final = 342 / 419
"""Queries of the traces that extract keywords."""

NO_REVISION_SHARE: Final = 0.28
"""Queries of the traces without a revision."""

REVISIONS: Final = Quantiles((0.0, 0.1, 0.5, 0.9, 1.0), (1, 1, 4, 9, 9))
"""Revisions of the others: p10/50/90 are 1/4/9, and 9 the most; mean about 4.7."""

EVALUATIONS: Final = (4, 6)
"""Fewest and most evaluations of a query."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Token counts of a stage (mean | p10, p50, p90) and the templates its prompts begin with."""

    name: str
    prompt: Quantiles
    output: Quantiles
    templates: tuple[int, ...] = ()


STAGES: Final = (
    Stage("retriever", Quantiles.through(301, 304, 312, 306), Quantiles.through(4, 5, 24, 7)),
    Stage(
        "keywords",
        Quantiles.through(646, 673, 711, 677),
        Quantiles.through(26, 47, 73, 49),
        (630,),
    ),
    Stage(
        "candidate",
        Quantiles.through(8020, 10265, 13879, 10790),
        Quantiles.through(431, 620, 1006, 672),
        (5292, 9158),
    ),
    Stage(
        "revise",
        Quantiles.through(5738, 7735, 8021, 6988),
        Quantiles.through(19, 106, 170, 129),
        (3059,),
    ),
    Stage("unit_tester", Quantiles.through(271, 275, 278, 275), Quantiles.through(4, 4, 6, 5)),
    Stage(
        "generate_unit_test",
        Quantiles.through(853, 1109, 1439, 1145),
        Quantiles.through(56, 100, 128, 100),
    ),
    Stage("evaluate", Quantiles.through(744, 1030, 1409, 1077), Quantiles.through(22, 22, 22, 30)),
)
"""The stages, by label."""

_RETRIEVER, _KEYWORDS, _CANDIDATE, _REVISE, _TESTER, _TESTS, _EVALUATE = range(len(STAGES))


def text2sql(
    *,
    queries: int = 100,
    rate: float = 1.0,
    arrivals: str = "poisson",
    cv: float = 1.0,
    slo_scale: float = 3.0,
    grain: int = 16,
    seed: int = 0,
) -> Workload:
    """Text-to-SQL queries of 14 to 28 model calls in stages, with one deadline each.

    The published traces have 10 to 28 calls, 16 to 21 in the mean; a few of their queries leave out
    stages that ours always have. Where the traces say nothing we choose: which template a candidate
    uses is drawn evenly among those shorter than its prompt, calls outside the two barriers follow
    one another, and calls of a query draw their lengths independently.

    Parameters
    ----------
    queries
        Number of queries.
    rate
        Mean queries per second.
    arrivals
        poisson, gamma, weibull, diurnal or bursts.
    cv
        Coefficient of variation of the gaps between queries, for gamma and weibull.
    slo_scale
        Deadline of a query as a multiple of 52.95 s; 0 for none. The paper sweeps 3.0 to 14.8.
    grain
        Tokens of a piece.
    """
    require_count(queries=queries, grain=grain)
    require_amount(slo_scale=slo_scale)
    stream = Stream(seed, "text2sql")
    one = np.ones(queries, dtype=np.int64)
    keywords = (stream.stream("keywords").reals(queries) < KEYWORDS_SHARE).astype(np.int64)
    revisions = np.where(
        stream.stream("revised").reals(queries) < NO_REVISION_SHARE,
        0,
        REVISIONS.draw(queries, stream.stream("revisions")),
    )
    most = int(REVISIONS.values[-1])
    layers = [
        Layer(_RETRIEVER, one),
        Layer(_KEYWORDS, keywords),
        *(Layer(_RETRIEVER, one) for _ in range(3)),
        Layer(_CANDIDATE, 2 * one),
        *(Layer(_REVISE, (revisions > k).astype(np.int64)) for k in range(most)),
        Layer(_TESTER, one),
        Layer(_TESTS, one),
        Layer(_TESTER, one),
        Layer(_EVALUATE, stream.stream("evaluations").integers(*EVALUATIONS, queries)),
        Layer(_TESTER, one),
    ]
    calls = calls_of(layers)
    prompt, output, template, length = _lengths(calls.label, stream)
    start = process(arrivals, rate, cv).times(queries, stream.stream("arrivals"))
    deadline = round(slo_scale * STANDARD_SECONDS * PICOSECONDS)
    return assemble(
        "text2sql",
        arrival=start[calls.program],
        prompt=prompt,
        output=output,
        program=calls.program,
        label=calls.label,
        labels=tuple(stage.name for stage in STAGES),
        slo=np.full(len(prompt), 0 if deadline else -1, dtype=np.int64),
        slos=(Slo("query", deadline=deadline),) if deadline else (),
        parents=(calls.child, calls.parent, np.zeros(len(calls.child), dtype=np.int64)),
        contents=nested([(template, length)], grain),
        grain=grain,
    )


def _lengths(label: IntArray, stream: Stream) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Prompts, outputs, number of the template (0: none) and its tokens, of every call."""
    prompt = np.empty(len(label), dtype=np.int64)
    output = np.empty(len(label), dtype=np.int64)
    template = np.zeros(len(label), dtype=np.int64)
    length = np.zeros(len(label), dtype=np.int64)
    number = 1
    for k, stage in enumerate(STAGES):
        rows = np.flatnonzero(label == k)
        own = stream.stream(stage.name)
        prompt[rows] = stage.prompt.draw(len(rows), own.stream("prompt"))
        output[rows] = stage.output.draw(len(rows), own.stream("output"))
        if not stage.templates:
            continue
        sizes = np.array(stage.templates)
        prompt[rows] = np.maximum(prompt[rows], sizes[0] + 1)
        fitting = np.searchsorted(sizes, prompt[rows])
        drawn = np.floor(own.stream("template").reals(len(rows)) * fitting).astype(np.int64)
        template[rows] = number + drawn
        length[rows] = sizes[drawn]
        number += len(sizes)
    return prompt, output, template, length
