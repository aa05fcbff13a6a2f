"""Two runs side by side: what differs, the statistics of one arm of both, and which items flipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exx_lab import right_sum
from lab import SLUG, Lab, Told

from exx.errors import DataError, RunError
from exx.records import Request, RequestId
from exx.runs.compare import compare_trials, matched, read_arm
from exx.runs.opened import open_trials
from exx.state.files import read_json, write_json

Cli = Callable[..., Told]
THINK = {"default": {"control": {"text": "Answer."}, "treatment": {"text": "Think first."}}}
HOSTILE = "\x1b[31mno\u202eidea"


def first_three(request: Request) -> str:
    """Right under the treatment for the items 0, 1 and 2 alone, and always under the control."""
    asked = RequestId.decode(request.custom_id)
    right = asked.condition == "control" or int(asked.item_id.removeprefix("i")) < 3
    return right_sum(request) if right else HOSTILE


@pytest.fixture
def two(lab: Lab) -> Lab:
    """Run ``a``, its treatment always right; run ``b``, its treatment right for 1 of 5 open items and 2 of 5 closed."""
    lab.run("a")
    lab.answer = first_three
    lab.run("b", prompt_sets=THINK, cache="off")
    return lab


def primary(compared: Any) -> dict[str, tuple[float, float, float]]:
    """First, second and difference of the primary metric, by type."""
    return {
        row["address"]["type"]: (row["a"], row["b"], row["difference"]) for row in compared["verdict"] if row["primary"]
    }


def test_treatments_are_compared(cli: Cli, two: Lab) -> None:
    """By hand: all 5 of 5 in the first; 1 of 5 open and 2 of 5 closed in the second."""
    (found,) = cli("compare", "a", "b", "--json").json["comparisons"]

    assert (found["a"], found["b"], found["arm"]) == ("a", "b", "treatment")
    assert found["items"] == {"shared": 10, "only_a": 0, "only_b": 0}
    assert primary(found) == {
        "open": (1.0, pytest.approx(0.2), pytest.approx(-0.8)),
        "closed": (1.0, pytest.approx(0.4), pytest.approx(-0.6)),
    }
    counts = {count["type"]: (count["fixed"], count["broke"], count["same"]) for count in found["flips"]["counts"]}
    assert counts == {"open": (0, 4, 1), "closed": (0, 3, 2)}
    assert found["flips"]["items"] == []


def test_swapped_runs_mirror(cli: Cli, two: Lab) -> None:
    """The second is the one that is judged."""
    (found,) = cli("compare", "b", "a", "--json").json["comparisons"]

    assert primary(found)["open"] == (pytest.approx(0.2), 1.0, pytest.approx(0.8))
    assert [count["fixed"] for count in found["flips"]["counts"]] == [4, 3]


def test_the_other_arm_can_be_compared_and_both(cli: Cli, two: Lab) -> None:
    """Controls: 4 of 10 against 10 of 10; each arm is a comparison of its own."""
    found = cli("compare", "a", "b", "--arm", "both", "--json").json["comparisons"]

    assert [one["arm"] for one in found] == ["control", "treatment"]
    assert sum(row["b"] for row in found[0]["verdict"] if row["primary"]) == 2.0
    assert [count["fixed"] for count in found[0]["flips"]["counts"]] == [3, 3]


def test_flips_come_with_both_answers_made_harmless(cli: Cli, two: Lab) -> None:
    """Up to N each way, per metric and place; escapes and bidi marks of a model do nothing to a terminal."""
    (found,) = cli("compare", "a", "b", "--flips", "2", "--json").json["comparisons"]
    told = cli("compare", "a", "b", "--flips", "2")

    assert len(found["flips"]["items"]) == 4
    flip = found["flips"]["items"][0]
    number = int(flip["item_key"].removeprefix("fake|i"))
    assert (flip["effect"], flip["a"], flip["b"]) == ("broke", 1.0, 0.0)
    assert (flip["a_answer"], flip["b_answer"]) == (str(2 * number), HOSTILE)
    assert "  B: \ufffd[31mno\ufffdidea\n" in told.out
    assert not {"\x1b", "\u202e"} & set(told.out)
    assert "better in B" in told.out


def test_what_differs_is_told(cli: Cli, two: Lab) -> None:
    """Settings by key; a warning for what could explain the difference, once for both arms' sake."""
    (found,) = cli("compare", "a", "b", "--json").json["comparisons"]
    keys = {change["key"] for change in found["config_differences"]}

    assert {"prompt.treatment", "prompt_sets.default.treatment.text"} <= keys
    assert "prompt.control" not in keys
    assert found["warnings"] == ["the treatment prompts are different texts"]
    assert cli("compare", "a", "b", "--arm", "control", "--json").json["comparisons"][0]["warnings"] == []


