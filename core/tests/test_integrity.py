"""Pair integrity: every planned answer ends in one state, losses are counted by arm, the worst case is worked out."""

from __future__ import annotations

import json
from itertools import product
from math import comb, sqrt
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scoring_lab import Letters, prepare, row, score

from exx import Address, DataError, Metric, load_results
from exx.integrity import STATES, Integrity, PairLoss, fair_coin, read_integrity, read_skipped
from exx.pipeline.scoring_read import ANSWERED, FAILED, Predictions, Slot
from exx.pipeline.scoring_states import Plan, integrity_of
from exx.verdict import Rules, VerdictRow, judged

OPEN = Address(0.0, "open")


def questions(count: int, dataset: str = "quiz") -> list[dict[str, object]]:
    """Open-book items o1, o2, … whose right answer is Ann; the last is unanswerable."""
    items: list[dict[str, object]] = [
        {"id": f"o{n}", "dataset": dataset, "question": "Who?", "context": "Ann won.", "answers": ["Ann"]}
        for n in range(1, count + 1)
    ]
    items[-1] |= {"answers": [], "is_unanswerable": True}
    return items


def scored(tmp_path: Path, rows, *, count: int = 6):
    """The content of integrity.json after scoring these rows."""
    folder = prepare(tmp_path, {"open_book": questions(count)})
    _, summary = score(folder, rows, scorers=(Letters(),))
    path = folder / "out" / "integrity.json"
    assert path in summary.artifacts
    return json.loads(path.read_text("utf-8"))


def arm_of(content, condition):
    """The only place's counts in this arm."""
    (found,) = [arm for arm in content["arms"] if arm["condition"] == condition]
    return found


LOPSIDED = [
    row("o1", "control", "Ann"),
    row("o1", "treatment", "Ann"),
    row("o2", "control", "Bob"),
    row("o2", "treatment", "Ann w", finish="length"),  # scored as it stands
    row("o3", "control", "Ann"),
    row("o3", "treatment", "", error="HTTP 500"),  # lost
    row("o4", "control", ""),  # says nothing; not lost
    row("o4", "treatment", " ", finish="length"),  # lost: cut off before any text
    row("o5", "control", "", error="HTTP 500"),  # lost, and the treatment has no row
    row("o6", "control", "I do not know."),
    row("o6", "treatment", "Ann"),
]


def test_every_planned_answer_ends_in_one_state(tmp_path):
    """Six items counted by hand: the states of an arm add up to what was planned, and only some of them are losses."""
    content = scored(tmp_path, LOPSIDED)
    control, treatment = arm_of(content, "control"), arm_of(content, "treatment")

    assert [control[state] for state in STATES] == [3, 1, 1, 0, 1, 0]
    assert [treatment[state] for state in STATES] == [2, 0, 0, 2, 1, 1]
    assert (control["planned"], control["items"], control["blank"]) == (6, 6, 0)
    assert (treatment["planned"], treatment["items"], treatment["blank"]) == (6, 6, 1)


def test_pairs_are_counted_by_the_arm_that_lost(tmp_path):
    """o3 and o4 have a control alone, o5 nothing; o1, o2 and o6 are whole."""
    (pairs,) = scored(tmp_path, LOPSIDED)["pairs"]

    counts = {"control": 0, "treatment": 2, "both": 1, "partly": 0, "control_more": 0, "treatment_more": 2}
    assert pairs == {"temp": 0.0, "type": "open", "dataset": "quiz", "planned": 6, "whole": 3} | counts


def test_the_extremes_of_a_lost_value_are_worked_out(tmp_path):
    """Exact match by hand: whole pairs 0, 0, −1; known controls 1 (o3) and 0 (o4); nothing of o5, so −1 to 1."""
    (em,) = [one for one in scored(tmp_path, LOPSIDED)["extremes"] if one["metric"] == "em"]

    assert (em["lost"], em["scored"]["n"], em["scored"]["mean"]) == (3, 3, pytest.approx(-1 / 3))
    assert em["scored"]["sd"] == pytest.approx(sqrt(1 / 3))  # ((1/3)² + (1/3)² + (2/3)²) / 2
    # lowest: o3 0 − 1, o4 0 − 0, o5 −1; highest: o3 1 − 1, o4 1 − 0, o5 +1
    assert (em["lowest"]["n"], em["lowest"]["mean"]) == (6, pytest.approx(-3 / 6))
    assert em["lowest"]["sd"] == pytest.approx(sqrt(6 * 0.25 / 5))
    assert (em["highest"]["n"], em["highest"]["mean"]) == (6, pytest.approx(1 / 6))


