"""ServeGen's clients: how often a client sends and how long its requests are, window by window.

Per client ``chunk-N-trace.csv`` without header: beginning of the window (s), rate (requests/s), CV,
pattern (``Gamma``, ``Weibull`` or empty for none), shape and scale of the gaps in seconds. And
``chunk-N-dataset.json``: beginning of a window -> probabilities of token counts, each a mapping
written as a string (arXiv 2505.09999; github.com/alibaba/ServeGen, Apache-2.0). They are no trace:
:func:`generate` draws a load from them. Outputs of reasoning models include the reasoning, whose
share (``reason_ratio``) is not read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan.core.errors import FormatError, OptionError
from makespan.core.vocabulary import IntArray
from makespan.io.files import load_from
from makespan.io.text import Text
from makespan.serving.workload import TOKEN_LIMIT, Workload
from makespan.serving.workloads._jsonl import document
from makespan.serving.workloads._lines import first_line
from makespan.serving.workloads.arrivals import ticks
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.draws import RealArray, Stream

MOST_REQUESTS: Final = 20_000_000
"""A load expected to be larger is refused."""

_TRACE_NAME: Final = re.compile(r"chunk-(\d{1,9})-trace\.csv(\.gz)?")
_PAIR: Final = re.compile(r"\s*([0-9]{1,10})\s*:\s*([0-9.]{1,40}(?:[eE][-+]?[0-9]{1,3})?)\s*")
_PATTERNS: Final = ("", "Gamma", "Weibull")
_LEAST_SHAPE: Final = (0.0, 0.001, 0.02)
_WINDOW_LIMIT: Final = 10**8


@dataclass(frozen=True, slots=True)
class Lengths:
    """A distribution of token counts: values ascending and their cumulative probability."""

    values: IntArray
    cumulative: RealArray

    def draw(self, count: int, stream: Stream) -> IntArray:
        """Token counts, at least 1."""
        at = np.searchsorted(self.cumulative, stream.reals(count) * self.cumulative[-1])
        drawn = self.values[np.minimum(at, len(self.values) - 1)]
        return np.asarray(np.maximum(drawn, 1))

    @property
    def mean(self) -> float:
        """Mean token count."""
        weights = np.diff(self.cumulative, prepend=0.0)
        return float((self.values * weights).sum() / self.cumulative[-1])


@dataclass(frozen=True, slots=True, eq=False)
class Client:
    """A client by windows of time.

    Attributes
    ----------
    name
        Its label.
    begin
        (w,) beginning of the windows, seconds, ascending; the last is as long as the one before.
    rate
        (w,) requests per second.
    pattern
        (w,) index into ("", "Gamma", "Weibull"); no request where it is 0.
    shape
        (w,) shape of the gaps. Their scale follows from the rate.
    lengths
        Beginning of a window, then prompt and output lengths that hold from it on.
    """

    name: str
    begin: IntArray
    rate: RealArray
    pattern: IntArray
    shape: RealArray
    lengths: tuple[tuple[int, Lengths, Lengths], ...]

    @property
    def end(self) -> int:
        """Where the last window ends, seconds."""
        last = int(self.begin[-1])
        return last + (last - int(self.begin[-2]) if len(self.begin) > 1 else 600)


def sniff(text: Text) -> bool:
    """Whether the first line is a window of a client: six fields, the fourth a pattern."""
    cells = first_line(text).split(",")
    return (
        len(cells) == 6
        and cells[3] in _PATTERNS
        and all(re.fullmatch(r"[0-9.eE+-]+", cells[k]) for k in (0, 1, 2, 4, 5))
    )


def client(trace: Text, dataset: Text, name: str = "") -> Client:
    """A client from the texts of its two files.

    Raises
    ------
    FormatError
        If a file breaks its format.
    """
    rows = [
        _window(line, number, trace)
        for number, line in enumerate(trace.body.split("\n"), 1)
        if line.strip()
    ]
    begin, rate, pattern, shape = zip(*rows, strict=True)
    order = np.array(begin, dtype=np.int64)
    if (np.diff(order) <= 0).any():
        late = int(np.argmax(np.diff(order) <= 0)) + 1
        raise trace.error(None, f"window {order[late]} s does not come after {order[late - 1]} s")
    return Client(
        name or trace.name.removesuffix(".csv"),
        order,
        np.array(rate),
        np.array(pattern, dtype=np.int64),
        np.array(shape),
        _lengths(dataset),
    )


def client_files(path: Path) -> list[Path]:
    """The trace files of a folder, by number; a file is the only one.

    Raises
    ------
    FormatError
        If the folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(
        (int(match.group(1)), item)
        for item in path.iterdir()
        if (match := _TRACE_NAME.fullmatch(item.name))
    )
    if not found:
        raise FormatError(
            "no workload in this folder",
            source=str(path),
            expected="ServeGen clients, chunk-N-trace.csv, or the path of a file",
        )
    return [item for _, item in found]


