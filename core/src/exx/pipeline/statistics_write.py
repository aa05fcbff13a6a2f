"""Writing findings: significance.json for reading by key, findings.csv for reading as a table.

Both hold the same findings. In significance.json an analysis's entry lies under its own name beside its metric's
means; a number that is not defined is null, with the reason in words beside it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from attrs import asdict

from exx.paired import Floats, PairedBlock, PairedSample
from exx.pipeline.statistics_default import ABOUT_Q, defaults
from exx.pipeline.statistics_plain import finite, with_reasons
from exx.records import Address, Finding, Json
from exx.state.files import atomic_path, write_json

if TYPE_CHECKING:
    from exx.pipeline.statistics import Statistics

SCHEMA_VERSION = 2
COLUMNS = (
    *("analysis", "metric", "temp", "type", "subgroup", "n", "estimate", "low", "high", "level"),
    *("p_value", "q_value", "family", "reason", "details"),
)
NUMBERS = ("estimate", "low", "high", "level", "p_value", "q_value")


def write_statistics(statistics: Statistics, significance: Path, *, parquet: bool = False) -> list[Path]:
    """Write significance.json, and beside it findings.csv and what the study analyses made.

    Args:
        statistics: What to write.
        significance: Path of significance.json.
        parquet: Write findings.parquet too.

    Returns:
        The files written, significance.json first.

    Raises:
        ExxError: A file cannot be written.
    """
    write_json(significance, document(statistics))
    table = significance.with_name("findings.csv")
    write_findings(statistics.findings, table)
    paths = [significance, table]
    if parquet:
        paths.append(table.with_suffix(".parquet"))
        write_findings_parquet(statistics.findings, paths[-1])
    for name, made in statistics.artifacts.items():
        paths.append(significance.with_name(name))
        write_json(paths[-1], made)
    return paths


def document(statistics: Statistics) -> dict[str, Json]:
    """Lay the findings out as contracts.md has significance.json."""
    by_address: dict[Address, list[Finding]] = {}
    for finding in statistics.findings:
        by_address.setdefault(finding.address, []).append(finding)
    results: dict[str, Any] = {}
    for block in statistics.blocks:
        if block.address.subgroup is None:
            types = results.setdefault(repr(block.address.temp), {})
            types[block.address.type] = _block(block, by_address)
    return {
        "schema_version": SCHEMA_VERSION,
        "temps": sorted({block.address.temp for block in statistics.blocks}),
        "stats_config": dict(statistics.stats_config),
        "analyses": list(statistics.analyses),
        "metrics": {name: asdict(metric) for name, metric in statistics.metrics.items()},
        "results": with_reasons(results),
    }


def entry(finding: Finding) -> dict[str, Json]:
    """Write one finding as it stands under its analysis's name.

    Numbers that mean nothing to the analysis are left out; one that is not defined is null beside its ``reason``.
    """
    reason = finding.reason
    tested = finding.p_value is not None
    if tested and finding.q_value is None and reason is None:
        reason = f"{ABOUT_Q}not adjusted"
    explained = finding.reason is not None and not finding.reason.startswith(ABOUT_Q)
    values = {name: finite(getattr(finding, name)) for name in NUMBERS}
    kept = {k: v for k, v in values.items() if v is not None or explained or (tested and k == "q_value")}
    family = {"family": finding.family} if finding.family else {}
    why = {"reason": reason} if reason else {}
    return {"n": finding.n, **kept, **family, **why, **finding.details}


def _block(block: PairedBlock, by_address: Mapping[Address, list[Finding]]) -> dict[str, Any]:
    metrics = {name: _means(sample) for name, sample in block.samples.items()}
    repeated: dict[str, Any] = {}
    about: dict[str, list[Finding]] = {}
    for finding in by_address.get(block.address, []):
        made = entry(finding)
        path = finding.block_path or ((finding.analysis,) if finding.block_level else ())
        if finding.metric in metrics:
            about.setdefault(finding.metric, []).append(finding)
            _add(metrics[finding.metric], finding, made)
        else:
            path = path or (finding.analysis,)
        if path:
            _put(repeated, path, made)
    for name, findings in about.items():
        values, reasons = defaults(findings)
        metrics[name].update(values)
        _explain(metrics[name], reasons)
    why = {"reason": _unpaired(block)} if not block.n_items else {}
    subgroups = {
        column: {value: _block(part, by_address) for value, part in parts.items()}
        for column, parts in block.subgroups.items()
    }
    head = {"n_items": block.n_items, "n_unpaired": dict(block.n_unpaired), **why}
    return {**head, **repeated, "metrics": metrics, **({"subgroups": subgroups} if subgroups else {})}


def _add(metric: dict[str, Any], finding: Finding, made: dict[str, Json]) -> None:
    metric[finding.analysis] = made
    metric.update(finding.summary)
    undefined = [key for key, value in finding.summary.items() if value is None]
    _explain(metric, [f"{', '.join(undefined)}: {finding.reason or 'not defined'}"] if undefined else [])


def _explain(metric: dict[str, Any], reasons: list[str]) -> None:
    if reasons:
        metric["reason"] = "; ".join([metric["reason"], *reasons] if "reason" in metric else reasons)


def _put(block: dict[str, Any], path: tuple[str, ...], made: dict[str, Json]) -> None:
    for name in path[:-1]:
        block = block.setdefault(name, {})
    block[path[-1]] = made


def _means(sample: PairedSample) -> dict[str, Any]:
    left_out = sample.n_unpaired
    missing = {arm: left_out.get(f"missing_{arm}", 0) for arm in ("control", "treatment", "both")}
    why = {} if sample.n else {"reason": "mean_control, mean_treatment, delta_mean: no item has a value in both arms"}
    return {
        "n_items": sample.n,
        "n_missing": left_out.get("missing", 0),
        **({"missing": missing} if left_out.get("missing") else {}),
        "mean_control": _mean(sample.control),
        "mean_treatment": _mean(sample.treatment),
        "delta_mean": sample.mean_delta,
        **why,
    }


def _mean(values: Floats) -> float | None:
    # Summed in the order of the values, so that the last digit does not depend on the order of the rows.
    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct @ counts / len(values)) if len(values) else None


def _unpaired(block: PairedBlock) -> str:
    counts = " and ".join(f"{count} only in {arm}" for arm, count in block.n_unpaired.items() if count)
    return f"no item has a row in both arms ({counts or 'there is none'})"


def write_findings(findings: Iterable[Finding], path: Path) -> None:
    """Write one row per finding, atomically; a cell without a value is empty, ``details`` is JSON.

    Raises:
        ExxError: The file cannot be written.
    """
    with atomic_path(path) as temp:
        temp.write_bytes(_table(findings, "\n"))


def write_findings_parquet(findings: Iterable[Finding], path: Path) -> None:
    """Write the same table as Parquet, with infinite numbers as such.

    Raises:
        ExxError: The file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    # Read from CSV, since pyarrow imports all of pandas, where there is one, to look at a list.
    data = _table(findings, "\r\n")
    kinds = {"n": pa.int64(), **dict.fromkeys((*NUMBERS, "temp"), pa.float64())}
    types = {name: kinds.get(name, pa.string()) for name in COLUMNS}
    table = arrow_csv.read_csv(
        io.BytesIO(data),
        read_options=arrow_csv.ReadOptions(block_size=len(data)),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    )
    with atomic_path(path) as temp:
        parquet.write_table(table, temp)


def _table(findings: Iterable[Finding], end: str) -> bytes:
    """The table as CSV; cells that hold a character of ``end`` are quoted."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, findings))
    return text.getvalue().encode()


def _row(finding: Finding) -> tuple[Any, ...]:
    address = finding.address
    numbers = [finite(getattr(finding, name)) for name in NUMBERS]
    subgroup = "=".join(address.subgroup) if address.subgroup else None
    details = orjson.dumps(finding.details).decode() if finding.details else None
    head = (finding.analysis, finding.metric, address.temp, address.type, subgroup, finding.n)
    return (*head, *numbers, finding.family, finding.reason, details)
