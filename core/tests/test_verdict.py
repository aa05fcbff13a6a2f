"""The verdict says better or worse only where interval and test agree, and never mistakes silence for a zero."""

from __future__ import annotations

import pytest
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

from exx.integrity import Integrity
from exx.judgement import Judgement
from exx.records import Address, Metric
from exx.verdict import (
    Rules,
    VerdictRow,
    cost_guard,
    guard_rows,
    judged,
    render_table,
    table_header,
    verdict_rows,
)
from exx.verdict.reading import interval, p_and_q
from exx.verdict.rules import decide
from exx.wording import p_text, percent, points

AT = Address(0.0, "open")
MATCH = Metric("answer_match", "Answer match")
FALSE = Metric("false_answer_rate", "False answers", higher_is_better=False)


def entry(difference=0.058, ends=(-0.012, 0.129), *, p=0.12, q=None, control=0.483, n=120, **more):
    """A metric's entry in significance.json."""
    return {
        "n_items": n,
        "mean_control": control,
        "mean_treatment": control + difference,
        "delta_mean": difference,
        "ci_95": list(ends) if ends else None,
        "mcnemar": {"n": n, "p_value": p, "p_mid": p, "q_value": q},
        **more,
    }


PLAIN = Rules(margin=None)


def rows_of(metrics, known=(MATCH, FALSE), primary=("answer_match",), rules=PLAIN, prices=None):
    """The verdict on one block."""
    content = {"results": {"0.0": {"open": {"n_items": 120, "metrics": metrics}}}}
    return verdict_rows(content, known, primary, rules, prices)


def one(**changes):
    """The verdict on Answer match alone."""
    (row,) = rows_of({"answer_match": entry(**changes)})
    return row


def test_an_unclear_result_says_what_it_rules_out():
    """The sentence gives both rates, the difference, how sure, and what the interval leaves out, in these words."""
    assert one().sentence == (
        "Under the treatment 54.1 % of the answers to 120 questions were right, under the control 48.3 %: a difference "
        "of +5.8 points (95 % CI −1.2 to +12.9, p = 0.12). This experiment cannot tell whether the treatment helps; it "
        "rules out a gain above 12.9 points and a loss above 1.2 points. If the true difference is the one seen, about "
        "250 more questions would show the difference with a probability of 80 %."
    )


def test_a_gain_is_better_and_its_mirror_is_worse():
    """Swapping the arms swaps the answer and nothing else; both ends of the interval are told, the nearer one first."""
    gain = one(difference=0.10, ends=(0.02, 0.18), p=0.001)
    loss = one(difference=-0.10, ends=(-0.18, -0.02), p=0.001)

    assert (gain.answer, loss.answer) == ("better", "worse")
    assert gain.sentence.endswith("The treatment is better, by somewhere between 2.0 and 18.0 points.")
    assert loss.sentence.endswith("The treatment is worse, by somewhere between 2.0 and 18.0 points.")


def test_lower_is_better_turns_the_answer_round():
    """Fewer false answers are better, and what is ruled out is told as a fall and a rise."""
    fewer = entry(difference=-0.10, ends=(-0.18, -0.02), p=0.001)
    unclear = entry(difference=-0.02, ends=(-0.07, 0.03), p=0.5)

    assert rows_of({"false_answer_rate": fewer})[0].answer == "better"
    assert (
        "rules out a fall above 7.0 points and a rise above 3.0 points"
        in rows_of({"false_answer_rate": unclear})[0].sentence
    )


def test_a_metric_without_a_good_side_is_higher_or_lower():
    """Abstaining more is neither better nor worse by itself, and is not called so."""
    neutral = [Metric("abstain_rate", "Abstention rate", higher_is_better=None)]
    for sign, answer in ((1, "higher"), (-1, "lower")):
        ends = sorted((sign * 0.05, sign * 0.15))
        (row,) = rows_of({"abstain_rate": entry(sign * 0.1, ends, p=0.001)}, neutral, ("abstain_rate",))
        assert row.answer == answer


def test_an_end_at_zero_rules_nothing_out_on_that_side():
    """An interval from exactly zero up neither admits nor excludes a loss, so the sentence speaks of the gain alone."""
    row = one(difference=0.077, ends=(0.0, 0.167), p=0.092)
    assert "it rules out a gain above 16.7 points." in row.sentence
    assert "loss" not in row.sentence