def read_clients(path: Path) -> list[Client]:
    """The client of a trace file with its data set beside it, or all clients of a folder.

    Raises
    ------
    FormatError
        If a file breaks its format, or the other file of a client is not there.
    """
    clients = []
    for item in client_files(path):
        beside = [
            item.with_name(re.sub(r"trace\.csv(\.gz)?$", ending, item.name))
            for ending in ("dataset.json", "dataset.json.gz")
        ]
        dataset = next((other for other in beside if other != item and other.is_file()), None)
        if dataset is None:
            raise FormatError(
                "the lengths of this client are missing",
                source=str(item),
                expected=f"{beside[0].name} beside it",
            )
        label = re.sub(r"-trace\.csv(\.gz)?$", "", item.name)
        clients.append(client(load_from(item), load_from(dataset), label))
    return clients


def generate(
    clients: Sequence[Client],
    *,
    start: float = 0.0,
    until: float,
    rate_scale: float = 1.0,
    seed: int = 0,
    name: str = "servegen",
) -> Workload:
    """A load of the clients between two times; ``start`` becomes its zero.

    Within a window a client's gaps are drawn with the window's pattern and shape, at the window's
    rate times ``rate_scale``; the first window of lengths also serves times before it. Unlike
    ServeGen's own program the gaps are not stretched to fill the window exactly, so that counts
    vary as the process has them; a window begins anew.

    Raises
    ------
    OptionError
        If the span is empty, or more than ``MOST_REQUESTS`` are expected.
    """
    last = max(item.end for item in clients)
    if not 0 <= start < until <= _WINDOW_LIMIT or not 0 < rate_scale <= 1e6:
        raise OptionError(
            f"start {start} s, until {until} s, rate_scale {rate_scale}",
            hint=f"the clients' windows end at {last} s",
        )
    expected = sum(
        float((item.rate * (item.pattern > 0) * _overlap(item, start, until)).sum())
        for item in clients
    )
    if expected * rate_scale > MOST_REQUESTS:
        raise OptionError(
            f"about {expected * rate_scale:.0f} requests from {start:g} s to {until:g} s",
            hint=f"take a shorter span, or a lower rate_scale, for at most {MOST_REQUESTS}",
        )
    parts: list[tuple[RealArray, IntArray, IntArray, IntArray]] = []
    for number, item in enumerate(clients):
        stream = Stream(seed, "servegen", item.name)
        ends = np.append(item.begin[1:], item.end)
        starts = [begin for begin, _, _ in item.lengths]
        for k in np.flatnonzero(_overlap(item, start, until) > 0).tolist():
            low, high = max(float(item.begin[k]), start), min(float(ends[k]), until)
            here = stream.stream(str(int(item.begin[k])))
            at = _arrivals(item, k, high - low, rate_scale, here.stream("gaps"))
            if not len(at):
                continue
            row = max(int(np.searchsorted(starts, item.begin[k], side="right")) - 1, 0)
            _, prompt, output = item.lengths[row]
            parts.append(
                (
                    at + low - start,
                    prompt.draw(len(at), here.stream("prompt")),
                    output.draw(len(at), here.stream("output")),
                    np.full(len(at), number, dtype=np.int64),
                )
            )
    if not parts:
        raise OptionError(
            f"no client sends anything between {start:g} s and {until:g} s",
            hint=f"their windows end at {last} s",
        )
    at, prompts, outputs, label = (np.concatenate(part) for part in zip(*parts, strict=True))
    return assemble(
        name,
        arrival=ticks(at),
        prompt=prompts,
        output=outputs,
        label=label,
        labels=tuple(item.name for item in clients),
        source=f"generated from ServeGen clients {', '.join(item.name for item in clients)}: "
        f"start={start:g}, until={until:g}, rate_scale={rate_scale:g}, seed={seed}",
    )


