"""What notebooks start from: a finished run as tables, verdict and figures; and analyses of anybody's own table."""

from __future__ import annotations

from typing import Any

import pytest
from lab import SLUG, Lab

import exx
from exx.errors import ConfigError, DataError, ExxError, RunError, UsageError
from exx.notebook.frames import pandas as need_pandas
from exx.records import Request, RequestId

pd = pytest.importorskip("pandas", reason="pandas is not installed; make setup")

HOSTILE = "<script>alert(1)</script>\u202e"
SWEEP: dict[str, Any] = {
    "prompt_sets": {"default": "default", "think": {"control": {"text": "Answer."}, "treatment": {"text": "Think."}}},
    "sweep": {"prompt_sets": ["default", "think"]},
}


@pytest.fixture
def plain(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab, its fakes the only plugins for tables too."""
    monkeypatch.setattr("exx.plugins.load_plugins", lab.registry)
    return lab


def table(**columns: Any) -> Any:
    """Four items, the second condition better by 0.5."""
    rows = [(item, arm) for item in ("a", "b", "c", "d") for arm in ("control", "treatment")]
    scores = [0, 1, 0, 1, 1, 1, 0, 0]
    return {"item": [r[0] for r in rows], "condition": [r[1] for r in rows], "score": scores, **columns}


# --- runs ------------------------------------------------------------------------------------------------------------
def test_a_run_is_tables(lab: Lab) -> None:
    """A line per request, per item and arm, per finding; text stays text, however like a number or nothing it looks."""

    def answer(request: Request) -> str:
        return {"i0": "", "i1": "NA", "i2": "007"}.get(RequestId.decode(request.custom_id).item_id, "5")

    lab.answer = answer
    lab.run()
    run = exx.load_run("a")
    texts = dict(zip(run.predictions["item_id"], run.predictions["response_text"], strict=True))

    assert (len(run.predictions), len(run.scores)) == (20, 20)
    assert (texts["i0"], texts["i1"], texts["i2"]) == ("", "NA", "007")
    assert run.predictions["error"].tolist() == [""] * 20
    assert run.scores["em"].dtype == float
    assert all(isinstance(details, dict) for details in run.findings["details"])
    assert "trial" not in run.scores.columns


def test_a_run_has_a_verdict(lab: Lab) -> None:
    """A list of rows, a DataFrame, a table of text."""
    lab.run()
    run = exx.load_run("a")
    frame = run.verdict.to_frame()

    assert [row.difference for row in run.verdict if row.primary] == [pytest.approx(0.6)] * 2
    assert (len(run.verdict), len(run.verdict[0:1])) == (len(frame), 1)
    assert frame["place"][0] == "open-book, temperature 0"
    assert frame["difference"][0] == pytest.approx(0.6)
    assert "Exact match * open-book, temperature 0 5 40.0 % 100.0 % +60.0 – – – cannot tell" in " ".join(
        repr(run).split()
    )
    assert run.guards == run.trial.guards == run.results.guards()


def test_several_trials_stand_side_by_side(lab: Lab) -> None:
    """With their slugs in front; what only one trial can have asks which."""
    lab.run("a", **SWEEP)
    run = exx.load_run("a")
    other = SLUG.replace("default", "think")

    assert list(run.trials) == [SLUG, other]
    assert list(run.scores["trial"].unique()) == [SLUG, other]
    assert run.verdict.places[0] == f"{SLUG}, open-book, temperature 0"
    assert list(exx.load_run(f"a/{other}").trials) == [other]
    with pytest.raises(RunError, match=r"a has several trials\n  → choose one of \.trials: "):
        run.plot_discordance()


def test_the_html_shows_what_it_says_and_does_nothing(lab: Lab) -> None:
    """Names from outside are escaped, marks that reorder text are gone."""
    lab.run()
    run = exx.load_run("a")
    run.title = HOSTILE
    html = run._repr_html_()

    assert "<script>" not in html and "\u202e" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\ufffd" in html
    assert "<td>Exact match *</td>" in html


def test_figures_are_svg_or_a_reason(lab: Lab, tmp_path: Any) -> None:
    """What no analysis at hand computed cannot be drawn."""
    lab.run()
    run = exx.load_run("a")
    path = run.plot_forest().save(tmp_path / "forest.svg")

    assert path.read_text().startswith("<?xml")
    assert run.plot_forest(["em"])._repr_svg_() == run.plot_forest(["em"]).svg
    for draw, said in (
        (run.plot_discordance, "mcnemar says nothing about 'em'"),
        (run.plot_bootstrap, "there is no interval for 'em'"),
        (run.plot_sensitivity, "unsupported_sensitivity.json has nothing on open items"),
        (run.plot_cost_plane, "cost_effectiveness.json has nothing on"),
    ):
        with pytest.raises(ValueError, match=said):
            draw()
    with pytest.raises(ValueError, match=r"there is no such place; there is open at 0, closed at 0"):
        run.plot_discordance(temp=0.3)
    with pytest.raises(ValueError, match="nothing was measured of"):
        run.plot_forest(["f1"])
    with pytest.raises(AttributeError, match="'LoadedRun' object has no attribute 'plots'"):
        _ = run.plots


def test_a_run_without_results_is_told(lab: Lab) -> None:
    """With the command that goes on."""
    from exx.pipeline.phases import choose

    with pytest.raises(RunError, match="none is neither a run nor a folder"):
        exx.load_run("none")
    lab.run(phases=choose(last="score"))
    with pytest.raises(RunError, match="a has no statistics yet\n  → exx resume a"):
        exx.load_run("a")


def test_without_pandas_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra of the core."""
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ExxError, match=r"not installed\n  → pip install 'exx-core\[notebook\]'"):
        need_pandas()


