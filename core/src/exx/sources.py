"""Where input files come from: a path, an http(s) address, or a file of a Hugging Face repository.

``obtain`` turns any of them into a verified file on this machine, ``local_digest`` says what that file would be without
going online. Neither ever leaves half a file behind: downloads.py and hub.py see to that.
"""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from attrs import field, frozen

from exx.config.paths import expand, resolve
from exx.downloads import Obtained, Retry, cached, check_digest, digest_of, download
from exx.errors import DataError
from exx.hub import HubFile, hub_digest, obtain_from_hub

__all__ = ["HubFile", "Obtained", "Retry", "Source", "local_digest", "obtain", "obtain_from_hub"]

MAX_BYTES = 2_000_000_000

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


@frozen
class Source:
    """A path or an http(s) address, as an option of a plugin: ``source: data/dev.json``.

    Attributes:
        text: As written. In a path ``~`` and ``${VAR}`` expand; a relative one is looked for in the working directory,
            then in ``base``.
        base: Folder of the config file the text was read from.
    """

    text: str
    base: Path | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> Source:
        """Check a config's text and make a source of it.

        Raises:
            ValueError: Empty, a scheme other than http(s), an address without a host, or a variable that is not set.
        """
        if not text.strip():
            raise ValueError(f"expected a path or an http(s) address, found {text!r}")
        source = cls(text.strip(), base)
        scheme = _SCHEME.match(source.text)
        if scheme and scheme[1].lower() not in ("http", "https"):
            raise ValueError(f"expected a path or an http(s) address, found {scheme[1]}://…")
        if source.is_url and not urlsplit(source.text).hostname:
            raise ValueError(f"this address names no host: {source}")
        if not source.is_url:
            expand(source.text)
        return source

    @property
    def is_url(self) -> bool:
        """True for an address, False for a path."""
        return _SCHEME.match(self.text) is not None

    @property
    def path(self) -> Path:
        """Where the file is, or would be; of an address, the path within the server."""
        return Path(urlsplit(self.text).path) if self.is_url else resolve(self.text, self.base)

    @property
    def suffix(self) -> str:
        """End of the file's name in lower case, ``.json`` say; empty if it has none."""
        return self.path.suffix.lower()

    def __str__(self) -> str:
        """The text, without the password and the query of an address: this goes into messages and manifests."""
        if not self.is_url:
            return self.text
        parts = urlsplit(self.text)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "…" if parts.query else "", ""))


def obtain(
    source: Source | HubFile,
    sha256: str | None = None,
    *,
    max_bytes: int = MAX_BYTES,
    retry: Retry | None = None,
) -> Obtained:
    """Make sure that a source is on this machine and is what it should be.

    A file is read where it lies. What an address holds is kept in the cache folder (``EXX_CACHE``, else the user's
    cache folder) and fetched again only when it is missing or damaged there. A hub file is kept where huggingface_hub
    keeps it.

    Args:
        source: What to get.
        sha256: What the file must hash to, in hex; None takes what is there.
        max_bytes: A download larger than this is refused.
        retry: How patient to be with a server.

    Raises:
        DataError: It cannot be had, or is not the file that ``sha256`` names.
    """
    if isinstance(source, HubFile):
        return obtain_from_hub(source.repo, source.filename, source.revision, sha256, source.repo_type)
    if source.is_url:
        return download(
            source.text, cache_folder(), shown=str(source), sha256=sha256, max_bytes=max_bytes, retry=retry or Retry()
        )
    path = source.path
    digest = _local_file(path, source.base)
    check_digest(path, digest, sha256)
    return Obtained(path, digest)


def local_digest(source: Source | HubFile, sha256: str | None = None) -> str | None:
    """Say what ``obtain`` would hand out: its sha256 in hex; None if it is not on this machine. No network.

    Args:
        source: What would be got.
        sha256: What ``obtain`` would be told to insist on.
    """
    if isinstance(source, HubFile):
        return hub_digest(source)
    if source.is_url:
        found = cached(source.text, cache_folder(), sha256)
        return found.sha256 if found else None
    path = source.path
    return digest_of(path) if path.is_file() else None


def cache_folder() -> Path:
    """Where downloads are kept: ``EXX_CACHE``, else ``exx`` in the user's cache folder."""
    if told := os.environ.get("EXX_CACHE"):
        return Path(told).expanduser() / "downloads"
    from platformdirs import user_cache_path

    return user_cache_path("exx", appauthor=False) / "downloads"


def _local_file(path: Path, base: Path | None) -> str:
    if not path.exists():
        raise DataError(path, f"no such file{_near(path)}", hint=_looked_in(path, base))
    if not path.is_file():
        raise DataError(path, "expected a file, found a folder" if path.is_dir() else "not an ordinary file")
    try:
        return digest_of(path)
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror}") from cause


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return ""
    close = get_close_matches(path.name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _looked_in(path: Path, base: Path | None) -> str | None:
    if path.is_absolute():
        return None
    folders = dict.fromkeys(str(folder.absolute()) for folder in (Path(), base) if folder is not None)
    return f"looked for it in {' and in '.join(folders)}"
