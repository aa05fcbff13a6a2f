"""A finished run as one checksummed file, and back.

An archive holds every file of the run's folder, and before them ``MANIFEST.sha256.json`` with the size and sha256 of
each. The same files give the same archive: names in order, no times, no owners. It is written beside its place, read
back and compared with the manifest before it counts, and before anything is removed.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import orjson
from attrs import frozen

from exx import __version__
from exx.errors import DataError, ExxError, RunError
from exx.runs.archive_formats import MANIFEST, Writer, open_members, writer_for
from exx.runs.folder import RunFolder, files_of
from exx.state.files import atomic_path, sha256_file, sweep_temporaries, writing
from exx.state.lock import LOCK_FILES, run_lock
from exx.state.progress import PROGRESS_FILE
from exx.state.stop import STOP_FILE

FORMATS = ("tar.zst", "zip")
_TRANSIENT = (*LOCK_FILES, PROGRESS_FILE, STOP_FILE)
_LARGEST_MANIFEST = 64 * 2**20
_BLOCK = 2**20
_MOST_PER_BYTE = 1000  # text shrinks to a tenth or a hundredth; a file that grows more than this was made to hurt
_ALLOWANCE = 64 * 2**20

Sums = Mapping[str, tuple[int, str]]
"""Size and sha256 by path below the run's folder."""


@frozen(kw_only=True)
class Archived:
    """An archive that was read back and found whole.

    Attributes:
        path: The archive.
        size: Of the archive, in bytes.
        files: How many files it holds, the manifest aside.
        bytes: Their size.
        sha256: Of the archive.
        left_out: Files of the run's folder that are not in it: hidden ones, such as a ``.env``.
        removed: The run's folder was removed.
        kept: What of the folder was not removed, since it is not in the archive.
    """

    path: Path
    size: int
    files: int
    bytes: int
    sha256: str
    left_out: tuple[str, ...] = ()
    removed: bool = False
    kept: tuple[str, ...] = ()


def archive_run(
    run: RunFolder, phases: tuple[str, ...], *, kind: str = "tar.zst", out: Path | None = None, remove: bool = False
) -> Archived:
    """Archive a finished run, and check the archive by reading it back.

    Args:
        run: The run.
        phases: Names of the phases that each trial must have done.
        kind: ``tar.zst`` or ``zip``.
        out: The archive; default ``run_<id>.<kind>`` beside the run's folder. One that is there already and holds the
            same is taken for it.
        remove: Remove the run's folder once the archive was found whole.

    Raises:
        RunError: The run is not finished, or is in use; or another archive is in the way.
        ExxError: A file cannot be read or written.
    """
    _refuse_unfinished(run, phases)
    path = out or run.path.with_name(f"{run.path.name}.{kind}")
    with run_lock(run.path):
        sweep_temporaries(run.path)
        names, left_out = _choose(run.path)
        sums = {name: _sum(run.path / name) for name in names}
        if path.exists():
            _refuse_other(path, sums)
        else:
            with atomic_path(path) as temporary:
                _write(run.path, sums, temporary, kind)
                _compare(temporary, sums, path)
        kept = _remove(run.path, sums) if remove else ()
    return Archived(
        path=path,
        size=path.stat().st_size,
        files=len(sums),
        bytes=sum(size for size, _ in sums.values()),
        sha256=sha256_file(path),
        left_out=left_out,
        removed=remove and not run.path.exists(),
        kept=kept,
    )


def _refuse_unfinished(run: RunFolder, phases: tuple[str, ...]) -> None:
    status = run.status
    if run.in_use:
        hint = "wait for it, or ask it to stop with exx stop"
        raise RunError(f"run {run.id} is in use by {run.holder}", hint=hint)
    missing = [] if status != "done" else run.unfinished(phases)
    if status != "done" or missing:
        what = f"it is {status}" if status != "done" else f"not done: {'; '.join(missing)}"
        raise RunError(f"run {run.id} is not finished ({what})", hint=f"exx resume {run.id} finishes it")


