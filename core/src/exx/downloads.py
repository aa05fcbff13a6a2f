"""Fetches a file over HTTP into the cache folder: whole and verified, or not at all.

The cache is addressed by content: a file is named by its sha256, and a small record per address says which file that
was. So two processes that fetch at once cannot mix their halves, and a damaged file is recognised by its own name.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from os import fsync
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import orjson
from attrs import frozen

from exx.errors import DataError

if TYPE_CHECKING:
    import requests

_CHUNK = 1 << 18
_TIMEOUT = (10.0, 60.0)
_ABANDONED_AFTER = 24 * 3600.0
_WORTH_ANOTHER_TRY = {408, 425, 429}
_ANOTHER_VERSION = "this is another version of the file: get the right one, or change `sha256`"
_DO_IT_YOURSELF = "download the file yourself and give its path as the source"


@frozen
class Obtained:
    """A file that is on this machine, and is the one that was asked for.

    Attributes:
        path: Where it is; to be read, never written.
        sha256: Of its bytes, in hex.
        revision: The commit it belongs to, for a file of a hub repository.
    """

    path: Path
    sha256: str
    revision: str | None = None


@frozen(kw_only=True)
class Retry:
    """How patient to be with a server that is busy or breaks off.

    Attributes:
        tries: How often to ask in all, at least 1.
        first_wait: Seconds before the second try; doubled before each further one.
        longest_wait: Seconds beyond which a server's own ``Retry-After`` is not waited for.
        sleep: What waits.
    """

    tries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0
    sleep: Callable[[float], None] = time.sleep


class _BrokeOffError(Exception):
    """A failure that another try may mend; ``wait`` is how long the server asked us to wait, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def digest_of(path: Path) -> str:
    """Hash a file: sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(where: Path | str, found: str, wanted: str | None, *, hint: str | None = None) -> None:
    """Insist on a digest, if one is wanted.

    Raises:
        DataError: The file has another one.
    """
    if wanted is not None and found != wanted.lower():
        reason = f"its sha256 is {found}, expected {wanted.lower()}"
        raise DataError(where, reason, hint=hint or _ANOTHER_VERSION)


def root_cause(error: BaseException) -> BaseException:
    """The innermost exception: the outer ones repeat the address, with whatever secret its query holds."""
    while inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = inner
    return error


def cached(url: str, folder: Path, sha256: str | None = None) -> Obtained | None:
    """Look up what an address held when it was last fetched; None if that is not here, or damaged. No network."""
    digest = sha256.lower() if sha256 else _recorded(_record(url, folder))
    if digest is None:
        return None
    path = folder / digest
    return Obtained(path, digest) if path.is_file() and digest_of(path) == digest else None


def download(url: str, folder: Path, *, shown: str, sha256: str | None, max_bytes: int, retry: Retry) -> Obtained:
    """Fetch an address into the cache folder, unless it is there already.

    Args:
        url: The address.
        folder: The cache folder; made if it is missing.
        shown: The address without secrets, for messages.
        sha256: What the file must hash to, in hex; None takes what the server sends.
        max_bytes: Refuse more than this.
        retry: How patient to be.

    Raises:
        DataError: It cannot be had, or is not the file that ``sha256`` names.
    """
    try:
        if found := cached(url, folder, sha256):
            return found
        with _part(folder) as part:
            received, whole = _patiently(lambda: _fetch(url, part, shown, max_bytes), shown, retry)
            digest = digest_of(part)
            check_digest(shown, digest, sha256, hint=_why_another(received, whole))
            part.replace(folder / digest)
        with _part(folder) as part:
            _write(part, [orjson.dumps({"url": shown, "sha256": digest, "bytes": received})])
            part.replace(_record(url, folder))
    except OSError as cause:
        reason = f"the download cannot be kept: {cause.strerror or cause}"
        raise DataError(folder, reason, hint="EXX_CACHE names another folder for downloads") from cause
    return Obtained(folder / digest, digest)


def _record(url: str, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()}.json"


def _recorded(record: Path) -> str | None:
    try:
        digest = orjson.loads(record.read_bytes())["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if isinstance(digest, str) else None


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """A name of our own to write to, gone afterwards; what killed processes left a day ago goes too."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.part"):
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > _ABANDONED_AFTER:
                old.unlink()
    part = folder / f"{uuid4().hex}.part"
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _patiently(fetch: Callable[[], tuple[int, bool]], shown: str, retry: Retry) -> tuple[int, bool]:
    attempt = 0
    while True:
        attempt += 1
        try:
            return fetch()
        except _BrokeOffError as failure:
            wait = retry.first_wait * 2 ** (attempt - 1) if failure.wait is None else failure.wait
            if attempt >= retry.tries or wait > retry.longest_wait:
                asked = f"; the server asks to wait {wait:.0f} s" if failure.wait is not None else ""
                tries = "1 try" if attempt == 1 else f"{attempt} tries"
                reason = f"could not be downloaded in {tries}: {failure}{asked}"
                raise DataError(shown, reason, hint=f"try again later, or {_DO_IT_YOURSELF}") from failure
            retry.sleep(wait)


