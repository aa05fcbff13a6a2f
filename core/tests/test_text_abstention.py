"""Abstentions are told from answers; what goes wrong is counted, not hidden.

data/abstention.jsonl was written and labelled by the author of the rule. The part ``dev`` repaired it: its counts say
only that nothing got worse; the part ``held out`` was written after the last repair. docs/explanation/abstention.md has
the same counts, and those of every earlier part before it was used for repairs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx import Abstention
from exx.text.abstention import gentle

LABELLED = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "abstention.jsonl").read_bytes().splitlines()
]


def abstains(text: str, rule: Abstention | None = None) -> bool:
    return (rule or Abstention()).find([text])[0]


ERRORS = {
    ("dev", "missed"): ["Well, that's a tough one! I wouldn't want to guess.", "1. Unknown\n2. Unknown"],
    ("dev", "taken"): ["“Not Sure”"],
    ("held out", "missed"): [
        "I haven't got a clue.",
        "Unknown; the passage stops before that year.",
        "Nobody is named in the passage as the culprit.",
        "There's no telling.",
    ],
    ("held out", "taken"): ["It was never found.", "We cannot see ultraviolet light."],
}


@pytest.mark.parametrize(("part", "kind"), ERRORS)
def test_errors_on_labelled_answers(part, kind):
    """Abstentions that are missed, and answers that are taken for one: no others than those reported."""
    rows = [row for row in LABELLED if row["part"] == part and row["abstains"] == (kind == "missed")]
    found = Abstention().find([row["text"] for row in rows])
    errors = [row["text"] for row, said in zip(rows, found, strict=True) if said != row["abstains"]]

    assert set(errors) <= set(ERRORS[part, kind])


def test_the_labelled_answers_hold_traps():
    """More than two hundred of them, and more than a quarter are answers that look like abstentions."""
    counts = {(part, kind): 0 for part in ("dev", "held out") for kind in (True, False)}
    for row in LABELLED:
        counts[row["part"], row["abstains"]] += 1

    assert counts == {("dev", True): 255, ("dev", False): 178, ("held out", True): 17, ("held out", False): 14}
    assert len({row["text"] for row in LABELLED}) == len(LABELLED)


@pytest.mark.parametrize(
    "text",
    [
        "I don't know.",
        "I don’t know",
        "unknown",
        "I cannot answer this from the passage",
        "The passage does not say who built it.",
        "No answer",
        "unanswerable",
        "N/A",
        "not mentioned in the passage",
        "I'm not sure",
        "The answer is not in the passage.",
        "The answer isn't in the text.",
        "I'd rather not guess.",
        "No idea, sorry.",
        "Unanswerable: the passage does not mention it.",
        "",
        " \n",
    ],
)
def test_declining_is_an_abstention(text):
    """The usual ways to decline, with either apostrophe."""
    assert abstains(text)


@pytest.mark.parametrize(
    "text",
    [
        "Unknown Pleasures",
        "The Tomb of the Unknown Soldier",
        "I'm not sure, but Paris",
        "I don't know if he was born in 1912 or 1913, but the album came out in 1979",
        "Rome. I'm not sure.",
        "The answer is not in the passage, but I believe it is Paris",
        "1912 (the month is not stated)",
        "Unknown: The Movie",
        "...",
    ],
)
def test_hedging_and_titles_are_answers(text):
    """What names something that can be right or wrong is an answer."""
    assert not abstains(text)


@given(st.lists(st.sampled_from([row["text"] for row in LABELLED]), max_size=6))
def test_an_answer_is_judged_by_itself(texts):
    """Neither its neighbours nor its repetition change the verdict."""
    assert Abstention().find(texts) == [abstains(text) for text in texts]


@given(st.text(max_size=60))
def test_any_text_gets_a_verdict(text):
    """Whatever a model writes, there is a verdict, and an upper-case or padded marker stays one."""
    assert abstains(text) in (True, False)
    assert abstains(f" {text.strip()}\n") == abstains(text.strip())


@pytest.mark.parametrize(
    ("system", "most", "right"), [("fid", 0, 0), ("gpt35", 3, 0), ("chatgpt", 6, 0), ("gpt4", 8, 0), ("newbing", 80, 3)]
)
def test_real_answers_to_trivia(system, most, right):
    """Of 10,000 real answers few abstain; of those, human judges called three right, each of them a plain refusal."""
    if "EXX_TEST_DATA" not in os.environ:
        pytest.skip("EXX_TEST_DATA names no folder with the EVOUNA answers")
    questions = json.loads((Path(os.environ["EXX_TEST_DATA"]) / "evouna" / "TQ.json").read_text("utf-8"))
    found = Abstention().find([question[f"answer_{system}"] for question in questions])
    judged = [question[f"judge_{system}"] for question, said in zip(questions, found, strict=True) if said]

    assert len(judged) <= most
    assert judged.count(True) <= right


def test_blanks_around_an_answer_do_not_count():
    """However many there are: length is that of the words."""
    assert Abstention().find(["\n" * 2000 + "I don't know." + " " * 2000]) == [True]


def test_a_long_answer_never_abstains():
    """More than a thousand characters hold an answer, or are for a person to read."""
    assert abstains("The passage does not say. " * 38)
    assert not abstains("The passage does not say. " * 39)


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), (" \t", True), ("unknown", False), ("the", False), ("...", False)]
)
def test_the_official_reading(text, expected):
    """Under ``none`` the empty answer alone abstains, and scorers see every text as it is."""
    rule = Abstention.of("none")

    assert abstains(text, rule) is expected
    assert not rule.blanks


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pass", True),
        ("pass, I'm afraid", True),
        ("  **Keine   Angabe** ", True),
        ("KEINE ANGABE: steht nicht da", True),
        ("", True),
        ("Passau", False),
        ("pass the salt", False),
        ("I don't know", False),
    ],
)
def test_markers_of_ones_own(text, expected):
    """They replace the default rule, and stand alone or before a punctuation mark."""
    assert abstains(text, Abstention.of({"markers": ["pass", "Keine Angabe"]})) is expected


@pytest.mark.parametrize(
    "value", ["nothing", {"markers": []}, {"markers": "x"}, {"markers": [""]}, {"words": ["x"]}, None, 3]
)
def test_another_value_is_refused(value):
    """The config's value is one of three, and the message says so."""
    with pytest.raises(ValueError, match=r"expected 'default', 'none' or \{markers"):
        Abstention.of(value)


def test_gentle_smooths_over_little():
    """Case, apostrophes and white space; nothing else."""
    assert gentle("I  DON’T\nknow -- “really”?") == "i don't know -- “really”?"
