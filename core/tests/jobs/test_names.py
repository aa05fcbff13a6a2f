"""Ids of jobs: allowed at every service, the same for the same job, different for any other."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from exx.jobs.names import content_digest, job_id

WHAT = {
    "run": "a",
    "trial": "m-default",
    "condition": "control",
    "temp": 0.0,
    "part": 1,
    "attempt": 1,
    "content": "00" * 32,
}
OTHER = {
    "run": "b",
    "trial": "m-other",
    "condition": "treatment",
    "temp": 0.7,
    "part": 2,
    "attempt": 2,
    "content": "01" * 32,
}


@given(
    run=st.text(max_size=80),
    trial=st.text(max_size=80),
    temp=st.floats(min_value=0, max_value=1e6, allow_nan=False),
    part=st.integers(min_value=1, max_value=10**7),
    attempt=st.integers(min_value=1, max_value=10**4),
)
def test_an_id_is_allowed_everywhere(run: str, trial: str, temp: float, part: int, attempt: int) -> None:
    """1 to 63 of ``a-z 0-9 -``, a letter first, no hyphen last (the rule of Fireworks); with eight to spare."""
    name = job_id(
        run, trial, condition="treatment", temp=temp, part=part, attempt=attempt, content=content_digest({"a": "b"})
    )

    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)
    assert len(name) <= 63 - 8


def test_an_id_says_what_the_job_is() -> None:
    """To a person who looks at the service's own pages."""
    name = job_id(**WHAT)  # type: ignore[arg-type]

    assert re.fullmatch(r"exx-a-control-t0-p01-a1-[0-9a-f]{12}", name)
    assert name == job_id(**WHAT)  # type: ignore[arg-type]


def test_whatever_differs_makes_another_id() -> None:
    """Even where the words for people are the same."""
    names = {job_id(**{**WHAT, key: value}) for key, value in OTHER.items()}  # type: ignore[arg-type]

    assert len(names | {job_id(**WHAT)}) == 1 + len(OTHER)  # type: ignore[arg-type]
    long = "20250101-120000-a-very-long-name-of-a-run"
    assert job_id(**{**WHAT, "run": long + "1"}) != job_id(**{**WHAT, "run": long + "2"})  # type: ignore[arg-type]


def test_the_content_is_which_rows_and_what_each_asks_in_any_order() -> None:
    """The order of rows is not part of it."""
    assert content_digest({"a": "1", "b": "2"}) == content_digest({"b": "2", "a": "1"})
    assert content_digest({"a": "1", "b": "2"}) != content_digest({"a": "2", "b": "1"})