def _fetch(url: str, part: Path, shown: str, max_bytes: int) -> tuple[int, bool]:
    """Fetch once; return the number of bytes, and whether the server said beforehand how many there would be."""
    import requests

    errors = requests.exceptions
    try:
        # Unpacked content could not be held against Content-Length.
        with requests.get(url, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}) as response:
            _check_status(response, shown)
            length = _content_length(response)
            _check_size(length or 0, max_bytes, shown)
            received = _write(part, _limited(response.iter_content(_CHUNK), max_bytes, shown))
            arrived = response.raw.tell()
    except (errors.SSLError, errors.ProxyError, errors.InvalidProxyURL) as cause:
        raise DataError(shown, f"no connection: {_words(cause)}", hint=_DO_IT_YOURSELF) from cause
    except (errors.ConnectionError, errors.Timeout, errors.ChunkedEncodingError) as cause:
        raise _BrokeOffError(f"the connection failed: {_words(cause)}") from cause
    except errors.RequestException as cause:
        raise DataError(shown, f"cannot be downloaded: {_words(cause)}", hint=_DO_IT_YOURSELF) from cause
    # urllib3 sees to this itself since version 2.
    if length is not None and arrived != length:
        raise _BrokeOffError(f"the connection broke off after {arrived:,} of {length:,} bytes")
    return received, length is not None


def _check_status(response: requests.Response, shown: str) -> None:
    status = response.status_code
    if status == 200:
        return
    words = f"HTTP {status} {response.reason or ''}".rstrip()
    if status in _WORTH_ANOTHER_TRY or status >= 500:
        raise _BrokeOffError(words, _retry_after(response.headers.get("Retry-After")))
    meaning = {
        401: "it wants a login",
        403: "the server does not give it to us",
        404: "there is no such file",
        410: "the file is gone",
    }.get(status)
    reason = f"{words}: {meaning}" if meaning else words
    raise DataError(shown, reason, hint=f"check the address, or {_DO_IT_YOURSELF}")


def _retry_after(text: str | None) -> float | None:
    """Seconds to wait: the header holds a number of them, or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _content_length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _limited(chunks: Iterator[bytes], max_bytes: int, shown: str) -> Iterator[bytes]:
    received = 0
    for chunk in chunks:
        received += len(chunk)
        _check_size(received, max_bytes, shown)
        yield chunk


def _check_size(size: int, max_bytes: int, shown: str) -> None:
    if size > max_bytes:
        raise DataError(shown, f"larger than {max_bytes:,} bytes; stopped", hint=f"if this is right, {_DO_IT_YOURSELF}")


def _write(part: Path, chunks: Iterator[bytes] | list[bytes]) -> int:
    written = 0
    with part.open("wb") as file:
        for chunk in chunks:
            written += file.write(chunk)
        file.flush()
        fsync(file.fileno())
    return written


def _why_another(received: int, whole: bool) -> str | None:
    if whole:
        return None
    return (
        f"{received:,} bytes came, and the server did not say how many there are: it may have been cut short; "
        "try again, and if it stays so the file at this address is another version"
    )


def _words(error: BaseException) -> str:
    root = root_cause(error)
    return str(root) or type(root).__name__
