"""Scoring: who judges what, what counts, and what is refused."""

from __future__ import annotations

import csv
import json
import statistics
from pathlib import Path

import orjson
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from exx import Abstention, DataError, ExxError, Metric, PluginError
from exx.errors import UsageError
from exx.pipeline import scoring_read
from exx.pipeline.scoring import score_files

COLUMNS = "custom_id,dataset,item_id,condition,temp,sample_index,type,request_id,finish_reason,response_text,error"


@frozen(kw_only=True)
class Letters:
    """A scorer made for these tests: right is the right answer itself, ``share`` its share of the answer's letters."""

    name = "letters"
    metrics = (Metric("em", "Exact match"), Metric("share", "Share", binary=False))
    datasets = ("quiz",)

    def score(self, batch):
        em, share = [], []
        for answered in batch:
            rights = ("",) if answered.item.is_unanswerable else answered.item.answers
            for text in answered.texts:
                em.append(float(text in rights))
                share.append(None if not text else max(text.count(right) * len(right) for right in rights) / len(text))
        return {"em": em, "share": share}


@frozen(kw_only=True)
class Everywhere:
    """A scorer of every dataset: the length of the answer against ten letters."""

    name = "everywhere"
    metrics = (Metric("length", "Length", binary=False),)
    datasets = None

    def score(self, batch):
        return {"length": [min(1.0, len(text) / 10) for answered in batch for text in answered.texts]}


@frozen(kw_only=True)
class InPassage:
    """A detector: an answer that stands in the passage is supported, a part of it by half."""

    name = "in_passage"
    cutoff = 0.5

    def support(self, batch):
        return [
            1.0 if answer in grounded.context else 0.5 if answer[:2] in grounded.context else 0.0
            for grounded in batch
            for _, answer in grounded.claims
        ]


ITEMS = {
    "open_book": [
        {"id": "o1", "dataset": "quiz", "question": "Who?", "context": "Ann won.", "answers": ["Ann"], "group": "p,1"},
        {
            "id": "o2",
            "dataset": "quiz",
            "question": "When?",
            "context": "Ann won.",
            "answers": [],
            "is_unanswerable": True,
        },
    ],
    "closed_book": [{"id": "o1", "dataset": "quiz", "question": "Where?", "answers": ["Rome", "Roma"]}],
}


@pytest.fixture
def folder(tmp_path):
    return prepare(tmp_path, ITEMS)


def prepare(folder: Path, items) -> Path:
    for name, records in items.items():
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return folder


def row(item, condition, text, *, kind="open", temp="0.0", sample=0, finish="stop", error="", dataset="quiz"):
    return ["id", dataset, item, condition, temp, sample, kind, "r", finish, text, error]


def score(folder: Path, rows, *, scorers=(Letters(),), detector=None, **options):
    with (folder / "predictions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS.split(","))
        writer.writerows(rows)
    out = folder / "out" / "per_item_scores.csv"
    summary = score_files(folder / "predictions.csv", folder, out, scorers=scorers, detector=detector, **options)
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), summary


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


def test_an_output_that_cannot_be_written_is_told(folder):
    """The message names the file, and nothing is left behind."""
    (folder / "out").write_text("a file where the folder should be")

    with pytest.raises(ExxError, match=r"cannot write .*per_item_scores\.csv"):
        score(folder, [row("o1", "control", "Ann")])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "id,quiz,o1,controll,0.0,0,open,r,stop,Ann,",
            r"line 2: condition 'controll', expected 'control' or 'treatment'",
        ),
        ("id,quiz,o1,control,warm,0,open,r,stop,Ann,", r"line 2: temp 'warm', expected a number from 0 up"),
        ("id,quiz,o1,control,nan,0,open,r,stop,Ann,", r"line 2: temp 'nan'"),
        ("id,quiz,o1,control,0.0,1.5,open,r,stop,Ann,", r"line 2: sample_index '1.5', expected a whole number"),
        ("id,quiz,o1,control,0.0,0,ajar,r,stop,Ann,", r"line 2: type 'ajar', expected 'open' or 'closed'"),
        ("id,quiz,o1,control,0.0,0,open,r,stop", r"line 2: 9 fields, expected 11"),
        ('id,quiz,o1,control,0.0,0,open,r,stop,"Ann', r"malformed CSV"),
        ("id,quiz,o9,control,0.0,0,open,r,stop,Ann,", r"line 2: 1 items are not in .*: quiz\|o9"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(folder, line, message):
    """Nothing is skipped or guessed."""
    path = folder / "predictions.csv"
    path.write_text(f"{COLUMNS}\n{line}\n")

    with pytest.raises(DataError, match=message):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])
    assert not (folder / "out.csv").exists()


