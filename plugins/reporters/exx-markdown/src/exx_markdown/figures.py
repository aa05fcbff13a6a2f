"""The report's figures: drawn when a section asks for them, written as SVG files beside the report, linked with words.

A figure that cannot be drawn leaves its reason in its place. The words of a link are those that the figure itself
carries for people who cannot see it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from exx_markdown.text import escape, where

if TYPE_CHECKING:
    from exx import Address, VerdictRow

_MOST_ROWS = 40
_LONGEST_ALT = 600


class Figures:
    """Draws figures and keeps them until the report is written.

    Attributes:
        files: SVG texts by file name, in the order in which the report links them.
    """

    def __init__(self, wanted: bool = True) -> None:
        self.files: dict[str, str] = {}
        self._wanted = wanted

    def link(self, name: str, draw: Callable[..., str], *given: Any, title: str, **options: Any) -> str:
        """Draw a figure and link it; where there is nothing to draw, say why.

        Args:
            name: File name without its ending; another figure's name is not used twice.
            draw: One of the functions of ``exx.plots``.
            given: What it draws.
            title: What the figure shows.
            options: Further arguments of ``draw``.
        """
        if not self._wanted:
            return ""
        try:
            drawn = draw(*given, title=title, standalone=True, **options)
        except ValueError as nothing:
            return f"*No figure “{escape(title)}”: {escape(nothing)}.*"
        file = self._free(re.sub(r"[^A-Za-z0-9.-]+", "-", name))
        self.files[file] = drawn
        return f"![{escape(_words(drawn, title))}]({file})"

    def _free(self, name: str) -> str:
        number, file = 1, f"{name}.svg"
        while file in self.files:
            number += 1
            file = f"{name}-{number}.svg"
        return file

    def forest(self, name: str, rows: Sequence[tuple[str, VerdictRow]], *, title: str, margin: float | None) -> str:
        """Draw the differences of these rows, each under its label; those that are not defined are left out."""
        from exx import plots

        known = [(label, row) for label, row in rows if row.difference is not None]
        drawn = [
            plots.Interval(
                label=label,
                estimate=row.difference or 0.0,
                low=row.low,
                high=row.high,
                clear=row.answer != "cannot tell",
            )
            for label, row in known[:_MOST_ROWS]
        ]
        return self.link(name, plots.forest, drawn, title=title, margin=margin)


def _words(svg: str, title: str) -> str:
    """What the figure says of itself, its line breaks gone."""
    found = re.search("<desc>(.*?)</desc>", svg, re.DOTALL)
    said = " ".join(html.unescape(found[1]).split()) if found else ""
    if len(said) > _LONGEST_ALT:
        said = f"{said[: said.rfind(' ', 0, _LONGEST_ALT)]} …"
    return f"{title}. {said}".strip()


def slug(address: Address) -> str:
    """A place as part of a file name: ``open-t0.7``."""
    return f"{address.type}-t{address.temp:g}"


def place(address: Address) -> str:
    """A place in words: ``Open-book, temperature 0``."""
    return where(address.temp, address.type)
