"""The documentation says what the code does: its links, commands, configs and code are tried, its tables compared."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import attrs
import click
import pytest
import yaml
from repository import ROOT, all_packages, core, parse, report, shown

import exx
from exx.cli.main import cli
from exx.config.load import build_config
from exx.config.schema import Config, Markers, PluginRef, PromptChoice, PromptFiles, PromptText
from exx.config.structure import Origin
from exx.errors import DataError
from exx.experiment import Experiment
from exx.pipeline.parse import COLUMNS as PREDICTIONS
from exx.pipeline.scoring_write import COUNTS, KEYS
from exx.pipeline.statistics_write import COLUMNS as FINDINGS
from exx.plugins import KINDS, load_plugins

DOCS = ROOT / "docs"
# What a run writes is not written by hand: the example reports are left out.
PAGES = [ROOT / "README.md", *sorted(p for p in DOCS.rglob("*.md") if "examples" not in p.relative_to(DOCS).parts)]
LANGUAGES = {"console", "json", "jsonl", "python", "text", "toml", "yaml"}
# Beside exx, make, pip and pytest, what a command in the documentation may be.
SHELL = {"cat", "cd", "cp", "git", "ls", "mkdir"}

each_page = pytest.mark.parametrize("page", PAGES, ids=shown)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what follows the fence's back-ticks, its text, and the paragraph before it."""

    page: Path
    line: int
    info: str
    text: str
    before: str

    def __str__(self) -> str:
        return f"{shown(self.page)}:{self.line}"

    @property
    def language(self) -> str:
        """The first word after the back-ticks."""
        return self.info.partition(" ")[0]

    @property
    def saved_as(self) -> str | None:
        """The file that the text before the block says it is."""
        names = re.findall(r"`([\w.]+\.(?:yaml|jsonl))`", self.before)
        return names[-1] if names else None


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Find the fenced blocks of a page."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.M)
    return tuple(
        Block(page, text[: m.start()].count("\n") + 1, m[1].strip(), m[2], text[: m.start()].rstrip().split("\n\n")[-1])
        for m in found
    )


def all_blocks(language: str) -> list[Block]:
    """Find the blocks of a language in every page."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def prose(page: Path) -> str:
    """Give a page without its fenced blocks."""
    return re.sub(r"^```.*\n(?:.*\n)*?```$", "", page.read_text("utf-8"), flags=re.M)


def rows(page: Path, heading: str) -> list[list[str]]:
    """Read the first table below a heading, without its header; in a cell an escaped bar is a bar."""
    _, found, below = prose(page).partition(f"\n{heading}\n")
    assert found, f"{shown(page)}: no heading {heading!r}"
    section = re.split(r"^#", below, maxsplit=1, flags=re.M)[0]
    table = re.search(r"^\|.*\n\|[ :|-]+\n((?:\|.*\n)*)", section, re.M)
    assert table, f"{shown(page)}: no table below {heading!r}"
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table[1].splitlines()
    ]


def code(cell: str) -> str:
    """The first piece of code in a cell."""
    return cell.split("`")[1]


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.fixture(scope="module")
def own_plugins() -> str:
    """Name the entry points of this tree's plugins, for ``EXX_PLUGINS``: others that are installed do not count."""
    own = {package.name for package in all_packages()}
    return ",".join(e.name for e in entry_points(group="exx") if e.dist and e.dist.name in own)


@pytest.fixture
def call(own_plugins, tmp_path):
    """Run exx in an empty folder, and give back what it prints."""
    return lambda *args: run_exx(args, tmp_path, own_plugins)


