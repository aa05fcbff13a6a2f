"""``exx fireworks``: what lies at the service, and getting it here, into a run, or out of the way."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from attrs import asdict, evolve, frozen

from exx import Adopted, BackendError, JobRow, adopt, jobs_of_run
from exx_fireworks.account import opened
from exx_fireworks.api import Api
from exx_fireworks.datasets import Datasets
from exx_fireworks.leftovers import Leftover, leftovers, remove
from exx_fireworks.problems import Refused
from exx_fireworks.rows import read_rows
from exx_fireworks.states import bare, short, status_of

_LOOK = 20.0
_experiments = click.option(
    "--experiments-dir", type=click.Path(path_type=Path), default=Path("experiments"), show_default=True
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_prefix = click.option("--prefix", default="", help="Only what is called so, or begins so.")


@frozen
class Where:
    """Which account, and where the service is."""

    account: str | None
    api_base: str | None
    timeout: float

    @contextmanager
    def api(self) -> Iterator[Api]:
        """Ready to call."""
        with opened(self.api_base, self.account, self.timeout) as api:
            yield api


@click.group()
@click.option("--account-id", metavar="SLUG", help="The account; default: FIREWORKS_ACCOUNT_ID, or the key's only one.")
@click.option(
    "--api-base", metavar="URL", help="Where the service is; default: FIREWORKS_API_BASE, or its own address."
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds without a byte before giving up.")
@click.pass_context
def fireworks(ctx: click.Context, account_id: str | None, api_base: str | None, timeout: float) -> None:
    """Look after what lies at Fireworks. FIREWORKS_API_KEY is the key."""
    ctx.obj = Where(account_id, api_base, timeout)


@fireworks.command("datasets")
@_prefix
@_json
@click.pass_obj
def datasets_command(where: Where, prefix: str, as_json: bool) -> None:
    """List the account's datasets."""
    with where.api() as api:
        found = _named(api.pages(api.path("datasets"), "datasets"), prefix)
        rows = [
            {
                "id": short(one.get("name")),
                "state": one.get("state"),
                "rows": one.get("exampleCount"),
                "created": one.get("createTime"),
                "made_by": short(one.get("sourceJobName")) or None,
            }
            for one in found
        ]
    _show("datasets", rows, as_json)


@fireworks.command("jobs")
@_prefix
@_json
@click.pass_obj
def jobs_command(where: Where, prefix: str, as_json: bool) -> None:
    """List the account's batch inference jobs."""
    with where.api() as api:
        found = _named(api.pages(api.path("batchInferenceJobs"), "batchInferenceJobs"), prefix)
        rows = [
            {
                "id": short(one.get("name")),
                "state": bare(one),
                "model": one.get("model"),
                "created": one.get("createTime"),
                "output": short(one.get("outputDatasetId")) or None,
                "message": api.key.hide(status_of(one).message),
            }
            for one in found
        ]
    _show("jobs", rows, as_json)


@fireworks.command("download")
@click.argument("dataset")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files; default: the dataset's id.")
@click.option("--lineage", is_flag=True, help="Also what the dataset continues: the outputs of the jobs before.")
@click.pass_obj
def download_command(where: Where, dataset: str, out: Path | None, lineage: bool) -> None:
    """Fetch the files of a dataset, such as a job's output."""
    name = short(dataset)
    with where.api() as api:
        files = _fetch(api, name, out or Path(name), lineage=lineage)
    for path in files:
        click.echo(f"{path}\t{path.stat().st_size} bytes")


@fireworks.command("adopt")
@click.argument("run_id")
@click.option("--job", "jobs", multiple=True, help="A job whose output to take; may be given several times.")
@click.option("--dataset", "datasets", multiple=True, help="An output dataset to take; may be given several times.")
@click.option("--trial", help="The run's trial, where it has several.")
@click.option("--any-model", is_flag=True, help="Take answers of other models than the trial's, too.")
@click.option("--wait", is_flag=True, help="Wait for jobs that are not finished.")
@_experiments
@_json
@click.pass_obj
def adopt_command(where: Where, /, run_id: str, jobs: Sequence[str], datasets: Sequence[str], **given: Any) -> None:
    """Take answers into a run that were bought by other means.

    For files of batch_inputs that were uploaded without exx: rows are joined with the run's requests by custom_id, and
    exx resume RUN_ID then asks only what is still missing.
    """
    if not jobs and not datasets:
        raise click.UsageError("say what to adopt: --job ID or --dataset ID")
    taken: dict[str, Adopted] = {}
    with where.api() as api, tempfile.TemporaryDirectory(prefix="exx-fireworks-") as folder:
        outputs = [_output_of(api, short(job), wait=given["wait"]) for job in jobs]
        outputs += [_Output(short(name), f"dataset {short(name)}") for name in datasets]
        for output in outputs:
            files = _fetch(api, output.dataset, Path(folder) / output.dataset, lineage=output.lineage)
            taken[output.source] = adopt(
                run_id,
                _rows(files, output.precision),
                source=f"fireworks {output.source}",
                trial=given["trial"],
                any_model=given["any_model"],
                experiments_dir=given["experiments_dir"],
            )
    if given["as_json"]:
        _emit({source: asdict(adopted) for source, adopted in taken.items()})
        return
    for source, adopted in taken.items():
        click.echo(f"{source}: {_words(adopted)}")
    left = next(reversed(taken.values())).missing
    ask = f"{left} requests have no answer; exx resume {run_id} asks them" if left else f"exx resume {run_id} goes on"
    click.echo(f"run {run_id}: {ask}")


