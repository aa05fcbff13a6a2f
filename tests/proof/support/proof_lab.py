"""Experiments in folders of their own, run by processes that may die; and what has to be true of what they leave."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import define, field, frozen

SUPPORT = Path(__file__).parent
MEMORIES = ("run_state.json", "trial_manifest.json")
"""What a run writes about itself, with times in it; everything else is the same in every run of one experiment."""

KINDS = ("truncated", "emptied", "overwritten", "removed")
_MINUTE = re.compile(rb"20\d\d-\d\d-\d\d \d\d:\d\d")
LONGEST = 60  # seconds that a process may take, on however slow a machine
THREADS = 4
ROWS_AT_RISK = 200 + THREADS
"""Most requests whose answers a killed process may take with it: those not stored yet, and those under way."""

QUICK: dict[str, Any] = {
    "backend": "diary",
    "datasets": [{"name": "jsonl", "source": "items.jsonl"}],
    "stats": {"bootstrap_samples": 100},
    "reporters": [{"name": "markdown", "figures": False}],  # figures take time, and are written as the rest is
}


@frozen
class Told:
    """How a process ended, and what it said."""

    status: int
    out: str
    err: str


@define
class Zygote:
    """Forks processes that are ``exx``, one after the other; see zygote.py.

    Attributes:
        env: Environment of all of them.
    """

    env: Mapping[str, str]
    _server: subprocess.Popen[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        command = [sys.executable, str(SUPPORT / "zygote.py")]
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=dict(self.env), text=True)

    def await_ready(self) -> None:
        """Wait until everything is imported."""
        assert self._hear() == "ready"

    def run(self, order: Mapping[str, Any], started: Callable[[int], None] = lambda pid: None) -> int:
        """Have a process forked, and wait for its end; returns its exit status, negative for a signal.

        One that does not end is killed, and fails the test. ``started`` is told the pid as soon as there is one.
        """
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        pid = int(self._hear())
        started(pid)
        ended, _, _ = select.select([self._server.stdout], [], [], LONGEST)
        if not ended:
            os.kill(pid, signal.SIGKILL)
        status = int(self._hear())
        assert ended, f"it did not end within {LONGEST} seconds"
        return status

    def close(self) -> None:
        """End."""
        self._server.communicate()

    def _hear(self) -> str:
        assert self._server.stdout is not None
        line = self._server.stdout.readline().strip()
        assert line, "the process that forks the others is gone"
        return line


@define
class Place:
    """A working directory with an experiment in it.

    Attributes:
        folder: The directory.
        zygote: Starts quick processes.
        settings: The config, as it was last written.
    """

    folder: Path
    zygote: Zygote
    settings: dict[str, Any] = field(factory=dict)
    started: list[subprocess.Popen[bytes]] = field(factory=list)

    def configure(self, **changes: Any) -> None:
        """Write e.yaml: the quick experiment, with these settings changed."""
        self.settings = {**QUICK, **changes}
        (self.folder / "e.yaml").write_text(yaml.safe_dump(self.settings))

    # Processes

    def run(self, *arguments: str, fault: int = 0, largest_file: int = 0, points: Path | None = None) -> Told:
        """Be ``exx`` in a forked process.

        Args:
            arguments: The command line.
            fault: Die at this fault point, counted from 1; 0 at none.
            largest_file: Bytes beyond which no file may grow; 0 for any size.
            points: File to write the names of the fault points to that were passed.
        """
        out, err = self.folder / "out.txt", self.folder / "err.txt"
        status = self.zygote.run(
            {
                "folder": str(self.folder),
                "out": str(out),
                "err": str(err),
                "points": str(points or ""),
                "fault": fault,
                "largest_file": largest_file,
                "arguments": arguments,
            }
        )
        return Told(status, out.read_text(), err.read_text())

    def start(self, *arguments: str, log: str = "exx.log", fault: int = 0) -> subprocess.Popen[bytes]:
        """Start the real command ``exx``; ``fault`` is the fault point to die at."""
        with (self.folder / log).open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", "from exx.cli.main import main; main()", *arguments],
                cwd=self.folder,
                env={**self.zygote.env, "EXX_FAULT_POINT": str(fault)},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def close(self) -> None:
        """End what a failed test has left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def said(self, log: str = "exx.log") -> str:
        """What a real command has written."""
        return (self.folder / log).read_text()

    # What is on disk

    @property
    def store(self) -> Path:
        """The response store."""
        return self.folder / "experiments" / "responses.sqlite"

    def run_folder(self, run_id: str = "k") -> Path:
        """A run's folder."""
        return self.folder / "experiments" / f"run_{run_id}"

    def find(self, name: str, run_id: str = "k") -> Path:
        """The one file of a run with this name."""
        (path,) = self.run_folder(run_id).rglob(name)
        return path

    def artifacts(self, run_id: str = "k") -> dict[str, bytes]:
        """Every file of a run that says something about the world, by its path in the run's folder.

        Where a file names the place, it is called HERE, and a minute in a report WHEN, so that runs in several places
        and at several times can be compared.
        """
        folder, here = self.run_folder(run_id), str(self.folder).encode()
        return {
            path.relative_to(folder).as_posix(): _MINUTE.sub(b"WHEN", path.read_bytes().replace(here, b"HERE"))
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(MEMORIES) and path.name not in (".lock", "STOP_REQUESTED")
        }

    def litter(self) -> list[str]:
        """Temporary files, wherever they are; and a run's notes on a process that is no more."""
        found = [path for path in self.folder.rglob("*") if ".tmp" in path.name]
        notes = [path for path in self.folder.rglob("*.json") if path.name in ("lock.json", "progress.json")]
        return [str(path.relative_to(self.folder)) for path in (*found, *notes)]

    def asked(self) -> list[str]:
        """Key of every request that reached the model, over all processes."""
        diary = self.folder / "asked.log"
        return [line.split()[0] for line in diary.read_text().splitlines()] if diary.exists() else []

    def durable(self) -> set[str]:
        """Keys of the answers in the store, as a process would find them that opened it now; changes nothing."""
        if not self.store.exists():
            return set()
        copies = self.folder / "look"
        copies.mkdir()
        for path in self.store.parent.glob("responses.sqlite*"):
            shutil.copyfile(path, copies / path.name)
        database = sqlite3.connect(copies / self.store.name)
        try:
            tables = database.execute("SELECT name FROM sqlite_master WHERE name = 'responses'").fetchall()
            rows = database.execute("SELECT key FROM responses WHERE NOT failed").fetchall() if tables else []
        finally:
            database.close()
            shutil.rmtree(copies)
        return {key.hex() for (key,) in rows}

    def records(self, run_id: str = "k") -> Iterator[tuple[str, dict[str, Any]]]:
        """What a run's ledgers say of each phase: name and record."""
        folder = self.run_folder(run_id)
        for path in (folder / MEMORIES[0], *folder.glob(f"*/results/{MEMORIES[1]}")):
            if path.exists():
                yield from json.loads(path.read_bytes())["stage_status"].items()

    def false_claims(self, run_id: str = "k") -> list[str]:
        """Artifacts of phases that are recorded as done, and that are not what is on disk."""
        folder = self.run_folder(run_id)
        return [
            artifact["path"]
            for _, record in self.records(run_id)
            if record["status"] == "done"
            for artifact in record["artifacts"]
            if _sha256(folder / artifact["path"]) != artifact["sha256"]
        ]

    def status(self, run_id: str = "k") -> str:
        """How the run stands, as it remembers."""
        return str(json.loads((self.run_folder(run_id) / MEMORIES[0]).read_bytes())["status"])


