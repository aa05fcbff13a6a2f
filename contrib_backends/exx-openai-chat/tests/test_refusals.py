"""A refusal means what it means: again, slower, this request alone, or stop and say what to do."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from chat_server import Reply, completion

from exx import BackendError, Throttled, Transient
from exx_openai_chat.refusals import read_refusal, read_wait

KEY = "sk-test-0123456789abcdef"

# Error bodies as servers send them; where each is from is said beside it.
TOO_LONG = {
    "OpenAI's shape": {
        "error": {
            "message": "This model's maximum context length is 4096 tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    },
    "vLLM's, without a wrapper": {
        "object": "error",
        "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    },
    "llama.cpp's": {
        "error": {
            "code": 400,
            "message": "the request exceeds the available context size, maximum context length is 4096 tokens",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 5000,
        }
    },
    "an error that is a text": {"error": "maximum context length is 4096 tokens"},
    "a message beside it": {"error": "Bad Request", "message": "maximum context length is 4096 tokens"},
    "gRPC's shape": {"code": 3, "message": "maximum context length is 4096 tokens", "details": []},
    "a list": [{"error": {"code": 400, "message": "maximum context length is 4096 tokens"}}],
    "FastAPI's": {"detail": "maximum context length is 4096 tokens"},
    "no JSON": "<html><style>p {}</style><body><p>maximum context\nlength is 4096 tokens</p></body></html>",
}


@pytest.mark.parametrize("body", TOO_LONG.values(), ids=TOO_LONG)
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_is_too_long_is_one_failed_request(ask, body, status):
    """Its error has the status and the server's words, on one line; the next request is answered."""
    refused = ask(Reply(body, status))

    assert refused.text is None
    assert refused.error.startswith(f"HTTP {status}: ")
    assert "maximum context length is 4096 tokens" in refused.error
    assert "\n" not in refused.error
    assert ask(Reply()).text == "Paris."


UNKNOWN = {
    "Fireworks": {"error": {"message": "Extra inputs are not permitted, field: 'top_k'", "code": "BAD_REQUEST"}},
    "OpenAI, older": {
        "error": {"message": "Unrecognized request argument supplied: top_k", "param": None, "code": None}
    },
    "OpenAI, newer": {
        "error": {"message": "Unknown parameter: 'top_k'.", "param": "top_k", "code": "unknown_parameter"}
    },
    "FastAPI": {
        "detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]
    },
    "vLLM": {
        "object": "error",
        "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), 'msg': 'Extra inputs are not permitted'}]",
        "code": 400,
    },
    "a problem document": {"title": "Unprocessable", "detail": "body -> top_k\n  Extra inputs are not permitted"},
    "Groq": {"error": {"message": "property 'top_k' is unsupported, did you mean 'top_p'?", "code": "bad"}},
    "Google": [{"error": {"message": 'Invalid JSON payload received. Unknown name "top_k": Cannot find field.'}}],
}


@pytest.mark.parametrize("body", UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("status", [400, 422])
def test_an_unknown_parameter_is_named_with_the_option_that_helps(ask, body, status):
    """It would fail every request, so the run ends, and says what to write."""
    with pytest.raises(BackendError, match=r"does not take the parameter top_k: HTTP 4\d\d: ") as told:
        ask(Reply(body, status), omit=("stop",))
    assert told.value.hint == "tell the backend not to send it: omit: [stop, top_k]"
    assert not isinstance(told.value, Transient)


def unknown(name):
    """A refusal of a parameter."""
    return Reply({"error": {"message": f"Unsupported parameter: '{name}' is not supported", "param": name}}, 400)


@pytest.mark.parametrize(
    ("name", "options", "hint"),
    [
        ("max_tokens", {}, "try max_tokens_field: max_completion_tokens"),
        ("max_completion_tokens", {"max_tokens_field": "max_completion_tokens"}, "try max_tokens_field: max_tokens"),
        ("min_p", {"extra_body": {"min_p": 0}}, "take min_p out of extra_body"),
        ("reasoning_effort", {"reasoning_effort": "low"}, "leave the option reasoning_effort out"),
    ],
)
def test_the_option_behind_a_parameter_is_named(ask, name, options, hint):
    """What sends a parameter is what has to be changed."""
    with pytest.raises(BackendError, match=f"does not take the parameter {name}") as told:
        ask(unknown(name), **options)
    assert told.value.hint.startswith(hint)


def test_words_that_only_sound_like_it_fail_one_request(ask, server):
    """A parameter that was taken before is not unknown; nor is one that was not sent."""
    assert "top_k" in ask(Reply(), unknown("top_k"), times=2).error
    server.plan.clear()
    assert "frequency_penalty" in ask(unknown("frequency_penalty")).error
    about_stop = Reply({"error": {"message": "This is not allowed, so please stop."}}, 400)
    assert "please stop" in ask(about_stop, params={"stop": ["x"]}).error


@pytest.mark.parametrize(
    "message",
    [
        "Unknown parameter: 'seed'.",
        "Unrecognized request argument supplied: seed",
        "property `seed` is unsupported",
        "body -> seed: Extra inputs are not permitted",
        "[{'type': 'extra_forbidden', 'loc': ('body', 'seed')}]",
        'Unknown name "seed": Cannot find field.',
    ],
)
def test_a_parameter_that_is_a_word_is_found_where_it_is_named(ask, message):
    """``stop``, ``seed`` and ``temperature`` are words that a message may use for what they mean."""
    with pytest.raises(BackendError, match="does not take the parameter seed"):
        ask(Reply({"error": {"message": message}}, 400), params={"seed": 1})


@pytest.mark.parametrize("status", [429, 503, 529])
def test_too_much_at_once_slows_down(ask, status):
    """With and without a time to wait; the body may be anything."""
    for body in ({"error": "Too Many Requests", "message": "slow"}, "", {"error": {"message": "overloaded"}}):
        with pytest.raises(Throttled, match=f"HTTP {status}") as told:
            ask(Reply(body, status))
        assert told.value.retry_after is None
    with pytest.raises(Throttled) as told:
        ask(Reply({}, status, {"Retry-After": "7"}))
    assert told.value.retry_after == 7.0


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 504, 520])
def test_what_may_pass_is_tried_again(ask, status):
    """A time to wait is heeded here too."""
    with pytest.raises(Transient, match=f"HTTP {status}: the gateway is tired") as told:
        ask(Reply("<html><h1>the gateway is tired</h1></html>", status, {"Retry-After": "1.5"}))
    assert told.value.retry_after == 1.5
    assert not isinstance(told.value, Throttled)


