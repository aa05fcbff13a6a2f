"""The dataset ``sample_qa``: easy questions for a small model, read from this package's own files.

Each file in ``data`` holds one JSON object a line. An open-book question names its passage in ``passages.jsonl``; one
whose list of answers is empty cannot be answered from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, ClassVar

from attrs import frozen

from exx import Item, Loaded, Provenance

PASSAGES = "passages.jsonl"
OPEN_BOOK = "open_book.jsonl"
CLOSED_BOOK = "closed_book.jsonl"


@frozen(kw_only=True)
class SampleQA:
    """Open-book questions on short passages and closed-book ones of general knowledge; it has no options."""

    name: ClassVar[str] = "sample_qa"

    def digest(self) -> str:
        """sha256 of the package's files, one after the other."""
        return hashlib.sha256(b"".join(map(_read, (PASSAGES, OPEN_BOOK, CLOSED_BOOK)))).hexdigest()

    def load(self) -> Loaded:
        """Yield the open-book items, passage by passage, and then the closed-book ones."""
        return Loaded(self._items(), Provenance("bundled", self.digest(), licence="MIT"))

    def _items(self) -> Iterator[Item]:
        passages = {row["id"]: row["text"] for row in _rows(PASSAGES)}
        for row in _rows(OPEN_BOOK):
            answers, passage = tuple(row["answers"]), row["passage"]
            yield Item(
                dataset=self.name,
                id=row["id"],
                question=row["question"],
                answers=answers,
                context=passages[passage],
                is_unanswerable=not answers,
                group=passage,
            )
        for row in _rows(CLOSED_BOOK):
            yield Item(dataset=self.name, id=row["id"], question=row["question"], answers=tuple(row["answers"]))


def _rows(file: str) -> Iterator[dict[str, Any]]:
    return map(json.loads, _read(file).splitlines())


def _read(file: str) -> bytes:
    return files("exx_sample_qa").joinpath("data", file).read_bytes()
