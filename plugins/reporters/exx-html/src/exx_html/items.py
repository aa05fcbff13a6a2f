"""Every item with both arms' scores and answers, read from the run's files as the item browser needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson
from attrs import define, field

from exx import DataError, read_columns

if TYPE_CHECKING:
    from exx import Results

ARMS = ("control", "treatment")
_PLACE = ("item_key", "type", "condition", "temp")
COUNTS = ("n_samples", "n_failed", "n_truncated")
_SCORE = "exx score --pred-csv predictions.csv --prepared-dir data/prepared --out-dir results makes it anew"
_PARSE = "exx parse --results-jsonl results_combined.jsonl --out-csv predictions.csv makes it anew"
_MOST_ALIASES = 40

Scored = tuple[float | None, ...]
"""One arm's row: the metrics in their order, then ``n_samples``, ``n_failed``, ``n_truncated``."""

Answer = str | list[str]


def _sample(answer: tuple[int, Answer]) -> int:
    return answer[0]


@define
class Row:
    """An item at one temperature and type.

    Attributes:
        item: Its place in ``Table.keys``.
        place: Its place in ``Table.places``.
        scores: By arm; None where the arm has no row.
        answers: By arm: numbers of samples with their texts, or ``[reason]`` where the request failed; None where there
            is nothing. Texts over the budget are missing.
    """

    item: int
    place: int
    scores: list[Scored | None]
    answers: list[list[tuple[int, Answer]] | None]

    def said(self, arm: int) -> list[Answer]:
        """One arm's answers by the number of their sample."""
        return [answer for _, answer in sorted(self.answers[arm] or [], key=_sample)]


@define
class Table:
    """All items.

    Attributes:
        metrics: Names of the metrics that the score file has.
        keys: Each item's key, ``dataset|id``.
        places: Temperature and type.
        rows: In the order of the score file.
        questions: By item; None where the prepared items are not at hand.
        right: By item: right answers, at most 40 and how many more there are; None where they are not at hand, and an
            empty list where the right thing is to abstain.
        passages: By item: which of ``passage_texts``; None without one.
        passage_texts: Each passage once.
        missing: What is not at hand, in words.
    """

    metrics: list[str]
    keys: list[str] = field(factory=list)
    places: list[tuple[float, str]] = field(factory=list)
    rows: list[Row] = field(factory=list)
    questions: list[str | None] = field(factory=list)
    right: list[tuple[list[str], int] | None] = field(factory=list)
    passages: list[int | None] = field(factory=list)
    passage_texts: list[str] = field(factory=list)
    missing: list[str] = field(factory=list)
    left_out: int = 0

    def deltas(self, metric: str, place: tuple[float, str]) -> dict[float, int]:
        """How often the arms differ by how much, treatment − control, over the complete pairs of a place."""
        found: dict[float, int] = {}
        if metric not in self.metrics or place not in self.places:
            return found
        column, number = self.metrics.index(metric), self.places.index(place)
        for row in self.rows:
            control, treatment = row.scores
            if row.place == number and control is not None and treatment is not None:
                before, after = control[column], treatment[column]
                if before is not None and after is not None:
                    delta = round(after - before, 12)
                    found[delta] = found.get(delta, 0) + 1
        return found


def read_table(results: Results, longest: int) -> Table:
    """Read scores, answers and questions.

    Args:
        results: A finished trial that has per_item_scores.csv.
        longest: Characters of answers to keep; further answers are counted in ``left_out``.

    Raises:
        DataError: A file is damaged.
    """
    table = _scores(results)
    if results.has("predictions.csv"):
        _add_answers(results.folder / "predictions.csv", table, longest)
    else:
        table.missing.append("predictions.csv is not among the results, so the answers are not at hand")
    if results.prepared is None:
        table.missing.append("the prepared items are not at hand, so questions, right answers and passages are missing")
    else:
        _add_questions(results.prepared, table)
    return table


def _scores(results: Results) -> Table:
    path = results.folder / "per_item_scores.csv"
    with path.open(encoding="utf-8-sig") as lines:
        header = lines.readline().rstrip("\r\n").split(",")
    table = Table(metrics=[metric.name for metric in results.metrics if metric.name in header])
    rows: dict[tuple[str, str, str], Row] = {}
    items: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    for key, kind, arm, temp, *cells in read_columns(path, _PLACE, optional=(*table.metrics, *COUNTS), hint=_SCORE):
        row = rows.get((key, kind, temp))
        if row is None:
            place = places.setdefault((temp, kind), len(places))
            row = Row(items.setdefault(key, len(items)), place, [None, None], [None, None])
            rows[key, kind, temp] = row
        try:
            row.scores[ARMS.index(arm)] = tuple([float(cell) if cell else None for cell in cells])
        except ValueError as cause:
            raise DataError(path, f"{key}, {arm}: not a score ({cause})", hint=_SCORE) from cause
    table.rows, table.keys = list(rows.values()), list(items)
    table.places = [(float(temp), kind) for temp, kind in places]
    table.questions = [None] * len(items)
    table.right = [None] * len(items)
    table.passages = [None] * len(items)
    return table


def _add_answers(path: Path, table: Table, longest: int) -> None:
    where = {(table.keys[row.item], *table.places[row.place]): row for row in table.rows}
    columns = ("custom_id", "response_text")
    for custom_id, text, error in read_columns(path, columns, optional=("error",), hint=_PARSE):
        key, *rest = custom_id.rsplit("|", 4)
        if len(rest) != 4 or rest[0] not in ARMS:
            continue
        arm, temp, sample, kind = ARMS.index(rest[0]), float(rest[1]), int(rest[2]), rest[3]
        row = where.get((key, temp, kind))
        if row is None:
            continue
        if not error:
            if len(text) > longest:
                table.left_out += 1
                continue
            longest -= len(text)
        answer = sample, [error[:2_000]] if error else text
        before = row.answers[arm]
        if before is None:
            row.answers[arm] = [answer]
        else:
            before.append(answer)


def _add_questions(prepared: Path, table: Table) -> None:
    wanted = {tuple(map(unquote, key.split("|", 1))): number for number, key in enumerate(table.keys)}
    passages: dict[str, int] = {}
    for item, at in _prepared(prepared):
        try:
            number = wanted.get((item["dataset"], str(item["id"])))
            if number is None:
                continue
            table.questions[number] = str(item["question"])
            if "answers" in item:
                known = list(dict.fromkeys(map(str, item["answers"])))
                table.right[number] = known[:_MOST_ALIASES], max(0, len(known) - _MOST_ALIASES)
            if item.get("is_unanswerable"):
                table.right[number] = [], 0
            if item.get("context"):
                table.passages[number] = passages.setdefault(str(item["context"]), len(passages))
        except (KeyError, TypeError) as cause:
            raise DataError(at[0], f"not an item ({cause!r})", line=at[1], hint="exx prepare makes it anew") from cause
    table.passage_texts = list(passages)


def _prepared(folder: Path) -> Iterator[tuple[Any, tuple[Path, int]]]:
    for path in (folder / "open_book.jsonl", folder / "closed_book.jsonl"):
        if not path.exists():
            continue
        with path.open("rb") as lines:
            yield from (
                (_item(line, path, number), (path, number)) for number, line in enumerate(lines, 1) if line.strip()
            )


def _item(line: bytes, path: Path, number: int) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as cause:
        raise DataError(path, f"not JSON ({cause})", line=number, hint="exx prepare makes it anew") from cause
