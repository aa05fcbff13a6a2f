"""Ids decode to what they were made of, whatever that was, and keys depend on everything that determines an answer."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exx.records import Item, RequestId, Usage, request_key

texts = st.text()
ids = st.builds(
    RequestId,
    texts,
    texts,
    st.sampled_from(["control", "treatment"]),
    st.floats(0.0, 2.0),
    st.integers(0, 10_000),
    st.sampled_from(["open", "closed"]),
)


@given(ids)
@example(RequestId("a|b", "50%7C\n", "control", 0.1 + 0.2, 3, "open"))
@example(RequestId("%25", "\x00\x1b[2J\u2028\x85", "treatment", 1e-05, 0, "closed"))
@example(RequestId("", "", "control", 0.0, 0, "open"))
def test_a_custom_id_decodes_to_what_was_encoded(asked: RequestId) -> None:
    """Also for ids made of separators, percent signs and control characters."""
    assert RequestId.decode(asked.encode()) == asked


@given(ids)
def test_a_custom_id_stays_on_one_line_in_six_fields(asked: RequestId) -> None:
    """What reads results line by line and splits at the bar is never fooled."""
    text = asked.encode()

    assert text.count("|") == 5
    assert len(text.splitlines()) <= 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text)


@given(texts, texts)
def test_an_item_and_a_request_for_it_have_one_key(dataset: str, item_id: str) -> None:
    """Scores find their items by this key."""
    item = Item(dataset, item_id, "q", ("a",))

    assert RequestId(dataset, item_id, "control", 0.0, 0, "closed").item_key == item.key


@given(texts, texts, texts, texts)
def test_keys_of_different_items_differ(dataset: str, item_id: str, other_dataset: str, other_id: str) -> None:
    """``a|b`` in ``c`` is not ``b`` in ``c|a``."""
    one, other = Item(dataset, item_id, "q", ()), Item(other_dataset, other_id, "q", ())

    assert (one.key == other.key) == ((dataset, item_id) == (other_dataset, other_id))


def test_a_plain_custom_id_reads_as_the_contract_has_it() -> None:
    """``dataset|item_id|condition|temp|sample_index|type``, by hand."""
    asked = RequestId("squad_v2", "56be4db0acb8001400a502ec", "treatment", 0.7, 2, "open")

    assert asked.encode() == "squad_v2|56be4db0acb8001400a502ec|treatment|0.7|2|open"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a|b|control|0.0|0", r"custom_id 'a\|b\|control\|0.0\|0' has 5 fields, expected 6"),
        ("a|b|placebo|0.0|0|open", "unknown condition 'placebo'"),
        ("a|b|control|0.0|0|ajar", "unknown .* type 'ajar'"),
        ("a|b|control|warm|0|open", "could not convert string to float: 'warm'"),
        ("a|b|control|0.0|first|open", "invalid literal for int"),
    ],
)
def test_a_text_that_is_no_custom_id_is_refused(text: str, words: str) -> None:
    """The message shows what was found."""
    with pytest.raises(ValueError, match=words):
        RequestId.decode(text)


def test_the_type_of_an_item_is_whether_it_has_a_passage() -> None:
    """An empty passage is a passage."""
    assert Item("d", "i", "q", ("a",), context="").type == "open"
    assert Item("d", "i", "q", ("a",)).type == "closed"


BASE: dict[str, Any] = {
    "identity": {"name": "x"},
    "model": "m",
    "messages": [{"role": "user", "content": "q"}],
    "params": {"temperature": 0.0, "max_tokens": 5},
    "sample": 0,
}


@pytest.mark.parametrize(
    "change",
    [
        {"identity": {"name": "y"}},
        {"model": "n"},
        {"messages": [{"role": "user", "content": "r"}]},
        {"messages": [{"role": "system", "content": "q"}]},
        {"params": {"temperature": 0.5, "max_tokens": 5}},
        {"params": {"temperature": 0.0}},
        {"sample": 1},
    ],
)
def test_whatever_determines_the_answer_changes_the_key(change: dict[str, Any]) -> None:
    """Otherwise an answer to another question would be taken from the store."""
    assert request_key(**(BASE | change)) != request_key(**BASE)


def test_the_order_of_settings_does_not_change_the_key() -> None:
    """The JSON is canonical."""
    turned = BASE | {"params": {"max_tokens": 5, "temperature": 0.0}}

    assert request_key(**turned) == request_key(**BASE)


def test_total_tokens_are_prompt_and_completion() -> None:
    """Cached ones are among those of the prompt."""
    assert Usage(10, 5, 4).total_tokens == 15