def test_a_metric_of_few_items_loses_only_with_these(tmp_path):
    """False answers are asked of o6 alone, which lost nothing: o5, of which there is no answer, does not count."""
    extremes = {one["metric"]: one for one in scored(tmp_path, LOPSIDED)["extremes"]}

    assert extremes["false_answer_rate"]["lost"] == 0
    assert extremes["false_answer_rate"]["lowest"] == {"n": 1, "mean": 1.0, "sd": None}
    assert "unsupported_rate" not in extremes


def test_replicates_are_counted_by_answer_and_pairs_by_item(tmp_path):
    """Three samples: o1 loses one of the treatment, o2 all of the control, o3 one in either arm."""
    rows = []
    lost = {("o1", "treatment"): [0], ("o2", "control"): [0, 1, 2], ("o3", "control"): [1], ("o3", "treatment"): [2]}
    for item in ("o1", "o2", "o3", "o4"):
        for arm in ("control", "treatment"):
            for sample in range(3):
                error = "HTTP 500" if sample in lost.get((item, arm), ()) else ""
                text = "Ann" if (arm, sample) != ("control", 0) else "Bob"
                rows.append(row(item, arm, "" if error else text, sample=sample, error=error))
    content = scored(tmp_path, rows, count=4)
    (pairs,) = content["pairs"]
    em = next(one for one in content["extremes"] if one["metric"] == "em")

    assert [arm_of(content, "control")[key] for key in ("planned", "failed", "answered")] == [12, 4, 8]
    assert [arm_of(content, "treatment")[key] for key in ("planned", "failed", "answered")] == [12, 2, 10]
    assert (pairs["planned"], pairs["whole"], pairs["partly"]) == (4, 1, 2)
    assert (pairs["control"], pairs["treatment"], pairs["both"]) == (1, 0, 0)
    assert (pairs["control_more"], pairs["treatment_more"]) == (1, 1)
    # o4 is unanswerable, so 0 − 0. o1: 1 − 2/3 as scored, 2/3 − 2/3 at worst. o2: 1 − 1. o3: 1 − 1/2, then 2/3 − 2/3.
    assert em["scored"]["mean"] == pytest.approx((1 / 3 + 1 / 2 + 0) / 3)
    assert em["lowest"]["mean"] == pytest.approx((0 + 0 + 0 + 0) / 4)
    # at best: o1 1 − 2/3, o2 1 − 0, o3 1 − 1/3
    assert em["highest"]["mean"] == pytest.approx((1 / 3 + 1 + 2 / 3 + 0) / 4)


def test_a_prepared_item_without_any_row_is_missing_in_both_arms(tmp_path):
    """It was planned; an item of a dataset or a type that was never asked was not."""
    other = questions(2, dataset="other")
    folder = prepare(tmp_path, {"open_book": [*questions(3), *other], "closed_book": []})
    score(folder, [row(f"o{n}", arm, "Ann") for n in (1, 2) for arm in ("control", "treatment")])
    content = json.loads((folder / "out" / "integrity.json").read_text("utf-8"))

    assert [(arm["dataset"], arm["planned"], arm["missing"]) for arm in content["arms"]] == [("quiz", 3, 1)] * 2
    assert [(pair["dataset"], pair["both"]) for pair in content["pairs"]] == [("quiz", 1)]


def test_one_arm_alone_has_no_pairs(tmp_path):
    """What was not asked is not missing."""
    content = scored(tmp_path, [row(f"o{n}", "control", "Ann") for n in range(1, 7)])

    assert [(arm["condition"], arm["missing"]) for arm in content["arms"]] == [("control", 0)]
    assert content["pairs"] == []


