"""What a trial's answers took in tokens and in money: ``costs.json``, computed from predictions.csv.

Money is reckoned per arm and temperature at the price per million tokens, times the batch discount when the answers
came from a batch backend. Cached prompt tokens have their own price where one is known. What the response store
answered is counted as saved, the rest as spent; what failed attempts took, where a server said so, is spent as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import astuple, define, frozen

from exx.errors import DataError
from exx.prices import Priced
from exx.records import CONDITIONS, Json, Usage
from exx.rows import read_columns

Cell = tuple[str, float]
"""An arm and a temperature."""

_HINT = "exx parse --results-jsonl results_combined.jsonl --out-csv predictions.csv makes it anew"
_COLUMNS = ("condition", "temp", "finish_reason", "prompt_tokens", "completion_tokens")


@define
class Tally:
    """Counts over requests.

    Attributes:
        requests: All of them, failed ones included.
        failed: Those that came back with an error instead of an answer.
        truncated: Answers cut off at the token limit.
        unmetered: Answers whose token counts the server did not give; they weigh nothing below.
        prompt: Prompt tokens, cached ones included.
        completion: Tokens of the answers.
        cached: Prompt tokens served from the server's cache.
        reasoning: Tokens of the answers that the model thought with, where the server says.
    """

    requests: int = 0
    failed: int = 0
    truncated: int = 0
    unmetered: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    @property
    def answered(self) -> int:
        """Requests that came back with an answer."""
        return self.requests - self.failed

    @property
    def metered(self) -> int:
        """Answers whose tokens are known: what sums per 1,000 requests are taken over."""
        return self.answered - self.unmetered

    @property
    def usage(self) -> Usage:
        """Its tokens."""
        return Usage(self.prompt, self.completion, self.cached, self.reasoning)

    def tokens(self) -> dict[str, Json]:
        """Its tokens as costs.json gives them."""
        return {
            "prompt": self.prompt,
            "completion": self.completion,
            "cached": self.cached,
            "reasoning": self.reasoning,
            "total": self.prompt + self.completion,
        }


def compute_costs(
    predictions: Path,
    *,
    priced: Priced,
    reused: Mapping[Cell, Tally] | None = None,
    attempts: Mapping[Cell, Tally] | None = None,
) -> dict[str, Json]:
    """Add up a predictions file.

    Args:
        predictions: The trial's predictions.csv.
        priced: What a token costs; without a price every sum of money is null.
        reused: What the response store answered, per arm and temperature: ``requests`` and the tokens of each tally
            are read.
        attempts: What failed attempts took, likewise.

    Returns:
        ``price``, ``conditions`` (arm → temperature → counts, tokens, usd), ``total`` and ``difference``
        (temperature → treatment − control per 1,000 answered requests; a null comes with its ``reason``).

    Raises:
        DataError: The file is missing or damaged, or a token count is not a whole number.
        ValueError: More was reused than the file holds.
    """
    cells = tally(predictions)
    saved, lost = dict(reused or {}), dict(attempts or {})
    _check_reuse(cells, saved)
    bill = _Bill(priced)
    conditions: dict[str, dict[str, Any]] = {}
    for cell in sorted(cells):
        entry = bill.entry(cells[cell], saved.get(cell, Tally()), lost.get(cell, Tally()))
        conditions.setdefault(cell[0], {})[repr(cell[1])] = entry
    return {
        "schema_version": 2,
        "currency": "USD",
        "price": bill.facts(),
        "conditions": conditions,
        "total": bill.entry(_sum(cells.values()), _sum(saved.values()), _sum(lost.values())),
        "difference": _differences(conditions),
    }


def tally(predictions: Path) -> dict[Cell, Tally]:
    """Count requests and tokens per arm and temperature.

    A file without the columns ``error``, ``cached_tokens`` and ``reasoning_tokens`` (the reference system's) holds
    received answers only.

    Raises:
        DataError: The file is missing or damaged, or a token count is not a whole number.
    """
    cells: dict[tuple[str, str], Tally] = {}
    rows = read_columns(predictions, _COLUMNS, optional=("cached_tokens", "error", "reasoning_tokens"), hint=_HINT)
    for number, (condition, temp, finish, prompt, completion, cached, error, reasoning) in enumerate(rows, start=1):
        cell = cells.get((condition, temp))
        if cell is None:
            cell = cells[condition, temp] = Tally()
        cell.requests += 1
        cell.failed += error != ""
        cell.truncated += finish == "length"
        try:
            asked, answered = int(prompt or 0), int(completion or 0)
            cell.cached += int(cached or 0)
            cell.reasoning += int(reasoning or 0)
        except ValueError as cause:
            reason = f"row {number} after the header: tokens must be whole numbers ({cause})"
            raise DataError(predictions, reason, hint=_HINT) from cause
        cell.prompt += asked
        cell.completion += answered
        cell.unmetered += asked + answered == 0 and error == ""  # a question has at least one token
    return _by_temperature(predictions, cells)


def models_in(predictions: Path) -> list[str]:
    """The models that answered, as they call themselves, in alphabetical order; empty if the file does not say."""
    rows = read_columns(predictions, ("condition", "temp"), optional=("model",), hint=_HINT)
    return sorted({model for _, _, model in rows if model})


def _by_temperature(path: Path, raw: Mapping[tuple[str, str], Tally]) -> dict[Cell, Tally]:
    cells: dict[Cell, Tally] = {}
    for (condition, temp), counts in raw.items():
        if condition not in CONDITIONS:
            raise DataError(path, f"condition must be control or treatment, found {condition!r}", hint=_HINT)
        try:
            cell = (condition, float(temp))
        except ValueError as cause:
            raise DataError(path, f"temp must be a number, found {temp!r}", hint=_HINT) from cause
        cells[cell] = _sum([cells.get(cell, Tally()), counts])
    return cells


def _sum(tallies: Iterable[Tally]) -> Tally:
    return Tally(*map(sum, zip(astuple(Tally()), *map(astuple, tallies), strict=True)))


def _check_reuse(cells: Mapping[Cell, Tally], saved: Mapping[Cell, Tally]) -> None:
    for cell, part in saved.items():
        whole = cells.get(cell, Tally())
        if part.requests > whole.requests or part.prompt > whole.prompt or part.completion > whole.completion:
            raise ValueError(f"more reused than answered for {cell}: {part} of {whole}")


@frozen
class _Bill:
    """Tallies into money, the discount included."""

    priced: Priced

    def facts(self) -> dict[str, Json]:
        """What costs.json says about the price."""
        priced, price = self.priced, self.priced.price
        if price is None:
            return {
                "source": None,
                "date": None,
                "model": priced.model or None,
                "batch_discount_applied": False,
                "reason": priced.reason,
            }
        return {
            "source": price.source,
            "date": price.date,
            "model": priced.model or None,
            "input_per_million": price.input_per_million,
            "cached_input_per_million": price.cached_per_million,
            "output_per_million": price.output_per_million,
            "batch_discount": price.factor,
            "batch_discount_applied": priced.batch,
            "note": priced.note,
            "reason": None,
        }

    def entry(self, counts: Tally, saved: Tally, lost: Tally) -> dict[str, Json]:
        """Counts, tokens and money of one cell, or of the whole trial."""
        return {
            "requests": counts.requests,
            "answered": counts.answered,
            "failed": counts.failed,
            "truncated": counts.truncated,
            "unmetered": counts.unmetered,
            "reused": saved.requests,
            "failed_attempts": lost.requests,
            "tokens": {**counts.tokens(), "failed_attempts": lost.prompt + lost.completion},
            "usd": self._money(counts, saved, lost),
        }

    def _money(self, counts: Tally, saved: Tally, lost: Tally) -> dict[str, Json]:
        price = self.priced.price
        if price is None:
            return _no_money(self.priced.reason or "no price")
        if counts.answered and not counts.metered:
            return _no_money("the server gave no token counts")
        answers, kept, wasted = (price.usd(one.usage) for one in (counts, saved, lost))
        return {
            "total": round(answers + wasted, 9),
            "spent": round(answers - kept + wasted, 9),
            "saved": round(kept, 9),
            "failed_attempts": round(wasted, 9),
            "per_1000_requests": round(1000 * answers / counts.metered, 9) if counts.metered else None,
            "reason": _caveat(counts),
        }


def _no_money(reason: str) -> dict[str, Json]:
    return {
        "total": None,
        "spent": None,
        "saved": None,
        "failed_attempts": None,
        "per_1000_requests": None,
        "reason": reason,
    }


def _caveat(counts: Tally) -> str | None:
    if not counts.answered:
        return "no request was answered"
    if counts.unmetered:
        return f"{counts.unmetered} answers came without token counts and are left out"
    return None


def _differences(conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, Json]:
    control, treatment = conditions.get("control", {}), conditions.get("treatment", {})
    return {temp: _difference(control[temp], treatment[temp]) for temp in control if temp in treatment}


def _difference(control: Mapping[str, Any], treatment: Mapping[str, Any]) -> dict[str, Json]:
    """Treatment − control per 1,000 answers, so that failures in one arm do not look like savings."""
    before, after = (arm["usd"]["per_1000_requests"] for arm in (control, treatment))
    return {
        "prompt_tokens_per_1000_requests": _tokens_difference(control, treatment, "prompt"),
        "completion_tokens_per_1000_requests": _tokens_difference(control, treatment, "completion"),
        "usd_per_1000_requests": None if before is None or after is None else round(after - before, 9),
        "reason": control["usd"]["reason"] or treatment["usd"]["reason"],
    }


def _tokens_difference(control: Mapping[str, Any], treatment: Mapping[str, Any], kind: str) -> float | None:
    before, after = (arm["answered"] - arm["unmetered"] for arm in (control, treatment))
    if not (before and after):
        return None
    difference: float = treatment["tokens"][kind] / after - control["tokens"][kind] / before
    return round(1000 * difference, 6)