@fireworks.command("cleanup")
@click.argument("run_id", required=False)
@_prefix
@click.option("--uncollected", is_flag=True, help="Also jobs that the run has not collected; their answers are lost.")
@click.option("--running", is_flag=True, help="Also jobs under way, which ends them.")
@click.option("--yes", is_flag=True, help="Delete what is listed.")
@_experiments
@_json
@click.pass_obj
def cleanup_command(where: Where, /, run_id: str | None, prefix: str, yes: bool, as_json: bool, **given: Any) -> None:
    """List what a run left at the service, its jobs and their datasets, and delete it with --yes.

    RUN_ID finds them by the run's own record of its jobs; --prefix by their names, as for a run that is gone.
    """
    if bool(run_id) == bool(prefix):
        raise click.UsageError("say whose: RUN_ID, or --prefix TEXT")
    own = jobs_of_run(run_id, experiments_dir=given["experiments_dir"]) if run_id else None
    with where.api() as api:
        found = leftovers(api, own, prefix, uncollected=given["uncollected"], running=given["running"])
        rows = [asdict(one) for one in found]
        doomed = [one for one in found if not one.kept]
        if yes:
            remove(api, doomed)
    if as_json:
        _emit({"leftovers": rows, "deleted": [one.id for one in doomed] if yes else []})
        return
    _show("leftovers", rows, as_json=False)
    click.echo(_outcome(doomed, yes))


def _outcome(doomed: Sequence[Leftover], yes: bool) -> str:
    if not doomed:
        return "nothing to delete"
    return f"{len(doomed)} deleted" if yes else f"nothing was deleted; --yes deletes {len(doomed)} of these"


def _fetch(api: Api, dataset: str, folder: Path, *, lineage: bool) -> list[Path]:
    try:
        return Datasets(api).fetch(dataset, folder, lineage=lineage)
    except Refused as cause:
        if not cause.is_absent:
            raise
    hint = "exx fireworks datasets lists what is there; a job that failed has no output"
    raise BackendError(f"there is no dataset {dataset} in account {api.account}", hint=hint)


@frozen
class _Output:
    """An output to adopt: its dataset, in words, and what is known of the model that made it."""

    dataset: str
    source: str
    precision: str | None = None
    lineage: bool = False


def _output_of(api: Api, job_id: str, *, wait: bool) -> _Output:
    """The output of a job, once it is finished."""
    while True:
        job = api.get(api.path(f"batchInferenceJobs/{job_id}"))
        status = status_of(job)
        if status.final:
            break
        if not wait:
            hint = "--wait waits for it; or adopt it later"
            raise BackendError(f"job {job_id} is not finished: {bare(job)}", hint=hint)
        time.sleep(_LOOK)
    lineage = bool(job.get("continuedFromJobName"))
    return _Output(short(job.get("outputDatasetId")), f"job {job_id} ({bare(job)})", status.precision, lineage)


def _rows(files: Iterable[Path], precision: str | None) -> Iterator[JobRow]:
    for path in files:
        for row in read_rows(path):
            yield evolve(row, response=evolve(row.response, precision=precision))


def _words(adopted: Adopted) -> str:
    told = [
        (adopted.stored, "answers stored"),
        (adopted.known, "known before or repeated"),
        (adopted.failed, "rows with an error"),
        (adopted.other_model, "of another model, left out"),
        (adopted.strange, f"not of this trial ({', '.join(map(_plain, adopted.examples))})"),
    ]
    return ", ".join(f"{count} {what}" for count, what in told if count) or "no rows"


def _named(found: Iterable[Mapping[str, Any]], prefix: str) -> list[Mapping[str, Any]]:
    return [one for one in found if short(one.get("name")).startswith(prefix)]


def _show(what: str, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print a table, tab-separated, or JSON."""
    if as_json:
        _emit({what: rows})
        return
    if not rows:
        click.echo(f"no {what}")
        return
    shown: Callable[[Any], str] = lambda value: _plain("" if value is None else str(value))  # noqa: E731
    click.echo("\t".join(rows[0]))
    for row in rows:
        click.echo("\t".join(shown(value) for value in row.values()))


def _plain(text: str) -> str:
    """Text from elsewhere, with nothing in it that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _emit(value: Any) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
