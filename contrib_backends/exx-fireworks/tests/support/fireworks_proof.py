"""Runs in processes of their own that die where they are told to, against a server that lives on."""

from __future__ import annotations

import os
import random
import signal
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from attrs import define, field, frozen
from fireworks_lab import configure, lopsided
from fireworks_server import Call, FireworksServer, Plan, Settings, VirtualClock
from proof_lab import Told, Zygote

# Looking at a job that goes on stands for the time between two looks, which a run is made of; the rest is quick.
POLL, OTHER = 40.0, 0.5
PHASES, ROW = (40.0, 60.0, 60.0, 20.0, 20.0), 40.0
ITEMS, PARTS = 8, "2"
JOBS, SLOTS = 4, 2
COMMAND = ("run", "e.yaml", "--run-id", "k", "--quiet", "--parts-per-dataset", PARTS, "--to-step", "parse", "--resume")
PLUGINS = (
    "answer_match,fireworks,jsonl,markdown,mcnemar,multiple_testing,overlap,paired_bootstrap,prompts,squad_v2_scorer"
)


@frozen
class Kill:
    """Where a process dies.

    Attributes:
        how: ``point``: at a place between two writes; ``asked``: when a call has arrived, before it is done;
            ``replied``: when it is done, before the reply.
        number: Which place, or which call, from 1.
    """

    how: str
    number: int

    @classmethod
    def drawn(cls, how: str, dice: random.Random, points: int, calls: int) -> Kill:
        """Draw one within what a run without faults passes."""
        return cls(how, dice.randint(1, points if how == "point" else calls))


@define
class Executioner:
    """Watches the server's calls, and kills the client at the right one.

    Attributes:
        kill: Where.
    """

    kill: Kill
    pid: int = 0
    seen: int = 0
    _known: Event = field(factory=Event)

    def started(self, pid: int) -> None:
        """The client lives."""
        self.pid = pid
        self._known.set()

    def __call__(self, call: Call, done: bool) -> None:
        """A call arrived, or was done."""
        if done != (self.kill.how == "replied"):
            return
        self.seen += 1
        if self.seen == self.kill.number:
            self._known.wait(10)
            os.kill(self.pid, signal.SIGKILL)
            raise ConnectionResetError("the client was killed")


@define
class Trial:
    """An experiment with a server of its own.

    Attributes:
        folder: Where both live.
        zygote: Starts processes.
        plan: What goes wrong at the server.
        server: It.
    """

    folder: Path
    zygote: Zygote
    plan: Plan = field(factory=Plan)
    server: FireworksServer = field(init=False)

    def __enter__(self) -> Trial:
        (self.folder / "work").mkdir(parents=True)
        self.server = FireworksServer(
            self.folder / "service",
            self.plan,
            Settings(ready_after=0.0, phases=PHASES, row_seconds=ROW),
            lopsided,
            VirtualClock(OTHER),
        )
        self.server.__enter__()
        env = "".join(f"{name}={value}\n" for name, value in self.server.env.items())
        (self.folder / "work" / ".env").write_text(env)
        configure(self.folder / "work", ITEMS, options={"max_concurrent_jobs": SLOTS})
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    @property
    def work(self) -> Path:
        """The client's working directory."""
        return self.folder / "work"

    def run(self, *arguments: str, kill: Kill | None = None, points: bool = False) -> Told:
        """Be ``exx`` in a process, which may die."""
        executioner = Executioner(kill or Kill("never", 0))
        self.server.watch = partial(self._watch, executioner if kill and kill.how != "point" else None)
        out, err = self.folder / "out.txt", self.folder / "err.txt"
        order: dict[str, Any] = {
            "folder": str(self.work),
            "out": str(out),
            "err": str(err),
            "points": str(self.folder / "points.txt") if points else "",
            "fault": kill.number if kill and kill.how == "point" else 0,
            "largest_file": 0,
            "arguments": arguments or COMMAND,
        }
        status = self.zygote.run(order, executioner.started)
        return Told(status, out.read_text(), err.read_text())

    def _watch(self, executioner: Executioner | None, call: Call, done: bool) -> None:
        """Let time pass, and the executioner look."""
        job = self.server.world.jobs.get(call.target)
        if done and call.kind == "job.get" and job is not None and not job.final:
            self.server.clock.advance(POLL)
        if executioner is not None:
            executioner(call, done)
