"""The documentation says what the code does: its links, commands and configs are tried, its tables compared."""

from __future__ import annotations

import ast
import csv
import json
import re
import tomllib
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
import yaml
from documentation import (
    DOCS,
    PAGES,
    all_blocks,
    blocks,
    cells,
    classes,
    code,
    commands,
    keys_of,
    prose,
    rows,
    run_exx,
    slug,
    targets,
    why_not,
)
from repository import ROOT, all_packages, core, parse, report, shown

import exx
from exx.cli.main import cli
from exx.config.load import build_config
from exx.config.schema import Config
from exx.config.structure import Origin
from exx.errors import DataError
from exx.experiment import Experiment
from exx.pipeline.parse import COLUMNS as PREDICTIONS
from exx.pipeline.scoring_write import COUNTS, KEYS, SUPPORT
from exx.pipeline.statistics_write import COLUMNS as FINDINGS
from exx.plugins import KINDS, Registry, load_plugins

README = ROOT / "README.md"
FILES = DOCS / "reference/files.md"
HOOKS = DOCS / "reference/plugins.md"
PLANTING = DOCS / "how-to/plant-an-effect.md"
EXAMPLE = ROOT / "examples/third_party_scorer"
QUESTIONS = DOCS / "how-to/your-own-questions.md"

LANGUAGES = {"console", "csv", "json", "jsonl", "markdown", "python", "text", "toml", "yaml"}

each_page = pytest.mark.parametrize("page", PAGES, ids=shown)


@pytest.fixture
def call(own_plugins, tmp_path):
    """Run exx in an empty folder, and give back what it prints."""
    return lambda *args: run_exx(tmp_path, own_plugins, *args)


@pytest.fixture(scope="module")
def trial(finished) -> Path:
    """The folder of the dry run's only trial."""
    (folder,) = [path for path in finished.iterdir() if (path / "results").is_dir()]
    return folder


# --- links, blocks and commands --------------------------------------------------------------------------------------
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


def test_the_index_leads_to_every_page():
    """docs/README.md links each page of the documentation."""
    linked = set(re.findall(r"\]\(([\w/-]+\.md)\)", (DOCS / "README.md").read_text("utf-8")))
    pages = {page.relative_to(DOCS).as_posix() for page in PAGES if page not in (README, DOCS / "README.md")}

    assert pages <= linked


@each_page
def test_blocks_name_their_language(page):
    """Every fenced block says what it is, in one of a few words."""
    problems = [f"{block}: {block.info!r}" for block in blocks(page) if block.language not in LANGUAGES]

    assert not problems, report(problems)


@each_page
def test_only_commands_that_exist_are_named(page):
    """No page mentions an ``exx`` command or a ``make`` target that is not there."""
    known = {*cli.list_commands(click.Context(cli)), "COMMAND"}
    text = page.read_text("utf-8")
    problems = [f"exx {word}" for word in re.findall(r"`exx ([a-zA-Z]+)", text) if word not in known]
    problems += [f"make {word}" for word in re.findall(r"`make ([a-z][a-z-]*)", text) if word not in targets()]

    assert not problems, report(problems)


@pytest.mark.parametrize("block", [block for block in all_blocks("console") if block.info == "console"], ids=str)
def test_commands_can_be_parsed(block):
    """Every command that is shown and not run exists, and has the options it is shown with."""
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
    registry = load_plugins()
    _need(config.backend.name if "backend" in raw else None, registry)
    if config.unsupported.strategy == "nli" and "nli" not in registry.offers("detector"):
        pytest.skip("exx-nli is an extra and not installed; make setup-nli")
    monkeypatch.syspath_prepend(EXAMPLE / "src")
    registry.add_observer(import_module("exx_example_brevity"))  # not installed, and named on the page that builds it
    experiment = Experiment(config, origin, registry)
    groups = {"unsupported": "detector"} | {key: key for key in ("backend", "datasets", "scorers", "analyses")}
    bound = [getattr(experiment, groups[key]) for key in raw if key in groups]

    assert all(bound)


def _need(backend: str | None, registry: Registry) -> None:
    """Skip where llama.cpp could not be installed, as the set-up allows."""
    if backend == "llamacpp" and backend not in registry.offers("backend"):
        pytest.skip("exx-llamacpp is not installed: there is no wheel of xllamacpp for this machine")


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_compiles(block):
    """Every Python block compiles, and what it takes from ``exx`` is there."""
    imports = [node for node in ast.walk(ast.parse(block.text)) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports if node.module == "exx" for alias in node.names}

    assert names <= set(exx.__all__)


STUDIES = [
    f"enable_{name}" for name in ("unsupported_sensitivity", "mixed_effects", "power_analysis", "cost_effectiveness")
]


