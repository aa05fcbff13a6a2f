"""A run's folder as other commands see it: read only, whole or damaged, finished or under way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from attrs import define

from exx.config.load import build_config
from exx.config.schema import Config
from exx.config.structure import Origin
from exx.errors import ConfigError, ExxError, RunError
from exx.results import Results, load_results
from exx.state.ledger import StageRecord
from exx.state.lock import Holder, read_holder
from exx.state.run_state import Ledger

_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
DAMAGED = "run_state.json is damaged"


@define(slots=False, eq=False)
class RunFolder:
    """One run, as its files say.

    Attributes:
        path: ``experiments/run_<id>``.
    """

    path: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name.removeprefix("run_")

    @cached_property
    def state(self) -> Ledger:
        """run_state.json; empty when it is damaged.

        Raises:
            RunError: A newer exx wrote it.
        """
        return Ledger.open(self.path / "run_state.json")

    @property
    def document(self) -> Mapping[str, Any]:
        """What run_state.json says beside its phases."""
        return self.state.document

    @cached_property
    def holder(self) -> Holder | None:
        """Who is noted as working on it."""
        return read_holder(self.path)

    @property
    def in_use(self) -> bool:
        """Somebody works on it, or may: a process on another machine cannot be seen."""
        return self.holder is not None and self.holder.lives is not False

    @property
    def status(self) -> str:
        """``running``, ``done``, ``stopped``, ``failed``; ``died`` when the process that ran it is gone."""
        try:
            said = self.document.get("status")
        except RunError:
            return "made by a newer exx"
        if not isinstance(said, str):
            return DAMAGED
        return "died" if said == "running" and not self.in_use else said

    @property
    def started_at(self) -> str:
        """Latest start, UTC; empty when it is not known."""
        try:
            return str(self.document.get("started_at") or "")
        except RunError:
            return ""

    @property
    def trials(self) -> list[str]:
        """Slugs of its trials."""
        said = self.document.get("trials")
        if isinstance(said, list):
            return [str(slug) for slug in said]
        return sorted(path.parent.parent.name for path in self.path.glob("*/results/trial_manifest.json"))

    def manifest(self, slug: str) -> Ledger:
        """A trial's trial_manifest.json; empty when it is missing or damaged."""
        return Ledger.open(self.path / slug / "results" / "trial_manifest.json")

    @cached_property
    def config(self) -> Config | None:
        """The effective config; None when it cannot be read."""
        base = Path(str(self.document.get("config_base", ".")))
        try:
            return build_config(self.document.get("config"), Origin(self.path / "config.yaml", base))[0]
        except ConfigError:
            return None

    def results(self, slug: str) -> Results | None:
        """A trial's results; None while it has none."""
        folder = self.path / slug / "results"
        there = (folder / "significance.json").is_file()
        return load_results(folder, self.config) if there else None

    def unfinished(self, names: tuple[str, ...]) -> list[str]:
        """What of these phases is not done, in words; empty for a finished run."""
        once = self.state.stages
        missing = []
        for slug in self.trials:
            stages = {**once, **self.manifest(slug).stages}
            left = [name for name in names if not _is_done(stages.get(name))]
            missing += [f"{slug}: {', '.join(left)}"] if left else []
        return missing if self.trials else ["no trial"]


def _is_done(record: StageRecord | None) -> bool:
    return record is not None and record.status == "done"


def all_runs(experiments: Path) -> list[RunFolder]:
    """The runs of an experiments folder, the one started last first."""
    runs = [RunFolder(path.parent) for path in sorted(experiments.glob("run_*/run_state.json"))]
    return sorted(runs, key=lambda run: run.started_at, reverse=True)


def find_run(run_id: str | None, experiments: Path) -> RunFolder:
    """A run by its id; without one, the run that was started last.

    Raises:
        RunError: There is none.
    """
    if run_id is None:
        runs = all_runs(experiments)
        if not runs:
            raise RunError(f"there is no run in {experiments}", hint="exx run CONFIG starts one")
        return runs[0]
    folder = experiments / f"run_{run_id}"
    if not is_run_id(run_id) or not (folder / "run_state.json").exists():
        raise RunError(f"there is no run {run_id} in {experiments}", hint="exx list shows the runs")
    return RunFolder(folder)


def is_run_id(text: str) -> bool:
    """Whether a text can be a run's id: nothing that would lead out of the experiments folder."""
    return _ID.fullmatch(text) is not None


def files_of(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in the order of their names; a link to a folder is not followed.

    Raises:
        ExxError: A folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as cause:
        raise ExxError(f"cannot read {folder}: {cause.strerror or cause}") from cause
    for path in entries:
        if path.is_dir() and not path.is_symlink():
            yield from files_of(path)
        else:
            yield path
