"""What a refusal means: to be tried again, to wait, or to be told to a person with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from exx import BackendError, Throttled, Transient

_UNPAID = re.compile(
    r"(?i)payment|billing|credits?\b|credit_depleted|account.{0,40}suspend|suspended|spend(ing)?[ _-]?limit|past due"
)
_QUOTA = re.compile(r"(?i)job-submission-count|quota")
_THERE = re.compile(r"(?i)already[ _](exists|uploaded)|ALREADY_EXISTS")
_IN_PASSING = frozenset({408, 409, 425, 500, 502, 504, 520, 521, 522, 523, 524})
_HINT_KEY = (
    "check FIREWORKS_API_KEY (Fireworks answers 403 to a wrong key, too) and that the account is yours: "
    "FIREWORKS_ACCOUNT_ID is the slug behind accounts/, not a mail address. Nothing was lost: exx resume goes on"
)
_HINT_UNPAID = (
    "see to payment method, credit and spending limit in the Fireworks console (batch jobs need a payment method); "
    "jobs under way go on remotely, and exx resume picks them up"
)
_HINTS = {
    404: "check the model's name and that it can be used in batch jobs (firectl get model), and the account",
    413: "smaller parts help: --lines-per-part",
}
_HINT_REFUSED = "the request was not understood as it is; trying it again would not help"


class Refused(BackendError):
    """A call that the service refuses for good.

    Attributes:
        status: HTTP status.
        said: What the service said.
    """

    def __init__(self, message: str, *, status: int, said: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.said = said

    @property
    def is_there(self) -> bool:
        """What was to be made is there already."""
        return self.status == 409 or (self.status == 400 and bool(_THERE.search(self.said)))

    @property
    def is_absent(self) -> bool:
        """What was asked about is not there."""
        return self.status == 404

    @property
    def is_damage(self) -> bool:
        """The service got something else than what was sent: a body cut short on its way reads as bad JSON."""
        return self.status == 400 and bool(
            re.search(r"(?i)invalid json|json.{0,40}(invalid|pars|decod|end)", self.said)
        )


def problem(call: str, status: int, headers: Mapping[str, str], said: str) -> BackendError:
    """The exception for a reply that is not a success.

    Args:
        call: Method and path.
        status: HTTP status.
        headers: Of the reply.
        said: What the service said, in words, harmless.
    """
    words = f"Fireworks, {call}: HTTP {status}" + (f": {said}" if said else "")
    if status in (402, 412) or (status in (400, 403, 429) and _UNPAID.search(said)):
        return Refused(words, status=status, said=said, hint=_HINT_UNPAID)
    if status in (401, 403):
        return Refused(words, status=status, said=said, hint=_HINT_KEY)
    if status in (429, 503):
        return Throttled(words, retry_after=wished(headers))
    if status == 409 or (status < 500 and status not in _IN_PASSING):
        return Refused(words, status=status, said=said, hint=_HINTS.get(status, _HINT_REFUSED))
    return Transient(words, retry_after=wished(headers))


def is_quota(error: BackendError) -> bool:
    """Whether a job was refused because there are as many as the account may have."""
    unpaid = isinstance(error, Refused) and (error.hint == _HINT_UNPAID or error.status in (401, 403))
    return not unpaid and bool(_QUOTA.search(error.message))


def wished(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service wishes to be left alone for: ``retry-after-ms``, or ``Retry-After`` in either form."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        said = headers.get("Retry-After")
        return max(0.0, float(said)) if said is not None else None
    except ValueError:
        return _until(str(headers.get("Retry-After")))


def _until(date: str) -> float | None:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def words_of(body: bytes) -> str:
    """What an error's body says, whichever of the service's shapes it has; the text itself if it has none of them."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return re.sub(r"<[^>]*>|\s+", " ", body.decode("utf-8", "replace")).strip()
    if not isinstance(found, dict):
        return str(found)
    error, message = found.get("error"), found.get("message")
    if isinstance(error, dict):
        return ": ".join(str(part) for part in (error.get("code"), error.get("message")) if part)
    return ": ".join(str(part) for part in (error, message) if part) or body.decode("utf-8", "replace")
