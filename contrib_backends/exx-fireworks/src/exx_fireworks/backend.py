"""The backend ``fireworks``: batch inference jobs at Fireworks AI, at half the price of asking one by one.

Options say how jobs are run; who pays is said by the environment, and by nothing that is written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, instance_of, optional

from exx import BackendError, BatchService, Item, Json, Prerequisite

_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|d)?\s*")
_UNITS = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SHORTEST, _LONGEST = 12 * 3600.0, 72 * 3600.0
_GRACE = 2 * 3600.0
_PAUSE = 0.5
_MODEL = re.compile(r"accounts/[A-Za-z0-9-]+/models/[A-Za-z0-9._-]+(#[A-Za-z0-9._/-]+)?")
_SET_BY_EXX = frozenset(
    {"messages", "model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "seed"}
    | {"n", "min_p", "typical_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "stream"}
    | {"reasoning_effort"}
)
_EFFORTS = ("low", "medium", "high")


def _seconds(text: str) -> float:
    """Seconds of ``"24h"``, ``"90m"``, ``"86400"``.

    Raises:
        ValueError: It is none of these.
    """
    found = _LENGTH.fullmatch(text)
    if not found:
        raise ValueError(f"expected a length of time such as 24h, 2d or 86400 (seconds), found {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def _length(said: object) -> str:
    """A length of time as text; a number is one of seconds."""
    return str(said)


def _within_window(_: Any, attribute: Attribute[Any], value: str) -> None:
    if not _SHORTEST <= _seconds(value) <= _LONGEST:
        raise ValueError(f"{attribute.name!r}: the service takes 12 to 72 hours, found {value!r}")


def _leaves_exx_its_own(_: Any, attribute: Attribute[Any], value: Mapping[str, Any]) -> None:
    taken = sorted(_SET_BY_EXX & value.keys())
    if taken:
        raise ValueError(f"{attribute.name!r} may not hold {', '.join(taken)}: exx sets that itself, for every request")


@frozen(kw_only=True)
class FireworksBackend:
    """Asks models at Fireworks AI in batch inference jobs.

    Needs ``FIREWORKS_API_KEY``. The account comes from the option ``account_id``, from ``FIREWORKS_ACCOUNT_ID`` or,
    where the key sees exactly one, from the service.

    Attributes:
        poll_interval: Seconds between looks at a job; grows up to eightfold while nothing happens.
        max_concurrent_jobs: Most jobs under way at once, at least 1; accounts are allowed 8 or 16.
        max_job_duration: How long the service may take over a job: ``12h`` to ``72h``, or a number of seconds. A job
            that is not finished two hours later is given up.
        reasoning_effort: For models that reason: ``low``, ``medium``, ``high``, ``none``, or what else the model takes
            (true, false, a number of tokens). None: the model's own.
        extra_body: Further fields of every request, as the chat API knows them.
        on_expired: What becomes of the rows that a job had no time for. ``continue``: a job that continues it;
            ``resubmit``: a new job with these rows; ``keep``: they stay unanswered.
        follow_ups: How often rows that failed are asked again, in a job of their own.
        timeout: Seconds without a byte after which a call has failed.
        api_base: Where the service is; None: ``FIREWORKS_API_BASE``, ``FIREWORKS_BASE_URL``, or its own address.
        account_id: The account's slug, or ``accounts/<slug>``; ``--account-id`` overrides it.
    """

    name: ClassVar[str] = "fireworks"

    poll_interval: float = field(default=20.0, validator=gt(0.0))
    max_concurrent_jobs: int = field(default=4, validator=ge(1))
    max_job_duration: Any = field(default="24h", converter=_length, validator=_within_window)
    reasoning_effort: Any = field(default=None, validator=optional(instance_of((str, bool, int))))
    extra_body: Mapping[str, Any] = field(factory=dict, validator=_leaves_exx_its_own)
    on_expired: Literal["continue", "resubmit", "keep"] = "continue"
    follow_ups: int = field(default=2, validator=ge(0))
    timeout: float = field(default=60.0, validator=gt(0.0))
    api_base: str | None = None
    account_id: str | None = None

    @property
    def batch(self) -> bool:
        """Always; one by one, see ``online``."""
        return True

    @property
    def job_timeout(self) -> float:
        """Seconds after which a job that is not finished is given up: the service's own window and two hours."""
        return self.window + _GRACE

    @property
    def window(self) -> float:
        """``max_job_duration`` in seconds."""
        return _seconds(self.max_job_duration)

    def default_model(self) -> str | None:
        """None: which model is paid for is not to be guessed."""
        return None

    def online(self) -> tuple[str, Mapping[str, Json]]:
        """The backend, with its options, that asks the same models one by one when ``use_batch_api`` is false."""
        from exx_fireworks.account import origin_of

        options: dict[str, Json] = {
            "base_url": f"{origin_of(self.api_base)}/inference/v1",
            "api_key_env": "FIREWORKS_API_KEY",
        }
        if self.reasoning_effort is not None:
            options["reasoning_effort"] = self.reasoning_effort
        if self.extra_body:
            options["extra_body"] = dict(self.extra_body)
        return "openai_chat", options

    def prerequisites(self) -> list[Prerequisite]:
        """A key, the service within reach and, for keys that see several, an account."""
        from exx_fireworks.account import origin_of

        account = "a key that sees exactly one account needs none; else put its slug here, or give --account-id"
        key = "put a key of app.fireworks.ai into the environment or .env"
        needs = [
            Prerequisite("credential", "FIREWORKS_API_KEY", key),
            Prerequisite("host", origin_of(self.api_base), "look at the network, and at FIREWORKS_API_BASE"),
        ]
        if self.account_id is None:
            needs.insert(1, Prerequisite("credential", "FIREWORKS_ACCOUNT_ID", account, required=False))
        return needs

    def identity(self, model: str) -> Mapping[str, Json]:
        """The service, and the fields that every request has beside its own; neither the account nor how jobs are run.

        Raises:
            BackendError: The model's name, or its ``reasoning_effort``, is none that the service takes.
        """
        if not _MODEL.fullmatch(model):
            what = "a deployment" if "/deployedModels/" in model else "not the whole name of a model"
            raise BackendError(
                f"model {model!r} is {what}; Fireworks runs batch jobs on accounts/<account>/models/<name>",
                hint="such as model_id: accounts/fireworks/models/gpt-oss-120b",
            )
        self._check_effort(model)
        return {
            "name": self.name,
            "service": "fireworks batch inference",
            "reasoning_effort": self.reasoning_effort,
            "extra_body": dict(self.extra_body),
        }

    @contextmanager
    def connect(self, model: str, items: Mapping[str, Item]) -> Iterator[BatchService]:
        """Make the service ready; leaving the context closes connections and leaves the jobs alone.

        Raises:
            BackendError: There is no key, or the account is not known.
        """
        del items
        self.identity(model)
        from exx_fireworks.account import opened
        from exx_fireworks.service import serving

        pause = min(_PAUSE, self.poll_interval / 4)
        with opened(self.api_base, self.account_id, self.timeout, pause) as api, serving(api, self) as service:
            yield service

    def _check_effort(self, model: str) -> None:
        """gpt-oss models answer anything but three words with an error, row by row; better to know before."""
        effort = self.reasoning_effort
        if effort is not None and "/gpt-oss-" in model and effort not in _EFFORTS:
            words = f"reasoning_effort {effort!r}: gpt-oss models take {', '.join(_EFFORTS)}"
            raise BackendError(words, hint="leave it out for the model's own, which is medium")
