"""In what two trials differ beside their answers: settings, prompts, versions, datasets, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from exx.errors import DataError
from exx.records import Condition, Item, Json
from exx.runs.opened import OpenTrial

_MISSING = "not set"
_LONGEST_VALUE = 200
_TRIAL = ("model", "prompt_set", "temps", "top_p", "top_k", "max_new_tokens")
_SCORING = ("abstention", "scorers", "unsupported", "fallback_scorer")
_DECODING = ("trial.temps", "trial.top_p", "trial.top_k", "trial.max_new_tokens", "stop", "samples_per_item")


@frozen
class Change:
    """A setting that is not the same.

    Attributes:
        key: Its name: that of the config, or ``trial.…``, ``prompt.…``, ``dataset.…``, ``version.…``.
        a: Value in the first; None where it is not set.
        b: Value in the second.
    """

    key: str
    a: Json
    b: Json

    def cells(self) -> list[str]:
        """Key and values as plain strings, a long one cut."""
        return [self.key, _shown(self.a), _shown(self.b)]


def _shown(value: Json) -> str:
    if value is None:
        return _MISSING
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} …"


def changes(a: OpenTrial, b: OpenTrial) -> list[Change]:
    """Every setting that differs, by the names of their keys."""
    left, right = dict(_settings(a)), dict(_settings(b))
    keys = dict.fromkeys([*left, *right])
    return [Change(key, left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)]


def _settings(trial: OpenTrial) -> Iterator[tuple[str, Json]]:
    manifest: Any = trial.manifest.document
    config: Any = trial.run.document.get("config") if trial.run else None
    for key in _TRIAL:
        yield f"trial.{key}", manifest.get(key)
    for arm, prompt in (manifest.get("prompts") or {}).items():
        yield f"prompt.{arm}", f"{prompt['words']} words, sha256 {prompt['sha256'][:12]}"
    for dataset in _datasets(trial):
        source = dataset.get("provenance") or {}
        yield f"dataset.{dataset['name']}", _known({k: source.get(k) for k in ("source", "sha256", "revision")})
    # What the trial itself says of these counts: the config's may be those of other trials too.
    yield from sorted(_flat({key: value for key, value in (config or {}).items() if key not in _TRIAL}))
    for plugin in manifest.get("plugins") or ():
        yield f"version.{plugin['distribution']}", plugin["version"]


def _known(values: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in values.items() if value is not None}


def _datasets(trial: OpenTrial) -> list[dict[str, Any]]:
    path = trial.results.prepared and trial.results.prepared / "prepared_manifest.json"
    if path is None or not path.is_file():
        return []
    try:
        found: list[dict[str, Any]] = orjson.loads(path.read_bytes())["datasets"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as cause:
        raise DataError(path, f"is damaged ({cause!r})", hint="exx prepare makes it anew") from cause
    return found


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Json]]:
    for key, value in tree.items():
        here = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and value:
            yield from _flat(value, here)
        else:
            yield here, value


def warnings(a: OpenTrial, b: OpenTrial, found: list[Change], arms: tuple[Condition, ...]) -> list[str]:
    """What keeps the difference of the answers from being due to one thing, in words, the weightiest first."""
    keys = {change.key for change in found}
    one, other = a.manifest.document, b.manifest.document
    several = []
    told = []
    if "trial.model" in keys:
        several.append("the model")
        told.append(f"different models were asked: {one.get('model')} and {other.get('model')}")
    for arm in arms:
        if f"prompt.{arm}" in keys:
            several.append(f"the {arm} prompt")
            told.append(f"the {arm} prompts are different texts")
    if _any(keys, *_DECODING):
        several.append("decoding")
        told.append("the answers were drawn with other settings (temperature, top_p, top_k, length or replicates)")
    if _any(keys, "backend"):
        several.append("the backend")
        told.append("different backends, or other options of one, gave the answers")
    changed = [change.key.removeprefix("dataset.") for change in found if change.key.startswith("dataset.")]
    if changed:
        told.append(f"the questions come from different sources: {', '.join(changed)}")
    if _any(keys, *_SCORING):
        told.append("the answers were scored by different rules (abstention, scorers or detector)")
    if len(several) > 1:
        told.insert(0, f"more than one thing differs ({', '.join(several)}): no difference is due to one of them alone")
    made_up = " and ".join(dict.fromkeys(trial.title for trial in (a, b) if trial.results.simulated))
    return [*told, f"the answers of {made_up} were made up; no model was asked"] if made_up else told


def _any(keys: set[str], *wanted: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for key in keys for name in wanted)


def changed_items(a: OpenTrial, b: OpenTrial) -> set[str]:
    """Keys of items that both trials have and that are not the same question: another text, passage or right answer."""
    homes = [trial.results.prepared for trial in (a, b)]
    if homes[0] is None or homes[1] is None or _digests(homes[0]) == _digests(homes[1]) is not None:
        return set()
    left, right = (dict(_items(home)) for home in homes if home is not None)
    return {key for key, said in left.items() if key in right and right[key] != said}


def _digests(prepared: Path) -> Json:
    path = prepared / "prepared_manifest.json"
    found: Json = orjson.loads(path.read_bytes()).get("sha256") if path.is_file() else None
    return found


def _items(prepared: Path) -> Iterator[tuple[str, int]]:
    for path in (prepared / "open_book.jsonl", prepared / "closed_book.jsonl"):
        if path.is_file():
            with path.open("rb") as lines:
                yield from map(_item, lines)


def _item(line: bytes) -> tuple[str, int]:
    row = orjson.loads(line)
    said = (row["question"], row.get("context"), tuple(row["answers"]), bool(row.get("is_unanswerable")))
    return Item(row["dataset"], str(row["id"]), row["question"], ()).key, hash(said)
