"""The bundled questions are what the README says of them, and can be scored fairly."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from importlib.resources import files

import pytest

from exx import Dataset, Item, normalise_squad, normalise_words
from exx_sample_qa.dataset import CLOSED_BOOK, OPEN_BOOK, PASSAGES, SampleQA

ITEMS = list(SampleQA().load().items)
OPEN = [item for item in ITEMS if item.type == "open"]
CLOSED = [item for item in ITEMS if item.type == "closed"]
ANSWERABLE = [item for item in ITEMS if not item.is_unanswerable]

each_answerable = pytest.mark.parametrize("item", ANSWERABLE, ids=lambda item: item.id)
each_open = pytest.mark.parametrize("item", OPEN, ids=lambda item: item.id)


def holds(text: str, answer: str) -> bool:
    """Say whether a text holds an answer as whole words, as the scorer ``answer_match`` does."""
    return f" {normalise_words(answer)} " in f" {normalise_words(text)} "


def test_it_is_a_dataset() -> None:
    """The class has what the core asks of a dataset, and the name the config uses."""
    assert isinstance(SampleQA(), Dataset)
    assert SampleQA.name == "sample_qa"


def test_there_are_as_many_items_as_promised() -> None:
    """72 open-book questions on 24 passages, 78 closed-book ones; the README gives these numbers."""
    assert (len(OPEN), len({item.context for item in OPEN}), len(CLOSED)) == (72, 24, 78)


def test_ids_are_unique_and_plain() -> None:
    """No two items share an id, and none needs encoding in a custom id."""
    ids = [item.id for item in ITEMS]

    assert len(set(ids)) == len(ids)
    assert [item.key for item in ITEMS] == [f"sample_qa|{name}" for name in ids]


def test_no_question_is_asked_twice() -> None:
    """Questions differ by more than case and punctuation, open-book ones and closed-book ones together."""
    asked = Counter(normalise_words(item.question) for item in ITEMS)

    assert [question for question, times in asked.items() if times > 1] == []


def test_a_third_of_the_open_questions_cannot_be_answered() -> None:
    """Of the three questions on each passage the last one is unanswerable, and has no answers."""
    assert [item.is_unanswerable for item in OPEN] == [False, False, True] * 24
    assert [item.id for item in ITEMS if item.is_unanswerable != (not item.answers)] == []


def test_closed_questions_can_all_be_answered() -> None:
    """Without a passage nothing is unanswerable, and nothing belongs to a group."""
    assert {(item.is_unanswerable, item.group) for item in CLOSED} == {(False, None)}


def test_questions_on_one_passage_form_a_group() -> None:
    """Groups and passages correspond one to one, with three questions each."""
    pairs = Counter((item.group, item.context) for item in OPEN)

    assert set(pairs.values()) == {3}
    assert len({group for group, _ in pairs}) == len({context for _, context in pairs}) == len(pairs)


@each_open
def test_a_passage_is_one_to_three_sentences(item: Item) -> None:
    """Passages stay short, so that a run stays quick."""
    assert item.context is not None
    assert 1 <= item.context.count(". ") + item.context.endswith(".") <= 4  # "Mr. " counts too
    assert len(item.context.split()) <= 40


@each_answerable
def test_answers_are_clean_and_differ(item: Item) -> None:
    """Each right answer is trimmed, distinct from its aliases, and not empty once normalised by either rule."""
    assert item.answers
    assert len(set(item.answers)) == len(item.answers)
    for answer in item.answers:
        assert answer == answer.strip()
        assert normalise_words(answer)
        assert normalise_squad(answer)


@each_answerable
def test_repeating_the_question_is_not_answering_it(item: Item) -> None:
    """No right answer occurs in its own question, so an echo earns nothing."""
    assert [answer for answer in item.answers if holds(item.question, answer)] == []


@pytest.mark.parametrize("item", [item for item in OPEN if item.answers], ids=lambda item: item.id)
def test_the_first_answer_stands_in_the_passage(item: Item) -> None:
    """An answerable question is answered by words of its passage, letter for letter but for case."""
    assert item.context is not None
    assert item.answers[0].casefold() in item.context.casefold()
    assert holds(item.context, item.answers[0])


@each_answerable
def test_a_number_may_be_written_either_way(item: Item) -> None:
    """An answer that is a number up to twelve has its figures and its word as aliases."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    given = {answer.casefold() for answer in item.answers}
    missing = {
        other
        for number, word in enumerate(words)
        for one, other in ((word, str(number)), (str(number), word))
        if one in given and other not in given
    }

    assert missing == set()


def test_questions_end_with_a_question_mark() -> None:
    """Every question is one, on one line and without outer white space."""
    odd = [item.id for item in ITEMS if not re.fullmatch(r"\S.*\S\?", item.question)]

    assert odd == []


def test_loading_twice_gives_the_same() -> None:
    """Items, their order and the digest are stable."""
    assert list(SampleQA().load().items) == ITEMS
    assert SampleQA().load().provenance.sha256 == SampleQA().digest()


def test_the_digest_is_that_of_the_files() -> None:
    """The digest covers every byte that is read, and a look-up needs no network."""
    folder = files("exx_sample_qa").joinpath("data")
    content = b"".join(folder.joinpath(name).read_bytes() for name in (PASSAGES, OPEN_BOOK, CLOSED_BOOK))

    assert SampleQA().digest() == hashlib.sha256(content).hexdigest()
    assert {file.name for file in folder.iterdir()} == {PASSAGES, OPEN_BOOK, CLOSED_BOOK}


def test_the_source_is_told() -> None:
    """Provenance says that the questions are bundled, and under which licence."""
    provenance = SampleQA().load().provenance

    assert (provenance.source, provenance.licence) == ("bundled", "MIT")