def test_datasets_and_temperatures_are_apart(tmp_path):
    """A loss is told where it happened; the place adds its datasets up."""
    folder = prepare(tmp_path, {"open_book": [*questions(2, "quiz"), *questions(2, "more")]})
    rows = [
        row(item, arm, "Ann", temp=temp, dataset=dataset)
        for dataset in ("quiz", "more")
        for item in ("o1", "o2")
        for arm in ("control", "treatment")
        for temp in ("0.0", "0.7")
        if (dataset, item, arm, temp) != ("more", "o2", "treatment", "0.7")
    ]
    score(folder, rows, fallback="letters")
    content = json.loads((folder / "out" / "integrity.json").read_text("utf-8"))
    integrity = read_integrity(content, [], Rules())

    missing = [(arm.temp, arm.dataset, arm.condition, arm.missing) for arm in integrity.arms if arm.missing]
    assert missing == [(0.7, "more", "treatment", 1)]
    assert [(pair.address.temp, pair.planned, pair.treatment) for pair in integrity.pairs] == [(0.0, 4, 0), (0.7, 4, 1)]


@given(
    st.lists(st.tuples(*[st.sampled_from([None, 0.0, 0.25, 1.0])] * 2), min_size=1, max_size=5).filter(
        lambda pairs: any(None not in pair for pair in pairs)
    )
)
def test_the_extremes_are_those_of_all_ways_to_fill_the_gaps(pairs):
    """Every lost value tried at 0 and at 1: the smallest and the largest mean difference are the two ends."""
    slots = [Slot("open", arm, 0.0, 0) for arm in ("control", "treatment")]
    flat = [value for pair in pairs for value in pair]
    found = Predictions(
        Path("predictions.csv"),
        texts=["Ann"] * len(flat),
        states=[FAILED if value is None else ANSWERED for value in flat],
        slot_of=[0, 1] * len(pairs),
        slots=slots,
        rows_of={("open", "quiz", f"o{n}"): [2 * n, 2 * n + 1] for n in range(len(pairs))},
    )
    metric = Metric("em", "Exact match")
    made = integrity_of(Plan.of(found, set(), {}), [False] * len(flat), [metric], {"em": flat})
    if None not in flat:
        assert made["extremes"] == []
        return
    gaps = [at for at, value in enumerate(flat) if value is None]
    means = []
    for ways in product((0.0, 1.0), repeat=len(gaps)):
        filled = [ways[gaps.index(at)] if value is None else value for at, value in enumerate(flat)]
        means.append(sum(t - c for c, t in zip(filled[::2], filled[1::2], strict=True)) / len(pairs))

    (em,) = made["extremes"]
    assert (em["lowest"]["n"], em["highest"]["n"]) == (len(pairs), len(pairs))
    assert em["lowest"]["mean"] == pytest.approx(min(means))
    assert em["highest"]["mean"] == pytest.approx(max(means))


# --- the test --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_test_is_the_exact_binomial(control, treatment):
    """Against the definition, summed over all outcomes that are no likelier; swapped arms have the same p-value."""
    n = control + treatment
    outcomes = [comb(n, k) for k in range(n + 1)]
    expected = sum(ways for ways in outcomes if ways <= outcomes[control]) / 2**n

    assert fair_coin(control, treatment) == (pytest.approx(expected) if n else None)
    assert fair_coin(control, treatment) == fair_coin(treatment, control)


def test_far_tails_are_exact():
    """2 · 2⁻¹⁰⁰⁰ by hand, and a large count does no harm."""
    assert fair_coin(0, 1000) == 2 / 2**1000
    assert fair_coin(15_000, 15_000) == 1.0


def loss(**more) -> PairLoss:
    """A place of 100 pairs."""
    counts = dict.fromkeys(("control", "treatment", "both", "partly", "control_more", "treatment_more"), 0)
    return PairLoss(**{"address": OPEN, "planned": 100, "whole": 100, **counts, **more})


