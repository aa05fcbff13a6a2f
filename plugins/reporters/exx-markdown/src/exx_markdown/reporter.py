"""The report as a Markdown file and its figures: the verdict first, then what it rests on, then how to do it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen
from attrs.validators import and_, ge, le

if TYPE_CHECKING:
    from exx import Results


@frozen(kw_only=True)
class MarkdownReporter:
    """Writes ``report.md`` and, beside it, the figures that it links as ``.svg`` files.

    Attributes:
        examples: How many items the treatment fixed, and how many it broke, are shown per temperature and item type;
            0 to 20, and 0 shows none.
        longest: Characters of a question or an answer that are shown; 40 to 2,000.
        figures: Draw them; without, the report is words and tables, and matplotlib is not needed.
    """

    name: ClassVar[str] = "markdown"

    examples: int = field(default=3, validator=and_(ge(0), le(20)))
    longest: int = field(default=300, validator=and_(ge(40), le(2000)))
    figures: bool = True

    def write(self, results: Results, folder: Path) -> Sequence[Path]:
        """Write the report into the folder, which is made when it is missing.

        Raises:
            DataError: A file of the results is missing or damaged.
            ExxError: The report cannot be written.
        """
        from exx import write_text
        from exx_markdown.report import render

        report, drawn = render(results, examples=self.examples, longest=self.longest, figures=self.figures)
        paths = [folder / "report.md", *(folder / name for name in drawn)]
        for path, text in zip(paths, (report, *drawn.values()), strict=True):
            write_text(path, text)
        return paths
