"""A completion asked of an OpenAI-compatible server, and the tokens of its stream as they come.

Prompts are token numbers, which vLLM, SGLang and llama.cpp take, so that a prompt has exactly the
length and the shared pieces of its workload. vLLM is also asked to ignore the end of a sequence and
to send token numbers back, from which tokens are counted; of another server each event with words
counts as a token unless it tells ``usage``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from makespan.core.errors import OptionError
from makespan.serving.load.failures import Failure, Kind
from makespan.serving.load.http import Exchange, Server

Dialect = Literal["vllm", "openai"]

_LINE: Final = 1 << 24
"""Bytes of the longest line of a stream of events."""

_QUOTE: Final = 300
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class Client:
    """Whom to ask, and how.

    Attributes
    ----------
    model
        Its name at the server.
    key
        For the header ``authorization``; never shown.
    dialect
        ``vllm``: with fields that OpenAI's API does not have; ``openai``: without.
    hints
        Whether to tell a makespan policy in vLLM program, label and SLO class (``vllm_xargs``).
    hang_up
        Whether to ask for as many tokens as the cap and hang up at the length that the workload
        says, so that the server does not know it; else the length is what is asked for.
    timeout
        Seconds after which the client gives a request up.
    vocabulary
        First number of a token that prompts are made of, and the end of those numbers. Llama 2's
        32,000 is the least in common use; below 256 are control tokens and bytes.
    """

    server: Server
    model: str
    key: str | None = field(default=None, repr=False)
    dialect: Dialect = "vllm"
    hints: bool = False
    hang_up: bool = False
    timeout: float = 600.0
    vocabulary: tuple[int, int] = (256, 32_000)

    def __post_init__(self) -> None:
        if self.dialect not in ("vllm", "openai"):
            raise OptionError(f"no dialect is called {self.dialect!r}", hint="vllm or openai")
        if not 0 < self.timeout <= 1e6:
            raise OptionError(f"a timeout of {self.timeout} s")
        if self.key is not None and not (self.key.isascii() and self.key.isprintable()):
            raise OptionError("the key has characters that no header can carry")
        if not 0 <= self.vocabulary[0] < self.vocabulary[1]:
            raise OptionError(
                f"no token lies between {self.vocabulary[0]} and {self.vocabulary[1]}"
            )

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {} if self.key is None else {"authorization": f"Bearer {self.key}"}


@dataclass(slots=True)
class Piece:
    """An event of a stream.

    Attributes
    ----------
    tokens
        Their numbers, if told.
    words
        Whether it has text.
    finish
        Why the answer ended, "" before.
    total
        Tokens of the answer so far, if told.
    cached
        Tokens of the prompt that were found in the prefix cache, if told.
    """

    tokens: list[int] | None = None
    words: bool = False
    finish: str = ""
    total: int | None = None
    cached: int | None = None


def body(
    client: Client, prompt: list[int], output: int, *, priority: int, hints: dict[str, str]
) -> bytes:
    """The JSON of a request for so many tokens."""
    asked: dict[str, Any] = {
        "model": client.model,
        "prompt": prompt,
        "max_tokens": output,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if client.dialect == "vllm":
        asked["ignore_eos"] = True
        asked["return_token_ids"] = True
        asked["stream_options"]["continuous_usage_stats"] = True
        if priority:
            asked["priority"] = priority
        if hints:
            asked["vllm_xargs"] = hints
    return json.dumps(asked, separators=(",", ":")).encode()


async def stream(client: Client, asked: bytes) -> AsyncGenerator[Piece, None]:
    """The events of an answer as they arrive.

    Raises
    ------
    Failure
        If the server refuses, hangs up or sends what is no stream of completions.
    """
    exchange = Exchange(
        client.server,
        f"{client.server.path}/completions",
        body=asked,
        headers={**client.headers, "accept": "text/event-stream"},
    )
    async with exchange as answer:
        if answer.status != 200:
            raise rejection(answer.status, await answer.text())
        done = False
        lines = Lines()
        async with aclosing(answer.pieces()) as pieces:
            async for data in pieces:
                for event in lines.feed(data):
                    if event == "[DONE]":
                        done = True
                    elif not done:
                        yield piece(event)
                if done:
                    return
    raise Failure(Kind.DISCONNECTED, "the stream ended without [DONE]")


class Lines:
    """The ``data`` of server-sent events, put together from pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """The data of all lines that are whole now.

        Raises
        ------
        Failure
            If a line is not UTF-8, or too long.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE:
            raise Failure(Kind.MALFORMED, f"a line of more than {_LINE} bytes")
        for line in whole:
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name != b"data":
                continue  # comments, blank lines and other fields
            try:
                yield value.decode().strip()
            except UnicodeDecodeError as error:
                raise Failure(Kind.MALFORMED, "an event that is not UTF-8") from error


def piece(event: str) -> Piece:
    """What an event says.

    Raises
    ------
    Failure
        If it is no part of a completion, or tells an error.
    """
    try:
        found = json.loads(event)
    except (ValueError, RecursionError) as error:
        raise Failure(Kind.MALFORMED, f"an event {event[:60]!r}") from error
    if not isinstance(found, dict):
        raise Failure(Kind.MALFORMED, f"an event {event[:60]!r}")
    if found.get("error"):
        raise Failure(Kind.REJECTED, message_of(found) or event[:_QUOTE])
    result = Piece()
    choices = found.get("choices")
    if not isinstance(choices, list):
        raise Failure(Kind.MALFORMED, f"an event without choices {event[:60]!r}")
    if choices:
        choice = choices[0]
        if not isinstance(choice, dict):
            raise Failure(Kind.MALFORMED, f"a choice {str(choice)[:60]!r}")
        result.words = bool(choice.get("text"))
        tokens = choice.get("token_ids")
        if isinstance(tokens, list) and all(type(token) is int for token in tokens):
            result.tokens = tokens
        result.finish = str(choice.get("finish_reason") or "")
    usage = found.get("usage")
    if isinstance(usage, dict):
        result.total = _count(usage.get("completion_tokens"))
        details = usage.get("prompt_tokens_details")
        if isinstance(details, dict):
            result.cached = _count(details.get("cached_tokens"))
    return result


def rejection(status: int, text: str) -> Failure:
    """The failure of an answer that is an error."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    says = message_of(found) if isinstance(found, dict) else None
    says = " ".join((says or text).split())[:_QUOTE]
    return Failure(Kind.REJECTED, f"HTTP {status}{f', {says}' if says else ''}", status=status)


def message_of(found: dict[str, Any]) -> str | None:
    """The message of an error in OpenAI's or vLLM's form."""
    error = found.get("error", found)
    if isinstance(error, dict):
        error = error.get("message", error.get("detail"))
    return str(error) if isinstance(error, str) and error else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 40 else None
