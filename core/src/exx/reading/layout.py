"""How a file of rows is laid out, and which columns a reader needs of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from attrs import frozen

from exx.reading.log import ReadLog, UnusableRow

Format = Literal["jsonl", "json", "csv", "parquet"]
FORMATS: tuple[Format, ...] = ("jsonl", "json", "csv", "parquet")


@frozen(kw_only=True)
class Layout:
    """How a file is laid out, as far as it does not say so itself.

    Attributes:
        format: ``jsonl``, ``json``, ``csv`` or ``parquet``; None: told by the file's beginning and its name.
        inside: Field of a JSON document that holds the rows; None: the document is an array of them.
        columns: Columns to read from Parquet; None for all.
        required: Columns that Parquet and CSV must have.
        check: Called with the columns of Parquet and CSV, and may refuse them with ``UnusableRow``.
        delimiter: What separates the cells of CSV; None: told by its header.
        hint: What to do about a file in another layout.
    """

    format: Format | None = None
    inside: str | None = None
    columns: Sequence[str] | None = None
    required: Sequence[str] = ()
    check: Callable[[Sequence[str]], None] | None = None
    delimiter: str | None = None
    hint: str | None = None

    def check_columns(self, found: Sequence[str], log: ReadLog, place: int | str) -> None:
        """Insist on the columns that a table must have.

        Raises:
            DataError: One is missing, with those that are there; or ``check`` refuses them.
        """
        missing = [name for name in self.required if name not in found]
        if missing:
            reason = f"has no column {missing[0]!r}; columns found: {', '.join(found)}"
            raise log.refusal(place, UnusableRow(reason, hint=self.hint))
        if self.check is None:
            return
        try:
            self.check(found)
        except UnusableRow as cause:
            raise log.refusal(place, cause) from cause
