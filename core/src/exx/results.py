"""Reading a finished trial back: what reporters are given, and what a notebook starts from.

    results = exx.load_results("experiments/run_x/some-trial/results")
    for row in results.verdict():
        print(row.sentence)

Every file is read when it is first asked for. A missing or damaged one is told with the command that makes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from attrs import define, frozen

from exx.answers import ArmCounts, Example, count_answers, find_examples
from exx.caveats import caveats
from exx.config.schema import Config, Verdict
from exx.drift import ArmAnswered, differences, read_answered
from exx.errors import DataError
from exx.integrity import FILE as INTEGRITY
from exx.integrity import Integrity, Skipped, read_integrity, read_skipped
from exx.judgement import Judgement
from exx.methods import Method, describe
from exx.records import Address, Finding, Json, Metric
from exx.rows import read_columns
from exx.verdict import (
    GuardRow,
    Rules,
    VerdictRow,
    cost_guard,
    guard_rows,
    primary_of,
    render_table,
    table_header,
    verdict_rows,
)
from exx.verdict.guards import COST

_MAKERS = {
    "significance.json": "exx stats --per-item-csv results/per_item_scores.csv --out-path results/significance.json",
    "costs.json": "exx costs --pred-csv results/predictions.csv --out-path results/costs.json --config CONFIG",
    "metrics.json": "exx score --pred-csv results/predictions.csv --prepared-dir data/prepared --out-dir results",
    "findings.csv": "exx stats --per-item-csv results/per_item_scores.csv --out-path results/significance.json",
    "trial_manifest.json": "exx resume RUN_ID",
    "integrity.json": "exx score --pred-csv results/predictions.csv --prepared-dir data/prepared --out-dir results",
    "prepared_manifest.json": "exx prepare CONFIG",
}
_FINDING_COLUMNS = (
    "analysis",
    "metric",
    "temp",
    "type",
    "subgroup",
    "n",
    "estimate",
    "low",
    "high",
    "level",
    "p_value",
)
_FINDING_MORE = ("q_value", "reason", "details", "family")
_NUMBERS = ("estimate", "low", "high", "level", "p_value", "q_value")
_FINDING = ("analysis", "metric", "temp", "type", "subgroup", "n", *_NUMBERS, "reason", "details")


@frozen
class Block:
    """Part of significance.json: everything about one temperature, type and, perhaps, subgroup."""

    address: Address
    content: Mapping[str, Any]

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """What is known of each metric, by its name."""
        found: Mapping[str, Mapping[str, Any]] = self.content.get("metrics", {})
        return found


@define(kw_only=True, slots=False, eq=False)
class Results:
    """A finished trial.

    Attributes:
        folder: The results folder.
        config: The run's config; None when there is none, as for results computed from files alone.
        prepared: Folder of the prepared items; None when it is not at hand.
    """

    folder: Path
    config: Config | None = None
    prepared: Path | None = None

    @cached_property
    def significance(self) -> Mapping[str, Any]:
        """significance.json."""
        content = self._json("significance.json")
        if not isinstance(content.get("results"), dict):
            raise self._damaged("significance.json", "has no 'results'")
        return content

    @cached_property
    def costs(self) -> Mapping[str, Any] | None:
        """costs.json; None when there is none."""
        return self._json("costs.json") if self.has("costs.json") else None

    @cached_property
    def studies(self) -> dict[str, dict[str, Any]]:
        """What the study analyses made, by file name: the JSON objects in the folder that the core did not write."""
        names = sorted(path.name for path in self.folder.glob("*.json") if path.name not in _MAKERS)
        return {name: self._json(name) for name in names}

    @cached_property
    def manifest(self) -> Mapping[str, Any] | None:
        """trial_manifest.json; None when there is none, as for results computed from files alone."""
        return self._json("trial_manifest.json") if self.has("trial_manifest.json") else None

    @cached_property
    def answered(self) -> dict[str, ArmAnswered]:
        """When each arm was answered, by which models and how precisely; empty where the manifest does not say.

        Raises:
            DataError: The manifest's ``answered`` cannot be understood.
        """
        try:
            return read_answered(self.manifest or {})
        except (AttributeError, TypeError, ValueError) as cause:
            raise self._damaged("trial_manifest.json", f"does not say in 'answered' when ({cause!r})") from cause

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """What was measured: from metrics.json, else from significance.json; one without a description has its name."""
        described: Any = self._json("metrics.json") if self.has("metrics.json") else None
        if described is None:
            described = list(self.significance.get("metrics", {}).values())
        try:
            known = {row["name"]: Metric(**row) for row in described}
        except (TypeError, KeyError) as cause:
            raise self._damaged("metrics.json", f"is not a list of metrics ({cause!r})") from cause
        for block in self.blocks():
            for name in block.metrics:
                known.setdefault(name, Metric(name, name, binary=False))
        return tuple(known.values())

    def metric(self, name: str) -> Metric:
        """Look a metric up by its name."""
        return next((metric for metric in self.metrics if metric.name == name), Metric(name, name, binary=False))

    @cached_property
    def findings(self) -> list[Finding]:
        """Every finding: findings.csv, or without it what significance.json holds of each."""
        return list(self._findings_csv() if self.has("findings.csv") else self._findings_nested())

    @cached_property
    def arms(self) -> list[ArmCounts]:
        """Answers, abstentions and failures per temperature, type, dataset and arm; from per_item_scores.csv."""
        return count_answers(self.folder / "per_item_scores.csv")

    @property
    def primary(self) -> tuple[str, ...]:
        """The primary metrics: those of the config that were measured, else exact match, else the first metric."""
        return primary_of(self.intended, {name for block in self.blocks() for name in block.metrics})

    @property
    def intended(self) -> tuple[str, ...]:
        """The primary metrics the config names, whether they were measured or not."""
        return self._verdict.primary

    @property
    def alpha(self) -> float:
        """How small a p-value must be."""
        return self._verdict.alpha

    @property
    def rules(self) -> Rules:
        """What the verdict goes by."""
        return rules_of(self._verdict)

    def _usd_per_item(self) -> dict[float, float]:
        """Dollars for one item in both arms, by temperature; what was reused would have to be paid for other items."""
        items: dict[float, int] = {}
        for block in self.blocks():
            items[block.address.temp] = items.get(block.address.temp, 0) + block.content.get("n_items", 0)
        spent: dict[float, float] = {}
        for arm in (self.costs or {}).get("conditions", {}).values():
            for temp, cell in arm.items():
                usd = (cell.get("usd") or {}).get("total")
                if usd is not None:
                    spent[float(temp)] = spent.get(float(temp), 0.0) + usd
        return {temp: usd / items[temp] for temp, usd in spent.items() if items.get(temp)}

    @property
    def simulated(self) -> bool:
        """The answers were made up; no model was asked."""
        manifest = self.manifest or {}
        backend = manifest.get("backend") or {}
        return bool(manifest.get("simulated", backend.get("simulated", backend.get("name") == "dry_run")))

    @property
    def run_folder(self) -> Path | None:
        """``experiments/run_<id>``; None when the results are not part of a run."""
        folder = self.folder.resolve().parent.parent
        return folder if (folder / "run_state.json").is_file() else None

    @property
    def run_id(self) -> str | None:
        """The run's id."""
        return self.run_folder.name.removeprefix("run_") if self.run_folder else None

    def has(self, name: str) -> bool:
        """Whether the results folder holds a file of this name."""
        return (self.folder / name).is_file()

    def blocks(self, subgroups: bool = False) -> Iterator[Block]:
        """Every temperature and type, in the file's order; with ``subgroups`` each one's parts right behind it."""
        for temp, types in self.significance["results"].items():
            for kind, content in types.items():
                yield Block(Address(float(temp), kind), content)
                if subgroups:
                    yield from _parts(float(temp), kind, content)

    def verdict(self) -> list[VerdictRow]:
        """What can be said about each metric, temperature and type; the primary metrics first."""
        return verdict_rows(self.significance, self.metrics, self.primary, self.rules, self._usd_per_item())

    def guards(self) -> list[GuardRow]:
        """How the metrics that must not get worse fared, and the price."""
        rows = guard_rows(self.verdict(), self._verdict.guards, self.alpha)
        if COST not in self._verdict.guards or self.costs is None:
            return rows
        control = self.costs.get("conditions", {}).get("control", {})
        return rows + cost_guard(self.costs.get("difference", {}), control, self._verdict.cost_increase)

    def subgroup_verdict(self, block: Block) -> list[VerdictRow]:
        """The same for one part of the items alone, such as one dataset.

        Where the part holds every pair of the whole, it is the same hypothesis and has the same p and q.
        """
        alone = {"results": {repr(block.address.temp): {block.address.type: block.content}}}
        rows = verdict_rows(alone, self.metrics, self.primary, self.rules)
        whole = {(row.metric, row.address): row for row in self.verdict()}
        return [same if (same := whole.get((row.metric, row.address))) and same.n == row.n else row for row in rows]

    def verdict_table(self, rows: Sequence[VerdictRow] | None = None) -> list[list[str]]:
        """The verdict, or these rows of it, as plain strings; the first row is the header."""
        return [table_header(), *render_table(self.verdict() if rows is None else rows)]

    def examples(self, metric: str, each: int = 3) -> list[Example]:
        """A few items that the treatment fixed and a few that it broke, per temperature and type.

        Their texts come from a model and from datasets: escape them before showing them.
        """
        better = self.metric(metric).higher_is_better
        return find_examples(self.folder, metric=metric, higher_is_better=better, prepared=self.prepared, each=each)

    def methods(self) -> list[Method]:
        """What computed these results: the plugins the manifest names, else the analyses significance.json names."""
        plugins = (self.manifest or {}).get("plugins")
        if plugins is None:
            plugins = [{"kind": "analysis", **stamp} for stamp in self.significance.get("analyses", [])]
        judged = self._scorers_asked()
        return describe(p for p in plugins if p.get("kind") != "scorer" or judged is None or p["name"] in judged)

    def _scorers_asked(self) -> set[str] | None:
        """The scorers that judged anything; None where the manifest does not say."""
        score = (self.manifest or {}).get("stage_status", {}).get("score", {})
        asked = score.get("details", {}).get("scorers")
        return {name for names in asked.values() for name in names} if asked else None

    def integrity(self) -> Integrity:
        """How every planned answer ended, whether one arm lost more, and what the lost ones could change.

        Raises:
            DataError: integrity.json is damaged.
        """
        skipped = self._skipped()
        if not self.has(INTEGRITY):
            return Integrity(skipped=skipped, reason=f"{INTEGRITY} is not at hand")
        content = self._json(INTEGRITY)
        try:
            return read_integrity(content, self.verdict(), self.rules, skipped)
        except (KeyError, TypeError, AttributeError) as cause:
            raise self._damaged(INTEGRITY, f"does not hold the states of the answers ({cause!r})") from cause

    def _skipped(self) -> list[Skipped]:
        path = self.prepared / "prepared_manifest.json" if self.prepared else None
        if path is None or not path.is_file():
            return []
        try:
            return read_skipped(orjson.loads(path.read_bytes()))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as cause:
            hint = f"{_MAKERS[path.name]} makes it anew"
            raise DataError(path, f"does not say what was skipped ({cause!r})", hint=hint) from cause

    def judgement(self) -> Judgement:
        """The verdict, its guards, what was lost, and what could be wrong, in one object."""
        return Judgement(
            rows=self.verdict(),
            guards=self.guards(),
            integrity=self.integrity(),
            caveats=self.caveats(),
            simulated=self.simulated,
        )

    def caveats(self) -> list[str]:
        """What could be wrong with the verdict, in words, the weightiest first."""
        return caveats(self)

    def arms_unlike(self) -> list[str]:
        """In what the arms differ beside the prompt: the model that answered, its precision, the time; caveats too."""
        return [] if self.simulated else list(differences(self.answered))

    @property
    def _verdict(self) -> Verdict:
        return self.config.verdict if self.config else Verdict()

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            content = orjson.loads(path.read_bytes())
        except FileNotFoundError as cause:
            raise DataError(path, "no such file", hint=f"{_maker(name)} makes it") from cause
        except OSError as cause:
            raise DataError(path, f"cannot be read: {cause.strerror or cause}") from cause
        except orjson.JSONDecodeError as cause:
            raise self._damaged(name, f"is not valid JSON ({cause})") from cause
        if not isinstance(content, dict) and name != "metrics.json":
            raise self._damaged(name, "is not a JSON object")
        return content  # type: ignore[no-any-return]

    def _damaged(self, name: str, reason: str) -> DataError:
        return DataError(self.folder / name, reason, hint=f"{_maker(name)} makes it anew")

    def _findings_csv(self) -> Iterator[Finding]:
        path, hint = self.folder / "findings.csv", f"{_MAKERS['findings.csv']} makes it anew"
        rows = read_columns(path, _FINDING, optional=("family",), hint=hint)
        for number, row in enumerate(rows, start=1):
            try:
                yield _finding(dict(zip((*_FINDING, "family"), row, strict=True)))
            except (ValueError, TypeError) as cause:
                raise DataError(path, f"row {number} is not a finding ({cause})", hint=hint) from cause

    def _findings_nested(self) -> Iterator[Finding]:
        for block in self.blocks(subgroups=True):
            for metric, entry in block.metrics.items():
                for analysis, said in entry.items():
                    if isinstance(said, dict) and "n" in said:
                        yield _nested(analysis, metric, block.address, said)


