"""The page put together: what the sections say, the figures, the items' blocks, and the security policy over all."""

from __future__ import annotations

import base64
import gc
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from exx_html import closing, evidence, figures, opening
from exx_html.items import Table, read_table
from exx_html.numbers import visible
from exx_html.pack import Packed, pack

if TYPE_CHECKING:
    from exx import Results
    from exx_html.figures import Figure

_SCRIPTS = ("text.js", "items.js", "filters.js", "detail.js", "browser.js", "page.js")
_TOGETHER = re.compile(r"(?<=\d) (?=%)|(?<=temperature) (?=\d)")
_RAW_PER_BYTE = 8  # text compresses to about a quarter, and base64 takes a third more; twice that to be safe


def render(results: Results, *, budget: int) -> str:
    """Write the whole page.

    Args:
        results: A finished trial.
        budget: Bytes of the page for the items; 0 for no item browser.
    """
    with _no_collection():
        return _render(results, budget)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let Python not look for cycles meanwhile: the items have none, and looking takes a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _render(results: Results, budget: int) -> str:
    table = read_table(results, budget * _RAW_PER_BYTE) if results.has("per_item_scores.csv") else None
    style, script = _static("page.css"), '"use strict";\n{\n' + "".join(map(_static, _SCRIPTS)) + "}\n"
    environment = Environment(
        loader=PackageLoader("exx_html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        title=opening.title(results),
        verdict=opening.verdict(results),
        glance=opening.glance(results),
        asked=opening.asked(results),
        answered=opening.answered(results),
        alpha=results.alpha,
        balance=evidence.balance(results),
        fates=evidence.fates(results),
        answers=evidence.answers(results),
        subgroups=evidence.subgroups(results),
        pooled=evidence.pooled(results),
        tests=evidence.tests(results),
        costs=evidence.costs(results),
        drawn=_figures(results, table),
        items=_items(results, table, budget),
        methods=closing.methods(results),
        again=closing.again(results),
    )


def _static(name: str) -> str:
    return files("exx_html").joinpath("static", name).read_text(encoding="utf-8")


def _finalize(value: Any) -> Any:
    """Let every character of a text be seen, and keep numbers with what they belong to; escaping follows."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _TOGETHER.sub("\u00a0", visible(value))
    return value


def _policy(style: str, script: str) -> str:
    """Nothing is loaded, nothing is sent, and nothing runs but this script."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _figures(results: Results, table: Table | None) -> dict[str, tuple[list[Figure], list[str]]]:
    drawn = {
        "differences": figures.differences(results),
        "changed": figures.changed(results, table),
        "parts": figures.parts(results),
        "selective": figures.selective(results),
        "thresholds": figures.thresholds(results),
        "planes": figures.planes(results),
    }
    return {name: evidence.captioned(figures.apart(group, f"{name}-")) for name, group in drawn.items()}


def _items(results: Results, table: Table | None, budget: int) -> dict[str, Any]:
    if table is None:
        reason = "per_item_scores.csv is not among the results, so there are no items to show"
        return {"blocks": {}, "notes": [reason], "count": 0}
    packed = pack(results, table, budget) if budget else Packed(left_out=["the reporter's option texts_mb is 0"])
    return {"blocks": packed.blocks, "notes": [*table.missing, *packed.left_out], "count": len(table.rows)}
