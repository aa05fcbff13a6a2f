"""Results of a made-up trial small enough to count by hand, and a Chromium to look at its page."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

HOSTILE = {
    "markup": "<img src=x onerror=\"window.broken='image'\"><svg onload=\"window.broken='svg'\">",
    "script": "</script><script>window.broken='script'</script>",
    "bidi": "start \u202eexe.gnp\u2066 end \u200b\x1b[31m",
    "long": "word " * 209_716,  # 1,048,580 characters
}


def entry(control: float, treatment: float, ends: list[float]) -> dict:
    """A metric of significance.json."""
    cells = {"n": 6, "both": 1, "b": 3, "c": 1, "neither": 1, "n_undecided": 0, "p_value": 0.6, "q_value": 0.7}
    means = {"n_items": 6, "mean_control": control, "mean_treatment": treatment, "delta_mean": treatment - control}
    known = {
        "ci_95": ends,
        "p_value": 0.6,
        "q_value": 0.7,
        "paired_bootstrap": {"n": 6, "low": ends[0], "high": ends[1]},
    }
    return {**means, **known, "mcnemar": cells}


# Item, type, temperature; then of the control and of the treatment: the scores of answer_match, em, abstain_rate and
# unsupported_rate, and how many answers failed and were cut off.
ROWS = [
    ("one|o0", "open", 0.0, (0, 1, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)),
    ("one|o1", "open", 0.0, (0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)),
    ("one|o2", "open", 0.0, (0, 0, 0, 0, 0, 0), (1, 0, 0, 1, 0, 0)),
    ("one|o3", "open", 0.0, (1, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0)),
    ("one|o4", "open", 0.0, (1, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0)),
    ("one|o5", "open", 0.0, (0, 0, 1, 0, 0, 0), (0, 0, 1, 0, 0, 0)),
    ("two|c0", "closed", 0.0, (1, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
    ("two|c1", "closed", 0.0, (None, None, None, None, 1, 0), (1, 0, 0, 0, 0, 0)),
    ("two|c2", "closed", 0.0, (1, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)),
    ("two|c3", "closed", 0.0, (0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)),
    ("two|c0", "closed", 0.7, (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
    ("two|c1", "closed", 0.7, (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
    ("two|c2", "closed", 0.7, (0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
    ("two|c3", "closed", 0.7, (0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)),
]
HOSTILE_ITEMS = {"one|o0": "markup", "one|o1": "script", "one|o2": "bidi", "one|o3": "long"}
METRICS = ("answer_match", "em", "abstain_rate", "unsupported_rate")
HEADER = ("item_key", "type", "condition", "temp", *METRICS, "n_failed", "n_truncated", "n_samples")


def write_table(path: Path, header, rows) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_trial(run: Path, rows, said) -> Path:
    """Write a trial's results: one score row per arm, and one answer, ``said(key, arm)``."""
    results = run / "trial" / "results"
    results.mkdir(parents=True)
    (run / "prepared").mkdir()
    (run / "run_state.json").write_text("{}", encoding="utf-8")
    (run / "config.yaml").write_text("temps: [0.0]  # </script>\n", encoding="utf-8")
    blocks: dict[str, dict] = {}
    for _, kind, temp, *_arms in rows:
        metrics = {"answer_match": entry(0.5, 0.667, [-0.333, 0.667]), "em": entry(0.2, 0.1, [-0.5, 0.3])}
        blocks.setdefault(repr(temp), {})[kind] = {"n_items": 6, "metrics": metrics}
    significance = {"results": blocks, "analyses": []}
    (results / "significance.json").write_text(json.dumps(significance), encoding="utf-8")
    titles = {"answer_match": "Answer match <b>", "em": "Exact match"}
    described = [{"name": name, "title": titles.get(name, name)} for name in METRICS]
    (results / "metrics.json").write_text(json.dumps(described), encoding="utf-8")
    model = {"model": "some</script>model\u202e", "prompt_set": "p", "temps": [0.0, 0.7], "plugins": []}
    (results / "trial_manifest.json").write_text(json.dumps(model), encoding="utf-8")
    scored, answered = [], []
    for key, kind, temp, *arms in rows:
        for arm, values in zip(("control", "treatment"), arms, strict=True):
            failed = values[4]
            scored.append([key, kind, arm, temp, *("" if v is None else v for v in values), 1 - failed])
            text = "" if failed else said(key, arm)
            answered.append([f"{key}|{arm}|{temp}|0|{kind}", text, "the server said <b>no</b>" if failed else ""])
    write_table(results / "per_item_scores.csv", HEADER, scored)
    write_table(results / "predictions.csv", ("custom_id", "response_text", "error"), answered)
    items: dict[str, list[str]] = {"open": [], "closed": []}
    for key, kind in dict.fromkeys((row[0], row[1]) for row in rows):
        dataset, name = key.split("|")
        item = {"dataset": dataset, "id": name, "question": f"What is {name} <i>?", "answers": [f"right {name}", "<u>"]}
        items[kind].append(json.dumps(item | ({"context": "The passage they share."} if kind == "open" else {})))
    for kind, lines in items.items():
        (run / "prepared" / f"{kind}_book.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return results


@pytest.fixture(scope="session")
def trial(tmp_path_factory) -> Path:
    """The results of fourteen items, four with hostile answers in the treatment."""

    def said(key: str, arm: str) -> str:
        hostile = HOSTILE.get(HOSTILE_ITEMS.get(key, ""))
        return hostile if hostile and arm == "treatment" else f"{arm} says {key} Éclair"

    return write_trial(tmp_path_factory.mktemp("small") / "run_small", ROWS, said)


@pytest.fixture(scope="session")
def large_trial(tmp_path_factory) -> Path:
    """The results of 20,000 items, of which the treatment fixed every tenth."""
    same = (1, 0, 0, 0, 0, 0)
    rows = [(f"one|i{n}", "open", 0.0, (int(n % 10 > 0), *same[1:]), same) for n in range(20_000)]
    folder = tmp_path_factory.mktemp("large") / "run_large"
    return write_trial(folder, rows, lambda key, arm: f"{arm} says {key}")


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium; EXX_BROWSER says where it is, and that there must be one."""
    wanted = os.environ.get("EXX_BROWSER")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = wanted or next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip(
            "THE PAGE IS NOT TESTED: no Chromium on the PATH (Debian: apt-get install chromium), no EXX_BROWSER"
        )
    try:
        from playwright import sync_api as api
    except ImportError:
        if wanted:
            raise
        pytest.skip("THE PAGE IS NOT TESTED: the package playwright is missing")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
