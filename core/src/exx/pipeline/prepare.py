"""Phase prepare: datasets into prepared items, in a seeded order, with limits, checked.

The order of a dataset's items is that of a hash of seed, dataset and id. So it does not change when limits change or
items are added, and the first 100 items are a prefix of the first 200.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import asdict

from exx import __version__
from exx.errors import ConfigError, DataError, ExxError
from exx.experiment import Bound
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.pipeline.items import FILES, write_items
from exx.records import Item, Json
from exx.state.files import publish, sha256_file, write_json
from exx.state.ledger import UNKNOWN, digest


class Prepare(FilePhase):
    """Read every dataset once and write what the run will ask about."""

    name: ClassVar[str] = "prepare"
    scope: ClassVar[Scope] = "run"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Each dataset with its options and content; limits; the seed of the order."""
        config = ctx.experiment.config
        inputs = {
            "limits": digest([ctx.options.limit_items, dict(config.sizes)]),
            "random_seed": str(config.stats.random_seed),
            "exx-core": __version__,
        }
        for index, dataset in enumerate(ctx.experiment.datasets):
            content = dataset.call("digest")
            name = f"dataset {dataset.name}[{index}]"
            inputs[name] = digest([dataset.stamp(), content]) if content is not None else UNKNOWN
        return inputs

    def run(self, ctx: TrialContext) -> Outcome:
        """Write open_book.jsonl, closed_book.jsonl and prepared_manifest.json; publish them for other tools."""
        items: list[Item] = []
        described: list[dict[str, Any]] = []
        seen: Counter[str] = Counter()
        for dataset in ctx.experiment.datasets:
            ctx.stop.check()
            chosen, description = _prepare(dataset, ctx, seen)
            items += chosen
            described.append(description)
        _refuse_duplicates(seen)
        if not items:
            raise ConfigError("sizes", ["no items are left after the limits"], hint="raise --limit-items or sizes")
        paths = [write_items(ctx.prepared, kind, (i for i in items if i.type == kind)) for kind in FILES]
        counts: dict[str, Json] = dict(Counter(f"{item.type}_book" for item in items))
        manifest = ctx.prepared / "prepared_manifest.json"
        write_json(
            manifest,
            {
                "schema_version": 2,
                "counts": counts,
                "datasets": described,
                "random_seed": ctx.experiment.config.stats.random_seed,
                "sha256": {path.name: sha256_file(path) for path in paths},
            },
        )
        for path in [*paths, manifest]:
            publish(path, ctx.experiment.config.paths.prepared_dir / path.name)
        words = f"{len(items)} items of {', '.join(d['name'] for d in described)}"
        return Outcome(
            artifacts=[*paths, manifest], summary=words, details={"datasets": described, "items": len(items)}
        )


def load_items(dataset: Bound) -> tuple[list[Item], Mapping[str, Json]]:
    """Read a dataset completely; a failure that is not its own refusal names the plugin."""
    try:
        loaded = dataset.instance.load()
        return list(loaded.items), asdict(loaded.provenance)
    except ExxError:
        raise
    except Exception as cause:
        raise dataset.failure(cause) from cause


def _prepare(dataset: Bound, ctx: TrialContext, seen: Counter[str]) -> tuple[list[Item], dict[str, Any]]:
    items, provenance = load_items(dataset)
    _check(items, dataset.name)
    seen.update(item.key for item in items)  # before the limits: a small trial run is there to find mistakes
    chosen = select(
        items, ctx.options.limit_items, ctx.experiment.config.sizes, ctx.experiment.config.stats.random_seed
    )
    questions = Counter((item.question, item.context) for item in items)
    return chosen, {
        "name": dataset.name,
        "plugin": dataset.stamp(),
        "provenance": provenance,
        "available": len(items),
        "items": len(chosen),
        "open_book": sum(item.type == "open" for item in chosen),
        "closed_book": sum(item.type == "closed" for item in chosen),
        "unanswerable": sum(item.is_unanswerable for item in chosen),
        "groups": len({item.group for item in chosen if item.group is not None}),
        "duplicate_questions": sum(count - 1 for count in questions.values()),
    }


def select(items: Iterable[Item], limit: int | None, sizes: Mapping[str, int | None], seed: int) -> list[Item]:
    """Put items into their seeded order and apply the limits: by type, by dataset, and the command line's."""
    kept: list[Item] = []
    taken: Counter[str] = Counter()
    for item in sorted(items, key=lambda i: _rank(seed, i)):
        names = (f"{item.type}_book_max_items", f"{item.dataset}_max_items")
        caps = [sizes.get(name) for name in names]
        if any(cap is not None and taken[name] >= cap for name, cap in zip(names, caps, strict=True)):
            continue
        taken.update(names)
        kept.append(item)
    return kept if limit is None else kept[:limit]


def _rank(seed: int, item: Item) -> bytes:
    return hashlib.blake2b(f"{seed}|{item.dataset}|{item.id}".encode(), digest_size=16).digest()


def _check(items: Iterable[Item], name: str) -> None:
    for item in items:
        if not item.question.strip():
            raise DataError(f"dataset {name}", f"item {item.id!r} has an empty question")
        if not item.answers and not item.is_unanswerable:
            raise DataError(f"dataset {name}", f"item {item.id!r} is answerable but has no answers")


def _refuse_duplicates(seen: Mapping[str, int]) -> None:
    twice = [key for key, count in seen.items() if count > 1]
    if twice:
        more = f" and {len(twice) - 5} more" if len(twice) > 5 else ""
        words = "1 item id occurs" if len(twice) == 1 else f"{len(twice)} item ids occur"
        raise DataError(
            "datasets",
            f"{words} more than once: {', '.join(twice[:5])}{more}",
            hint="ids must be unique within a dataset, and datasets must have different names",
        )
