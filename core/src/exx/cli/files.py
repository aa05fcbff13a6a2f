"""Commands that are a phase of a run when they are given a run, and work on plain files when they are given files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exx.cli.common import (
    Asked,
    config_argument,
    config_path,
    debug_option,
    json_option,
    open_experiment,
    options,
    set_option,
)
from exx.cli.show import emit_json, note, say
from exx.errors import UsageError

if TYPE_CHECKING:
    from exx.experiment import Experiment
    from exx.prices import Priced

_file = click.Path(path_type=Path, dir_okay=False)
_folder = click.Path(path_type=Path, file_okay=False)
_shared = options(
    config_argument,
    click.option("--run-id", help="The run whose phase this is."),
    click.option("--force", is_flag=True, help="Redo the phase although it is done."),
    set_option,
    json_option,
    debug_option,
)


@click.command("parse")
@click.option("--results-jsonl", type=_file, help="Raw result rows, as received.")
@click.option("--out-csv", type=_file, help="The table to write.")
@_shared
def parse_command(results_jsonl: Path | None, out_csv: Path | None, **given: Any) -> None:
    """Turn raw result rows into predictions.csv."""
    if not _on_files("parse", given, {"--results-jsonl": results_jsonl, "--out-csv": out_csv}):
        return
    from exx.pipeline.parse import parse_results

    assert results_jsonl is not None
    assert out_csv is not None
    rows = parse_results(results_jsonl, out_csv)
    _done(given, {"rows": rows, "predictions": str(out_csv)}, f"{rows} rows in {out_csv}")


@click.command("score")
@click.option("--pred-csv", type=_file, help="predictions.csv")
@click.option("--prepared-dir", type=_folder, help="Folder of open_book.jsonl and closed_book.jsonl.")
@click.option("--out-dir", type=_folder, help="Where per_item_scores.csv goes.")
@_shared
def score_command(pred_csv: Path | None, prepared_dir: Path | None, out_dir: Path | None, **given: Any) -> None:
    """Score predictions against the prepared items."""
    named = {"--pred-csv": pred_csv, "--prepared-dir": prepared_dir, "--out-dir": out_dir}
    if not _on_files("score", given, named):
        return
    from exx.pipeline.score import score_with

    assert pred_csv is not None
    assert prepared_dir is not None
    assert out_dir is not None
    out = out_dir / "per_item_scores.csv"
    summary = score_with(_experiment(given), pred_csv, prepared_dir, out)
    for line in summary.notes:
        note(f"note: {line}")
    done = {"rows": summary.rows, "per_item_scores": str(out), "scorers": dict(summary.scorers)}
    _done(given, done, f"{summary.rows} rows in {out}")


@click.command("stats")
@click.option("--per-item-csv", type=_file, help="per_item_scores.csv")
@click.option("--out-path", type=_file, help="significance.json; findings.csv goes beside it.")
@_shared
def stats_command(per_item_csv: Path | None, out_path: Path | None, **given: Any) -> None:
    """Ask every analysis about a score file."""
    if not _on_files("stats", given, {"--per-item-csv": per_item_csv, "--out-path": out_path}):
        return
    from exx.pipeline.stats import stats_with

    assert per_item_csv is not None
    assert out_path is not None
    experiment = _experiment(given)
    price = experiment.price if _config(given) else None
    count, _ = stats_with(experiment, per_item_csv, out_path, price=price)
    _done(given, {"findings": count, "significance": str(out_path)}, f"{count} findings in {out_path}")


@click.command("costs")
@click.option("--pred-csv", type=_file, help="predictions.csv")
@click.option("--out-path", type=_file, help="costs.json")
@_shared
def costs_command(pred_csv: Path | None, out_path: Path | None, **given: Any) -> None:
    """Add up tokens and dollars per arm."""
    if not _on_files("costs", given, {"--pred-csv": pred_csv, "--out-path": out_path}):
        return
    from exx.costs import compute_costs
    from exx.state.files import write_json

    assert pred_csv is not None
    assert out_path is not None
    costs = compute_costs(pred_csv, priced=_priced(given, pred_csv))
    write_json(out_path, costs)
    _done(given, costs, f"costs in {out_path}")


@click.command("report")
@click.option("--results-dir", type=_folder, help="Folder of significance.json and its neighbours.")
@click.option("--reports-dir", type=_folder, help="Where the reports go.")
@_shared
def report_command(results_dir: Path | None, reports_dir: Path | None, **given: Any) -> None:
    """Write the reports about a results folder."""
    if not _on_files("report", given, {"--results-dir": results_dir, "--reports-dir": reports_dir}):
        return
    from exx.pipeline.report import write_reports

    assert results_dir is not None
    assert reports_dir is not None
    experiment = _experiment(given)
    config = experiment.config if _config(given) else None
    paths = write_reports(experiment.reporters, results_dir, reports_dir, config)
    read = [path for path in paths if path.suffix != ".svg"]  # the figures are linked from these
    _done(given, {"reports": [str(path) for path in paths]}, "\n".join(f"report: {path}" for path in read))


def _on_files(phase: str, given: dict[str, Any], named: dict[str, Path | None]) -> bool:
    """Decide between files and a run; on a run, do the phase there.

    Raises:
        UsageError: Neither is given completely.
    """
    missing = [name for name, path in named.items() if path is None]
    if not missing:
        return True
    if len(missing) < len(named):
        raise UsageError(f"exx {phase} on files also needs {' and '.join(missing)}")
    if not given["run_id"]:
        raise UsageError(f"exx {phase} needs {', '.join(named)}; or a config and --run-id")
    from exx.cli.running import run_phase

    run_phase(phase, given)
    return False


def _config(given: dict[str, Any]) -> Path | None:
    if given["config"] is None and given["config_option"] is None:
        return None
    return config_path(given["config"], given["config_option"])


def _experiment(given: dict[str, Any]) -> Experiment:
    return open_experiment(Asked(_config(given), given["overrides"]))


def _priced(given: dict[str, Any], predictions: Path) -> Priced:
    """The price of the model that answered: as the table names it, or as the config does."""
    from exx.costs import models_in
    from exx.prices import find_price

    experiment = _experiment(given)
    config, answered = experiment.config, models_in(predictions)
    if len(answered) > 1 and config.pricing is None:
        raise UsageError(
            f"{predictions} holds answers of {len(answered)} models, whose prices differ: {', '.join(answered)}",
            hint="set pricing in the config, or split the file",
        )
    model = answered[0] if answered else ""
    if _config(given) is None:
        # Nobody knows which backend answered; the config's default says whether the batch price applied.
        return find_price(model, pricing=config.pricing, batch=config.use_batch_api and config.pricing is not None)
    priced = experiment.priced()
    return priced if priced.price is not None or not model else experiment.priced(model)


def _done(given: dict[str, Any], result: dict[str, Any], words: str) -> None:
    if given["as_json"]:
        emit_json(result)
    else:
        say(words)
