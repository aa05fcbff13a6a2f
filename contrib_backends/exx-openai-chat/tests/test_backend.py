"""What is sent is what the experiment says, the key goes nowhere else, and every failure of a connection is told."""

from __future__ import annotations

import gzip
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from chat_server import PARAMS, Reply, chat_server, completion, question

from exx import BackendError, Transient
from exx.testing import check_backend
from exx_openai_chat import client
from exx_openai_chat.backend import OpenAIChatBackend

KEY = "sk-test-0123456789abcdef"


# --- what is sent ----------------------------------------------------------------------------------------------------
def test_a_request_is_sent_as_the_experiment_says(ask, server):
    """Model, messages and every decoding parameter, to /chat/completions below the base URL, and nothing else."""
    ask()
    (asked,) = server.asked

    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.body == {"model": "m", "messages": list(question().messages), **PARAMS}
    assert asked.headers["content-type"] == "application/json"
    assert "authorization" not in asked.headers


SENT = {
    "nothing more": ({}, {}, {}),
    "a seed and stop texts": ({}, {"seed": 5, "stop": ["\n"]}, {"seed": 5, "stop": ["\n"]}),
    "a seed of the experiment's own": ({"seed": "always"}, {"seed": 5}, {"seed": 5}),
    "more fields": ({"extra_body": {"min_p": 0, "a": {"b": [1]}}}, {}, {"min_p": 0, "a": {"b": [1]}}),
    "reasoning effort": ({"reasoning_effort": "low"}, {}, {"reasoning_effort": "low"}),
}


@pytest.mark.parametrize(("options", "params", "more"), SENT.values(), ids=SENT)
def test_options_add_to_what_is_sent(ask, server, options, params, more):
    """Beside what is always there."""
    ask(params=params, **options)
    body = server.asked[-1].body

    assert {name: body[name] for name in body if name not in ("model", "messages", *PARAMS)} == more


def test_parameters_are_left_out_or_called_otherwise(ask, server):
    """For servers that refuse what they don't know."""
    ask(params={"seed": 5}, omit=("top_k", "seed"), max_tokens_field="max_completion_tokens", seed="always")
    body = server.asked[-1].body

    assert body.keys() == {"model", "messages", "temperature", "top_p", "max_completion_tokens"}
    assert body["max_completion_tokens"] == 24
    ask(omit=("max_tokens",), max_tokens_field="max_completion_tokens")
    assert not {"max_tokens", "max_completion_tokens"} & server.asked[-1].body.keys()


def test_a_seed_that_is_always_sent_is_made_of_the_request(server):
    """The same for the same request, another for another; it fits into 31 bits."""
    with OpenAIChatBackend(base_url=server.url, seed="always").connect("m", {}) as connection:
        for number in (1, 2, 1):
            connection.answer(question(number))
    seeds = [asked.body["seed"] for asked in server.asked]

    assert seeds[0] == seeds[2] != seeds[1]
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_connections_are_kept(server):
    """Requests in a row share one, and threads don't take more than the concurrency; half a reply ends one alone."""
    with OpenAIChatBackend(base_url=server.url, concurrency=4).connect("m", {}) as connection:
        for number in range(10):
            connection.answer(question(number))
        assert server.connections == 1
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(connection.answer, map(question, range(100))))

    assert len(server.asked) == 110
    assert server.connections <= 4


# --- keys ------------------------------------------------------------------------------------------------------------
def test_secrets_come_from_the_environment(ask, server, monkeypatch):
    """The key as a bearer token, whatever blanks were copied with it; variables in headers are put in."""
    monkeypatch.setenv("CHAT_KEY", f" {KEY}\n")
    monkeypatch.setenv("OTHER", "o-7")
    ask(api_key_env="CHAT_KEY", headers={"X-Api-Key": "${OTHER}", "X-Title": "exx ${OTHER}!"})
    headers = server.asked[-1].headers

    assert headers["authorization"] == f"Bearer {KEY}"
    assert (headers["x-api-key"], headers["x-title"]) == ("o-7", "exx o-7!")


