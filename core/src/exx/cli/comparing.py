"""``exx compare``: two runs, or two trials, on the items that both have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exx.cli.common import debug_option, experiments_option, json_option
from exx.cli.show import emit_json, say, say_paragraph, table

if TYPE_CHECKING:
    from exx.records import Condition
    from exx.runs.compare import Comparison

_LONGEST_ANSWER = 300


@click.command("compare")
@click.argument("run_a")
@click.argument("run_b")
@click.option(
    "--arm",
    type=click.Choice(["control", "treatment", "both"]),
    default="treatment",
    show_default=True,
    help="Of both.",
)
@click.option("--flips", type=click.IntRange(min=0), default=0, show_default=True, help="List N items each way.")
@experiments_option
@json_option
@debug_option
def compare_command(run_a: str, run_b: str, arm: str, flips: int, experiments_dir: Path, as_json: bool) -> None:
    """Compare two runs on the items that both have: settings, paired statistics, and which items flipped.

    RUN_A and RUN_B are runs (or RUN/SLUG, or folders). RUN_B is what is judged: its arm against that of RUN_A.
    """
    from exx.cli.common import load_environment
    from exx.runs.compare import compare_trials, matched
    from exx.runs.opened import open_trials

    load_environment()
    pairs = matched(open_trials(run_a, experiments_dir), open_trials(run_b, experiments_dir))
    arms: tuple[Condition, ...] = ("control", "treatment") if arm == "both" else (arm,)  # type: ignore[assignment]
    found = [compare_trials(a, b, one, flips=flips) for a, b in pairs for one in arms]
    if as_json:
        emit_json({"comparisons": [one.to_json() for one in found]})
        return
    for _, group in groupby(found, key=lambda one: (one.a, one.b)):
        _show(list(group))


def _show(comparisons: Sequence[Comparison]) -> None:
    """The arms of one pair: what differs is said once."""
    first = comparisons[0]
    say(f"A: {first.a}\nB: {first.b}\n")
    if first.changes:
        table("settings that differ", ["setting", "A", "B"], [change.cells() for change in first.changes])
        say("")
    else:
        say("No setting differs.\n")
    for one in comparisons:
        _show_arm(one)


def _show_arm(one: Comparison) -> None:
    say(f"{one.arm} against {one.arm}: {one.shared:,} shared items")
    for words in one.warnings:
        say_paragraph(f"Mind: {words}.")
    from exx.verdict import render_table, table_header

    header = [{"Control": "A", "Treatment": "B"}.get(name, name) for name in table_header()]
    table("", header, render_table(one.verdict), numeric=range(2, len(header) - 1))
    for sentence in one.sentences:
        say_paragraph(sentence)
    rows = [
        [count.metric, f"{count.type}, {count.temp:g}", f"{count.fixed:,}", f"{count.broke:,}", f"{count.same:,}"]
        for count in one.counts
    ]
    table("", ["flips by", "where", "better in B", "worse in B", "the same"], rows, numeric=[2, 3, 4])
    for flip in one.flips:
        say(
            f"\n{flip.effect} by B: {flip.item_key} ({flip.metric} {flip.a:g} → {flip.b:g}; {flip.type}, {flip.temp:g})"
        )
        say(f"  A: {_short(flip.a_answer)}")
        say(f"  B: {_short(flip.b_answer)}")
    say("")


def _short(text: str | None) -> str:
    if text is None:
        return "(no answer at hand)"
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ANSWER else f"{line[:_LONGEST_ANSWER]} …"
