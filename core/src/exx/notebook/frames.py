"""The tables of results as DataFrames, with text as text and numbers as numbers whatever a cell looks like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from exx.errors import DataError, ExxError
from exx.rows import allow_long_fields

if TYPE_CHECKING:
    import pandas as pd

_TEXT = {
    *("custom_id", "dataset", "item_id", "item_key", "condition", "type", "group"),
    *("request_id", "finish_reason", "response_text", "error", "model"),
    *("analysis", "metric", "subgroup", "family", "reason", "details"),
}


def pandas() -> Any:
    """Import pandas.

    Raises:
        ExxError: It is not installed.
    """
    try:
        import pandas as module
    except ImportError as cause:
        raise ExxError("tables need pandas, which is not installed", hint="pip install 'exx-core[notebook]'") from cause
    return module


def read_frame(path: Path, hint: str) -> pd.DataFrame:
    """Read a CSV file of a run.

    Args:
        path: The file. An empty cell is an empty text, or, in a column of numbers, NaN.
        hint: What makes the file anew.

    Raises:
        DataError: It is missing or damaged.
        ExxError: pandas is not installed.
    """
    module = pandas()
    allow_long_fields()
    try:
        header = list(module.read_csv(path, nrows=0).columns)
        numbers = [name for name in header if name not in _TEXT]
        return module.read_csv(
            path,
            dtype={name: str for name in header if name in _TEXT},
            keep_default_na=False,
            na_values={name: [""] for name in numbers},
        )
    except FileNotFoundError as cause:
        raise DataError(path, "no such file", hint=hint) from cause
    except (OSError, ValueError) as cause:
        raise DataError(path, f"cannot be read ({cause})", hint=hint) from cause


def with_details(frame: pd.DataFrame) -> pd.DataFrame:
    """Findings with their details as mappings instead of JSON text."""
    return frame.assign(details=[orjson.loads(text) if text else {} for text in frame["details"]])


def stacked(frames: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The frames of several trials under one another, with a column ``trial`` in front; a single one as it is."""
    if len(frames) == 1:
        return frames[0][1]
    named = [frame.assign(trial=slug)[["trial", *frame.columns]] for slug, frame in frames]
    whole: pd.DataFrame = pandas().concat(named, ignore_index=True)
    return whole