def test_a_missing_variable_is_named(ask, server, monkeypatch):
    """Before anything is asked; so is one that no header can hold, without its value."""
    monkeypatch.delenv("CHAT_KEY", raising=False)
    with pytest.raises(BackendError, match="variable CHAT_KEY, named by api_key_env, is not set") as told:
        ask(api_key_env="CHAT_KEY")
    assert "export CHAT_KEY=" in told.value.hint
    with pytest.raises(BackendError, match=r"variable CHAT_KEY, named by headers\.X, is not set"):
        ask(headers={"X": "${CHAT_KEY}"})
    monkeypatch.setenv("CHAT_KEY", f"{KEY}\r\nX-More: 1")
    with pytest.raises(BackendError, match="holds a character that no header can") as told:
        ask(api_key_env="CHAT_KEY")
    assert KEY not in str(told.value)
    assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(ask, server, monkeypatch, status):
    """Not even to the same host: the key reaches nobody but the server it is for, and the message says where to."""
    monkeypatch.setenv("CHAT_KEY", KEY)
    with chat_server() as other:
        place = f"{other.url}/chat/completions?token=secret"
        with pytest.raises(BackendError, match=f"takes no questions: HTTP {status}") as told:
            ask(Reply({}, status, {"Location": place}), api_key_env="CHAT_KEY")

    assert other.asked == []
    assert f"it points to {other.url}/chat/completions, and" in told.value.hint


def test_nothing_is_done_behind_our_back(ask, server, monkeypatch, tmp_path):
    """No password of ~/.netrc takes the key's place, and no cookie is sent back."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password netrc-secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("CHAT_KEY", KEY)
    ask(Reply(headers={"Set-Cookie": "who=me"}), api_key_env="CHAT_KEY", times=2)

    assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert not [asked for asked in server.asked if "cookie" in asked.headers]


def test_no_failure_shows_the_key(ask, server, monkeypatch):
    """Whatever the server says, in message, hint, traceback and failed response alike."""
    monkeypatch.setenv("CHAT_KEY", KEY)
    server.models = [f"model-{KEY}"]
    said = {"error": {"message": f"you sent {KEY}, and once more: {KEY}"}}
    told = []
    for status in (302, 400, 401, 402, 404, 405, 408, 429, 500, 503):
        try:
            told.append(ask(Reply(said, status, {"Location": f"http://x/{KEY}"}), api_key_env="CHAT_KEY").error)
        except BackendError as error:
            told += [str(error), *traceback.format_exception(error)]
    for fault in ("reset", "hang up", "half"):
        with pytest.raises(Transient) as lost:
            ask(Reply(fault=fault), api_key_env="CHAT_KEY")
        told += traceback.format_exception(lost.value)

    assert len(told) > 20
    assert not [text for text in told if KEY in text]


# --- connections -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(fault=fault) for fault in ("reset", "hang up", "half", "half, unannounced", "half, chunked")),
        Reply(b""),
        Reply(b"[]"),
        Reply(b"\xff\xfe"),
        Reply(gzip.compress(Reply().content, mtime=0)[:90], headers={"Content-Encoding": "gzip"}),
        Reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda reply: reply.fault or repr(reply.body[:6]),
)
def test_a_reply_that_breaks_off_is_asked_for_again(ask, reply):
    """Half an answer is never taken for one; the next request is answered. So at the start, so in the middle."""
    with pytest.raises(Transient, match=r"http://127\.0\.0\.1:\d+/v1: "):
        ask(reply)
    with pytest.raises(Transient):
        ask(Reply(), reply, times=2)
    assert ask(Reply()).text == "Paris."


def test_a_page_in_the_middle_is_a_gateway_that_hiccups(ask):
    """Where questions have been answered, a page for people is not a wrong address."""
    with pytest.raises(Transient, match="the reply is not JSON"):
        ask(Reply(), Reply("<html>One moment"), times=2)


def test_silence_is_not_waited_out(ask):
    """After ``timeout`` seconds the request is to be asked again."""
    with pytest.raises(Transient, match="took too long to answer"):
        ask(Reply(wait=0.5), timeout=0.1)


def free_port():
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("place", ["127.0.0.1:{}", "no-such-host.invalid:{}"])
def test_a_server_that_is_not_there_is_told_at_once(ask, place):
    """Waiting would not help; the message has the address and what to do."""
    url = f"http://{place.format(free_port())}/v1"
    with pytest.raises(BackendError, match=f"no server can be reached at {url}: ") as told:
        ask(base_url=url)
    assert not isinstance(told.value, Transient)
    assert "start the server, or mend base_url" in told.value.hint


def test_a_server_that_goes_away_may_come_back():
    """What is not there any more in the middle of a run is tried again."""
    with ExitStack() as stack:
        with chat_server() as server:
            connection = stack.enter_context(OpenAIChatBackend(base_url=server.url).connect("m", {}))
            assert connection.answer(question()).text == "Paris."
            server.plan.append(Reply(fault="hang up"))
            with pytest.raises(Transient, match=server.url):
                connection.answer(question())
        with pytest.raises(Transient, match="refused"):
            connection.answer(question())


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}], ids=["plain", "gzip"])
def test_a_reply_without_end_is_not_read_to_its_end(ask, monkeypatch, headers):
    """Also one that is small until it is unpacked; it is one failed request."""
    monkeypatch.setattr(client, "_LARGEST", 200_000)
    long = str(completion({"content": "x" * 3_000_000})).replace("'", '"').encode()
    body = gzip.compress(long) if headers else long

    assert "was not read to its end" in ask(Reply(body, headers=headers)).error
    assert ask(Reply()).text == "Paris."


def test_a_compressed_reply_is_unpacked(ask):
    """As servers behind a proxy send it."""
    body = gzip.compress(b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}')

    assert ask(Reply(body, headers={"Content-Encoding": "gzip"})).text == "yes"


# --- options ---------------------------------------------------------------------------------------------------------
REFUSED = {
    "no scheme": ({"base_url": "127.0.0.1:8000"}, "must begin with http:// or https://"),
    "no host": ({"base_url": "http:///v1"}, "name a host"),
    "a password": ({"base_url": "http://me:secret@host/v1"}, "must hold no user, password or query"),
    "a query": ({"base_url": "http://host/v1?key=secret"}, "must hold no user, password or query"),
    "too long a path": ({"base_url": "http://host/v1/chat/completions/"}, "must end before /chat/completions"),
    "a secret in a header": ({"headers": {"X-Api-Key": KEY}}, r"'headers.X-Api-Key' must take its value from"),
    "the model": ({"extra_body": {"model": "x"}}, "must not hold model"),
    "a decoding parameter": ({"extra_body": {"top_k": 3}}, "must not hold top_k"),
    "a stream": ({"extra_body": {"stream": True}}, "must not hold stream"),
    "an unknown parameter": ({"omit": ("top_q",)}, "'omit' must be in"),
    "nobody asks": ({"concurrency": 0}, "'concurrency' must be >= 1"),
    "no time": ({"timeout": 0.0}, "'timeout' must be > 0"),
    "no requests": ({"requests_per_minute": 0.0}, "'requests_per_minute' must be > 0"),
    "no tokens": ({"tokens_per_minute": -1.0}, "'tokens_per_minute' must be > 0"),
}


@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED)
def test_options_that_cannot_work_are_refused(options, words):
    """With the option's name, and without the secret."""
    with pytest.raises(ValueError, match=words) as told:
        OpenAIChatBackend(**{"base_url": "http://host/v1", **options})
    assert "secret" not in str(told.value).replace("secrets go into", "")
    assert KEY not in str(told.value)