def _maker(name: str) -> str:
    return _MAKERS.get(name, "exx analyze NAME --per-item-csv results/per_item_scores.csv")


def rules_of(verdict: Verdict) -> Rules:
    """The rules of a config's ``verdict`` section."""
    return Rules(alpha=verdict.alpha, margin=verdict.margin, margins=verdict.margins)


def load_results(folder: Path | str, config: Config | None = None, *, prepared: Path | None = None) -> Results:
    """Open a trial's results folder.

    Args:
        folder: Holds significance.json and the files beside it.
        config: The config; by default that of the run the folder belongs to, if it belongs to one.
        prepared: Folder of the prepared items; by default the run's, else the one the config names.

    Raises:
        DataError: There is no such folder.
        ConfigError: The run's config.yaml is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(folder, "no such folder", hint="exx list shows the runs; give the results folder of a trial")
    results = Results(folder=folder, config=config, prepared=prepared)
    if results.config is None and results.run_folder and (results.run_folder / "config.yaml").is_file():
        from exx.config.load import load_config

        results.config, _ = load_config(results.run_folder / "config.yaml")
    if results.prepared is None:
        results.prepared = _prepared(results)
    return results


def _prepared(results: Results) -> Path | None:
    beside = [results.run_folder / "prepared"] if results.run_folder else []
    named = [results.config.paths.prepared_dir] if results.config else []
    return next((path for path in (*beside, *named) if path.is_dir()), None)


def _parts(temp: float, kind: str, content: Mapping[str, Any]) -> Iterator[Block]:
    for column, values in content.get("subgroups", {}).items():
        for value, part in values.items():
            yield Block(Address(temp, kind, (column, value)), part)


def _finding(row: Mapping[str, str]) -> Finding:
    details = orjson.loads(row["details"]) if row["details"] else {}
    numbers: dict[str, Any] = {name: _number(row[name]) for name in _NUMBERS}
    return Finding(
        analysis=row["analysis"],
        metric=row["metric"],
        address=Address(float(row["temp"]), row["type"], _subgroup(row["subgroup"])),
        n=int(row["n"]),
        family=row["family"] or None,
        reason=row["reason"] or None,
        details=details,
        **numbers,
    )


def _subgroup(text: str) -> tuple[str, str] | None:
    column, equals, value = text.partition("=")
    return (column, value) if equals else None


def _number(text: str) -> float | None:
    return float(text) if text else None


def _nested(analysis: str, metric: str, address: Address, said: Mapping[str, Any]) -> Finding:
    own = ("n", *_NUMBERS, "family", "reason")
    details: dict[str, Json] = {key: value for key, value in said.items() if key not in own}
    values = {key: _finite(said[key]) for key in own if key in said}
    return Finding(analysis=analysis, metric=metric, address=address, details=details, **values)


def _finite(value: Any) -> Any:
    """significance.json writes an infinite number as a string, since JSON has no other way."""
    return float(value) if isinstance(value, str) and re.fullmatch("-?Infinity", value) else value
