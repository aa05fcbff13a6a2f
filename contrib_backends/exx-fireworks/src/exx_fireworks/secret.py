"""Keeps keys and signed addresses out of everything a person, a log or a file gets to see."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import field, frozen

_QUERY = re.compile(r"\?[^\s\"'<>)\]}]*")
_BEARER = re.compile(r"(?i)\bbearer\s+[^\s\"',}]+")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_SIGNATURE = re.compile(r"(?i)x-goog-(signature|credential)[=:%][^\s\"'&]*")
LONGEST = 2000


@frozen
class Key:
    """An API key. What it shows of itself is never the key."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "(key)"

    def hide(self, text: str) -> str:
        """The text, at most 2,000 characters of it, without the key, signed addresses and mail addresses."""
        plain = _BEARER.sub("(key)", text.replace(self.value, "(key)"))
        plain = _SIGNATURE.sub("(signature)", without_queries(plain))
        return _MAIL.sub("(mail address)", plain)[:LONGEST].strip()


def without_queries(text: str) -> str:
    """The text with what follows a ``?`` in an address left out: that is where signatures are."""
    return _QUERY.sub("?…", text) if "?" in text and ("=" in text or "%" in text) else text


class _NoQueries(logging.Filter):
    """Takes signatures out of what urllib3 logs of its calls."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without queries."""
        if isinstance(record.args, tuple):
            record.args = tuple(without_queries(a) if isinstance(a, str) else a for a in record.args)
        return True


@contextmanager
def quiet_log() -> Iterator[None]:
    """While it lasts, urllib3's log has no signed addresses in it."""
    loggers = [logging.getLogger(name) for name in ("urllib3.connectionpool", "urllib3.util.retry")]
    guard = _NoQueries()
    for logger in loggers:
        logger.addFilter(guard)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(guard)
