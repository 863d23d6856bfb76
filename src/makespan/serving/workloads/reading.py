"""Workloads from files and texts, the format recognised by content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from makespan.core.errors import FormatError, OptionError, ProblemError
from makespan.io.files import decode, load_from, replace_file
from makespan.io.text import Text
from makespan.serving.workload import Workload
from makespan.serving.workloads import (
    azure,
    bailian,
    burstgpt,
    llmservingsim,
    mooncake,
    own,
    servegen,
    token_lengths,
)
from makespan.serving.workloads._lines import first_line
from makespan.serving.workloads.burstgpt import Failures
from makespan.serving.workloads.pieces import scale_lengths as scaled
from makespan.serving.workloads.trace import Trace

Source = str | bytes | os.PathLike[str] | IO[str] | IO[bytes]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What some readers need to be told.

    Attributes
    ----------
    failures
        BurstGPT: what becomes of failed requests.
    rate
        Token lengths without times: requests per second.
    seed
        For arrivals and lengths that are drawn.
    """

    failures: Failures = "drop"
    rate: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class WorkloadFormat:
    """A format of workload files.

    Attributes
    ----------
    sniff
        Whether a text is in the format.
    read
        What the text holds; raises FormatError.
    """

    name: str
    description: str
    sniff: Callable[[Text], bool]
    read: Callable[[Text, ReadOptions], Trace]


def _servegen(text: Text) -> Trace:
    raise FormatError(
        "a ServeGen client is two files", source=text.source, hint="give the path of the trace file"
    )


FORMATS: Final = (
    WorkloadFormat(
        "makespan-csv", "makespan's own CSV", own.sniff_csv, lambda t, o: own.read_csv(t)
    ),
    WorkloadFormat(
        "makespan-jsonl",
        "makespan's own JSON lines",
        own.sniff_jsonl,
        lambda t, o: own.read_jsonl(t),
    ),
    WorkloadFormat("azure", "Azure LLM 2023 and 2024", azure.sniff, lambda t, o: azure.read(t)),
    WorkloadFormat("mooncake", "Mooncake", mooncake.sniff, lambda t, o: mooncake.read(t)),
    WorkloadFormat("bailian", "Qwen-Bailian", bailian.sniff, lambda t, o: bailian.read(t)),
    WorkloadFormat(
        "burstgpt", "BurstGPT", burstgpt.sniff, lambda t, o: burstgpt.read(t, o.failures)
    ),
    WorkloadFormat(
        "llmservingsim-run",
        "recorded run of vLLM, as LLMServingSim's bench writes it",
        llmservingsim.sniff_recorded,
        lambda t, o: llmservingsim.read_recorded(t),
    ),
    WorkloadFormat(
        "llmservingsim",
        "LLMServingSim requests and sessions",
        llmservingsim.sniff,
        lambda t, o: llmservingsim.read(t),
    ),
    WorkloadFormat(
        "token-lengths",
        "token counts of Vidur or splitwise-sim",
        token_lengths.sniff,
        lambda t, o: token_lengths.read(t, o.rate, o.seed),
    ),
    WorkloadFormat("servegen", "ServeGen client", servegen.sniff, lambda t, o: _servegen(t)),
)
"""All formats, in the order in which they are asked."""


def workload_format(name: str) -> WorkloadFormat:
    """The format of a name.

    Raises
    ------
    OptionError
        If there is none.
    """
    for item in FORMATS:
        if item.name == name:
            return item
    raise OptionError(
        f"there is no workload format {name!r}",
        hint=f"known formats: {', '.join(item.name for item in FORMATS)}",
    )


def detect(text: Text) -> WorkloadFormat:
    """The format a text is in.

    Raises
    ------
    FormatError
        If it is in none.
    """
    for item in FORMATS:
        if item.sniff(text):
            return item
    start = first_line(text).strip()
    if start.startswith("version https://git-lfs"):
        raise FormatError(
            "a pointer of Git LFS instead of the file itself",
            source=text.source,
            hint="fetch the content with 'git lfs pull'",
        )
    raise FormatError(
        f"no known workload begins with {start[:60]!r}",
        source=text.source,
        line=1,
        expected=f"one of {', '.join(item.name for item in FORMATS)}",
        hint="say format= if you know it",
    )


