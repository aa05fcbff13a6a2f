"""What every dataset keeps."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from exx.records import Item, Provenance, RequestId
from exx.testing.contract import require, subject_of

MOST = 10_000


def check_dataset(dataset: Any, *, most: int = MOST) -> None:
    """Check a dataset's items, the order they come in, and what it says about where they come from.

    Ids are unique, texts are texts, every answerable item has an answer; loading twice gives the same items in the
    same order; the digest is the same each time and is what the provenance says.

    Args:
        dataset: The dataset, or its class if all its options have defaults. ``load`` has to work without a network.
        most: How many items are looked at.

    Raises:
        AssertionError: A contract is broken.
    """
    subject = subject_of("dataset", dataset)
    digest = subject.digest()
    require(digest is None or _is_digest(digest), subject, f"digest() is {digest!r}, neither a sha256 in hex nor None")
    require(digest == subject.digest(), subject, "digest() is another the second time")
    loaded = subject.load()
    first = list(islice(loaded.items, most))
    require(first, subject, "has no items")
    seen: set[str] = set()
    for number, item in enumerate(first):
        _check_item(subject, item, number)
        require(item.key not in seen, subject, f"item {number}: the id {item.id!r} is there twice")
        seen.add(item.key)
    require(first == list(islice(subject.load().items, most)), subject, "loading it again gives other items")
    _check_provenance(subject, loaded.provenance)


def _check_item(subject: Any, item: Any, number: int) -> None:
    require(isinstance(item, Item), subject, f"item {number} is {type(item).__name__}, not exx.Item")
    where = f"item {number} ({item.id!r})"
    for name in ("dataset", "id", "question"):
        require(_is_text(getattr(item, name)), subject, f"{where}: {name} is no text, empty, or cannot be written")
    require(isinstance(item.answers, tuple), subject, f"{where}: answers is no tuple")
    require(all(map(_is_text, item.answers)), subject, f"{where}: an answer is no text, empty, or cannot be written")
    require(item.answers or item.is_unanswerable, subject, f"{where}: answerable, and without an answer")
    require(item.context is None or _is_text(item.context), subject, f"{where}: the context is no text, or empty")
    require(item.group is None or _is_text(item.group), subject, f"{where}: the group is no text, or empty")
    asked = RequestId(item.dataset, item.id, "control", 0.0, 0, item.type)
    require(RequestId.decode(asked.encode()) == asked, subject, f"{where}: the id does not survive being encoded")


def _check_provenance(subject: Any, provenance: Any) -> None:
    require(isinstance(provenance, Provenance), subject, "its provenance is no exx.Provenance")
    require(_is_text(provenance.source), subject, "its provenance names no source")
    digest = subject.digest()
    told = provenance.sha256
    require(None in (digest, told) or digest == told, subject, f"digest() is {digest}, and the provenance says {told}")


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value) is not None


def _is_text(value: Any) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
