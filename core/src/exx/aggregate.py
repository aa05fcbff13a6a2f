"""Several trials in one view: every treatment beside the control, and one family of hypotheses over all of them.

Each trial's own report adjusts its p-values for what was tested within the trial. Whoever picks the best of twelve
treatments has tested twelve, so here the primary hypotheses of all trials are one family, adjusted by the installed
adjustment (Benjamini-Hochberg by default), and the verdicts are read off these adjusted values.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import asdict, evolve, frozen

from exx.plots import Interval, forest
from exx.records import Address, Finding, Json
from exx.results import Results
from exx.verdict import GuardRow, Rules, VerdictRow, judged, render_table, table_header
from exx.wording import where

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#$])")
_SEPARATOR = "\x1f"  # between a trial and a metric in a name that no metric has


@frozen(kw_only=True)
class TrialResults:
    """A trial as the overview sees it.

    Attributes:
        slug: Its folder.
        about: What it is: ``model``, ``prompt_set``, ``prompts`` with their sha256, decoding settings.
        results: Its results; None while it has none.
    """

    slug: str
    about: Mapping[str, Any]
    results: Results | None

    @property
    def control(self) -> str:
        """Digest of the control prompt, shortened."""
        return str(self.about["prompts"]["control"]["sha256"])[:8]


@frozen(kw_only=True)
class TrialRow:
    """One line of the overview: a verdict, and the trial it is about."""

    trial: str
    verdict: VerdictRow

    def to_json(self) -> dict[str, Json]:
        """Plain data."""
        return {"trial": self.trial, **asdict(self.verdict)}


@frozen(kw_only=True)
class TrialGuard:
    """How a metric that must not get worse fared in a trial, judged within that trial."""

    trial: str
    guard: GuardRow

    def to_json(self) -> dict[str, Json]:
        """Plain data."""
        return {"trial": self.trial, **asdict(self.guard)}


@frozen(kw_only=True)
class Overview:
    """All trials of a run side by side.

    Attributes:
        trials: In the run's order.
        rows: The primary metrics of each trial that has results, judged over all trials.
        family: The family of hypotheses with method and size, such as ``primary (bh, m = 12)``; None when nothing was
            adjusted.
        size: Hypotheses in the family; without an adjustment, how many were tested.
        simulated: The answers were made up by a dry run.
        guards: The metrics that must not get worse, of each trial that has results.
    """

    trials: Sequence[TrialResults]
    rows: Sequence[TrialRow]
    family: str | None
    size: int
    simulated: bool
    guards: Sequence[TrialGuard] = ()

    @property
    def places(self) -> list[Address]:
        """Temperatures and types, in the order in which they first occur."""
        return list(dict.fromkeys(row.verdict.address for row in self.rows))


def overview(
    trials: Sequence[TrialResults], adjustments: Iterable[Any] = (), *, rules: Rules | None = None
) -> Overview:
    """Judge the primary metrics of several trials together.

    Args:
        trials: Those of one run.
        adjustments: Adjustments of p-values, as plugins offer them; each is given one family.
        rules: What the verdict goes by; None for the defaults.

    Raises:
        DataError: A trial's results are damaged.
    """
    hypotheses = [finding for trial in trials if trial.results for finding in _hypotheses(trial, trial.results)]
    names = list(dict.fromkeys(finding.metric for finding in hypotheses))
    for adjustment in adjustments:
        hypotheses = list(adjustment.adjust(hypotheses, names))
    adjusted = {(finding.metric, finding.address): finding for finding in hypotheses if finding.q_value is not None}
    rows = [
        TrialRow(
            trial=trial.slug,
            verdict=_judged(row, adjusted.get((_name(trial, row.metric), row.address)), rules or Rules()),
        )
        for trial in trials
        if trial.results
        for row in trial.results.verdict()
        if row.primary
    ]
    families = {finding.family for finding in adjusted.values()}
    tested = sum(row.verdict.p_value is not None for row in rows)
    return Overview(
        trials=trials,
        rows=rows,
        family=", ".join(sorted(family for family in families if family)) or None,
        size=len(adjusted) or tested,
        simulated=any(trial.results.simulated for trial in trials if trial.results),
        guards=[
            TrialGuard(trial=trial.slug, guard=guard)
            for trial in trials
            if trial.results
            for guard in trial.results.guards()
        ],
    )


def _hypotheses(trial: TrialResults, results: Results) -> Iterator[Finding]:
    """The findings on primary metrics and all items that stand for their hypotheses, without the trial's own q-value.

    Which test stands for a hypothesis was settled in the trial: it is the one that has the q-value there.
    """
    for finding in results.findings:
        if finding.metric in results.primary and finding.address.subgroup is None and finding.q_value is not None:
            alone: dict[str, Any] = {"q_value": None, "family": None, "reason": None, "default_for": {"p_value": 1}}
            yield evolve(finding, metric=_name(trial, finding.metric), **alone)


def _name(trial: TrialResults, metric: str) -> str:
    # An adjustment tells hypotheses apart by metric and address, so another trial's has to be another metric.
    return f"{trial.slug}{_SEPARATOR}{metric}"


def _judged(row: VerdictRow, finding: Finding | None, rules: Rules) -> VerdictRow:
    if finding is None:
        return judged(evolve(row, q_value=None), rules)
    return judged(evolve(row, p_value=finding.p_value, q_value=finding.q_value), rules)


# --- the report ------------------------------------------------------------------------------------------------------


def draw(overview: Overview) -> dict[str, str]:
    """Draw the trials' differences, a figure for each place: SVG by file name.

    Raises:
        ImportError: matplotlib is not installed.
    """
    return {
        _figure(place): forest(
            rows, title=f"Differences by trial, {where(place)}", margin=_margin(overview), standalone=True
        )
        for place in overview.places
        if (rows := list(_intervals(overview, place)))
    }


def _figure(place: Address) -> str:
    return f"aggregate-{place.type}-t{place.temp:g}.svg"


def _margin(overview: Overview) -> float | None:
    """The margin, where it is one for all."""
    margins = {row.verdict.margin for row in overview.rows}
    return margins.pop() if len(margins) == 1 else None


def _intervals(overview: Overview, place: Address) -> Iterator[Interval]:
    several = len({row.verdict.metric for row in overview.rows}) > 1
    for row in overview.rows:
        verdict = row.verdict
        if verdict.address == place and verdict.difference is not None:
            yield Interval(
                label=f"{row.trial}: {verdict.title}" if several else row.trial,
                estimate=verdict.difference,
                low=verdict.low,
                high=verdict.high,
                clear=verdict.answer != "cannot tell",
            )


def render(overview: Overview, run_id: str, figures: Iterable[str] = ()) -> str:
    """The overview as Markdown.

    Args:
        overview: What to show.
        run_id: The run.
        figures: Names of the files of ``draw`` that lie beside it.
    """
    drawn = set(figures)
    paragraphs = [f"# Run {_escape(run_id)}: {len(overview.trials)} trials side by side"]
    if overview.simulated:
        paragraphs.append("**SIMULATED: the answers were made up by a dry run; no model was asked.**")
    paragraphs += [_about_family(overview), _about_control(overview)]
    paragraphs += ["## Trials", _trials(overview)]
    for place in overview.places:
        paragraphs += _place(overview, place, drawn)
    paragraphs += _guards(overview)
    missing = [trial.slug for trial in overview.trials if trial.results is None]
    if missing:
        paragraphs.append(f"No results yet: {', '.join(map(_escape, missing))}.")
    return "\n\n".join(paragraphs) + "\n"


def _about_family(overview: Overview) -> str:
    if overview.family is None:
        return (
            f"{overview.size} primary hypotheses were tested over all trials, and their p-values are **not adjusted** "
            "for that: of many comparisons without any effect, one in twenty would look like one."
        )
    return (
        f"The {overview.size} primary hypotheses of all trials are one family: {_escape(overview.family)}. The "
        "q-values below are adjusted for it, so that picking the best of several treatments is accounted for; those in "
        "a trial's own report know of that trial alone."
    )


def _about_control(overview: Overview) -> str:
    controls = {trial.control for trial in overview.trials}
    if len(controls) > 1:
        return (
            f"The trials have {len(controls)} different control prompts: a difference is from the trial's own control, "
            "and trials with different controls cannot be ranked by it."
        )
    return (
        "Every treatment is compared with the same control prompt. Trials that also share model and settings share the "
        "control's answers, so their differences rise and fall together where the control was lucky or not."
    )


def _trials(overview: Overview) -> str:
    header = ["Trial", "Model", "Prompt set", "Control", "Treatment", "top-p", "top-k", "Longest answers"]
    return _table(header, [_trial(trial) for trial in overview.trials])


def _trial(trial: TrialResults) -> list[str]:
    about = trial.about
    limits = about["max_new_tokens"]
    link = f"[{_escape(trial.slug)}](<{trial.slug}/reports>)"
    return [
        link,
        _escape(str(about["model"])),
        _escape(str(about["prompt_set"])),
        trial.control,
        str(about["prompts"]["treatment"]["sha256"])[:8],
        f"{about['top_p']:g}",
        str(about["top_k"]),
        f"{limits['open_book']} open, {limits['closed_book']} closed",
    ]


def _guards(overview: Overview) -> list[str]:
    """What must not get worse, trial by trial: a better answer is no good news if something else pays for it."""
    if not overview.guards:
        return []
    rows = [[_escape(one.trial), one.guard.status, _escape(one.guard.sentence)] for one in overview.guards]
    intro = (
        "Each is judged within its own trial. *Held* means: shown not to be worse by more than the margin. *Not shown* "
        "is no pass: it may have got worse."
    )
    return ["## What must not get worse", intro, _table(["Trial", "Status", "What was seen"], rows)]


def _place(overview: Overview, place: Address, drawn: Container[str]) -> list[str]:
    rows = [row for row in overview.rows if row.verdict.address == place]
    metric, _, *header = table_header()
    cells = render_table([row.verdict for row in rows])
    table = [
        [_escape(row.trial), _escape(one), *map(_escape, more)]
        for row, (one, _, *more) in zip(rows, cells, strict=True)
    ]
    sentences = [f"- **{_escape(row.trial)}**: {_escape(row.verdict.sentence)}" for row in rows]
    title = where(place)
    numbers = range(2, 9)
    file = _figure(place)
    alt = f"Differences by trial with their 95 % intervals, {title}; the table has the same numbers"
    return [
        f"## {title[:1].upper()}{title[1:]}",
        *([f"![{_escape(alt)}]({file})"] if file in drawn else []),
        _table(["Trial", metric, *header], table, numbers),
        "\n".join(sentences),
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    rule = ["---:" if index in numbers else "---" for index in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
