"""Finding what a person means by a run or a trial: an id, an id with a slug, or a folder."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from exx.errors import RunError
from exx.results import Results, load_results
from exx.runs.folder import RunFolder, find_run, is_run_id
from exx.state.run_state import Ledger

EXPERIMENTS = Path("experiments")


@frozen(eq=False)
class OpenTrial:
    """A trial with its results, part of a run or a folder by itself.

    Attributes:
        title: What to call it: the run's id, with the slug where the run has several trials, else the folder.
        slug: Its slug; the folder's name where it is part of no run.
        results: What it came to.
        run: The run it is part of.
    """

    title: str
    slug: str
    results: Results
    run: RunFolder | None = None

    @property
    def manifest(self) -> Ledger:
        """trial_manifest.json; empty when there is none."""
        return Ledger.open(self.results.folder / "trial_manifest.json")


def open_trials(word: str | Path, experiments: Path = EXPERIMENTS) -> list[OpenTrial]:
    """Open the trials that a word names.

    Args:
        word: A run's id; ``RUN/SLUG``; or the folder of a run, of a trial or of its results.
        experiments: Folder that holds the runs.

    Raises:
        RunError: There is nothing of this name, or it has no scores yet.
    """
    run_id, _, slug = str(word).partition("/")
    if is_run_id(run_id) and (experiments / f"run_{run_id}" / "run_state.json").exists():
        return _of_run(find_run(run_id, experiments), slug.strip("/"))
    folder = Path(word)
    if (folder / "run_state.json").is_file():
        return _of_run(RunFolder(folder), "")
    results = folder if (folder / "per_item_scores.csv").is_file() else folder / "results"
    home = results.resolve().parent
    if not (results / "per_item_scores.csv").is_file():
        what = "has no scores yet" if folder.is_dir() else "is neither a run nor a folder"
        hint = "exx list shows the runs; give an id, RUN/SLUG, or the folder of a run or a trial"
        raise RunError(f"{folder} {what}", hint=hint)
    if (home.parent / "run_state.json").is_file():
        return _of_run(RunFolder(home.parent), home.name)
    return [OpenTrial(str(folder), home.name, load_results(results))]


def _of_run(run: RunFolder, slug: str) -> list[OpenTrial]:
    if slug and slug not in run.trials:
        raise RunError(f"run {run.id} has no trial {slug}", hint=f"it has {', '.join(run.trials) or 'none yet'}")
    wanted = [slug] if slug else run.trials
    several = len(run.trials) > 1
    opened = [
        OpenTrial(f"{run.id}/{name}" if several else run.id, name, load_results(folder, run.config), run)
        for name in wanted
        if (folder := run.path / name / "results").is_dir() and (folder / "per_item_scores.csv").is_file()
    ]
    if not opened:
        raise RunError(f"run {run.id} has no scores yet", hint=f"exx resume {run.id}")
    return opened