def _choose(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """The files to archive, and those to leave out: hidden ones are nobody's results, and may hold secrets."""
    chosen: list[str] = []
    left_out: list[str] = []
    for path in files_of(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file():
            raise RunError(f"{path} is not a plain file", hint="a run's folder holds files only: remove it")
        if name in _TRANSIENT:
            continue
        hidden = any(part.startswith(".") for part in name.split("/"))
        (left_out if hidden else chosen).append(name)
    return sorted(chosen), tuple(left_out)


def _sum(path: Path) -> tuple[int, str]:
    return path.stat().st_size, sha256_file(path)


def _write(folder: Path, sums: Sums, path: Path, kind: str) -> None:
    files = [{"path": name, "size": size, "sha256": sha} for name, (size, sha) in sums.items()]
    about = {"schema_version": 2, "run": folder.name, "exx_core": __version__, "files": files}
    manifest = orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    writer: Writer
    with writer_for(kind, path) as writer:
        writer.add(f"{folder.name}/{MANIFEST}", len(manifest), io.BytesIO(manifest))
        for name, (size, _) in sums.items():
            with (folder / name).open("rb") as file:
                writer.add(f"{folder.name}/{name}", size, file)


def _compare(archive: Path, sums: Sums, path: Path) -> None:
    try:
        same = dict(check(archive)) == dict(sums)
    except DataError as cause:
        raise ExxError(f"{path} was not what it should be when it was read back: {cause.reason}") from cause
    if not same:
        raise ExxError(f"files of the run changed while {path} was written", hint="nothing was removed; try again")


def _refuse_other(path: Path, sums: Sums) -> None:
    try:
        same = dict(check(path)) == dict(sums)
    except DataError:
        same = False
    if not same:
        hint = "move it away, or give another name with --out; nothing was removed"
        raise RunError(f"{path} is there already and holds something else", hint=hint)


def _remove(folder: Path, sums: Sums) -> tuple[str, ...]:
    """Remove what is in the archive and what only served the run; whatever else there is, is kept."""
    for name in (*sums, *_TRANSIENT):
        (folder / name).unlink(missing_ok=True)
    for below in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(below.iterdir()):
            below.rmdir()
    kept = tuple(path.relative_to(folder).as_posix() for path in files_of(folder))
    if not kept:
        folder.rmdir()
    return kept


# --- reading back ----------------------------------------------------------------------------------------------------


def check(path: Path) -> Sums:
    """Read a whole archive and hold every file against the manifest; writes nothing.

    Returns:
        What it holds.

    Raises:
        DataError: It is damaged, or is not an archive of a run: a file missing, changed or too many, a name that leads
            out of its folder, a link, or contents out of all proportion.
    """
    return _through(path, None)


def extract(path: Path, into: Path) -> Path:
    """Check an archive and unpack it; nothing is left behind when it is not whole.

    Returns:
        The run's folder.

    Raises:
        DataError: As ``check``.
        RunError: The run is there already.
        ExxError: It cannot be written.
    """
    import shutil
    import tempfile

    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=into) as name:
        temporary = Path(name)
        _through(path, temporary)
        (unpacked,) = temporary.iterdir()
        target = into / unpacked.name
        if target.exists():
            raise RunError(f"{target} is there already", hint="move it away first; nothing was changed")
        shutil.move(unpacked, target)
    return target


def _through(path: Path, into: Path | None) -> Sums:
    """Go through an archive once, member by member, checking and perhaps unpacking each."""
    run = ""
    declared: dict[str, tuple[int, str]] = {}
    found: dict[str, tuple[int, str]] = {}
    with open_members(path, _LARGEST_MANIFEST) as (members, allow):
        for name, size, file in members:
            if not declared:
                run, declared = _manifest(path, name, size, file)
                total = sum(size for size, _ in declared.values())
                if total > _MOST_PER_BYTE * path.stat().st_size + _ALLOWANCE:
                    raise DataError(path, f"{total:,} bytes are to come out of {path.stat().st_size:,}: refused")
                allow(total, len(declared))
                continue
            below = _below(path, run, name)
            if below in found or below not in declared:
                raise DataError(path, f"{name!r} is {'there twice' if below in found else 'not in the manifest'}")
            found[below] = _copy(path, name, file, declared[below], into / run / below if into else None)
    if not declared:
        raise DataError(path, f"holds no {MANIFEST}")
    missing = sorted(set(declared) - set(found))
    if missing:
        raise DataError(path, f"{len(missing)} files are missing: {', '.join(missing[:5])}")
    return found


def _manifest(path: Path, name: str, size: int, file: IO[bytes]) -> tuple[str, dict[str, tuple[int, str]]]:
    run, slash, rest = name.partition("/")
    if not slash or rest != MANIFEST or size > _LARGEST_MANIFEST:
        raise DataError(path, f"does not begin with a {MANIFEST}: it is not an archive of a run")
    try:
        about: Any = orjson.loads(file.read(size))
        sums = {str(f["path"]): (int(f["size"]), str(f["sha256"])) for f in about["files"]}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as cause:
        raise DataError(path, f"its {MANIFEST} cannot be read ({cause!r})") from cause
    _refuse_unsafe(path, run)
    for below, (length, _) in sums.items():
        _refuse_unsafe(path, below)
        if length < 0:
            raise DataError(path, f"{below!r} has {length} bytes")
    return run, sums


def _refuse_unsafe(path: Path, name: str) -> None:
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or "\x00" in name or ":" in parts[0]:
        raise DataError(path, f"the name {name!r} leads out of its folder: refused")


def _below(path: Path, run: str, name: str) -> str:
    _refuse_unsafe(path, name)
    if not name.startswith(f"{run}/"):
        raise DataError(path, f"{name!r} is not below {run!r}")
    return name.removeprefix(f"{run}/")


def _copy(path: Path, name: str, file: IO[bytes], declared: tuple[int, str], to: Path | None) -> tuple[int, str]:
    """Read a member to its end, and no further than the manifest says; perhaps write it too."""
    sha, size = hashlib.sha256(), 0
    with writing(to) if to else nullcontext(), _sink(to) as sink:
        for block in _blocks(file):
            size += len(block)
            if size > declared[0]:
                raise DataError(path, f"{name!r} is longer than the {declared[0]:,} bytes of the manifest")
            sha.update(block)
            sink.write(block)
    if (size, sha.hexdigest()) != declared:
        raise DataError(path, f"{name!r} is not what the manifest says: its size or sha256 differs")
    return size, sha.hexdigest()


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        yield block


def _sink(path: Path | None) -> IO[bytes]:
    if path is None:
        return _Nowhere()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


class _Nowhere(io.BytesIO):
    """Takes everything and keeps nothing."""

    def write(self, data: Any, /) -> int:
        """Forget it."""
        return len(data)