# --- tables ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["columns", "rows", "pandas", "arrow"])
def test_a_table_is_compared_in_any_form(plain: Lab, form: str) -> None:
    """One of four right against three of four: +50 points, by hand."""
    import pyarrow as pa

    columns = table()
    names = list(columns)
    forms = {
        "columns": columns,
        "rows": [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        "pandas": pd.DataFrame(columns),
        "arrow": pa.table(columns),
    }
    found = exx.compare(forms[form])
    (row,) = found.verdict

    assert (row.n, row.control, row.treatment, row.difference, row.primary) == (4, 0.25, 0.75, 0.5, True)
    assert found.sentences[0].startswith("score: control 25.0 %, treatment 75.0 %: +50.0 points")
    assert list(found.findings["estimate"]) == [0.5]
    assert found.significance["results"]["0.0"]["open"]["n_items"] == 4


def test_swapped_conditions_mirror(plain: Lab) -> None:
    """By name; a third condition is left out where two are named."""
    rows = table()
    rows["condition"] = ["old", "new", "old", "new", "old", "new", "old", "other"]
    one = exx.compare(rows, control="old", treatment="new")
    other = exx.compare(rows, control="new", treatment="old")

    assert (one.verdict[0].n, one.verdict[0].difference) == (3, pytest.approx(2 / 3))
    assert other.verdict[0].difference == pytest.approx(-2 / 3)
    assert (one.unpaired, other.unpaired) == ({"old": 1, "new": 0}, {"new": 0, "old": 1})
    assert "1 item scored under old alone: left out" in repr(one)


def test_several_metrics_and_places(plain: Lab) -> None:
    """Each metric in each place is a row; what is better depends on the metric."""
    rows = pd.concat([pd.DataFrame(table(metric="words", temp=0.0)), pd.DataFrame(table(metric="em", temp=0.7))])
    found = exx.compare(rows, primary=["em"], lower_is_better=["words"])

    assert [(row.metric, row.address.temp, row.primary) for row in found.verdict] == [
        ("em", 0.7, True),
        ("words", 0.0, False),
    ]
    assert [row.higher_is_better for row in found.verdict] == [True, False]
    assert found.verdict.places == ["open-book, temperature 0.7", "open-book, temperature 0"]


def test_samples_are_means(plain: Lab) -> None:
    """Two answers to each item: 0 and 1 under the control are 0.5."""
    rows = {
        "item": ["a"] * 4 + ["b"] * 4,
        "condition": ["control", "control", "treatment", "treatment"] * 2,
        "sample": [0, 1] * 4,
        "score": [0, 1, 1, 1, 0, 0, 0, 1],
    }
    found = exx.compare(rows)
    (sample,) = (block.samples["score"] for block in found.statistics.blocks)

    assert sorted(sample.control) == [0.0, 0.5]
    assert found.verdict[0].difference == pytest.approx(0.5)
    assert sample.replicates[0].tolist() == [2, 2]
    assert sorted(sample.spreads[0]) == [0.0, pytest.approx(0.5**0.5)]


def test_datasets_are_parts_and_groups_are_kept(plain: Lab) -> None:
    """The same name in two datasets is two items; items of a group go together."""
    halves = [pd.DataFrame(table(dataset=name, group=["g", "g", "g", "g", "h", "h", None, None])) for name in "xy"]
    found = exx.compare(pd.concat(halves))
    whole = found.statistics.blocks[0]

    assert (whole.n_items, list(whole.subgroups["dataset"])) == (8, ["x", "y"])
    assert whole.samples["score"].cluster_index[1] == 6  # g and h of each dataset, and one item of each alone


def test_other_scales_are_told_in_their_own_numbers(plain: Lab) -> None:
    """Nothing is equivalent there unless somebody says what does not matter; and no forest in percentage points."""
    found = exx.compare(table(score=[3, 4.5, 2, 4.5, 4, 4, 1, 1]))

    assert found.verdict[0].margin is None
    assert "control 2.5, treatment 3.5: +1 (" in found.sentences[0]
    with pytest.raises(ValueError, match="no percentage points"):
        found.plot_forest()
    assert exx.compare(table(score=[3, 4.5, 2, 4.5, 4, 4, 1, 1]), margin=2.0).verdict[0].margin == 2.0
    assert exx.compare(table(), settings={"verdict": {"margin": 0.02}}).verdict[0].margin == 0.02


NAN = float("nan")
BAD: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    ({"item": ["a"], "score": [1]}, {}, DataError, "no column condition; found item, score"),
    (table(item=[]), {}, DataError, "its columns are not of one length"),
    ({"item": [], "condition": [], "score": []}, {}, DataError, "holds no rows"),
    (table(condition=["control"] * 8), {}, DataError, "there is one condition alone, 'control'"),
    (table(condition=["old", "new"] * 4), {}, UsageError, "the conditions are old, new: say which"),
    (table(), {"control": "placebo"}, DataError, "no row has the condition 'placebo'; found control, treatment"),
    (table(), {"control": "control", "treatment": "control"}, UsageError, "are both 'control'"),
    (table(score=[0, 1, NAN, 1, 1, 1, 0, 0]), {}, DataError, r"row 3: score is missing \(NaN\)\n  → leave the row out"),
    (table(score=[0, 1, None, 1, 1, 1, 0, 0]), {}, DataError, "row 3: score is missing"),
    (table(score=[0, 1, "right", 1, 1, 1, 0, 0]), {}, DataError, "row 3: score 'right' is not a number"),
    (table(score=[0, 1, float("inf"), 1, 1, 1, 0, 0]), {}, DataError, "score inf is not a number"),
    (
        table(item=list("aaaabbcc")),
        {},
        DataError,
        r"row 3: the same as row 1.*\n  → several answers ",
    ),
    (table(item=list("abcdefgh")), {}, DataError, "no item has a score under both 'control' and 'treatment'"),
    (table(item=["a", "a", None, "b", "c", "c", "d", "d"]), {}, DataError, "row 3: item is missing"),
    (table(type=["open"] * 7 + ["book"]), {}, DataError, "type 'book', expected open or closed"),
    (table(temp=[-1] * 8), {}, DataError, "temp -1.0 is not a temperature"),
    (table(group=["g", "h", "g", "g", "g", "g", "g", "g"]), {}, DataError, "row 2: item 'a' is in another group"),
    (table(), {"primary": ["em"]}, UsageError, "the table has no metric 'em'; it has score"),
    (table(), {"margin": -1}, UsageError, "margin is -1, expected a number above 0"),
    (table(), {"settings": {"verdict": {"alpa": 1}}}, ConfigError, "verdict.alpa"),
    (7, {}, DataError, "is a int, expected a DataFrame"),
]


@pytest.mark.parametrize(("rows", "given", "kind", "said"), BAD, ids=[said for *_, said in BAD])
def test_bad_tables_are_refused(plain: Lab, rows: Any, given: Any, kind: type[Exception], said: str) -> None:
    """With the row, counted from 1, and what is wrong with it."""
    with pytest.raises(kind, match=said):
        exx.compare(rows, **given)
