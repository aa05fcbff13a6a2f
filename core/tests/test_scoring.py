"""Scoring: who judges what, and what counts."""

from __future__ import annotations

import csv
import json
import statistics

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_lab import ITEMS, Everywhere, InPassage, Letters, prepare, row, score

from exx import Abstention, ExxError, Metric, PluginError
from exx.errors import UsageError
from exx.pipeline import scoring_read
from exx.pipeline.parse import parse_results
from exx.pipeline.scoring import score_files


@pytest.fixture
def folder(tmp_path):
    return prepare(tmp_path, ITEMS)


def test_one_row_per_item_condition_and_temperature(folder):
    """In the order of the predictions, keyed by dataset and id, open and closed book apart."""
    rows = [
        row("o1", "treatment", "Rome", kind="closed"),
        row("o1", "control", "Ann"),
        row("o1", "control", "Bob", temp="0.70"),
        row("o1", "treatment", "Bob"),
    ]
    scores, summary = score(folder, rows)

    assert [(s["item_key"], s["type"], s["condition"], s["temp"], s["em"], s["group"]) for s in scores] == [
        ("quiz|o1", "closed", "treatment", "0.0", "1.0", ""),
        ("quiz|o1", "open", "control", "0.0", "1.0", "p,1"),
        ("quiz|o1", "open", "control", "0.7", "0.0", "p,1"),
        ("quiz|o1", "open", "treatment", "0.0", "0.0", "p,1"),
    ]
    assert (summary.rows, summary.items) == (4, {"quiz": 2})
    assert summary.predictions == {"control": 2, "treatment": 2}


def test_means_and_deviations_over_replicates(folder):
    """Three replicates scored 1, 0, 1: mean 2/3 and, with ddof 1, the deviation of a foreign library."""
    rows = [row("o1", "control", text, sample=n) for n, text in enumerate(["Ann", "Bob", "Ann"])]
    rows.append(row("o1", "treatment", "Ann"))
    (control, treatment), _ = score(folder, rows)

    assert float(control["em"]) == pytest.approx(2 / 3)
    assert float(control["em_std"]) == pytest.approx(statistics.stdev([1, 0, 1]))
    assert (control["n_samples"], treatment["n_samples"]) == ("3", "1")
    assert (treatment["em"], treatment["em_std"]) == ("1.0", "0.0")


def test_what_is_no_answer_is_left_out_and_counted(folder):
    """A failure and an answer cut off before any text count nowhere else; one cut off later is scored."""
    rows = [
        row("o1", "control", "", sample=0, error="HTTP 500"),
        row("o1", "control", " ", sample=1, finish="length"),
        row("o1", "control", "Ann", sample=2, finish="length"),
        row("o1", "control", "Bob", sample=3),
        row("o1", "treatment", "Ann", error="refused"),
        row("o2", "treatment", "", finish="length"),
    ]
    (control, failed, cut), summary = score(folder, rows, detector=InPassage())

    assert (control["em"], control["abstain_rate"]) == ("0.5", "0.0")
    assert (control["n_samples"], control["n_failed"], control["n_truncated"]) == ("2", "1", "2")
    assert [failed[name] for name in ("em", "em_std", "abstain_rate", "unsupported_rate", "share")] == [""] * 5
    assert (failed["n_samples"], failed["n_failed"], failed["n_truncated"]) == ("0", "1", "0")
    assert [cut[name] for name in ("em", "abstain_rate", "false_answer_rate", "unsupported_rate")] == [""] * 4
    assert (cut["n_samples"], cut["n_failed"], cut["n_truncated"]) == ("0", "0", "1")
    assert summary.failed == {"control": 1, "treatment": 1}
    assert summary.truncated == {"control": 2, "treatment": 1}
    assert summary.cut == {"control": 1, "treatment": 1}
    assert "control 1, treatment 1" in summary.notes[0]


