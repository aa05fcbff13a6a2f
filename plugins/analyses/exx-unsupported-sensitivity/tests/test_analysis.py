"""The difference between the arms at every threshold, against the same worked out one threshold at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import exx_unsupported_sensitivity
from exx import Address, DataError, Metric, PairedSample, Study
from exx.testing import Registry, check_analysis
from exx_unsupported_sensitivity.analysis import UnsupportedSensitivity

METRIC = Metric("unsupported_rate", "Unsupported answers", higher_is_better=False)


def write(folder, claims, *, cutoff=0.6, groups=None, temp=0.0):
    """Write both tables; ``claims[item]`` holds, per arm, the support of each answer, None if it declined."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = ["item_key,type,condition,temp,unsupported_rate,n_samples,group"]
    support = ["item_key,condition,temp,sample_index,support"]
    for item, arms in claims.items():
        for condition, answers in zip(("control", "treatment"), arms, strict=True):
            rate = sum(degree is not None and degree < cutoff for degree in answers) / len(answers)
            group = (groups or {}).get(item, "")
            scores.append(f"{item},open,{condition},{temp},{rate!r},{len(answers)},{group}")
            rows = [(n, degree) for n, degree in enumerate(answers) if degree is not None]
            support += [f"{item},{condition},{temp},{n},{degree!r}" for n, degree in rows]
    (folder / "per_item_scores.csv").write_text("\n".join(scores) + "\n", "utf-8")
    (folder / "support.csv").write_text("\n".join(support) + "\n", "utf-8")
    return folder


def analyze(folder, **options):
    return UnsupportedSensitivity(**options).analyze(Study(blocks=[], seed=1, stats={}, folder=folder))


def rates(claims, threshold):
    """Per item and arm the share of answers whose support is below the threshold."""
    return np.array(
        [
            [sum(d is not None and d < threshold for d in answers) / len(answers) for answers in arms]
            for arms in claims.values()
        ]
    ).T


LOPSIDED = {
    "d|1": ([0.1], [0.9]),
    "d|2": ([0.3], [0.5]),
    "d|3": ([None], [0.2]),
    "d|4": ([0.8], [0.8]),
    "d|5": ([0.5], [None]),
}


def test_rates_by_hand(tmp_path):
    """Five items, counted by hand: below 0.25 control has one unsupported answer and treatment one; and so on."""
    (block,) = analyze(write(tmp_path, LOPSIDED), grid=5)["blocks"]
    told = [(row["threshold"], row["control"], row["treatment"]) for row in block["curve"]]

    assert told == [(0.0, 0.0, 0.0), (0.25, 0.2, 0.2), (0.5, 0.4, 0.2), (0.75, 0.6, 0.4), (1.0, 0.8, 0.8)]
    assert block["n"] == 5
    assert block["n_claims"] == {"control": 4, "treatment": 4}
    assert (block["recorded"]["above"], block["recorded"]["up_to"]) == (0.5, 0.8)
    assert block["recorded"]["difference"] == pytest.approx(-0.2)


def test_an_answer_at_the_threshold_is_supported(tmp_path):
    """As in scoring: unsupported is what lies below."""
    (block,) = analyze(write(tmp_path, {"d|1": ([0.5], [0.4]), "d|2": ([0.5], [0.5])}, cutoff=0.5), grid=3)["blocks"]

    assert [row["control"] for row in block["curve"]] == [0.0, 0.0, 1.0]
    assert [row["treatment"] for row in block["curve"]] == [0.0, 0.5, 1.0]


DEGREES = st.one_of(
    st.none(), st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.6, 0.8, 1.0]), st.floats(0, 1).map(lambda x: round(x, 3))
)
ANSWERS = st.lists(DEGREES, min_size=1, max_size=3)
GROUP = st.sampled_from(["", "", "a", "b", "c"])


@settings(max_examples=60)
@given(
    st.lists(st.tuples(ANSWERS, ANSWERS, st.sampled_from(["", "", "a", "b", "c"])), min_size=2, max_size=14), st.data()
)
def test_equal_to_one_threshold_at_a_time(tmp_path_factory, drawn, data):
    """Rates and interval at any threshold are those of the paired sample there; without groups, of the t test."""
    claims = {f"d|{n}": (control, treatment) for n, (control, treatment, _) in enumerate(drawn)}
    groups = {f"d|{n}": group for n, (_, _, group) in enumerate(drawn)} if data.draw(st.booleans()) else {}
    (block,) = analyze(write(tmp_path_factory.mktemp("run"), claims, groups=groups), grid=8)["blocks"]
    codes = {"": -1, "a": 0, "b": 1, "c": 2}
    number = np.array([codes[groups.get(item, "")] for item in claims])

    for row in block["curve"]:
        control, treatment = rates(claims, row["threshold"])
        sample = PairedSample(
            address=Address(temp=0.0, type="open"), metric=METRIC, control=control, treatment=treatment, groups=number
        )
        assert row["control"] == pytest.approx(control.mean())
        assert row["difference"] == pytest.approx((treatment - control).mean(), abs=1e-9)
        if row["low"] is None:
            assert row["reason"]
            assert block["n_clusters"] == 1 or not np.ptp(treatment - control) or sample.spread.se in (None, 0)
            continue
        half = stats.t.ppf(0.975, sample.spread.df) * sample.spread.se
        assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=1e-6)
        if sample.clusters is None:
            assert row["p_value"] == pytest.approx(stats.ttest_rel(treatment, control).pvalue, abs=1e-9)


