"""What goes wrong, and when: faults of single calls, ends of jobs, and rows that come back badly or not at all."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from attrs import asdict, define, field, frozen

FaultKind = Literal[
    "status",  # refused with a status; nothing is done
    "reset",  # the connection is reset; nothing is done
    "lost",  # done, and then the connection is reset instead of a reply
    "late",  # done, and then a gateway says ``status`` instead of the reply
    "reset_body",  # half of the reply, then a reset
    "cut",  # half of the reply under its whole Content-Length, then the end
    "cut_chunks",  # half of the reply in chunks, then the end without the last one
    "cut_silently",  # half of the reply without any length, in the middle of a line
    "cut_at_line",  # the same at the end of a line, so that every line can be read
    "slow",  # everything as it should be, after ``seconds``
]
Fate = Literal[
    "complete",
    "expire",  # after 60 % of its rows
    "early_stop",  # likewise
    "cancel",  # likewise, by somebody
    "fail",  # as a whole, by no fault of the client's
    "refuse",  # as a whole, because of what was sent
    "stuck",  # PENDING for ever
    "pause",  # PAUSED until somebody sees to it
    "vanish",  # is not known any more
    "new_state",  # goes through a state that nobody has heard of
    "archive",  # ends as ARCHIVED
    "no_rows",  # completes without an answer to any row
]

BODY_FAULTS = ("reset_body", "cut", "cut_chunks", "cut_silently", "cut_at_line")


@frozen
class Fault:
    """What befalls some calls of a kind.

    Attributes:
        call: Kind of call, such as ``job.create`` (see ``fireworks_server.routes``); ``*`` stands for anything.
        kind: What happens.
        status: HTTP status of ``status`` and ``late``.
        after: So many calls of the kind go well first.
        times: So many are hit then.
        retry_after: The header ``Retry-After``; None: no such header.
        seconds: Real seconds of ``slow``.
        message: Words instead of the usual ones.
    """

    call: str
    kind: FaultKind = "status"
    status: int = 503
    after: int = 0
    times: int = 1
    retry_after: str | None = None
    seconds: float = 0.05
    message: str | None = None

    def hits(self, call: str, number: int) -> bool:
        """Whether the ``number``-th call of a kind, from 0, is hit."""
        return fnmatchcase(call, self.call) and self.after <= number < self.after + self.times


@frozen(kw_only=True)
class RowFaults:
    """What befalls rows of the output.

    Attributes:
        errors: Share of rows that come back as an error.
        missing: Share of rows that are processed and in no file.
        times: How often such a row fails before it goes well.
        repeated: Share of rows that are in the output twice, half of them with an error first.
        cut_short: Share of rows whose answer ends at the token limit.
        strange: Rows of nobody in every output.
        broken: Lines in every error file that are no JSON.
    """

    errors: float = 0.0
    missing: float = 0.0
    times: int = 1
    repeated: float = 0.0
    cut_short: float = 0.0
    strange: int = 0
    broken: int = 0


@define(kw_only=True)
class Plan:
    """Everything that goes wrong.

    Attributes:
        seed: Decides which rows are hit, and in which order outputs are.
        faults: Of calls; the first that hits counts.
        fates: How the jobs end, by their number in order of creation, from 0; the others complete.
        rows: Of rows.
    """

    seed: int = 0
    faults: tuple[Fault, ...] = ()
    fates: Mapping[int, Fate] = field(factory=dict)
    rows: RowFaults = RowFaults()

    def fault(self, call: str, number: int) -> Fault | None:
        """What befalls a call."""
        return next((fault for fault in self.faults if fault.hits(call, number)), None)

    def hits(self, what: str, thing: str) -> bool:
        """Whether a row is among the share that ``what``, a field of ``RowFaults``, befalls."""
        share: float = getattr(self.rows, what)
        drawn = hashlib.blake2b(f"{self.seed}|{what}|{thing}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < share * 2**64

    def as_json(self) -> dict[str, Any]:
        """For a server in another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Plan:
        """Read back what ``as_json`` gave."""
        return cls(
            seed=raw.get("seed", 0),
            faults=tuple(Fault(**fault) for fault in raw.get("faults", ())),
            fates={int(number): fate for number, fate in raw.get("fates", {}).items()},
            rows=RowFaults(**raw.get("rows", {})),
        )

    @classmethod
    def drawn(cls, seed: int, jobs: int = 4) -> Plan:
        """Draw a plan: about eight faults of calls, one job in three with a bad end, some bad rows; all curable.

        Args:
            seed: The same seed gives the same plan.
            jobs: How many jobs there will be at first; fates are drawn for these.
        """
        dice = random.Random(seed)
        faults = [_curable(dice) for _ in range(dice.randint(5, 10))]
        ends: list[Fate] = ["complete", "complete", "expire", "early_stop", "new_state"]
        if dice.random() < 0.4:  # one that fails, and none that stops early: rows are not asked again for ever
            ends = ["complete", "new_state"]
        fates = {number: dice.choice(ends) for number in range(jobs)}
        if "expire" not in ends:
            fates[dice.randrange(jobs)] = "fail"
        rows = RowFaults(
            errors=dice.choice([0.0, 0.1, 0.3]),
            missing=dice.choice([0.0, 0.1]),
            repeated=dice.choice([0.0, 0.3]),
            cut_short=dice.choice([0.0, 0.1]),
            strange=dice.choice([0, 2]),
        )
        return cls(seed=seed, faults=tuple(faults), fates=fates, rows=rows)


_CALLS = (
    "dataset.create",
    "dataset.get",
    "dataset.upload",
    "dataset.download_url",
    "job.create",
    "job.get",
    "storage.get",
    "*",
)


def _curable(dice: random.Random) -> Fault:
    """A fault that passes by itself."""
    call = dice.choice(_CALLS)
    where = {"call": call, "after": dice.randrange(4), "times": dice.randint(1, 2)}
    if call == "storage.get" and dice.random() < 0.8:
        kind = dice.choice(["status", *BODY_FAULTS])
        return Fault(**where, kind=kind, status=dice.choice([403, 404, 429, 500, 503]))
    kind = dice.choice(["status", "status", "status", "reset", "lost", "late", "slow"])
    status = dice.choice([429, 429, 500, 502, 503]) if kind == "status" else dice.choice([502, 503, 504])
    return Fault(**where, kind=kind, status=status, retry_after=dice.choice([None, None, "0", "0.05"]), seconds=0.02)