def test_empty_truncated_and_failed_are_three_things(folder):
    """From raw results to the score file: five replicates, counted by hand, of which three are in the means."""
    raw = [
        ("", "stop", None),  # declined by saying nothing
        ("Ann", "stop", None),
        ("Ann w", "length", None),  # cut off, and judged as it stands
        ("", "length", None),  # cut off before any text
        (None, None, {"message": "HTTP 500"}),
    ]
    lines = []
    for sample, (text, finish, error) in enumerate(raw):
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
        response = None if error else {"id": "r", "choices": [choice], "usage": {}}
        custom_id = f"quiz|o1|control|0.7|{sample}|open"
        lines.append(json.dumps({"custom_id": custom_id, "response": response, "error": error}))
    (folder / "results.jsonl").write_text("\n".join(lines), "utf-8")
    parse_results(folder / "results.jsonl", folder / "parsed.csv")
    with (folder / "parsed.csv").open(encoding="utf-8", newline="") as file:
        parsed = list(csv.DictReader(file))
    out = folder / "out" / "per_item_scores.csv"
    summary = score_files(folder / "parsed.csv", folder, out, scorers=[Letters()], detector=InPassage())
    with out.open(encoding="utf-8", newline="") as file:
        (only,) = csv.DictReader(file)

    assert [(p["response_text"], p["finish_reason"], bool(p["error"])) for p in parsed] == [
        ("", "stop", False),
        ("Ann", "stop", False),
        ("Ann w", "length", False),
        ("", "length", False),
        ("", "", True),
    ]
    assert (only["n_samples"], only["n_failed"], only["n_truncated"]) == ("3", "1", "2")
    assert float(only["em"]) == pytest.approx(1 / 3)
    assert float(only["em_std"]) == pytest.approx(statistics.stdev([0, 1, 0]))
    assert float(only["abstain_rate"]) == pytest.approx(1 / 3)
    assert (only["unsupported_rate"], only["unsupported_rate_std"]) == ("0.0", "0.0")
    assert (summary.failed["control"], summary.truncated["control"], summary.cut["control"]) == (1, 2, 1)
    assert len((folder / "out" / "support.csv").read_text("utf-8").splitlines()) == 1 + 2


def test_abstaining_is_right_where_there_is_no_answer(folder):
    """An abstention reaches scorers as the empty text: right on an unanswerable item, wrong on another."""
    rows = [
        row("o2", "control", "I don't know."),
        row("o2", "treatment", "Bob"),
        row("o1", "control", "The passage does not say."),
        row("o1", "treatment", ""),
    ]
    scores, _ = score(folder, rows)

    assert [s["em"] for s in scores] == ["1.0", "0.0", "0.0", "0.0"]
    assert [s["abstain_rate"] for s in scores] == ["1.0", "0.0", "1.0", "1.0"]
    assert [s["false_answer_rate"] for s in scores] == ["0.0", "1.0", "", ""]


def test_without_a_rule_texts_reach_scorers_unchanged(folder):
    """Under ``none`` only the empty answer abstains, and "I don't know." is an answer like any other."""
    rows = [row("o2", "control", "I don't know."), row("o2", "treatment", "")]
    scores, _ = score(folder, rows, abstention=Abstention.of("none"))

    assert [(s["em"], s["abstain_rate"], s["false_answer_rate"]) for s in scores] == [
        ("0.0", "0.0", "1.0"),
        ("1.0", "1.0", "0.0"),
    ]


def test_support_below_the_cutoff_is_unsupported(folder):
    """Abstentions are never unsupported, closed-book items have no rate, and the cutoff itself is enough."""
    rows = [
        row("o1", "control", "Zoe"),
        row("o1", "treatment", "won."),
        row("o2", "control", "Anton"),
        row("o2", "treatment", "Unknown"),
        row("o1", "control", "Rome", kind="closed"),
    ]
    scores, _ = score(folder, rows, detector=InPassage())

    assert [s["unsupported_rate"] for s in scores] == ["1.0", "0.0", "0.0", "0.0", ""]
    assert {s["unsupported_rate"] for s in score(folder, rows)[0]} == {""}


def test_the_degrees_of_support_are_written_beside_the_scores(folder):
    """A row per claim in the order of the predictions; abstentions, failures and closed-book answers make no claim."""
    rows = [
        row("o2", "treatment", "Anton", temp="0.70", sample=1),
        row("o1", "control", "Zoe"),
        row("o1", "control", "I don't know.", sample=1),
        row("o1", "control", "", sample=2, error="HTTP 500"),
        row("o1", "control", " ", sample=3, finish="length"),
        row("o1", "control", "Ann w", sample=4, finish="length"),
        row("o1", "control", "Rome", kind="closed"),
    ]
    (*_, closed), summary = score(folder, rows, detector=InPassage())
    support = folder / "out" / "support.csv"

    assert support.read_text("utf-8").splitlines() == [
        "item_key,condition,temp,sample_index,support",
        "quiz|o2,treatment,0.7,1,0.5",
        "quiz|o1,control,0.0,0,0.0",
        "quiz|o1,control,0.0,4,1.0",
    ]
    assert support in summary.artifacts
    assert closed["unsupported_rate"] == ""
    _, without = score(folder, rows)
    assert not support.exists()
    assert support not in without.artifacts


