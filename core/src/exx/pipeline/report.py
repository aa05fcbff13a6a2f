"""Phase report: the finished results into something a person reads, by every reporter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from exx import __version__
from exx.config.dump import to_plain
from exx.config.schema import Config
from exx.errors import ExxError
from exx.experiment import Bound
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext, describe_trial
from exx.results import load_results
from exx.state.ledger import digest

_MADE_FROM = ("parse", "score", "stats", "costs")


class Report(FilePhase):
    """Write the reports."""

    name: ClassVar[str] = "report"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """What the earlier phases made, what is said of settings, plugins and answers, and the reporters."""
        inputs = {name: ctx.digest_of(name) for name in _MADE_FROM}
        inputs |= {
            "config": digest(to_plain(ctx.experiment.config)),
            "trial": digest(describe_trial(ctx)),
            "answered": digest(ctx.ledger.document.get("answered")),
            "exx-core": __version__,
        }
        return inputs | {f"reporter {bound.name}": digest(bound.stamp()) for bound in ctx.experiment.reporters}

    def run(self, ctx: TrialContext) -> Outcome:
        """Call each reporter."""
        paths = write_reports(ctx.experiment.reporters, ctx.results, ctx.reports, ctx.experiment.config)
        named = [path.name for path in paths if path.suffix != ".svg"]
        figures = len(paths) - len(named)
        return Outcome(artifacts=paths, summary=", ".join([*named, *([f"{figures} figures"] if figures else [])]))


def write_reports(reporters: Sequence[Bound], results: Path, reports: Path, config: Config | None) -> list[Path]:
    """Let each reporter write about a results folder; a failure names it."""
    paths: list[Path] = []
    loaded = load_results(results, config)
    for bound in reporters:
        try:
            paths += bound.instance.write(loaded, reports)
        except ExxError:
            raise
        except Exception as cause:
            raise bound.failure(cause) from cause
    return paths
