"""A tiny run from end to end, in this process: sums for questions, a function for a model, a second or less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from exx.config.load import build_config
from exx.config.schema import Config
from exx.config.structure import Origin
from exx.experiment import Experiment
from exx.pipeline.context import RunOptions
from exx.pipeline.orchestrator import Orchestrator
from exx.pipeline.phases import choose
from exx.plugins import Registry, load_plugins
from exx.records import Request, RequestId
from exx.results import Results, load_results
from exx.state.stop import StopSignal
from exx.testing.fakes import FakePlugin, lopsided_sum

RUN_ID = "tiny"
# What a model might say to make a report misbehave.
HOSTILE = (
    "<script>alert(1)</script>",
    "| a | b |\n|---|---|\n# heading ```\n[click](https://evil.example)",
    "\x1b[31mred\x1b[0m \u202egnp.exe\u200b",
    "word " * 400,
)


@frozen
class FinishedRun:
    """A run that is done, of one trial.

    Attributes:
        folder: ``experiments/run_tiny``.
        results: The trial's results, read back.
        config: The config it was made with.
    """

    folder: Path
    results: Results
    config: Config

    @property
    def trial(self) -> Path:
        """The trial's folder, with ``results`` and ``reports`` in it."""
        return self.results.folder.parent

    def report(self, name: str) -> str:
        """The text of one of its reports."""
        return (self.trial / "reports" / name).read_text("utf-8")


def tiny_settings() -> dict[str, Any]:
    """Settings of the run, as experiment.yaml would have them: fakes for everything, and no plugin but those."""
    prompts = {"control": {"text": "Answer."}, "treatment": {"text": "Answer, and only when sure."}}
    return {
        "backend": "fake",
        "datasets": [{"name": "fake", "items": 12}],
        "prompt_sets": {"tiny": prompts},
        "task_instructions": {"open_book": {"text": "Read and answer."}, "closed_book": {"text": "Answer it."}},
        "scorers": ["fake"],
        "unsupported": {"strategy": "fake"},
        "analyses": ["fake"],
        "reporters": [],
        "verdict": {"primary": ["fake_match"]},
    }


def tiny_run(
    folder: Path, settings: Mapping[str, Any] | None = None, *, plugins: Sequence[object] = (), answer: Any = None
) -> FinishedRun:
    """Run a whole experiment; plugins that are installed can be named in its settings.

    Args:
        folder: Where ``experiments`` is made.
        settings: The config as plain data; default: ``tiny_settings()``.
        plugins: Modules or objects with hooks that are not installed.
        answer: What the backend ``fake`` says to a request; default: the right sum, under the control only sometimes.

    Raises:
        ConfigError: The settings cannot be used.
    """
    raw = dict(tiny_settings() if settings is None else settings)
    raw["paths"] = {**raw.get("paths", {}), "experiments_dir": str(folder / "experiments")}
    config, origin = build_config(raw, Origin("tiny_run", folder))
    experiment = Experiment(config, origin, registry_with_fakes(*plugins, answer=answer))
    experiment.check()
    run = Orchestrator(experiment, RunOptions(), RUN_ID, choose())
    (context, *_) = run.execute(StopSignal(run.folder))
    return FinishedRun(run.folder, load_results(context.results, config), config)


def registry_with_fakes(*plugins: object, answer: Any = None) -> Registry:
    """The installed plugins, the fakes (``fake`` of every kind but prompt sets) and these."""
    registry = load_plugins()
    for plugin in (FakePlugin.of_everything(answer or lopsided_sum), *plugins):
        registry.add_observer(plugin)
    return registry


def hostile_sum(request: Request) -> str | None:
    """Sums under the treatment; under the control now and then a failure, an abstention or something hostile."""
    asked = RequestId.decode(request.custom_id)
    number = int(asked.item_id.removeprefix("i"))
    if asked.condition == "treatment" or number % 3 == 0:
        return lopsided_sum(request)
    return [None, "I don't know.", *HOSTILE][number % (2 + len(HOSTILE))]
