"""A small server with OpenAI's completions, for tests: it answers, or misbehaves as it is told."""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

Misbehave = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


def word(prompt: list[int], place: int) -> int:
    """The token that the server says at a place of its answer."""
    return zlib.crc32(f"{prompt[:4]}{len(prompt)}{place}".encode()) % 30_000


@dataclass
class Asked:
    """A request as it was received."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    hung_up: bool = False


@dataclass
class Server:
    """Serves in a thread of its own; a context manager.

    Attributes
    ----------
    pace
        Seconds per token.
    burst
        Tokens of an event.
    misbehave
        Called in place of an answer to the requests that it is given for, by their order.
    silent
        Whether it never answers.
    vllm
        Whether it tells token numbers and version as vLLM does.
    """

    pace: float = 0.0
    burst: int = 1
    vllm: bool = True
    key: str | None = None
    silent: bool = False
    models: tuple[str, ...] = ("toy",)
    misbehave: dict[int, Misbehave] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()

        async def listen() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._stop = asyncio.Event()
            ready.set()
            await self._stop.wait()
            server.close()
            others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        def work() -> None:
            self._loop.run_until_complete(listen())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        ready.wait(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        path = head[0].split(" ")[1]
        headers = {
            name.lower(): value
            for line in head[1:]
            if line
            for name, value in [line.split(": ", 1)]
        }
        text = await reader.readexactly(int(headers.get("content-length", "0")))
        if self.silent:
            await asyncio.sleep(60)
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            await plain(writer, 401, {"error": "Unauthorized"})
            return
        if path != "/v1/completions":
            await self._tell(path, writer)
            return
        asked = Asked(path, headers, json.loads(text))
        self.asked.append(asked)
        misbehave = self.misbehave.get(len(self.asked) - 1)
        if misbehave is not None:
            await misbehave(asked, writer)
            return
        try:
            await self.complete(asked, writer)
        except (OSError, asyncio.CancelledError):
            asked.hung_up = True
            raise

    async def _tell(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/v1/models":
            await plain(writer, 200, {"data": [{"id": name} for name in self.models]})
        elif path == "/version" and self.vllm:
            await plain(writer, 200, {"version": "0.32.0"})
        elif path == "/metrics" and self.vllm:
            text = '# HELP x\nvllm:cache_config_info{block_size="32",num_gpu_blocks="401"} 1.0\n'
            await plain(writer, 200, text)
        else:
            await plain(writer, 404, {"detail": "Not Found"})

    async def complete(
        self,
        asked: Asked,
        writer: asyncio.StreamWriter,
        *,
        most: int = 1 << 30,
        finish: str = "length",
    ) -> None:
        """Stream an answer of so many tokens, or of those asked for."""
        prompt = asked.body["prompt"]
        count = min(asked.body["max_tokens"], most)
        begin(writer)
        for place in range(0, count, self.burst):
            await asyncio.sleep(self.pace)
            if writer.transport.is_closing():
                raise ConnectionResetError
            tokens = [word(prompt, k) for k in range(place, min(place + self.burst, count))]
            choice: dict[str, Any] = {"text": " w" * len(tokens), "finish_reason": None}
            if asked.body.get("return_token_ids"):
                choice["token_ids"] = tokens
            if place + self.burst >= count:
                choice["finish_reason"] = finish
            event(writer, {"choices": [choice]})
            await writer.drain()
        usage = {
            "completion_tokens": count,
            "prompt_tokens_details": {"cached_tokens": 2 * len(prompt)},
        }
        event(writer, {"choices": [], "usage": usage})
        chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def begin(writer: asyncio.StreamWriter) -> None:
    """The head of a stream."""
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    """A chunk of a stream."""
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def event(writer: asyncio.StreamWriter, found: object) -> None:
    """An event of a stream."""
    chunk(writer, f"data: {json.dumps(found)}\n\n".encode())


async def plain(writer: asyncio.StreamWriter, status: int, found: object) -> None:
    """A whole answer."""
    text = (found if isinstance(found, str) else json.dumps(found)).encode()
    writer.write(
        f"HTTP/1.1 {status} Whatever\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text
    )
    await writer.drain()
