"""The ledger of phases: what each was made from, what it made, and whether that still holds.

A phase is done when its recorded inputs are today's and its artifacts are on disk with their recorded sha256.
Modification times decide nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from attrs import asdict, frozen

from exx.records import Json
from exx.state.files import sha256_file

Status = Literal["done", "running", "failed"]


@frozen(kw_only=True)
class Artifact:
    """A file a phase made; ``path`` is relative to the run's folder."""

    path: str
    size: int
    sha256: str


@frozen(kw_only=True)
class StageRecord:
    """One phase as the ledger remembers it.

    Attributes:
        status: ``running`` is also what a killed process leaves behind.
        inputs: Digest of each thing the phase was made from, by a name a person understands.
        artifacts: What it made; of a phase that is not done, what it made the last time, which is still on disk.
        summary: What it made, in words.
        details: Counts and settings, for reports.
    """

    status: Status
    inputs: Mapping[str, str]
    started_at: str
    finished_at: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    summary: str = ""
    details: Mapping[str, Json] = {}

    @property
    def fingerprint(self) -> str:
        """sha256 over all inputs."""
        return digest(self.inputs)

    def to_json(self) -> dict[str, Any]:
        """Plain data for a manifest; ``seal`` is a digest of it all, by which a record changed by hand is known."""
        plain = {**asdict(self), "fingerprint": self.fingerprint}
        return {**plain, "seal": digest(plain)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StageRecord:
        """Read back what ``to_json`` wrote.

        Raises:
            KeyError, TypeError: The data has another shape.
            ValueError: The record was changed after it was written.
        """
        if "seal" in data and data["seal"] != digest({key: value for key, value in data.items() if key != "seal"}):
            raise ValueError("it was changed by another program, or by hand")
        artifacts = tuple(Artifact(path=a["path"], size=a["size"], sha256=a["sha256"]) for a in data["artifacts"])
        return cls(
            status=data["status"],
            inputs=dict(data["inputs"]),
            started_at=data["started_at"],
            finished_at=data["finished_at"],
            artifacts=artifacts,
            summary=data["summary"],
            details=dict(data["details"]),
        )


@frozen
class Decision:
    """Whether a phase has to run, and why, in words."""

    execute: bool
    reason: str


def decide(record: StageRecord | None, inputs: Mapping[str, str], folder: Path) -> Decision:
    """Compare a phase's record with what it would be made from today, and with what is on disk."""
    if record is None:
        return Decision(True, "not done yet")
    if record.status != "done":
        return Decision(True, "was interrupted" if record.status == "running" else "failed last time")
    changed = sorted(name for name in {*record.inputs, *inputs} if record.inputs.get(name) != inputs.get(name))
    if changed:
        return Decision(True, f"inputs changed: {', '.join(changed)}")
    for artifact in record.artifacts:
        damage = _damage(artifact, folder)
        if damage:
            return Decision(True, f"{artifact.path} {damage}")
    return Decision(False, f"done: {record.summary}" + (", sha256 matches" if record.artifacts else ""))


def _damage(artifact: Artifact, folder: Path) -> str | None:
    path = folder / artifact.path
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != artifact.size:
        return f"has {path.stat().st_size} bytes, not {artifact.size}"
    return None if sha256_file(path) == artifact.sha256 else "was changed (its sha256 differs)"


def describe(paths: Sequence[Path], folder: Path) -> tuple[Artifact, ...]:
    """Take down files as artifacts of a run."""
    return tuple(
        Artifact(path=path.relative_to(folder).as_posix(), size=path.stat().st_size, sha256=sha256_file(path))
        for path in paths
    )


def remove_leftovers(before: Sequence[Artifact], after: Sequence[Artifact], folder: Path) -> None:
    """Remove what a phase made the last time and has not made now: nobody should take it for a part of the results."""
    kept = {artifact.path for artifact in after}
    for artifact in before:
        path = (folder / artifact.path).resolve()
        if artifact.path not in kept and path.is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)


UNKNOWN = "not known yet"
"""Stands for an input that is there only once the phase has been done, such as a dataset that has to be downloaded."""


def settled(before: Mapping[str, str], look: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Inputs to record: as they were when the phase began, except where only doing it made them known."""
    if UNKNOWN not in before.values():
        return before
    after = look()
    return {name: after.get(name, value) if value == UNKNOWN else value for name, value in before.items()}


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of plain data."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def now() -> str:
    """The current time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
