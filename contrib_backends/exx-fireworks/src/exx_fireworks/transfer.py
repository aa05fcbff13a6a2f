"""Moves files of any size in and out, piece by piece: what is in memory is a piece, never the file."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

import orjson
import requests

from exx import BackendError, Transient
from exx_fireworks.api import Api
from exx_fireworks.problems import problem, wished, words_of

_PIECE = 1 << 20
_TAIL = 1 << 16
_LONGEST_LINE = 1 << 26
_STORAGE_IN_PASSING = frozenset({400, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504})
_SAID = 4000
# What requests and urllib3 would add by themselves; a signed address takes the headers that were signed.
_NO_OTHERS: dict[str, str | None] = {"User-Agent": None, "Accept": None, "Accept-Encoding": None, "Connection": None}


class Form:
    """A file as the only part of a multipart form, read while it is sent; its length is known beforehand."""

    def __init__(self, path: Path) -> None:
        mark = secrets.token_hex(16)
        said = f'Content-Disposition: form-data; name="file"; filename="{path.name}"\r\nContent-Type: application/jsonl'
        self.headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        self._before = f"--{mark}\r\n{said}\r\n\r\n".encode()
        self._behind = f"\r\n--{mark}--\r\n".encode()
        self._path = path
        self._size = path.stat().st_size
        self._file: BinaryIO | None = None
        self._left = [self._before, self._behind]

    def __enter__(self) -> Form:
        self._file = self._path.open("rb")
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._behind)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_PIECE):
            yield piece

    def read(self, size: int = -1) -> bytes:
        """The next piece: what stands before the file, the file, what stands behind it."""
        if self._left[0]:
            piece, self._left[0] = self._left[0], b""
            return piece
        piece = self._file.read(size if size > 0 else _PIECE) if self._file else b""
        if not piece:
            piece, self._left[1] = self._left[1], b""
        return piece


def put_signed(api: Api, url: str, path: Path) -> None:
    """Put a file at a signed address, with the signed headers and no others, and without the key.

    Raises:
        Transient: It failed; another time, with a fresh address, it may not.
        BackendError: The address wants headers that are not known here.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        reply = api.call(
            "PUT", url, "upload to storage", data=file, headers={**_NO_OTHERS, **_signed_headers(url, size)}
        )
    with reply:
        _refuse_storage(api, reply, "upload to storage")


def _signed_headers(url: str, size: int) -> dict[str, str | None]:
    """The headers that an address was signed with, with their values."""
    query = {key.lower(): values[0] for key, values in parse_qs(urlsplit(url).query).items()}
    signed = [name for name in query.get("x-goog-signedheaders", "host").lower().split(";") if name]
    known = {
        "content-type": "application/octet-stream",
        "x-goog-content-length-range": f"{size},{size}",
    }
    unknown = sorted(set(signed) - known.keys() - {"host", "content-length"})
    if unknown:
        words = f"the storage's address is signed for headers that exx does not know: {', '.join(unknown)}"
        raise BackendError(
            words, hint="a newer exx-fireworks may; parts below 150 MB (--lines-per-part) go another way"
        )
    return {name: known[name] for name in signed if name in known}


def download(api: Api, url: str, target: Path) -> None:
    """Fetch a signed address into a file, which is there only once it is whole, as far as that can be told.

    Raises:
        Transient: It failed, broke off, or ends in the middle of a line; to be tried with a fresh address.
        BackendError: There is no room for it.
    """
    part = target.with_name(f"{target.name}.part")
    called = f"download of {target.name}"
    whole = _whole(api, url, part, called)
    if not whole:
        # Nobody said how long it is: it may have been cut between two lines, which no line tells; hardly twice alike.
        size = part.stat().st_size
        whole = _whole(api, url, part, called) or part.stat().st_size == size
    if not whole:
        raise Transient(f"Fireworks, {called}: it was of another length the second time, and nobody said of which")
    part.replace(target)


def _whole(api: Api, url: str, part: Path, called: str) -> bool:
    """Fetch a signed address into a file; returns whether it is known to be whole, as its length was told."""
    headers = {"User-Agent": None, "Accept": None, "Accept-Encoding": "identity"}
    with api.call("GET", url, called, headers=headers) as reply:
        _refuse_storage(api, reply, called)
        _write(api, reply, part, called)
        told = None if reply.headers.get("Content-Encoding") else reply.headers.get("Content-Length", "")
        in_chunks = "chunked" in reply.headers.get("Transfer-Encoding", "").lower()  # which end with a mark
    size = part.stat().st_size
    if told and told.isdigit() and int(told) != size:
        raise Transient(f"Fireworks, {called}: {size} bytes came of {told}")
    refuse_torn(part, called)
    return in_chunks or bool(told)


def _write(api: Api, reply: requests.Response, part: Path, called: str) -> None:
    lost: BackendError | None = None
    try:
        with part.open("wb") as file:
            for piece in reply.iter_content(_PIECE):
                file.write(piece)
    except requests.RequestException as cause:  # an OSError too, so it has to be told apart first
        lost = api.lost(called, cause)
    except OSError as cause:
        hint = "make room, or let TMPDIR name a folder that has some"
        raise BackendError(f"{part}: cannot be written ({cause.strerror or cause})", hint=hint) from cause
    if lost:
        raise lost


def refuse_torn(path: Path, called: str) -> None:
    """Refuse a file of JSON lines whose last line is none: it was cut short, whatever the storage said.

    Raises:
        Transient: It is.
    """
    if not re.search(r"\.jsonl$|\.jsonl\.part$", path.name):
        return
    last = last_line(path)
    try:
        orjson.loads(last or b"{}")
    except orjson.JSONDecodeError:
        torn = True
    else:
        torn = False
    if torn:
        raise Transient(f"Fireworks, {called}: it ends in the middle of a line")


def last_line(path: Path) -> bytes:
    """The last line of a file that is not blank; empty if there is none."""
    with path.open("rb") as file:
        size, window = file.seek(0, 2), _TAIL
        while True:
            start = max(0, size - window)
            file.seek(start)
            tail = file.read(window).rstrip()
            if start == 0 or b"\n" in tail or window >= _LONGEST_LINE:
                return tail.rpartition(b"\n")[2]
            window *= 8


def _refuse_storage(api: Api, reply: requests.Response, called: str) -> None:
    if 200 <= reply.status_code < 300:
        return
    said = api.key.hide(words_of(api.body_of(reply, called)[:_SAID]))[:300]
    if reply.status_code in _STORAGE_IN_PASSING:  # an address that is not good any more, or not yet
        words = f"Fireworks, {called}: the storage answered HTTP {reply.status_code}" + (f": {said}" if said else "")
        raise Transient(words, retry_after=wished(reply.headers))
    raise problem(called, reply.status_code, reply.headers, said)
