"""A figure as a notebook shows it."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from exx.state.files import write_text


@frozen
class Figure:
    """A drawing that a notebook shows, in light and dark.

    Attributes:
        title: What it shows.
        svg: The drawing, as the content of a .svg file.
    """

    title: str
    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: Path | str) -> Path:
        """Write it as an .svg file; returns the path.

        Raises:
            ExxError: The file cannot be written.
        """
        write_text(Path(path), self.svg)
        return Path(path)
