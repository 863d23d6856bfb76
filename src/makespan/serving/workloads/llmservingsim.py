"""LLMServingSim's files: workloads of requests and agentic sessions, and recorded runs of vLLM.

A workload is JSON lines with ``input_toks``, ``output_toks``, ``arrival_time_ns`` and perhaps
``input_tok_ids`` and ``output_tok_ids``; a line with ``sub_requests`` is a session, whose call k+1
is sent ``tool_duration_ns`` after the end of call k. A recorded run has per request the times at
which vLLM queued and first scheduled it and sent its first and last token
(github.com/casys-kaist/LLMServingSim, docs/docs/workloads and bench, MIT).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from makespan.core.errors import FormatError, OptionError
from makespan.core.vocabulary import IntArray
from makespan.io.files import load_from
from makespan.io.text import Text
from makespan.serving.settings import EngineSettings
from makespan.serving.workload import TOKEN_LIMIT, Workload
from makespan.serving.workloads._jsonl import Entry, document, entries, first_keys
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.pieces import of_tokens
from makespan.serving.workloads.trace import Trace

GRAIN: Final = 16
"""Tokens of a piece that token ids are cut into; vLLM's usual block."""

_TICK: Final = 1000
_LATEST: Final = 10**18
_SECONDS_LIMIT: Final = 10**10
_TIMES: Final = ("arrival_time", "queued_ts", "scheduled_ts", "first_token_ts", "last_token_ts")


def sniff(text: Text) -> bool:
    """Whether the first line has the fields of a workload."""
    keys = first_keys(text)
    return bool({"input_toks", "sub_requests"} & keys) and "queued_ts" not in keys


def sniff_recorded(text: Text) -> bool:
    """Whether the first line has the fields of a recorded run."""
    return {"input_toks", "queued_ts", "arrival_time"} <= first_keys(text)


def read(text: Text) -> Trace:
    """The requests and sessions; each session is a program whose calls wait for one another.

    Raises
    ------
    FormatError
        If a line breaks the format; also where token ids and their count differ.
    """
    calls = _Calls()
    for entry in entries(text):
        at = entry.whole("arrival_time_ns", 0, _LATEST)
        if "sub_requests" in entry.values:
            calls.session(entry, at)
        else:
            calls.add(entry, at, -1)
    if not calls.arrival:
        raise text.error(1, "there are no requests")
    column = {key: np.array(getattr(calls, key), dtype=np.int64) for key in _CALL_COLUMNS}
    return Trace(
        assemble(
            text.name.removesuffix(".jsonl"),
            arrival=column["arrival"],
            prompt=column["prompt"],
            output=column["output"],
            program=column["program"],
            parents=(column["child"], column["parent"], column["delay"]),
            contents=of_tokens(calls.tokens, GRAIN),
            grain=GRAIN,
            source=f"LLMServingSim workload {text.source}",
        ),
        _TICK,
    )


_CALL_COLUMNS: Final = ("arrival", "prompt", "output", "program", "child", "parent", "delay")


