"""Paths and texts named in a config: ``~`` and ``${VAR}`` expand, relative ones are looked for in two places."""

from __future__ import annotations

import os
import re
from pathlib import Path

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def expand(text: str) -> str:
    """Expand ``~`` and ``${VAR}``.

    Raises:
        ValueError: A variable that is not set.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ValueError(f"environment variable {found[1]} is not set (in {text!r})")
        return os.environ[found[1]]

    return str(Path(_VARIABLE.sub(value, text)).expanduser())


def resolve(text: str, base: Path | None) -> Path:
    """Make a path of a config's text: relative to the working directory, else to the config's folder if it is there.

    A path that exists nowhere stays relative to the working directory: it may be made later, and messages should show
    it as it was written.
    """
    path = Path(expand(text))
    if path.is_absolute() or path.exists() or base is None:
        return path
    beside = base / path
    return beside if beside.exists() else path
