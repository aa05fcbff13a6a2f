"""Every error says what happened, where, and what to do next, and knows the status the process ends with."""

from __future__ import annotations

from pathlib import Path

import pytest

from exx.errors import (
    BackendError,
    ConfigError,
    DataError,
    ExxError,
    PluginError,
    RunError,
    StopRequested,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ExxError("x"), 1),
        (DataError("x", "y"), 1),
        (PluginError("x", "y 1", "z"), 1),
        (BackendError("x"), 1),
        (RunError("x"), 1),
        (UsageError("x"), 2),
        (ConfigError("x", ["y"]), 2),
        (StopRequested("x"), 3),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ExxError) else str(value),
)
def test_exit_statuses_are_those_of_the_contract(error: ExxError, status: int) -> None:
    """1 it failed, 2 usage or configuration, 3 stopped on request."""
    assert error.exit_code == status


def test_the_hint_follows_the_message() -> None:
    """What to do next stands on a line of its own."""
    assert str(RunError("it broke", hint="mend it")) == "it broke\n  → mend it"
    assert str(RunError("it broke")) == "it broke"


def test_a_data_error_names_file_and_line() -> None:
    """With a line where lines mean something, without one elsewhere."""
    assert str(DataError(Path("a/b.jsonl"), "is odd", line=3)) == "a/b.jsonl, line 3: is odd"
    assert str(DataError("dataset squad", "is odd")) == "dataset squad: is odd"


def test_a_plugin_error_names_plugin_and_distribution() -> None:
    """A person has to know what to uninstall."""
    error = PluginError("mcnemar", "exx-mcnemar 0.1.0", "boom", hint="update it")

    assert str(error) == "plugin 'mcnemar' (exx-mcnemar 0.1.0): boom\n  → update it"
    assert (error.plugin, error.distribution) == ("mcnemar", "exx-mcnemar 0.1.0")


@pytest.mark.parametrize(
    ("problems", "text"),
    [
        (["a: one"], "c.yaml: 1 problem\n  a: one"),
        (["a: one", "b: two"], "c.yaml: 2 problems\n  a: one\n  b: two"),
    ],
)
def test_a_config_error_lists_every_problem(problems: list[str], text: str) -> None:
    """One line each, under the name of the file."""
    assert str(ConfigError("c.yaml", problems)) == text