def test_another_analysis_lends_no_interval():
    """Where deltas are all equal there is no interval, even if Wilcoxon's, of another quantity, is around the mean."""
    wilcoxon = {"n": 2, "estimate": 0.0, "low": 0.0, "high": 0.0, "level": 0.95, "p_value": 1.0}
    row = one(difference=0.0, ends=None, p=1.0, wilcoxon=wilcoxon)
    assert (row.low, row.high) == (None, None)


def test_with_several_primary_metrics_each_sentence_names_its_own():
    """Two metrics of correctness would otherwise be told in the same words."""
    known = [MATCH, Metric("em", "Exact match")]
    rows = rows_of({"answer_match": entry(), "em": entry()}, known, ("answer_match", "em"))
    assert [row.sentence.partition(":")[0] for row in rows] == ["Answer match", "Exact match"]


def test_the_adjusted_value_decides():
    """p below alpha with q above it cannot tell, and the sentence says why."""
    row = one(difference=0.1, ends=(0.01, 0.19), p=0.03, q=0.09)

    assert row.answer == "cannot tell"
    assert "p = 0.030 would be small enough by itself, but not among so many comparisons" in row.sentence
    assert one(difference=0.1, ends=(0.01, 0.19), p=0.03, q=0.04).answer == "better"


@pytest.mark.parametrize(
    ("ends", "p", "words"),
    [
        pytest.param(
            (0.01, 0.19), 0.08, "the interval leaves out zero, yet p = 0.080 is not below 0.05", id="interval"
        ),
        pytest.param((-0.01, 0.19), 0.03, "p = 0.030 is below 0.05, yet the interval takes in zero", id="test"),
    ],
)
def test_interval_and_test_that_disagree_cannot_tell(ends, p, words):
    """Where the two point different ways, the verdict follows neither and says so."""
    row = one(difference=0.1, ends=ends, p=p)

    assert row.answer == "cannot tell"
    assert words in row.sentence


def test_shared_passages_are_allowed_for_and_said():
    """What stands beside the metric is the interval over groups; the one over items is kept to compare."""
    row = one(difference=0.1, ends=(-0.004, 0.21), p=0.06, ci_95_items=[0.02, 0.18], design_effect=2.1, p_value=0.06)

    assert (row.answer, row.low_items, row.design_effect) == ("cannot tell", 0.02, 2.1)
    assert "p = 0.060, allowing for questions that share a passage)" in row.sentence


def test_a_p_value_of_exactly_alpha_is_not_below_it():
    """The line itself belongs to the unclear side."""
    assert one(difference=0.1, ends=(0.01, 0.19), p=0.05).answer == "cannot tell"


def test_no_pairs_is_not_a_zero():
    """n = 0 gives no difference, no interval, and the reason in words."""
    (row,) = rows_of({"answer_match": {"n_items": 0, "mean_control": None, "mean_treatment": None, "delta_mean": None}})

    assert (row.difference, row.answer) == (None, "cannot tell")
    assert row.sentence == (
        "Answer match cannot be compared: no item has a value in both arms. This experiment cannot tell."
    )


def test_an_undefined_interval_says_why():
    """Constant deltas: no interval, so nothing is claimed, and the analysis's own reason is passed on."""
    row = one(ends=None, p=0.001, reason="ci_95: all deltas are equal")

    assert row.answer == "cannot tell"
    assert row.sentence.endswith("This experiment cannot tell whether the treatment helps: all deltas are equal.")


def test_the_reason_may_stand_with_the_analysis():
    """Without a reason beside the metric the one of the analysis that has no interval is used."""
    row = one(ends=None, paired_bootstrap={"n": 1, "low": None, "high": None, "reason": "needs two complete pairs"})

    assert row.reason == "needs two complete pairs"


def test_no_test_no_answer():
    """An interval alone is not enough."""
    (row,) = rows_of({"answer_match": {**entry(difference=0.1, ends=(0.02, 0.18)), "mcnemar": {"n": 120}}})

    assert row.answer == "cannot tell"
    assert "there is no p-value; it rules out a gain above 18.0 points and any loss" in row.sentence


def test_never_says_no_difference():
    """Even a difference of exactly zero with p = 1 is only bounded."""
    row = one(difference=0.0, ends=(-0.02, 0.02), p=1.0)

    assert "no difference" not in row.sentence
    assert "a difference of 0.0 points (95 % CI −2.0 to +2.0, p = 1.00)" in row.sentence


def test_the_p_value_is_the_one_that_was_adjusted():
    """Of several tests of a hypothesis the one that carries the q-value counts, whatever it is called."""
    tests = {"mcnemar": {"p_mid": 0.2}, "permutation": {"p_value": 0.3}, "sign": {"p_value": 0.4, "q_value": 0.5}}

    assert p_and_q(tests) == (0.4, 0.5)