def run_exx(args: tuple[str, ...], folder: Path, plugins: str) -> str:
    """Run exx in a folder with the plugins of this tree."""
    done = subprocess.run(
        [sys.executable, "-c", "from exx.cli.main import main; main()", *args],
        cwd=folder,
        env={**os.environ, "EXX_PLUGINS": plugins},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(own_plugins, tmp_path_factory) -> Path:
    """Make a dry run of the quick start, and give its folder."""
    folder = tmp_path_factory.mktemp("docs")
    config = str(ROOT / "examples/quickstart/experiment.yaml")
    run_exx(("run", config, "--dry-run", "--limit-items", "20", "--run-id", "first", "--quiet"), folder, own_plugins)
    return folder / "experiments" / "run_first"


# --- links, blocks and words -------------------------------------------------------------------------------------------


@each_page
def test_links_resolve(page):
    """A link to a file of the repository leads to a file, one to a heading to a heading."""
    problems = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            problems.append(f"{target}: no such file")
        elif anchor and anchor not in {slug(h) for h in re.findall(r"^#+ (.*)$", prose(file), re.M)}:
            problems.append(f"{target}: no such heading")

    assert not problems, report(problems)


def test_the_index_names_every_page():
    """docs/README.md leads to every page."""
    named = set(re.findall(r"\]\(([\w/-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    pages = {page.relative_to(DOCS).as_posix() for page in PAGES[1:] if page != DOCS / "README.md"}

    assert pages <= named


@each_page
def test_blocks_name_their_language(page):
    """Every fenced block says what it is, in one of a few words."""
    problems = [f"{block}: {block.info!r}" for block in blocks(page) if block.language not in LANGUAGES]

    assert not problems, report(problems)


@each_page
def test_only_commands_that_exist_are_named(page):
    """No page mentions an ``exx`` command that is not there, nor a ``make`` target."""
    known = {*cli.list_commands(click.Context(cli)), "COMMAND"}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    text = page.read_text("utf-8")
    problems = [f"exx {word}" for word in re.findall(r"`exx ([a-zA-Z]+)", text) if word not in known]
    problems += [f"make {word}" for word in re.findall(r"`make ([a-z]+)", text) if word not in targets]

    assert not problems, report(problems)


def commands(block: Block) -> list[list[str]]:
    """List the commands of a block, without comments behind them."""
    return [shlex.split(line[2:], comments=True) for line in block.text.splitlines() if line.startswith("$ ")]


def why_not(words: list[str]) -> str | None:
    """Say why a command cannot work, or None; exx commands are parsed as exx would parse them, and not run."""
    program, *rest = words
    if program == "exx":
        return parsing_error(rest)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
        return None if rest and rest[0] in targets else "no such target"
    if rest[:2] == ["-m", "pytest"] or "install" in rest:
        return None if (ROOT / rest[-1]).exists() else f"no such path: {rest[-1]}"
    return None if program in SHELL else "not a command the documentation may use"


def parsing_error(words: list[str]) -> str | None:
    """Parse a command line down to the last command, as exx does."""
    command: click.Command = cli
    context = click.Context(cli)
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, inner, words = command.resolve_command(context, words)
            assert inner
            context, command = click.Context(inner, info_name=name, parent=context), inner
        if words not in (["--help"], ["--version"]):
            command.make_context(command.name, words)
    except click.ClickException as error:
        return error.format_message()
    return None


@pytest.mark.parametrize("block", all_blocks("console"), ids=str)
def test_commands_can_be_parsed(block):
    """Every command shown exists and has the options it is shown with."""
    found = commands(block)
    problems = [f"{' '.join(words)}: {why}" for words in found if (why := why_not(words))]

    assert found, f"{block}: no line begins with '$ '"
    assert not problems, report(problems)


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_configs_load(block, monkeypatch, own_plugins):
    """Every YAML block is a config, or part of one; the plugins it names are there and have the options it gives."""
    monkeypatch.setenv("EXX_PLUGINS", own_plugins)
    raw = yaml.safe_load(block.text)
    config, origin = build_config(raw, Origin(str(block)))
    experiment = Experiment(config, origin, load_plugins())
    kinds = {"unsupported": "detector"} | {
        key: key for key in ("backend", "datasets", "scorers", "analyses", "reporters")
    }
    for key in raw:
        assert key not in kinds or getattr(experiment, kinds[key]) is not None


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_compiles(block):
    """Every Python block compiles, and what it takes from ``exx`` is there."""
    tree = ast.parse(block.text)
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "exx"
        for alias in node.names
    }

    assert names <= set(exx.__all__)


def test_the_reading_example_runs(finished):
    """The code that reads results back works on a run, once TRIAL is a trial."""
    (block,) = [block for block in all_blocks("python") if block.info == "python run"]
    (trial,) = [path.name for path in finished.iterdir() if (path / "results").is_dir()]
    done = subprocess.run(
        [sys.executable, "-c", block.text.replace("TRIAL", trial)],
        cwd=finished.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Answer match" in done.stdout


def test_shown_output_is_real(call, tmp_path):
    """What the page on planted effects shows is what its commands print."""
    page = DOCS / "how-to/plant-an-effect.md"
    for block in blocks(page):
        if block.language == "yaml" and block.saved_as:
            (tmp_path / block.saved_as).write_text(block.text, "utf-8")
    problems = []
    for block in blocks(page):
        if block.info == "console run":
            printed = "".join(call(*words[1:]) for words in commands(block)).splitlines()
            lines = [line for line in block.text.splitlines() if line != "…" and not line.startswith("$ ")]
            problems += [f"{block}: not printed: {line}" for line in lines if line not in printed]

    assert not problems, report(problems)


@pytest.mark.slow
def test_the_table_of_seeds_is_real(call, tmp_path):
    """The table of runs without an effect holds what these runs give, seed by seed."""
    page = DOCS / "how-to/plant-an-effect.md"
    (block,) = [block for block in blocks(page) if block.saved_as == "null.yaml"]
    (tmp_path / "null.yaml").write_text(block.text, "utf-8")
    for seed, *cells in rows(page, "## No difference"):
        made = json.loads(call("run", "null.yaml", "--json", "--run-id", f"s{seed}", "--set", f"backend.seed={seed}"))
        found = {row["address"]["type"]: row for row in made["trials"][0]["verdict"] if row["primary"]}
        told = [found[kind][key] for kind in ("open", "closed") for key in ("difference", "answer")]

        assert [float(cells[0].replace("−", "-")), float(cells[2].replace("−", "-"))] == pytest.approx(
            [100 * told[0], 100 * told[2]], abs=0.051
        )
        assert cells[1::2] == told[1::2]


# --- configuration -----------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A default as a person would write it."""
    if isinstance(value, PluginRef):
        return value.name
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def default_of(field: Any) -> Any:
    """A field's default; ``required`` if it has none."""
    if field.default is attrs.NOTHING:
        return "required"
    return plain(field.default.factory() if isinstance(field.default, attrs.Factory) else field.default)  # type: ignore[arg-type]


def keys_of(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of a class of settings and of those inside it, with its default."""
    hints = get_type_hints(cls)
    for field in attrs.fields(cls):
        key, kind = f"{prefix}{field.alias}", hints[field.name]
        inside = [k for k in (kind, *get_args(kind)) if attrs.has(k) and k not in (PluginRef, PromptText, Markers)]
        if get_origin(kind) is tuple:
            inside_prefix = f"{key}[]."
        elif PromptChoice in get_args(kind):
            inside, inside_prefix = [PromptFiles], f"{key}.NAME."
        else:
            inside_prefix = f"{key}."
        if kind not in inside and key != "unsupported.options":
            yield key, default_of(field)
        for one in inside:
            yield from keys_of(one, inside_prefix)


def test_every_setting_is_documented():
    """configuration.md has a row for each key of the config, with its default, and for nothing else."""
    text = prose(DOCS / "reference/configuration.md")
    cells = [re.split(r"(?<!\\)\|", line)[1:4] for line in text.splitlines() if line.startswith("| `")]
    documented = {code(key): yaml.safe_load(default.strip().strip("`")) for key, _, default in cells}
    here = dict(keys_of(Config))

    assert documented.keys() == here.keys()
    assert documented == here


# --- command line ------------------------------------------------------------------------------------------------------


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by its name, commands of groups too."""
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert command
        yield f"exx {name}", command
        if isinstance(command, click.Group):
            yield from ((f"exx {name} {inner}", found) for inner, found in command.commands.items())


def test_every_command_is_documented():
    """command-line.md has each command with each of its options and their defaults, and no others."""
    page = DOCS / "reference/command-line.md"
    documented: dict[str, dict[str, str]] = {}
    for heading in re.findall(r"^### .*$", prose(page), re.M):
        options = {code(option): default.strip("`") for option, default, _ in rows(page, heading)}
        documented |= dict.fromkeys(re.findall(r"`([^`]+)`", heading), options)
    here = {
        name: {
            p.opts[0]: str(p.default) if p.show_default else "" for p in command.params if isinstance(p, click.Option)
        }
        for name, command in all_commands()
    }

    assert documented == here


def test_every_environment_variable_is_documented():
    """command-line.md has each variable whose name begins with ``EXX_`` that the core reads."""
    read = {
        name
        for path in core().source.rglob("*.py")
        for name in re.findall(r"environ[^\n]*\"(EXX_\w+)\"", path.read_text("utf-8"))
    }
    documented = {code(row[0]) for row in rows(DOCS / "reference/command-line.md", "## Environment variables")}

    assert read
    assert read <= documented


# --- files -------------------------------------------------------------------------------------------------------------

FILES = DOCS / "reference/files.md"


def listed(heading: str) -> list[str]:
    """The columns or keys in the table below a heading of files.md."""
    return [code(row[0]) for row in rows(FILES, heading)]


def test_columns_are_documented():
    """The tables of columns are those of the code, in their order."""
    scores = listed("### per_item_scores.csv")

    assert listed("### predictions.csv") == list(PREDICTIONS)
    assert listed("### findings.csv") == list(FINDINGS)
    assert (*scores[: len(KEYS)], *scores[-len(COUNTS) - 1 :]) == (*KEYS, *COUNTS, "group")


def test_a_run_writes_what_is_documented(finished):
    """The tree of folders has each file of a run and no other, and each table the columns and keys that are written."""
    (trial,) = [path for path in finished.iterdir() if (path / "results").is_dir()]
    (tree,) = [block.text for block in blocks(FILES) if block.text.startswith("experiments/")]
    written = {path.name for path in finished.parent.rglob("*") if path.is_file() and path.name != ".lock"}
    documented = {line.strip() for line in tree.splitlines() if not line.endswith("/")}
    (scores,) = [next(csv.reader(file)) for file in [(trial / "results/per_item_scores.csv").open(encoding="utf-8")]]

    assert documented == written - {name for name in written if name.startswith("responses.sqlite-")}
    assert listed("### per_item_scores.csv") == scores
    for path in (*finished.glob("*.json"), *trial.rglob("*.json*"), *(finished / "prepared").glob("*.json*")):
        heading = "## Requests" if ".p01." in path.name else f"### {path.name}"
        assert set(listed(heading)) == keys_in(path), path.name


def keys_in(path: Path) -> set[str]:
    """The keys of a JSON file, or of the first entry of a list or of JSON Lines."""
    text = path.read_text("utf-8")
    made = json.loads(text.splitlines()[0] if path.suffix == ".jsonl" else text)
    return set(made[0] if isinstance(made, list) else made)


def below(heading: str, words: str) -> set[str]:
    """The first column of the table that follows a line of a section."""
    _, _, section = prose(FILES).partition(f"\n{heading}\n")
    _, found, rest = section.partition(f"\n{words}\n\n")
    assert found, f"files.md: no line {words!r}"
    return {code(line) for line in rest.split("\n\n")[0].splitlines()[2:]}


def test_significance_is_documented(finished):
    """What a block, a metric and a phase's record hold is what files.md says, but for analyses' own entries."""
    (path,) = finished.glob("*/results/significance.json")
    found: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    block = found["results"]["0.0"]["open"]
    state = json.loads((finished / "run_state.json").read_text("utf-8"))
    analyses = {one["name"] for one in found["analyses"]}
    metric = set().union(*block["metrics"].values())

    assert below("### significance.json", "A block:") == set(block)
    assert below("### significance.json", "A metric within a block:") - {"reason"} == metric - {"missing", "reason"}
    assert analyses - {"multiple_testing"} <= metric
    assert below("### trial_manifest.json", "A phase's record:") == set(state["stage_status"]["prepare"])


# --- plugins -----------------------------------------------------------------------------------------------------------


def signature(function: ast.FunctionDef) -> str:
    """A method as the documentation has it: name, arguments without ``self``, and what it returns."""
    arguments = ", ".join(ast.unparse(argument) for argument in function.args.args[1:])
    return f"{function.name}({arguments}) -> {ast.unparse(function.returns) if function.returns else ''}"


def members(cls: ast.ClassDef) -> set[str]:
    """What a class declares: annotated names, and methods with their signatures and decorators."""
    names = {ast.unparse(node) for node in cls.body if isinstance(node, ast.AnnAssign)}
    methods = [node for node in cls.body if isinstance(node, ast.FunctionDef)]
    return names | {" ".join([*map(ast.unparse, m.decorator_list), signature(m)]) for m in methods}


def classes(tree: ast.Module) -> dict[str, set[str]]:
    """The classes of a module with their members."""
    return {node.name: members(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def test_every_hook_is_documented():
    """plugins.md has each hook with its exact signature, and no other."""
    specs = parse(core().source / "hookspecs.py")
    here = {
        signature(node)
        for cls in specs.body
        if isinstance(cls, ast.ClassDef)
        for node in cls.body
        if isinstance(node, ast.FunctionDef)
    }
    page = DOCS / "reference/plugins.md"
    documented = {code(row[0]) for name in ("Registration", "Observer") for row in rows(page, f"## {name} hooks")}

    assert documented == here


def test_every_interface_is_documented():
    """plugins.md has each protocol with all its members and their signatures."""
    here = classes(parse(core().source / "interfaces.py"))
    documented: dict[str, set[str]] = {}
    for block in blocks(DOCS / "reference/plugins.md"):
        if block.language == "python":
            documented |= classes(ast.parse(block.text))

    assert documented == {name: found for name, found in here.items() if name != "Loaded"}


def test_the_plugin_that_is_built_is_the_one_in_the_examples():
    """Every piece of code on the page about writing a plugin stands in examples/third_party_scorer."""
    files = [
        path.read_text("utf-8")
        for path in (ROOT / "examples/third_party_scorer").rglob("*")
        if path.suffix in {".py", ".toml"}
    ]
    problems = [
        f"{block}: {piece.splitlines()[0]}"
        for block in blocks(DOCS / "how-to/write-a-plugin.md")
        if block.language in {"python", "toml"}
        for piece in block.text.strip().split("\n\n\n")
        if not any(piece in text for text in files)
    ]

    assert not problems, report(problems)


def test_the_readme_lists_the_plugins():
    """README.md has name, kind and distribution of each plugin of the tree, and of no other."""
    own = {package.name for package in all_packages()}
    registry = load_plugins()
    here = {
        (offer.name, kind, offer.owner.distribution)
        for kind in KINDS
        for offer in registry.offers(kind).values()
        if offer.owner.distribution in own
    }
    documented = {(code(name), kind, code(package)) for name, kind, package, _ in rows(ROOT / "README.md", "## Plugins")}

    assert documented == here


def test_the_readme_lists_the_commands():
    """README.md names each command."""
    documented = {word for row in rows(ROOT / "README.md", "## Commands") for word in re.findall(r"`exx (\w+)", row[0])}

    assert documented == set(cli.list_commands(click.Context(cli)))


def test_the_readme_promises_what_is_true():
    """The first experiment of README.md has at most ten lines and is valid; Python's version is the one asked for."""
    page = ROOT / "README.md"
    block = next(block for block in blocks(page) if block.language == "yaml")
    config, origin = build_config(yaml.safe_load(block.text), Origin("README.md"))
    if config.backend.name in load_plugins().offers("backend"):
        Experiment(config, origin, load_plugins()).check()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]

    assert len(block.text.splitlines()) <= 10
    assert f"Python {wanted.removeprefix('>=')} or later" in page.read_text("utf-8")


# --- messages ----------------------------------------------------------------------------------------------------------

WRONG = {
    "": "holds no questions",
    '{"text": "Who?", "answers": ["Ada"]}': '"question" is required, but missing; fields found: "text", "answers"',
    '{"Question": "Who?", "answers": ["Ada"]}': 'unknown field "Question", did you mean "question"?',
    '{"question": ""}': '"question" is empty',
    '{"question": null}': '"question" must be a text, found null',
    '{"question": "Who?", "answers": "Paris"}': '"answers" must be a list of texts, found "Paris"',
    '{"question": "Who?", "answer": ["Paris"]}': '"answer" must be one text, found ["Paris"]',
    '{"question": "Who?", "answer": "Ada", "answers": ["Ada"]}': 'has both "answer" and "answers"',
    '{"question": "Who?"}': "no right answer is given",
    '{"question": "Who?", "answers": []}': '"answers" is empty',
    '{"question": "Who?", "answers": ["Ada", " "]}': '"answers" holds an empty text',
    '{"question": "How many?", "answers": [8]}': '"answers" must hold text, found 8',
    '{"question": "Who?", "context": "", "answers": ["Ada"]}': '"context" is empty',
    '{"question": "Who?", "is_unanswerable": "yes"}': '"is_unanswerable" must be true or false, found "yes"',
    '{"question": "Who?", "is_unanswerable": true}': '"is_unanswerable" is true, but there is no "context"',
    '{"question": "Who?", "context": "It was Ada.", "is_unanswerable": true, "answers": ["Ada"]}': (
        '"is_unanswerable" is true, but "answers" holds ["Ada"]'
    ),
    '{"id": 1, "question": "Who?", "answer": "Ada"}\n{"id": 1, "question": "When?", "answer": "May"}': (
        'the id "1" was already used on line 1'
    ),
    '{"question": "Who?", "answer": "Ada"}\n{"question": "Who?", "answer": "Ada"}': "asks the same question as line 1",
    '["Who?", "Ada"]': 'expected an object such as {"question": "…", "answers": ["…"]}, found',
    '{"question": "Who?" "answer": "Ada"}': "not valid JSON, at column 21:",
}


@pytest.mark.parametrize(("content", "message"), WRONG.items(), ids=WRONG.values())
def test_messages_about_questions_are_explained(content, message, tmp_path):
    """What is wrong with a file of questions is told in the words that the page explains."""
    path = tmp_path / "questions.jsonl"
    path.write_text(f"{content}\n", "utf-8")
    dataset = load_plugins().find("dataset", "jsonl").cls(source=exx.Source(str(path)))
    page = DOCS / "how-to/your-own-questions.md"
    explained = {message for row in rows(page, "## Messages") for message in re.findall(r"`([^`]+)`", row[0])}

    with pytest.raises(DataError, match=re.escape(message)):
        list(dataset.load().items)
    assert any(words.startswith(message) for words in explained)
