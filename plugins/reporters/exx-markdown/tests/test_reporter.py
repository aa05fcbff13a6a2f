"""The report says the verdict first, hides no doubt, and lets nothing of what a model wrote become markup."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from exx import DataError, dollars, load_results, number, p_value
from exx.testing import check_reporter
from exx_markdown import exx_register_reporters
from exx_markdown.reporter import MarkdownReporter
from exx_markdown.text import block, code, escape, table, visible

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
HOSTILE = (
    "<script>alert(1)</script>",
    "| a | b |\n|---|---|\n| c | d |",
    "[click](https://evil.example) ![x](https://evil.example/x.png) <https://evil.example>",
    "\x1b[31mred\x1b[0m \u202egnp.exe\u2066\u200b",
    "# A heading\n\n```\nrm -rf /\n```\n\n---\n- item",
    "``two`` `one` ```three```",
    "&lt;b&gt; $x$ ~~gone~~ **bold** _it_",
    "word " * 500,
    "",
)


FOLDS = {
    f"<details>\n<summary>{words}</summary>"
    for words in (
        "The two system prompts",
        "All findings of every analysis (1)",
        "The other metrics",
        "The settings, as they were in effect",
        "Its numbers",
    )
} | {"</details>"}


def entry(control, treatment, ends, p, q, **more):
    """A metric's entry in significance.json."""
    tests = {"n": 120, "both": 50, "b": 15, "c": 8, "neither": 47, "p_exact": 0.21, "p_mid": p, "n_undecided": 0}
    odds = {"odds_ratio": 1.875, "or_ci_95": [0.75, "Infinity"], "or_ci_95_mid_p": [0.8, 4.8]}
    means = {"n_items": 120, "mean_control": control, "mean_treatment": treatment, "delta_mean": treatment - control}
    found = {**tests, **odds, "p_value": p, "q_value": q, "family": "primary"}
    return {**means, "ci_95": ends, "mcnemar": found, **more}


def write_table(path: Path, header, rows) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_json(path: Path, content) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")


def costs():
    """A costs.json with one temperature."""
    usd = {"total": 0.02, "spent": 0.015, "saved": 0.005, "per_1000_requests": 0.05, "reason": None}
    tokens = {"prompt": 1000, "completion": 50, "cached": 0, "total": 1050}
    cell = {"requests": 120, "answered": 120, "tokens": tokens, "usd": usd}
    change = {
        "prompt_tokens_per_1000_requests": 35_000.0,
        "completion_tokens_per_1000_requests": -500.0,
        "usd_per_1000_requests": 0.0027,
        "reason": None,
    }
    price = {"source": "config", "date": None, "input_per_million": 0.15, "output_per_million": 0.6}
    return {
        "price": {**price, "batch_discount": 0.5, "batch_discount_applied": True, "reason": None},
        "conditions": {"control": {"0.0": cell}, "treatment": {"0.0": cell}},
        "total": cell,
        "difference": {"0.0": change},
    }


@pytest.fixture(autouse=True)
def _sketched(monkeypatch):
    """Figures are only sketched here, where their words and file names are what counts; test_sections draws them."""

    def sketch(rows, *, title, margin, standalone):
        if not rows:
            raise ValueError("no difference is defined")
        return f"<svg><title>{html.escape(title)}</title><desc>{html.escape(str(rows))}</desc></svg>"

    monkeypatch.setattr("exx.plots.forest", sketch)