@pytest.mark.parametrize(
    ("tests", "p"),
    [
        pytest.param({"mcnemar": {"p_value": 0.07, "p_mid": 0.04}, "permutation": {"p_value": 0.07}}, 0.04, id="mid-p"),
        pytest.param({"permutation": {"p_value": 0.3}, "wilcoxon": {"p_value": 0.2}}, 0.3, id="permutation"),
        pytest.param({"wilcoxon": {"p_value": 0.2}}, 0.2, id="wilcoxon"),
        pytest.param({"perm_p_value": 0.25}, 0.25, id="summary key"),
        pytest.param({"noninferiority": {"p_value": 0.001}}, None, id="another hypothesis"),
        pytest.param(
            {"mcnemar": {"p_mid": 0.04, "replicated": True}, "permutation": {"p_value": 0.3}}, 0.3, id="replicates"
        ),
    ],
)
def test_which_p_value_counts_without_an_adjustment(tests, p):
    """Mid-p for binary metrics, then permutation, then Wilcoxon; never that of a test of something else."""
    assert p_and_q(tests) == (p, None)


def test_an_interval_of_the_same_mean_stands_in():
    """Without the bootstrap, an analysis whose estimate is the mean difference gives its interval and level."""
    tango = {"estimate": 0.058, "low": -0.02, "high": 0.13, "level": 0.9}
    other = {"estimate": 1.5, "low": 1.1, "high": 2.0}

    assert interval({"delta_mean": 0.058, "odds": other, "mcnemar": tango}) == (-0.02, 0.13, 0.9)
    assert interval({"delta_mean": 0.058, "odds": other}) == (None, None, 0.95)


def test_primary_metrics_come_first_in_their_own_order():
    """Whatever the order of the file; places keep theirs, and subgroups have no row."""
    block = {"metrics": {"f1": entry(), "em": entry(), "answer_match": entry()}, "subgroups": {"dataset": {"x": {}}}}
    rows = verdict_rows({"results": {"0.0": {"open": block, "closed": block}}}, (), ("answer_match", "em"), PLAIN)

    assert [(row.metric, row.address.type) for row in rows] == [
        *[("answer_match", "open"), ("answer_match", "closed"), ("em", "open"), ("em", "closed")],
        *[("f1", "open"), ("f1", "closed")],
    ]
    assert [row.primary for row in rows] == [True] * 4 + [False] * 2


def test_a_metric_nobody_described_goes_by_its_name():
    """An unknown metric is shown, never dropped."""
    (row,) = rows_of({"politeness": entry()})

    assert row.title == "politeness"
    assert row.sentence.startswith(
        "politeness: 54.1 % under the treatment, 48.3 % under the control, over 120 questions"
    )


def test_the_table_is_plain_strings():
    """One cell per column, numbers as people write them, a dash for what is not defined."""
    row = one(q=0.2)
    (cells,) = render_table([row])

    assert dict(zip(table_header(), cells, strict=True)) == {
        "Metric": "Answer match *",
        "Where": "open-book, temperature 0",
        "n": "120",
        "Control": "48.3 %",
        "Treatment": "54.1 %",
        "Difference": "+5.8",
        "95 % CI": "−1.2 to +12.9",
        "p": "0.12",
        "q": "0.20",
        "Answer": "cannot tell",
    }
    assert render_table([VerdictRow(metric="f1", title="F1", address=AT, n=0)])[0][3:9] == ["–"] * 6


def test_another_level_is_told_in_the_cell():
    """An interval that is not a 95 % one is not shown as if it were."""
    row = VerdictRow(metric="f1", title="F1", address=AT, n=9, difference=0.1, low=0.0, high=0.2, level=0.9)

    assert render_table([row])[0][6] == "0.0 to +20.0 (90 %)"


def test_rows_are_plain_data():
    """A row can be written as JSON through ``asdict``."""
    assert asdict(one())["address"] == {"temp": 0.0, "type": "open", "subgroup": None}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[
            (0.12, "= 0.12"),
            (0.0004, "< 0.001"),
            (0.0496, "= 0.0496"),
            (0.0501, "= 0.0501"),
            (0.04996, "= 0.04996"),
            (0.05, "= 0.050"),
        ],
        *[(0.049, "= 0.049"), (0.996, "> 0.99"), (1.0, "= 1.00"), (None, "–")],
    ],
)
def test_p_values_never_round_across_the_line(value, text):
    """A reader can always tell on which side of 0.05 a value lies."""
    assert p_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1234, "+12.3"), (-0.1234, "−12.3"), (-0.0001, "0.0"), (0.0, "0.0"), (None, "–")]
)
def test_points_have_a_sign_and_no_minus_zero(value, text):
    """Differences show their direction, and a rounded zero has none."""
    assert points(value) == text