def many(count, seed=7, shift=0.0):
    """Items with one answer per arm; the treatment's support is higher by ``shift``."""
    rng = np.random.default_rng(seed)
    both = np.clip(rng.normal(0.5, 0.2, size=(count, 2)) + [0.0, shift], 0, 1).round(3)
    return {f"d|{n}": ([float(a)], [float(b)]) for n, (a, b) in enumerate(both.tolist())}


def test_a_difference_at_all_thresholds_is_no_artefact(tmp_path):
    """Support that is higher everywhere means fewer unsupported answers wherever the line is drawn."""
    (block,) = analyze(write(tmp_path, many(400, shift=0.15)))["blocks"]

    assert block["artefact"] is False
    assert "fewer under treatment" in block["in_words"]
    assert "not an artefact" in block["in_words"]
    assert block["recorded"]["high"] < 0


def test_swapping_the_arms_turns_every_sign(tmp_path):
    """The same numbers the other way round."""
    claims = many(60, shift=0.15)
    swapped = {item: (treatment, control) for item, (control, treatment) in claims.items()}
    (one,), (other,) = (analyze(write(tmp_path / f"{n}", c))["blocks"] for n, c in enumerate((claims, swapped)))

    assert [row["difference"] for row in one["curve"]] == [-row["difference"] + 0.0 for row in other["curve"]]
    assert [row["p_value"] for row in one["curve"]] == [row["p_value"] for row in other["curve"]]
    assert "more under treatment" in other["in_words"]


def test_a_direction_that_turns_round_is_an_artefact(tmp_path):
    """Treatment's support in the middle, control's at both ends: low thresholds say fewer, high ones say more."""
    claims = {f"d|{n}": ([0.1 if n % 2 else 0.9], [0.5]) for n in range(40)}
    (block,) = analyze(write(tmp_path, claims, cutoff=0.3))["blocks"]

    assert block["artefact"] is True
    assert "the direction is an artefact" in block["in_words"]
    assert [(c["above"], c["from"], c["to"]) for c in block["changes"]] == [
        (0.1, "cannot tell", "fewer under treatment"),
        (0.5, "fewer under treatment", "more under treatment"),
        (0.9, "more under treatment", "cannot tell"),
    ]
    assert [c["sign_changes"] for c in block["changes"]] == [False, True, False]


def test_a_difference_at_one_threshold_alone_may_be_an_artefact(tmp_path):
    """Seen where the line happens to be and nearly nowhere else."""
    claims = many(200) | {f"d|x{n}": ([0.59], [0.61]) for n in range(60)}
    (block,) = analyze(write(tmp_path, claims, cutoff=0.6))["blocks"]

    assert block["artefact"] is True
    assert "may be an artefact" in block["in_words"]


def test_the_grid_meets_shares_exactly(tmp_path):
    """A degree of 7/20 is not below the threshold 35/100, whatever the last binary digit."""
    (block,) = analyze(write(tmp_path, {f"d|{n}": ([n / 20], [n / 20]) for n in range(21)}))["blocks"]

    assert [round(21 * row["control"]) for row in block["curve"][::5]] == list(range(21))


def test_a_detector_without_degrees(tmp_path):
    """Of a detector that says 0 or 1, every threshold says the same."""
    claims = {f"d|{n}": ([float(n % 3 > 0)], [float(n % 5 > 0)]) for n in range(40)}
    (block,) = analyze(write(tmp_path, claims))["blocks"]

    assert block["artefact"] is False
    assert "no degrees" in block["in_words"]
    assert [change for change in block["changes"] if change["above"] >= 1] == []