@pytest.fixture
def run(tmp_path):
    """The results folder of a run: one temperature, one type, hostile questions and answers."""
    run = tmp_path / "experiments" / "run_r1"
    results = run / "trial" / "results"
    results.mkdir(parents=True)
    (run / "prepared").mkdir()
    (run / "run_state.json").write_text("{}", encoding="utf-8")
    (run / "config.yaml").write_text("temps: [0.0]  # ``` not the end\n", encoding="utf-8")
    part = {"n_items": 120, "n_unpaired": {"control": 0, "treatment": 0}}
    metrics = {
        "f1": {"n_items": 0, "mean_control": None, "mean_treatment": None, "delta_mean": None, "ci_95": None},
        "answer_match": entry(0.483, 0.541, [-0.012, 0.129], 0.12, 0.24),
    }
    small = {**part, "n_items": 60, "metrics": {"answer_match": entry(0.4, 0.5, [0.01, 0.2], 0.01, 0.03)}}
    whole = {**part, "metrics": metrics, "subgroups": {"dataset": {"one": small, "two|x": small}}}
    write_json(results / "significance.json", {"results": {"0.0": {"open": whole}}, "analyses": []})
    named = [("answer_match", "Answer match"), ("f1", "Token <F1> | x")]
    write_json(results / "metrics.json", [{"name": name, "title": title} for name, title in named])
    write_json(results / "costs.json", costs())
    prompts = {
        arm: {"words": 3, "sha256": "ab" * 32, "source": "x", "text": f"Be {arm}.\n```"}
        for arm in ("control", "treatment")
    }
    plugins = [{"kind": "reporter", "name": "markdown", "options": {"longest": 80}}]
    manifest = {"model": "some|model", "prompt_set": "p", "prompts": prompts, "temps": [0.0], "plugins": plugins}
    write_json(results / "trial_manifest.json", manifest)
    columns = [
        "item_key",
        "type",
        "condition",
        "temp",
        "answer_match",
        "abstain_rate",
        "n_samples",
        "n_failed",
        "n_truncated",
    ]
    scored = [
        [f"one|{i}", "open", arm, 0.0, float((arm == "treatment") == (i % 2 == 0)), 0.0, 1, 0, 0]
        for arm in ("control", "treatment")
        for i in range(len(HOSTILE))
    ]
    write_table(results / "per_item_scores.csv", columns, scored)
    said = [[f"one|{i}|{arm}|0.0|0|open", text] for arm in ("control", "treatment") for i, text in enumerate(HOSTILE)]
    write_table(results / "predictions.csv", ["custom_id", "response_text"], said)
    items = [
        {"id": str(i), "dataset": "one", "question": text or "?", "answers": [text]} for i, text in enumerate(HOSTILE)
    ]
    (run / "prepared" / "open_book.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    return results


def report_of(folder, **options) -> str:
    """The report on a results folder."""
    first, *_ = MarkdownReporter(**options).write(load_results(folder), folder.parent / "reports")
    return first.read_text(encoding="utf-8")


def change(folder, name, edit) -> None:
    """Edit a JSON file of the results."""
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    edit(content)
    write_json(folder / name, content)


def test_the_hook_offers_the_reporter():
    """The plugin offers one class, under the name the config uses."""
    assert [cls.name for cls in exx_register_reporters()] == ["markdown"]


def test_the_verdict_comes_first(run):
    """Before anything else: the answer, the rates, the interval, and then what could be wrong with it."""
    report = report_of(run)
    headings = re.findall(r"^#+ (.+)$", report, flags=re.MULTILINE)

    assert headings[:5] == [
        *["Did the treatment help?", "Verdict", "Did anything else get worse?", "What could be wrong with it"],
        "Data and pairing",
    ]
    assert "**Open-book, temperature 0: cannot tell.** Under the treatment 54.1 % of the answers to 120" in report
    assert "under the control 48.3 %" in report


def test_doubts_are_listed_and_their_absence_is_told(run):
    """A failure is a doubt in the list; without any the report says what was looked for."""
    path = run / "per_item_scores.csv"
    assert "Nothing stands out: no request failed" in report_of(run)
    path.write_text(
        path.read_text(encoding="utf-8").replace("treatment,0.0,1.0,0.0,1,0,0", "treatment,0.0,,,0,1,0"), "utf-8"
    )

    assert "- Open-book, temperature 0: 0 requests failed under the control and 5 under the treatment" in report_of(run)


def test_every_section_is_there(run):
    """What the reader was promised, in the order in which it is needed."""
    sections = re.findall(r"^## (.+)$", report_of(run), flags=re.MULTILINE)

    assert sections == [
        *["Verdict", "Data and pairing", "What was asked, when, and of whom", "Answers", "Results", "Significance"],
        *["Results by part", "Costs", "Not in this report", "Examples", "Methods and sources", "How to do it again"],
    ]


def test_arms_are_not_swapped(run):
    """McNemar's table has the treatment's 15 wins and the control's 8 where they belong."""
    report = report_of(run)

    assert "| Control right | 50 | 8 |\n| Control wrong | 15 | 47 |" in report
    assert "The treatment alone is right on 15 questions, the control alone on 8" in report
    assert "odds ratio 1.875 (95 % CI 0.75 to ∞ exact, 0.8 to 4.8 mid-p)" in report


def test_simulated_answers_have_a_loud_banner(run):
    """A dry run can't be mistaken for an experiment; an experiment has no banner."""
    assert "SIMULATED" not in report_of(run)
    change(run, "trial_manifest.json", lambda manifest: manifest.update(simulated=True))

    assert report_of(run).splitlines()[2].startswith("> **SIMULATED: no model was asked.**")


def test_undefined_is_a_dash_with_a_reason(run):
    """A metric without pairs has dashes and no zero."""
    report = report_of(run)

    assert "| 0 | – | – | – | – | cannot tell |" in report
    assert "has no value: no item has a value in both arms." in report


def test_nothing_hostile_becomes_markup(run):
    """Rendered by a CommonMark parser with HTML allowed, no text of model or dataset is markup of any kind."""
    tokens = MARKDOWN.parse(report_of(run, examples=20))
    inline = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in (*tokens, *inline)}

    assert not kinds & {"html_inline", "link_open", "hr"}
    assert {token.content.strip() for token in tokens if token.type == "html_block"} <= FOLDS
    assert {child.attrs["src"] for child in inline if child.type == "image"} <= {
        path.name for path in (run.parent / "reports").glob("*.svg")
    }
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert not [heading for heading in headings if heading.startswith("A heading")]