@define
class Watch:
    """Sees to it, process by process, that nothing is asked again that was stored.

    Attributes:
        place: Where the processes work.
    """

    place: Place
    asked: list[str] = field(factory=list)
    durable: set[str] = field(factory=set)
    blind: bool = False

    def look(self) -> None:
        """Check what the process asked that has just ended, however it ended."""
        everything = self.place.asked()
        now, before = everything[len(self.asked) :], self.asked
        assert everything[: len(before)] == before
        assert len(now) == len(set(now)), "asked twice by one process"
        self.asked = everything
        if self.blind:
            return
        assert not set(now) & self.durable, "asked again although the answer was stored"
        self.durable = self.place.durable()
        assert len(set(now) - self.durable) <= ROWS_AT_RISK, "more answers were lost than may be"

    def store_was(self, damaged: bool) -> None:
        """Take note that the store was damaged, so that anything may be asked again; or that it was made anew."""
        self.blind, self.durable = damaged, set()


def write_items(folder: Path, count: int) -> None:
    """Write items.jsonl: questions with one answer each, every third with a passage."""
    with (folder / "items.jsonl").open("w") as file:
        for number in range(count):
            question = f"What is number {number}?"
            row: dict[str, Any] = {"id": f"i{number}", "question": question, "answers": [f"n{number}"]}
            if number % 3 == 0:
                row["context"] = f"Before n{number + 1} comes n{number}, as everybody knows who can count."
            file.write(json.dumps(row) + "\n")


def damage(path: Path, kind: str) -> None:
    """Damage a file in place, so that whatever is linked to it is damaged as well; ``kind`` is one of KINDS."""
    size, dice = path.stat().st_size, random.Random(f"{path.name} {kind}")
    if kind == "removed":
        path.unlink()
        return
    with path.open("r+b") as file:
        if kind == "truncated":
            file.truncate(size * 2 // 3)
        elif kind == "emptied":
            file.truncate(0)
        else:
            start = dice.randrange(max(1, size // 2))
            file.seek(start)
            file.write(dice.randbytes(min(64, size - start)))


def different(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> list[str]:
    """Names of the files that are not the same in both."""
    return sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
