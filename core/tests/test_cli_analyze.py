"""``exx analyze``: one study analysis of a run or of a score file, with the config's options and nothing else done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from attrs import frozen
from lab import SLUG, Lab, Told

from exx import hookimpl

Cli = Callable[..., Told]


@frozen(kw_only=True)
class Tokens:
    """A study analysis that says what it was given."""

    name: ClassVar[str] = "tokens"
    level: ClassVar[str] = "study"
    artifact: ClassVar[str] = "tokens.json"
    bootstrap_samples: int = 1

    def analyze(self, study):
        files = [] if study.folder is None else sorted(path.name for path in study.folder.glob("p*.csv"))
        price = None if study.price is None else [study.price.input_per_million, study.price.factor]
        prepared = study.prepared is not None and (study.prepared / "closed_book.jsonl").exists()
        return {"n": self.bootstrap_samples, "files": files, "price": price, "prepared": prepared}


class Plugin:
    """Offers it."""

    @hookimpl
    def exx_register_analyses(self):
        return [Tokens]


@pytest.fixture
def done(lab: Lab) -> Path:
    """The results of a finished run."""
    lab.extra.append(Plugin())
    lab.settings["pricing"] = {"input_per_million": 2.0, "output_per_million": 8.0}
    lab.settings["stats"] = {"bootstrap_samples": 77}
    lab.run()
    return lab.path("results")


def test_a_run_is_analysed_as_its_stats_phase_did(done: Path, cli: Cli) -> None:
    """Options, price and items are the run's; the artifact is the same."""
    told = cli("analyze", "tokens", "--run-id", "a")

    assert (told.status, told.err) == (0, "")
    assert told.json == json.loads((done / "tokens.json").read_text())
    assert told.json == {
        "n": 77,
        "files": ["per_item_scores.csv", "predictions.csv"],
        "price": [2, 1],
        "prepared": True,
    }


def test_an_analysis_that_the_config_leaves_out_runs_when_asked_for(done: Path, cli: Cli, lab: Lab) -> None:
    """A name is a clear wish."""
    lab.settings["analyses"] = []
    (lab.folder / "experiment.yaml").write_text(yaml.safe_dump(lab.settings))

    told = cli("analyze", "tokens", "experiment.yaml", "--per-item-csv", str(done / "per_item_scores.csv"))

    assert (told.status, told.json["price"]) == (0, [2, 1])


def test_a_score_file_is_analysed_with_the_config_given(done: Path, cli: Cli) -> None:
    """Without items nobody invents any; the result goes where it is wanted."""
    files = ("--per-item-csv", str(done / "per_item_scores.csv"), "--out-path", "out/t.json")
    told = cli("analyze", "tokens", *files, "--set", "stats.bootstrap_samples=5")

    assert (told.status, told.out) == (0, "tokens in out/t.json\n")
    made: Any = json.loads(Path("out/t.json").read_text())
    assert (made["n"], made["price"], made["prepared"]) == (5, None, False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tokens",), "--run-id or --per-item-csv"),
        (("tokens", "--run-id", "a", "--per-item-csv", "x.csv"), "one of them"),
        (("tokens", "experiment.yaml", "--run-id", "a"), "the config it was made with"),
        (("nothing", "--run-id", "a"), "nothing"),
    ],
)
def test_what_cannot_be_done_is_told(done: Path, cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    """As a usage error, in one message."""
    told = cli("analyze", *arguments)

    assert (told.status, told.out) == (2, "")
    assert words in told.err


def test_a_run_without_scores_says_how_to_go_on(lab: Lab, cli: Cli) -> None:
    """Resume it."""
    lab.extra.append(Plugin())
    lab.run()
    lab.path("results/per_item_scores.csv").unlink()

    told = cli("analyze", "tokens", "--run-id", "a")

    assert told.status == 2 and "exx resume a" in told.err and SLUG not in told.out
