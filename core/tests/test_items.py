"""Prepared items on disk: what the contract says they look like, and what is told of a damaged file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exx.errors import DataError
from exx.pipeline.items import PreparedItems, read_items, write_items
from exx.records import Item

items = st.builds(
    Item,
    st.text(),
    st.text(),
    st.text(),
    st.lists(st.text(), max_size=3).map(tuple),
    context=st.none() | st.text(),
    is_unanswerable=st.booleans(),
    group=st.none() | st.text(),
)


@settings(max_examples=50)
@given(st.lists(items, min_size=1, max_size=5))
def test_items_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, given_items: list[Item]
) -> None:
    """Whatever their texts hold, open-book ones first."""
    folder = tmp_path_factory.mktemp("items")
    for kind in ("open", "closed"):
        write_items(folder, kind, (item for item in given_items if item.type == kind))  # type: ignore[arg-type]

    assert list(read_items(folder)) == sorted(given_items, key=lambda item: item.type == "closed")


def test_the_rows_are_those_of_the_contract(tmp_path: Path) -> None:
    """Keys, and which of them are left out."""
    opened = Item("squad_v2", "56", "Q?", ("a",), context="P.", group="g")
    closed = Item("nq_open", "7", "R?", ("b", "c"))
    (one,) = write_items(tmp_path, "open", [opened]).read_text().splitlines()
    (two,) = write_items(tmp_path, "closed", [closed]).read_text().splitlines()

    assert json.loads(one) == {
        "id": "56",
        "dataset": "squad_v2",
        "question": "Q?",
        "context": "P.",
        "answers": ["a"],
        "is_unanswerable": False,
        "group": "g",
    }
    assert json.loads(two) == {"id": "7", "dataset": "nq_open", "question": "R?", "answers": ["b", "c"]}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "JSONDecodeError"),
        ('{"id": "1"}', "KeyError\\('dataset'\\)"),
        ('["id"]', "TypeError"),
        ('{"dataset": "d", "id": "1", "question": "q", "answers": null}', "TypeError"),
    ],
)
def test_a_damaged_line_is_told_by_file_and_line(tmp_path: Path, line: str, why: str) -> None:
    """Blank lines count but hold nothing."""
    good = '{"dataset": "d", "id": "0", "question": "q", "answers": []}'
    (tmp_path / "closed_book.jsonl").write_text(f"{good}\n\n{line}\n")

    with pytest.raises(DataError, match=rf"closed_book.jsonl, line 3: is not a prepared item \({why}"):
        list(read_items(tmp_path))


def test_a_folder_without_items_says_what_makes_them(tmp_path: Path) -> None:
    """The wrong folder, most often."""
    words = r"holds neither open_book.jsonl nor closed_book.jsonl\n  → exx prepare makes them"
    with pytest.raises(DataError, match=words):
        list(read_items(tmp_path))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder of its name."""
    (tmp_path / "open_book.jsonl").mkdir()

    with pytest.raises(DataError, match=r"open_book.jsonl: cannot be read: Is a directory"):
        list(read_items(tmp_path))


def test_prepared_items_are_a_mapping_by_key(tmp_path: Path) -> None:
    """Read when the first one is asked for."""
    lazy = PreparedItems(tmp_path)
    write_items(tmp_path, "closed", [Item("d", "1|2", "q", ("a",)), Item("d", "3", "r", ("b",))])

    assert (len(lazy), list(lazy), lazy["d|3"].question) == (2, ["d|1%7C2", "d|3"], "r")
