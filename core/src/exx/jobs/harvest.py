"""Checks the output of a job against its rows, and stores what it answers.

The rows of a job are its own list: what the service says of itself is not believed. An answer beats an error, the first
answer beats a later one, rows that are not the job's are counted and left out, and a row without a word about it has
failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from exx.records import JobRow, Response
from exx.responses import ResponseStore


@define
class Harvest:
    """The output of one job on its way into the response store.

    Attributes:
        rows: The job's rows, ``{custom_id: key}``.
        store: Where answers go.
        precision: Noted for rows that do not say themselves what the model computed with.
        strange: Rows of the output that are not the job's.
        repeated: Rows of the output beyond the first of each request.
    """

    rows: Mapping[str, str]
    store: ResponseStore
    precision: str | None = None
    strange: int = 0
    repeated: int = 0
    _answered: set[str] = field(factory=set)
    _errors: dict[str, Response] = field(factory=dict)

    @property
    def answered(self) -> int:
        """Requests with an answer so far."""
        return len(self._answered)

    def add(self, rows: Sequence[JobRow]) -> None:
        """Take in a stretch of the output; its answers are stored durably when this returns."""
        answers = [answer for row in rows if (answer := self._checked(row)) is not None]
        self._store(answers)

    def _checked(self, row: JobRow) -> Response | None:
        key = self.rows.get(row.custom_id)
        if key is None:
            self.strange += 1
            return None
        self.repeated += row.custom_id in self._answered or row.custom_id in self._errors
        if row.response.error is not None:
            self._errors.setdefault(row.custom_id, evolve(row.response, key=key))
            return None
        if row.custom_id in self._answered:
            return None
        self._answered.add(row.custom_id)
        return evolve(row.response, key=key, precision=row.response.precision or self.precision)

    def finish(self, otherwise: str) -> int:
        """Store an error for every row that got no answer, and say how many those are.

        Args:
            otherwise: What to say of rows that are not in the output at all.
        """
        failed = [
            self._errors.get(custom_id) or Response(key, None, error=otherwise)
            for custom_id, key in self.rows.items()
            if custom_id not in self._answered
        ]
        self._store(failed)
        return len(failed)

    def _store(self, responses: Sequence[Response]) -> None:
        """Store what is still missing: an answer that is there may have been used already, so it stays."""
        missing = set(self.store.missing([response.key for response in responses]))
        fresh = [response for response in responses if response.key in missing]
        if fresh:
            self.store.add(fresh)

    def words(self) -> str:
        """What was odd about the output; empty if nothing was."""
        odd = [(self.repeated, "repeated"), (self.strange, "not of this job")]
        return ", ".join(f"{count} rows {what}" for count, what in odd if count)