def test_the_arm_that_loses_more_is_named():
    """Ten against one is beyond chance (p = 24/2048 = 0.012), three against one is not; the arms are not mixed up."""
    many = loss(whole=89, treatment=10, control=1, treatment_more=10, control_more=1)
    few = loss(whole=96, treatment=1, control=3, treatment_more=1, control_more=3)

    assert many.p_value == pytest.approx(24 / 2048)
    assert (
        "89 of 100 planned pairs can be compared; 1 lost the control's answer, 10 lost the treatment's" in many.sentence
    )
    assert "The treatment loses more than chance explains: 1 lost more under the control, 10 under" in many.sentence
    assert (
        "not shown: 3 lost more under the control, 1 under the treatment (exact binomial test, p = 0.62)"
        in few.sentence
    )


# --- the worst case --------------------------------------------------------------------------------------------------

ROW = VerdictRow(
    metric="em",
    title="Exact match",
    address=OPEN,
    n=100,
    control=0.40,
    treatment=0.50,
    difference=0.10,
    low=0.02,
    high=0.18,
    low_90=0.035,
    high_90=0.165,
    p_value=0.015,
    margin=0.01,
    primary=True,
)


def content(lost: int, *, mean=0.10, low=None, high=None, sd=0.4, n=100):
    """integrity.json with this many pairs lost in the treatment, which the control answered rightly in half."""
    places = {"temp": 0.0, "type": "open"}
    one = {"items": n + lost, "planned": n + lost, "abstained": 0, "empty": 0, "truncated": 0, "missing": 0, "blank": 0}
    control = {**places, "dataset": "quiz", "condition": "control", **one, "answered": n + lost, "failed": 0}
    treatment = {**places, "dataset": "quiz", "condition": "treatment", **one, "answered": n, "failed": lost}
    pairs = {"planned": n + lost, "whole": n, "control": 0, "treatment": lost, "both": 0, "partly": 0}
    pairs |= {"control_more": 0, "treatment_more": lost}
    lowest = (n * mean - lost / 2) / (n + lost) if low is None else low
    highest = (n * mean + lost / 2) / (n + lost) if high is None else high
    ends = {
        "scored": {"n": n, "mean": mean, "sd": sd},
        "lowest": {"n": n + lost, "mean": lowest, "sd": sd},
        "highest": {"n": n + lost, "mean": highest, "sd": sd},
    }
    extremes = [{**places, "metric": "em", "lost": lost, **ends}]
    return {
        "schema_version": 2,
        "arms": [control, treatment],
        "pairs": [{**places, "dataset": "quiz", **pairs}],
        "extremes": extremes,
    }


def worst_of(row: VerdictRow, found):
    """The one worst case of this row."""
    (case,) = read_integrity(found, [judged(row, Rules())], Rules()).worst
    return case


def test_a_single_loss_does_not_overturn_a_clear_gain():
    """(10 − 0.5)/101 = +9.4 points; the interval narrows by √(100/101) and moves along: the gain stands."""
    case = worst_of(ROW, content(1))

    assert (case.answer, case.holds) == ("better", True)
    assert case.worst.difference == pytest.approx(9.5 / 101)
    assert case.worst.low == pytest.approx(9.5 / 101 - 0.08 * sqrt(100 / 101))
    assert case.worst.high == pytest.approx(9.5 / 101 + 0.08 * sqrt(100 / 101))
    assert "had the lost values (1 pair) all been 1 under the control and 0 under the treatment" in case.sentence
    assert "+10.0 points would be +9.4 (95 % CI about +1.4 to +17.4), and the answer would still be “better”" in (
        case.sentence
    )


def test_many_losses_overturn_it():
    """Twelve pairs: (10 − 6)/112 = +3.6 points, whose interval takes in zero."""
    case = worst_of(ROW, content(12))

    assert (case.holds, case.worst.answer) == (False, "cannot tell")
    assert case.worst.difference == pytest.approx(4 / 112)
    assert "+10.0 points would be +3.6" in case.sentence
    assert "would not be “better” but “cannot tell”" in case.sentence


