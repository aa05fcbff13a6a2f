"""Raw results of every known shape become predictions.csv, one row per request, none lost or doubled in silence."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab import Lab
from pyarrow import parquet

from exx.errors import DataError
from exx.pipeline.parse import COLUMNS, parse_results, write_parquet
from exx.pipeline.phases import choose
from exx.pipeline.poll import result_row
from exx.records import RequestId, Response, Usage

ID = "squad_v2|7|treatment|0.7|2|open"


def answer(text: Any = "Paris", **more: Any) -> dict[str, Any]:
    """The body of an answer."""
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], **more}


def parse(folder: Path, *rows: Any, expected: set[str] | None = None) -> list[dict[str, str]]:
    """Parse rows, and read the table back."""
    path = folder / "results_combined.jsonl"
    path.write_bytes(b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows))
    out = folder / "predictions.csv"
    count = parse_results(path, out, expected)
    table = read(out)
    assert len(table) == count
    return table


def read(path: Path) -> list[dict[str, str]]:
    """A table as the csv module has it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_columns_are_those_of_the_contract(tmp_path: Path) -> None:
    """A full row, by hand."""
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    usage["completion_tokens_details"] = {"reasoning_tokens": 2}
    (row,) = parse(tmp_path, {"custom_id": ID, "response": answer(id="r1", model="m", usage=usage), "error": None})

    assert tuple(row) == COLUMNS
    assert row == {
        "custom_id": ID,
        "dataset": "squad_v2",
        "item_id": "7",
        "condition": "treatment",
        "temp": "0.7",
        "sample_index": "2",
        "type": "open",
        "request_id": "r1",
        "finish_reason": "stop",
        "response_text": "Paris",
        "prompt_tokens": "10",
        "completion_tokens": "3",
        "total_tokens": "13",
        "error": "",
        "cached_tokens": "4",
        "model": "m",
        "reasoning_tokens": "2",
    }


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (answer("Paris"), "Paris"),
        ({"status_code": 200, "body": answer("Paris")}, "Paris"),
        ({"status_code": 200, "body": {"choices": [{"text": "Paris", "finish_reason": "stop"}]}}, "Paris"),
        (answer([{"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}]), "Paris"),
        (answer([{"type": "image"}, {"type": "text", "text": None}, "odd", {"type": "text", "text": "x"}]), "x"),
        (answer(None), ""),
        (answer(""), ""),
        ({"choices": [{"message": None}]}, ""),
        (answer("a\x00b"), "a\ufffdb"),
    ],
)
def test_every_known_shape_of_an_answer_is_read(tmp_path: Path, response: Any, text: str) -> None:
    """Flat as we write it, nested as batch services do, content as a list or as nothing."""
    (row,) = parse(tmp_path, {"custom_id": ID, "response": response, "error": None})

    assert (row["response_text"], row["error"]) == (text, "")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"error": {"message": "too long", "code": "x"}}, "too long"),
        ({"error": {"code": "rate_limit"}}, "{'code': 'rate_limit'}"),
        ({"error": "refused", "response": None}, "refused"),
        ({"response": {"error": {"message": "down"}}}, "down"),
        ({"response": {"status_code": 400, "body": {"error": {"message": "bad request"}}}}, "bad request"),
        ({"response": {"status_code": 503, "body": {}}}, "HTTP status 503"),
        ({"response": {"status_code": 502, "body": "<html>Bad gateway</html>"}}, "HTTP status 502"),
        ({"response": {"choices": []}}, "no answer in the result row"),
        ({"response": None}, "no answer in the result row"),
        ({}, "no answer in the result row"),
    ],
)
def test_every_known_shape_of_a_failure_is_a_row_with_an_error(tmp_path: Path, row: Any, error: str) -> None:
    """With no text and no tokens."""
    (found,) = parse(tmp_path, {"custom_id": ID, **row})

    assert (found["error"], found["response_text"], found["total_tokens"]) == (error, "", "0")