def read_workload(
    source: Source,
    format: str | None = None,
    *,
    start: float | None = None,
    until: float | None = None,
    limit: int | None = None,
    rate_scale: float = 1.0,
    scale_lengths: float = 1.0,
    failures: Failures = "drop",
    rate: float | None = None,
    seed: int = 0,
) -> Workload:
    """The workload of a file or text; gzip is unpacked.

    Parameters
    ----------
    source
        A path; an open stream; or the text itself: bytes, or a string with a newline in it. A
        folder is one of ServeGen clients.
    format
        Name of the format; default is to recognise it by content.
    start, until
        Seconds of the trace to take; ``start`` becomes zero. A ServeGen client needs ``until``.
    limit
        Take the first so many requests of those.
    rate_scale
        Arrivals come so many times as fast.
    scale_lengths
        Prompts, outputs and shared pieces become so many times as long.
    failures
        BurstGPT: "drop" failed requests or "keep" them with one token.
    rate
        Requests per second for files that have lengths alone; without it all arrive at 0.
    seed
        For what is drawn: Poisson arrivals with ``rate``, and all of ServeGen.

    Raises
    ------
    FormatError
        If the content breaks the rules of its format; the message has the line.
    OptionError
        If an option is out of range or not for this format.
    OSError
        If the file cannot be read.
    """
    options = ReadOptions(failures, rate, seed)
    text = None if _is_folder(source) else _load(source)
    if text is None and format not in (None, "servegen"):
        raise FormatError("this is a folder", source=str(source), expected=f"a file of {format}")
    item = workload_format(format) if format is not None else detect(text) if text else None
    if rate is not None and (item is None or item.name != "token-lengths"):
        raise OptionError(
            "rate= is for files without times", hint="rate_scale= changes the rate of a trace"
        )
    if item is None or item.name == "servegen":
        load = _from_clients(source, start, until, limit, rate_scale, seed)
    else:
        assert text is not None
        try:
            trace = item.read(text, options)
        except ProblemError as error:
            raise FormatError(error.message, source=text.source, hint=error.hint) from error
        load = trace.workload(start=start, until=until, limit=limit, rate_scale=rate_scale)
    if scale_lengths == 1.0:
        return load
    load = scaled(load, scale_lengths)
    return replace(load, source=f"{load.source}, lengths times {scale_lengths:g}")


def write_workload(load: Workload, path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write a workload; the file is replaced whole or left as it was, and reads back exactly.

    Parameters
    ----------
    path
        A name that ends in ``.gz`` is compressed.
    format
        ``makespan-csv`` or ``makespan-jsonl``. Default: by the ending, ``.csv`` or ``.jsonl``.

    Raises
    ------
    OptionError
        If the format is none of the two, or the ending tells nothing.
    FormatError
        If a name cannot stand in a CSV line.
    """
    writers = {"makespan-csv": own.to_csv, "makespan-jsonl": own.to_jsonl}
    endings = {".csv": "makespan-csv", ".jsonl": "makespan-jsonl"}
    ending = Path(os.fspath(path).removesuffix(".gz")).suffix.lower()
    if format is None and ending not in endings:
        raise OptionError(
            f"workloads are not written to files that end in {ending!r}",
            hint="use .csv or .jsonl, or say format=",
        )
    chosen = format if format is not None else endings[ending]
    if chosen not in writers:
        raise OptionError(
            f"the format {chosen!r} is not written", hint=f"one of {', '.join(writers)}"
        )
    replace_file(path, writers[chosen](load))


def _is_folder(source: Source) -> bool:
    is_path = isinstance(source, os.PathLike) or (
        isinstance(source, str) and "\n" not in source and "\0" not in source
    )
    return is_path and Path(source).is_dir()  # type: ignore[arg-type]


def _load(source: Source) -> Text:
    if isinstance(source, bytes):
        return decode(source, "text")
    if isinstance(source, str) and "\n" in source:
        return Text(source, "text")
    if isinstance(source, str) and "\0" in source:
        raise OptionError("a path cannot hold a NUL character")
    return load_from(source)


def _from_clients(
    source: Source,
    start: float | None,
    until: float | None,
    limit: int | None,
    rate_scale: float,
    seed: int,
) -> Workload:
    if not isinstance(source, (str, os.PathLike)) or "\n" in os.fspath(source):
        raise FormatError(
            "a ServeGen client is two files", hint="give the path of the trace file or the folder"
        )
    path = Path(source)
    servegen.client_files(path)  # a folder without any is no matter of until=
    if until is None:
        raise OptionError(
            "ServeGen clients are rates, not requests", hint="say until= which second to draw them"
        )
    load = servegen.generate(
        servegen.read_clients(path),
        start=start or 0.0,
        until=until,
        rate_scale=rate_scale,
        seed=seed,
        name=path.name.removesuffix(".csv"),
    )
    if limit is not None:
        if limit < 1:
            raise OptionError(f"limit is {limit}", hint="take at least one request")
        load = load.take(range(min(limit, load.count)))
    return load
