"""``exx power``: how many items an experiment needs, or what those there are can show, before anything is asked."""

from __future__ import annotations

import sys
from typing import Any

import click

_SHARE = click.FloatRange(0, 1, min_open=True)


@click.command("power")
@click.option("--items", type=click.IntRange(2, 10**9), help="Items there are.")
@click.option("--discordance", type=_SHARE, help="Share of items that one prompt alone gets right.")
@click.option(
    "--sd", type=click.FloatRange(0, 1, min_open=True), help="Instead: standard deviation of the differences."
)
@click.option("--target", type=_SHARE, help="Difference to be found, as a share: 0.05 is five points.")
@click.option("--alpha", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), default=0.05, show_default=True)
@click.option(
    "--power", "wanted", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), default=0.8, show_default=True
)
@click.option("--icc", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Correlation within a group.")
@click.option("--cluster-size", type=click.FloatRange(1), default=1.0, show_default=True, help="Items in a group.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def power(target: float | None, icc: float, cluster_size: float, as_json: bool, **given: Any) -> None:
    """Plan an experiment: power, smallest detectable difference, and how many items it takes."""
    from exx_power.before import Guess, plan

    discordance = given["discordance"]
    if (discordance is None) == (given["sd"] is None):
        raise click.UsageError("exx power needs --discordance or --sd, one of them")
    if given["items"] is None and target is None:
        raise click.UsageError("exx power needs --items, --target, or both")
    if target is not None and discordance is not None and target > discordance:
        raise click.UsageError(
            f"--target {target} is above --discordance {discordance}: the difference is at most the share of items "
            "that change"
        )
    effect = 1 + (cluster_size - 1) * icc
    made = plan(Guess(target=target, effect=effect, **given))
    if as_json:
        import orjson

        sys.stdout.write(orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode())
        return
    _show(made)


def _show(made: dict[str, Any]) -> None:
    percent = f"{100 * made['wanted_power']:g} %"
    head = ["test"]
    if made["items"] is not None and made["target"] is not None:
        head.append(f"power at {made['items']:,} items")
    if made["items"] is not None:
        head.append(f"found with {percent}")
    if made["target"] is not None:
        head.append(f"items for {percent}")
    rows = [head, *([row["test"], *_cells(row, made)] for row in made["tests"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        click.echo("  ".join(cells))
    if made["design_effect"] > 1:
        click.echo(f"design effect {made['design_effect']:.3g}: items count divided by it")


def _cells(row: dict[str, Any], made: dict[str, Any]) -> list[str]:
    cells = []
    if made["items"] is not None and made["target"] is not None:
        cells.append("" if row["power"] is None else f"{100 * row['power']:.1f} %")
    if made["items"] is not None:
        cells.append("" if row["mde"] is None else f"{100 * row['mde']:.2f} points")
    if made["target"] is not None:
        cells.append("" if row["n"] is None else f"{row['n']:,}")
    return cells
