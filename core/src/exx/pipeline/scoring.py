"""Phase score: predictions and prepared items in, one score row per item, condition and temperature out.

Who judges what: the dataset's official scorer, or else the fallback, gives ``em`` and ``f1``; scorers that name no
dataset judge every answer beside it; one rule tells abstentions from answers, for everybody.

What counts: a request that failed, and an answer cut off before any text, is no answer; it is left out of every mean
and counted. An answer cut off later is scored as it stands, and counted too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from exx.interfaces import Detector, Scorer
from exx.pipeline.items import without_collector
from exx.pipeline.scoring_judge import Panel, Verdicts
from exx.pipeline.scoring_read import CUT, FAILED, TRUNCATED, Predictions, read_items, read_predictions
from exx.pipeline.scoring_states import Plan, integrity_of
from exx.pipeline.scoring_write import Table, write_parquet, write_scores, write_support
from exx.records import CONDITIONS, Metric
from exx.state.files import write_json
from exx.text.abstention import Abstention


@frozen(kw_only=True)
class ScoreSummary:
    """What scoring did.

    Attributes:
        rows: Rows of the score file.
        items: Items with predictions, by dataset.
        predictions: Rows of predictions.csv per condition.
        failed: Failed requests per condition.
        truncated: Answers that were cut off, per condition; those without any text are among them.
        cut: Of these, the ones without any text, per condition.
        scorers: For each dataset, who judged it.
        metrics: The metrics of the score file, in the order of its columns.
        artifacts: The files written, the score file first.
        notes: What a reader of the scores should know.
    """

    rows: int
    items: Mapping[str, int]
    predictions: Mapping[str, int]
    failed: Mapping[str, int]
    truncated: Mapping[str, int]
    cut: Mapping[str, int]
    scorers: Mapping[str, Sequence[str]]
    metrics: Sequence[Metric]
    artifacts: Sequence[Path]
    notes: Sequence[str]


def score_files(
    pred_csv: Path,
    prepared_dir: Path,
    out_csv: Path,
    *,
    scorers: Sequence[Scorer],
    detector: Detector | None = None,
    abstention: Abstention | None = None,
    fallback: str = "squad_v2",
    parquet: bool = False,
) -> ScoreSummary:
    """Score every prediction of a file.

    Args:
        pred_csv: predictions.csv; columns beyond the contract's are ignored.
        prepared_dir: Folder of open_book.jsonl and closed_book.jsonl.
        out_csv: The score file to write; metrics.json and integrity.json come beside it, and support.csv if the
            detector judged anything.
        scorers: Everybody who may be asked.
        detector: Judges whether answers are supported by their passage; None leaves ``unsupported_rate`` blank.
        abstention: The rule of abstention; the default rule if None.
        fallback: Name of the scorer for datasets that none names.
        parquet: Write a Parquet file beside the CSV.

    Raises:
        DataError: An input that cannot be used, with file and line.
        PluginError: A scorer or detector failed.
        UsageError: A dataset without a scorer, or with two for one metric.
        ExxError: The output cannot be written.
    """
    with without_collector():
        found = read_predictions(pred_csv)
        verdicts = Verdicts.of(found, abstention or Abstention())
        panel = Panel(scorers, detector, fallback)
        keys, groups = [""] * len(found.texts), [""] * len(found.texts)
        items: Counter[str] = Counter()
        absent: Counter[tuple[str, str, bool]] = Counter()
        unanswerable: set[int] = set()
        for chunk in read_items(prepared_dir, found, absent):
            verdicts.judge(chunk, panel)
            for item, rows in chunk:
                key, group = item.key, item.group or ""
                if item.is_unanswerable:
                    unanswerable.add(rows[0])
                items[item.dataset] += 1
                for row in rows:
                    keys[row] = key
                    groups[row] = group
        table = Table(found, keys, groups, panel.metrics(), verdicts.columns)
        written = write_scores(out_csv, table)
        integrity = integrity_of(
            Plan.of(found, unanswerable, absent), verdicts.abstained, table.metrics, verdicts.columns
        )
        write_json(out_csv.with_name("integrity.json"), integrity)
        support = out_csv.with_name("support.csv")
        if verdicts.support is None:
            support.unlink(missing_ok=True)  # one of an earlier scoring would be taken for this one's
        else:
            write_support(support, found, keys, verdicts.support)
    artifacts = [out_csv, out_csv.with_name("metrics.json"), out_csv.with_name("integrity.json")]
    artifacts += [support] if verdicts.support is not None else []
    if parquet:
        artifacts.append(write_parquet(out_csv))
    return _summary(found, panel, written, items, artifacts, table.metrics)


def _summary(
    found: Predictions,
    panel: Panel,
    rows: int,
    items: Mapping[str, int],
    artifacts: Sequence[Path],
    metrics: Sequence[Metric],
) -> ScoreSummary:
    seen = Counter(zip((found.slots[slot].condition for slot in found.slot_of), found.states, strict=True))

    def per_arm(*states: int) -> dict[str, int]:
        return {arm: sum(seen[arm, state] for state in states) for arm in CONDITIONS}

    cut = per_arm(CUT)
    chosen = {dataset: [scorer.name for scorer in who] for dataset, who in panel.chosen.items()}
    return ScoreSummary(
        rows=rows,
        items=dict(items),
        predictions=per_arm(*{state for _, state in seen}),
        failed=per_arm(FAILED),
        truncated=per_arm(TRUNCATED, CUT),
        cut=cut,
        scorers=chosen,
        metrics=metrics,
        artifacts=artifacts,
        notes=_notes(panel, chosen, cut),
    )


def _notes(panel: Panel, chosen: Mapping[str, Sequence[str]], cut: Mapping[str, int]) -> list[str]:
    own = {dataset for scorer in panel.scorers for dataset in scorer.datasets or ()}
    notes = [
        f"no scorer names dataset {dataset!r} as its own; {who[0]!r} judged it"
        for dataset, who in chosen.items()
        if dataset not in own
    ]
    if any(cut.values()):
        arms = ", ".join(f"{arm} {count}" for arm, count in cut.items())
        notes.append(f"cut off before any text and therefore left out: {arms}; raise max_new_tokens")
    return notes
