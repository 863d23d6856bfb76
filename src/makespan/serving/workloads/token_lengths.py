"""CSV files of token counts as Vidur and splitwise-sim use them, with or without times.

Vidur: ``num_prefill_tokens,num_decode_tokens`` and perhaps ``arrived_at`` in seconds
(github.com/microsoft/vidur, MIT). splitwise-sim: ``prompt_size,token_size`` and
``arrival_timestamp`` in seconds (github.com/Mutinifni/splitwise-sim, MIT).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.errors import OptionError
from makespan.io.text import Text
from makespan.serving.workload import TOKEN_LIMIT
from makespan.serving.workloads._columns import Table, header
from makespan.serving.workloads.arrivals import Poisson
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import Stream
from makespan.serving.workloads.trace import Trace

_LAYOUTS: Final = (
    ("Vidur", "num_prefill_tokens", "num_decode_tokens", "arrived_at"),
    ("splitwise-sim", "prompt_size", "token_size", "arrival_timestamp"),
)
_MEASUREMENTS: Final = {"prompt_time", "token_time"}
_LATEST: Final = 10**6


def sniff(text: Text) -> bool:
    """Whether the header has token counts of one of the two, and is no table of measurements."""
    names = set(header(text))
    return not names & _MEASUREMENTS and any({p, d} <= names for _, p, d, _ in _LAYOUTS)


def read(text: Text, rate: float | None = None, seed: int = 0) -> Trace:
    """The requests.

    Parameters
    ----------
    rate
        Requests per second of Poisson arrivals for a file that states no times. Without it all
        requests arrive at 0.
    seed
        For the arrivals.

    Raises
    ------
    FormatError
        If a line breaks the format.
    OptionError
        If a rate is given for a file that states times.
    """
    table = Table(text)
    fitting = [layout for layout in _LAYOUTS if table.has(layout[1]) and table.has(layout[2])]
    if not fitting:
        raise text.error(1, f"columns {table.names}", "columns of Vidur or splitwise-sim")
    program, prompt_name, output_name, time_name = fitting[0]
    timed = table.has(time_name)
    if timed and rate is not None:
        raise OptionError(
            f"{text.source} states times; rate={rate:g} would replace them",
            hint="use rate_scale= to change their rate",
        )
    wanted = [prompt_name, output_name, *([time_name] if timed else [])]
    parts = [
        (
            fields[0].integers(1, TOKEN_LIMIT),
            fields[1].integers(1, TOKEN_LIMIT),
            fields[2].decimals(12, 0, _LATEST) if timed else fields[0].begin * 0,
        )
        for fields in table.blocks(wanted)
    ]
    if not parts:
        raise text.error(2, "there are no requests")
    prompt, output, arrival = (np.concatenate(part) for part in zip(*parts, strict=True))
    said = ""
    if not timed:
        said = "; all at once" if rate is None else f"; Poisson, {rate:g} requests/s, seed {seed}"
    if rate is not None:
        arrival = Poisson(rate).times(len(prompt), Stream(seed, "token-lengths"))
    return Trace(
        assemble(
            text.name.removesuffix(".csv"),
            arrival=arrival,
            prompt=prompt,
            output=output,
            source=f"{program} lengths {text.source}{said}",
        ),
        1,
    )
