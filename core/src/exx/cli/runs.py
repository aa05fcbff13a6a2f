"""Commands about runs that exist: how far they are, which there are, what they came to, and asking one to stop.

What the commands need is imported when they run: a shell that completes their arguments imports this module each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exx.cli.common import complete_runs, debug_option, experiments_option, json_option
from exx.cli.gating import Gating, gate_options, gates_json, refuse, show_gates
from exx.cli.show import emit_json, say, size_words, table

if TYPE_CHECKING:
    from exx.runs.folder import RunFolder

_AFTER = ["aggregate"]


@click.command("status")
@click.argument("run_id", required=False, shell_complete=complete_runs)
@experiments_option
@json_option
@debug_option
def status_command(run_id: str | None, experiments_dir: Path, as_json: bool) -> None:
    """Show how far a run is; default: the one that was started last. Works while it runs."""
    from attrs import asdict

    from exx.pipeline.phases import PHASES
    from exx.runs.folder import find_run
    from exx.runs.jobs import COLUMNS as JOB_COLUMNS
    from exx.runs.jobs import job_rows
    from exx.runs.status import live, live_json, live_words, phase_rows, who_words

    run = find_run(run_id, experiments_dir)
    once, in_trial = ([phase.name for phase in PHASES if phase.scope == scope] for scope in ("run", "trial"))
    state, rows = run.document, phase_rows(run, once, in_trial, _AFTER)
    if as_json:
        columns = ("trial", "phase", "status", "summary")
        keys = ("created_at", "started_at", "finished_at", "last_error", "simulated")
        phases = [dict(zip(columns, row, strict=True)) for row in rows]
        about = {"run_id": run.id, "status": run.status, **{key: state.get(key) for key in keys}}
        more = {"folder": str(run.path), "phases": phases, "jobs": [asdict(job) for job in job_rows(run)]}
        emit_json(about | live_json(run) | more)
        return
    who = who_words(run)
    say(f"run {run.id}: {run.status}, started {state.get('started_at')}" + (f", {who}" if who else ""))
    progress = live(run)
    if progress is not None:
        say(live_words(progress))
    if state.get("last_error"):
        say(f"last error: {state['last_error']}")
    table("", ["trial", "phase", "status", "what"], rows)
    jobs = [job.cells() for job in job_rows(run)]
    if jobs:
        say("")
        table("batch jobs", JOB_COLUMNS, jobs, numeric=[4])


@click.command("list")
@experiments_option
@json_option
@debug_option
def list_command(experiments_dir: Path, as_json: bool) -> None:
    """List the runs of an experiments folder, the newest first."""
    from attrs import asdict

    from exx.runs.folder import all_runs
    from exx.runs.summary import COLUMNS, summarise

    rows = [summarise(run) for run in all_runs(experiments_dir)]
    if as_json:
        emit_json({"runs": [asdict(row) for row in rows]})
        return
    table("", COLUMNS, [row.cells() for row in rows], numeric=[3, 6, 7, 8])


@click.command("show")
@click.argument("run_id", required=False, shell_complete=complete_runs)
@gate_options
@experiments_option
@json_option
@debug_option
def show_command(run_id: str | None, experiments_dir: Path, as_json: bool, **given: Any) -> None:
    """Show what a run asked, what came of it, its files, and what was reused; default: the one started last."""
    from exx.runs.folder import find_run
    from exx.runs.summary import describe

    gating = Gating.of(given)
    run = find_run(run_id, experiments_dir)
    told: Any = describe(run)
    if not as_json:
        _show(run, told)
    judged = gating.judge({slug: run.results(slug) for slug in run.trials})
    if as_json:
        emit_json(told | ({"gates": gates_json(judged)} if gating.asked else {}))
    else:
        show_gates(judged)
    refuse(judged)


def _show(run: RunFolder, told: Any) -> None:
    from exx.cli.session import show_verdict

    say(f"run {run.id}: {run.status}, started {told['started_at']}, finished {told['finished_at']}")
    for trial in told["trials"]:
        _show_trial(trial)
        results = run.results(trial["slug"])
        if results:
            show_verdict(results)
    table("", ["file", "size"], [[file["path"], size_words(file["size"])] for file in told["files"]], numeric=[1])
    say(f"{len(told['files'])} files, {size_words(sum(file['size'] for file in told['files']))}, in {run.path}")


def _show_trial(trial: dict[str, Any]) -> None:
    say(f"\n{trial['slug']}")
    asked = {
        "model": trial["model"],
        "prompt set": trial["prompt_set"],
        "datasets": ", ".join(trial["datasets"] or ()),
        "temperatures": ", ".join(f"{temp:g}" for temp in trial["temps"] or ()),
    }
    for arm, prompt in (trial["prompts"] or {}).items():
        asked[arm] = f"{prompt['words']} words, {prompt['source']}, sha256 {prompt['sha256'][:8]}"
    usage = trial["usage"]
    if usage:
        asked["answers"] = f"{usage['answered']:,} of {usage['requests']:,}, {usage['failed']:,} failed"
        usd = usage["usd"]
        money = "" if usd["spent"] is None else f"; ${usd['spent']:,.2f} spent, ${usd['saved']:,.2f} saved by reuse"
        asked["reused"] = f"{usage['reused']:,} answers, from the store"
        asked["tokens"] = f"{usage['tokens']['total']:,}{money}"
    for name, value in asked.items():
        say(f"  {name}: {value}")


@click.command("stop")
@click.argument("run_id", shell_complete=complete_runs)
@experiments_option
@json_option
@debug_option
def stop_command(run_id: str, experiments_dir: Path, as_json: bool) -> None:
    """Ask a run to stop at the next safe point; exx resume goes on there."""
    from exx.runs.folder import find_run
    from exx.state.files import write_text
    from exx.state.stop import STOP_FILE

    run = find_run(run_id, experiments_dir)
    write_text(run.path / STOP_FILE, "asked for by exx stop\n")
    if as_json:
        emit_json({"run_id": run.id, "status": run.status, "stop": str(run.path / STOP_FILE)})
        return
    say(f"run {run_id} will stop at the next safe point; exx resume {run_id} goes on")
