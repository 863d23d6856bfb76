"""Generator of agent sessions: turns of a model with tools between, on a context that grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import Workload
from makespan.serving.workloads.arrivals import process, ticks
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import RealArray, Stream
from makespan.serving.workloads.lengths import LogNormal
from makespan.serving.workloads.limits import (
    require_amount,
    require_count,
    require_share,
    require_tokens,
)
from makespan.serving.workloads.pieces import nested, rows
from makespan.serving.workloads.shared import histories


@dataclass(frozen=True, slots=True)
class AgentStatistics:
    """Mean and standard deviation of turns, seconds in a tool, and tokens of a session's end."""

    turns: tuple[float, float]
    tool: tuple[float, float]
    tokens: tuple[float, float]
    source: str


STATISTICS: Final = {
    "swe-bench": AgentStatistics(
        (10.9, 2.1),
        (0.925, 3.550),
        (70_126, 19_732),
        "mini-swe-agent on SWE-bench, 100 traces; Continuum, arXiv 2511.02230, evaluation",
    ),
    "bfcl": AgentStatistics(
        (6.3, 2.3),
        (1.923, 2.133),
        (93_256, 68_687),
        "BFCL v4 web search; Continuum, arXiv 2511.02230, evaluation",
    ),
}
"""By kind of agent."""

TOOL_TIMES: Final = ("lognormal", "gamma", "exponential", "constant", "pareto")
"""Distributions of the time in a tool; all have the mean, the first two the deviation, too."""


def agents(
    *,
    sessions: int = 100,
    rate: float = 0.13,
    arrivals: str = "poisson",
    cv: float = 1.0,
    kind: str = "swe-bench",
    tool_times: str = "lognormal",
    tools: int = 4,
    hang: float = 0.0,
    hang_seconds: float = 60.0,
    system_tokens: int = 3000,
    output_tokens: int = 200,
    scale_tokens: float = 1.0,
    context: int = 131_072,
    grain: int = 64,
    seed: int = 0,
) -> Workload:
    """Agent sessions with the statistics that Continuum publishes for SWE-bench or BFCL.

    Turns are normal, rounded, at least one; a session's tokens log-normal. The published number of
    tokens is taken for the context at a session's end (our reading). The system prompt (shared by
    all) and the answers are taken from it; what is left is spread over the turns at random as task
    and tool results. Label: the tool that a turn calls, "end" for a session's last. Tools differ
    in mean time by up to a factor of about 4 around the overall mean (ours).

    Parameters
    ----------
    sessions
        Number of sessions.
    rate
        Mean sessions begun per second; Continuum uses 0.13 to 0.4.
    arrivals
        poisson, gamma, weibull, diurnal or bursts.
    cv
        Coefficient of variation of the gaps between sessions, for gamma and weibull.
    kind
        swe-bench or bfcl.
    tool_times
        lognormal, gamma, exponential, constant or pareto.
    tools
        Number of tools.
    hang
        Share of tool calls that hang.
    hang_seconds
        Seconds of a call that hangs.
    system_tokens
        Tokens in front of every session.
    output_tokens
        Mean tokens of an answer, log-normal with CV 1.
    scale_tokens
        All tokens are so many times those published, for small models.
    context
        Most tokens of a session; longer ones are cut, as the model's window would.
    grain
        Tokens of a piece.
    """
    require_count(sessions=sessions, tools=tools, grain=grain)
    require_share(hang=hang)
    require_amount(hang_seconds=hang_seconds)
    require_tokens(system_tokens=system_tokens, output_tokens=output_tokens, context=context)
    if tools > 1000:
        raise OptionError(f"{tools} tools", hint="at most 1,000")
    if kind not in STATISTICS:
        raise OptionError(f"no agents {kind!r}", hint=f"one of {', '.join(STATISTICS)}")
    if not 1e-4 <= scale_tokens <= 100:
        raise OptionError(f"scale_tokens is {scale_tokens}", hint="from 0.0001 to 100")
    known = STATISTICS[kind]
    stream = Stream(seed, "agents")
    mean, deviation = known.turns
    drawn = mean + deviation * stream.stream("turns").normals(sessions)
    count = np.maximum(np.rint(drawn), 1).astype(np.int64)
    _, owner, turn = rows(count)
    last = turn == count[owner] - 1
    ask, output = _growth(
        known, count, owner, turn, system_tokens, output_tokens, scale_tokens, context, stream
    )
    end, prompt = histories(ask, output, turn)
    tool = stream.stream("tools").integers(0, tools - 1, len(owner))
    seconds = _tool_seconds(known, tool_times, tools, tool, stream)
    stuck = stream.stream("hang").reals(len(owner)) < hang
    seconds = np.where(stuck, hang_seconds, seconds)
    later = np.flatnonzero(turn > 0)
    start = process(arrivals, rate, cv).times(sessions, stream.stream("arrivals"))
    system = max(1, round(system_tokens * scale_tokens))
    return assemble(
        f"agents-{kind}",
        arrival=start[owner],
        prompt=prompt,
        output=output,
        program=owner,
        label=np.where(last, tools, tool),
        labels=(*(f"tool-{k + 1}" for k in range(tools)), "end"),
        parents=(later, later - 1, ticks(seconds[later - 1])),
        contents=nested(
            [(owner * 0, np.minimum(np.full(len(owner), system), prompt)), (owner, end)], grain
        ),
        grain=grain,
    )


