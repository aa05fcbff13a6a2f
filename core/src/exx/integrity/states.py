"""Pair integrity: how every planned answer ended, whether one arm lost more, and what the lost ones could change.

Everything is counted over what was planned: an item, in both arms, as often as it was to be asked. The score phase
writes the counts (integrity.json); this module says what they mean for the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from exx.integrity.worst import WorstCase, worst_case
from exx.records import Address
from exx.verdict import Rules, VerdictRow
from exx.wording import p_text, where

STATES = ("answered", "abstained", "empty", "truncated", "failed", "missing")
"""How a planned answer can end, each in exactly one of these. The first that fits, from behind, is its name."""

FILE = "integrity.json"
_LOPSIDED = 0.05


@frozen(kw_only=True)
class ArmStates:
    """How the planned answers of one arm ended, in one place and dataset.

    Attributes:
        temp: Temperature.
        type: ``open`` or ``closed``.
        dataset: Name of the dataset.
        condition: The arm.
        items: Planned items.
        planned: Planned answers: items times samples. The six states add up to it.
        answered: Said something that does not decline.
        abstained: Declined in words.
        empty: Came back blank although nothing cut them off.
        truncated: Cut off at the token limit.
        failed: The request came back with an error.
        missing: Planned, but without a row.
        blank: Those of the truncated that were cut off before any text.
    """

    temp: float
    type: str
    dataset: str
    condition: str
    items: int
    planned: int
    answered: int
    abstained: int
    empty: int
    truncated: int
    failed: int
    missing: int
    blank: int

    @property
    def address(self) -> Address:
        """Temperature and type."""
        return Address(self.temp, self.type)

    @property
    def lost(self) -> int:
        """Answers without a value; an empty one has one, and so has one that was cut off after some text."""
        return self.blank + self.failed + self.missing


@frozen(kw_only=True)
class PairLoss:
    """What the pairs of one place lost. A pair is an item in both arms, with all its samples.

    Attributes:
        address: Temperature and type.
        planned: Pairs that were to be.
        whole: Pairs that lost nothing.
        control: Pairs that lost every answer of the control, and not every one of the treatment.
        treatment: The other way round.
        both: Pairs that lost every answer.
        partly: Pairs that lost some samples and have a value in both arms.
        control_more: Pairs that lost more answers in the control than in the treatment.
        treatment_more: The other way round.
    """

    address: Address
    planned: int
    whole: int
    control: int
    treatment: int
    both: int
    partly: int
    control_more: int
    treatment_more: int

    @property
    def complete(self) -> int:
        """Pairs with a value in both arms: what the verdict is about."""
        return self.planned - self.control - self.treatment - self.both

    @property
    def lost(self) -> int:
        """Pairs that lost anything."""
        return self.planned - self.whole

    @property
    def p_value(self) -> float | None:
        """Exact two-sided binomial test that either arm is as likely to be the one that lost more; None without any."""
        return fair_coin(self.control_more, self.treatment_more)

    @property
    def sentence(self) -> str:
        """All this in words."""
        place = _capital(where(self.address))
        if not self.lost:
            return f"{place}: all {self.planned:,} planned pairs are whole."
        parts = [
            f"{count:,} lost {words}"
            for count, words in (
                (self.control, "the control's answer"),
                (self.treatment, "the treatment's answer"),
                (self.both, "both"),
                (self.partly, "some samples and kept others"),
            )
            if count
        ]
        kept = f"{self.complete:,} of {self.planned:,} planned pairs can be compared"
        return f"{place}: {kept}; {', '.join(parts)}. {self._lopsided()}".rstrip()

    def _lopsided(self) -> str:
        p_value = self.p_value
        if p_value is None:
            return "No pair lost more in one arm than in the other."
        counts = f"{self.control_more:,} lost more under the control, {self.treatment_more:,} under the treatment"
        test = f"exact binomial test, p {p_text(p_value)}"
        if p_value >= _LOPSIDED:
            return f"That one arm loses more is not shown: {counts} ({test})."
        arm = "control" if self.control_more > self.treatment_more else "treatment"
        return (
            f"The {arm} loses more than chance explains: {counts} ({test}). What is lost then hangs on the prompt, and "
            "the pairs that are left may not stand for all."
        )


@frozen(kw_only=True)
class Skipped:
    """Records of a dataset that could not be used and were passed over before anything was planned.

    Attributes:
        dataset: Name of the dataset.
        count: Records that were passed over.
        read: Items that could be read.
        first: Place and reason of the first.
    """

    dataset: str
    count: int
    read: int
    first: str = ""

    @property
    def sentence(self) -> str:
        """All this in words."""
        records = "record of its file" if self.count == 1 else "records of its files"
        first = f" (the first: {self.first})" if self.first else ""
        return (
            f"{self.dataset}: {self.count:,} {records} could not be used and went unasked in both arms{first}; "
            f"{self.read:,} items could be read. The result does not speak for those."
        )


@frozen(kw_only=True)
class Integrity:
    """What became of everything that was planned.

    Attributes:
        arms: How the answers ended: one for each temperature, type, dataset and arm.
        pairs: What the pairs lost: one for each temperature and type; empty where one arm alone was asked.
        worst: One for each primary metric in each place that lost anything.
        skipped: Datasets of which records were passed over.
        reason: Why nothing is known; None where it is.
    """

    arms: Sequence[ArmStates] = ()
    pairs: Sequence[PairLoss] = ()
    worst: Sequence[WorstCase] = ()
    skipped: Sequence[Skipped] = ()
    reason: str | None = None

    @property
    def known(self) -> bool:
        """Whether the states were counted at all."""
        return self.reason is None

    @property
    def is_whole(self) -> bool:
        """Whether nothing that was planned was lost, as far as that is known."""
        return self.known and not any(arm.lost for arm in self.arms)

    @property
    def overturned(self) -> list[WorstCase]:
        """Answers of the verdict that what was lost could change."""
        return [case for case in self.worst if case.holds is False]

    @property
    def sentences(self) -> list[str]:
        """What a reader should know: one sentence where nothing was lost."""
        return [*self._counted(), *(one.sentence for one in self.skipped)]

    @property
    def losses(self) -> list[str]:
        """The same without what is as it should be."""
        told = [] if self.is_whole or not self.known else self._counted()
        return [*told, *(one.sentence for one in self.skipped)]

    def _counted(self) -> list[str]:
        if self.reason is not None:
            return [f"What became of the planned answers is not known: {self.reason}."]
        planned = sum(arm.planned for arm in self.arms)
        if self.is_whole:
            odd = [
                f"{count:,} {word}"
                for word, count in (
                    ("empty", sum(arm.empty for arm in self.arms)),
                    ("cut off", sum(arm.truncated for arm in self.arms)),
                )
                if count
            ]
            among = f" ({', '.join(odd)} among them)" if odd else ""
            return [f"Nothing was lost: all {planned:,} planned answers came back and were scored{among}."]
        pairs = [pair.sentence for pair in self.pairs if pair.lost]
        return [self._lost_words(planned), *pairs, *(case.sentence for case in self.worst)]

    def _lost_words(self, planned: int) -> str:
        lost = sum(arm.lost for arm in self.arms)
        words = []
        for condition in dict.fromkeys(arm.condition for arm in self.arms):
            own = [arm for arm in self.arms if arm.condition == condition]
            causes = {
                "failed": sum(arm.failed for arm in own),
                "cut off before any text": sum(arm.blank for arm in own),
                "missing": sum(arm.missing for arm in own),
            }
            told = ", ".join(f"{count:,} {cause}" for cause, count in causes.items() if count)
            words.append(f"{condition} {told or 'none'}")
        return f"{lost:,} of {planned:,} planned answers were lost: {'; '.join(words)}."

    def table(self) -> list[list[str]]:
        """Plain strings, a row for each temperature, type, dataset and arm; the first row is the header."""
        header = ["Where", "Dataset", "Arm", "Planned", *(state.capitalize() for state in STATES), "Lost"]
        rows = [
            [
                where(arm.address),
                arm.dataset,
                arm.condition,
                *(f"{count:,}" for count in (arm.planned, *(getattr(arm, state) for state in STATES), arm.lost)),
            ]
            for arm in self.arms
        ]
        return [header, *rows]

    def to_json(self) -> dict[str, Any]:
        """Plain data, with what follows from the counts."""
        return {
            "known": self.known,
            "reason": self.reason,
            "is_whole": self.is_whole,
            "arms": [{**asdict(arm), "lost": arm.lost} for arm in self.arms],
            "pairs": [{**asdict(pair), "complete": pair.complete, "p_value": pair.p_value} for pair in self.pairs],
            "worst": [{**asdict(case), "holds": case.holds} for case in self.worst],
            "skipped": [asdict(one) for one in self.skipped],
            "sentences": self.sentences,
        }


def read_integrity(
    content: Mapping[str, Any], rows: Iterable[VerdictRow], rules: Rules, skipped: Sequence[Skipped] = ()
) -> Integrity:
    """Read integrity.json and hold it against the verdict.

    Args:
        content: Of the file.
        rows: The verdict's rows; those of the primary metrics are looked at.
        rules: What the verdict goes by.
        skipped: Datasets of which records were passed over.

    Raises:
        KeyError, TypeError: The content is not that of such a file.
    """
    extremes = {(one["metric"], Address(one["temp"], one["type"])): one for one in content["extremes"]}
    found = [(row, extremes.get((row.metric, row.address))) for row in rows if row.primary]
    return Integrity(
        arms=[ArmStates(**arm) for arm in content["arms"]],
        pairs=_pairs(content["pairs"]),
        worst=[worst_case(row, ends, rules) for row, ends in found if ends is not None and ends["lost"]],
        skipped=skipped,
    )


def _pairs(parts: Iterable[Mapping[str, Any]]) -> list[PairLoss]:
    places: dict[Address, dict[str, int]] = {}
    for part in parts:
        counts = places.setdefault(Address(part["temp"], part["type"]), {})
        for name, count in part.items():
            if name not in ("temp", "type", "dataset"):
                counts[name] = counts.get(name, 0) + count
    return [PairLoss(address=address, **counts) for address, counts in places.items()]


def fair_coin(control: int, treatment: int) -> float | None:
    """Two-sided p-value of so uneven a split of a fair coin's throws, exactly; None without a throw."""
    throws, fewer = control + treatment, min(control, treatment)
    if not throws:
        return None
    ways = term = 1
    for k in range(fewer):
        term = term * (throws - k) // (k + 1)
        ways += term
    return min(1.0, float(2 * ways / 2**throws))


def read_skipped(prepared: Mapping[str, Any]) -> list[Skipped]:
    """Find the datasets of which records were passed over in the content of prepared_manifest.json."""
    return [
        Skipped(
            dataset=one["name"],
            count=one["skipped"]["count"],
            read=one["read"]["items"],
            first=": ".join(str(row[key]) for row in one["skipped"]["first"][:1] for key in ("place", "reason")),
        )
        for one in prepared.get("datasets", ())
        if one.get("skipped", {}).get("count")
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
