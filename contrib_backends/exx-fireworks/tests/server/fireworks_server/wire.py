"""Bodies on the wire: read as they come, whole or in chunks, and written whole, cut or torn off."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from fireworks_server.replies import Reply

_PIECE = 1 << 18
_LONGEST_HEAD = 1 << 14


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Some bytes."""

    def readline(self, size: int = ..., /) -> bytes:
        """A line."""


def pieces(stream: Stream, headers: dict[str, str]) -> Iterator[bytes]:
    """The body of a request, in pieces.

    Raises:
        ConnectionError: The client is gone before its end.
    """
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(stream.readline().split(b";")[0] or b"0", 16):
            yield _exactly(stream, size)
            stream.readline()
        stream.readline()
        return
    left = int(headers.get("content-length") or 0)
    while left:
        piece = _exactly(stream, min(left, _PIECE))
        left -= len(piece)
        yield piece


def _exactly(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise ConnectionResetError("the client is gone")
    return data


def keep(parts: Iterator[bytes], path: Path) -> None:
    """Write a body into a file."""
    with path.open("wb") as file:
        file.writelines(parts)


def unpack_form(path: Path, content_type: str) -> tuple[str, str] | None:
    """Turn a file that holds a form into the file that is in the form; returns the field's and the file's name.

    None if it is no form with one file.
    """
    found = re.search(r'boundary="?([^";]+)', content_type)
    if not content_type.startswith("multipart/form-data") or found is None:
        return None
    end = b"\r\n--" + found[1].encode() + b"--"
    with path.open("r+b") as file:
        head, blank, _ = file.read(_LONGEST_HEAD).partition(b"\r\n\r\n")
        size = path.stat().st_size
        file.seek(max(0, size - len(end) - 4))
        tail = file.read()
        names = re.search(rb'name="([^"]*)"; filename="([^"]*)"', head)
        if not blank or names is None or end not in tail:
            return None
        file.truncate(size - (len(tail) - tail.index(end)))
    _behead(path, len(head) + 4)
    return names[1].decode(), names[2].decode()


def _behead(path: Path, count: int) -> None:
    """Take away the first bytes of a file."""
    other = path.with_suffix(".rest")
    with path.open("rb") as old, other.open("wb") as new:
        old.seek(count)
        while piece := old.read(_PIECE):
            new.write(piece)
    other.replace(path)


def reset(connection: socket.socket) -> None:
    """Break a connection off, so that the other side sees a reset and no end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def part_of(reply: Reply, fault: str) -> bytes:
    """As much of a reply as is sent before it is cut: about half, in the middle of a line if that is to be noticed."""
    with reply.open() as body:
        half = body.read(reply.length // 2)
    lines = half.rfind(b"\n") + 1
    if fault == "cut_at_line":
        return half[:lines]
    return half[:-3] if fault == "cut_silently" and lines == len(half) else half


def copy(reply: Reply, out: BinaryIO) -> None:
    """Send a whole body."""
    with reply.open() as body:
        while piece := body.read(_PIECE):
            out.write(piece)
