"""What was answered once is kept, whole, under its key, and is not asked again unless that is wanted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx.errors import RunError
from exx.records import Response, Usage
from exx.responses import CacheMode, ResponseStore, Stored, _decode, _encode


def key(number: int) -> str:
    """A request's key."""
    return f"{number:064x}"


def good(number: int, text: str = "yes") -> Response:
    """An answer."""
    return Response(key(number), text, "stop", Usage(10, 2, 4), f"r{number}", "m")


def bad(number: int) -> Response:
    """A failure."""
    return Response(key(number), None, error="refused")


texts = st.none() | st.text()


@given(texts, texts, texts, texts, texts, st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_response_comes_back_as_it_went_in(
    text: str | None, finish: str | None, rid: str | None, model: str | None, error: str | None, a: int, b: int, c: int
) -> None:
    """Every field, and the difference between nothing and the empty text."""
    response = Response(key(7), text, finish, Usage(a, b, c), rid, model, error)

    assert _decode(key(7), _encode(response)) == response


def test_responses_are_there_after_closing(tmp_path: Path) -> None:
    """Also failed ones; keys that are not there are left out."""
    path = tmp_path / "deep" / "responses.sqlite"
    with ResponseStore(path, "run/trial") as store:
        store.add([good(1), bad(2)])
    with ResponseStore(path, "other/trial") as store:
        assert store.get([key(3), key(2), key(1)]) == {
            key(1): Stored(good(1), "run/trial"),
            key(2): Stored(bad(2), "run/trial"),
        }


def test_what_is_missing_is_told_in_order_and_once(tmp_path: Path) -> None:
    """Without a response, or with a failure alone."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add([good(1), bad(2)])

        assert store.missing([key(4), key(2), key(1), key(4), key(3)]) == [key(4), key(2), key(3)]


def test_a_later_answer_takes_the_place_of_a_failure(tmp_path: Path) -> None:
    """Asked again in a later run, and answered."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add([bad(1)])
        store.add([good(1)])

        assert store.get([key(1)])[key(1)].response == good(1)
        assert store.missing([key(1)]) == []


@pytest.mark.parametrize("mode", ["reuse", "refresh", "off"])
def test_a_failure_never_takes_the_place_of_an_answer(tmp_path: Path, mode: CacheMode) -> None:
    """Whoever got the answer; not within one batch either, whichever comes first in it."""
    with ResponseStore(tmp_path / "s", "old/t") as store:
        store.add([good(1)])
    with ResponseStore(tmp_path / "s", "run/t", mode) as store:
        store.add([bad(1), bad(2), good(2), good(3), bad(3)])
        store.add([bad(2)])
    with ResponseStore(tmp_path / "s", "later/t") as store:
        found = store.get([key(n) for n in (1, 2, 3)])
        assert store.missing(list(found)) == []

    assert [one.response for one in found.values()] == [good(1), good(2), good(3)]
    assert {one.buyer for one in found.values()} == {"old/t", "run/t"}


def test_refresh_sees_its_own_failure_beside_the_answer_of_another(tmp_path: Path) -> None:
    """Other runs see the answer; and so does this one, once it has one of its own."""
    with ResponseStore(tmp_path / "s", "old/t") as store:
        store.add([good(1, "old"), good(2, "old")])
    with ResponseStore(tmp_path / "s", "run/t", "refresh") as store:
        store.add([bad(1)])
        assert store.get([key(1)])[key(1)] == Stored(bad(1), "run/t")
        assert store.get([key(2)])[key(2)] == Stored(good(2, "old"), "old/t")
        assert store.missing([key(1)]) == [key(1)]
    with ResponseStore(tmp_path / "s", "other/t", "refresh") as store:
        assert store.get([key(1)])[key(1)].response.text == "old"
    with ResponseStore(tmp_path / "s", "run/t", "refresh") as store:
        store.add([good(1, "new")])
    with ResponseStore(tmp_path / "s", "other/t", "refresh") as store:
        store.add([good(1, "newer")])
    with ResponseStore(tmp_path / "s", "run/t", "refresh") as store:
        assert store.get([key(1)])[key(1)].response.text == "newer"


def test_an_answer_that_was_damaged_gives_way_to_a_failure(tmp_path: Path) -> None:
    """It is not there for anybody, and a request without any response could not be told of."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add([good(1)])
        store._db.execute("UPDATE responses SET response = x'00112233445566778899'")
        store.add([bad(1)])

        assert store.get([key(1)])[key(1)].response == bad(1)


def test_refresh_counts_only_what_this_run_asked(tmp_path: Path) -> None:
    """Of its own answers, those of another trial too; a run of a longer name is another run."""
    for buyer, number in (("old/t", 1), ("run/t", 2), ("run/u", 3), ("running/t", 4)):
        with ResponseStore(tmp_path / "s", buyer) as store:
            store.add([good(number)])
    with ResponseStore(tmp_path / "s", "run/t", "refresh") as store:
        assert store.missing([key(n) for n in (1, 2, 3, 4)]) == [key(1), key(4)]


def test_more_keys_than_a_query_takes(tmp_path: Path) -> None:
    """SQLite limits the number of variables; nobody should notice."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add(good(n) for n in range(0, 2500, 2))
        keys = [key(n) for n in range(2500)]

        assert len(store.get(keys)) == 1250
        assert store.missing(keys) == keys[1::2]


def test_half_a_surrogate_pair_is_replaced(tmp_path: Path) -> None:
    """Models do send such text; losing a run over it would be worse. A whole pair is a character like any other."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add([good(1, "caf\u00e9 \ud83d!"), good(2, "\ud83d\ude00")])
        found = store.get([key(1), key(2)])

    assert found[key(1)].response.text == "caf\u00e9 \ufffd!"
    assert found[key(2)].response.text == "\U0001f600"


def test_a_batch_is_stored_whole_or_not_at_all(tmp_path: Path) -> None:
    """One that cannot be stored leaves nothing behind, and the store goes on."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        with pytest.raises(ValueError, match="hexadecimal"):
            store.add([good(1), Response("no key", "x")])
        store._db.execute(
            "CREATE TRIGGER no BEFORE INSERT ON responses WHEN NEW.failed BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        with pytest.raises(RunError, match=r"response store .*/s: no\n  → what was stored before is safe"):
            store.add([good(1), bad(2)])
        assert store.missing([key(1)]) == [key(1)]
        store.add([good(3)])

        assert store.missing([key(3)]) == []


@pytest.mark.parametrize("content", [b"this is no database, but a text that is long enough to be one", None])
def test_a_damaged_store_says_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    """Its file is named, and that its answers would be asked again."""
    path = tmp_path / "responses.sqlite"
    if content is None:  # a real database with its middle overwritten
        with ResponseStore(path, "r/t") as store:
            store.add(good(n, "x" * 500) for n in range(200))
        data = bytearray(path.read_bytes())
        data[4096:-4096] = b"\xaa" * (len(data) - 8192)
        content = bytes(data)
    path.write_bytes(content)

    words = r"response store .*/responses.sqlite: .*\n  → the file is damaged: move .* away and resume; its answers"
    with pytest.raises(RunError, match=words), ResponseStore(path, "r/t") as store:
        store.get([key(n) for n in range(200)])


def test_a_store_with_damaged_names_says_what_to_do(tmp_path: Path) -> None:
    """SQLite quotes the name of a table that it cannot understand, whatever bytes it is made of by now."""
    path = tmp_path / "responses.sqlite"
    with ResponseStore(path, "r/t"):
        pass
    data = path.read_bytes()
    assert data.count(b"CREATE TABLE failures") == 1
    path.write_bytes(data.replace(b"CREATE TABLE failures", b"CREATE T\xccBLE failures"))

    with (
        pytest.raises(RunError, match=r"responses.sqlite: .*\n  → the file is damaged: move"),
        ResponseStore(path, "r/t"),
    ):
        pass


def test_a_store_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    """A file where a folder has to be."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(RunError, match=r"response store .*/file/s: .*File exists.*\n  → what was stored before"):
        ResponseStore(tmp_path / "file" / "s", "r/t")


def test_an_answer_is_on_disk_when_add_returns(tmp_path: Path) -> None:
    """A second connection sees it at once: nothing waits for the store to be closed."""
    with ResponseStore(tmp_path / "s", "r/t") as store:
        store.add([good(1)])
        other = sqlite3.connect(tmp_path / "s")
        try:
            assert other.execute("SELECT count(*) FROM responses").fetchone() == (1,)
            assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        finally:
            other.close()
        assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)


def dear(number: int, tokens: int, name: str | None = None) -> Response:
    """A failure that has to be paid for."""
    return Response(key(number), None, error="broke off", usage=Usage(tokens, 1, 0, 1), request_id=name)


def test_what_failed_attempts_took_stays_when_the_answer_comes(tmp_path: Path) -> None:
    """Each attempt once, however often its row is read; those of others are not mine."""
    with ResponseStore(tmp_path / "s", "run/trial") as store:
        store.add([dear(1, 100, "x"), bad(2), good(3)])
        store.add([dear(1, 100, "x")])
        store.add([dear(1, 30, "y")])
        store.add([good(1)])
        assert store.get([key(1)])[key(1)].response == good(1)
        assert sorted(usage.prompt_tokens for _, usage in store.attempts()) == [30, 100]
        assert {name for name, _ in store.attempts()} == {key(1)}
    with ResponseStore(tmp_path / "s", "run/other") as store:
        assert list(store.attempts()) == []


def test_what_a_run_has_bought_is_told_by_trial(tmp_path: Path) -> None:
    """Answers and failed attempts of this run alone, by hand; of a run whose name begins with its own, nothing."""
    for buyer, batch in (
        ("run/one", [good(1), good(2), dear(3, 100)]),
        ("run/two", [good(4)]),
        ("run-2/one", [good(5)]),
        ("ru/n", [good(6)]),
    ):
        with ResponseStore(tmp_path / "s", buyer) as store:
            store.add(batch)
    with ResponseStore(tmp_path / "s", "run/three") as store:
        assert store.bought() == {"one": Usage(120, 5, 8, 1), "two": Usage(10, 2, 4, 0)}


def test_rows_of_older_stores_are_read() -> None:
    """Without precision, time and reasoning; or without reasoning alone. What is new comes back too."""
    old = b'["yes","stop",10,2,4,"r","m",null]'
    newer = b'["yes","stop",10,2,4,"r","m",null,"FP8",5.0]'

    assert _decode(key(1), old) == Response(key(1), "yes", "stop", Usage(10, 2, 4), "r", "m")
    assert _decode(key(1), newer).precision == "FP8"
    assert _decode(key(1), newer).usage == Usage(10, 2, 4, 0)
    thinking = Response(key(1), "yes", "stop", Usage(10, 9, 4, 7), "r", "m", None, "FP8", 5.0)
    assert _decode(key(1), _encode(thinking)).usage.reasoning_tokens == 7
    assert _decode(key(1), _encode(thinking)).answered_at == 5.0