def test_percent():
    """Rates are per cent with one decimal."""
    assert (percent(0.5), percent(None)) == ("50.0 %", "–")


def test_within_the_margin_is_equivalent_though_it_is_significant():
    """The 90 % interval lies within ±1 point: not an improvement, and the sentence says that there is a difference."""
    rules = Rules(margin=0.01)
    tiny = entry(0.004, (0.001, 0.007), p=0.01, ci_90=[0.0015, 0.0065])
    (row,) = rows_of({"answer_match": tiny}, rules=rules)

    assert row.answer == "equivalent"
    assert row.sentence.endswith(
        "Treatment and control are equivalent within the margin: the 90 % interval, +0.1 to +0.7, lies within ±1.0 "
        "points. There is a difference, but one smaller than what was said to matter."
    )
    assert rows_of({"answer_match": tiny}, rules=Rules(margin=0.005))[0].answer == "better"
    assert rows_of({"answer_match": tiny}, rules=PLAIN)[0].answer == "better"


def test_the_margin_itself_is_not_within_the_margin():
    """Both ends have to be strictly inside; without a 90 % interval the wider one has to be."""
    edge = entry(0.0, (-0.02, 0.02), p=1.0, ci_90=[-0.01, 0.009])
    wide = entry(0.0, (-0.009, 0.009), p=1.0)

    assert rows_of({"answer_match": edge}, rules=Rules(margin=0.01))[0].answer == "cannot tell"
    assert rows_of({"answer_match": wide}, rules=Rules(margin=0.01))[0].answer == "equivalent"


def test_equivalence_is_shown_at_the_level_of_alpha():
    """At 1 % it takes the 98 % interval: wider by z(0.99) / z(0.975) = 1.1869 than the 95 % one."""
    close = {"answer_match": entry(0.0, (-0.009, 0.009), p=1.0)}
    strict = Rules(alpha=0.01, margin=0.01)
    (row,) = rows_of(close, rules=strict)

    assert row.one_sided(0.01) == pytest.approx((-0.0106824, 0.0106824), abs=1e-6)
    assert row.answer == "cannot tell"
    assert guard_rows([row], ["answer_match"], 0.01)[0].status == "not shown"
    assert guard_rows([row], ["answer_match"], 0.05)[0].status == "held"
    (sure,) = rows_of({"answer_match": entry(0.0, (-0.008, 0.008), p=1.0)}, rules=strict)
    assert "the 98 % interval, −0.9 to +0.9, lies within ±1.0 points" in sure.sentence


def test_a_metric_may_have_a_margin_of_its_own():
    """The others keep the common one."""
    both = {name: entry(0.0, (-0.03, 0.03), p=1.0, ci_90=[-0.025, 0.025]) for name in ("em", "f1")}
    rows = rows_of(both, rules=Rules(margin=0.01, margins={"f1": 0.05}))

    assert {row.metric: row.answer for row in rows} == {"em": "cannot tell", "f1": "equivalent"}


@pytest.mark.parametrize(
    ("difference", "margin", "wanted", "settles"),
    [
        # Se 0.05 at n = 400: (1.959964 + 0.841621)² · 0.05² · 400 / 0.1² = 784.9 in all.
        pytest.param(0.1, None, 385, "difference", id="difference"),
        # (1.644854 + 1.281552)² · 0.05² · 400 / 0.02² = 21,409.6: a zero difference has to be shown from both sides.
        pytest.param(0.0, 0.02, 21_010, "equivalence", id="equivalence"),
        pytest.param(0.0, None, None, None, id="nothing would"),
    ],
)
def test_what_would_settle_it(difference, margin, wanted, settles):
    """The usual sample-size formulas, for 80 % and the difference seen; at this run's price for each item."""
    half = 1.959963984540054 * 0.05
    open_ = entry(difference, (difference - half, difference + half), p=0.2, n=400)
    (row,) = rows_of({"answer_match": open_}, rules=Rules(margin=margin), prices={0.0: 0.002})

    assert (row.more_items, row.settles) == (wanted, settles)
    assert row.more_usd == (None if wanted is None else pytest.approx(0.002 * wanted))


