"""run_state.json and trial_manifest.json: what a run and its trials remember, written atomically after every change."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from exx.errors import DataError
from exx.records import Json
from exx.state.files import read_json, write_json, writing
from exx.state.ledger import StageRecord, now

SCHEMA_VERSION = 2


@define
class Ledger:
    """Stage records with the document they are kept in; ``save`` after every change.

    Attributes:
        path: ``run_state.json`` or ``trial_manifest.json``.
        stages: By phase name.
        document: Everything else in the file.
        note: What had to be done to read the file, in words; None when it was whole.
        aside: Where the damaged file is kept once a new one is saved.
    """

    path: Path
    stages: dict[str, StageRecord] = field(factory=dict)
    document: dict[str, Json] = field(factory=dict)
    note: str | None = None
    aside: Path | None = None

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """Read a ledger; a missing one is empty, a damaged one is kept beside and started anew.

        Starting anew is safe: a phase without a record is redone from its inputs, and no answer is asked for twice,
        since the response store holds them.
        """
        if not path.exists():
            return cls(path)
        try:
            return cls._parse(path, read_json(path))
        except (DataError, KeyError, TypeError, AttributeError) as cause:
            aside = path.with_name(f"{path.name}.damaged-{now().replace(':', '')}")
            note = f"{path} could not be used ({cause}); it is kept as {aside.name} and rebuilt"
            return cls(path, note=note, aside=aside)

    @classmethod
    def _parse(cls, path: Path, data: Any) -> Ledger:
        if data.get("schema_version") != SCHEMA_VERSION:
            raise TypeError(f"schema_version is {data.get('schema_version')!r}, expected {SCHEMA_VERSION}")
        stages = {name: StageRecord.from_json(record) for name, record in data["stage_status"].items()}
        rest = {k: v for k, v in data.items() if k not in ("schema_version", "stage_status")}
        return cls(path, stages, rest)

    def save(self) -> None:
        """Write the file; a damaged one is first put aside."""
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

    def begin(self, phase: str, inputs: Mapping[str, str]) -> None:
        """Note that a phase is under way."""
        self.stages[phase] = StageRecord(status="running", inputs=inputs, started_at=now())
        self.save()

    def finish(self, phase: str, record: StageRecord) -> None:
        """Note how a phase ended."""
        self.stages[phase] = evolve(record, finished_at=now())
        self.save()
