"""Lengths of published loads by name, each with its source; statistics alone, no data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from makespan.core.errors import OptionError
from makespan.serving.workloads.lengths import Lengths, LogNormal, PowerLaw, Quantiles, Uniform


@dataclass(frozen=True, slots=True)
class LengthPair:
    """Lengths of prompts and outputs, drawn independently of each other.

    Attributes
    ----------
    cap
        Limit that the clients ask for, tokens of output.
    """

    name: str
    prompt: Lengths
    output: Lengths
    cap: int
    source: str


_O1_LEVELS: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
_AZURE_LEVELS: Final = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
_PAST_FUTURE: Final = "Past-Future, arXiv 2507.10150, section 5 and its scripts"
_AZURE: Final = (
    "quantiles of {} requests of AzureLLMInferenceTrace_{}.csv of 2023 (CC-BY-4.0; Patel et al., "
    "Splitwise, ISCA 2024); correlation of prompt and output there {}"
)
_LLUMNIX: Final = "Llumnix, arXiv 2406.03243, artifact 63: power law up to 6,144"


def _curve(levels: tuple[float, ...], *values: float) -> Quantiles:
    """Lines straight in the logarithm, which keep the means of these long-tailed counts."""
    return Quantiles(levels, values, logarithmic=True)


def _power(name: str, mean: float) -> LengthPair:
    law = PowerLaw.of_mean(mean, 6144)
    return LengthPair(name, law, law, 6144, f"{_LLUMNIX}, mean {mean:g} (both lengths)")


_PAIRS: Final[dict[str, Callable[[], LengthPair]]] = {
    "dist-1": lambda: LengthPair(
        "dist-1", Uniform(32, 4096), Uniform(2048, 4096), 4096, f"{_PAST_FUTURE}: decode-heavy"
    ),
    "dist-2": lambda: LengthPair(
        "dist-2", Uniform(3000, 5000), Uniform(3000, 5000), 5000, f"{_PAST_FUTURE}: balanced"
    ),
    "dist-3": lambda: LengthPair(
        "dist-3", Uniform(2048, 4096), Uniform(32, 4096), 4096, f"{_PAST_FUTURE}: prefill-heavy"
    ),
    "sharegpt-o1": lambda: LengthPair(
        "sharegpt-o1",
        _curve(_O1_LEVELS, 9, 17, 30, 209, 532, 839, 2594, 10798),
        _curve(_O1_LEVELS, 149, 663, 1209, 1954, 2822, 3872, 6428, 10935),
        10935,
        "quantiles of ShareGPT-o1 (1,981 answers of o1; means 381 in, 2,160 out), the load of "
        "Past-Future, arXiv 2507.10150",
    ),
    "azure-code": lambda: LengthPair(
        "azure-code",
        _curve(_AZURE_LEVELS, 3, 17, 75, 147, 578, 1469, 2744.5, 5187.6, 7303.3, 7436, 7437, 7437),
        _curve(_AZURE_LEVELS, 6, 6, 6, 7, 9, 13, 24, 55, 90, 251.5, 825.3, 1899),
        1899,
        _AZURE.format("8,819", "code", "0.00"),
    ),
    "azure-conversation": lambda: LengthPair(
        "azure-conversation",
        _curve(_AZURE_LEVELS, 2, 29, 181, 207, 396, 1020, 1189, 2734.5, 4083, 4142, 6179, 14050),
        _curve(_AZURE_LEVELS, 7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 954, 1000),
        1000,
        _AZURE.format("19,366", "conv", "-0.11"),
    ),
    "power-short": lambda: _power("power-short", 128),
    "power-medium": lambda: _power("power-medium", 256),
    "power-long": lambda: _power("power-long", 512),
}

_SMOOTH: Final = "-lognormal"

NAMES: Final = (
    *_PAIRS,
    *(name + _SMOOTH for name in ("sharegpt-o1", "azure-code", "azure-conversation")),
)
"""Names of the published lengths; the last ones are log-normals fitted to the same quantiles."""


def published(name: str) -> LengthPair:
    """The lengths of a name.

    Raises
    ------
    OptionError
        If there are none.
    """
    if name not in NAMES:
        raise OptionError(
            f"there are no published lengths {name!r}", hint=f"one of {', '.join(NAMES)}"
        )
    pair = _PAIRS[name.removesuffix(_SMOOTH)]()
    if not name.endswith(_SMOOTH):
        return pair
    return replace(
        pair,
        name=name,
        prompt=_smooth(pair.prompt),
        output=_smooth(pair.output),
        source=f"log-normal fitted to p5 to p95 of: {pair.source}",
    )


def _smooth(law: Lengths) -> LogNormal:
    """The log-normal nearest to the inner quantiles, no longer than the longest."""
    assert isinstance(law, Quantiles)
    inner = [k for k, level in enumerate(law.levels) if 0.05 <= level <= 0.95]
    return LogNormal.fitted(
        [law.levels[k] for k in inner], [law.values[k] for k in inner], cap=int(law.values[-1])
    )
