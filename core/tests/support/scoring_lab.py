"""What the tests of scoring share: items, scorers and a detector made for them, and a predictions file in one call."""

from __future__ import annotations

import csv
from pathlib import Path

import orjson
from attrs import frozen

from exx import Metric
from exx.pipeline.scoring import score_files

COLUMNS = "custom_id,dataset,item_id,condition,temp,sample_index,type,request_id,finish_reason,response_text,error"


@frozen(kw_only=True)
class Letters:
    """A scorer made for these tests: right is the right answer itself, ``share`` its share of the answer's letters."""

    name = "letters"
    metrics = (Metric("em", "Exact match"), Metric("share", "Share", binary=False))
    datasets = ("quiz",)

    def score(self, batch):
        em, share = [], []
        for answered in batch:
            rights = ("",) if answered.item.is_unanswerable else answered.item.answers
            for text in answered.texts:
                em.append(float(text in rights))
                share.append(None if not text else max(text.count(right) * len(right) for right in rights) / len(text))
        return {"em": em, "share": share}


@frozen(kw_only=True)
class Everywhere:
    """A scorer of every dataset: the length of the answer against ten letters."""

    name = "everywhere"
    metrics = (Metric("length", "Length", binary=False),)
    datasets = None

    def score(self, batch):
        return {"length": [min(1.0, len(text) / 10) for answered in batch for text in answered.texts]}


@frozen(kw_only=True)
class InPassage:
    """A detector: an answer that stands in the passage is supported, a part of it by half."""

    name = "in_passage"
    cutoff = 0.5

    def support(self, batch):
        return [
            1.0 if answer in grounded.context else 0.5 if answer[:2] in grounded.context else 0.0
            for grounded in batch
            for _, answer in grounded.claims
        ]


ITEMS = {
    "open_book": [
        {"id": "o1", "dataset": "quiz", "question": "Who?", "context": "Ann won.", "answers": ["Ann"], "group": "p,1"},
        {
            "id": "o2",
            "dataset": "quiz",
            "question": "When?",
            "context": "Ann won.",
            "answers": [],
            "is_unanswerable": True,
        },
    ],
    "closed_book": [{"id": "o1", "dataset": "quiz", "question": "Where?", "answers": ["Rome", "Roma"]}],
}


def prepare(folder: Path, items) -> Path:
    for name, records in items.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return folder


def row(item, condition, text, *, kind="open", temp="0.0", sample=0, finish="stop", error="", dataset="quiz"):
    return ["id", dataset, item, condition, temp, sample, kind, "r", finish, text, error]


def score(folder: Path, rows, *, scorers=(Letters(),), detector=None, **options):
    with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS.split(","))
        writer.writerows(rows)
    out = folder / "out" / "per_item_scores.csv"
    summary = score_files(folder / "predictions.csv", folder, out, scorers=scorers, detector=detector, **options)
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), summary
