"""What the two arms answered: how many answers, abstentions and failures, and a few items on which they differ.

Read in passes over per_item_scores.csv, predictions.csv and the prepared items. No pass holds more than one number per
item, and only the texts of the few items chosen are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote
from zlib import crc32

import orjson
from attrs import define, evolve, field, frozen

from exx.errors import DataError
from exx.records import CONDITIONS, Condition
from exx.rows import read_columns

SCORES_HINT = "exx score --pred-csv predictions.csv --prepared-dir data/prepared --out-dir results makes it anew"
PREDICTIONS_HINT = "exx parse --results-jsonl results_combined.jsonl --out-csv predictions.csv makes it anew"

_PLACE = ("item_key", "type", "condition", "temp")
_LONGEST_TEXT = 2_000

Place = tuple[float, str]
"""A temperature and an item type."""


@define
class ArmCounts:
    """What one arm answered in one place, over one dataset.

    Attributes:
        temp: Temperature.
        type: ``open`` or ``closed``.
        dataset: Name of the dataset.
        condition: The arm.
        items: Items with a row.
        answered: Answers that were scored, replicates included; None where the score file does not say.
        failed: Requests that came back with an error; None where it does not say.
        truncated: Answers cut off at the token limit; None where it does not say.
        empty: Those of them that are known to have been cut off before any text, and so were not scored.
        grouped: Items that name a group (a passage, say).
    """

    temp: float
    type: str
    dataset: str
    condition: Condition
    items: int = 0
    answered: int | None = None
    failed: int | None = None
    truncated: int | None = None
    empty: int = 0
    grouped: int = 0
    _abstentions: float = 0.0
    _judged: int = 0
    _groups: set[str] = field(factory=set, repr=False)

    @property
    def asked(self) -> int:
        """Requests; their questions where the score file does not say how many there were."""
        return self.items if self.answered is None else self.answered + (self.failed or 0) + self.empty

    @property
    def abstained(self) -> float | None:
        """Mean share of abstentions over the items that have one, in [0, 1]; None without any."""
        return self._abstentions / self._judged if self._judged else None

    @property
    def groups(self) -> int:
        """Distinct groups."""
        return len(self._groups)


@frozen(kw_only=True)
class Example:
    """An item on which the arms differ. Texts are cut to 2,000 characters; treat them as hostile.

    Attributes:
        item_key: ``dataset|id``.
        temp: Temperature.
        type: ``open`` or ``closed``.
        effect: What the treatment did to the item.
        control: The control's score.
        treatment: The treatment's score.
        control_answer: First answer under the control; None when predictions.csv has none.
        treatment_answer: First answer under the treatment.
        question: None when the prepared items are not at hand; so for ``answers`` and ``is_unanswerable``.
        answers: Right answers.
        is_unanswerable: Abstaining was right.
    """

    item_key: str
    temp: float
    type: str
    effect: Literal["fixed", "broke"]
    control: float
    treatment: float
    control_answer: str | None = None
    treatment_answer: str | None = None
    question: str | None = None
    answers: tuple[str, ...] | None = None
    is_unanswerable: bool | None = None


def count_answers(scores: Path) -> list[ArmCounts]:
    """Count answers per temperature, type, dataset and arm, in the order of the file.

    Raises:
        DataError: per_item_scores.csv is missing or damaged.
    """
    counts: dict[tuple[str, str, str, str], ArmCounts] = {}
    optional = ("n_samples", "n_failed", "n_truncated", "abstain_rate", "group")
    rows = read_columns(scores, _PLACE, optional=optional, hint=SCORES_HINT)
    for item, kind, condition, temp, samples, failed, truncated, abstained, group in rows:
        dataset = item.partition("|")[0]
        arm = counts.get((temp, kind, dataset, condition))
        if arm is None:
            arm = counts[temp, kind, dataset, condition] = _arm(scores, temp, kind, dataset, condition)
        arm.items += 1
        arm.answered = _plus(arm.answered, samples)
        arm.failed = _plus(arm.failed, failed)
        arm.truncated = _plus(arm.truncated, truncated)
        if truncated and samples:
            arm.empty += max(0, int(float(truncated)) - int(float(samples)))
        if abstained:
            arm._abstentions += float(abstained)
            arm._judged += 1
        if group:
            arm.grouped += 1
            arm._groups.add(group)
    return list(counts.values())


def _arm(path: Path, temp: str, kind: str, dataset: str, condition: str) -> ArmCounts:
    if condition not in CONDITIONS:
        raise DataError(path, f"condition must be control or treatment, found {condition!r}", hint=SCORES_HINT)
    arm: Condition = "control" if condition == "control" else "treatment"
    return ArmCounts(_float(path, "temp", temp), kind, unquote(dataset), arm)


def _plus(so_far: int | None, more: str) -> int | None:
    return so_far if not more else (so_far or 0) + int(float(more))


def _float(path: Path, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as cause:
        raise DataError(path, f"{column} must be a number, found {text!r}", hint=SCORES_HINT) from cause


def find_examples(
    folder: Path, *, metric: str, higher_is_better: bool | None, prepared: Path | None, each: int
) -> list[Example]:
    """Find up to ``each`` items per place that the treatment fixed, and as many that it broke.

    Those with the largest difference come first and, among equals, the order is that of a hash of the item's key: the
    same for everyone, and not chosen by hand.

    Args:
        folder: The results folder.
        metric: Column of per_item_scores.csv to compare.
        higher_is_better: Which way is good; None is taken as higher.
        prepared: Folder of the prepared items; None if it is not at hand.
        each: At most so many examples of either kind per temperature and type.

    Raises:
        DataError: A file is damaged, or per_item_scores.csv is missing.
    """
    chosen = list(_choose(folder / "per_item_scores.csv", metric, higher_is_better, each))
    answers = _answers(folder / "predictions.csv", chosen)
    items = _items(prepared, {example.item_key for example in chosen}) if prepared else {}
    return [_complete(example, answers, items.get(example.item_key, {})) for example in chosen]


def _choose(scores: Path, metric: str, higher_is_better: bool | None, each: int) -> Iterator[Example]:
    sign = -1 if higher_is_better is False else 1
    for (temp, kind), pairs in _pairs(scores, metric).items():
        moved = [(key, c, t) for key, c, t in pairs if c != t]
        for effect in ("fixed", "broke"):
            good = sign if effect == "fixed" else -sign
            candidates = (pair for pair in moved if (pair[2] - pair[1]) * good > 0)
            best = nsmallest(each, candidates, key=lambda pair: (-abs(pair[2] - pair[1]), crc32(pair[0].encode())))
            for key, control, treatment in best:
                yield Example(
                    item_key=key,
                    temp=temp,
                    type=kind,
                    effect="fixed" if effect == "fixed" else "broke",
                    control=control,
                    treatment=treatment,
                )


def _pairs(scores: Path, metric: str) -> Mapping[Place, Sequence[tuple[str, float, float]]]:
    waiting: dict[tuple[str, str, str], tuple[str, float]] = {}
    pairs: dict[Place, list[tuple[str, float, float]]] = {}
    for key, kind, condition, temp, text in read_columns(scores, (*_PLACE, metric), hint=SCORES_HINT):
        if not text:
            continue
        value = _float(scores, metric, text)
        other = waiting.pop((temp, kind, key), None)
        if other is None:
            waiting[temp, kind, key] = (condition, value)
        elif other[0] != condition:
            control, treatment = (other[1], value) if condition == "treatment" else (value, other[1])
            pairs.setdefault((_float(scores, "temp", temp), kind), []).append((key, control, treatment))
    return pairs


_Asked = tuple[str, str, float, str]  # item, arm, temperature, type


def _answers(predictions: Path, chosen: Iterable[Example]) -> dict[_Asked, str]:
    wanted = {(e.item_key, arm, e.temp, e.type) for e in chosen for arm in CONDITIONS}
    keys = {asked[0] for asked in wanted}
    texts: dict[_Asked, str] = {}
    if not keys or not predictions.exists():
        return texts
    for custom_id, text in read_columns(predictions, ("custom_id", "response_text"), hint=PREDICTIONS_HINT):
        key, *rest = custom_id.rsplit("|", 4)
        if key in keys and len(rest) == 4:
            asked = (key, rest[0], float(rest[1]), rest[3])
            if asked in wanted:
                texts.setdefault(asked, text[:_LONGEST_TEXT])
    return texts


def _items(prepared: Path, keys: set[str]) -> dict[str, dict[str, Any]]:
    plain = {tuple(map(unquote, key.split("|", 1))): key for key in keys}
    found: dict[str, dict[str, Any]] = {}
    files = [path for path in (prepared / "open_book.jsonl", prepared / "closed_book.jsonl") if path.exists()]
    for path, number, line in chain.from_iterable(map(_lines, files)):
        try:
            item = orjson.loads(line)
            key = plain.get((item["dataset"], str(item["id"])))
        except (orjson.JSONDecodeError, KeyError, TypeError) as cause:
            raise DataError(path, f"not an item ({cause!r})", line=number, hint="exx prepare makes it anew") from cause
        if key is not None:
            found[key] = item
    return found


def _lines(path: Path) -> Iterator[tuple[Path, int, bytes]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield path, number, line


def _complete(example: Example, answers: Mapping[_Asked, str], item: Mapping[str, Any]) -> Example:
    where = (example.temp, example.type)
    question = item.get("question")
    return evolve(
        example,
        control_answer=answers.get((example.item_key, "control", *where)),
        treatment_answer=answers.get((example.item_key, "treatment", *where)),
        question=None if question is None else str(question)[:_LONGEST_TEXT],
        answers=tuple(map(str, item["answers"])) if "answers" in item else None,
        is_unanswerable=bool(item.get("is_unanswerable", False)) if item else None,
    )
