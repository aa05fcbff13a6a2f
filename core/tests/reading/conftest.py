"""Files to read, and their rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exx.reading.layout import Layout
from exx.reading.log import ReadLog, Row
from exx.reading.rows import read_rows

Reader = Callable[..., tuple[list[Row], ReadLog]]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Read a file of this name and content; give back its rows and the log."""

    def reader(name: str, content: bytes | str, *, skip: bool = False, **layout: Any) -> tuple[list[Row], ReadLog]:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        log = ReadLog(name, "skip" if skip else "fail")
        return list(read_rows(path, log, Layout(**layout))), log

    return reader
