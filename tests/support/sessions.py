"""Pages that are followed to the letter: files are written, commands and programs run, in a folder of their own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from documentation import Block, blocks, commands

# What may stand behind the language of a block: it runs; it runs, and fails as shown; what ran before it printed it.
RUNS = ("run", "run fails")
PRINTED = "printed"
EXX = [sys.executable, "-c", "from exx.cli.main import main; main()"]


def marker(block: Block) -> str:
    """What stands behind the language of a block."""
    return block.info.partition(" ")[2]


def is_run(page: Path) -> bool:
    """Whether anything on a page is run."""
    return any(marker(block) in RUNS for block in blocks(page))


@dataclass
class Session:
    """A reader who does what a page says.

    Attributes:
        folder: Where everything happens.
        plugins: Names of the entry points that exx loads.
        finished: An experiments folder with the run ``first``, for pages that read one.
    """

    folder: Path
    plugins: str
    finished: Path
    installed: list[str] = field(default_factory=list)
    printed: str = ""

    def follow(self, page: Path) -> list[str]:
        """Follow a page from top to bottom; say what did not come out as it is shown."""
        if re.search(r"\brun_first\b|load_run\(\"first\"\)", page.read_text("utf-8")):
            shutil.copytree(self.finished, self.folder / "experiments")
        return [problem for block in blocks(page) for problem in self._do(block)]

    def _do(self, block: Block) -> Iterator[str]:
        if marker(block) in RUNS:
            self.printed = ""
            for command in self._commands_of(block):
                done = self._run(command)
                self.printed += done.stdout + done.stderr
                if (done.returncode != 0) != (marker(block) == "run fails"):
                    yield f"{block}: exit status {done.returncode} of {shlex.join(command)}\n{self.printed}"
            if block.language == "console":
                yield from self._not_printed(block)
        elif marker(block) == PRINTED:
            yield from self._not_printed(block)
        elif block.saved_as and block.before.rstrip().endswith(":"):
            path = self.folder / block.saved_as
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")

    def _commands_of(self, block: Block) -> Iterator[list[str]]:
        if block.language == "python":
            yield [sys.executable, "-c", self._filled(block.text)]
        else:
            yield from map(self._command, commands(block))

    def _not_printed(self, block: Block) -> Iterator[str]:
        lines = self.printed.splitlines()
        for shown in block.text.splitlines():
            if shown != "…" and not shown.startswith("$ ") and not any(_same(shown, line) for line in lines):
                yield f"{block}: not printed: {shown}\n{self.printed}"

    def _command(self, words: list[str]) -> list[str]:
        if words[0] == "exx":
            return [*EXX, *words[1:]]
        if words[:3] == ["pip", "install", "-e"]:
            return self._install(self.folder / words[3])
        return [sys.executable, *words[1:]] if words[0] == "python" else words

    def _install(self, package: Path) -> list[str]:
        """Make a package found as an editable install does, for the commands of this page alone."""
        project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
        info = self.folder / ".installed" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        told = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(told, "utf-8")
        groups = project["entry-points"].items()
        lines = [line for group, names in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in names.items()))]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")
        self.installed += [str(info.parent), str(package / "src")]
        self.plugins = ",".join([self.plugins, *project["entry-points"]["exx"]])
        return [sys.executable, "-c", ""]

    def _filled(self, program: str) -> str:
        """Put the name of the finished run's trial in place of the word TRIAL."""
        trials = [path.parent.name for path in self.folder.glob("experiments/run_first/*/results")]
        return program.replace("TRIAL", trials[0]) if trials else program

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([*self.installed, *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, "EXX_PLUGINS": self.plugins, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


def _same(shown: str, printed: str) -> bool:
    return printed.startswith(shown.removesuffix("…")) if shown.endswith("…") else shown == printed
