"""Commands that run an experiment, or say what running it would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exx.cli.common import (
    Asked,
    complete_runs,
    config_argument,
    config_path,
    debug_option,
    dry_run_option,
    json_option,
    narrowing_options,
    open_experiment,
    options,
    set_option,
)
from exx.cli.gating import Gating, gate_options
from exx.cli.show import emit_json, say
from exx.errors import UsageError

_count = click.IntRange(min=1)
_phase = options(
    click.option("--only-step", metavar="PHASE", help="This phase alone."),
    click.option("--from-step", metavar="PHASE", help="From this phase on."),
    click.option("--to-step", metavar="PHASE", help="Up to this phase."),
)
_jobs_option = click.option(
    "--max-concurrent-jobs", type=_count, help="Most jobs under way at a batch service at once; may change on a resume."
)
_cost_option = click.option(
    "--max-cost",
    type=click.FloatRange(min=0.0),
    metavar="USD",
    help="Submit nothing that is expected to take the run beyond this; may change on a resume.",
)
_limits = options(
    click.option("--limit-items", type=_count, help="First N items of each dataset, in their prepared order."),
    click.option("--parts-per-dataset", type=_count, help="Split each input into N parts."),
    click.option("--lines-per-part", type=_count, help="Split each input into parts of at most N requests."),
    click.option("--condition", type=click.Choice(["control", "treatment", "both"]), default="both", show_default=True),
    _jobs_option,
    _cost_option,
)
_run_options = options(
    config_argument,
    click.option("--run-id", help="Name of the run; default: the time."),
    click.option("--resume", is_flag=True, help="Go on with the run of this id; starts it if there is none."),
    click.option("--plan-only", is_flag=True, help="Show what would be done, and why; asks no model."),
    dry_run_option,
    _phase,
    _limits,
    narrowing_options,
    click.option("--account-id", metavar="SLUG", help="The account at the backend's service that asks, and pays."),
    click.option("--skip-prepare", is_flag=True, help="Leave the prepared items as they are."),
    click.option("--skip-build", is_flag=True, help="Leave the requests as they are."),
    click.option("--archive", is_flag=True, help="Pack the finished run into one checksummed file."),
    click.option("--force", is_flag=True, help="Redo what is done; or accept changed settings, or another's lock."),
    gate_options,
    set_option,
    json_option,
    click.option("--quiet", is_flag=True, help="No progress display."),
    debug_option,
)


@click.command("run")
@_run_options
def run_command(**given: Any) -> None:
    """Run an experiment: every phase that is not done, then the verdict.

    CONFIG is the experiment's YAML file; default: ./experiment.yaml.
    """
    _run(given)


def _run(given: dict[str, Any]) -> None:
    from exx.cli.session import Session

    gating = Gating.of(given)
    asked = Asked(
        config_path(given["config"], given["config_option"]),
        given["overrides"],
        given["dry_run"],
        given["models"],
        given["prompt_sets"],
        given["temps"],
        given["account_id"],
    )
    if given["resume"] and not given["run_id"]:
        raise UsageError("--resume needs --run-id", hint="exx list shows the runs; exx resume RUN_ID needs no config")
    start = Session.of_phase if given.get("as_started") else Session.from_options
    session = start(open_experiment(asked), given)
    session.take_gates(gating)
    if given["plan_only"]:
        session.show_plan(given["as_json"])
    else:
        quiet = given["quiet"] or given["as_json"]
        session.run(quiet=quiet, as_json=given["as_json"], archive=given["archive"])


@click.command("plan")
@_run_options
def plan_command(**given: Any) -> None:
    """Show phases × trials with execute or skip and the reason, request counts and estimates; no network."""
    _run(given | {"plan_only": True})


@click.command("resume")
@click.argument("run_id", shell_complete=complete_runs)
@click.option("--experiments-dir", type=click.Path(path_type=Path), default=Path("experiments"), show_default=True)
@click.option("--force", is_flag=True, help="Redo phases that are done; or take over another's lock.")
@_phase
@_jobs_option
@_cost_option
@gate_options
@json_option
@click.option("--quiet", is_flag=True, help="No progress display.")
@debug_option
def resume_command(run_id: str, experiments_dir: Path, as_json: bool, quiet: bool, **given: Any) -> None:
    """Go on with a run exactly where it was stopped or killed, with the settings it was started with."""
    from exx.cli.session import Session

    gating = Gating.of(given)
    session = Session.from_run(run_id, experiments_dir, given)
    session.take_gates(gating)
    session.run(quiet=quiet or as_json, as_json=as_json)


@click.command("validate")
@config_argument
@dry_run_option
@set_option
@json_option
@debug_option
def validate_command(
    config: Path | None, config_option: Path | None, dry_run: bool, overrides: tuple[str, ...], as_json: bool
) -> None:
    """Check a config completely, plugins, options and prompts included, and say what it would run."""
    path = config_path(config, config_option)
    experiment = open_experiment(Asked(path, overrides, dry_run))
    experiment.check()
    slugs = [trial.slug for trial in experiment.trials]
    if as_json:
        emit_json({"config": str(path), "valid": True, "trials": slugs})
        return
    say(f"{path} is valid: {len(slugs)} trial{'s' if len(slugs) != 1 else ''}")
    for slug in slugs:
        say(f"  {slug}")


def _phase_command(name: str, words: str) -> click.Command:
    @click.command(name, help=words)
    @_run_options
    def command(**given: Any) -> None:
        if not given["run_id"] and name != "prepare":
            raise UsageError(f"exx {name} needs --run-id", hint="a phase on its own belongs to a run")
        _run(given | {"only_step": name, "resume": given["run_id"] is not None})

    return command


def run_phase(name: str, given: dict[str, Any]) -> None:
    """Do one phase of a run, for commands that have options of their own beside."""
    with click.Context(run_command) as ctx:
        run_command.parse_args(ctx, [])
        _run({**ctx.params, **given, "only_step": name, "resume": True, "as_started": True})


prepare_command = _phase_command("prepare", "Phase: datasets into prepared items.")
build_command = _phase_command("build", "Phase: items and prompts into requests.")
submit_command = _phase_command("submit", "Phase: ask what has no response yet.")
poll_command = _phase_command("poll", "Phase: collect the responses.")
