"""Parts of any size pass through piece by piece: what is in memory is a piece, never a file."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve
from fireworks_lab import JOB, distant, job, opened, patiently, request, settled

import exx_fireworks.datasets
from exx import Request

ROWS, CHARACTERS = 240, 250_000
MEGABYTES = ROWS * CHARACTERS / 1e6
MOST = 0.25
"""Share of a part that may be in memory at once."""


class Large:
    """Requests that are made as they are gone through, as the core makes them."""

    def __iter__(self) -> Iterator[Request]:
        for number in range(ROWS):
            plain = request(number)
            yield evolve(plain, messages=[{"role": "user", "content": f"{number} ".ljust(CHARACTERS, "x")}])


def peak(work: Callable[[], object]) -> float:
    """Megabytes that something took at most, beside what there was before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [150_000_000, 1000])
def test_nothing_reads_a_whole_part(workdir: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """60 MB up, by form or by signed address, and 60 MB down, in less than a quarter of that."""
    monkeypatch.setattr(exx_fireworks.datasets, "MULTIPART_LIMIT", limit)
    with distant(answer_padding=CHARACTERS, ready_after=0.0) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with opened() as service:
            up = peak(lambda: service.create(evolve(job(), requests=Large(), rows=ROWS)))
            settled(service)
            down = peak(lambda: patiently(lambda: sum(len(row.response.text or "") for row in service.fetch(JOB))))

    assert MEGABYTES == 60
    assert max(up, down) < MOST * MEGABYTES
