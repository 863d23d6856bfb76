"""Qwen-Bailian's traces: requests of conversations with the ids of their blocks of 16 tokens.

JSON lines with ``chat_id``, ``parent_chat_id`` (-1 for the first turn), ``timestamp`` (seconds),
``input_length``, ``output_length``, ``type``, ``turn`` and ``hash_ids``
(github.com/alibaba-edu/qwen-bailian-usagetraces-anon, Apache-2.0). The files were not at hand when
this was written: fields follow their description, that seconds are meant is our reading.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from makespan.core.vocabulary import IntArray
from makespan.io.text import Text
from makespan.serving.workloads._jsonl import WHOLE_LIMIT, entries, first_keys
from makespan.serving.workloads.assemble import assemble
from makespan.serving.workloads.mooncake import Blocks
from makespan.serving.workloads.trace import Trace

BLOCK: Final = 16
"""Tokens of a block."""

TICK: Final = 10**6
"""A microsecond."""

LATEST: Final = 10**9
"""Latest timestamp understood, seconds."""


def sniff(text: Text) -> bool:
    """Whether the first line has Bailian's fields."""
    return {"chat_id", "timestamp", "input_length", "output_length"} <= first_keys(text)


def read(text: Text) -> Trace:
    """The requests at the times that the trace states.

    Turns of a conversation are one program. They do not wait for each other: the times on record
    have the reader's pauses in them already. :func:`.transform.chain_programs` makes them wait.

    Raises
    ------
    FormatError
        If a line breaks the format, or names a parent that is not there.
    """
    at: list[int] = []
    chat: list[int] = []
    parent: list[int] = []
    line: list[int] = []
    kinds: dict[str, int] = {}
    label: list[int] = []
    blocks = Blocks(BLOCK)
    for entry in entries(text):
        at.append(entry.scaled("timestamp", 6, LATEST))
        chat.append(entry.whole("chat_id", 0, WHOLE_LIMIT))
        parent.append(entry.whole("parent_chat_id", -1, WHOLE_LIMIT, default=-1))
        kind = entry.text("type", "")
        label.append(kinds.setdefault(kind, len(kinds)) if kind else -1)
        blocks.add(entry)
        line.append(entry.line)
    return Trace(
        assemble(
            text.name.removesuffix(".jsonl"),
            arrival=np.array(at, dtype=np.int64),
            prompt=np.array(blocks.prompt, dtype=np.int64),
            output=np.array(blocks.output, dtype=np.int64),
            program=_conversations(text, chat, parent, line),
            label=np.array(label, dtype=np.int64),
            contents=blocks.contents(),
            grain=BLOCK,
            labels=tuple(kinds),
            source=f"Qwen-Bailian trace {text.source}{blocks.remark()}",
        ),
        TICK,
    )


def _conversations(text: Text, chat: list[int], parent: list[int], line: list[int]) -> IntArray:
    """Number of the conversation of every turn, in the order of their first lines."""
    program: dict[int, int] = {}
    found = np.empty(len(chat), dtype=np.int64)
    first = 0
    for k, (own, before) in enumerate(zip(chat, parent, strict=True)):
        if own in program:
            raise text.error(line[k], f"chat_id {own} occurs twice")
        # A parent before the beginning of the trace starts a conversation of its own.
        if before in program:
            program[own] = program[before]
        else:
            program[own] = first
            first += 1
        found[k] = program[own]
    return found