def test_the_identity_is_what_decides_the_answers():
    """Address and body; neither keys, nor headers, nor speed. A slash at the end is no other address."""
    plain = OpenAIChatBackend(base_url="http://host/v1").identity("m")
    same = {"api_key_env": "K", "headers": {"X": "1"}, "concurrency": 2, "requests_per_minute": 5.0, "timeout": 1.0}
    other = [
        {"base_url": "http://host:81/v1"},
        {"extra_body": {"min_p": 0}},
        {"reasoning_effort": "low"},
        {"seed": "always"},
        {"omit": ("top_k",)},
        {"max_tokens_field": "max_completion_tokens"},
    ]

    assert OpenAIChatBackend(base_url="http://host/v1/", **same).identity("m") == plain
    for options in other:
        assert OpenAIChatBackend(**{"base_url": "http://host/v1", **options}).identity("m") != plain, options


def test_it_is_an_online_backend():
    """Without a model of its own: which there are, the server knows."""
    from exx import OnlineBackend

    backend = OpenAIChatBackend(base_url="http://host/v1")
    assert isinstance(backend, OnlineBackend)
    assert backend.default_model() is None
    assert (backend.concurrency, backend.requests_per_minute, backend.tokens_per_minute) == (8, None, None)


def test_keeps_the_contract(server):
    """What exx asks of every backend: see exx.testing."""
    check_backend(OpenAIChatBackend(base_url=server.url), model="m")
