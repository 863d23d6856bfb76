"""Mooncake's traces: times, lengths, and ids of the blocks that the prompt consists of.

JSON lines with ``timestamp`` (ms), ``input_length``, ``output_length`` and ``hash_ids``, one id per
block of 512 tokens; an id stands for its block and all before it. The last block may be part full
(Qin et al., Mooncake, FAST 2025; github.com/kvcache-ai/Mooncake, Apache-2.0). Qwen-Bailian's traces
have the same fields with blocks of 16 tokens and conversations (:mod:`.bailian`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.io.text import Text
from makespan.serving.workload import TOKEN_LIMIT
from makespan.serving.workloads._jsonl import Entry, entries, first_keys
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.pieces import chained, rows
from makespan.serving.workloads.trace import Trace

BLOCK: Final = 512
"""Tokens of a block."""

TICK: Final = 10**9
"""A millisecond."""

LATEST: Final = 10**11
"""Latest timestamp understood, ms."""


def sniff(text: Text) -> bool:
    """Whether the first line has Mooncake's fields and no conversation."""
    keys = first_keys(text)
    return {"timestamp", "input_length", "output_length"} <= keys and "chat_id" not in keys


def read(text: Text) -> Trace:
    """The requests.

    A part-full last block names nothing, as a piece must be full: of the conversation trace's
    105,710 blocks that could be found again this loses 118.

    Raises
    ------
    FormatError
        If a line breaks the format.
    """
    at: list[int] = []
    blocks = Blocks(BLOCK)
    for entry in entries(text):
        at.append(entry.whole("timestamp", 0, LATEST))
        blocks.add(entry)
    return Trace(
        assemble(
            text.name.removesuffix(".jsonl"),
            arrival=np.array(at, dtype=np.int64),
            prompt=np.array(blocks.prompt, dtype=np.int64),
            output=np.array(blocks.output, dtype=np.int64),
            contents=blocks.contents(),
            grain=BLOCK,
            source=f"Mooncake trace {text.source}{blocks.remark()}",
        ),
        TICK,
    )


class Blocks:
    """Lengths and block ids of requests, line by line."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.prompt: list[int] = []
        self.output: list[int] = []
        self._sizes: list[int] = []
        self._ids: list[IntArray] = []
        self._empty = 0

    def add(self, entry: Entry) -> None:
        """Take the lengths and ids of a line; one without output is given a token."""
        prompt = entry.whole("input_length", 1, TOKEN_LIMIT)
        output = entry.whole("output_length", 0, TOKEN_LIMIT)
        self._empty += not output
        ids = entry.wholes("hash_ids") if entry.has("hash_ids") else np.zeros(0, dtype=np.int64)
        if len(ids) > -(-prompt // self.block):
            raise entry.error(
                f"{len(ids)} hash_ids for a prompt of {prompt} tokens",
                f"at most one per {self.block} tokens begun",
            )
        self.prompt.append(prompt)
        self.output.append(max(output, 1))
        full = min(len(ids), prompt // self.block)
        self._sizes.append(full)
        self._ids.append(ids[:full])

    def contents(self) -> tuple[IntArray, IntArray]:
        """Pointers and names of the full blocks."""
        ptr = rows(np.array(self._sizes, dtype=np.int64))[0]
        return ptr, chained(ptr, np.concatenate([np.zeros(0, dtype=np.int64), *self._ids]))

    def remark(self) -> str:
        """What was changed, for the source of the workload."""
        return f"; {self._empty} requests without output given one token" if self._empty else ""