def test_several_differences_are_due_to_none_alone(cli: Cli, two: Lab) -> None:
    """Model, prompt, decoding, backend and scoring."""
    other = {"models": ["other-model"], "temps": [0.0, 0.7], "stop": ["."], "abstention": "none"}
    two.run("c", prompt_sets=THINK, backend={"name": "fake", "flavour": "salty"}, **other)
    (found,) = cli("compare", "a", "c", "--json").json["comparisons"]
    first, *rest = found["warnings"]

    assert first.startswith("more than one thing differs (the model, the treatment prompt, decoding, the backend): ")
    assert "different models were asked: fake-model and other-model" in rest
    assert any("scored by different rules" in words for words in rest)
    assert "only one of them has temperature 0.7, which is left out" in rest


def test_a_run_equals_itself(cli: Cli, two: Lab) -> None:
    """Nothing differs, nothing flips."""
    (found,) = cli("compare", "a", "a", "--json").json["comparisons"]

    assert (found["a"], found["b"]) == ("A", "B")
    assert (found["config_differences"], found["warnings"]) == ([], [])
    assert [count["fixed"] + count["broke"] for count in found["flips"]["counts"]] == [0, 0]
    assert "No setting differs." in cli("compare", "a", "a").out


def test_only_shared_items_count(cli: Cli, lab: Lab) -> None:
    """6 items against 10: those beyond are said to be left out."""
    lab.run("a", datasets=[{"name": "fake", "items": 6}])
    lab.run("b")
    (found,) = cli("compare", "a", "b", "--json").json["comparisons"]

    assert found["items"] == {"shared": 6, "only_a": 0, "only_b": 4}
    assert "the questions come from different sources: fake" in found["warnings"]
    assert "not every item is in both: 0 only in a, 4 only in b" in found["warnings"]


def test_items_of_one_name_and_two_texts_are_left_out(cli: Cli, two: Lab) -> None:
    """Item i2 asks something else in the second run."""
    folder = two.folder / "experiments" / "run_b" / "prepared"
    path, manifest = folder / "closed_book.jsonl", folder / "prepared_manifest.json"
    path.write_text(path.read_text().replace("What is 2 + 2?", "What is 1 + 3?"))
    write_json(manifest, read_json(manifest) | {"sha256": {"closed_book.jsonl": "changed"}})
    (found,) = cli("compare", "a", "b", "--json").json["comparisons"]

    assert found["items"]["shared"] == 9
    assert "1 items have one name and two texts; they are left out" in found["warnings"]


def test_two_temperatures_are_compared_where_each_has_one(cli: Cli, lab: Lab) -> None:
    """With both answers, and said."""
    lab.run("a")
    lab.answer = first_three
    lab.run("b", temps=[0.7])
    (found,) = cli("compare", "a", "b", "--flips", "1", "--json").json["comparisons"]

    assert "temperature 0 is compared with temperature 0.7" in found["warnings"]
    assert found["items"]["shared"] == 10
    assert all(flip["a_answer"] and flip["b_answer"] == HOSTILE for flip in found["flips"]["items"])


