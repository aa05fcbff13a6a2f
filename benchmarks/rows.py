"""Makes an experiment's files at a realistic size: prepared items, and raw results for both arms.

At scale 1 the shape is that of three public sets: 11,873 open-book questions, half of them unanswerable, with three
right answers each; 17,944 closed-book ones with 14 aliases; 3,610 with two. The words are made up: only the sizes are
real.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

SETS = (("squad_v2", 11_873, 3), ("triviaqa", 17_944, 14), ("nq_open", 3_610, 2))
RIGHT = {"control": 0.45, "treatment": 0.50}
ABSTAINS = 0.20


class Words:
    """Sentences of made-up words from a vocabulary of five thousand, one in seven capitalised."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [c + v for c in "bdfgklmnprst" for v in "aeiou"]
        words = {"".join(self.random.choices(syllables, k=self.random.randint(1, 4))) for _ in range(9_000)}
        self._words = [w.capitalize() if n % 7 == 0 else w for n, w in enumerate(sorted(words)[:5_000])]

    def __call__(self, count: int) -> str:
        return " ".join(self.random.choices(self._words, k=count))


def items(words: Words, scale: float) -> Iterator[dict[str, Any]]:
    """Prepared items of all three sets."""
    for name, size, aliases in SETS:
        for number in range(int(size * scale)):
            row: dict[str, Any] = {"id": f"{name[0]}{number}", "dataset": name, "question": words(10) + "?"}
            if name != "squad_v2":
                yield row | {"answers": [words(words.random.randint(1, 3)) for _ in range(aliases)]}
                continue
            context = words(120)
            tokens, at = context.split(), words.random.randrange(100)
            spans = [" ".join(tokens[at : at + words.random.randint(1, 4)]) for _ in range(aliases)]
            unanswerable = words.random.random() < 0.5
            answers = [] if unanswerable else spans
            yield row | {"context": context, "answers": answers, "is_unanswerable": unanswerable}


def result(words: Words, item: dict[str, Any], condition: str) -> dict[str, Any]:
    """A raw result row: right, abstaining or made up."""
    drawn = words.random.random()
    if drawn < RIGHT[condition]:
        text = words.random.choice(item["answers"]) if item["answers"] else "I don't know"
    elif drawn < RIGHT[condition] + ABSTAINS:
        text = "I don't know."
    else:
        text = words(words.random.randint(1, 12))
    kind = "open" if "context" in item else "closed"
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 200, "completion_tokens": 12, "total_tokens": 212}
    custom_id = f"{item['dataset']}|{item['id']}|{condition}|0.0|0|{kind}"
    return {"custom_id": custom_id, "response": {"id": f"r-{custom_id}", "choices": [choice], "usage": usage}}


def main() -> None:
    """Write prepared/open_book.jsonl, prepared/closed_book.jsonl and results_combined.jsonl."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    given = parser.parse_args()
    words = Words(seed=7)
    made = list(items(words, given.scale))
    prepared = given.folder / "prepared"
    prepared.mkdir(parents=True, exist_ok=True)
    for kind in ("open", "closed"):
        rows = (orjson.dumps(i) for i in made if ("context" in i) == (kind == "open"))
        (prepared / f"{kind}_book.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))
    rows = (orjson.dumps(result(words, item, arm)) for arm in RIGHT for item in made)
    (given.folder / "results_combined.jsonl").write_bytes(b"".join(row + b"\n" for row in rows))


if __name__ == "__main__":
    main()
