"""Rows of a dataset and of an output: everything that decides an answer is in, and nothing is dropped silently."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from exx import BackendError, Request, Usage
from exx_fireworks.rows import job_row, read_rows, row_of, write_rows

MODEL = "accounts/fireworks/models/gpt-oss-120b"
PARAMS: dict[str, Any] = {"temperature": 0.7, "top_p": 0.9, "top_k": 40, "max_tokens": 64, "seed": 5}


def request(**changes: Any) -> Request:
    """A request as the core makes it."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    return evolve(Request("d|1|control|0.7|0|closed", "k", MODEL, messages, PARAMS), **changes)


def test_a_row_says_everything_that_decides_the_answer() -> None:
    """Whatever it left out would be taken from the model's generation_config.json; and it has no field twice."""
    row = row_of(request())

    assert row["custom_id"] == "d|1|control|0.7|0|closed"
    assert row["body"] == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
        **PARAMS,
        "min_p": 0.0,
        "typical_p": 1.0,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "repetition_penalty": 1.0,
        "n": 1,
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"messages": [{"role": "robot", "content": "x"}]}, "not a role"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "not a role"),
        ({"messages": []}, "no messages"),
        ({"messages": [{"role": "user", "content": "half \ud83d"}]}, "not text"),
        ({"custom_id": ""}, "no custom_id"),
        ({"params": {**PARAMS, "top_k": 101}}, "top_k 101; Fireworks takes 0 to 100"),
        ({"params": {**PARAMS, "temperature": 2.5}}, "temperature 2.5"),
        ({"params": {**PARAMS, "temperature": "hot"}}, "'hot', which is no number"),
        ({"params": {**PARAMS, "stop": list("abcde")}}, "5 stop words"),
        ({"params": {**PARAMS, "logit_bias": {}}}, "has logit_bias"),
        ({"params": {"temperature": 0.0}}, "lacks top_p, top_k, max_tokens"),
    ],
)
def test_a_row_that_would_fail_its_job_is_refused_here(changes: dict[str, Any], why: str) -> None:
    """The service would name a wrong line."""
    with pytest.raises(BackendError, match=re.escape(why)):
        row_of(request(**changes))


def test_an_id_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    """Answers could not be told apart."""
    with pytest.raises(BackendError, match="occurs twice"):
        write_rows([request(), request()], tmp_path / "x.jsonl")


COMPLETION = {
    "id": "c1",
    "created": 1_788_000_000,
    "model": MODEL,
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Because."}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 9,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}


@pytest.mark.parametrize(
    "row",
    [
        {"custom_id": "a", "response": COMPLETION},
        {"custom_id": "a", "response": {"status_code": 200, "body": COMPLETION}, "error": None},
        {"customId": "a", "body": COMPLETION},
        {"request_id": "a", "response": COMPLETION},
    ],
)
def test_every_shape_of_answer_is_read(row: dict[str, Any]) -> None:
    """The first is what the service gives; the others have been seen from others."""
    found = job_row(orjson.dumps(row))

    assert found is not None and found.custom_id == "a"
    said = found.response
    assert (said.text, said.finish_reason, said.usage) == ("Because.", "stop", Usage(9, 3, 4, 2))
    assert (said.request_id, said.model, said.answered_at) == ("c1", MODEL, 1_788_000_000.0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"error": {"message": "too long", "code": "INVALID"}}, "INVALID: too long"),
        ({"error": "overloaded"}, "overloaded"),
        ({"error": {"type": "error", "error": {"message": "busy"}}}, "busy"),
        ({"response": {"status_code": 500, "body": {"error": {"message": "oops"}}}}, "oops"),
        ({"response": None}, "the service gave no reason"),
        ({"response": {"choices": []}}, "the row has a response without an answer in it"),
        ({"error": {"odd": 1}}, '{"odd":1}'),
    ],
)
def test_every_shape_of_error_row_is_a_failed_request(row: dict[str, Any], words: str) -> None:
    """Never dropped, and never an empty answer."""
    found = job_row(orjson.dumps({"custom_id": "a", **row}))

    assert found is not None and found.response.text is None and found.response.error == words


def test_an_answer_without_content_is_empty_and_keeps_its_reason() -> None:
    """A model that reasons to the token limit says nothing: that is cut off, not failed."""
    choice = {"message": {"role": "assistant", "content": None, "reasoning_content": "Hm"}, "finish_reason": "length"}
    found = job_row(orjson.dumps({"custom_id": "a", "response": {**COMPLETION, "choices": [choice]}}))

    assert found is not None
    assert (found.response.text, found.response.finish_reason, found.response.error) == ("", "length", None)


@given(st.binary(max_size=60))
def test_no_line_is_too_odd(line: bytes) -> None:
    """Whatever bytes a file holds, a line is a row or it is none."""
    found = job_row(line)

    assert found is None or isinstance(found.custom_id, str)


def test_lines_that_are_no_rows_are_counted_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not dropped silently; blank ones do not count."""
    path = tmp_path / "error-data"
    path.write_bytes(b'oops\n\n{"custom_id": "a", "error": "x"}\n[1]\n')
    with caplog.at_level(logging.WARNING):
        rows = list(read_rows(path))

    assert [row.custom_id for row in rows] == ["a"]
    assert "2 lines of error-data are not rows" in caplog.text
