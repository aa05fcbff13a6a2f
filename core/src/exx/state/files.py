"""Writing files so that a reader finds either the old content or all of the new one, never a part.

A temporary file in the same folder is written, brought to the disk and renamed over the target, and the folder is
brought to the disk too. What the operating system refuses is told as one message that names the file and the remedy.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from exx.errors import DataError, ExxError
from exx.fault import point

_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp", re.DOTALL)
_REMEDIES = {
    errno.ENOSPC: "free some disk space, or write to another folder",
    errno.EDQUOT: "your disk quota is used up: remove something, or write to another folder",
    errno.EFBIG: "the file is larger than this system lets a process write (ulimit -f)",
    errno.EROFS: "the file system is mounted read-only: write to another folder",
    errno.EACCES: "you may not write there: change the permissions, or write to another folder",
    errno.EPERM: "you may not write there: change the permissions, or write to another folder",
    errno.EISDIR: "a folder has this name: remove it, or choose another name",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another path",
    errno.EEXIST: "a part of the path is a file, not a folder: choose another path",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to, and put the file in place when the block ends well.

    The folder is made when it is missing. When the block raises, the temporary file is removed and ``path`` is
    as it was.

    Raises:
        ExxError: The file cannot be written, with its name and what to do.
    """
    temp = path.with_name(f".{path.name[-200:]}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temp
        point("file written")
        _sync(temp)
        temp.replace(path)
        point("file in place")
        _sync(path.parent)
    except OSError as cause:
        raise cannot_write(path, cause) from cause
    finally:
        with suppress(OSError):  # it is gone once it was renamed, and an error under way matters more than litter
            temp.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Put these bytes at ``path``, atomically.

    Raises:
        ExxError: The file cannot be written.
    """
    with atomic_path(path) as temp:
        temp.write_bytes(data)


def write_json(path: Path, obj: Any) -> None:
    """Write strict JSON (no NaN, no Infinity), indented by two, with a final newline, atomically.

    Raises:
        ExxError: The file cannot be written.
        ValueError: A float that JSON has no word for.
        TypeError: Something that is not JSON.
    """
    import orjson

    _refuse_non_finite(obj)
    write_bytes(path, orjson.dumps(obj, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def write_text(path: Path, text: str) -> None:
    """Put this text at ``path`` as UTF-8, atomically; folders are made as needed.

    Raises:
        ExxError: The file cannot be written.
    """
    write_bytes(path, text.encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: It is missing, cannot be read, or is not JSON.
    """
    import orjson

    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError as cause:
        raise DataError(path, "no such file") from cause
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause
    except orjson.JSONDecodeError as cause:
        raise DataError(path, f"is not valid JSON: {cause}") from cause


def publish(source: Path, target: Path) -> None:
    """Make ``target`` hold what ``source`` holds, atomically; by a hard link where the file system has them."""
    if target.exists() and target.samefile(source):
        return
    with atomic_path(target) as temp:
        try:
            os.link(source, temp)
        except OSError:
            shutil.copyfile(source, temp)


def sweep_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder and below it.

    Call it before this process writes there: a file with this process's own number is then from an earlier one that had
    the same, as every process of a container may.
    """
    for temp in folder.rglob(".*.tmp"):
        if is_stale(temp) or temp.name.endswith(f".{os.getpid()}.tmp"):
            temp.unlink(missing_ok=True)


def is_stale(path: Path) -> bool:
    """Whether this is a temporary file that a killed process left behind."""
    found = _TEMPORARY.fullmatch(path.name)
    return found is not None and not _alive(int(found[1]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sha256_file(path: Path) -> str:
    """Digest of a file's content, in hex.

    Raises:
        ExxError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as cause:
        raise ExxError(f"cannot read {path}: {cause.strerror or cause}") from cause


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell an ``OSError`` in the block as what it means for writing ``path``."""
    try:
        yield
    except OSError as cause:
        raise cannot_write(path, cause) from cause


def cannot_write(path: Path, cause: OSError) -> ExxError:
    """Say that a file could not be written, why, and what helps."""
    where = f" ({cause.filename})" if cause.filename and Path(str(cause.filename)).parent != path.parent else ""
    remedy = _REMEDIES.get(cause.errno or 0, "check the folder and try again")
    return ExxError(f"cannot write {path}: {cause.strerror or cause}{where}", hint=remedy)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as cause:
        if cause.errno not in (errno.EINVAL, errno.ENOTSUP):  # folders cannot be synced on some file systems
            raise
    finally:
        os.close(handle)


def _refuse_non_finite(obj: Any) -> None:
    # orjson writes null for NaN and the infinities without a word, and a null has to come with its reason.
    if isinstance(obj, float):
        if not math.isfinite(obj):
            raise ValueError(f"{obj!r} cannot be written as JSON")
    elif isinstance(obj, dict):
        for value in obj.values():
            _refuse_non_finite(value)
    elif isinstance(obj, (list, tuple)):
        for value in obj:
            _refuse_non_finite(value)