def test_the_price_of_more_questions_is_told():
    """Rounded up to two digits, since a plan is no more exact."""
    (row,) = rows_of({"answer_match": entry()}, prices={0.0: 0.0105})

    assert "about 250 more questions (about $2.55 at this run's prices) would show the difference" in row.sentence


def test_one_answer_for_several_comparisons_says_in_how_many():
    """Better in one of two places is better, and never said as if it were so in both; a contradiction is mixed."""
    better, unclear, worse = rows_of(
        {
            "a": entry(0.06, (0.02, 0.1), p=0.001, ci_90=[0.03, 0.09]),
            "b": entry(0.01, (-0.06, 0.08), p=0.8, ci_90=[-0.05, 0.07]),
            "c": entry(-0.06, (-0.1, -0.02), p=0.001, ci_90=[-0.09, -0.03]),
        },
        primary=("a", "b", "c"),
    )

    def said(*rows):
        return Judgement(rows=rows, guards=[], integrity=Integrity(), caveats=[]).sentence

    assert said(better) == "The treatment is better."
    assert said(better, unclear) == "The treatment is better in 1 of 2 comparisons."
    assert said(unclear, worse) == "The treatment is worse in 1 of 2 comparisons."
    assert said(better, unclear, worse) == "The treatment is better in one respect and worse in another."


def test_guards_hold_only_when_that_is_shown():
    """Worse, shown not to be worse, and neither: three answers, told with the worst that is left in."""
    rules = Rules(margin=0.01)
    metrics = {
        "a": entry(-0.05, (-0.08, -0.02), p=0.001, ci_90=[-0.075, -0.025]),
        "b": entry(0.02, (-0.005, 0.045), p=0.12, ci_90=[-0.001, 0.041]),
        "c": entry(-0.001, (-0.06, 0.058), p=0.9, ci_90=[-0.05, 0.048]),
    }
    rows = guard_rows(rows_of(metrics, rules=rules), ["c", "b", "a", "absent"])

    assert [(row.metric, row.status) for row in rows] == [("c", "not shown"), ("b", "held"), ("a", "got worse")]
    assert rows[0].sentence.endswith("it may have got worse by up to 5.0 points.")


def test_a_guard_that_should_be_low_gets_worse_upwards():
    """False answers that rise are worse; the bad end is the upper one."""
    known = [FALSE]
    metrics = {"false_answer_rate": entry(0.03, (-0.01, 0.07), p=0.2, ci_90=[-0.004, 0.064])}
    (row,) = guard_rows(rows_of(metrics, known=known, rules=Rules(margin=0.01)), ["false_answer_rate"])

    assert (row.status, row.worst) == ("not shown", 0.064)


def test_the_price_is_a_guard_by_its_rise():
    """A tenth more is allowed here; a third more is not, and less never hurts."""
    control = {temp: {"usd": {"per_1000_requests": 0.3}} for temp in ("0.0", "0.7", "1.0")}
    change = {temp: {"usd_per_1000_requests": usd} for temp, usd in (("0.0", 0.03), ("0.7", 0.1), ("1.0", -0.2))}

    rows = cost_guard(change, control, 0.1)

    assert [row.status for row in rows] == ["held", "got worse", "held"]
    assert "takes $0.10 more per 1,000 requests than the control's $0.30 (+33 %)" in rows[1].sentence


shares = st.floats(min_value=-1, max_value=1, allow_nan=False)
chances = st.floats(min_value=0, max_value=1, allow_nan=False)


@given(shares, shares, shares, chances, st.none() | chances, st.booleans())
def test_relabelling_the_arms_mirrors_the_answer(difference, end, other, p, q, higher):
    """Swap the arms and better becomes worse; nothing becomes clear that was not."""
    low, high = min(end, other, difference), max(end, other, difference)
    here = VerdictRow(
        metric="m",
        title="M",
        address=AT,
        n=9,
        control=0.5,
        treatment=0.5,
        difference=difference,
        low=low,
        high=high,
        p_value=p,
        q_value=q,
        higher_is_better=higher,
    )
    there = VerdictRow(
        metric="m",
        title="M",
        address=AT,
        n=9,
        control=0.5,
        treatment=0.5,
        difference=-difference,
        low=-high,
        high=-low,
        p_value=p,
        q_value=q,
        higher_is_better=higher,
    )
    mirror = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}

    assert decide(there, 0.05) == mirror[decide(here, 0.05)]
    clear = (low > 0 or high < 0) and (p if q is None else q) < 0.05
    assert (decide(here, 0.05) != "cannot tell") == clear
    assert judged(here, PLAIN).sentence
