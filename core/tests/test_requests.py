"""Request parts read back: each row gets the key of its response, and a row that is no request is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from exx.errors import DataError
from exx.pipeline.requests import chunks, read_requests
from exx.records import Item, Request, RequestId, request_key

IDENTITY = {"name": "b"}
BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "q"}], "temperature": 0.5, "seed": 3}


def write(path: Path, *rows: Any) -> Path:
    """A part."""
    path.write_bytes(b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_a_row_becomes_a_request(tmp_path: Path) -> None:
    """Messages and settings apart, and the key over all of it."""
    custom_id = RequestId("d", "1|2", "control", 0.5, 4, "closed").encode()
    (request,) = read_requests(write(tmp_path / "p", {"custom_id": custom_id, "body": BODY}), IDENTITY, "m", None)

    params = {"temperature": 0.5, "seed": 3}
    key = request_key(IDENTITY, "m", BODY["messages"], params, 4)
    assert request == Request(custom_id, key, "m", BODY["messages"], params)


def test_what_is_simulated_depends_on_the_item(tmp_path: Path) -> None:
    """Two items with one question get two made-up answers, and an item that changes gets another."""
    ids = [RequestId("d", n, "control", 0.0, 0, "closed").encode() for n in "12"]
    part = write(tmp_path / "p", *({"custom_id": one, "body": BODY} for one in ids))
    items = {f"d|{n}": Item("d", n, "q", ("a",)) for n in "12"}

    def keys(known: dict[str, Item] | None) -> list[str]:
        return [request.key for request in read_requests(part, IDENTITY, "m", known)]

    assert len(set(keys(None))) == 1
    assert len(set(keys(items))) == 2
    changed = keys({**items, "d|2": Item("d", "2", "q", ("b",))})
    assert (changed[0], changed[1] == keys(items)[1]) == (keys(items)[0], False)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (b"{", "JSONDecodeError"),
        ({"custom_id": "d|1|control|0.0|0|closed"}, r"KeyError\('body'\)"),
        ({"custom_id": "d|1|control|0.0|0|closed", "body": {}}, r"KeyError\('messages'\)"),
        ({"custom_id": "d|1", "body": BODY}, "has 2 fields, expected 6"),
        ([1], "TypeError"),
    ],
)
def test_a_row_that_is_no_request_is_named(tmp_path: Path, row: Any, why: str) -> None:
    """By file and line."""
    good = {"custom_id": "d|1|control|0.0|0|closed", "body": BODY}
    part = write(tmp_path / "t0.p01.jsonl", good, row)

    with pytest.raises(DataError, match=rf"t0.p01.jsonl, line 2: is not a request \(.*{why}"):
        list(read_requests(part, IDENTITY, "m", None))


def test_a_part_that_is_gone_says_what_makes_it(tmp_path: Path) -> None:
    """Built again on resume."""
    with pytest.raises(DataError, match="p01: cannot be read: No such file or directory\n  → exx resume builds it"):
        list(read_requests(tmp_path / "p01", IDENTITY, "m", None))


def test_a_stream_is_cut_into_lists() -> None:
    """The last one may be shorter; an empty stream has none."""
    requests = [Request(str(n), "", "m", [], {}) for n in range(5)]

    assert [[r.custom_id for r in chunk] for chunk in chunks(iter(requests), 2)] == [["0", "1"], ["2", "3"], ["4"]]
    assert list(chunks(iter([]))) == []