def test_a_loss_seen_is_held_against_the_other_end():
    """The mirror: for a fall the worst case is the highest difference, not the lowest."""
    mirrored = {"difference": -0.10, "low": -0.18, "high": -0.02, "low_90": -0.165, "high_90": -0.035}
    case = worst_of(evolve(ROW, control=0.5, treatment=0.4, **mirrored), content(12, mean=-0.10))

    assert (case.answer, case.holds) == ("worse", False)
    assert case.worst is case.highest
    assert case.worst.difference == pytest.approx(-4 / 112)
    assert "been 1 under the treatment and 0 under the control, −10.0 points would be −3.6" in case.sentence


def test_what_cannot_be_told_could_become_an_answer():
    """+10 points with a wide interval are open; had everything lost gone for the treatment they were a gain."""
    wide = evolve(ROW, low=-0.01, high=0.21, low_90=0.01, high_90=0.19, p_value=0.07)
    case = worst_of(wide, content(12))

    assert (case.answer, case.holds, case.worst.answer) == ("cannot tell", False, "better")
    assert case.worst is case.highest
    assert "+10.0 points would lie between +3.6 and +14.3, and at the upper end (95 % CI about +3.9 to" in case.sentence
    assert "the answer would not be “cannot tell” but “better”" in case.sentence


def test_equivalence_breaks_at_either_end():
    """A difference of 0.2 points within 1 is equivalent; two of 1,000 values lost leave it so, twenty do not."""
    narrow = {"low": -0.003, "high": 0.007, "low_90": -0.002, "high_90": 0.006, "p_value": 0.4}
    near = evolve(ROW, n=1000, control=0.5, treatment=0.502, difference=0.002, **narrow)

    kept = worst_of(near, content(2, n=1000, mean=0.002))
    assert kept.holds is True
    assert "+0.2 points would lie between +0.1 and +0.3, and the answer would still be “equivalent”" in kept.sentence
    assert worst_of(near, content(20, n=1000, mean=0.002)).holds is False


def test_the_adjusted_value_stays_adjusted():
    """With q twice p a p of 0.04 is no longer enough: the worst case doubles its p as well."""
    case = worst_of(evolve(ROW, q_value=0.03), content(3))
    alone = worst_of(ROW, content(3))

    assert (alone.holds, case.holds) == (True, False)


def test_other_answers_than_the_verdicts_are_not_held_against_it():
    """An integrity.json of other answers says nothing, and says why."""
    case = worst_of(ROW, content(3, mean=0.2))

    assert (case.worst, case.holds) == (None, None)
    assert "not about the same answers" in case.sentence


def test_without_any_spread_the_interval_is_the_lost_values_own():
    """Where all pairs agree there is nothing to stretch; the plain normal interval stands in."""
    row = evolve(ROW, difference=0.0, treatment=0.4, low=0.0, high=0.0, low_90=0.0, high_90=0.0, p_value=1.0)
    found = content(4, mean=0.0, sd=0.0)
    for end in ("lowest", "highest"):
        found["extremes"][0][end]["sd"] = 0.1
    case = worst_of(row, found)

    assert case.lowest.high - case.lowest.low == pytest.approx(2 * 1.959964 * 0.1 / sqrt(104))
    assert case.holds is False


# --- in words, and in the results ------------------------------------------------------------------------------------


def test_one_sentence_where_nothing_was_lost(tmp_path):
    """An empty answer and a cut-off one are told, and are no losses."""
    rows = [row(f"o{n}", arm, "Ann") for n in range(1, 7) for arm in ("control", "treatment")]
    rows[0] = row("o1", "control", "")
    rows[1] = row("o1", "treatment", "Ann", finish="length")
    integrity = read_integrity(scored(tmp_path, rows), [], Rules())

    assert integrity.is_whole
    assert integrity.losses == []
    assert integrity.sentences == [
        "Nothing was lost: all 12 planned answers came back and were scored (1 empty, 1 cut off among them)."
    ]


def test_losses_are_told_by_arm_and_cause(tmp_path):
    """Counts first, then pairs, in the right arms."""
    integrity = read_integrity(scored(tmp_path, LOPSIDED), [], Rules())

    assert integrity.sentences[0] == (
        "4 of 12 planned answers were lost: control 1 failed; treatment 1 failed, 1 cut off before any text, 1 missing."
    )
    assert (
        "3 of 6 planned pairs can be compared; 2 lost the treatment's answer, 1 lost both." in (integrity.sentences[1])
    )
    assert integrity.losses == integrity.sentences
    assert integrity.table()[2][2:] == ["treatment", "6", "2", "0", "0", "2", "1", "1", "3"]


