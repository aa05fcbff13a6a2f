"""Jobs, configs and predictions for the tests of the client; what a run leaves behind, to look through it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

import fireworks_server
import pytest
import yaml
from attrs import define, frozen
from fireworks_server import FireworksServer
from fireworks_server.world import MODEL

from exx import BatchJob, BatchService, JobRow, JobStatus, Request, RequestId, Response, Transient
from exx_fireworks.backend import FireworksBackend

T = TypeVar("T")

SAMPLING = {"temperature": 0.0, "top_p": 1.0, "top_k": 50, "max_tokens": 64, "stop": [], "seed": None}
LOOKS = 60
JOB = "exx-r-control-t0-p01-a1-0123456789ab"


@frozen
class Told:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


def in_this_process(capsys: pytest.CaptureFixture[str], *arguments: str) -> Told:
    """Be the command ``exx``, as it is installed."""
    (command,) = entry_points(group="console_scripts", name="exx")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        command.load()(list(arguments))
    said = capsys.readouterr()
    return Told(int(ended.value.code or 0), said.out, said.err)


def request(number: int, condition: Any = "control", **params: Any) -> Request:
    """A request; every third question comes with a passage."""
    kind: Any = "closed" if number % 3 else "open"
    custom_id = RequestId("set", f"q|{number}", condition, 0.0, 0, kind).encode()
    messages = [
        {"role": "system", "content": f"You are {condition}."},
        {"role": "user", "content": f"Question {number}?"},
    ]
    return Request(custom_id, f"key-{condition}-{number}", MODEL, messages, {**SAMPLING, **params})


def job(name: str = JOB, rows: int = 6, *, only: set[str] | None = None, **changes: Any) -> BatchJob:
    """A job with these rows, or with those of them whose ids are named."""
    every = [request(number) for number in range(rows)]
    requests = [one for one in every if only is None or one.custom_id in only]
    given = {"condition": "control", "temp": 0.0, "part": 1, "model": MODEL, **changes}
    return BatchJob(id=name, requests=requests, rows=len(requests), **given)


@contextmanager
def opened(**options: Any) -> Iterator[BatchService]:
    """The client, as the environment leads it."""
    with FireworksBackend(poll_interval=0.01, **options).connect(MODEL, {}) as service:
        yield service


def patiently(call: Callable[[], T], tries: int = 12) -> T:
    """Do as the core does with a call that fails in passing, without its waits."""
    for _ in range(tries - 1):
        try:
            return call()
        except Transient:
            continue
    return call()


def settled(service: BatchService, name: str = JOB) -> JobStatus:
    """Look at a job until it does not change any more."""
    for _ in range(LOOKS):
        status = patiently(lambda: service.status(name))
        assert status is not None, f"the service knows no job {name}"
        if status.final:
            return status
    raise AssertionError(f"job {name} is {status.raw_state} after {LOOKS} looks")


def fetched(service: BatchService, name: str = JOB) -> list[JobRow]:
    """The output of a job, whole."""
    return patiently(lambda: list(service.fetch(name)))


def answered(rows: list[JobRow]) -> dict[str, Response]:
    """Responses by custom_id, answers before errors."""
    found: dict[str, Response] = {}
    for row in sorted(rows, key=lambda row: row.response.error is not None):
        found.setdefault(row.custom_id, row.response)
    return found


def done(service: BatchService, asked: BatchJob | None = None) -> dict[str, Response]:
    """Have a job answered from its beginning to its end."""
    asked = asked or job()
    patiently(lambda: service.create(asked))
    settled(service, asked.id)
    return answered(fetched(service, asked.id))


# Whole runs


def lopsided(custom_id: str, body: Mapping[str, Any]) -> str | None:
    """A model that is right under the treatment, and under the control for every third item only."""
    del body
    asked = RequestId.decode(custom_id)
    number = int(asked.item_id.removeprefix("i"))
    return f"n{number}" if asked.condition == "treatment" or number % 3 == 0 else "no idea"


def configure(folder: Path, items: int = 8, **changes: Any) -> None:
    """Write e.yaml and its items: question and answer are a number; every third has a passage."""
    backend = {"name": "fireworks", "poll_interval": 0.01, **changes.pop("options", {})}
    settings = {
        "backend": backend,
        "model_id": MODEL,
        "datasets": [{"name": "jsonl", "source": "items.jsonl"}],
        "stats": {"bootstrap_samples": 100},
        **changes,
    }
    rows = []
    for number in range(items):
        row: dict[str, Any] = {"id": f"i{number}", "question": f"What is number {number}?", "answers": [f"n{number}"]}
        if number % 3 == 0:
            row["context"] = f"Before n{number + 1} comes n{number}, as everybody knows who can count."
        rows.append(json.dumps(row) + "\n")
    (folder / "items.jsonl").write_text("".join(rows))
    (folder / "e.yaml").write_text(yaml.safe_dump(settings))


def predictions(folder: Path, run_id: str = "k") -> list[dict[str, str]]:
    """The rows of predictions.csv."""
    (path,) = (folder / "experiments" / f"run_{run_id}").rglob("predictions.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def said(folder: Path, run_id: str = "k") -> dict[str, tuple[str, str]]:
    """Text and error of each prediction; asserts that there is one row a request."""
    rows = predictions(folder, run_id)
    found = {row["custom_id"]: (row["response_text"], row["error"]) for row in rows}
    assert len(found) == len(rows), "a request has two rows"
    return found


def expected(items: int = 8) -> dict[str, tuple[str, str]]:
    """What ``said`` is where nothing is wrong."""
    wanted = {}
    for number in range(items):
        for condition in ("control", "treatment"):
            kind: Any = "closed" if number % 3 else "open"
            name = RequestId("jsonl", f"i{number}", condition, 0.0, 0, kind).encode()
            wanted[name] = (str(lopsided(name, {})), "")
    return wanted


@define
class Leak:
    """A secret, and where it was found."""

    secret: str
    where: str


def leaks(secrets: set[str], folders: list[Path], texts: Mapping[str, str]) -> list[Leak]:
    """Look for secrets in every byte below some folders, in the names of files, and in texts."""
    found = []
    for secret in secrets:
        needle = secret.encode()
        found += [Leak(secret, where) for where, text in texts.items() if secret in text]
        for path in (path for folder in folders for path in folder.rglob("*")):
            if secret in path.name or (path.is_file() and needle in path.read_bytes()):
                found.append(Leak(secret, str(path)))
    return found


@contextmanager
def distant(**settings: Any) -> Iterator[dict[str, str]]:
    """A server in a process of its own, so that its memory is not ours; gives the client's environment."""
    command = [sys.executable, "-m", "fireworks_server", "--settings", json.dumps(settings)]
    env = {**os.environ, "PYTHONPATH": str(Path(fireworks_server.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            names = {"url": "FIREWORKS_API_BASE", "key": "FIREWORKS_API_KEY", "account": "FIREWORKS_ACCOUNT_ID"}
            yield {names[name]: value for name, value in told.items()}
        finally:
            process.terminate()


def kinds(server: FireworksServer) -> list[str]:
    """Kinds of all calls, in order."""
    return [call.kind for call in server.calls]
