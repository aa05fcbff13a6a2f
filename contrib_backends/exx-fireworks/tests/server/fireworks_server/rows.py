"""Rows of a batch: what the server takes, what it refuses as a whole or row by row, and what it makes of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from fireworks_server.world import Job, World

ROLES = ("system", "user", "assistant", "tool")
_WORDS = (
    "messages max_tokens max_completion_tokens temperature top_p top_k min_p typical_p n stop seed "
    "frequency_penalty presence_penalty repetition_penalty logit_bias logprobs top_logprobs echo echo_last "
    "response_format tools tool_choice reasoning_effort thinking reasoning_history "
    "context_length_exceeded_behavior prompt_truncate_len prompt_cache_key prompt_cache_isolation_key raw_output "
    "return_token_ids ignore_eos metadata user stream prompt_token_ids"
)
FIELDS = frozenset(_WORDS.split())
RANGES = {"temperature": (0, 2), "top_p": (0, 1), "top_k": (0, 100), "n": (1, 128)}
SAMPLING = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "max_tokens": "maxTokens"}
RESULTS, ERRORS = "BIJOutputSet.jsonl", "error-data"


class Invalid(Exception):
    """A file of which no row is worked on."""


def read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a dataset as the phase VALIDATING does: one bad row, and none of them counts.

    Raises:
        Invalid: With a line number that is wrong, like the real one's.
    """
    seen: set[str] = set()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            custom_id, body = _checked(line, f"dataset.jsonl:{number + 7}")
            if custom_id in seen:
                raise Invalid(f"dataset.jsonl:{number + 7}: duplicate custom_id {custom_id!r}")
            seen.add(custom_id)
            yield custom_id, body
    if not seen:
        raise Invalid("dataset.jsonl: the dataset is empty")


def problem(path: Path) -> str | None:
    """Why a file is not worked on; None if it is."""
    try:
        for _ in read(path):
            continue
    except Invalid as cause:
        return str(cause)
    return None


def _checked(line: bytes, where: str) -> tuple[str, dict[str, Any]]:
    try:
        row = orjson.loads(line)
        custom_id, body = row["custom_id"], row["body"]
        messages = body.get("messages")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as cause:
        raise Invalid(f"{where}: invalid row: {cause}") from cause
    if strange := set(row) - {"custom_id", "body"}:
        raise Invalid(f"{where}: unknown field {sorted(strange)[0]!r}")
    if not isinstance(custom_id, str) or not custom_id:
        raise Invalid(f"{where}: custom_id must be a non-empty string")
    if not isinstance(messages, list) or not messages:
        raise Invalid(f"{where}: messages must be a non-empty list")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise Invalid(f"{where}: role must be one of {', '.join(ROLES)}")
        if not isinstance(message.get("content"), str):
            raise Invalid(f"{where}: content must be a string")
    return custom_id, body


def refusal(body: dict[str, Any], model: str) -> str | None:
    """Why a row comes back as an error; None if it does not."""
    for name in body:
        if name not in FIELDS:
            return f"Extra inputs are not permitted, field: '{name}'"
    for name, (low, high) in RANGES.items():
        value = body.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return f"Input should be between {low} and {high}, field: '{name}'"
    effort = body.get("reasoning_effort")
    if effort is not None and "gpt-oss" in model and effort not in ("low", "medium", "high"):
        return f"reasoning_effort {effort!r} is not supported by this model"
    return None


def work(world: World, job: Job, share: float) -> None:
    """Answer the first ``share`` of what a job has to do, and write its output."""
    given = job.body.get("inferenceParameters", {})
    extra = orjson.loads(given.get("extraBody") or "{}")
    every = {row: said for name in job.sent for row, said in world.jobs[name].outcome.items()}
    todo = [pair for pair in read(world.input_path(job.input)) if every.get(pair[0], "error") == "error"]
    dice = random.Random(f"{world.plan.seed}|{job.id}")
    results: list[bytes] = []
    errors: list[bytes] = []
    for custom_id, body in todo[: round(len(todo) * share)]:
        _complain(world, body, given)
        said, lines = _answer(world, job, custom_id, {**body, **extra})
        job.outcome[custom_id] = said
        job.tokens["input"] += 20
        for line, failed in lines:
            (errors if failed else results).append(line)
    results += [
        _line(custom_id=f"strange-{n}", response=completion(job, "?", "stop")) for n in range(world.plan.rows.strange)
    ]
    errors += [b"<html>upstream error</html>\n"] * world.plan.rows.broken
    dice.shuffle(results)
    dice.shuffle(errors)
    job.rows_out = len(results) + len(errors)
    for name, lines_of in ((RESULTS, results), (ERRORS, errors)):
        with world.path(f"dataset/{job.output}/{name}").open("wb") as file:
            file.writelines(lines_of)


def _complain(world: World, body: dict[str, Any], given: dict[str, Any]) -> None:
    """Note what the API takes and its facts advise against: values left to a default, or given in two places."""
    for name, at_job in SAMPLING.items():
        places = (name in body) + (at_job in given)
        if places != 1 and len(world.complaints) < 20:
            world.complaints.append(f"{name} is given in {places} places")


def _answer(world: World, job: Job, custom_id: str, body: dict[str, Any]) -> tuple[str, list[tuple[bytes, bool]]]:
    """What becomes of a row, and the lines of the output for it, each with whether it is one of errors."""
    plan, before = world.plan, world.worked[custom_id]
    world.worked[custom_id] += 1
    fails = before < plan.rows.times
    why = refusal(body, str(job.body.get("model", ""))) or (
        "overloaded" if fails and plan.hits("errors", custom_id) else None
    )
    text = None if why else world.answer(custom_id, body)
    if fails and not why and plan.hits("missing", custom_id):
        return "missing", []
    if text is None:
        return "error", [(error_line(custom_id, why or "the model failed", before), True)]
    world.paid[custom_id] += 1
    length = plan.hits("cut_short", custom_id)
    response = completion(job, text + " " * world.settings.answer_padding, "length" if length else "stop")
    line = _line(custom_id=custom_id, response=response)
    job.tokens["output"] += response["usage"]["completion_tokens"]
    if not plan.hits("repeated", custom_id):
        return "answer", [(line, False)]
    other = (error_line(custom_id, "a first try failed", before), True) if len(custom_id) % 2 else (line, False)
    return "answer", [other, (line, False)]


def completion(job: Job, text: str, finish: str) -> dict[str, Any]:
    """A chat completion."""
    words = len(text.split())
    usage: Counter[str] = Counter(prompt_tokens=20, completion_tokens=words, total_tokens=20 + words)
    return {
        "id": f"chatcmpl-{job.id}",
        "object": "chat.completion",
        "created": int(job.created),
        "model": job.body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
        "usage": {**usage, "prompt_tokens_details": {"cached_tokens": 8}},
    }


def error_line(custom_id: str, message: str, shape: int) -> bytes:
    """A row of the error file, in one of the shapes that may occur."""
    envelope: Any = {"type": "error", "error": {"message": message, "type": "invalid_request_error"}}
    shapes = ({"message": message, "code": "INVALID_ARGUMENT"}, message, envelope)
    return _line(custom_id=custom_id, error=shapes[(shape + len(custom_id)) % 3])


def _line(**row: Any) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