def _overlap(item: Client, start: float, until: float) -> RealArray:
    ends = np.append(item.begin[1:], item.end)
    inside = np.minimum(ends, until) - np.maximum(item.begin, start)
    return np.asarray(np.maximum(inside, 0.0))


def _arrivals(item: Client, k: int, span: float, scale: float, stream: Stream) -> RealArray:
    """Times within a window of ``span`` seconds."""
    rate, shape = float(item.rate[k]) * scale, float(item.shape[k])
    if not item.pattern[k] or rate <= 0:
        return np.zeros(0)
    gamma = _PATTERNS[item.pattern[k]] == "Gamma"
    mean = shape if gamma else math.gamma(1 + 1 / shape)
    found: list[RealArray] = []
    at = 0.0
    while at < span:
        size = int(rate * (span - at) * 1.1) + 16
        gaps = stream.gammas(shape, size) if gamma else stream.weibulls(shape, size)
        found.append(at + np.cumsum(gaps) / (mean * rate))
        at = float(found[-1][-1])
    times = np.concatenate(found)
    return times[times < span]


def _window(line: str, number: int, trace: Text) -> tuple[int, float, int, float]:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 6 or cells[3] not in _PATTERNS:
        raise trace.error(
            number, f"{line[:60]!r}", "begin, rate, cv, Gamma or Weibull or nothing, shape, scale"
        )
    values = []
    for cell in (cells[0], cells[1], cells[2], cells[4], cells[5]):
        try:
            value = float(cell)
        except ValueError:
            raise trace.error(number, f"{cell[:40]!r} is no number") from None
        if not 0 <= value <= _WINDOW_LIMIT or "_" in cell:
            raise trace.error(number, f"{cell[:40]} is out of range", f"0 to {_WINDOW_LIMIT}")
        values.append(value)
    begin, rate, _, shape, _ = values
    pattern = _PATTERNS.index(cells[3])
    if begin != int(begin):
        raise trace.error(number, f"a window begins at {begin} s", "whole seconds")
    least = _LEAST_SHAPE[pattern]
    if pattern and not least <= shape <= 1e4:
        raise trace.error(number, f"shape {shape}", f"{least} to 10000")
    return int(begin), rate, pattern, shape


def _lengths(dataset: Text) -> tuple[tuple[int, Lengths, Lengths], ...]:
    """Windows that have lengths, ascending."""
    about = document(dataset)
    found = []
    for key, value in about.values.items():
        if not re.fullmatch(r"[0-9]{1,8}", key) or type(value) is not dict:
            raise dataset.error(None, f"window {key[:40]!r}", "seconds and an object of lengths")
        pair = [
            _distribution(value, name, key, dataset) for name in ("input_tokens", "output_tokens")
        ]
        if pair[0] is not None and pair[1] is not None:
            found.append((int(key), pair[0], pair[1]))
    found.sort(key=lambda item: item[0])
    if not found:
        raise dataset.error(None, "no window has lengths of prompts and outputs")
    return tuple(found)


def _distribution(value: dict[str, Any], name: str, window: str, dataset: Text) -> Lengths | None:
    """A mapping of token counts to probabilities; None if it is empty."""
    text = value.get(name)
    if type(text) is not str or not (text.startswith("{") and text.endswith("}")):
        raise dataset.error(None, f"window {window}: {name} is no mapping written as a string")
    inner = text[1:-1].strip()
    if not inner:
        return None
    tokens, weights = [], []
    for part in inner.split(","):
        match = _PAIR.fullmatch(part)
        weight = _weight(match.group(2)) if match else None
        if match is None or weight is None or int(match.group(1)) > TOKEN_LIMIT:
            raise dataset.error(
                None, f"window {window}: {name} has {part[:40]!r}", "tokens: probability"
            )
        tokens.append(int(match.group(1)))
        weights.append(weight)
    order = np.argsort(tokens, kind="stable")
    cumulative = np.cumsum(np.array(weights)[order])
    if not 0.5 <= cumulative[-1] <= 1.5:
        raise dataset.error(
            None, f"window {window}: probabilities of {name} sum to {cumulative[-1]:.3g}", "1"
        )
    return Lengths(np.array(tokens, dtype=np.int64)[order], cumulative)


def _weight(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1.0 + 1e-9 else None