class _Calls:
    """Columns of the calls read so far."""

    def __init__(self) -> None:
        self.arrival: list[int] = []
        self.prompt: list[int] = []
        self.output: list[int] = []
        self.program: list[int] = []
        self.child: list[int] = []
        self.parent: list[int] = []
        self.delay: list[int] = []
        self.tokens: list[list[int]] = []
        self._sessions: set[str] = set()
        self._count = 0

    def add(self, entry: Entry, at: int, program: int) -> None:
        """One call."""
        self.arrival.append(at)
        self.prompt.append(entry.whole("input_toks", 1, TOKEN_LIMIT))
        self.output.append(entry.whole("output_toks", 1, TOKEN_LIMIT))
        self.program.append(program)
        tokens: list[int] = []
        for key, count in (
            ("input_tok_ids", self.prompt[-1]),
            ("output_tok_ids", self.output[-1]),
        ):
            if not entry.has(key) or (key == "output_tok_ids" and not tokens):
                break
            ids = entry.wholes(key).tolist()
            if len(ids) != count:
                raise entry.error(f"{len(ids)} {key} for {count} tokens")
            tokens += ids
        self.tokens.append(tokens)

    def session(self, entry: Entry, at: int) -> None:
        """The calls of a session, each behind the one before."""
        name = entry.text("session_id", "")
        if name and name in self._sessions:
            raise entry.error(f"session {name!r} occurs twice")
        self._sessions.add(name)
        pause = 0
        for k, call in enumerate(entry.objects("sub_requests")):
            self.add(call, at, self._count)
            if k:
                self.child.append(len(self.arrival) - 1)
                self.parent.append(len(self.arrival) - 2)
                self.delay.append(pause * _TICK)
            pause = call.whole("tool_duration_ns", 0, _LATEST // _TICK, default=0)
        self._count += 1


@dataclass(frozen=True, slots=True, eq=False)
class RecordedRun:
    """What a real engine did with a load: times per request, picoseconds, (n,) each.

    The client's clock and the engine's are different ones. ``queued`` and what follows are on the
    engine's, shifted so that the least time from arrival to queue is 0: whatever the fastest
    request took on its way is not seen (our choice; the file holds no common instant).

    Attributes
    ----------
    workload
        The load, in the order of the arrays; the first request arrives at 0.
    queued, scheduled, first_token, last_token
        When the request entered the engine's queue, was first scheduled, and was answered.
    settings
        Limits of the engine, None if the file about them leaves out one of them.
    model, engine, hardware
        What ran; empty where not known.
    meta
        The whole file about the run.
    """

    workload: Workload
    queued: IntArray
    scheduled: IntArray
    first_token: IntArray
    last_token: IntArray
    settings: EngineSettings | None
    model: str
    engine: str
    hardware: str
    meta: dict[str, Any]

    @property
    def ttft(self) -> IntArray:
        """Time from the queue to the first token."""
        return self.first_token - self.queued

    @property
    def latency(self) -> IntArray:
        """Time from the queue to the last token."""
        return self.last_token - self.queued

    def sharing(self, load: Workload) -> RecordedRun:
        """The run with the pieces that its requests begin with, from the load that was replayed.

        A recorded run states lengths alone. Where the engine cached prefixes, what they share is
        in the workload file that its ``dataset_path`` names.

        Parameters
        ----------
        load
            As many requests with the same lengths, by arrival.

        Raises
        ------
        OptionError
            If its lengths are others.
        """
        own = self.workload
        if load.count != own.count or not (
            np.array_equal(load.prompt, own.prompt) and np.array_equal(load.output, own.output)
        ):
            raise OptionError(
                f"{load.name!r} is not the load of {own.name!r}: their lengths differ",
                hint=f"{own.name!r} is of {self.meta.get('dataset_path', 'an unknown file')}",
            )
        return replace(
            self,
            workload=replace(
                own,
                content_ptr=load.content_ptr,
                content=load.content,
                grain=load.grain,
                source=f"{own.source}, pieces of {load.name}",
            ),
        )


def read_recorded(text: Text) -> Trace:
    """The load of a recorded run."""
    return Trace(recorded_run(text).workload, 1)


def read_recorded_run(
    path: str | os.PathLike[str], meta: str | os.PathLike[str] | None = None
) -> RecordedRun:
    """A recorded run from its files.

    Parameters
    ----------
    path
        The file of requests, ``..._requests.jsonl`` or ``requests.jsonl``.
    meta
        The file about the engine. Default: what lies beside it with ``meta.json`` in place of
        ``requests.jsonl``, if there is such a file.

    Raises
    ------
    FormatError
        If a file breaks its format.
    OSError
        If a file cannot be read.
    """
    place = Path(path)
    if meta is None:
        beside = place.with_name(
            place.name.removesuffix(".gz").removesuffix("requests.jsonl") + "meta.json"
        )
        meta = beside if beside.is_file() else None
    return recorded_run(load_from(place), load_from(meta) if meta is not None else None)


def recorded_run(text: Text, meta: Text | None = None) -> RecordedRun:
    """A recorded run from the texts of its files; see :func:`read_recorded_run`."""
    rows: list[list[int]] = []
    for entry in entries(text):
        prompt = entry.whole("input_toks", 1, TOKEN_LIMIT)
        output = entry.whole("output_toks", 1, TOKEN_LIMIT)
        at = [entry.scaled(key, 12, _SECONDS_LIMIT) for key in _TIMES]
        if at[1:] != sorted(at[1:]):
            raise entry.error("times of a request go backwards", " <= ".join(_TIMES[1:]))
        rows.append([prompt, output, *at])
    # Seconds since 1970 in picoseconds need more than 64 bits, their differences do not.
    base = min(row[2] for row in rows)
    shift = min(row[3] - row[2] for row in rows)
    table = []
    for row in rows:
        times = [row[2] - base, *(value - shift - base for value in row[3:])]
        if max(times) >= 1 << 62:
            raise text.error(None, "the run lasts more than 53 days")
        table.append([row[0], row[1], *times])
    columns = np.array(table, dtype=np.int64).T
    order = np.argsort(columns[2], kind="stable")
    prompt, output, arrival, queued, scheduled, first, last = columns[:, order]
    about = document(meta) if meta is not None else Entry({}, text.source, 1)
    hardware = about.values.get("hardware")
    device = hardware.get("device_name") if isinstance(hardware, dict) else None
    return RecordedRun(
        workload=assemble(
            text.name.removesuffix(".jsonl").removesuffix("_requests"),
            arrival=arrival,
            prompt=prompt,
            output=output,
            source=f"load of the recorded run {text.source}",
        ),
        queued=queued,
        scheduled=scheduled,
        first_token=first,
        last_token=last,
        settings=_settings(about),
        model=about.text("model", ""),
        engine=f"vLLM {about.text('vllm_version')}" if about.has("vllm_version") else "",
        hardware=device if isinstance(device, str) else "",
        meta=about.values,
    )


def _settings(about: Entry) -> EngineSettings | None:
    """Limits of the engine; a block less than the file counts, which vLLM keeps for itself."""
    nested = {key: about.values.get(key) for key in ("kv_cache", "engine_kwargs")}
    if not all(isinstance(value, dict) for value in nested.values()):
        return None
    cache = Entry(nested["kv_cache"] or {}, about.source, 1)
    limits = Entry(nested["engine_kwargs"] or {}, about.source, 1)
    if not all(
        table.has(key)
        for table, key in (
            (cache, "num_gpu_blocks"),
            (limits, "max_num_batched_tokens"),
            (limits, "max_num_seqs"),
        )
    ):
        return None
    try:
        return EngineSettings(
            blocks=cache.whole("num_gpu_blocks", 2, 1 << 40) - 1,
            block_size=cache.whole("block_size", 1, 1 << 20),
            max_num_batched_tokens=limits.whole("max_num_batched_tokens", 1, TOKEN_LIMIT),
            max_num_seqs=limits.whole("max_num_seqs", 1, TOKEN_LIMIT),
            enable_prefix_caching=cache.values.get("enable_prefix_caching") is not False,
        )
    except ValueError as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(str(error), source=about.source) from error
