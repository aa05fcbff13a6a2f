"""Starting an experiment, looking at a machine, and a shell's completion."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from attrs import frozen
from lab import Lab, Told

from exx import Prerequisite, hookimpl
from exx.diagnosis import diagnose, iter_name
from exx.setup import DEFAULTS, Answers, start

Cli = Callable[..., Told]


@frozen(kw_only=True)
class Remote:
    """A backend that needs a key and a host."""

    name: ClassVar[str] = "remote"
    base_url: str
    batch: ClassVar[bool] = False

    def default_model(self):
        return "m"

    def identity(self, model):
        return {"name": self.name}

    def connect(self, model, items):
        raise NotImplementedError

    @property
    def concurrency(self):
        return 1

    def prerequisites(self):
        return [
            Prerequisite("credential", "REMOTE_KEY", "get one"),
            Prerequisite("credential", "REMOTE_TEAM", "perhaps", required=False),
            Prerequisite("host", self.base_url, "start it"),
        ]


class Plugin:
    """Offers it."""

    @hookimpl
    def exx_register_backends(self):
        return [Remote]


@pytest.fixture
def remote(lab: Lab, monkeypatch: pytest.MonkeyPatch):
    """``remote(url)`` makes the experiment one that asks a server there."""
    monkeypatch.delenv("REMOTE_KEY", raising=False)
    monkeypatch.delenv("REMOTE_TEAM", raising=False)
    lab.extra.append(Plugin())

    def make(url: str):
        lab.settings["backend"] = {"name": "remote", "base_url": url}
        (lab.folder / "experiment.yaml").write_text(yaml.safe_dump(lab.settings))

    return make


# --- exx init --------------------------------------------------------------------------------------------------------


def test_init_starts_an_experiment_that_is_valid_and_runs(lab: Lab, cli: Cli) -> None:
    """Without a question, and with nothing to edit first."""
    given = ("--dataset", "fake", "--backend", "fake", "--yes")
    told = cli("init", "new", *given)

    assert told.status == 0, told.err
    made = {str(path.relative_to("new")) for path in Path("new").rglob("*") if path.is_file()}
    expected = {"experiment.yaml", "prompts/control.txt", "prompts/treatment.txt"}
    assert made == expected | {".exx/schema.json", ".env.example", ".gitignore"}
    assert cli("validate", "new/experiment.yaml").status == 0
    assert cli("run", "new/experiment.yaml", "--run-id", "first", "--quiet").status == 0


def test_init_writes_what_it_was_told(lab: Lab, cli: Cli, remote) -> None:
    """The prompts word for word; the keys that the backend wants are named and stay empty; .env is kept out of git."""
    texts = ("--control", "Be brief: “yes”.", "--treatment", "Think first.")
    backend = ("--backend", "remote", "--base-url", "http://localhost:1/v1", "--model", "big")
    assert cli("init", "new", "--dataset", "fake", *backend, *texts, "--yes").status == 0

    assert Path("new/prompts/control.txt").read_text(encoding="utf-8") == "Be brief: “yes”.\n"
    config = yaml.safe_load(Path("new/experiment.yaml").read_text())
    assert (config["model_id"], config["backend"]["base_url"]) == ("big", "http://localhost:1/v1")
    assert Path("new/.env.example").read_text().splitlines()[1:] == ["REMOTE_KEY=", "REMOTE_TEAM="]
    assert ".env" in Path("new/.gitignore").read_text().split()


def test_init_points_editors_to_a_schema_that_the_config_fits(lab: Lab, cli: Cli) -> None:
    """The modeline names a file that is there."""
    jsonschema = pytest.importorskip("jsonschema")
    assert cli("init", "new", "--dataset", "fake", "--backend", "fake", "--yes").status == 0

    first, *_ = Path("new/experiment.yaml").read_text().splitlines()
    schema = json.loads((Path("new") / first.partition("$schema=")[2]).read_text())
    jsonschema.validate(yaml.safe_load(Path("new/experiment.yaml").read_text()), schema)


def test_a_file_of_questions_is_found_from_the_new_folder(lab: Lab, cli: Cli, monkeypatch) -> None:
    """Its path is told relative to the config."""
    Path("mine.csv").write_text("question,answer\n")
    answers = Answers(**{**DEFAULTS, "dataset": "mine.csv", "backend": "fake"})
    monkeypatch.setattr("exx.setup._secrets", lambda text, registry: [])
    start(Path("deep/new"), answers, {}, lab.registry())

    config = yaml.safe_load(Path("deep/new/experiment.yaml").read_text())
    assert config["datasets"] == [{"name": "jsonl", "source": "../../mine.csv"}]


@pytest.mark.parametrize("there", ["experiment.yaml", "prompts/treatment.txt"])
def test_init_overwrites_nothing(lab: Lab, cli: Cli, there: str) -> None:
    """Not even half of it."""
    path = Path("new", there)
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    told = cli("init", "new", "--dataset", "fake", "--backend", "fake", "--yes")

    assert told.status == 2 and f"new/{there} is there already" in told.err
    assert [p for p in Path("new").rglob("*") if p.is_file()] == [path] and path.read_text() == "precious"


def test_a_gitignore_that_is_there_is_kept_and_completed_by_hand(lab: Lab, cli: Cli) -> None:
    """What it should hold is said."""
    Path("new").mkdir()
    Path("new/.gitignore").write_text("mine\n")
    told = cli("init", "new", "--dataset", "fake", "--backend", "fake", "--yes")

    assert told.status == 0 and Path("new/.gitignore").read_text() == "mine\n"
    assert "kept new/.gitignore as it is; it should hold: experiments/" in told.err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--backend", "nobody"), "no backend called 'nobody'"),
        (("--dataset", "nothing", "--backend", "fake"), "no dataset called 'nothing'"),
        (("--control", "same", "--treatment", " same "), "the same text"),
    ],
)
def test_init_refuses_what_cannot_run(lab: Lab, cli: Cli, given: tuple[str, ...], words: str) -> None:
    """Before anything is written."""
    told = cli("init", "new", *given, "--yes")

    assert told.status == 2 and words in told.err
    assert not Path("new").exists()


# --- exx doctor ------------------------------------------------------------------------------------------------------


def states(told: Told) -> dict[str, list[tuple[str, str]]]:
    """What was found, by what was looked at."""
    found: dict[str, list[tuple[str, str]]] = {}
    for check in told.json["checks"]:
        found.setdefault(check["name"], []).append((check["state"], check["words"]))
    return found


def test_doctor_finds_nothing_wrong_with_a_good_set_up(lab: Lab, cli: Cli) -> None:
    """Python, packages, plugins, disk, folder, config."""
    told = cli("doctor", "--json", "--offline")

    assert (told.status, told.json["ok"]) == (0, True)
    assert list(states(told)) == ["Python", "exx", "packages", "plugins", "disk", "folder", "config", "backend fake"]


def test_doctor_looks_for_secrets_and_never_shows_them(lab: Lab, cli: Cli, remote, monkeypatch) -> None:
    """Whether they are set is all it says; one that can be done without is a warning."""
    remote("http://127.0.0.1:1/v1")
    assert states(cli("doctor", "--json", "--offline"))["backend remote"] == [
        ("missing", "REMOTE_KEY is not set"),
        ("warning", "REMOTE_TEAM is not set"),
        ("ok", "127.0.0.1:1 was not tried"),
    ]
    monkeypatch.setenv("REMOTE_KEY", "hush-hush")
    told = cli("doctor", "--offline")

    assert told.status == 0 and "REMOTE_KEY is set (not shown)" in told.out
    assert "hush" not in told.out + told.err


def test_doctor_tries_the_host(lab: Lab, cli: Cli, remote, monkeypatch) -> None:
    """One that listens, and one that does not: the second keeps the experiment from running."""
    monkeypatch.setenv("REMOTE_KEY", "x")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        remote(f"http://127.0.0.1:{port}/v1")
        told = cli("doctor", "--json")
        assert (told.status, states(told)["backend remote"][-1]) == (0, ("ok", f"127.0.0.1:{port} answers"))

    told = cli("doctor", "--json")
    assert told.status == 1
    state, words = states(told)["backend remote"][-1]
    assert state == "missing" and f"127.0.0.1:{port} cannot be reached" in words


def test_doctor_tells_a_config_that_cannot_be_read(lab: Lab, cli: Cli) -> None:
    """The rest is looked at all the same."""
    Path("experiment.yaml").write_text("temps: warm\n")
    told = cli("doctor", "--json", "--offline")

    assert told.status == 1
    assert "temps: expected a list" in states(told)["config"][0][1]
    assert states(told)["Python"][0][0] == "ok"


def test_doctor_warns_of_a_full_disk(lab: Lab, monkeypatch) -> None:
    """Less than a gigabyte is little for a run."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("exx.diagnosis.shutil.disk_usage", lambda folder: usage(10**12, 10**12, 10**8))
    (disk,) = [check for check in diagnose(lab.registry(), None, None) if check.name == "disk"]

    assert (disk.state, disk.fix) == ("warning", "make room")


