"""A table as the page's template wants it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import frozen


@frozen(kw_only=True)
class Grid:
    """Rows under a header.

    Attributes:
        header: One word or two per column.
        rows: Cells as text; the template escapes them.
        numbers: Columns that are set to the right.
        caption: What the table is of.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: Collection[int] = ()
    caption: str = ""
