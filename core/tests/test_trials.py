"""A config's trials: their order, their names, and what the command line keeps of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx.config.load import build_config
from exx.config.structure import Origin
from exx.config.trials import Narrowing, Trial, expand_trials, safe_name, temp_label
from exx.errors import ConfigError, UsageError

ALL = Narrowing()


def trials(raw: dict[str, Any], narrowing: Narrowing = ALL, model: str | None = "m") -> tuple[Trial, ...]:
    """The trials of a config."""
    return expand_trials(build_config(raw, Origin("c.yaml"))[0], model, narrowing)


def test_a_plain_config_is_one_trial() -> None:
    """The slug is that of the contract."""
    raw = {"model_id": "accounts/fireworks/models/gpt-oss-120b", "prompt_sets": "operational_only"}
    (trial,) = trials(raw)
    (other,) = trials({"prompt_sets": ["a", "b"], "default_prompt_set": "b"})

    assert trial.slug == "gpt-oss-120b-operational_only-tp1-tk50-mx1024-1024"
    assert (trial.model, trial.prompt_set) == ("accounts/fireworks/models/gpt-oss-120b", "operational_only")
    assert (other.prompt_set, trials({"prompt_sets": ["a", "b"]})[0].prompt_set) == ("b", "default")


def test_a_sweep_is_crossed() -> None:
    """Two models × two sets × two lengths; lengths are paired by position."""
    sweep = {
        "models": ["a", "b"],
        "prompt_sets": ["x", "y"],
        "max_new_tokens": {"closed_book": [10, 20], "open_book": [30, 40]},
    }
    found = trials({"sweep": sweep, "model_aliases": {"a": "host/a-7b"}})

    assert len(found) == 8
    assert [t.slug for t in found[:3]] == [
        "a-7b-x-tp1-tk50-mx10-30",
        "a-7b-x-tp1-tk50-mx20-40",
        "a-7b-y-tp1-tk50-mx10-30",
    ]
    assert found[0].model == "host/a-7b" and found[-1].model == "b"


def test_one_list_of_lengths_leaves_the_other_at_the_top_level() -> None:
    """Only the open-book length is swept."""
    found = trials({"sweep": {"max_new_tokens": {"open_book": [30, 40]}}, "max_new_tokens": {"closed_book": 5}})

    assert [(t.max_new_tokens.closed_book, t.max_new_tokens.open_book) for t in found] == [(5, 30), (5, 40)]


def test_trials_that_are_spelt_out_take_the_rest_from_the_top() -> None:
    """And come before a sweep's, each combination once."""
    raw = {
        "model_id": "m",
        "top_k": 7,
        "trials": [{"id": "my trial!", "temps": [0.0, 0.5, 0.5]}, {"top_k": 7}],
        "sweep": {"top_k": [7, 9]},
    }
    found = trials(raw)

    assert [t.slug for t in found] == ["my-trial", "m-default-tp1-tk7-mx1024-1024", "m-default-tp1-tk9-mx1024-1024"]
    assert (found[0].temps, found[0].top_k) == ((0.0, 0.5), 7)


def test_the_backends_own_model_is_the_last_resort() -> None:
    """Without it, a model has to be named."""
    assert trials({}, model="own")[0].model == "own"
    with pytest.raises(ConfigError, match="model_id: required, since the backend has no default model"):
        trials({}, model=None)


def test_lists_of_lengths_that_cannot_be_paired_are_refused() -> None:
    """Two beside one."""
    with pytest.raises(ConfigError, match=r"sweep.max_new_tokens: 2 closed_book values beside 1 open_book values"):
        trials({"sweep": {"max_new_tokens": {"closed_book": [1, 2], "open_book": [3]}}})


def test_trials_with_one_name_are_refused() -> None:
    """They would write into one folder."""
    with pytest.raises(ConfigError, match=r"different trials share the name 'm-default-.*'; give each an id"):
        trials({"trials": [{"temps": [0.0]}, {"temps": [1.0]}]})


@pytest.mark.parametrize(
    ("narrowing", "slugs"),
    [
        (Narrowing(models=("a",)), ["big-a-x-tp1-tk50-mx1024-1024", "big-a-y-tp1-tk50-mx1024-1024"]),
        (Narrowing(models=("host/big-a",), prompt_sets=("y",)), ["big-a-y-tp1-tk50-mx1024-1024"]),
        (Narrowing(temps=(0.5,), prompt_sets=("x",), models=("b",)), ["b-x-tp1-tk50-mx1024-1024"]),
    ],
)
def test_the_command_line_keeps_some(narrowing: Narrowing, slugs: list[str]) -> None:
    """By alias or full name, by set, by temperature."""
    raw = {
        "sweep": {"models": ["a", "b"], "prompt_sets": ["x", "y"]},
        "model_aliases": {"a": "host/big-a"},
        "temps": [0.0, 0.5],
    }
    found = trials(raw, narrowing)

    assert [t.slug for t in found] == slugs
    assert narrowing.temps is None or {t.temps for t in found} == {narrowing.temps}


def test_keeping_nothing_says_what_there_is() -> None:
    """A misspelt model."""
    with pytest.raises(UsageError, match=r"no trial is left by --models, .*\n  → the config has \['m × default'\]"):
        trials({}, Narrowing(models=("n",)))


@given(st.text())
def test_a_slug_is_a_name_that_every_file_system_takes(text: str) -> None:
    """Whatever a model is called."""
    name = safe_name(text)

    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) and len(name) <= 120
    assert not name.endswith((".", "-"))


@pytest.mark.parametrize(("temp", "label"), [(0.0, "0"), (0.7, "07"), (1.0, "10"), (1.25, "125")])
def test_labels_of_temperatures_are_those_of_the_contract(temp: float, label: str) -> None:
    """They name the request parts."""
    assert temp_label(temp) == label
