"""Files as a whole: decoding what is read, replacing what is written in one step."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from makespan.core.errors import FormatError
from makespan.io.text import Text

SIZE_LIMIT = 1 << 30
"""Largest text accepted, in bytes after decompression."""

_GZIP_MAGIC = b"\x1f\x8b"
_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"%PDF-": "a PDF document",
}


def decode(raw: bytes, source: str) -> Text:
    """Text from bytes: gzip is unpacked; UTF-8, UTF-16 with mark, else Latin-1.

    Raises
    ------
    FormatError
        If the bytes are binary, damaged gzip, or larger than ``SIZE_LIMIT``.
    """
    if raw.startswith(_GZIP_MAGIC):
        raw = _unpack(raw, source)
    if len(raw) > SIZE_LIMIT:
        raise FormatError(f"larger than {SIZE_LIMIT} bytes", source=source)
    for magic, kind in _ARCHIVES.items():
        if raw.startswith(magic):
            raise FormatError(
                f"this is {kind}",
                source=source,
                expected="plain text, or text packed with gzip",
                hint="unpack it, or save it as text",
            )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return Text(raw.decode("utf-16"), source)
        except UnicodeDecodeError as error:
            raise FormatError(f"damaged UTF-16: {error.reason}", source=source) from error
    try:
        return Text(raw.decode("utf-8"), source)
    except UnicodeDecodeError:
        return Text(raw.decode("latin-1"), source, exact=False)


def _unpack(raw: bytes, source: str) -> bytes:
    """Content of a gzip file of one or several members, at most a byte beyond ``SIZE_LIMIT``."""
    parts: list[bytes] = []
    size = 0
    try:
        while raw and size <= SIZE_LIMIT:
            unpacker = zlib.decompressobj(wbits=31)
            parts.append(unpacker.decompress(raw, SIZE_LIMIT + 1 - size))
            size += len(parts[-1])
            if not unpacker.eof and size <= SIZE_LIMIT:
                raise FormatError("the gzip file is truncated", source=source)
            raw = unpacker.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise FormatError(f"damaged gzip file: {error}", source=source) from error
    return b"".join(parts)


def load_from(source: str | os.PathLike[str] | IO[str] | IO[bytes]) -> Text:
    """Text of a path or of an open stream, labelled with its name."""
    if isinstance(source, (str, os.PathLike)):
        label = os.fspath(source)
        with Path(label).open("rb") as stream:
            return load(stream, label)
    label = getattr(source, "name", "")
    return load(source, label if isinstance(label, str) and label else "stream")


def load(stream: IO[str] | IO[bytes], source: str) -> Text:
    """Text of an open file, binary or text."""
    try:
        content = stream.read(SIZE_LIMIT + 1)
    except UnicodeDecodeError as error:
        raise FormatError(
            f"not valid {error.encoding} text", source=source, expected="UTF-8"
        ) from error
    return decode(content, source) if isinstance(content, bytes) else Text(content, source)


def replace_file(path: str | os.PathLike[str], content: str | Iterable[str]) -> None:
    """Write text beside ``path`` and move it there, so that no reader sees half a file."""
    target = Path(path)
    handle, place = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(place)
    try:
        with os.fdopen(handle, "wb") as raw:
            parts = (content,) if isinstance(content, str) else content
            if target.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                    packed.writelines(part.encode("utf-8") for part in parts)
            else:
                raw.writelines(part.encode("utf-8") for part in parts)
            raw.flush()
            os.fsync(raw.fileno())
        temporary.chmod(_mode_of(target))
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _mode_of(target: Path) -> int:
    """Permissions of the file that is replaced, or what a new file would get."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
