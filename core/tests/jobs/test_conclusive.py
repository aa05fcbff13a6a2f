"""Jobs whose end is conclusive: what they left unanswered stays so for this round, and is asked anew in the next."""

from __future__ import annotations

import pytest
from attrs import evolve
from job_lab import JobLab, Wrapped, part

from exx.errors import StopRequested
from exx.records import JobStatus
from exx.testing import Faults


class Conclusive(Wrapped):
    """A service whose bad ends are conclusive."""

    def status(self, job_id: str) -> JobStatus | None:
        status: JobStatus | None = self.remote.status(job_id)
        return status and evolve(status, conclusive=status.state in ("failed", "expired"))


@pytest.mark.parametrize(("faults", "answered"), [(Faults(failing=1), 4), (Faults(expiring=1), 7)])
def test_what_a_conclusive_job_left_is_not_asked_again(jobs: JobLab, faults: Faults, answered: int) -> None:
    """Neither after a failure nor after half of the answers (3 of 5, as rows are worked off in order) have come."""
    jobs.parts = [part(1, "control", range(5)), part(1, "treatment", range(4))]
    jobs.faults = faults
    remote = jobs.run(Conclusive, max_concurrent=1)
    texts = jobs.answers()

    assert len(remote.created) == 2
    assert sum(text is not None for text in texts.values()) == answered
    assert sum(remote.paid().values()) == answered


def test_a_stop_does_not_make_it_ask_again(jobs: JobLab) -> None:
    """The process that goes on remembers; the round after does not."""
    jobs.parts = [part(1, "control", range(5)), part(1, "treatment", range(4))]
    jobs.faults = Faults(expiring=1)
    jobs.stop_when = lambda: any(record.collected for record in jobs.book())
    with pytest.raises(StopRequested, match="the test said so"):
        jobs.run(Conclusive, max_concurrent=1)
    jobs.stop_when = lambda: False
    remote = jobs.run(Conclusive, max_concurrent=1)

    assert len(remote.created) == 2 and sum(remote.paid().values()) == 7
    book = jobs.book()
    book.settle()
    book.ledger.save()
    remote = jobs.run(max_concurrent=1)

    assert jobs.answers() == jobs.right()
    assert set(remote.paid().values()) == {1}
