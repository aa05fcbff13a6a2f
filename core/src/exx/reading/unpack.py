"""Opens a file for reading as plain bytes, whether it is packed (gzip, Zstandard, zip) or not; no bomb gets far."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from exx.errors import DataError

MAX_UNPACKED = 4_000_000_000

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"PAR1": "parquet",
}
_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd", ".zip")
# A block of Zstandard, 128 kB at most, takes at least four bytes: so much at a time cannot become more than 32 MB.
_ZSTD_STEP = 1024
_BUFFER = 1 << 18


def kind_of(start: bytes) -> str | None:
    """``gzip``, ``zstd``, ``zip``, ``parquet``, or None for anything else, by a file's first bytes."""
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


@contextmanager
def open_plain(path: Path, where: str, name: str) -> Iterator[tuple[io.BufferedReader[Any], str]]:
    """Open a file, unpacking it on the way.

    Args:
        path: The file.
        where: What messages call it.
        name: Its own name, by which its layout is told: a download is stored under another.

    Yields:
        The plain bytes, and the name without what tells how they were packed; of a zip, the name of the one file in it.

    Raises:
        DataError: It cannot be read, is damaged, becomes too large, is packed twice, or is a zip of several files.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(io.BufferedReader(io.FileIO(path), _BUFFER))
            kind = kind_of(file.peek(4)[:4])
        except OSError as cause:
            raise DataError(where, f"cannot be read: {cause.strerror or cause}") from cause
        if kind in (None, "parquet"):
            yield file, name
            return
        inner, name = _unpacked(kind, file, where, name, stack)
        plain = io.BufferedReader(_Guarded(inner, where), _BUFFER)
        if (again := kind_of(plain.peek(4)[:4])) is not None:
            raise DataError(
                where, f"there is {again} inside the {kind} file", hint="unpack it, and give the file inside"
            )
        yield plain, name


def _unpacked(
    kind: str | None, file: BinaryIO, where: str, name: str, stack: ExitStack
) -> tuple[IO[bytes] | io.BufferedReader[Any], str]:
    if kind == "zip":
        return _only_member(file, where, stack)
    path = PurePosixPath(name)
    plain = path.stem if path.suffix.lower() in _SUFFIXES else name
    if kind == "zstd":
        return io.BufferedReader(_Zstd(file), _BUFFER), plain
    import gzip

    stream: Any = stack.enter_context(gzip.GzipFile(fileobj=file))
    return stream, plain


def _only_member(file: BinaryIO, where: str, stack: ExitStack) -> tuple[IO[bytes], str]:
    import zipfile

    try:
        archive = stack.enter_context(zipfile.ZipFile(file))
        members = [m for m in archive.infolist() if not m.is_dir() and not _is_litter(m.filename)]
        if len(members) != 1:
            names = ", ".join(member.filename for member in members[:5]) or "none"
            reason = f"a zip of {len(members)} files, expected one; files found: {names}"
            raise DataError(where, reason, hint="unpack it, and give the file that holds the questions")
        return stack.enter_context(archive.open(members[0])), PurePosixPath(members[0].filename).name
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as cause:  # RuntimeError: it wants a password
        raise DataError(where, f"this zip cannot be unpacked: {cause}") from cause


def _is_litter(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[0] == "__MACOSX" or path.name.startswith(".")


class _Zstd(io.RawIOBase):
    """Unpacks Zstandard a little at a time, and notices an end that comes too early."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame: Any = None
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a part of the buffer; 0 at the end."""
        while not self._ready:
            if not (data := self._file.read(_ZSTD_STEP)):
                if self._frame is not None:
                    raise EOFError("the file ends in the middle of a frame")
                return 0
            self._ready = memoryview(self._take(data))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _take(self, data: bytes) -> bytes:
        import zstandard

        made = []
        while data:
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            made.append(self._frame.decompress(data))
            data = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        return b"".join(made)


class _Guarded(io.RawIOBase):
    """Lets a limited number of bytes through, and tells damage in plain words."""

    def __init__(self, file: IO[bytes] | io.BufferedReader[Any], where: str) -> None:
        self._file = file
        self._where = where
        self._left = MAX_UNPACKED

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a part of the buffer; 0 at the end."""
        data = _told(lambda: self._file.read(len(buffer)), self._where)
        self._left -= len(data)
        if self._left < 0:
            reason = f"becomes larger than {MAX_UNPACKED:,} bytes when unpacked; stopped"
            raise DataError(self._where, reason, hint="if this is right, unpack it yourself")
        buffer[: len(data)] = data
        return len(data)


def _told(read: Callable[[], bytes], where: str) -> bytes:
    import zipfile
    import zlib

    import zstandard

    try:
        return read()
    except (EOFError, OSError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError) as cause:
        raise DataError(where, f"damaged or cut off: {cause}", hint="get the file again") from cause