def test_a_time_to_wait_may_be_a_date():
    """RFC 9110 allows both forms; one that has passed is no wait, and nonsense is none at all."""
    in_a_minute, a_minute_ago = (formatdate(time.time() + offset, usegmt=True) for offset in (60, -60))

    assert 57 < read_wait({"retry-after": in_a_minute}) <= 60
    assert read_wait({"retry-after": a_minute_ago}) == 0
    assert read_wait({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    for nonsense in ("soon", "-3", "1e9", "nan", "", "9" * 40, "Wed, 99 Feb 2026 00:00:00 GMT"):
        assert read_wait({"retry-after": nonsense}) is None, nonsense


def test_an_error_in_place_of_an_answer_is_read_as_one(ask):
    """Gateways send status 200 with an error in the body; its code is the status."""
    with pytest.raises(Throttled, match="HTTP 429: busy"):
        ask(Reply({"error": {"message": "busy", "code": 429}}))
    assert ask(Reply({"error": {"message": "no idea", "code": "odd"}})).error == "HTTP 400: no idea"
    assert ask(Reply(completion() | {"error": {"message": "but there is an answer"}})).text == "Paris."


ENDS = {
    "no payment": (Reply({"error": {"message": "add a card"}}, 402), "refuses to work for this account", "settle"),
    "suspended": (Reply({"error": "suspended"}, 412), "refuses to work for this account", "settle"),
    "spent, as a 429": (
        Reply({"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, 429),
        "refuses to work for this account",
        "settle",
    ),
    "a wrong path": (Reply("<h1>Method Not Allowed</h1>", 405), "takes no questions: HTTP 405", "ends in /v1"),
    "a page for people": (Reply("<!doctype html><p>Hello"), "takes no questions: it answers with a page", "/v1"),
}


@pytest.mark.parametrize(("reply", "words", "hint"), ENDS.values(), ids=ENDS)
def test_what_nobody_cures_by_waiting_ends_the_run(ask, server, reply, words, hint):
    """One request, one message that says what to do."""
    with pytest.raises(BackendError, match=words) as told:
        ask(reply)
    assert hint in told.value.hint
    assert not isinstance(told.value, Transient)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_variable_and_not_itself(ask, monkeypatch, status):
    """Also when the server repeats the key; 403 is what some say for 401."""
    monkeypatch.setenv("CHAT_KEY", KEY)
    with pytest.raises(BackendError, match=rf"does not let us in: HTTP {status}: Incorrect API key: \*\*\*") as told:
        ask(Reply({"error": {"message": f"Incorrect API key: {KEY}"}}, status), api_key_env="CHAT_KEY")
    assert "CHAT_KEY" in told.value.hint
    assert KEY not in str(told.value)
    with pytest.raises(BackendError, match="does not let us in") as told:
        ask(Reply({}, status))
    assert "set api_key_env" in told.value.hint


@pytest.mark.parametrize(
    "reply",
    [
        Reply({"error": {"message": "The model 'm' does not exist", "code": "model_not_found"}}, 404),
        Reply({"error": {"message": "model 'm' not found, try pulling it first"}}, 404),
        Reply({"object": "error", "message": "m is not a valid model ID"}, 400),
    ],
)
def test_an_unknown_model_is_told_with_those_that_are_there(ask, server, reply):
    """The server is asked for them once; where it lists none, the address may be wrong, too."""
    server.models = [f"model-{n}" for n in range(11)]
    with pytest.raises(BackendError, match="has no model 'm': HTTP 40") as told:
        ask(reply)
    assert told.value.hint.startswith("mend model_id; the server has model-0, model-1, ")
    assert told.value.hint.endswith("model-7 and 3 more")
    server.models = None
    with pytest.raises(BackendError, match="has no model 'm'") as told:
        ask(reply)
    assert "ends in /v1" in told.value.hint


def test_long_words_are_cut():
    """An error is a line in a table, not a page."""
    refusal = read_refusal(500, {}, b"x" * 5000)

    assert len(refusal.words) < 700
