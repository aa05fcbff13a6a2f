"""A first experiment: the files that ``exx init`` writes, every one of them to be changed by hand later."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen

from exx.config.load import build_config
from exx.config.structure import Origin
from exx.diagnosis import credentials
from exx.errors import BackendError, UsageError
from exx.experiment import Experiment
from exx.plugins import Registry
from exx.state.files import write_json, write_text

DEFAULTS = {
    "dataset": "sample_qa",
    "backend": "llamacpp",
    "model": "",
    "base_url": "",
    "control": "You are a helpful assistant. Answer the question briefly.",
    "treatment": (
        "You are a careful assistant. Answer the question briefly. If you are not sure, or the passage does not say, "
        "answer: I don't know."
    ),
}
QUESTIONS = {
    "dataset": "Questions: the name of a dataset (exx plugins list), or a file of your own",
    "backend": "Who answers (llamacpp, openai_chat, fireworks, dry_run, …)",
    "model": "Model, as the backend knows it (empty: its own default)",
    "base_url": "Where the server is (only for backends that ask one)",
    "control": "System prompt that you have",
    "treatment": "System prompt that you think is better",
}
_FILES = (".jsonl", ".json", ".csv", ".parquet", ".gz", ".zst")
_IGNORED = ("experiments/", "data/prepared/", "data/batch_inputs/", ".env")


@frozen(kw_only=True)
class Answers:
    """What the experiment is to be: see ``QUESTIONS``; an empty text leaves a setting at its default."""

    dataset: str
    backend: str
    model: str
    base_url: str
    control: str
    treatment: str


def start(
    folder: Path, answers: Answers, schema: Mapping[str, Any], registry: Registry
) -> tuple[list[Path], dict[Path, str]]:
    """Write the files of an experiment into a folder.

    Returns:
        The files that were written; and those that were there already, with what to put into them.

    Raises:
        UsageError: There is an experiment already, or the answers make none.
        ConfigError: A plugin is not known, or its options are not right.
    """
    config = folder / "experiment.yaml"
    prompts = {name: folder / "prompts" / f"{name}.txt" for name in ("control", "treatment")}
    for path in (config, *prompts.values()):
        if path.exists():
            raise UsageError(f"{path} is there already, and is not overwritten", hint="exx init DIR starts elsewhere")
    if answers.control.strip() == answers.treatment.strip():
        raise UsageError("control and treatment are the same text", hint="an experiment needs two system prompts")
    text = _config(folder, answers)
    variables = _secrets(text, registry)
    for name, path in prompts.items():
        write_text(path, f"{getattr(answers, name).strip()}\n")
    write_json(folder / ".exx" / "schema.json", schema)
    write_text(config, text)
    made, kept = [config, *prompts.values(), folder / ".exx" / "schema.json"], {}
    for path, content in ((folder / ".env.example", _environment(variables)), (folder / ".gitignore", _ignored())):
        if path.exists():
            kept[path] = f"it should hold: {', '.join(content.split())}"
        else:
            write_text(path, content)
            made.append(path)
    return made, kept


def _config(folder: Path, answers: Answers) -> str:
    backend: Any = answers.backend
    if answers.base_url:
        backend = {"name": answers.backend, "base_url": answers.base_url}
    dataset: Any = answers.dataset
    if dataset.endswith(_FILES) or "/" in dataset:
        there = Path(dataset).is_file()  # named from here; the config looks from its own folder
        dataset = {"name": "jsonl", "source": os.path.relpath(dataset, folder) if there else dataset}
    mine = {"control": "prompts/control.txt", "treatment": "prompts/treatment.txt"}
    return "\n".join(
        [
            "# yaml-language-server: $schema=.exx/schema.json",
            "# exx validate checks this file; exx plan says what a run would do, and what it would cost.",
            _line("backend", backend),
            *([_line("model_id", answers.model)] if answers.model else ["# model_id: …"]),
            _line("datasets", [dataset]),
            _line("prompt_sets", {"mine": mine}),
            _line("temps", [0.0]),
            _line("max_new_tokens", {"closed_book": 128, "open_book": 128}),
            _line("verdict", {"primary": ["answer_match"], "margin": 0.01}),
            "",
        ]
    )


def _line(key: str, value: Any) -> str:
    flow = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False, allow_unicode=True)
    return f"{key}: {flow.removesuffix('...' + chr(10)).rstrip()}"


def _secrets(text: str, registry: Registry) -> list[str]:
    """Names of the variables that the backend reads secrets from; checks plugins and options on the way."""
    config, origin = build_config(yaml.safe_load(text), Origin("the answers"))
    experiment = Experiment(config, origin, registry)
    try:
        names = credentials(experiment)
    except BackendError:
        names = []  # it needs more than was said; exx doctor tells what
    _ = experiment.datasets
    return names


def _environment(variables: list[str]) -> str:
    lines = ["# Copy to .env and fill in. Secrets come from the environment only; exx never writes them anywhere."]
    return "\n".join([*lines, *(f"{name}=" for name in variables), ""])


def _ignored() -> str:
    return "\n".join([*_IGNORED, ""])
