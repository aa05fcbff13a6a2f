"""Commands about runs that exist: how far they are, which there are, and asking one to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from exx.cli.common import debug_option, json_option
from exx.cli.show import emit_json, say, table
from exx.errors import DataError, RunError
from exx.pipeline.phases import NAMES
from exx.state.files import read_json, write_text
from exx.state.stop import STOP_FILE

_folder_option = click.option(
    "--experiments-dir", type=click.Path(path_type=Path), default=Path("experiments"), show_default=True
)


@click.command("status")
@click.argument("run_id", required=False)
@_folder_option
@json_option
@debug_option
def status_command(run_id: str | None, experiments_dir: Path, as_json: bool) -> None:
    """Show how far a run is; default: the one that was started last. Works while it runs."""
    folder = _find(run_id, experiments_dir)
    state = read_json(folder / "run_state.json")
    rows = [*_stages("", state)]
    for slug in state.get("trials", ()):
        manifest = folder / slug / "results" / "trial_manifest.json"
        rows += _stages(slug, read_json(manifest) if manifest.exists() else {"stage_status": {}})
    if as_json:
        columns = ("trial", "phase", "status", "summary")
        keys = ("run_id", "status", "created_at", "started_at", "finished_at", "last_error", "simulated")
        phases = [dict(zip(columns, row, strict=True)) for row in rows]
        emit_json({key: state.get(key) for key in keys} | {"folder": str(folder), "phases": phases})
        return
    say(f"run {state.get('run_id')}: {state.get('status')}, started {state.get('started_at')}")
    if state.get("last_error"):
        say(f"last error: {state['last_error']}")
    table("", ["trial", "phase", "status", "what"], rows)


def _stages(slug: str, ledger: dict[str, Any]) -> list[list[str]]:
    done = ledger.get("stage_status", {})
    known = [name for name in NAMES if (name == "prepare") == (slug == "")]
    return [[slug, name, *_stage(done.get(name))] for name in known]


def _stage(record: dict[str, Any] | None) -> list[str]:
    if record is None:
        return ["not done", ""]
    since = f"since {record['started_at']}" if record["status"] == "running" else record["summary"]
    return [record["status"], since]


@click.command("list")
@_folder_option
@json_option
@debug_option
def list_command(experiments_dir: Path, as_json: bool) -> None:
    """List the runs of an experiments folder, the newest first."""
    rows = [_row(path) for path in _states(experiments_dir)]
    columns = ["run", "status", "started", "trials"]
    if as_json:
        emit_json({"runs": [dict(zip(columns, row, strict=True)) for row in rows]})
        return
    table("", columns, rows, numeric=[3])


@click.command("stop")
@click.argument("run_id")
@_folder_option
@debug_option
def stop_command(run_id: str, experiments_dir: Path) -> None:
    """Ask a run to stop at the next safe point; exx resume goes on there."""
    folder = _find(run_id, experiments_dir)
    write_text(folder / STOP_FILE, "asked for by exx stop\n")
    say(f"run {run_id} will stop at the next safe point; exx resume {run_id} goes on")


def _states(experiments: Path) -> list[Path]:
    return sorted(experiments.glob("run_*/run_state.json"), key=_started, reverse=True)


def _started(path: Path) -> str:
    return _row(path)[2]


def _row(path: Path) -> list[str]:
    """A run in a few words; one whose state cannot be read is listed all the same."""
    try:
        state = read_json(path)
        words = [str(state.get(key, "")) for key in ("run_id", "status", "started_at")]
        return [*words, str(len(state["trials"]))]
    except (DataError, AttributeError, KeyError, TypeError):
        return [path.parent.name.removeprefix("run_"), "run_state.json is damaged", "", ""]


def _find(run_id: str | None, experiments: Path) -> Path:
    if run_id is None:
        states = _states(experiments)
        if not states:
            raise RunError(f"there is no run in {experiments}", hint="exx run CONFIG starts one")
        return states[0].parent
    folder = experiments / f"run_{run_id}"
    if not (folder / "run_state.json").exists():
        raise RunError(f"there is no run {run_id} in {experiments}", hint="exx list shows the runs")
    return folder
