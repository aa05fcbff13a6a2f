"""Phase prepare: datasets into prepared items, in a seeded order, with limits, checked.

The order of the items is that of a hash of seed, dataset and id. So it does not change when limits change or items are
added, and the first 100 items are a prefix of the first 200.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from attrs import asdict, evolve

from exx import __version__
from exx.errors import ConfigError, DataError, ExxError
from exx.experiment import Bound
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.pipeline.describe import MANIFEST, Read, describe
from exx.pipeline.items import FILES, without_collector, write_items
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
        with without_collector():
            read = _read(ctx)
            config = ctx.experiment.config
            pools = [found.items for found in read]
            shares = share(pools, ctx.options.limit_items, config.sizes, config.stats.random_seed)
            together = zip(ctx.experiment.datasets, read, shares, strict=True)
            described = [describe(dataset, found, kept) for dataset, found, kept in together]
            outcome = _written(ctx, [item for kept in shares for item in kept], described)
        if skipped := sum(found.skipped for found in read):
            words = "1 row" if skipped == 1 else f"{skipped:,} rows"
            return evolve(outcome, summary=f"{outcome.summary}; {words} that could not be used skipped")
        return outcome


def _read(ctx: TrialContext) -> list[Read]:
    read: list[Read] = []
    for dataset in ctx.experiment.datasets:
        ctx.stop.check()
        read.append(load_items(dataset))
        _check(read[-1].items, dataset.name)
    # Before the limits: a small trial run is there to find mistakes.
    _refuse_duplicates(Counter(item.key for found in read for item in found.items))
    return read


def _written(ctx: TrialContext, items: list[Item], described: list[dict[str, Json]]) -> Outcome:
    if not items:
        raise ConfigError("sizes", ["no items are left after the limits"], hint="raise --limit-items or sizes")
    paths = [write_items(ctx.prepared, kind, (i for i in items if i.type == kind)) for kind in FILES]
    counts: dict[str, Json] = dict(Counter(f"{item.type}_book" for item in items))
    manifest = ctx.prepared / MANIFEST
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
    words = f"{len(items)} items of {', '.join(str(d['name']) for d in described)}"
    return Outcome(artifacts=[*paths, manifest], summary=words, details={"datasets": described, "items": len(items)})


def load_items(dataset: Bound) -> Read:
    """Read a dataset completely; a failure that is not its own refusal names the plugin."""
    try:
        loaded = dataset.instance.load()
        items = list(loaded.items)
    except ExxError:
        raise
    except Exception as cause:
        raise dataset.failure(cause) from cause
    return Read(group_repeats(items), asdict(loaded.provenance), loaded.log)


def group_repeats(items: list[Item]) -> list[Item]:
    """Give items that ask the same on the same passage one group, where they have none: they are not independent."""
    asked = Counter((item.question, item.context) for item in items)
    if len(asked) == len(items):
        return items
    return [
        evolve(item, group=_name_of(item)) if item.group is None and asked[item.question, item.context] > 1 else item
        for item in items
    ]


def _name_of(item: Item) -> str:
    return hashlib.blake2b(f"{item.question}|{item.context}".encode(), digest_size=8).hexdigest()


def share(
    pools: Sequence[Iterable[Item]], limit: int | None, sizes: Mapping[str, int | None], seed: int
) -> list[list[Item]]:
    """Put the items of every dataset into their seeded order and apply the limits.

    The caps of ``sizes`` come first, and hold for all datasets together: the items of all are gone through in one
    seeded order, so that each dataset's share of a capped type is about its share of that type. A larger cap only adds
    items. Then the first ``limit`` of each dataset are kept, so a larger limit only adds items too, at the end.
    """
    ranked = sorted(
        ((_rank(seed, item), index, item) for index, pool in enumerate(pools) for item in pool),
        key=lambda entry: entry[:2],
    )
    kept: list[list[Item]] = [[] for _ in pools]
    taken: Counter[str] = Counter()
    caps = {name: cap for name, cap in sizes.items() if cap is not None}
    for _, index, item in ranked:
        if caps:
            names = (f"{item.type}_book_max_items", f"{item.dataset}_max_items")
            if any(taken[name] >= caps[name] for name in names if name in caps):
                continue
            taken.update(names)
        kept[index].append(item)
    return kept if limit is None else [items[:limit] for items in kept]


def select(items: Iterable[Item], limit: int | None, sizes: Mapping[str, int | None], seed: int) -> list[Item]:
    """Do what ``share`` does, for one dataset alone."""
    return share([items], limit, sizes, seed)[0]


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
