"""The report as one HTML file that needs nothing else: the verdict, figures, tables, and a browser of all items.

The figures are drawn in the page, the items' texts are compressed in it, and its content security policy lets it load
nothing and run nothing but its own script, whatever a model wrote.

Sources:
    W3C, Content Security Policy Level 3 (hashes, and that blocks of data are not scripts).
    WHATWG, Compression Standard (DecompressionStream); RFC 1952 (gzip).
    W3C, ARIA Authoring Practices Guide: listbox.
    Unicode Standard Annex 9 (bidirectional text) and Unicode Technical Report 36, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen
from attrs.validators import and_, ge, le

if TYPE_CHECKING:
    from exx import Results


@frozen(kw_only=True)
class HtmlReporter:
    """Writes ``report.html``.

    Attributes:
        texts_mb: Megabytes of the page that questions, answers and passages may take, compressed; 0 to 500. What does
            not fit is left out, passages first, and the page says so. 0 leaves the item browser out.
    """

    name: ClassVar[str] = "html"

    texts_mb: float = field(default=11.0, converter=float, validator=and_(ge(0.0), le(500.0)))

    def write(self, results: Results, folder: Path) -> Sequence[Path]:
        """Write the report into the folder, which is made when it is missing.

        Raises:
            DataError: A file of the results is missing or damaged.
            ExxError: The report cannot be written.
        """
        from exx import write_text
        from exx_html.page import render

        path = folder / "report.html"
        write_text(path, render(results, budget=int(self.texts_mb * 1_000_000)))
        return [path]