def test_an_answer_counts_more_than_a_failure(tmp_path: Path) -> None:
    """Asked again and answered, in whichever order the rows came."""
    failure, success = {"custom_id": ID, "error": "x"}, {"custom_id": ID, "response": answer("Paris")}

    for rows in ([failure, success], [success, failure], [failure, failure, success, success]):
        (row,) = parse(tmp_path, *rows)
        assert (row["response_text"], row["error"]) == ("Paris", "")


def test_two_different_answers_to_one_request_are_refused(tmp_path: Path) -> None:
    """By line; the same answer twice is one answer."""
    one, other = ({"custom_id": ID, "response": answer(text)} for text in ("Paris", "Lyon"))

    assert len(parse(tmp_path, one, one)) == 1
    with pytest.raises(DataError, match=r"results_combined.jsonl, line 3: a second, different answer to squad_v2\|7\|"):
        parse(tmp_path, one, one, other)


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        ("ab", "abc", r"1 requests? ha\w+ no result: d\|c\|"),
        ("abc", "ab", r"1 results? w\w+ never asked for: d\|c\|"),
        ("ax", "ab", r"no result: d\|b\|.*; .* never asked for: d\|x\|"),
        ("a", "abcdefgh", r"7 requests have no result: d\|b\|.*, d\|f\|\S+ …"),
    ],
)
def test_requests_and_results_have_to_be_the_same(tmp_path: Path, got: str, expected: str, words: str) -> None:
    """Which differ is told, and how many."""
    ids = {letter: f"d|{letter}|control|0.0|0|closed" for letter in "abcdefghx"}
    rows = [{"custom_id": ids[letter], "response": answer()} for letter in got]

    with pytest.raises(DataError, match=words + r".*\n  → exx resume collects them again"):
        parse(tmp_path, *rows, expected={ids[letter] for letter in expected})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"custom_id": \n', "JSONDecodeError"),
        (b"[1]\n", "TypeError"),
        (b'{"response": {}}\n', r"KeyError\('custom_id'\)"),
        (b'{"custom_id": "a|b"}\n', "has 2 fields, expected 6"),
        (b'{"custom_id": 7}\n', "AttributeError"),
        (orjson.dumps({"custom_id": ID, "response": "gibberish"}) + b"\n", "AttributeError"),
        (orjson.dumps({"custom_id": ID, "response": answer({"an": "object"})}) + b"\n", "AttributeError"),
        (b"\xff\xfe\n", "JSONDecodeError"),
    ],
)
def test_a_line_that_is_no_result_is_named(tmp_path: Path, line: bytes, why: str) -> None:
    """By file and line; blank lines are counted and passed over."""
    good = {"custom_id": ID, "response": answer()}

    with pytest.raises(DataError, match=rf"results_combined.jsonl, line 3: is not a result row \(.*{why}"):
        parse(tmp_path, good, b"\n", line)


def test_results_that_are_not_there_are_told(tmp_path: Path) -> None:
    """An empty file and a missing one."""
    with pytest.raises(DataError, match=r"results_combined.jsonl: holds no result rows"):
        parse(tmp_path, b"\n")
    with pytest.raises(DataError, match=r"nowhere.jsonl: cannot be read: No such file or directory"):
        parse_results(tmp_path / "nowhere.jsonl", tmp_path / "out.csv")
    assert not (tmp_path / "predictions.csv").exists()