@pytest.mark.slow
def test_the_table_of_seeds_is_real(call, tmp_path):
    """The table of runs without an effect holds what these runs give, seed by seed."""
    (block,) = [block for block in blocks(PLANTING) if block.saved_as == "null.yaml"]
    (tmp_path / "null.yaml").write_text(block.text, "utf-8")
    for seed, *told in rows(PLANTING, "## No difference"):
        made = call(
            *("run", "null.yaml", "--json", "--run-id", f"s{seed}", "--set", f"backend.seed={seed}"),
            *("--to-step", "stats", "--set", "optional={" + ", ".join(f"{name}: false" for name in STUDIES) + "}"),
        )
        verdict = json.loads(made)["trials"][0]["verdict"]
        found = {row["address"]["type"]: row for row in verdict if row["primary"]}
        differences = [float(cell.replace("−", "-")) for cell in told[::2]]

        assert differences == [round(100 * found[kind]["difference"], 1) for kind in ("open", "closed")], seed
        assert told[1::2] == [found[kind]["answer"] for kind in ("open", "closed")], seed


# --- what the reference is compared with -----------------------------------------------------------------------------
def test_every_setting_is_documented():
    """configuration.md has a row for each key of the config, with its default, and for nothing else."""
    lines = [cells(line) for line in prose(DOCS / "reference/configuration.md").splitlines() if line[:3] == "| `"]
    documented = {code(key): yaml.safe_load(default.strip("`")) for key, _, default, _ in lines}
    here = dict(keys_of(Config))

    assert documented.keys() == here.keys()
    assert documented == here


def test_every_environment_variable_is_documented():
    """command-line.md has each variable of the core, but for the one with which tests kill a process."""
    reading = re.compile(r"environ[^\n]*\"(EXX_\w+)\"")
    paths = core().source.rglob("*.py")
    read = {name for path in paths for name in reading.findall(path.read_text("utf-8"))} - {"EXX_FAULT_POINT"}
    documented = {code(row[0]) for row in rows(DOCS / "reference/command-line.md", "## Environment variables")}

    assert read
    assert read <= documented


def listed(heading: str) -> list[str]:
    """The columns or keys in the table below a heading of files.md."""
    return [code(row[0]) for row in rows(FILES, heading)]


def below(heading: str, words: str) -> set[str]:
    """The first column of the table that follows a line of a section of files.md."""
    _, _, section = prose(FILES).partition(f"\n{heading}\n")
    _, found, rest = section.partition(f"\n{words}\n\n")
    assert found, f"files.md: no line {words!r}"
    return {code(line) for line in rest.split("\n\n")[0].splitlines()[2:]}


def keys_in(path: Path) -> set[str]:
    """The keys of a JSON file, or of the first entry of a list or of JSON Lines."""
    text = path.read_text("utf-8")
    made = json.loads(text.splitlines()[0] if path.suffix == ".jsonl" else text)
    return set(made[0] if isinstance(made, list) else made)


def test_columns_are_those_of_the_code():
    """The tables of columns are complete and in the order in which they are written."""
    scores = listed("### per_item_scores.csv")

    assert listed("### predictions.csv") == list(PREDICTIONS)
    assert listed("### findings.csv") == list(FINDINGS)
    assert listed("### support.csv") == list(SUPPORT)
    assert (*scores[: len(KEYS)], *scores[-len(COUNTS) - 1 :]) == (*KEYS, *COUNTS, "group")


def test_a_run_writes_the_files_that_are_documented(finished, trial):
    """The tree of folders has each file of a run and no other; the scores have the columns of the page."""
    (tree,) = [block.text for block in blocks(FILES) if block.text.startswith("experiments/")]
    documented = {line.strip() for line in tree.splitlines() if not line.endswith("/")}
    written = {path.name for path in finished.parent.rglob("*") if path.is_file()} - {".lock"}
    with (trial / "results/per_item_scores.csv").open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file))

    assert {name for name in written if not name.startswith("responses.sqlite-")} == documented
    assert listed("### per_item_scores.csv") == columns


def test_a_run_writes_the_keys_that_are_documented(finished, trial):
    """Each JSON file of a run has the keys of its table, and no others."""
    paths = [*finished.glob("*.json"), *finished.glob("prepared/*.json*"), *trial.rglob("*.json*")]
    for path in paths:
        heading = "## Requests" if ".p01." in path.name else f"### {path.name}"

        assert set(listed(heading)) == keys_in(path), path.name


def test_several_trials_are_documented(call, tmp_path):
    """A run of two trials has the two files more that files.md names, with the keys of its table."""
    config = str(ROOT / "examples/quickstart/experiment.yaml")
    swept = ("--set", "sweep.prompt_sets=[default, operational_only]", "--limit-items", "10")
    call("run", config, "--dry-run", "--quiet", "--run-id", "two", *swept)
    folder = tmp_path / "experiments/run_two"
    more = {path.name for path in folder.iterdir() if path.is_file()} - {".lock", "config.yaml", "run_state.json"}
    figures = {name for name in more if name.endswith(".svg")}

    assert "aggregate-open-t0.svg" in figures
    more -= figures
    assert more == {"aggregate_report.md", "multi_trial_manifest.json"}
    assert all(f"`{name}`" in prose(FILES) for name in more)
    assert set(listed("### multi_trial_manifest.json")) == keys_in(folder / "multi_trial_manifest.json")