def test_trials_of_runs_are_compared(cli: Cli, lab: Lab) -> None:
    """Those of one slug, or the two that are named; a run without a match says which there are."""
    sweep: Any = {
        "prompt_sets": {"default": "default", "think": THINK["default"]},
        "sweep": {"prompt_sets": ["default", "think"]},
    }
    lab.run("a", **sweep)
    lab.run("b")
    other = SLUG.replace("default", "think")
    found = cli("compare", "a", "b", "--json").json["comparisons"]
    named = cli("compare", f"a/{SLUG}", f"a/{other}", "--json").json["comparisons"]

    assert [(one["a"], one["b"]) for one in found] == [(f"a/{SLUG}", "b")]
    assert [(one["a"], one["b"]) for one in named] == [(f"a/{SLUG}", f"a/{other}")]
    told = cli("compare", f"a/{other}", "a/none")
    assert told.status == 1
    assert "run a has no trial none\n  → it has " in told.err


def test_runs_without_a_common_trial_are_refused(lab: Lab) -> None:
    """Two sweeps with other slugs: the message names what there is."""
    lab.run("a")
    (trial,) = open_trials("a")

    with pytest.raises(RunError, match=r"no trial in common\n  → compare two of a, a"):
        matched([trial, trial], [])


def test_a_run_without_common_items_is_refused(cli: Cli, lab: Lab) -> None:
    """Nothing to pair."""
    lab.run("a", temps=[0.0, 0.2])
    lab.run("b", temps=[0.7])
    told = cli("compare", "a", "b")

    assert (told.status, told.out) == (1, "")
    assert "a and b have no item of the treatment arm in common" in told.err


@pytest.mark.parametrize("word", ["a", f"a/{SLUG}", "experiments/run_a", f"experiments/run_a/{SLUG}"])
def test_a_trial_goes_by_many_names(lab: Lab, word: str) -> None:
    """Id, id with slug, folder of the run, of the trial, of its results."""
    lab.run("a")
    (by_word,) = open_trials(word)
    (by_results,) = open_trials(Path("experiments") / "run_a" / SLUG / "results")

    assert by_word.title == by_results.title == "a"
    assert by_word.results.folder.resolve() == by_results.results.folder.resolve()


@pytest.mark.parametrize(
    ("word", "said"), [("none", "none is neither a run nor a folder"), (".", ". has no scores yet")]
)
def test_what_is_no_run_is_refused(lab: Lab, word: str, said: str) -> None:
    """With what to give instead."""
    with pytest.raises(RunError, match=f"{said}\n  → exx list shows the runs; give an id"):
        open_trials(word)


def test_a_damaged_score_file_is_told_with_its_line(lab: Lab) -> None:
    """An item twice, an arm that is none."""
    lab.run("a")
    path = lab.path("results/per_item_scores.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], ""]))

    with pytest.raises(DataError, match=r"line 22: the item 'fake\|i\d' is there twice in one arm"):
        read_arm(path, "control" if ",control," in lines[1] else "treatment")
    path.write_text("\n".join([*lines, lines[1].replace(",control,", ",placebo,"), ""]))
    with pytest.raises(DataError, match="line 22: condition 'placebo', expected control or treatment"):
        read_arm(path, "treatment")


def test_a_folder_that_is_no_run_can_be_compared(lab: Lab, tmp_path: Path) -> None:
    """Results copied elsewhere: their settings are unknown, their scores are not."""
    lab.run("a")
    home = tmp_path / "elsewhere" / "results"
    home.mkdir(parents=True)
    for name in ("per_item_scores.csv", "metrics.json", "significance.json"):
        (home / name).write_bytes(lab.path(f"results/{name}").read_bytes())
    (a,), (b,) = open_trials("a"), open_trials(home)
    found = compare_trials(a, b, "treatment")

    assert (found.shared, found.b) == (10, str(home))
    assert [row.difference for row in found.verdict if row.primary] == [0.0, 0.0]
