"""Experiments for the core's own tests: one in this process, and one in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import exx_lab
import yaml
from attrs import define, field

from exx.config.load import build_config
from exx.config.structure import Origin
from exx.experiment import Experiment
from exx.pipeline.context import Phase, RunOptions, TrialContext
from exx.pipeline.orchestrator import Orchestrator
from exx.pipeline.phases import PHASES
from exx.plugins import Registry
from exx.records import Request
from exx.state.files import read_json
from exx.state.stop import StopSignal
from exx.testing import FakePlugin

SETTINGS: dict[str, Any] = {"backend": "fake", "datasets": ["fake"], "verdict": {"primary": ["em"]}}
PLAIN = RunOptions()
SLUG = "fake-model-default-tp1-tk50-mx1024-1024"


@define
class Lab:
    """An experiment with fakes, in a folder of its own.

    Attributes:
        folder: The working directory.
        plugin: Offers the fakes; its backend answers with ``answer``.
        answer: What the model says; None makes a request fail.
        settings: The config, as plain data.
    """

    folder: Path
    plugin: FakePlugin
    answer: Callable[[Request], str | None] = exx_lab.lopsided
    settings: dict[str, Any] = field(factory=lambda: dict(SETTINGS))
    extra: list[object] = field(factory=list)

    def registry(self) -> Registry:
        """A fresh registry, as every process has."""
        return Registry.of(self.plugin, *self.extra)

    def experiment(self, **changes: Any) -> Experiment:
        """The experiment, with some settings changed."""
        config, origin = build_config({**self.settings, **changes}, Origin("lab.yaml", self.folder))
        return Experiment(config, origin, self.registry())

    def orchestrator(
        self,
        run_id: str = "a",
        *,
        options: RunOptions = PLAIN,
        phases: Sequence[Phase] = PHASES,
        force: bool = False,
        **changes: Any,
    ) -> Orchestrator:
        """A run of it."""
        return Orchestrator(self.experiment(**changes), options, run_id, phases, force)

    def run(self, run_id: str = "a", **given: Any) -> list[str]:
        """Do a run, and say which phases worked."""
        self.plugin.events.clear()
        self.plugin.asked.clear()
        orchestrator = self.orchestrator(run_id, **given)
        orchestrator.execute(StopSignal(orchestrator.folder))
        return [phase for _, phase in self.plugin.events]

    def contexts(self, **given: Any) -> list[TrialContext]:
        """The trials of a run."""
        orchestrator = self.orchestrator(**given)
        return orchestrator.contexts(StopSignal(orchestrator.folder))

    @property
    def asked(self) -> list[str]:
        """What the model was asked in the last run."""
        return [request.custom_id for request in self.plugin.asked]

    def path(self, name: str, run_id: str = "a", slug: str = SLUG) -> Path:
        """A file of a run's trial."""
        return self.folder / "experiments" / f"run_{run_id}" / slug / name

    def state(self, run_id: str = "a") -> Any:
        """run_state.json."""
        return read_json(self.folder / "experiments" / f"run_{run_id}" / "run_state.json")

    def result(self, name: str, run_id: str = "a") -> bytes:
        """Content of a results file."""
        return self.path(f"results/{name}", run_id).read_bytes()


@define
class Told:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object on stdout; anything else there is an error."""
        return json.loads(self.out)


def write_distribution(site: Path, name: str, version: str, entry_points: Mapping[str, str]) -> None:
    """Install a distribution of entry points alone into a folder; their modules are found on the path."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{entry} = {module}" for entry, module in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[exx]", *lines, ""]))


@define
class Installed:
    """A working directory in which ``exx`` finds the lab plugin as an installed distribution.

    Attributes:
        folder: The working directory.
        env: Environment of the processes.
    """

    folder: Path
    env: dict[str, str]
    started: list[subprocess.Popen[str]] = field(factory=list)

    def configure(self, *, items: int = 12, **options: Any) -> None:
        """Write experiment.yaml; the options are the backend's."""
        config = {
            "backend": {"name": "diary", **options},
            "datasets": [{"name": "fake", "items": items}],
            "verdict": {"primary": ["em"]},
        }
        (self.folder / "experiment.yaml").write_text(yaml.safe_dump(config))

    def start(self, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start ``exx`` in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-c", "from exx.cli.main import main; main()", *arguments],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,  # noqa: PLW1509 - the tests start no threads
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Told:
        """Wait for a process."""
        out, err = process.communicate(timeout=60)
        return Told(process.returncode, out, err)

    def run(self, *arguments: str, before: Callable[[], None] | None = None) -> Told:
        """Start ``exx`` and wait for it."""
        return self.finish(self.start(*arguments, before=before))

    def asked(self) -> list[str]:
        """Every request that reached the model, over all processes."""
        log = self.folder / "asked.log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []

    def hurry(self) -> None:
        """Let the model answer at once from now on."""
        (self.folder / "HURRY").touch()

    def wait_for(self, condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Wait until something is so, as long as the process lives."""
        until = time.monotonic() + 30
        while not condition():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "it never happened"
            time.sleep(0.01)

    def interrupt(self, count: int, *arguments: str, with_signal: int = signal.SIGINT) -> Told:
        """Start ``exx`` and send it a signal once the model was asked so often."""
        process = self.start(*arguments)
        self.wait_for(lambda: len(self.asked()) >= count, process)
        process.send_signal(with_signal)
        return self.finish(process)

    def results(self, run_id: str) -> dict[str, bytes]:
        """What a run says about the world: its files without times and names in them."""
        (folder,) = (self.folder / "experiments" / f"run_{run_id}").glob("*/results")
        return {
            name: (folder / name).read_bytes()
            for name in ("predictions.csv", "per_item_scores.csv", "significance.json")
        }


def install(folder: Path, site: Path) -> Installed:
    """Install the lab plugin as a real distribution, for processes that work in the folder."""
    write_distribution(site, "exx-lab", "1.0", {"lab": "exx_lab"})
    known = os.environ.get("PYTHONPATH")
    paths = [str(site), str(Path(__file__).parent), *([known] if known else [])]
    made = Installed(folder, {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "EXX_PLUGINS": "lab"})
    made.configure()
    return made