def test_the_line_is_right_behind_answers_of_several_lines(folder):
    """Lines of the file are told, not numbers of rows."""
    path = folder / "predictions.csv"
    path.write_text(
        f'{COLUMNS}\nid,quiz,o1,control,0.0,0,open,r,stop,"Ann\n\n2",\n\nid,quiz,o1,control,0.0,x,open,r,stop,Ann,\n'
    )

    with pytest.raises(DataError, match=r"line 6: sample_index 'x'"):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])


def test_text_in_another_encoding_is_refused_with_its_line(folder):
    """Latin-1 is not guessed at."""
    path = folder / "predictions.csv"
    path.write_bytes(f"{COLUMNS}\nid,quiz,o1,control,0.0,0,open,r,stop,Caf\u00e9,\n".encode("latin-1"))

    with pytest.raises(DataError, match="line 2: not UTF-8 text"):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])


def test_a_second_answer_to_one_request_is_refused(folder):
    """Also when the temperature is spelt in another way; both lines are told."""
    rows = [row("o1", "control", "Ann"), row("o2", "control", "Ann"), row("o1", "control", "Bob", temp="0")]

    with pytest.raises(DataError, match=r"line 4: a second answer of quiz\|o1 for control, temp 0.0.*line 2"):
        score(folder, rows)


def test_blank_lines_and_items_without_predictions_don_t_matter(folder):
    """Neither is an error, and lines are counted as the file has them."""
    path = folder / "predictions.csv"
    rows = "id,quiz,o1,control,0.0,0,open,r,stop,Ann,\n\nid,quiz,o1,treatment,0.0,0,open,r,stop,Ann,\n"
    path.write_text(f"{COLUMNS}\n\n{rows}")

    assert score_files(path, folder, folder / "out.csv", scorers=[Letters()]).rows == 2
    path.write_text(f"{COLUMNS}\n\n{rows.replace('treatment', 'control')}")
    with pytest.raises(DataError, match=r"line 5: a second answer .* line 3"):
        score_files(path, folder, folder / "out.csv", scorers=[Letters()])


def test_a_missing_file_of_predictions_is_told(folder):
    """With the reason the system gives."""
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read: No such file"):
        score_files(folder / "nowhere.csv", folder, folder / "out.csv", scorers=[Letters()])


def test_a_missing_column_is_named(folder):
    """With what writes the file."""
    (folder / "predictions.csv").write_text("dataset,item_id\n")

    with pytest.raises(DataError, match=r"line 1: no column 'type', 'condition'(?s:.)*exx parse"):
        score_files(folder / "predictions.csv", folder, folder / "out.csv", scorers=[Letters()])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": "Ann"}, "line 1: 'answers' must be a list of texts"),
        ({"answers": ["Ann", 3]}, "line 1: 'answers' must be a list of texts"),
        ({"answers": []}, "line 1: no answers, although the item is not marked 'is_unanswerable'"),
        ({"context": None}, "line 1: 'context' must be a text"),
        ({"question": 3}, "line 1: 'question' must be a text"),
        ({"group": 3}, "line 1: 'group' must be a text or null"),
        ({"is_unanswerable": 1}, "line 1: 'is_unanswerable' must be true or false"),
        ({"id": ["o1"]}, "line 1: 'id' and 'dataset' must be texts"),
    ],
)
def test_a_bad_item_is_refused_with_its_line(folder, change, message):
    """A record is never taken for something else than it says."""
    prepare(folder, {"open_book": [ITEMS["open_book"][0] | change]})

    with pytest.raises(DataError, match=message):
        score(folder, [row("o1", "control", "Ann")])


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff"])
def test_a_line_that_is_no_item_is_refused(folder, line):
    """Also when nothing was asked about it."""
    (folder / "closed_book.jsonl").write_bytes(b"\n" + line + b"\n")

    with pytest.raises(DataError, match=r"closed_book\.jsonl, line 2: (not JSON|expected an object)"):
        score(folder, [row("o1", "control", "Ann")])


def test_an_item_twice_is_refused(folder):
    """The right answers would be anybody's guess."""
    prepare(folder, {"open_book": ITEMS["open_book"][:1] * 2})

    with pytest.raises(DataError, match=r"open_book\.jsonl, line 2: a second item quiz\|o1"):
        score(folder, [row("o1", "control", "Ann")])


def test_a_missing_file_of_items_is_named(folder):
    """What is most likely wrong is said first."""
    (folder / "closed_book.jsonl").unlink()

    with pytest.raises(DataError, match=r"has no closed_book\.jsonl"):
        score(folder, [row("o1", "control", "Ann", kind="closed")])


def test_long_answers_are_read(folder):
    """Longer than the csv module reads by default."""
    (only,), _ = score(folder, [row("o1", "control", "Ann" * 100_000)])

    assert only["share"] == "1.0"
    assert csv.field_size_limit() == 131_072


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