def finished(tmp_path: Path, found) -> Path:
    """A results folder with one primary metric and this integrity.json."""
    entry = {"n_items": 100, "mean_control": 0.4, "mean_treatment": 0.5, "delta_mean": 0.1}
    entry |= {"ci_95": [0.02, 0.18], "ci_90": [0.035, 0.165], "p_value": 0.015}
    block = {"n_items": 112, "n_unpaired": {"control": 0, "treatment": 0}, "metrics": {"em": entry | {"n_missing": 12}}}
    files = {"significance.json": {"results": {"0.0": {"open": block}}}, "integrity.json": found}
    for name, content in files.items():
        if content is not None:
            (tmp_path / name).write_text(json.dumps(content), "utf-8")
    metrics = [{"name": "em", "title": "Exact match", "higher_is_better": True, "binary": True}]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics), "utf-8")
    return tmp_path


def test_the_judgement_knows_what_could_overturn_it(tmp_path):
    """One object: the answer, the caveats with the losses, and a warning where these could change it."""
    judgement = load_results(finished(tmp_path, content(12))).judgement()
    told = json.loads(json.dumps(judgement.to_json()))

    assert judgement.outcome == "better"
    assert judgement.sentence == "The treatment is better. The answers that were lost could change that."
    assert [sentence for sentence in judgement.caveats if "12 of 224 planned answers were lost" in sentence]
    assert not [sentence for sentence in judgement.caveats if "is missing for" in sentence]  # told already
    assert (told["outcome"], told["integrity"]["worst"][0]["holds"]) == ("better", False)
    assert told["integrity"]["pairs"][0]["p_value"] == pytest.approx(2 / 2**12)
    assert set(told) == {"verdict", "guards", "integrity", "caveats", "outcome", "sentence"}


def test_results_without_the_file_say_so(tmp_path):
    """An older run has no states; it is not whole, and it is no error."""
    integrity = load_results(finished(tmp_path, None)).integrity()

    assert not integrity.known
    assert not integrity.is_whole
    assert integrity.sentences == ["What became of the planned answers is not known: integrity.json is not at hand."]


@pytest.mark.parametrize("found", [{}, {"arms": [{}], "pairs": [], "extremes": []}, {"arms": 3, "pairs": 1}])
def test_a_damaged_file_is_told_with_what_makes_it(tmp_path, found):
    """The command that mends it is named."""
    with pytest.raises(DataError, match=r"integrity.json: does not hold the states") as caught:
        load_results(finished(tmp_path, found)).integrity()

    assert "exx score" in str(caught.value.hint)


def test_records_that_were_skipped_are_told(tmp_path):
    """A dataset that passes over what it cannot read asks fewer questions than its file has."""
    prepared = {
        "datasets": [
            {
                "name": "mine",
                "read": {"items": 95},
                "skipped": {"count": 5, "first": [{"place": "row 7", "reason": "no answer"}]},
            },
            {"name": "whole", "read": {"items": 9}, "skipped": {"count": 0, "first": []}},
        ]
    }
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / "prepared_manifest.json").write_text(json.dumps(prepared), "utf-8")
    results = load_results(finished(tmp_path, content(0)), prepared=tmp_path / "prepared")

    (one,) = read_skipped(prepared)
    assert (one.dataset, one.count, one.read, one.first) == ("mine", 5, 95, "row 7: no answer")
    assert one.sentence in results.caveats()
    assert results.integrity().sentences[-1] == one.sentence
    assert "5 records" in one.sentence
    assert "row 7: no answer" in one.sentence


def test_nothing_known_is_nothing_claimed():
    """An empty record is not a whole one by accident of having no losses: it has to be said why."""
    assert not Integrity(reason="not at hand").is_whole
    assert Integrity(reason="not at hand").losses == []