def test_an_abstention_is_never_unsupported(folder):
    """The detector is not even asked about it, and is asked about the rest together with the question."""
    seen = []

    @frozen
    class Strict(InPassage):
        def support(self, batch):
            seen.extend((grounded.context, claim) for grounded in batch for claim in grounded.claims)
            return [0.0 for grounded in batch for _ in grounded.claims]

    texts = ["I don’t know.", "The passage does not say.", "", "Bob"]
    scores, _ = score(
        folder, [row("o1", "control", text, temp=str(n)) for n, text in enumerate(texts)], detector=Strict()
    )

    assert [s["unsupported_rate"] for s in scores] == ["0.0", "0.0", "0.0", "1.0"]
    assert seen == [("Ann won.", ("Who?", "Bob"))]


def test_an_undefined_metric_is_blank(folder):
    """None stays out of the mean: of two replicates one has a share."""
    rows = [row("o1", "control", "Annie", sample=0), row("o1", "control", "", sample=1), row("o1", "treatment", "")]
    (control, treatment), _ = score(folder, rows)

    assert (control["share"], control["share_std"]) == ("0.6", "0.0")
    assert (treatment["share"], treatment["share_std"]) == ("", "")


def test_scorers_of_every_dataset_come_beside_the_official_one(folder):
    """Their columns follow the core's, and metrics.json describes every column."""
    rows = [row("o1", "control", "Ann"), row("o1", "treatment", "Annabella")]
    scores, summary = score(folder, rows, scorers=(Everywhere(), Letters()))

    assert [s["length"] for s in scores] == ["0.3", "0.9"]
    assert summary.scorers == {"quiz": ["letters", "everywhere"]}
    names = [name.removesuffix("_std") for name in list(scores[0])[4:-4:2]]
    described = json.loads((folder / "out" / "metrics.json").read_bytes())
    assert [entry["name"] for entry in described] == names
    assert names == ["em", "f1", "abstain_rate", "false_answer_rate", "unsupported_rate", "length", "share"]
    assert described[-1] == {"name": "share", "title": "Share", "higher_is_better": True, "binary": False}


def test_the_fallback_judges_datasets_without_a_scorer(folder):
    """And the summary says that it did."""
    prepare(folder, {"closed_book": [{"id": "1", "dataset": "mine", "question": "?", "answers": ["x"]}]})
    rows = [row("1", "control", "x", kind="closed", dataset="mine")]
    (only,), summary = score(folder, rows, fallback="letters")

    assert only["em"] == "1.0"
    assert summary.notes == ["no scorer names dataset 'mine' as its own; 'letters' judged it"]
    with pytest.raises(UsageError, match="no scorer for dataset 'mine': none names it, and the fallback 'other'"):
        score(folder, rows, fallback="other")


def test_two_scorers_may_not_measure_one_metric(folder):
    """Which of them to believe is not for exx to say."""

    @frozen
    class Rival(Letters):
        name = "rival"

    with pytest.raises(UsageError, match="both 'letters' and 'rival' measure 'em' on dataset 'quiz'"):
        score(folder, [row("o1", "control", "Ann")], scorers=(Letters(), Rival()))


def test_a_metric_has_one_direction(folder):
    """A scorer that turns a known metric round is refused."""

    @frozen
    class Upside(Everywhere):
        metrics = (Metric("abstain_rate", "Abstentions", higher_is_better=True),)

        def score(self, batch):
            return {"abstain_rate": [0.0 for answered in batch for _ in answered.texts]}

    with pytest.raises(UsageError, match="another direction for 'abstain_rate'"):
        score(folder, [row("o1", "control", "Ann")], scorers=(Letters(), Upside()))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"em": [1.0], "share": []}, "returned 0 values for 'share', expected 1"),
        ({"em": [1.0]}, "returned no values for 'share', expected 1"),
        ({"em": [1.5], "share": [0.0]}, r"returned 1.5 for 'em', expected a number in \[0, 1\] or None"),
        ({"em": [float("nan")], "share": [0.0]}, "returned nan for 'em'"),
        (ZeroDivisionError("oh"), r"plugin 'letters' \(.*\): failed: ZeroDivisionError\('oh'\)"),
    ],
)
def test_a_plugin_that_misbehaves_is_named(folder, result, message):
    """Whether it raises or returns nonsense, the message says who it was."""

    @frozen
    class Bad(Letters):
        def score(self, batch):
            if isinstance(result, Exception):
                raise result
            return result

    with pytest.raises(PluginError, match=message):
        score(folder, [row("o1", "control", "Ann")], scorers=(Bad(),))


