"""When each arm was answered, by which model and how precisely; and what to say when the arms differ in it.

A service changes behind its name: another version of the model, other arithmetic, another day. What changed between the
arms looks like an effect of the treatment.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from attrs import define, field, frozen

from exx.records import CONDITIONS, Json, Response
from exx.wording import percent

_APART = timedelta(minutes=30)
_LONG_APART = timedelta(days=1)
_UNEVEN = 0.01
_UNTOLD = "not told"


@frozen(kw_only=True)
class ArmAnswered:
    """How the answers of one arm came about.

    Attributes:
        answers: How many there are; requests that failed are not among them.
        first: When the first was given; None if no answer says when.
        middle: When half of them had been.
        last: When the last was given.
        models: Answers by the model that gave them, as it calls itself; those that do not say are left out.
        precisions: Answers by what the model computed with, likewise.
    """

    answers: int = 0
    first: datetime | None = None
    middle: datetime | None = None
    last: datetime | None = None
    models: Mapping[str, int] = {}
    precisions: Mapping[str, int] = {}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ArmAnswered:
        """Read an entry of trial_manifest.json's ``answered``."""
        return cls(
            answers=int(plain.get("answers", 0)),
            first=_time(plain.get("first")),
            middle=_time(plain.get("middle")),
            last=_time(plain.get("last")),
            models=dict(plain.get("models") or {}),
            precisions=dict(plain.get("precisions") or {}),
        )


@define
class Witness:
    """Takes note of the answers of one arm."""

    _times: array[float] = field(factory=lambda: array("d"))
    _models: Counter[str] = field(factory=Counter)
    _precisions: Counter[str] = field(factory=Counter)
    _answers: int = 0

    def see(self, response: Response) -> None:
        """Note a response; one that failed is no answer."""
        if response.error is not None:
            return
        self._answers += 1
        if response.answered_at is not None:
            self._times.append(response.answered_at)
        if response.model is not None:
            self._models[response.model] += 1
        if response.precision is not None:
            self._precisions[response.precision] += 1

    def to_json(self) -> dict[str, Json]:
        """An entry of ``answered``; times in UTC, to the second."""
        times = (min(self._times), median(self._times), max(self._times)) if self._times else (None, None, None)
        return {
            "answers": self._answers,
            **{name: _stamp(at) for name, at in zip(("first", "middle", "last"), times, strict=True)},
            "models": dict(sorted(self._models.items())),
            "precisions": dict(sorted(self._precisions.items())),
        }


def read_answered(manifest: Mapping[str, Any]) -> dict[str, ArmAnswered]:
    """Both arms' entries of a trial_manifest.json; those of a run that did not keep them are missing."""
    known = manifest.get("answered") or {}
    return {arm: ArmAnswered.from_json(known[arm]) for arm in CONDITIONS if arm in known}


def differences(answered: Mapping[str, ArmAnswered]) -> Iterator[str]:
    """Say in what the arms differ that they ought to have in common, a sentence for each."""
    control, treatment = (answered.get(arm) for arm in CONDITIONS)
    if control is None or treatment is None or not (control.answers and treatment.answers):
        return
    yield from _unlike("answered by different models", control, treatment, "models")
    yield from _unlike("computed with different precision", control, treatment, "precisions")
    yield from _at_other_times(control, treatment)


def _unlike(what: str, control: ArmAnswered, treatment: ArmAnswered, kind: str) -> Iterator[str]:
    shares = [_shares(arm.answers, getattr(arm, kind)) for arm in (control, treatment)]
    names = {name for share in shares for name in share}
    if names == {_UNTOLD} or max(abs(shares[0].get(n, 0.0) - shares[1].get(n, 0.0)) for n in names) < _UNEVEN:
        return
    told = [_told(share) for share in shares]
    yield (
        f"The arms were {what}, as the server tells: {told[0]} under the control, {told[1]} under the treatment. A "
        "difference between the arms may come from that and not from the prompt."
    )


def _shares(answers: int, counts: Mapping[str, int]) -> dict[str, float]:
    whole = {**counts, _UNTOLD: answers - sum(counts.values())}
    return {name: count / answers for name, count in whole.items() if count > 0}


def _told(shares: Mapping[str, float]) -> str:
    if len(shares) == 1:
        return next(iter(shares))
    return " and ".join(f"{name} ({percent(share)})" for name, share in sorted(shares.items(), key=lambda s: -s[1]))


def _at_other_times(control: ArmAnswered, treatment: ArmAnswered) -> Iterator[str]:
    if not (control.first and control.middle and control.last):
        return
    if not (treatment.first and treatment.middle and treatment.last):
        return
    gap = max(treatment.first - control.last, control.first - treatment.last)
    middles = abs(treatment.middle - control.middle)
    if gap <= _APART and middles <= _LONG_APART:
        return
    apart = f"{_long(gap)} lie between" if gap > _APART else f"half of each were given {_long(middles)} apart"
    yield (
        f"The arms were answered at different times: the control {_window(control)}, the treatment "
        f"{_window(treatment)} ({apart}). A service that changed meanwhile would look like an effect; cache: refresh "
        "asks both arms anew."
    )


def _window(arm: ArmAnswered) -> str:
    begin, end = (f"{at:%Y-%m-%d %H:%M}" for at in (arm.first, arm.last) if at is not None)
    if begin == end:
        return f"at {begin} UTC"
    return f"from {begin} to {end[len('2026-01-01 ') :] if begin[:10] == end[:10] else end} UTC"


def _long(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    if hours < 2:
        return f"{60 * hours:.0f} minutes"
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def _stamp(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
