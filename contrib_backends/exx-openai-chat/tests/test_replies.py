"""Every form in which servers give an answer is read, and what is not an answer is never taken for one."""

from __future__ import annotations

import pytest
from chat_server import MESSAGE, Reply, completion

from exx import Usage
from exx_openai_chat.replies import read_reply, read_usage


def test_an_answer_is_read_with_everything_around_it(ask):
    """Text, reason, tokens, the server's names for the exchange and for the model."""
    response = ask(Reply())

    assert (response.text, response.finish_reason, response.error) == ("Paris.", "stop", None)
    assert (response.key, response.request_id, response.model) == ("0" * 64, "chatcmpl-7", "m-2026-01")
    assert response.usage == Usage(20, 3, 0)


TEXTS = {
    "a text": ({"content": "yes"}, "yes"),
    "blank space is the model's": ({"content": "  yes\n"}, "  yes\n"),
    "half a surrogate pair": ({"content": "caf\ud83d"}, "caf\ud83d"),
    "parts": ({"content": [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}]}, "yes"),
    "parts without a type, and bare ones": ({"content": [{"text": "ye"}, "s"]}, "yes"),
    "parts that are reasoning": ({"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}, "yes"]}, "yes"),
    "an odd part": ({"content": [None, 7, {"type": "text", "text": None}, "yes"]}, "yes"),
    "a refusal in words": ({"content": None, "refusal": "I won't."}, "I won't."),
    "a refusal among the parts": ({"content": [{"type": "refusal", "refusal": "I won't."}]}, "I won't."),
    "reasoning beside the answer": ({"content": "yes", "reasoning_content": "hm"}, "yes"),
    "reasoning under its other name": ({"content": "yes", "reasoning": "hm"}, "yes"),
    "an answer and a tool": ({"content": "yes", "tool_calls": [{"id": "1"}]}, "yes"),
    "nothing said": ({"content": ""}, ""),
    "nothing, as null": ({"content": None}, ""),
    "nothing, left out": ({"role": "assistant"}, ""),
    "an empty list of tools": ({"content": "", "tool_calls": []}, ""),
}


@pytest.mark.parametrize(("message", "text"), TEXTS.values(), ids=TEXTS)
def test_the_text_is_found(message, text):
    """Wherever it is; reasoning is never part of it."""
    response = read_reply("k", completion(message))

    assert (response.text, response.error) == (text, None)


@pytest.mark.parametrize(
    "message", [{"content": None}, {"content": ""}, {"content": None, "reasoning_content": "Hm, "}]
)
def test_an_answer_cut_off_before_it_began_is_no_answer(message):
    """The tokens went into reasoning: an empty text with reason length, which is counted as cut off and not scored."""
    response = read_reply("k", completion(message, "length"))

    assert (response.text, response.finish_reason, response.error) == ("", "length", None)


NO_ANSWERS = {
    "a tool": (completion({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls"), "called a tool"),
    "a tool, said to be a stop": (completion({"content": None, "tool_calls": [{"id": "1"}]}), "called a tool"),
    "the older word for it": (completion({"content": None}, "function_call"), "called a tool"),
    "a filter": (completion({"content": None}, "content_filter"), "withheld"),
    "an error": (completion({"content": ""}, "error"), "broke off"),
    "no choice": (completion() | {"choices": []}, "holds no message"),
    "no choices at all": ({"id": "x"}, "holds no message"),
    "a choice without a message": (completion(None), "holds no message"),
}


@pytest.mark.parametrize(("reply", "words"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_has_failed(reply, words):
    """An error that says why, and no text."""
    response = read_reply("k", reply)

    assert response.text is None
    assert words in response.error


USAGES = {
    "not told": ({}, Usage()),
    "null": ({"usage": None}, Usage()),
    "no details": ({"usage": {"prompt_tokens": 9, "completion_tokens": 2}}, Usage(9, 2, 0)),
    "details null": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None}},
        Usage(9, 2, 0),
    ),
    "cached null": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": None}}},
        Usage(9, 2, 0),
    ),
    "cached": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}},
        Usage(9, 2, 4),
    ),
    "cached, told beside": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 4}},
        Usage(9, 2, 4),
    ),
    "cached, as hits": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4}},
        Usage(9, 2, 4),
    ),
    "cached, among the timings": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2}, "timings": {"cache_n": 4}},
        Usage(9, 2, 4),
    ),
    "reasoning": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": 5}}},
        Usage(9, 7, 0, 5),
    ),
    "more reasoning than there is": (
        {"usage": {"prompt_tokens": 9, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 5}}},
        Usage(9, 2, 0, 2),
    ),
    "more cached than there are": (
        {"usage": {"prompt_tokens": 0, "completion_tokens": 2, "cached_tokens": 4}},
        Usage(0, 2, 0),
    ),
    "nonsense": ({"usage": {"prompt_tokens": "9", "completion_tokens": -2, "cached_tokens": True}}, Usage()),
    "as a fraction": ({"usage": {"prompt_tokens": 9.0, "completion_tokens": 2.0}}, Usage(9, 2, 0)),
}


@pytest.mark.parametrize(("reply", "usage"), USAGES.values(), ids=USAGES)
def test_tokens_are_read_where_they_are_told(reply, usage):
    """What is missing, null or nonsense counts as not told."""
    assert read_usage(reply) == usage


def test_names_that_are_no_texts_are_left_out():
    """Some servers send numbers."""
    response = read_reply("k", completion(id=7, model=None) | {"choices": [{"message": MESSAGE, "finish_reason": 1}]})

    assert (response.text, response.request_id, response.model, response.finish_reason) == ("Paris.", None, None, None)
