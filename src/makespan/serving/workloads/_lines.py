"""Lines of a text one by one, without a copy of the rest: texts reach hundreds of megabytes."""

from __future__ import annotations

from collections.abc import Iterator

from makespan.io.text import Text


def lines(text: Text) -> Iterator[tuple[int, str]]:
    """Numbers, from 1, and lines without their ends."""
    body, start, number = text.body, 0, 0
    while start <= len(body):
        stop = body.find("\n", start)
        if stop < 0:
            stop = len(body)
        number += 1
        yield number, body[start:stop]
        start = stop + 1


def first_line(text: Text) -> str:
    """The first line that is not blank."""
    return next(line for _, line in lines(text) if line.strip())