def _growth(
    known: AgentStatistics,
    count: IntArray,
    owner: IntArray,
    turn: IntArray,
    system_tokens: int,
    output_tokens: int,
    scale: float,
    context: int,
    stream: Stream,
) -> tuple[IntArray, IntArray]:
    """Tokens that every turn adds to the prompt and answers; sums are the sessions' tokens."""
    system = max(1, round(system_tokens * scale))
    output = LogNormal.of_moments(output_tokens * scale, output_tokens * scale).draw(
        len(owner), stream.stream("output")
    )
    mean, deviation = known.tokens
    tokens = LogNormal.of_moments(mean * scale, deviation * scale).draw(
        len(count), stream.stream("tokens")
    )
    answered = np.bincount(owner, output, minlength=len(count)).astype(np.int64)
    # A turn adds at least a token; a session too short for its answers is as long as they make it.
    least = system + answered + count
    if context < int(least.max()):
        fair = np.maximum((context - system) // count[owner] - 1, 1)
        output = np.where((least > context)[owner], np.minimum(output, fair), output)
        answered = np.bincount(owner, output, minlength=len(count)).astype(np.int64)
        least = system + answered + count
        if context < int(least.max()):
            raise OptionError(
                f"a context of {context} tokens does not hold {int(count.max())} turns behind a "
                f"system prompt of {system}",
                hint="raise context or lower system_tokens",
            )
    spare = np.maximum(np.minimum(tokens, context) - least, 0)
    # Exponential weights make all ways to divide the rest as likely.
    weight = stream.stream("growth").exponentials(len(owner))
    share = weight / np.bincount(owner, weight, minlength=len(count))[owner]
    upto = np.cumsum(share)
    before = np.concatenate(([0.0], upto))[np.cumsum(count) - count]
    until = np.rint((upto - before[owner]) * spare[owner]).astype(np.int64)
    until[np.cumsum(count) - 1] = spare
    added = np.diff(until, prepend=0)
    starts = np.cumsum(count) - count
    added[starts] = until[starts]
    return np.maximum(added, 0) + 1 + np.where(turn == 0, system, 0), output


def _tool_seconds(
    known: AgentStatistics, shape: str, tools: int, tool: IntArray, stream: Stream
) -> RealArray:
    mean, deviation = known.tool
    factor = np.geomspace(0.5, 2.0, tools) if tools > 1 else np.ones(1)
    factor /= factor.mean()
    own = stream.stream("tool-times")
    count = len(tool)
    # The tools' different means are part of the overall deviation.
    between = float((factor**2).mean()) - 1
    within = max((deviation / mean) ** 2 - between, 0.0) / (1 + between)
    if shape == "lognormal":
        sigma2 = np.log1p(within)
        unit: RealArray = np.exp(np.sqrt(sigma2) * own.normals(count) - sigma2 / 2)
    elif shape == "gamma":
        unit = own.gammas(1 / within, count) * within if within > 0 else np.ones(count)
    elif shape == "exponential":
        unit = own.exponentials(count)
    elif shape == "constant":
        unit = np.ones(count)
    elif shape == "pareto":
        # Index 2.1: the variance is just finite, most of the time is in the longest calls.
        unit = own.reals(count) ** (-1 / 2.1) * (1.1 / 2.1)
    else:
        raise OptionError(f"no tool times {shape!r}", hint=f"one of {', '.join(TOOL_TIMES)}")
    return np.asarray(mean * factor[tool] * unit)