def test_significance_is_documented(finished, trial):
    """What a block, a metric and a phase's record hold is what files.md says."""
    found: dict[str, Any] = json.loads((trial / "results/significance.json").read_text("utf-8"))
    block = found["results"]["0.0"]["open"]
    metric = set().union(*block["metrics"].values())
    state = json.loads((finished / "run_state.json").read_text("utf-8"))

    assert below("### significance.json", "A block:") == set(block)
    assert below("### significance.json", "A metric within a block:") == metric - {"missing", "reason"}
    assert below("### trial_manifest.json", "A phase's record:") == set(state["stage_status"]["prepare"])


def test_every_interface_is_documented():
    """plugins.md has each protocol with all its members and their signatures."""
    here = classes(parse(core().source / "interfaces.py"))
    documented: dict[str, set[str]] = {}
    for block in blocks(HOOKS):
        if block.language == "python":
            documented |= classes(ast.parse(block.text))

    assert documented == {name: found for name, found in here.items() if name != "Loaded"}


def test_options_are_those_of_the_plugins():
    """The table of options in each plugin's README, and on the page about models, has the options that there are."""
    folders = {package.name: package.folder for package in all_packages()}
    registry = load_plugins()
    offers = [offer for kind in KINDS for offer in registry.offers(kind).values()]
    pages = [(folders[o.owner.distribution] / "README.md", o) for o in offers if o.owner.distribution in folders]
    pages += [(DOCS / "how-to/add-a-model.md", offer) for offer in offers if offer.name == "llamacpp"]
    problems = []
    for page, offer in pages:
        options = {field.alias for field in attrs.fields(offer.cls)}
        documented = {code(row[0]) for row in rows(page, "## Options")} if options else set()
        if documented != options:
            problems.append(f"{shown(page)}: {sorted(documented ^ options)}")

    assert not problems, report(problems)


# --- the README ------------------------------------------------------------------------------------------------------
def test_the_readme_lists_the_plugins():
    """README.md has, kind by kind, the name of each plugin of the tree that is installed, and no other."""
    own = {package.name for package in all_packages()}
    registry = load_plugins()
    here = {(o.name, o.kind) for kind in KINDS for o in registry.offers(kind).values() if o.owner.distribution in own}
    documented = {(name, kind) for kind, names in rows(README, "## Plugins") for name in re.findall(r"`(\w+)`", names)}
    absent = {name for name in ("llamacpp", "nli") if not any(distributions(name=f"exx-{name}"))}

    assert {row for row in documented if row[0] not in absent} == here


def test_the_readme_promises_what_is_true(tmp_path, monkeypatch):
    """The first experiment of README.md has at most ten lines and is valid; Python's version is the one asked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/careful.txt").write_text("Be careful.", "utf-8")
    (tmp_path / "models").mkdir()
    (tmp_path / "models/my-model.gguf").write_bytes(b"GGUF and so on")
    block = next(block for block in blocks(README) if block.language == "yaml")
    config, origin = build_config(yaml.safe_load(block.text), Origin("README.md"))
    registry = load_plugins()
    _need(config.backend.name, registry)
    Experiment(config, origin, registry).check()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]

    assert len(block.text.splitlines()) <= 10
    assert f"Python {wanted.removeprefix('>=')} or later" in README.read_text("utf-8")


# --- messages --------------------------------------------------------------------------------------------------------
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
    '{"id": 1, "question": "Who?", "answer": "Ada"}\n{"question": "When?", "answer": "May"}': (
        '"id" is missing, but other rows have one'
    ),
    '{"question": "Who?", "answer": "Ada", "context": null}': '"context" must be a text, found null',
    '["Who?", "Ada"]': 'expected an object such as {"question": "…", "answers": ["…"]}, found',
    '{"question": "Who?" "answer": "Ada"}': "not valid JSON, at column 21:",
}


@pytest.mark.parametrize(("content", "message"), WRONG.items(), ids=WRONG.values())
def test_messages_about_questions_are_explained(content, message, tmp_path):
    """What is wrong with a file of questions is told in the words that the page explains."""
    path = tmp_path / "questions.jsonl"
    path.write_text(f"{content}\n", "utf-8")
    dataset = load_plugins().find("dataset", "jsonl").cls(source=exx.Source(str(path)))
    explained = {words for row in rows(QUESTIONS, "## Messages") for words in re.findall(r"`([^`]+)`", row[0])}

    with pytest.raises(DataError, match=re.escape(message)):
        list(dataset.load().items)
    assert any(words.startswith(message) for words in explained)
