"""The two kinds of archive, a compressed tar and a zip, written and read as a stream of members.

Nothing in them depends on when or by whom they were made. Reading refuses whatever is not a plain file.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from attrs import define

from exx.errors import DataError
from exx.state.files import writing

MANIFEST = "MANIFEST.sha256.json"
Member = tuple[str, int, IO[bytes]]
"""Name, size as the archive says, and the content."""

_LEVEL = 9
_WINDOW = 2**27  # no more memory than this for unpacking, whatever the archive asks for
_PER_FILE = 4096  # of a tar, beside the content: headers, long names, padding
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name
_COPY = 2**20
_ENCRYPTED = 1


class Writer(Protocol):
    """Takes members one after the other."""

    def add(self, name: str, size: int, file: IO[bytes]) -> None:
        """Add a file of this size."""
        ...


def writer_for(kind: str, path: Path) -> AbstractContextManager[Writer]:
    """Open an archive for writing; ``kind`` is ``tar.zst`` or ``zip``."""
    return _write_zip(path) if kind == "zip" else _write_tar(path)


@define
class _Tar:
    tar: tarfile.TarFile

    def add(self, name: str, size: int, file: IO[bytes]) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o644
        self.tar.addfile(member, file)


@contextmanager
def _write_tar(path: Path) -> Iterator[Writer]:
    import zstandard

    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    with (
        writing(path),
        path.open("wb") as file,
        compressor.stream_writer(file, closefd=False) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield _Tar(tar)


@define
class _Zip:
    archive: zipfile.ZipFile

    def add(self, name: str, size: int, file: IO[bytes]) -> None:
        member = zipfile.ZipInfo(name, _LONG_AGO)
        member.create_system, member.external_attr = 3, (stat.S_IFREG | 0o644) << 16
        member.compress_type, member.file_size = zipfile.ZIP_DEFLATED, size
        with self.archive.open(member, "w", force_zip64=size >= 2**31) as target:
            while block := file.read(_COPY):
                target.write(block)


@contextmanager
def _write_zip(path: Path) -> Iterator[Writer]:
    with writing(path), zipfile.ZipFile(path, "w") as archive:
        yield _Zip(archive)


# --- reading ---------------------------------------------------------------------------------------------------------

Allow = Callable[[int, int], None]
"""Called with how many bytes and files are to come; nothing beyond is read."""


@contextmanager
def open_members(path: Path, at_first: int) -> Iterator[tuple[Iterator[Member], Allow]]:
    """Open an archive of either kind, told apart by how it begins.

    Args:
        path: The archive.
        at_first: Most bytes to unpack before ``Allow`` is called.

    Raises:
        DataError: There is no such file, it is damaged, or it holds something that is not a plain file.
    """
    import zstandard

    broken = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, zstandard.ZstdError)
    try:
        with path.open("rb") as file:
            begins = file.read(4)
            file.seek(0)
            if begins[:2] == b"PK":
                with zipfile.ZipFile(file) as archive:
                    yield _zip_members(path, archive), lambda *_: None
                return
            unpacked = zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(file, closefd=False)
            bounded = _Bounded(path, unpacked, at_first)
            with unpacked, tarfile.open(fileobj=bounded, mode="r|") as tar:  # type: ignore[call-overload]
                yield _tar_members(path, tar), bounded.allow
                bounded.drain()
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause
    except broken as cause:
        raise DataError(path, f"is damaged, or is no archive ({cause})") from cause


def _tar_members(path: Path, tar: tarfile.TarFile) -> Iterator[Member]:
    for member in tar:
        file = tar.extractfile(member) if member.isreg() else None
        if file is None:
            raise DataError(path, f"{member.name!r} is not a plain file: refused")
        yield member.name, member.size, file


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for member in archive.infolist():
        kind, packed = stat.S_IFMT(member.external_attr >> 16), (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        plain = kind in (0, stat.S_IFREG) and member.compress_type in packed and not member.flag_bits & _ENCRYPTED
        if member.is_dir() or not plain:
            raise DataError(path, f"{member.filename!r} is not a plain file: refused")
        with archive.open(member) as file:
            yield member.filename, member.file_size, file


@define
class _Bounded:
    """A stream that stops when more comes out of it than was announced, headers included."""

    path: Path
    stream: Any
    left: int

    def allow(self, size: int, files: int) -> None:
        """So much is still to come."""
        self.left = size + _PER_FILE * (files + 16)

    def read(self, size: int) -> bytes:
        """Read on."""
        block: bytes = self.stream.read(size)
        self.left -= len(block)
        if self.left < 0:
            raise DataError(self.path, "more comes out of it than its manifest says: refused")
        return block

    def drain(self) -> None:
        """Read to the end, so that the stream's own checksum is compared."""
        while self.read(_COPY):
            pass