def test_a_refused_file_leaves_the_earlier_table(tmp_path: Path) -> None:
    """Nothing is written unless all of it can be."""
    parse(tmp_path, {"custom_id": ID, "response": answer("first")})
    with pytest.raises(DataError, match=r"line 2"):
        parse(tmp_path, {"custom_id": ID, "response": answer("second")}, b"{\n")

    assert read(tmp_path / "predictions.csv")[0]["response_text"] == "first"


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@settings(max_examples=50)
@given(texts, texts, texts, texts)
def test_any_text_survives_in_both_tables(
    tmp_path_factory: pytest.TempPathFactory, dataset: str, item: str, text: str, model: str
) -> None:
    """Line ends of every kind, quotes, separators, and words that look like numbers, dates or nothing."""
    folder = tmp_path_factory.mktemp("parse")
    custom_id = RequestId(dataset, item, "control", 0.5, 0, "closed").encode()
    (row,) = parse(folder, {"custom_id": custom_id, "response": answer(text, model=model)})
    (other,) = parquet.read_table(write_parquet(folder / "predictions.csv")).to_pylist()

    for found in (row, other):
        assert [found[name] for name in ("custom_id", "dataset", "item_id", "response_text", "model")] == [
            custom_id,
            dataset,
            item,
            text,
            model,
        ]


def test_both_tables_have_one_line_end_and_fixed_types(tmp_path: Path) -> None:
    """Ids and answers that are all digits stay text; numbers are numbers, also in a file of failures alone."""
    ids = [f"d|00{n}|control|0.0|0|closed" for n in range(3)]
    rows = [{"custom_id": ids[0], "response": answer("007\r")}, *({"custom_id": one, "error": "x"} for one in ids[1:])]
    parse(tmp_path, *rows)
    table = parquet.read_table(write_parquet(tmp_path / "predictions.csv"))

    assert (tmp_path / "predictions.csv").read_bytes().count(b"\r\n") == 0
    kinds = {field.name: str(field.type) for field in table.schema}
    whole = ("sample_index", "prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens")
    assert kinds == dict.fromkeys(COLUMNS, "string") | dict.fromkeys(whole, "int64") | {"temp": "double"}
    assert table["item_id"].to_pylist() == ["000", "001", "002"]
    assert table["response_text"].to_pylist() == ["007\r", "", ""]


def test_answers_of_any_length_fit_into_both_tables(tmp_path: Path) -> None:
    """Ids that turn from digits to letters after a megabyte, and one answer of three."""
    rows = [
        {"custom_id": f"d|{n if n < 3000 else f'x{n}'}|control|0.0|0|closed", "response": answer("7" * 600)}
        for n in range(3010)
    ]
    rows.append({"custom_id": ID, "response": answer("long " * 600_000)})
    parse(tmp_path, *rows[:-1])
    table = parquet.read_table(write_parquet(tmp_path / "predictions.csv"))
    assert table.num_rows == 3010 and table["item_id"][3009].as_py() == "x3009"

    path = tmp_path / "long.jsonl"
    path.write_bytes(orjson.dumps(rows[-1]))
    parse_results(path, tmp_path / "long.csv")
    (row,) = parquet.read_table(write_parquet(tmp_path / "long.csv")).to_pylist()
    assert len(row["response_text"]) == 3_000_000


@settings(max_examples=50)
@given(texts, st.none() | texts, st.integers(0, 2**40), st.integers(0, 2**40))
def test_what_poll_writes_parse_reads(
    tmp_path_factory: pytest.TempPathFactory, text: str, error: str | None, prompt: int, completion: int
) -> None:
    """Answers and failures alike; an error without words is still one."""
    usage = Usage(prompt, completion, 1)
    response = Response("k", text, "length", usage, "r", "m") if error is None else Response("k", None, error=error)
    (row,) = parse(tmp_path_factory.mktemp("poll"), result_row(ID, response))

    if error is None:
        assert (row["response_text"], row["finish_reason"], row["error"]) == (text, "length", "")
        assert (row["prompt_tokens"], row["total_tokens"]) == (str(prompt), str(prompt + completion))
    else:
        assert row["response_text"] == "" and row["error"] != "" and (not error or row["error"] == error)


def test_a_run_insists_on_a_row_per_request(lab: Lab) -> None:
    """A result that vanished between two phases is told, and not scored around."""
    lab.run(phases=choose(last="poll"))
    path = lab.path("results/results_combined.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    with pytest.raises(DataError, match=r"1 request has no result: fake\|\w+\|treatment"):
        lab.run(phases=choose("parse"))
