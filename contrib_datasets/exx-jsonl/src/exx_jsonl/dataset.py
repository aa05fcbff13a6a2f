"""The dataset ``jsonl``: questions from a file of one's own."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen
from attrs.validators import matches_re, min_len, optional

from exx import Loaded, Provenance, Source, local_digest, obtain


@frozen(kw_only=True)
class Jsonl:
    """One question a line, as a JSON object; the README says which fields it may have.

    Attributes:
        source: The file: a path or an http(s) address.
        dataset: What the items' dataset is called in every result, and which official scorer they get; None takes each
            row's own ``dataset``, and ``jsonl`` for rows that have none.
        sha256: What the file must hash to, in hex; None takes the file as it is.
    """

    name: ClassVar[str] = "jsonl"

    source: Source
    dataset: str | None = field(default=None, validator=optional(min_len(1)))
    sha256: str | None = field(default=None, validator=optional(matches_re("[0-9a-fA-F]{64}")))

    def digest(self) -> str | None:
        """sha256 of the file; None while an address has not been fetched or a path does not exist."""
        return local_digest(self.source, self.sha256)

    def load(self) -> Loaded:
        """Open the file; rows are read and checked one by one as they are asked for.

        Raises:
            DataError: The file cannot be had; while reading, the first row that cannot be used, by its line.
        """
        from exx_jsonl.items import make_items
        from exx_jsonl.rows import read_rows

        file = obtain(self.source, self.sha256)
        where = str(self.source) if self.source.is_url else str(file.path)
        items = make_items(read_rows(file.path, where), where, self.dataset, default=self.name)
        return Loaded(items, Provenance(str(self.source), file.sha256))