def test_a_plugins_own_message_is_passed_on(folder):
    """What a plugin says in exx's own words needs no wrapping."""

    @frozen
    class Picky(Letters):
        def score(self, batch):
            raise ExxError("only tuesdays", hint="wait")

    with pytest.raises(ExxError, match="only tuesdays\n  → wait"):
        score(folder, [row("o1", "control", "Ann")], scorers=(Picky(),))


def test_a_detector_has_to_decide(folder):
    """None is no degree of support."""

    @frozen
    class Undecided(InPassage):
        def support(self, batch):
            return [None]

    with pytest.raises(PluginError, match=r"'in_passage'.*returned None where a degree of support is due"):
        score(folder, [row("o1", "control", "Zoe")], detector=Undecided())


def test_keys_survive_odd_ids(folder):
    """Ids with separators, quotes, line breaks and commas come back as one field each."""
    odd = 'a|b,"c"\n%'
    prepare(folder, {"closed_book": [{"id": odd, "dataset": "quiz", "question": "?", "answers": ["x"]}]})
    (only,), _ = score(folder, [row(odd, "control", "x", kind="closed")])

    assert only["item_key"] == 'quiz|a%7Cb,"c"%0A%25'


def test_the_file_is_the_same_for_the_same_input(folder):
    """Byte for byte, and a Parquet file beside it holds the same."""
    rows = [row("o1", "control", "Ann"), row("o2", "treatment", "Bob"), row("o1", "treatment", "", error="x")]
    out = folder / "out" / "per_item_scores.csv"
    score(folder, rows)
    first = out.read_bytes()
    scores, summary = score(folder, rows, parquet=True)

    assert out.read_bytes() == first
    parquet = pytest.importorskip("pyarrow.parquet").read_table(summary.artifacts[-1]).to_pylist()
    assert [entry["item_key"] for entry in parquet] == [entry["item_key"] for entry in scores]
    assert [entry["em"] for entry in parquet] == [1.0, 0.0, None]
    assert (parquet[0]["group"], parquet[1]["group"], parquet[2]["n_failed"]) == ("p,1", None, 1)


def test_long_answers_are_read(folder):
    """Longer than the csv module reads by default."""
    (only,), _ = score(folder, [row("o1", "control", "Ann" * 100_000)])

    assert only["share"] == "1.0"


answers = st.sampled_from(["Ann", "Annie", "Bob", "", "I don't know.", 'Rome, "Roma"\n'])
outcomes = st.sampled_from([("stop", ""), ("length", ""), ("stop", "failed")])


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from([("o1", "open"), ("o2", "open"), ("o1", "closed")]),
            st.sampled_from(["control", "treatment"]),
            st.sampled_from(["0.0", "0.7"]),
            st.integers(min_value=0, max_value=3),
        ),
        st.tuples(answers, outcomes),
        min_size=1,
    ),
    st.randoms(use_true_random=False),
    st.integers(min_value=1, max_value=3),
)
def test_the_order_of_predictions_changes_only_the_order_of_rows(tmp_path_factory, asked, random, chunk):
    """Whatever the replicates, failures and sizes of the chunks: the same rows, in the order of the predictions."""
    folder = prepare(tmp_path_factory.mktemp("order"), ITEMS)
    rows = [
        row(item, condition, text, kind=kind, temp=temp, sample=sample, finish=finish, error=error)
        for ((item, kind), condition, temp, sample), (text, (finish, error)) in asked.items()
    ]
    straight, _ = score(folder, rows, detector=InPassage())
    shuffled = random.sample(rows, len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring_read, "_CHUNK_ITEMS", chunk)
        mixed, summary = score(folder, shuffled, detector=InPassage())

    def cell(entry):
        return entry["item_key"], entry["type"], entry["condition"], entry["temp"]

    assert sorted(straight, key=cell) == sorted(mixed, key=cell)
    seen = dict.fromkeys((f"quiz|{r[2]}", r[6], r[3], r[4]) for r in shuffled)
    assert [cell(entry) for entry in mixed] == list(seen)
    assert sum(int(entry["n_failed"]) for entry in mixed) == sum(summary.failed.values())


def test_swapped_arms_swap_the_rows(folder):
    """The treatment is right twice and the control once, and not the other way round."""
    rows = [
        row("o1", "control", "Bob"),
        row("o1", "treatment", "Ann"),
        row("o1", "control", "Rome", kind="closed"),
        row("o1", "treatment", "Roma", kind="closed"),
    ]
    scores, _ = score(folder, rows)

    assert sum(float(s["em"]) for s in scores if s["condition"] == "treatment") == 2
    assert sum(float(s["em"]) for s in scores if s["condition"] == "control") == 1
