"""Commands about runs that exist: how far they are, which there are, what they came to, and asking one to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from attrs import asdict

from exx.cli.common import debug_option, experiments_option, json_option
from exx.cli.show import emit_json, say, size_words, table
from exx.pipeline.phases import PHASES
from exx.runs.folder import all_runs, find_run
from exx.runs.status import live, live_json, live_words, phase_rows, who_words
from exx.runs.summary import COLUMNS, describe, summarise
from exx.state.files import write_text
from exx.state.stop import STOP_FILE

_ONCE = [phase.name for phase in PHASES if phase.scope == "run"]
_IN_TRIAL = [phase.name for phase in PHASES if phase.scope == "trial"]
_AFTER = ["aggregate"]


@click.command("status")
@click.argument("run_id", required=False)
@experiments_option
@json_option
@debug_option
def status_command(run_id: str | None, experiments_dir: Path, as_json: bool) -> None:
    """Show how far a run is; default: the one that was started last. Works while it runs."""
    run = find_run(run_id, experiments_dir)
    state, rows = run.document, phase_rows(run, _ONCE, _IN_TRIAL, _AFTER)
    if as_json:
        columns = ("trial", "phase", "status", "summary")
        keys = ("created_at", "started_at", "finished_at", "last_error", "simulated")
        phases = [dict(zip(columns, row, strict=True)) for row in rows]
        about = {"run_id": run.id, "status": run.status, **{key: state.get(key) for key in keys}}
        emit_json(about | live_json(run) | {"folder": str(run.path), "phases": phases})
        return
    who = who_words(run)
    say(f"run {run.id}: {run.status}, started {state.get('started_at')}" + (f", {who}" if who else ""))
    progress = live(run)
    if progress is not None:
        say(live_words(progress))
    if state.get("last_error"):
        say(f"last error: {state['last_error']}")
    table("", ["trial", "phase", "status", "what"], rows)


@click.command("list")
@experiments_option
@json_option
@debug_option
def list_command(experiments_dir: Path, as_json: bool) -> None:
    """List the runs of an experiments folder, the newest first."""
    rows = [summarise(run) for run in all_runs(experiments_dir)]
    if as_json:
        emit_json({"runs": [asdict(row) for row in rows]})
        return
    table("", COLUMNS, [row.cells() for row in rows], numeric=[3, 6, 7, 8])


@click.command("show")
@click.argument("run_id", required=False)
@experiments_option
@json_option
@debug_option
def show_command(run_id: str | None, experiments_dir: Path, as_json: bool) -> None:
    """Show what a run asked, what came of it, its files, and what was reused; default: the one started last."""
    run = find_run(run_id, experiments_dir)
    told: Any = describe(run)
    if as_json:
        emit_json(told)
        return
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
@click.argument("run_id")
@experiments_option
@debug_option
def stop_command(run_id: str, experiments_dir: Path) -> None:
    """Ask a run to stop at the next safe point; exx resume goes on there."""
    run = find_run(run_id, experiments_dir)
    write_text(run.path / STOP_FILE, "asked for by exx stop\n")
    say(f"run {run_id} will stop at the next safe point; exx resume {run_id} goes on")
