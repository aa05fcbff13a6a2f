"""``exx audit``: how long every prompt is, and what the treatment's costs beside the control's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from exx.cli.common import (
    Asked,
    config_argument,
    config_path,
    debug_option,
    dry_run_option,
    json_option,
    narrowing_options,
    open_experiment,
    set_option,
)
from exx.cli.show import emit_json, say, table
from exx.wording import dollars


@click.command("audit")
@config_argument
@dry_run_option
@narrowing_options
@set_option
@json_option
@debug_option
def audit_command(config: Path | None, config_option: Path | None, as_json: bool, **given: Any) -> None:
    """Measure every prompt in tokens, and price the difference between the arms; asks no model.

    CONFIG is the experiment's YAML file; default: ./experiment.yaml.
    """
    from exx.pipeline.audit import audit

    path = config_path(config, config_option)
    asked = Asked(path, given["overrides"], given["dry_run"], given["models"], given["prompt_sets"], given["temps"])
    found = {"config": str(path), **audit(open_experiment(asked))}
    if as_json:
        emit_json(found)
        return
    for entry in found["prompts"]:
        say(f"{entry['model']}, prompt set {entry['prompt_set']}")
        table("tokens", ["prompt", "min", "median", "max"], list(_rows(entry)), numeric=(1, 2, 3))
        say(_difference(entry["difference_per_1000_requests"]))
    for line in found["notes"]:
        say(line)


def _rows(entry: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row a prompt; one of a single length has it in the middle."""
    for arm, tokens in entry["system"].items():
        yield [f"system prompt, {arm}", "", f"{tokens:,}", ""]
    for kind, tokens in entry["task_instructions"].items():
        yield [f"task, {kind.replace('_', '-')}", "", f"{tokens:,}", ""]
    for name, dataset in entry["datasets"].items():
        for arm in ("control", "treatment"):
            spread = dataset[arm]
            title = f"{name}, {arm}, whole ({dataset['items']:,} items)"
            yield [title, f"{spread['min']:,}", f"{spread['median']:,g}", f"{spread['max']:,}"]


def _difference(change: Mapping[str, Any]) -> str:
    tokens, usd, price = change["prompt_tokens"], change["usd"], change["price"]
    words = f"treatment − control per 1,000 requests: {tokens:+,} prompt tokens"
    if usd is None:
        return f"{words}; no dollars: {change['reason'].removeprefix('no price: ')}"
    discount = f", times {price['batch_discount']:g} for batches" if price["batch_discount_applied"] else ""
    day = f", {price['date']}" if price["date"] else ""
    sign = "−" if usd < 0 else "+"
    rate = dollars(price["input_per_million"])
    return f"{words}, {sign}{dollars(abs(usd))} at {rate} per million{discount} ({price['source']}{day})"
