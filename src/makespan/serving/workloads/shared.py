"""Generators of requests that share prefixes: trees of prompts, conversations, offline batches."""

from __future__ import annotations

import numpy as np

from makespan.core.errors import OptionError
from makespan.core.vocabulary import IntArray
from makespan.serving.workload import Workload
from makespan.serving.workloads.arrivals import process, ticks
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.lengths import LogNormal
from makespan.serving.workloads.limits import (
    require_amount,
    require_count,
    require_share,
    require_tokens,
)
from makespan.serving.workloads.pieces import nested, rows


def shared_prefixes(
    *,
    requests: int = 1000,
    rate: float = 1.0,
    arrivals: str = "poisson",
    cv: float = 1.0,
    systems: int = 4,
    documents: int = 64,
    system_tokens: int = 1000,
    document_tokens: int = 4000,
    question_tokens: int = 100,
    output_tokens: int = 200,
    skew: float = 1.0,
    grain: int = 16,
    seed: int = 0,
) -> Workload:
    """A tree of prompts: system prompt, then document, then a question of its own.

    A document belongs to one system prompt. Lengths of documents, questions and outputs are
    log-normal around their means with CV 1; the parameters are ours.

    Parameters
    ----------
    requests
        Number of requests.
    rate
        Mean requests per second.
    arrivals
        poisson, gamma, weibull, diurnal or bursts.
    cv
        Coefficient of variation of the gaps, for gamma and weibull.
    systems
        Number of system prompts.
    documents
        Number of documents, dealt out to the system prompts in turn.
    system_tokens
        Tokens of every system prompt.
    document_tokens, question_tokens, output_tokens
        Mean tokens.
    skew
        Zipf exponent of the documents' popularity; 0 for all alike.
    grain
        Tokens of a piece.
    """
    require_count(requests=requests, systems=systems, documents=documents, grain=grain)
    require_tokens(system_tokens=system_tokens)
    require_amount(skew=skew)
    stream = Stream(seed, "shared-prefixes")
    size = _around(document_tokens).draw(documents, stream.stream("documents"))
    document = _popular(documents, skew, requests, stream.stream("popularity"))
    prefix = system_tokens + size[document]
    prompt = prefix + _around(question_tokens).draw(requests, stream.stream("questions"))
    return assemble(
        "shared-prefixes",
        arrival=process(arrivals, rate, cv).times(requests, stream.stream("arrivals")),
        prompt=prompt,
        output=_around(output_tokens).draw(requests, stream.stream("output")),
        contents=nested(
            [(document % systems, np.full(requests, system_tokens)), (document, prefix)], grain
        ),
        grain=grain,
    )


def conversations(
    *,
    conversations: int = 1000,
    rate: float = 2.1,
    arrivals: str = "poisson",
    cv: float = 1.0,
    turns: float = 1.52,
    first_tokens: float = 11_100.0,
    question_tokens: float = 500.0,
    output_tokens: float = 343.0,
    spread: float = 1.4,
    systems: int = 1,
    system_tokens: int = 600,
    think: float = 60.0,
    context: int = 128_000,
    grain: int = 64,
    seed: int = 0,
) -> Workload:
    """Conversations whose next prompt is the last prompt, its answer and a new question.

    A turn waits for the answer before it and the reader's pause. The defaults resemble Mooncake's
    conversation trace (Qin et al., FAST 2025) in mean prompt (12,035), mean output (343) and ideal
    prefix hit rate (36.6 %); its number of turns and pauses are not published, ours give those.

    Parameters
    ----------
    conversations
        Number of conversations.
    rate
        Mean conversations begun per second.
    arrivals
        poisson, gamma, weibull, diurnal or bursts.
    cv
        Coefficient of variation of the gaps, for gamma and weibull.
    turns
        Mean number of turns; geometric from 1.
    first_tokens
        Mean tokens of the first message, behind the system prompt.
    question_tokens
        Mean tokens of later messages.
    output_tokens
        Mean tokens of an answer.
    spread
        Coefficient of variation of messages and answers, log-normal.
    systems
        Number of system prompts, used alike.
    system_tokens
        Tokens of every system prompt.
    think
        Mean seconds between an answer and the next question, exponential.
    context
        A conversation ends before prompt and answer outgrow this.
    grain
        Tokens of a piece.
    """
    require_count(conversations=conversations, systems=systems, grain=grain)
    require_tokens(system_tokens=system_tokens, turns=turns, context=context)
    require_amount(think=think)
    stream = Stream(seed, "conversations")
    count = _geometric(turns, conversations, stream.stream("turns"))
    _, owner, turn = rows(count)
    total = len(owner)
    ask = _around(question_tokens, spread).draw(total, stream.stream("questions"))
    first = _around(first_tokens, spread).draw(conversations, stream.stream("first"))
    ask = np.where(turn == 0, system_tokens + first[owner], ask)
    output = _around(output_tokens, spread).draw(total, stream.stream("output"))
    end, prompt = histories(ask, output, turn)
    # Once a turn does not fit, none that would follow it does, because histories only grow.
    fits = (end <= context) | (turn == 0)
    ask, output, owner, turn = ask[fits], output[fits], owner[fits], turn[fits]
    prompt, end = prompt[fits], end[fits]
    excess = np.maximum(end - context, 0)
    prompt = np.maximum(prompt - excess, system_tokens + 1)
    end = prompt + output
    start = process(arrivals, rate, cv).times(conversations, stream.stream("arrivals"))
    later = np.flatnonzero(turn > 0)
    pause = ticks(think * stream.stream("think").exponentials(len(later)))
    system = stream.stream("systems").integers(0, systems - 1, conversations)
    return assemble(
        "conversations",
        arrival=start[owner],
        prompt=prompt,
        output=output,
        program=owner,
        parents=(later, later - 1, pause),
        contents=nested([(system[owner], np.full(len(owner), system_tokens)), (owner, end)], grain),
        grain=grain,
    )


