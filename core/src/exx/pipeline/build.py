"""Phase build: items and prompts into request parts, one file per temperature, arm and part.

Items are dealt to parts in their seeded order, both arms alike, so that every prefix of parts is a fair paired sample.
Within a part, items that share a passage follow each other: a server that caches prompt prefixes then reads it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import orjson

from exx import __version__
from exx.config.trials import Trial, safe_name, temp_label
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.pipeline.items import FILES, read_items
from exx.records import CONDITIONS, Condition, Item, Json, PromptTexts, RequestId
from exx.state.files import atomic_path, publish, sha256_file, write_json
from exx.state.ledger import digest


class Build(FilePhase):
    """Write every request of a trial."""

    name: ClassVar[str] = "build"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """Items, each prompt text, and every decoding setting."""
        texts, trial, config = ctx.prompts.texts, ctx.trial, ctx.experiment.config
        return {
            "items": ctx.digest_of("prepare", FILES.values()),
            "prompt control": digest(texts.control),
            "prompt treatment": digest(texts.treatment),
            "task instructions": digest([texts.open_book, texts.closed_book]),
            "temps": digest(trial.temps),
            "samples_per_item": digest(dict(config.samples_per_item)),
            "decoding": digest([trial.top_p, trial.top_k, config.stop, *_limits(trial)]),
            "random_seed": str(config.stats.random_seed),
            "parts": digest([ctx.options.parts_per_dataset, ctx.options.lines_per_part, trial.prompt_set]),  # in names
            "conditions": digest(ctx.options.conditions),
            "exx-core": __version__,
        }

    def run(self, ctx: TrialContext) -> Outcome:
        """Write the parts and build_manifest.json, and publish them for other tools."""
        dealt = deal(list(read_items(ctx.prepared)), ctx)
        parts = []
        for temp in ctx.trial.temps:
            for number, items in enumerate(dealt, start=1):
                for condition in ctx.options.conditions:
                    ctx.stop.check()
                    parts.append(_write_part(ctx, condition, temp, number, items))
        manifest = ctx.batch_inputs / "build_manifest.json"
        write_json(manifest, {"schema_version": 2, "trial": ctx.trial.slug, "parts": parts})
        paths = [ctx.batch_inputs / str(part["file"]) for part in parts]
        for path in [*paths, manifest]:
            publish(path, ctx.experiment.config.paths.batch_inputs_dir / path.name)
        total = sum(int(str(part["lines"])) for part in parts)
        words = f"{total} requests in {len(parts)} parts"
        return Outcome(artifacts=[*paths, manifest], summary=words, details={"requests": total, "parts": parts})


def _limits(trial: Trial) -> tuple[int, int]:
    return trial.max_new_tokens.closed_book, trial.max_new_tokens.open_book


def samples_at(ctx: TrialContext, temp: float) -> int:
    """Replicates per item at a temperature: 1 unless the config says more."""
    return ctx.experiment.config.samples_per_item.get(repr(float(temp)), 1)


def deal(items: Sequence[Item], ctx: TrialContext) -> list[list[Item]]:
    """Split the items into parts, each dataset evenly over all of them."""
    mixed, count = _mixed(items), _part_count(len(items), ctx)
    parts = [mixed[len(mixed) * k // count : len(mixed) * (k + 1) // count] for k in range(count)]
    return [_neighbours(part) for part in parts if part]


def _mixed(items: Iterable[Item]) -> list[Item]:
    """Shuffle the datasets into each other like cards, so that every prefix has its share of each."""
    by_dataset: dict[str, list[Item]] = {}
    for item in items:
        by_dataset.setdefault(item.dataset, []).append(item)
    placed = [
        ((2 * i + 1) / len(own), n, item) for n, own in enumerate(by_dataset.values()) for i, item in enumerate(own)
    ]
    return [item for *_, item in sorted(placed, key=lambda entry: entry[:2])]


def _part_count(items: int, ctx: TrialContext) -> int:
    if ctx.options.parts_per_dataset is not None:
        return ctx.options.parts_per_dataset
    if ctx.options.lines_per_part is None:
        return 1
    most = max(1, ctx.options.lines_per_part // max(samples_at(ctx, temp) for temp in ctx.trial.temps))
    return max(1, -(-items // most))


def _neighbours(items: Iterable[Item]) -> list[Item]:
    """Open-book items first, those with one passage together, otherwise in their order."""
    first: dict[tuple[str, str | None], int] = {}
    ranked = []
    for index, item in enumerate(items):
        passage = (item.type, item.context)
        rank = first.setdefault(passage, index) if item.context is not None else index
        ranked.append((item.type == "closed", rank, index, item))
    return [item for *_, item in sorted(ranked, key=lambda entry: entry[:3])]


def _write_part(
    ctx: TrialContext, condition: Condition, temp: float, number: int, items: Sequence[Item]
) -> dict[str, Json]:
    name = f"t{temp_label(temp)}_{safe_name(ctx.trial.prompt_set)}_{condition}.p{number:02d}.jsonl"
    path = ctx.batch_inputs / name
    lines = 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for row in _rows(ctx, condition, temp, items):
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            lines += 1
    return {
        "file": name,
        "condition": condition,
        "temp": temp,
        "part": number,
        "lines": lines,
        "size": path.stat().st_size,
        "sha256": sha256_file(path),
    }


def _rows(ctx: TrialContext, condition: Condition, temp: float, items: Iterable[Item]) -> Iterator[dict[str, Any]]:
    texts = ctx.prompts.texts
    system = texts.control if condition == CONDITIONS[0] else texts.treatment
    params = {kind: _params(ctx, temp, kind) for kind in ("open", "closed")}
    for item in items:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user_message(texts, item)}]
        for sample in range(samples_at(ctx, temp)):
            custom_id = RequestId(item.dataset, item.id, condition, float(temp), sample, item.type).encode()
            body = {"messages": messages, **params[item.type]}
            if temp > 0:
                body["seed"] = _seed(ctx.experiment.config.stats.random_seed, item.key, sample)
            yield {"custom_id": custom_id, "body": body}


def user_message(texts: PromptTexts, item: Item) -> str:
    """What the user says: the task, the passage if there is one, the question. The same in both arms."""
    if item.context is None:
        return f"{texts.closed_book}\n\nQuestion: {item.question}"
    return f"{texts.open_book}\n\nPassage:\n{item.context}\n\nQuestion: {item.question}"


def _params(ctx: TrialContext, temp: float, kind: str) -> dict[str, Json]:
    closed, opened = _limits(ctx.trial)
    params: dict[str, Json] = {
        "max_tokens": opened if kind == "open" else closed,
        "temperature": float(temp),
        "top_p": ctx.trial.top_p,
        "top_k": ctx.trial.top_k,
    }
    if ctx.experiment.config.stop:
        params["stop"] = list(ctx.experiment.config.stop)
    return params


def _seed(random_seed: int, item_key: str, sample: int) -> int:
    """A sampling seed of its own for every item and replicate, the same in both arms."""
    drawn = hashlib.blake2b(f"{random_seed}|{item_key}|{sample}".encode(), digest_size=4).digest()
    return int.from_bytes(drawn, "big") >> 1
