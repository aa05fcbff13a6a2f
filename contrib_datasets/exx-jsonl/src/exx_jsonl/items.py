"""Turns rows into items, whatever file they were read from, and says in plain words why a row cannot be one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import orjson

from exx import DataError, Item

FIELDS = ("id", "question", "answers", "answer", "context", "is_unanswerable", "group", "dataset")

_NO_ANSWER = 'give "answers": ["…"], or "is_unanswerable": true if the passage does not hold the answer'


class UnusableRowError(Exception):
    """Why a row cannot be an item, and what to do; the reader knows the line."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


def make_items(rows: Iterable[tuple[int, Any]], where: str, dataset: str | None, *, default: str) -> Iterator[Item]:
    """Yield an item per row, in order.

    Args:
        rows: (line number, parsed row).
        where: What messages call the file.
        dataset: The items' dataset; None takes each row's own.
        default: The dataset of rows that name none.

    Raises:
        DataError: A row that cannot be used, an id that was used before, or no rows at all.
    """
    lines: dict[tuple[str, str], int] = {}
    for line, row in rows:
        try:
            item = make_item(row, dataset, default)
            first = lines.setdefault((item.dataset, item.id), line)
            if first != line:
                raise _used_before(row, item, first)
        except UnusableRowError as cause:
            raise DataError(where, str(cause), line=line, hint=cause.hint) from cause
        yield item
    if not lines:
        raise DataError(where, "holds no questions")


def make_item(row: Any, dataset: str | None, default: str) -> Item:
    """Make an item of one row.

    Raises:
        UnusableRowError: With what was expected and what was found.
    """
    if not isinstance(row, dict):
        raise UnusableRowError(f'expected an object such as {{"question": "…", "answers": ["…"]}}, found {_shown(row)}')
    _check_names(tuple(row))
    question, context = _question(row), _text(row, "context", "leave it out, or say null, if there is no passage")
    unanswerable = _flag(row, "is_unanswerable")
    return Item(
        dataset=dataset or _text(row, "dataset") or default,
        id=_name(row, "id") or _hash(question, context),
        question=question,
        answers=_no_answers(row, context) if unanswerable else _answers(row),
        context=context,
        is_unanswerable=unanswerable,
        # Questions on one passage are not independent of each other, whether or not the file says so.
        group=_name(row, "group") or (None if context is None else _hash(context)),
    )


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...]) -> None:
    """Refuse a misspelt field: ignored, it would quietly turn an open-book question into a closed-book one, say."""
    missing = [field for field in FIELDS if field not in names]
    for name in names:
        close = [] if name in FIELDS else get_close_matches(name.lower(), missing, n=1, cutoff=0.85)
        if close:
            raise UnusableRowError(f'unknown field "{name}", did you mean "{close[0]}"?')
    if "question" not in names:
        found = ", ".join(f'"{name}"' for name in names) or "none"
        raise UnusableRowError(f'"question" is required, but missing; fields found: {found}')


def _question(row: Mapping[str, Any]) -> str:
    question = _text(row, "question")
    if question is None:
        raise UnusableRowError('"question" must be a text, found null')
    return question


def _text(row: Mapping[str, Any], field: str, hint: str | None = None) -> str | None:
    value = row.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnusableRowError(f'"{field}" must be a text, found {_shown(value)}')
    text = value.strip()
    if not text:
        raise UnusableRowError(f'"{field}" is empty', hint)
    return text


def _name(row: Mapping[str, Any], field: str) -> str | None:
    """A text or a whole number: both are common as ids."""
    value = row.get(field)
    return str(value) if type(value) is int else _text(row, field)


def _flag(row: Mapping[str, Any], field: str) -> bool:
    value = row.get(field)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise UnusableRowError(f'"{field}" must be true or false, found {_shown(value)}')


def _answers(row: Mapping[str, Any]) -> tuple[str, ...]:
    several, one = row.get("answers"), row.get("answer")
    if several is not None and one is not None:
        raise UnusableRowError('has both "answer" and "answers"', 'keep one: "answers" takes a list')
    if one is not None:
        return (_one_answer(one),)
    if several is None:
        raise UnusableRowError("no right answer is given", _NO_ANSWER)
    if not isinstance(several, list):
        hint = f'write "answers": [{_shown(several)}]' if isinstance(several, str) else None
        raise UnusableRowError(f'"answers" must be a list of texts, found {_shown(several)}', hint)
    if not several:
        raise UnusableRowError('"answers" is empty', _NO_ANSWER)
    return tuple(dict.fromkeys(_answer_text(answer, "answers") for answer in several))


def _one_answer(value: Any) -> str:
    if isinstance(value, list):
        raise UnusableRowError(f'"answer" must be one text, found {_shown(value)}', 'a list goes under "answers"')
    return _answer_text(value, "answer")


def _answer_text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        numeric = isinstance(value, int | float) and not isinstance(value, bool)
        hint = f'put it in quotes: "{_shown(value)}"' if numeric else None
        raise UnusableRowError(f'"{field}" must hold text, found {_shown(value)}', hint)
    text = value.strip()
    if not text:
        raise UnusableRowError(f'"{field}" holds an empty text', _NO_ANSWER)
    return text


def _no_answers(row: Mapping[str, Any], context: str | None) -> tuple[str, ...]:
    for field in ("answers", "answer"):
        if row.get(field):
            reason = f'"is_unanswerable" is true, but "{field}" holds {_shown(row[field])}'
            raise UnusableRowError(reason, "remove one of the two")
    if context is None:
        reason = '"is_unanswerable" is true, but there is no "context"'
        raise UnusableRowError(reason, 'only a passage can fail to hold the answer: give it as "context"')
    return ()


def _used_before(row: Mapping[str, Any], item: Item, line: int) -> UnusableRowError:
    if row.get("id") is not None:
        return UnusableRowError(
            f'the id "{item.id}" was already used on line {line}', "ids must be unique in a dataset"
        )
    same = "the same question" if item.context is None else "the same question on the same passage"
    return UnusableRowError(f"asks {same} as line {line}", 'remove one of the two, or give each an "id"')


def _hash(*texts: str | None) -> str:
    return hashlib.sha256(orjson.dumps(texts)).hexdigest()[:16]


def _shown(value: Any) -> str:
    """A value as its file has it, cut to fit a message."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"
