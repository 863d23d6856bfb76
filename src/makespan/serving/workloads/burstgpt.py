"""BurstGPT's traces: two models, by API and in conversations, over months.

Columns ``Timestamp`` (seconds from midnight of the first day), in release 1.2 also ``Session ID``
and ``Elapsed time``, then ``Model``, ``Request tokens``, ``Response tokens``, ``Total tokens`` and
``Log Type``. Failures have 0 response tokens (Wang et al., KDD 2025, arXiv 2401.17644;
github.com/HPMLL/BurstGPT, CC-BY-4.0). Files reach 5.3 million rows.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from makespan.core.errors import OptionError
from makespan.io.text import Text
from makespan.serving.workload import TOKEN_LIMIT
from makespan.serving.workloads._columns import Table, header
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.trace import Trace

TICK: Final = 10**6
"""A microsecond."""

Failures = Literal["drop", "keep"]

_COLUMNS: Final = ("Timestamp", "Model", "Request tokens", "Response tokens", "Log Type")
_LATEST: Final = 10**9


def sniff(text: Text) -> bool:
    """Whether the header is BurstGPT's."""
    names = {name.casefold() for name in header(text)}
    return {name.casefold() for name in _COLUMNS} <= names


def read(text: Text, failures: Failures = "drop") -> Trace:
    """The requests; model and log type are their labels, sessions their programs.

    Parameters
    ----------
    failures
        What becomes of requests without a token of response (or of prompt): left out, or kept
        with one token. The workload's ``source`` says how many there were.

    Raises
    ------
    FormatError
        If a line breaks the format.
    """
    if failures not in ("drop", "keep"):
        raise OptionError(f"failures={failures!r}", hint="'drop' or 'keep'")
    table = Table(text)
    sessions = table.has("Session ID")
    models: dict[bytes, int] = {}
    kinds: dict[bytes, int] = {}
    known: dict[bytes, int] = {}
    parts = [
        (
            at.decimals(6, 0, _LATEST),
            prompt.integers(0, TOKEN_LIMIT),
            output.integers(0, TOKEN_LIMIT),
            model.words(models),
            kind.words(kinds),
            session[0].words(known, empty=True) if session else np.full(len(at.begin), -1),
        )
        for at, model, prompt, output, kind, *session in table.blocks(
            [*_COLUMNS, *(["Session ID"] if sessions else [])]
        )
    ]
    if not parts:
        raise text.error(2, "there are no requests")
    rows = [np.concatenate(part) for part in zip(*parts, strict=True)]
    del parts
    failed = (rows[1] < 1) | (rows[2] < 1)
    said = ""
    if failed.any():
        said = f"; {int(failed.sum())} failed requests " + (
            "left out" if failures == "drop" else "given one token"
        )
        if failures == "drop":
            rows = [column[~failed] for column in rows]
            if not len(rows[0]):
                raise text.error(2, "all requests failed")
    arrival, prompts, outputs, model_of, kind_of, program = rows
    used, label = np.unique(model_of * len(kinds) + kind_of, return_inverse=True)
    words = [
        f"{model_name.decode('utf-8', 'replace')}, {kind_name.decode('utf-8', 'replace')}"
        for model_name in models
        for kind_name in kinds
    ]
    return Trace(
        assemble(
            text.name.removesuffix(".csv"),
            arrival=arrival,
            prompt=np.maximum(prompts, 1),
            output=np.maximum(outputs, 1),
            program=program,
            label=label.astype(np.int64),
            labels=tuple(words[k] for k in used.tolist()),
            source=f"BurstGPT trace {text.source}{said}",
        ),
        TICK,
    )