def test_tables_keep_their_shape(run):
    """Bars in names and titles stay in their cells: every row of a table has as many cells as its header."""
    rows: list[int] = []
    for token in MARKDOWN.parse(report_of(run)):
        if token.type == "tr_open":
            rows.append(0)
        elif token.type in ("td_open", "th_open"):
            rows[-1] += 1
    text = re.findall(r"^\|.*\|$", report_of(run), flags=re.MULTILINE)
    written = [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in text]

    assert [count for line, count in zip(text, written, strict=True) if "---" not in line] == rows
    assert "two\\|x" in report_of(run)


def test_nothing_invisible_gets_through(run):
    """No control character, no direction mark, no zero-width space: they are written out."""
    report = report_of(run, examples=20)

    assert all(character.isprintable() or character == "\n" for character in report)
    assert "⟨U+001B⟩[31mred" in report
    assert "⟨U+202E⟩gnp.exe" in report


def test_examples_are_cut_and_counted(run):
    """At most as many as the option says, each text no longer than it says; 0 shows none."""
    report = report_of(run, examples=2, longest=40)
    shown = report.split("## Examples")[1].split("\n## ")[0]

    assert len(re.findall(r"^- ", shown, flags=re.MULTILINE)) == 4
    assert max(len(line) for line in shown.splitlines() if line.startswith("  - treatment")) < 120
    assert "## Examples" not in report_of(run, examples=0)


def test_costs_are_told_with_their_direction(run):
    """The treatment costs more money and fewer answer tokens, and the report says which."""
    report = report_of(run)

    assert "the treatment costs \\$0.0027 more per 1,000 requests" in report
    assert "takes +35.0 prompt tokens and −0.5 answer tokens per request" in report
    assert "times 0.5 for batches (source: config)" in report


def test_no_price_is_told(run):
    """Without a price there are tokens and a reason instead of sums."""

    def edit(content):
        content["price"] = {"source": None, "reason": "no price: set it"}
        for place in (content["conditions"]["control"]["0.0"], content["total"]):
            place["usd"] = dict.fromkeys(place["usd"])
        content["difference"]["0.0"]["usd_per_1000_requests"] = None

    change(run, "costs.json", edit)

    assert "No sums of money: no price: set it." in report_of(run)


