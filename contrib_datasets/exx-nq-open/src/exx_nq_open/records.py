"""Reads Natural Questions Open from the official JSON Lines or from the hub's rows: the layout is the same."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve

from exx import Fields, Item, Layout, ReadLog, UnusableRow, read_rows

_COLUMNS = ("question", "answer")
_OTHER_LAYOUT = "for questions in a layout of your own there is the dataset `jsonl`"
_LAYOUT = Layout(columns=_COLUMNS, required=_COLUMNS, hint=_OTHER_LAYOUT)


def read_items(path: Path, name: str, log: ReadLog) -> Iterator[Item]:
    """Yield the questions in the order of the file.

    Args:
        path: The file.
        name: Its own name, by which its layout is told.
        log: What messages call it, and what to do about a question that cannot be used.

    Raises:
        DataError: A question that cannot be used and may not be skipped, with its place and field; no questions.
    """
    seen: Counter[str] = Counter()
    for place, value in read_rows(path, log, _LAYOUT, name=name):
        try:
            item = _item(value)
        except UnusableRow as cause:
            log.refuse(place, cause)
            continue
        seen[item.id] += 1
        yield item if seen[item.id] == 1 else evolve(item, id=f"{item.id}#{seen[item.id]}")
    log.finish(len(seen), hint=_OTHER_LAYOUT)


def _item(value: Any) -> Item:
    fields = Fields.of(value, hint=_OTHER_LAYOUT)
    question = fields.text("question")
    answers = fields.texts("answer")
    if not answers:
        raise UnusableRow("is an empty list", "answer")
    # No ids were published: one made of the text stays when rows move.
    return Item("nq_open", hashlib.sha256(question.encode()).hexdigest()[:16], question, answers)