def test_items_of_a_group_widen_the_interval(tmp_path):
    """Twenty copies of each of ten passages' answers are no more than ten answers."""
    claims = {f"d|{n}": LOPSIDED[f"d|{n % 5 + 1}"] for n in range(100)}
    groups = {f"d|{n}": f"g{n % 5}" for n in range(100)}
    alone, grouped = (
        analyze(write(tmp_path / f"{bool(g)}", claims, groups=g))["blocks"][0]["recorded"] for g in ({}, groups)
    )

    assert grouped["high"] - grouped["low"] > 4 * (alone["high"] - alone["low"])


def test_each_dataset_has_its_own_block_where_there_are_several(tmp_path):
    """The whole first, then the parts; and each temperature by itself."""
    claims = LOPSIDED | {f"e|{n}": ([0.2], [0.7]) for n in range(3)}
    blocks = analyze(write(tmp_path, claims))["blocks"]

    assert [(block["subgroup"], block["n"]) for block in blocks] == [
        (None, 8),
        (["dataset", "d"], 5),
        (["dataset", "e"], 3),
    ]


def test_the_order_of_the_rows_changes_nothing(tmp_path):
    """Byte for byte."""
    claims = many(80)
    turned = dict(reversed(claims.items()))

    assert json.dumps(analyze(write(tmp_path / "a", claims))) == json.dumps(analyze(write(tmp_path / "b", turned)))


def test_an_item_without_a_partner_is_left_out(tmp_path):
    """Both arms have to have answered, or declined."""
    folder = write(tmp_path, LOPSIDED)
    for name, line in (("per_item_scores", "d|9,open,control,0.0,1.0,1,"), ("support", "d|9,control,0.0,0,0.1")):
        path = folder / f"{name}.csv"
        path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")

    assert analyze(folder)["blocks"][0]["n"] == 5


@pytest.mark.parametrize("name", ["support.csv", "per_item_scores.csv"])
def test_a_missing_table_is_a_reason(tmp_path, name):
    """Not a crash: a run without passages has no support.csv."""
    folder = write(tmp_path, LOPSIDED)
    (folder / name).unlink()

    assert name in analyze(folder)["reason"]
    assert analyze(folder)["blocks"] == []
    assert analyze(None)["reason"] == "the samples came from no file"


def test_nothing_claimed_is_a_reason(tmp_path):
    """All answers declined."""
    (block,) = analyze(write(tmp_path, {"d|1": ([None], [None]), "d|2": ([None], [None])}))["blocks"]

    assert "declined" in block["reason"]
    assert block["artefact"] is None


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("d|1,control,0.0,0,0.1", "d|1,control,0.0,0,1.7", r"support.csv, line 2: support 1.7 is not between"),
        ("d|1,control,0.0,0,0.1", "d|1,control,0.0,0,much", "damaged"),
        ("d|1,control,0.0,0,0.1", "d|1,placebo,0.0,0,0.1", "neither control nor treatment"),
        ("d|1,control,0.0,0,0.1", "d|77,control,0.0,0,0.1", "1 claims are about items"),
        ("d|1,control,0.0,0,0.1", "d|1,control,0.0,0,0.1\nd|1,control,0.0,1,0.1", "more claims than answers"),
        ("sample_index,support", "sample_index,degree", "no column support"),
    ],
)
def test_damage_is_told(tmp_path, old, new, match):
    """With the file, and the line where one is to blame."""
    path = write(tmp_path, LOPSIDED) / "support.csv"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")

    with pytest.raises(DataError, match=match):
        analyze(tmp_path)


def test_scores_of_another_threshold_are_noticed(tmp_path):
    """A score file that counts differently at all thresholds was not made with this support.csv."""
    path = write(tmp_path, {f"d|{n}": ([0.2], [0.2]) for n in range(4)}) / "per_item_scores.csv"
    path.write_text(path.read_text("utf-8").replace("0.0,1.0,1", "0.0,0.0,1", 1), "utf-8")
    (block,) = analyze(tmp_path)["blocks"]

    assert block["artefact"] is None
    assert "belongs to no threshold" in block["in_words"]


def test_it_is_json(tmp_path):
    """No NaN anywhere: what is not defined is null, with a reason beside it."""
    made = json.loads(json.dumps(analyze(write(tmp_path, LOPSIDED)), allow_nan=False))
    undefined = [row for row in made["blocks"][0]["curve"] if row["low"] is None]

    assert undefined
    assert all(row["reason"] for row in undefined)


def test_it_is_registered():
    """The plugin offers the class under the word the config and the command line use."""
    assert (
        Registry.of(exx_unsupported_sensitivity).find("analysis", "unsupported_sensitivity").cls
        is UnsupportedSensitivity
    )
    assert UnsupportedSensitivity.artifact == "unsupported_sensitivity.json"


def test_keeps_the_contract():
    """What exx asks of every analysis: see exx.testing."""
    check_analysis(UnsupportedSensitivity)
