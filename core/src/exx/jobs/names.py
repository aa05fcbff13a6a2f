"""Ids of jobs: the same job has the same id whenever and wherever it is made, and another job has another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import orjson

from exx.records import Condition

LONGEST = 55
_DIGEST = 12
_RUN = 16


def job_id(run: str, trial: str, *, condition: Condition, temp: float, part: int, attempt: int, content: str) -> str:
    """Name a job: words for people, then a digest over everything that makes it the job it is.

    Args:
        run: Id of the run.
        trial: Slug of the trial.
        condition: Arm.
        temp: Temperature.
        part: Number of the part, from 1.
        attempt: 1 for the first job of the part.
        content: Digest of the rows, see ``content_digest``.

    Returns:
        1 to 55 of ``a-z 0-9 -``, beginning with a letter and ending in a letter or a digit.
    """
    whole = [run, trial, condition, repr(float(temp)), part, attempt, content]
    digest = hashlib.sha256(orjson.dumps(whole)).hexdigest()[:_DIGEST]
    words = f"exx-{_plain(run)[:_RUN]}-{condition}-t{temp:g}-p{part:02d}-a{attempt}"
    return f"{_plain(words)[: LONGEST - _DIGEST - 1].strip('-')}-{digest}"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def content_digest(rows: Mapping[str, str]) -> str:
    """sha256 over which rows a job holds, and what each asks: ``{custom_id: key}``."""
    return hashlib.sha256(orjson.dumps(dict(rows), option=orjson.OPT_SORT_KEYS)).hexdigest()
