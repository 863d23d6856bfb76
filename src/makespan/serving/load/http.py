"""HTTP/1.1 for measurements: one request per connection, the body as it arrives.

A client library would pool connections, follow redirects and read ahead; a measurement wants none
of that, and every time to be that of the bytes. Not spoken: HTTP/2, proxies, compression (none is
asked for).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from makespan.core.errors import OptionError
from makespan.serving.load.failures import Failure, Kind

_LINE: Final = 1 << 16
"""Bytes of the longest line of a head, and of a chunk's size."""

_HEADERS: Final = 200
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is.

    Attributes
    ----------
    path
        Before the names of its resources, without a slash at the end: ``/v1``.
    """

    host: str
    port: int
    secure: bool
    path: str

    @classmethod
    def at(cls, url: str) -> Server:
        """The server of a URL; ``/v1`` is added where it names no path.

        Raises
        ------
        OptionError
            If the URL is none of a web server.
        """
        text = url if "://" in url else f"http://{url}"
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise OptionError(f"{url!r} is no URL: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(
                f"{url!r} is no URL of a server", hint="such as http://127.0.0.1:8000"
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise OptionError(
                "the URL of a server has a user, a query or a fragment",
                hint="give the address alone, and the key in an environment variable",
            )
        if any(ord(c) < 33 or ord(c) > 126 for c in parts.path + parts.hostname):
            raise OptionError(f"{url!r} has characters that no URL has")
        secure = parts.scheme == "https"
        return cls(
            parts.hostname,
            port if port is not None else (443 if secure else 80),
            secure,
            parts.path.rstrip("/") or "/v1",
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


class Exchange:
    """One request and its answer; an asynchronous context manager that closes the connection.

    Parameters
    ----------
    server
        Whom to ask.
    path
        Of the resource, from the root.
    body
        To be posted, as JSON; None: the resource is asked for (GET).

    Attributes
    ----------
    status, headers
        Of the answer; names of headers in lower case.
    """

    def __init__(
        self,
        server: Server,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        connect_limit: float = 10.0,
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._server, self._path, self._body = server, path, body
        self._more = headers or {}
        self._limit = connect_limit
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._open()
            await self._ask()
            await self._head()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; nothing is waited for, since the other side may say nothing more."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body, in pieces as they arrive.

        Raises
        ------
        Failure
            If the connection ends before the body does, or the body is not as its head says.
        """
        reader = self._reader
        assert reader is not None
        coding = self.headers.get("transfer-encoding", "").lower()
        if coding and coding != "chunked":
            raise Failure(Kind.MALFORMED, f"a transfer coding {coding!r}")
        try:
            if coding:
                async with aclosing(_chunks(reader)) as chunks:
                    async for piece in chunks:
                        yield piece
                return
            length = self.headers.get("content-length")
            if length is None:
                while piece := await reader.read(_PIECE):
                    yield piece
                return
            left = _whole(length, 10, "content-length")
            while left:
                piece = await reader.read(min(left, _PIECE))
                if not piece:
                    raise Failure(Kind.DISCONNECTED, f"{left} bytes before the end of the answer")
                left -= len(piece)
                yield piece
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Failure(Kind.DISCONNECTED, _reason(error)) from error

    async def text(self, most: int = 1 << 20) -> str:
        """The whole body, cut at ``most`` bytes."""
        found = bytearray()
        async with aclosing(self.pieces()) as pieces:
            async for piece in pieces:
                found += piece
                if len(found) >= most:
                    break
        return bytes(found[:most]).decode("utf-8", "replace")

    async def _open(self) -> None:
        server = self._server
        context = ssl.create_default_context() if server.secure else None
        try:
            async with asyncio.timeout(self._limit):
                self._reader, self._writer = await asyncio.open_connection(
                    server.host, server.port, ssl=context, limit=_LINE
                )
        except TimeoutError as error:
            raise Failure(
                Kind.UNREACHABLE, f"no connection to {server} within {self._limit:g} s"
            ) from error
        except (OSError, UnicodeError) as error:
            raise Failure(Kind.UNREACHABLE, f"{server}: {_reason(error)}") from error

    async def _ask(self) -> None:
        assert self._writer is not None
        lines = [
            f"{'GET' if self._body is None else 'POST'} {self._path} HTTP/1.1",
            f"host: {self._server.host}:{self._server.port}",
            "connection: close",
            "accept-encoding: identity",
            *(f"{name}: {value}" for name, value in self._more.items()),
        ]
        if self._body is not None:
            lines += ["content-type: application/json", f"content-length: {len(self._body)}"]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        try:
            self._writer.write(head + (self._body or b""))
            await self._writer.drain()
        except OSError:
            return  # a server may answer and hang up before it has read everything

    async def _head(self) -> None:
        assert self._reader is not None
        reader = self._reader
        while True:
            words = (await _line(reader, "status")).split(" ", 2)
            if len(words) < 2 or not words[0].startswith("HTTP/1."):
                raise Failure(Kind.MALFORMED, f"no HTTP answer but {' '.join(words)[:60]!r}")
            self.status = _whole(words[1], 10, "status")
            self.headers = await _headers(reader)
            if self.status >= 200:
                return


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    found: dict[str, str] = {}
    for _ in range(_HEADERS):
        line = await _line(reader, "header")
        if not line:
            return found
        name, colon, value = line.partition(":")
        if not colon:
            raise Failure(Kind.MALFORMED, f"a header {line[:60]!r}")
        found[name.strip().lower()] = value.strip()
    raise Failure(Kind.MALFORMED, f"more than {_HEADERS} headers")


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes, None]:
    while True:
        size = _whole((await _line(reader, "chunk")).partition(";")[0].strip(), 16, "chunk size")
        if not size:
            return  # trailers tell nothing that is asked for
        while size:
            piece = await reader.read(min(size, _PIECE))
            if not piece:
                raise Failure(Kind.DISCONNECTED, "in the middle of a chunk")
            size -= len(piece)
            yield piece
        if await _line(reader, "chunk"):
            raise Failure(Kind.MALFORMED, "a chunk longer than its size")


async def _line(reader: asyncio.StreamReader, what: str) -> str:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        raise Failure(Kind.MALFORMED, f"a {what} line of more than {_LINE} bytes") from error
    except asyncio.IncompleteReadError as error:
        raise Failure(
            Kind.DISCONNECTED, f"the server hung up {'in' if error.partial else 'before'} a {what}"
        ) from error
    except OSError as error:
        raise Failure(Kind.DISCONNECTED, _reason(error)) from error
    return line.rstrip(b"\r\n").decode("latin-1")


def _whole(text: str, base: int, what: str) -> int:
    try:
        value = int(text, base) if text.isascii() and text.isalnum() else -1
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 40:
        raise Failure(Kind.MALFORMED, f"a {what} {text[:40]!r}")
    return value


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)
