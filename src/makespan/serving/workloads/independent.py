"""Generators of requests that share nothing and wait for nothing: arrivals times lengths."""

from __future__ import annotations

import numpy as np

from makespan.core.errors import OptionError
from makespan.serving.workload import TOKEN_LIMIT, Workload
from makespan.serving.workloads.arrivals import Arrivals, AtOnce, Gamma, process
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.lengths import PowerLaw
from makespan.serving.workloads.limits import require_count
from makespan.serving.workloads.published import LengthPair, published


def draw(
    name: str, requests: int, arrivals: Arrivals, lengths: LengthPair, stream: Stream, cap: int
) -> Workload:
    """A load of any process of arrivals and any lengths.

    Parameters
    ----------
    cap
        Limit that all requests ask for; 0 for that of the lengths. Longer outputs have their own.
    """
    require_count(requests=requests)
    if not 0 <= cap <= TOKEN_LIMIT:
        raise OptionError(f"cap is {cap}", hint=f"from 0 to {TOKEN_LIMIT}")
    output = lengths.output.draw(requests, stream.stream("output"))
    return assemble(
        name,
        arrival=arrivals.times(requests, stream.stream("arrivals")),
        prompt=lengths.prompt.draw(requests, stream.stream("prompt")),
        output=output,
        cap=np.maximum(output, cap or lengths.cap),
    )


def independent(
    *,
    requests: int = 1000,
    rate: float = 1.0,
    arrivals: str = "poisson",
    cv: float = 1.0,
    lengths: str = "azure-conversation",
    cap: int = 0,
    seed: int = 0,
) -> Workload:
    """Independent requests with published lengths, in an open loop.

    Parameters
    ----------
    requests
        Number of requests.
    rate
        Mean requests per second; 0 sends all at once.
    arrivals
        poisson, gamma, weibull, diurnal or bursts.
    cv
        Coefficient of variation of the gaps, for gamma and weibull.
    lengths
        Name of published lengths, such as azure-code, sharegpt-o1, dist-1, power-long.
    cap
        Output limit that every request states, tokens; 0 for that of the lengths.
    """
    pair = published(lengths)
    kind = AtOnce() if rate == 0 else process(arrivals, rate, cv)
    return draw(lengths, requests, kind, pair, Stream(seed, "independent"), cap)


def burst_lookalike(
    *,
    requests: int = 1000,
    rate: float = 1.0,
    cv: float = 2.5,
    prompt_mean: float = 600.0,
    output_mean: float = 250.0,
    longest: int = 8192,
    seed: int = 0,
) -> Workload:
    """A look-alike of BurstGPT: Gamma arrivals in bursts, Zipf-like lengths.

    BurstGPT (arXiv 2401.17644) finds Gamma arrivals with a CV above 1 and heavy-tailed lengths. The
    parameters are ours, for want of the file; read the trace itself for its figures.

    Parameters
    ----------
    requests
        Number of requests.
    rate
        Mean requests per second.
    cv
        Coefficient of variation of the gaps.
    prompt_mean, output_mean
        Mean tokens.
    longest
        Longest prompt and output, tokens.
    """
    pair = LengthPair(
        "zipf",
        PowerLaw.of_mean(prompt_mean, longest),
        PowerLaw.of_mean(output_mean, longest),
        longest,
        "ours",
    )
    kind = Gamma(rate, cv)
    return draw("burst-lookalike", requests, kind, pair, Stream(seed, "burst-lookalike"), 0)