def test_the_name_of_a_requirement_ends_where_its_version_begins():
    """As distributions write them."""
    assert [("".join(iter_name(text))) for text in ("numpy>=1.26", "exx-core[plots]", "a.b_c (>1)")] == [
        "numpy",
        "exx-core",
        "a.b_c",
    ]


# --- completion ------------------------------------------------------------------------------------------------------


def complete(*words: str) -> list[str]:
    """What bash would be told to offer for the last word."""
    env = {**os.environ, "_EXX_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["exx", *words])}
    env["COMP_CWORD"] = str(len(words))
    command = [sys.executable, "-c", "from exx.cli.main import main; import sys; sys.argv[0] = 'exx'; main()"]
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return [line.partition(",")[2] for line in told.stdout.splitlines()]


def test_a_shell_completes_commands_options_and_run_ids(workdir: Path) -> None:
    """Run ids come from the folders' names."""
    for name in ("run_quick", "run_quiet", "run_slow", "other"):
        Path("experiments", name).mkdir(parents=True)

    assert complete("val") == ["validate"]
    assert "--limit-items" in complete("run", "--lim")
    assert complete("show", "qui") == ["quick", "quiet"]
    assert complete("resume", "s") == ["slow"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_exx(workdir: Path, shell: str) -> None:
    """Each shell's own."""
    command = [sys.executable, "-m", "exx", "completion", shell]
    told = subprocess.run(command, capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr
    assert f"_EXX_COMPLETE={shell}_complete" in told.stdout


def test_completion_imports_nothing_heavy(workdir: Path) -> None:
    """A key press should not wait for numpy."""
    code = (
        "import os, sys; os.environ.update(_EXX_COMPLETE='bash_complete', COMP_WORDS='exx show ', COMP_CWORD='2')\n"
        "from exx.cli.main import main\n"
        "sys.argv = ['exx']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'numpy', 'pyarrow', 'pandas', 'scipy', 'requests', 'cattrs', 'jinja2'}))\n"
    )
    told: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.splitlines()[-1] == "[]"
