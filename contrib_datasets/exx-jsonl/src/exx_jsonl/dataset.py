"""The dataset ``jsonl``: questions from a file of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import in_, matches_re, min_len, optional

from exx import ON_ERROR, Format, Item, Loaded, OnError, Provenance, ReadLog, Source, local_digest, obtain


def _known(_: Any, attribute: Any, columns: Mapping[str, str]) -> None:
    from exx_jsonl.columns import FIELDS

    for name, column in columns.items():
        if name not in FIELDS:
            close = get_close_matches(name, FIELDS, n=1)
            near = f", did you mean {close[0]!r}?" if close else f"; known are {', '.join(FIELDS)}"
            raise ValueError(f"'{attribute.name}.{name}' unknown field{near}")
        if not column:
            raise ValueError(f"'{attribute.name}.{name}' must name a column")
    if {"answer", "answers"} <= columns.keys():
        raise ValueError(f"'{attribute.name}.answer' and `answers` exclude each other: map one of them")


@frozen(kw_only=True)
class Jsonl:
    """One question a row of JSON Lines, JSON, CSV or Parquet; the README says which fields it may have.

    Attributes:
        source: The file: a path or an http(s) address; may be packed.
        columns: What the file calls a field, by the field: ``{question: prompt, answers: gold.aliases}``.
        format: ``jsonl``, ``json`` (an array of objects), ``csv`` or ``parquet``; None: by its name and its beginning.
        answer_separator: What separates the answers in a cell of CSV; None: it holds a JSON list.
        delimiter: What separates the cells of CSV; None: the comma, semicolon or tab that the header holds most of.
        missing: Texts that mean that a cell of CSV holds nothing.
        null_context: A passage that is null, or an empty cell: ``refuse`` it, or take the question as ``closed_book``.
        on_error: ``fail`` stops at the first row that cannot be used; ``skip`` leaves such rows out, and counts and
            lists them.
        dataset: What the items' dataset is called in every result, and which official scorer they get; None takes each
            row's own ``dataset``, and ``jsonl`` for rows that have none.
        sha256: What the file must hash to, in hex; None takes the file as it is.
    """

    name: ClassVar[str] = "jsonl"

    source: Source
    columns: Mapping[str, str] = field(factory=dict, validator=_known)
    format: Format | None = field(default=None, validator=optional(in_(("jsonl", "json", "csv", "parquet"))))
    answer_separator: str | None = field(default=None, validator=optional(min_len(1)))
    delimiter: str | None = field(default=None, validator=optional(matches_re(r"[^\r\n\"]")))
    missing: tuple[str, ...] = ("NaN", "nan", "<NA>")
    null_context: Literal["refuse", "closed_book"] = field(default="refuse", validator=in_(("refuse", "closed_book")))
    on_error: OnError = field(default="fail", validator=in_(ON_ERROR))
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
        file = obtain(self.source, self.sha256)
        log = ReadLog(str(self.source) if self.source.is_url else str(file.path), self.on_error)
        return Loaded(self._items(file.path, log), Provenance(str(self.source), file.sha256), log)

    def _items(self, path: Path, log: ReadLog) -> Iterable[Item]:
        from exx import Layout, format_of, read_rows
        from exx_jsonl.columns import Columns
        from exx_jsonl.items import Maker

        columns = Columns(names=self.columns, separator=self.answer_separator, missing=self.missing)
        layout = Layout(
            format=self.format, delimiter=self.delimiter, columns=columns.all_names(), check=columns.check_header
        )
        name = self.source.path.name
        columns.table = format_of(path, log.where, layout, name=name) == "csv"
        maker = Maker(
            log=log,
            columns=columns,
            dataset=self.dataset,
            default=self.name,
            null_is_closed=self.null_context == "closed_book",
        )
        return maker.items(read_rows(path, log, layout, name=name))