def test_methods_name_the_version(run):
    """Every plugin the manifest names is listed with its version, its options and its own words."""
    assert "**markdown** (exx-markdown 0.1.0) longest=80: The report as a Markdown file" in report_of(run)


def test_it_says_how_to_do_it_again(run):
    """Commands with the run's own id, and the settings, which cannot break out of their fence."""
    report = report_of(run)

    assert "exx run experiments/run_r1/config.yaml --run-id r1-again" in report
    assert "````yaml\ntemps: [0.0]  # ``` not the end\n````" in report


def test_files_alone_give_a_report(run, tmp_path):
    """With significance.json alone there is a report with a verdict, and it says what it could not look at."""
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "significance.json").write_bytes((run / "significance.json").read_bytes())
    report = report_of(alone)

    assert "**Open-book, temperature 0: cannot tell.**" in report
    assert "per_item_scores.csv is not at hand" in report
    assert "exx stats --per-item-csv" in report


def test_the_same_results_give_the_same_bytes(run):
    """Nothing in the report depends on when or how often it is written, and no temporary file is left."""
    first = report_of(run)

    assert report_of(run) == first
    assert {path.suffix for path in (run.parent / "reports").iterdir()} == {".md", ".svg"}


def test_without_results_there_is_no_report(tmp_path):
    """A missing significance.json is told with the command that makes it."""
    with pytest.raises(DataError, match=r"significance\.json: no such file"):
        report_of(tmp_path)


# --- the shapes ------------------------------------------------------------------------------------------------------

texts = st.text(max_size=60) | st.lists(
    st.sampled_from([*"`*_[]()<>|\\#&$~!:/.\n\r\t -+=", "www", "http", "a", "1"])
).map("".join)


@given(texts)
def test_escaped_text_is_read_back_as_text(text):
    """A parser sees escaped text as one paragraph of plain text that says the same."""
    tokens = MARKDOWN.parse(f"x{escape(f'x{text}x')}x")
    children = tokens[1].children

    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == f"xx{visible(text)}xx"


@given(texts)
def test_code_is_one_span_that_says_the_same(text):
    """Whatever backticks a text holds, a parser finds one code span with all of it, or nothing to show."""
    (paragraph,) = [token for token in MARKDOWN.parse(f"x {code(text)} x") if token.type == "inline"]
    spans = [child.content for child in paragraph.children if child.type == "code_inline"]

    assert spans == ([visible(text)] if visible(text).strip() else [])


@given(texts)
def test_blocks_cannot_be_left(text):
    """A fence is longer than any within, so that the text ends where the block does."""
    tokens = MARKDOWN.parse(block(text))

    assert [token.type for token in tokens] == ["fence"]


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=4))
def test_tables_have_their_cells(rows):
    """A table of n columns has n cells in every row, whatever is in them."""
    tokens = MARKDOWN.parse(table(["a", "b", "c"], rows))

    assert sum(token.type == "td_open" for token in tokens) == 3 * len(rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0027, "$0.0027"),
        (0.02, "$0.020"),
        (1234.5, "$1,234.50"),
        (0, "$0.00"),
        (-0.5, "−$0.50"),
        (0.0000012, "$0.0000012"),
        (None, "–"),
    ],
)
def test_dollars(value, text):
    """Small sums keep two digits, large ones have cents."""
    assert dollars(value) == text


def test_numbers():
    """Four digits, infinite ones as such, a dash for none; p-values keep their distance from 0.05."""
    assert [number(v) for v in (0.123456, -2, float("inf"), "-Infinity", None)] == ["0.1235", "−2", "∞", "−∞", "–"]
    assert [p_value(v) for v in (0.0499, 0.0496, 0.05, 0.2, 1e-9, None)] == [
        "0.0499",
        "0.0496",
        "0.050",
        "0.20",
        "< 0.001",
        "–",
    ]


def test_keeps_the_contract():
    """What exx asks of every reporter: see exx.testing."""
    check_reporter(MarkdownReporter)
