"""Fetches one file of a Hugging Face repository at a pinned revision, through huggingface_hub and into its cache."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal

from attrs import frozen

from exx.downloads import Obtained, check_digest, digest_of, root_cause
from exx.errors import DataError

RepoType = Literal["dataset", "model", "space"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_YES = {"1", "ON", "YES", "TRUE"}
_GIVE_A_PATH = "download the file some other way and give its path: `source: PATH`"


@frozen
class HubFile:
    """One file of a repository.

    Attributes:
        repo: ``owner/name``.
        filename: Path within the repository, with forward slashes.
        revision: A commit (40 hex digits), so that the file can never change; a branch or tag is allowed.
        repo_type: What kind of repository.
    """

    repo: str
    filename: str
    revision: str
    repo_type: RepoType = "dataset"

    def __str__(self) -> str:
        folder = "" if self.repo_type == "model" else f"{self.repo_type}s/"
        return f"hf://{folder}{self.repo}@{self.revision}/{self.filename}"


def obtain_from_hub(
    repo: str, filename: str, revision: str, sha256: str | None = None, repo_type: RepoType = "dataset"
) -> Obtained:
    """Make sure that a file of a repository is on this machine and is what it should be.

    ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE`` and ``HF_HUB_OFFLINE`` are read now, not when huggingface_hub was
    imported. The file is held against ``sha256``, else against the digest by which the hub stores large files; one that
    differs is removed from the cache, so that the next call fetches it anew.

    Raises:
        DataError: It cannot be had, or is not the file that was pinned.
    """
    file = HubFile(repo, filename, revision, repo_type)
    path = _have(file) or _download(file)
    digest = digest_of(path)
    try:
        check_digest(str(file), digest, sha256 or _stored_digest(path), hint=_wrong_file_hint(sha256))
    except DataError:
        if not _offline():
            _remove(path)
        raise
    return Obtained(path, digest, _commit(path, filename))


def hub_digest(file: HubFile) -> str | None:
    """Hash the cached copy of a file: sha256 in hex; None if there is none. No network."""
    path = _cached(file)
    return digest_of(path) if path else None


def _cached(file: HubFile) -> Path | None:
    # Laid out as huggingface_hub documents its cache; importing it for this look would take longer than all else here.
    repo = _cache() / "--".join([f"{file.repo_type}s", *file.repo.split("/")])
    branch = repo / "refs" / file.revision
    commit = branch.read_text().strip() if branch.is_file() else file.revision
    path = repo / "snapshots" / commit / file.filename
    return path if path.is_file() else None


def _have(file: HubFile) -> Path | None:
    """The cached copy, if there is no need to ask whether there is a newer one."""
    if not _offline():
        return _cached(file) if _COMMIT.fullmatch(file.revision) else None
    if path := _cached(file):
        return path
    hint = f"unset HF_HUB_OFFLINE, or {_GIVE_A_PATH}"
    raise DataError(str(file), "not in the cache, and HF_HUB_OFFLINE is set", hint=hint)


def _download(file: HubFile) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as cause:
        hint = f"pip install huggingface_hub, or {_GIVE_A_PATH}"
        raise DataError(str(file), "the package huggingface_hub is not installed", hint=hint) from cause
    try:
        path = hf_hub_download(
            file.repo,
            file.filename,
            revision=file.revision,
            repo_type=file.repo_type,
            cache_dir=_cache(),
            endpoint=os.environ.get("HF_ENDPOINT", "").rstrip("/") or None,
        )
    # Its failures come from four libraries and have no common ancestor but this one.
    except Exception as cause:
        raise _explained(file, cause) from cause
    return Path(path)


def _explained(file: HubFile, error: Exception) -> DataError:
    """Say in our words what went wrong, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        reason, hint = f"{file.repo} is gated", "accept its terms on its page, and set HF_TOKEN"
    elif isinstance(error, errors.RepositoryNotFoundError):
        reason, hint = f"there is no {file.repo_type} {file.repo}, or it is private", f"set HF_TOKEN, or {_GIVE_A_PATH}"
    elif isinstance(error, errors.RevisionNotFoundError):
        reason, hint = f"there is no revision {file.revision}", f"change `revision`, or {_GIVE_A_PATH}"
    elif isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        reason, hint = f"there is no file {file.filename} at this revision", f"change `revision`, or {_GIVE_A_PATH}"
    else:
        reason = f"could not be downloaded: {_words(error)}"
        hint = f"try again later (HF_ENDPOINT names another server), or {_GIVE_A_PATH}"
    return DataError(str(file), reason, hint=hint)


def _words(error: BaseException) -> str:
    """The status if the server gave one, else the first line of the innermost message."""
    error = root_cause(error)
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code} {getattr(response, 'reason_phrase', '')}".rstrip()
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _offline() -> bool:
    return any(os.environ.get(name, "").upper() in _YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def _cache() -> Path:
    if told := os.environ.get("HF_HUB_CACHE"):
        return Path(os.path.expandvars(told)).expanduser()
    if told := os.environ.get("HF_HOME"):
        return Path(os.path.expandvars(told)).expanduser() / "hub"
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(caches)).expanduser() / "huggingface" / "hub"


def _stored_digest(path: Path) -> str | None:
    """The digest in the name of the blob that the cache entry points to; small files have a git hash there instead."""
    # One step only: the blob may itself be a link into a store whose names are another kind of hash.
    if not path.is_symlink():
        return None
    name = path.readlink().name
    return name if _SHA256.fullmatch(name) else None


def _wrong_file_hint(sha256: str | None) -> str:
    if _offline():
        return "the cached copy is another file; it was left alone because HF_HUB_OFFLINE is set"
    again = "the bad copy was removed; try again"
    return f"{again}, or change `sha256` if it names another revision" if sha256 else again


def _commit(path: Path, filename: str) -> str:
    return path.parents[len(Path(filename).parts) - 1].name


def _remove(path: Path) -> None:
    """Remove a cache entry together with the blob behind it."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink(missing_ok=True)
        path = target
    with suppress(FileNotFoundError):
        path.unlink()
