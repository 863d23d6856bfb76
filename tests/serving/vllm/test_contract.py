"""A vLLM that lacks what makespan relies on is met with sentences that name it."""

from __future__ import annotations

import pytest

from makespan.serving.vllm.contract import (
    OUTPUT,
    REQUEST,
    SCHEDULER,
    STEERED,
    STEERED_QUEUE,
    STEERED_REQUEST,
    Part,
    missing,
)


class Queue:
    free = 3

    def pop(self, request: object, *, now: float = 0.0) -> None:
        """Take a request out."""


class Engine:
    def __init__(self) -> None:
        self.queue = Queue()


@pytest.mark.parametrize(
    "part",
    [
        Part("queue", "a queue"),
        Part("queue.free", "memory"),
        Part("queue.pop", "removal"),
        Part("queue.pop", "removal", ()),
        Part("queue.pop", "removal", ("request", "now")),
    ],
)
def test_what_is_there_is_not_missed(part: Part) -> None:
    """Dotted paths are followed and calls compared with the names they pass."""
    assert missing(Engine(), [part]) == []


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (Part("waiting", "order"), "Engine.waiting is not there (order)"),
        (Part("queue.used", "memory"), "Engine.queue.used is not there (memory)"),
        (Part("heap.free", "memory"), "Engine.heap.free is not there (memory)"),
        (Part("queue.free", "memory", ()), "Engine.queue.free cannot be called (memory)"),
        (
            Part("queue.pop", "removal", ("request", "when", "why")),
            "Engine.queue.pop takes no when, why (removal)",
        ),
    ],
)
def test_what_is_missed_is_named(part: Part, sentence: str) -> None:
    """Each sentence has the path and what it is relied on for."""
    assert missing(Engine(), [Part("queue", "a queue"), part]) == [sentence]


@pytest.mark.parametrize(
    "parts", [SCHEDULER + STEERED, REQUEST + STEERED_REQUEST, STEERED_QUEUE, OUTPUT]
)
def test_nothing_is_listed_twice(parts: tuple[Part, ...]) -> None:
    """A list of parts names each once, with a reason."""
    assert len({part.path for part in parts}) == len(parts)
    assert all(part.why for part in parts)
