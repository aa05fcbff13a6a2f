"""run_state.json and trial_manifest.json: what a run and its trials remember, written atomically after every change.

A record that cannot be believed is dropped and its phase done again from its inputs, which is safe: no answer is asked
for twice, since the response store holds them. The file as it was is kept beside.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from exx.errors import DataError, RunError
from exx.records import Json
from exx.state.files import read_json, write_json, writing
from exx.state.ledger import Artifact, StageRecord, digest, now

SCHEMA_VERSION = 2
HOW_STARTED = ("config", "config_hash", "config_base", "options", "narrowing")
"""What ``run_state.json`` holds of how a run was started: enough to go on with it."""


@define
class Ledger:
    """Stage records with the document they are kept in; ``save`` after every change.

    Attributes:
        path: ``run_state.json`` or ``trial_manifest.json``.
        stages: By phase name.
        document: Everything else in the file.
        note: What had to be done to read the file, in words; None when it was whole.
        aside: Where the file as it was is kept once a new one is saved.
    """

    path: Path
    stages: dict[str, StageRecord] = field(factory=dict)
    document: dict[str, Json] = field(factory=dict)
    note: str | None = None
    aside: Path | None = None

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Read a ledger; a missing one is empty. Changes nothing on disk.

        One with damaged records keeps the others; one that is damaged altogether, or of an older schema, is empty. All
        of them say so in ``note``.

        Raises:
            RunError: A newer exx wrote it.
        """
        if not path.exists():
            return cls(path)
        try:
            data = read_json(path)
            version = int(data.get("schema_version", 1))
        except (DataError, AttributeError, TypeError, ValueError) as cause:
            return cls(path)._replaced("damaged", f"{path} could not be used ({cause})", "rebuilt")
        if version > SCHEMA_VERSION:
            what = f"{path} has schema version {version}, and this exx knows versions up to {SCHEMA_VERSION}"
            raise RunError(what, hint="a newer exx made this run: go on with that one, or choose another --run-id")
        if version == SCHEMA_VERSION:
            return cls._parse(path, data)
        # What an older file says of its phases has no fingerprints, so none of them can be taken for done; and what
        # else it says is written anew when the run goes on.
        return cls(path)._replaced(f"v{version}", f"{path} has schema version {version}", "upgraded")

    @classmethod
    def _parse(cls, path: Path, data: Any) -> Ledger:
        rest = {k: v for k, v in data.items() if k not in ("schema_version", "stage_status")}
        ledger, damage = cls(path, {}, rest), []
        written = data.get("stage_status")
        if not isinstance(written, dict):
            return ledger._replaced("damaged", f"{path} could not be used (no 'stage_status')", "rebuilt")
        for name, record in written.items():
            try:
                ledger.stages[name] = StageRecord.from_json(record)
            except (KeyError, TypeError, ValueError, AttributeError) as cause:
                damage.append(f"the record of {name}: {cause}")
        if damage:
            what = f"{path} could not be used ({'; '.join(damage)})"
            return ledger._replaced("damaged", what, "rebuilt")
        return ledger

    def _replaced(self, why: str, what: str, done: str) -> Ledger:
        self.aside = self.path.with_name(f"{self.path.name}.{why}-{now().replace(':', '')}")
        self.note = f"{what}; it is kept as {self.aside.name} and {done}"
        return self

    def save(self) -> None:
        """Write the file; one that could not be used as it was is first put aside."""
        if self.aside is not None:
            with writing(self.aside):
                shutil.copyfile(self.path, self.aside)
            self.aside = None
        stages = {name: record.to_json() for name, record in self.stages.items()}
        write_json(self.path, {"schema_version": SCHEMA_VERSION, **self.document, "stage_status": stages})

    def update(self, **values: Json) -> None:
        """Set keys of the document and write the file."""
        self.document.update(values)
        self.save()

    def begin(self, phase: str, inputs: Mapping[str, str]) -> tuple[Artifact, ...]:
        """Note that a phase is under way; returns what it made when it was last done, which is still on disk."""
        before = self.stages[phase].artifacts if phase in self.stages else ()
        self.stages[phase] = StageRecord(status="running", inputs=inputs, started_at=now(), artifacts=before)
        self.save()
        return before

    def finish(self, phase: str, record: StageRecord) -> None:
        """Note how a phase ended."""
        self.stages[phase] = evolve(record, finished_at=now())
        self.save()


def open_run(folder: Path) -> Ledger:
    """Read run_state.json; when it is lost or damaged, take how the run was started from a trial's manifest.

    Raises:
        RunError: A newer exx wrote it.
    """
    ledger = Ledger.open(folder / "run_state.json")
    if not _says_how(ledger.document):
        believed = {key: ledger.document.pop(key) for key in HOW_STARTED if key in ledger.document}
        found = _how_started(folder)
        ledger.document.update(found)
        if ledger.note is None and (found or believed):
            what = "was changed by another program, or by hand" if believed else "is missing"
            ledger.note = f"{ledger.path} {what}; it is rebuilt from what else is in the run's folder"
    return ledger


def _how_started(folder: Path) -> dict[str, Json]:
    for path in sorted(folder.glob("*/results/trial_manifest.json")):
        said = Ledger.open(path).document.get("started_with")
        if isinstance(said, dict) and _says_how(said):
            return {key: said[key] for key in HOW_STARTED}
    return {}


def _says_how(document: Mapping[str, Any]) -> bool:
    """Whether a document says how a run was started, and its config is as it was written."""
    if not all(isinstance(document.get(key), dict | str) for key in HOW_STARTED):
        return False
    return bool(document["config_hash"] == digest(document["config"]))
