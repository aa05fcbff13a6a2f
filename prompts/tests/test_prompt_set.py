"""Every set is complete, and each of the three beside ``default`` differs from it in just what it says."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

import exx_prompts
from exx import PromptSet, PromptTexts
from exx.testing import check_prompt_set
from exx_prompts.prompt_set import (
    BundledPromptSet,
    Default,
    LengthMatchedPlacebo,
    OperationalOnly,
    StructureWithoutContent,
)

SETS: list[type[BundledPromptSet]] = exx_prompts.exx_register_prompt_sets()
TOLERANCE = 0.05

each_set = pytest.mark.parametrize("prompt_set", SETS, ids=lambda prompt_set: prompt_set.name)
same_length = pytest.mark.parametrize("prompt_set", [LengthMatchedPlacebo, StructureWithoutContent])


def treatment(prompt_set: type[BundledPromptSet]) -> str:
    """The treatment of a set."""
    return prompt_set().texts().treatment


def words(text: str) -> list[str]:
    """The words of a text in lower case; marks that begin a line are none."""
    return re.findall(r"[a-z0-9]+(?:['’-][a-z0-9]+)*", text.lower())


def test_the_sets_are_these() -> None:
    """Four sets are offered, under the names the config uses."""
    names = [prompt_set.name for prompt_set in SETS]

    assert names == ["default", "operational_only", "structure_without_content", "length_matched_placebo"]


@each_set
def test_it_is_a_prompt_set(prompt_set: type[BundledPromptSet]) -> None:
    """Each class has what the core asks of a prompt set."""
    assert isinstance(prompt_set(), PromptSet)
    assert isinstance(prompt_set().texts(), PromptTexts)


@each_set
def test_no_text_is_empty(prompt_set: type[BundledPromptSet]) -> None:
    """All four texts are there, trimmed."""
    texts = prompt_set().texts()

    for text in (texts.control, texts.treatment, texts.open_book, texts.closed_book):
        assert text
        assert text == text.strip()


@each_set
def test_the_arms_differ(prompt_set: type[BundledPromptSet]) -> None:
    """A set whose arms were alike would compare nothing."""
    texts = prompt_set().texts()

    assert texts.control != texts.treatment
    assert len(words(texts.treatment)) > 5 * len(words(texts.control))


@each_set
def test_all_sets_have_one_control(prompt_set: type[BundledPromptSet]) -> None:
    """Control and task instructions are the same everywhere, so treatments compare, and a control run serves all."""
    texts, default = prompt_set().texts(), Default().texts()

    assert (texts.control, texts.open_book, texts.closed_book) == (
        default.control,
        default.open_book,
        default.closed_book,
    )


def test_the_treatments_are_four() -> None:
    """No two sets have the same treatment."""
    assert len({treatment(prompt_set) for prompt_set in SETS}) == 4


def test_the_control_is_one_plain_sentence() -> None:
    """The control says that there is an assistant, and no more."""
    control = Default().texts().control

    assert re.fullmatch(r"[^.!?\n]+\.", control)
    assert len(words(control)) < 10


def test_the_default_treatment_is_short() -> None:
    """The treatment has sixty to ninety words: more would slow every request down."""
    assert 60 <= len(words(treatment(Default))) <= 90


@same_length
def test_the_length_is_that_of_the_default(prompt_set: type[BundledPromptSet]) -> None:
    """Words and characters of the treatment are within five per cent of the default's."""
    ours, default = treatment(prompt_set), treatment(Default)

    assert len(words(ours)) == pytest.approx(len(words(default)), rel=TOLERANCE)
    assert len(ours) == pytest.approx(len(default), rel=TOLERANCE)


def test_the_placebo_begins_with_the_control() -> None:
    """The placebo adds length to the control and takes nothing from it."""
    texts = LengthMatchedPlacebo().texts()

    assert texts.treatment.startswith(f"{texts.control}\n\n")


@pytest.mark.parametrize("prompt_set", [LengthMatchedPlacebo, StructureWithoutContent])
def test_what_has_no_content_gives_no_instruction(prompt_set: type[BundledPromptSet]) -> None:
    """None of the words that make the default's advice occurs in a text that is to go without it."""
    advice = {"careful", "excellent", "closely", "passage", "take", "briefly", "few", "sure", "correct", "know", "find"}

    assert advice <= set(words(treatment(Default)))
    assert advice & set(words(treatment(prompt_set))) == set()


def test_the_structure_is_that_of_the_default() -> None:
    """Line by line, headings are the same and list items are list items."""

    def shape(text: str) -> list[str]:
        lines = text.splitlines()
        return [lines[0][:3], *("- …" if line.startswith("- ") else line for line in lines[1:])]

    assert shape(treatment(StructureWithoutContent)) == shape(treatment(Default))
    assert shape(treatment(Default)).count("- …") == 5


def test_the_rules_only_give_rules() -> None:
    """Apart from its first line, the operational prompt is a numbered list; nothing appeals to the reader."""
    first, *rules = treatment(OperationalOnly).splitlines()

    assert first == "Rules:"
    assert [rule.split(" ")[0] for rule in rules] == [f"{n}." for n in range(1, len(rules) + 1)]
    assert {"careful", "excellent", "pride", "best", "important", "please"} & set(words("\n".join(rules))) == set()


@pytest.mark.parametrize("text", [Default().texts().open_book, Default().texts().closed_book], ids=["open", "closed"])
def test_tasks_ask_for_brevity_and_say_how_to_abstain(text: str) -> None:
    """Both arms are told to answer in a few words, and in which words to decline."""
    assert "in a few words" in text
    assert '"I don\'t know"' in text


def test_only_the_open_task_speaks_of_a_passage() -> None:
    """A closed-book question comes without a passage, and its instruction mentions none."""
    texts = Default().texts()

    assert "passage" in texts.open_book
    assert "passage" not in texts.closed_book


def test_each_file_is_used() -> None:
    """Every set has its folder of two files, and no file lies there that nothing reads."""
    root = files("exx_prompts")
    found = {f"{folder.name}/{file.name}" for folder in root.joinpath("sets").iterdir() for file in folder.iterdir()}
    tasks = {file.name for file in root.joinpath("tasks").iterdir()}

    assert found == {f"{prompt_set.name}/{arm}.txt" for prompt_set in SETS for arm in ("control", "treatment")}
    assert tasks == {"open_book.txt", "closed_book.txt"}


@each_set
def test_keeps_the_contract(prompt_set: type[BundledPromptSet]) -> None:
    """What exx asks of every prompt set: see exx.testing."""
    check_prompt_set(prompt_set)
