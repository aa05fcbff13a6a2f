"""A verdict's rows as a notebook shows them: a list, a table, a DataFrame."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from attrs import asdict, define

from exx.notebook.frames import pandas
from exx.verdict import VerdictRow, amount, change
from exx.wording import clean, p_text, where

if TYPE_CHECKING:
    import pandas as pd


@define(eq=False, repr=False)
class VerdictTable(Sequence[VerdictRow]):
    """Rows of a verdict.

    Attributes:
        rows: The rows.
        places: Where each is, in words; empty where there is only one place.
        sides: What the control and the treatment are called.
        rates: The values are shares, shown in per cent.
    """

    rows: Sequence[VerdictRow]
    places: Sequence[str]
    sides: tuple[str, str] = ("control", "treatment")
    rates: bool = True

    @classmethod
    def of(cls, rows: Sequence[VerdictRow]) -> VerdictTable:
        """The rows of one trial."""
        return cls(rows, [where(row.address) for row in rows])

    @overload
    def __getitem__(self, index: int) -> VerdictRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[VerdictRow]: ...
    def __getitem__(self, index: int | slice) -> VerdictRow | Sequence[VerdictRow]:
        """One row, or some."""
        return self.rows[index]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[VerdictRow]:
        """The rows, the primary metrics first."""
        return iter(self.rows)

    def to_frame(self) -> pd.DataFrame:
        """One line per row, with every attribute of ``VerdictRow``; temperature and type instead of the address.

        Raises:
            ExxError: pandas is not installed.
        """
        lines = []
        for row, place in zip(self.rows, self.places, strict=True):
            plain: dict[str, Any] = asdict(row, recurse=False)
            address = plain.pop("address")
            lines.append({"place": place, "temp": address.temp, "type": address.type, **plain})
        frame: pd.DataFrame = pandas().DataFrame(lines)
        return frame

    def cells(self) -> list[list[str]]:
        """The table as plain strings; the first line is the header."""
        with_place = any(self.places)
        head = ["Metric", *(["Where"] if with_place else []), "n", *self.sides]
        lines = [[*head, "difference", "interval", "p", "q", "answer"]]
        for row, place in zip(self.rows, self.places, strict=True):
            spread = "–"
            if row.low is not None:
                spread = f"{change(row.low, rates=self.rates)} to {change(row.high, rates=self.rates)}"
            title = f"{row.title} *" if row.primary else row.title
            values = [amount(row.control, rates=self.rates), amount(row.treatment, rates=self.rates)]
            tests = [p_text(row.p_value).removeprefix("= "), p_text(row.q_value).removeprefix("= ")]
            moved = change(row.difference, rates=self.rates)
            found = [f"{row.n:,}", *values, moved, spread, *tests, row.answer]
            lines.append([title, *([place] if with_place else []), *found])
        return [[clean(cell) for cell in line] for line in lines]

    def __repr__(self) -> str:
        """The table in columns of equal width."""
        lines = self.cells()
        widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
        padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
        return "\n".join(line.rstrip() for line in padded)

    def _repr_html_(self) -> str:
        return table_html(self.cells())


def table_html(lines: Sequence[Sequence[str]]) -> str:
    """A table as HTML, every cell escaped; the first line is the header."""
    head, *rest = lines
    columns = "".join(f"<th>{escaped(cell)}</th>" for cell in head)
    rows = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in line)}</tr>" for line in rest)
    return f"<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>"


def escaped(text: str) -> str:
    """Text for HTML that shows what it says and does nothing."""
    return html.escape(clean(text))
