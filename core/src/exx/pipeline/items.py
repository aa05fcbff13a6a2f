"""Prepared items on disk: open_book.jsonl and closed_book.jsonl."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from exx.errors import DataError
from exx.records import Item, ItemType
from exx.state.files import atomic_path

FILES: Mapping[ItemType, str] = {"open": "open_book.jsonl", "closed": "closed_book.jsonl"}


@contextmanager
def without_collector() -> Iterator[None]:
    """Let Python look for no cycles meanwhile: among many small records there are none, and looking takes its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def write_items(folder: Path, kind: ItemType, items: Iterable[Item]) -> Path:
    """Write the items of one type, a JSON object a line."""
    path = folder / FILES[kind]
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for item in items:
            file.write(orjson.dumps(_row(item), option=orjson.OPT_APPEND_NEWLINE))
    return path


def _row(item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {"id": item.id, "dataset": item.dataset, "question": item.question}
    if item.context is not None:
        row["context"] = item.context
    row["answers"] = item.answers
    if item.context is not None or item.is_unanswerable:
        row["is_unanswerable"] = item.is_unanswerable
    if item.group is not None:
        row["group"] = item.group
    return row


def read_items(folder: Path) -> Iterator[Item]:
    """Read every prepared item, open-book ones first; a type without a file has none.

    Raises:
        DataError: The folder holds neither file, or a line is not an item; with file and line.
    """
    paths = [folder / name for name in FILES.values() if (folder / name).exists()]
    if not paths:
        raise DataError(folder, "holds neither open_book.jsonl nor closed_book.jsonl", hint="exx prepare makes them")
    for path in paths:
        yield from _read(path)


def _read(path: Path) -> Iterator[Item]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield _item(path, number, line)
    except OSError as cause:
        raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause


def _item(path: Path, number: int, line: bytes) -> Item:
    try:
        row = orjson.loads(line)
        return Item(
            dataset=row["dataset"],
            id=row["id"],
            question=row["question"],
            answers=tuple(row["answers"]),
            context=row.get("context"),
            is_unanswerable=row.get("is_unanswerable", False),
            group=row.get("group"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as cause:
        raise DataError(path, f"is not a prepared item ({cause!r})", line=number) from cause


class PreparedItems(Mapping[str, Item]):
    """The prepared items by key, read from disk when the first one is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._items: dict[str, Item] | None = None

    def _all(self) -> dict[str, Item]:
        if self._items is None:
            self._items = {item.key: item for item in read_items(self._folder)}
        return self._items

    def __getitem__(self, key: str) -> Item:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
