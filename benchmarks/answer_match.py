"""How far the scorer ``answer_match`` agrees with people, on the halves of EVOUNA's TriviaQA questions.

The rule was worked out on the half ``dev``: its errors were read, and classes of them repaired. Of the half ``held
out`` nothing but the figures printed here was looked at. A hash of the question says which half it is in.

    EXX_TEST_DATA=… .venv/bin/python benchmarks/answer_match.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from exx import Abstention, AnsweredItem, Item
from exx_answer_match.scorer import AnswerMatch

SYSTEMS = {"fid": "FiD", "gpt35": "GPT-3.5", "chatgpt": "ChatGPT", "gpt4": "GPT-4", "newbing": "New Bing"}


def half(question: str) -> str:
    """Say which half a question is in."""
    return "held out" if sha256(question.encode()).digest()[0] % 2 else "dev"


def judged(data: Path) -> list[dict[str, Any]]:
    """Read the questions that are not improper."""
    rows = json.loads((data / "evouna" / "TQ.json").read_text("utf-8"))
    return [row for row in rows if not row["improper"]]


def found(rows: Sequence[dict[str, Any]], system: str, rule: str = "claims") -> list[bool]:
    """Judge a system's answers as exx does: abstentions are blank."""
    texts = [row[f"answer_{system}"] for row in rows]
    blank = Abstention().find(texts)
    batch = [
        AnsweredItem(Item("tq", str(n), row["question"], tuple(row["golden_answer"].split("/"))), ("" if no else text,))
        for n, (row, text, no) in enumerate(zip(rows, texts, blank, strict=True))
    ]
    return [score == 1.0 for score in AnswerMatch(rule=rule).score(batch)["answer_match"]]


def agreement(one: Sequence[bool], other: Sequence[bool]) -> tuple[float, float]:
    """Share of equal judgements, and Cohen's kappa."""
    n = len(one)
    same = sum(a == b for a, b in zip(one, other, strict=True)) / n
    p, q = sum(one) / n, sum(other) / n
    chance = p * q + (1 - p) * (1 - q)
    return same, (same - chance) / (1 - chance)


def main() -> None:
    """Print a table per half."""
    rows = judged(Path(os.environ["EXX_TEST_DATA"]))
    for rule in ("claims", "words"):
        for name in ("dev", "held out"):
            part = [row for row in rows if half(row["question"]) == name]
            print(f"\nrule {rule}, {name}: {len(part)} questions")
            total: list[tuple[float, float]] = []
            for system, title in SYSTEMS.items():
                ours, people = found(part, system, rule), [row[f"judge_{system}"] for row in part]
                total.append(agreement(ours, people))
                wrong = sum(a and not b for a, b in zip(ours, people, strict=True))
                missed = sum(b and not a for a, b in zip(ours, people, strict=True))
                print(f"| {title} | {total[-1][0]:.1%} | {total[-1][1]:.3f} | {wrong} | {missed} |")
            same, kappa = (sum(values) / len(total) for values in zip(*total, strict=True))
            print(f"| mean | {same:.2%} | {kappa:.3f} | | |")


if __name__ == "__main__":
    main()
