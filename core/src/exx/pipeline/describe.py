"""What was read and what was kept of a dataset, as numbers for prepared_manifest.json and for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from statistics import median
from typing import Any

from attrs import frozen

from exx.experiment import Bound
from exx.reading.log import ReadLog, with_field
from exx.records import Item, Json

MANIFEST = "prepared_manifest.json"


@frozen(slots=False)
class Read:
    """A dataset that has been read completely.

    Attributes:
        items: Its items, in its own order.
        provenance: Where they come from, as plain data.
        log: What was skipped and counted; None if the dataset keeps no log.
    """

    items: list[Item]
    provenance: Mapping[str, Json]
    log: ReadLog | None = None

    @cached_property
    def duplicates(self) -> int:
        """Items that ask what an earlier one asks, on the same passage."""
        return len(self.items) - len({(item.question, item.context) for item in self.items})

    @property
    def skipped(self) -> int:
        """Rows that could not be used and were passed over."""
        return self.log.skipped if self.log else 0


def describe(dataset: Bound, read: Read, kept: Sequence[Item]) -> dict[str, Json]:
    """Describe what a dataset holds, what was skipped of its file, and what is left of it after the limits."""
    return {
        "name": dataset.name,
        "plugin": dataset.stamp(),
        "provenance": read.provenance,
        "available": len(read.items),
        "items": len(kept),
        **_kinds(kept),
        "groups": len({item.group for item in kept if item.group is not None}),
        "duplicate_questions": read.duplicates,
        "read": {
            "items": len(read.items),
            **_kinds(read.items),
            "unanswerable_share": _share(read.items),
            "answer_characters": _lengths(map(len, chain.from_iterable(item.answers for item in read.items))),
            "answers_per_item": _lengths(len(item.answers) for item in read.items if item.answers),
            "duplicate_questions": read.duplicates,
            "counts": {what: dict(counts.most_common()) for what, counts in read.log.counts.items()}
            if read.log
            else {},
        },
        "skipped": read.log.to_json() if read.log else {"count": 0, "first": []},
    }


def table_of(described: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table of what was read: a row for each dataset."""
    header = ["dataset", "read", "kept", "open", "closed", "unanswerable", "answer length", "duplicates", "skipped"]
    rows = []
    for one in described:
        read = one["read"]
        share = read["unanswerable_share"]
        length = read["answer_characters"]
        rows.append(
            [
                one["name"],
                f"{read['items']:,}",
                f"{one['items']:,}",
                f"{read['open_book']:,}",
                f"{read['closed_book']:,}",
                "–" if share is None else f"{read['unanswerable']:,} ({share:.1%})",
                "–" if length is None else f"{length['median']:g}, at most {length['max']:,}",
                f"{read['duplicate_questions']:,}",
                f"{one['skipped']['count']:,}",
            ]
        )
    return header, rows


def notes_of(described: Iterable[Mapping[str, Any]]) -> list[str]:
    """Lines beneath the table: what else was counted, and the first rows that were skipped."""
    lines = []
    for one in described:
        for what, counts in one["read"]["counts"].items():
            lines.append(f"{one['name']}: {what}: {', '.join(f'{value} {n:,}' for value, n in counts.items())}")
        skipped = one["skipped"]
        lines += [
            f"{one['name']}: skipped {row['place']}: {with_field(row['field'], row['reason'])}"
            for row in skipped["first"]
        ]
        if (more := skipped["count"] - len(skipped["first"])) > 0 and skipped["first"]:
            lines.append(f"{one['name']}: … and {more:,} more")
    return lines


def _counted(read: Read) -> Iterable[tuple[str, Counter[str]]]:
    return read.log.counts.items() if read.log else ()


def _kinds(items: Sequence[Item]) -> dict[str, Json]:
    return {
        "open_book": sum(item.type == "open" for item in items),
        "closed_book": sum(item.type == "closed" for item in items),
        "unanswerable": sum(item.is_unanswerable for item in items),
    }


def _share(items: Sequence[Item]) -> float | None:
    """Share of the open-book items that cannot be answered: only a passage can lack an answer. None without any."""
    opened = [item for item in items if item.type == "open"]
    return sum(item.is_unanswerable for item in opened) / len(opened) if opened else None


def _lengths(lengths: Iterable[int]) -> dict[str, Json] | None:
    found = list(lengths)
    return {"median": median(found), "max": max(found)} if found else None