def offline_batch(
    *,
    requests: int = 1000,
    degree: int = 16,
    root_tokens: int = 0,
    prefix_tokens: int = 2000,
    suffix_tokens: int = 500,
    output_tokens: int = 200,
    spread: float = 0.5,
    shuffled: bool = True,
    grain: int = 16,
    seed: int = 0,
) -> Workload:
    """An offline batch, all sent at 0: groups of requests with a prefix in common.

    The microbenchmark of BatchLLM (arXiv 2412.03594, evaluation) by sharing degree and lengths; the
    defaults are ours. The ratio of decoding to prefill is that of ``output_tokens`` to prompts.

    Parameters
    ----------
    requests
        Number of requests.
    degree
        Requests of a group; 1 shares nothing but the root.
    root_tokens
        Tokens in front of every prefix, the same for all groups.
    prefix_tokens, suffix_tokens, output_tokens
        Mean tokens of a group's prefix, and of a request's own part and output.
    spread
        Coefficient of variation of those lengths, log-normal.
    shuffled
        Whether requests are in random order instead of group by group.
    grain
        Tokens of a piece.
    """
    require_count(requests=requests, degree=degree, grain=grain)
    require_tokens(root_tokens=root_tokens + 1)
    stream = Stream(seed, "offline-batch")
    groups = -(-requests // degree)
    group = np.arange(requests, dtype=np.int64) // degree
    if shuffled:
        group = group[np.argsort(stream.stream("order").reals(requests), kind="stable")]
    prefix = root_tokens + _around(prefix_tokens, spread).draw(groups, stream.stream("prefix"))
    suffix = _around(suffix_tokens, spread).draw(requests, stream.stream("suffix"))
    return assemble(
        "offline-batch",
        arrival=np.zeros(requests, dtype=np.int64),
        prompt=prefix[group] + suffix,
        output=_around(output_tokens, spread).draw(requests, stream.stream("output")),
        contents=nested(
            [(group * 0, np.full(requests, root_tokens)), (group, prefix[group])], grain
        ),
        grain=grain,
    )


def histories(ask: IntArray, output: IntArray, turn: IntArray) -> tuple[IntArray, IntArray]:
    """Tokens of prompt and output together, and of prompts, of turns that keep all before them.

    Parameters
    ----------
    ask, output
        Tokens that each turn adds to the prompt, and that it answers.
    turn
        Number of every turn within its conversation, whose turns stand in succession.
    """
    total = np.cumsum(ask + output)
    before = np.concatenate(([0], total))[np.flatnonzero(turn == 0)]
    number = np.cumsum(turn == 0) - 1
    end = total - before[number]
    return end, end - output


def _around(mean: float, cv: float = 1.0) -> LogNormal:
    require_tokens(mean=mean)
    return LogNormal.of_moments(mean, cv * mean, cap=10_000_000)


def _popular(kinds: int, skew: float, count: int, stream: Stream) -> IntArray:
    if skew > 20:
        raise OptionError(f"skew is {skew}", hint="from 0 to 20")
    weights = np.arange(1, kinds + 1, dtype=np.float64) ** -skew
    return stream.choices(weights, count)


def _geometric(mean: float, count: int, stream: Stream) -> IntArray:
    """Whole numbers from 1 with a constant chance to end after each."""
    if mean == 1:
        return np.ones(count, dtype=np.int64)
    require_share(chance=1 / mean)
    drawn = np.floor(np.log(stream.reals(count)) / np.log1p(-1 / mean)) + 1
    return np.asarray(np.minimum(drawn, 10_000), dtype=np.int64)
