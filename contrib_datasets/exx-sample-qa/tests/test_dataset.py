"""The bundled questions are what the README says of them, and can be scored fairly."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from importlib.resources import files

from exx import Dataset, Item, normalise_squad, normalise_words
from exx.testing import check_dataset
from exx_sample_qa.dataset import CLOSED_BOOK, OPEN_BOOK, PASSAGES, SampleQA

ITEMS = list(SampleQA().load().items)
OPEN = [item for item in ITEMS if item.type == "open"]
CLOSED = [item for item in ITEMS if item.type == "closed"]
ANSWERABLE = [item for item in ITEMS if not item.is_unanswerable]

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def holds(text: str, answer: str) -> bool:
    """Say whether a text holds an answer as whole words, as the scorer ``answer_match`` does."""
    return f" {normalise_words(answer)} " in f" {normalise_words(text)} "


def passage(item: Item) -> str:
    """The passage of an open-book item."""
    assert item.context is not None
    return item.context


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


def test_questions_end_with_a_question_mark() -> None:
    """Every question is one, on one line and without outer white space."""
    assert [item.id for item in ITEMS if not re.fullmatch(r"\S.*\S\?", item.question)] == []


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


def test_passages_are_short() -> None:
    """A passage is two sentences and at most forty words, so that a run stays quick."""
    sentences = {item.id: re.sub(r"\b(Mr|Mrs)\.", r"\1", passage(item)).count(".") for item in OPEN}

    assert {name: count for name, count in sentences.items() if count != 2} == {}
    assert [item.id for item in OPEN if len(passage(item).split()) > 40] == []


def test_answers_are_clean_and_differ() -> None:
    """Right answers are trimmed, distinct from their aliases, and not empty once normalised by either rule."""
    untidy = [
        (item.id, answer)
        for item in ANSWERABLE
        for answer in item.answers
        if answer != answer.strip() or not normalise_words(answer) or not normalise_squad(answer)
    ]

    assert untidy == []
    assert [item.id for item in ANSWERABLE if len(set(item.answers)) < len(item.answers)] == []


def test_most_answers_have_aliases() -> None:
    """Where an answer is commonly written in several ways they all count; the README's examples are among them."""
    aliases = {item.question: set(item.answers) for item in CLOSED}

    assert {"7", "seven"} <= aliases["How many days are there in a week?"]
    assert {"Shakespeare", "William Shakespeare"} <= aliases["Who wrote the play Romeo and Juliet?"]
    assert sum(len(item.answers) > 1 for item in ANSWERABLE) > len(ANSWERABLE) / 2


def test_a_number_may_be_written_either_way() -> None:
    """A number up to twelve counts in figures and as a word."""
    other = dict(zip(NUMBERS, map(str, range(13)), strict=True))
    other |= {figure: word for word, figure in other.items()}
    missing = [
        (item.id, other[answer])
        for item in ANSWERABLE
        for answer in map(str.casefold, item.answers)
        if answer in other and other[answer] not in map(str.casefold, item.answers)
    ]

    assert missing == []


def test_repeating_the_question_is_not_answering_it() -> None:
    """No right answer occurs in its own question, so an echo earns nothing."""
    given_away = [(i.id, answer) for i in ANSWERABLE for answer in i.answers if holds(i.question, answer)]

    assert given_away == []


def test_the_first_answer_stands_in_the_passage() -> None:
    """An answerable question is answered by words of its passage, letter for letter but for case."""
    absent = [
        (item.id, item.answers[0])
        for item in OPEN
        if item.answers
        and not (item.answers[0].casefold() in passage(item).casefold() and holds(passage(item), item.answers[0]))
    ]

    assert absent == []


def test_loading_twice_gives_the_same() -> None:
    """Items, their order and the digest are stable."""
    assert list(SampleQA().load().items) == ITEMS
    assert SampleQA().load().provenance.sha256 == SampleQA().digest()


def test_the_digest_is_that_of_the_files() -> None:
    """The digest covers every byte that is read, and no other file lies beside them."""
    folder = files("exx_sample_qa").joinpath("data")
    content = b"".join(folder.joinpath(name).read_bytes() for name in (PASSAGES, OPEN_BOOK, CLOSED_BOOK))

    assert SampleQA().digest() == hashlib.sha256(content).hexdigest()
    assert {file.name for file in folder.iterdir()} == {PASSAGES, OPEN_BOOK, CLOSED_BOOK}


def test_the_source_is_told() -> None:
    """Provenance says that the questions are bundled, and under which licence."""
    provenance = SampleQA().load().provenance

    assert (provenance.source, provenance.licence) == ("bundled", "MIT")


def test_keeps_the_contract() -> None:
    """What exx asks of every dataset: see exx.testing."""
    check_dataset(SampleQA)
