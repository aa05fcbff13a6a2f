"""``exx analyze``: one study analysis on its own, on a finished run or on a score file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from exx.cli.common import (
    Asked,
    config_argument,
    config_path,
    debug_option,
    experiments_option,
    json_option,
    open_experiment,
    options,
    set_option,
)
from exx.cli.show import emit_json, say
from exx.errors import UsageError

if TYPE_CHECKING:
    from exx.experiment import Experiment
    from exx.records import Price

_file = click.Path(path_type=Path, dir_okay=False)
_folder = click.Path(path_type=Path, file_okay=False)


@frozen
class _Scores:
    """A score file to analyse: what to call it, where it is, where its items are, and whether its model is known."""

    title: str
    per_item_csv: Path
    prepared: Path | None
    configured: bool = True


@click.command("analyze")
@click.argument("name")
@config_argument
@options(
    click.option("--run-id", help="Analyse this run, every trial of it."),
    experiments_option,
    click.option("--per-item-csv", type=_file, help="Analyse this per_item_scores.csv."),
    click.option("--prepared-dir", type=_folder, help="Folder of open_book.jsonl and closed_book.jsonl."),
    click.option("--out-path", type=_file, help="Write the result here instead of on stdout."),
    set_option,
    json_option,
    debug_option,
)
def analyze_command(name: str, out_path: Path | None, as_json: bool, **given: Any) -> None:
    """Run the study analysis NAME: power, mixed_effects, cost_effectiveness, unsupported_sensitivity, any installed."""
    from exx.config.dump import to_plain
    from exx.pipeline.statistics import analyze_study
    from exx.state.files import write_json

    experiment, files = _asked(given)
    bound = experiment.study(name)
    made: dict[str, Any] = {}
    for scores in files:
        made[scores.title] = analyze_study(
            bound,
            scores.per_item_csv,
            seed=experiment.config.stats.random_seed,
            stats_config=to_plain(experiment.config)["stats"],
            prepared=scores.prepared,
            price=_price(experiment, scores),
            primary=experiment.config.verdict.primary,
        )
    result = next(iter(made.values())) if len(made) == 1 else {"trials": made}
    if out_path is not None:
        write_json(out_path, result)
        if not as_json:
            say(f"{name} in {out_path}")
            return
    emit_json(result)


def _price(experiment: Experiment, scores: _Scores) -> Price | None:
    """What the trial's model costs; of scores that belong to no trial, the config's first."""
    if experiment.config.pricing is not None:
        return experiment.price
    if not scores.configured:
        return None
    models = {trial.slug: trial.model for trial in experiment.trials}
    return experiment.priced(models.get(scores.title)).price


def _asked(given: dict[str, Any]) -> tuple[Experiment, list[_Scores]]:
    config = given["config"] or given["config_option"]
    if (given["run_id"] is None) == (given["per_item_csv"] is None):
        raise UsageError("exx analyze needs --run-id or --per-item-csv, one of them")
    if given["run_id"] is None:
        path = config_path(given["config"], given["config_option"]) if config else None
        scores = _Scores("scores", given["per_item_csv"], given["prepared_dir"], path is not None)
        return open_experiment(Asked(path, given["overrides"])), [scores]
    if config is not None:
        raise UsageError("a run is analysed with the config it was made with", hint="leave the config out")
    return _of_run(given)


def _of_run(given: dict[str, Any]) -> tuple[Experiment, list[_Scores]]:
    from exx.config.load import build_config
    from exx.config.structure import Origin
    from exx.experiment import Experiment
    from exx.plugins import load_plugins
    from exx.runs.folder import find_run

    run = find_run(given["run_id"], given["experiments_dir"])
    known: Any = run.document
    origin = Origin(run.path / "config.yaml", Path(known["config_base"]))
    config, _ = build_config(known["config"], origin, given["overrides"])
    files = list(_trials(run.path, given["prepared_dir"]))
    if not files:
        raise UsageError(f"run {run.id} has no scores yet", hint=f"exx resume {run.id}")
    return Experiment(config, origin, load_plugins()), files


def _trials(folder: Path, prepared: Path | None) -> Iterator[_Scores]:
    for path in sorted(folder.glob("*/results/per_item_scores.csv")):
        yield _Scores(path.parent.parent.name, path, prepared or _there(folder / "prepared"))


def _there(folder: Path) -> Path | None:
    return folder if folder.is_dir() else None
