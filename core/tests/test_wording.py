"""Numbers in words: amounts of money."""

from __future__ import annotations

import pytest

from exx.wording import dollars


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        *[
            (0.0, "$0.00"),
            (1234.5, "$1,234.50"),
            (0.5, "$0.50"),
            (0.0034, "$0.0034"),
            (0.0999, "$0.10"),
            (-0.05, "−$0.050"),
        ],
        *[(1e-9, "less than $0.000001"), (None, "–")],
    ],
)
def test_small_amounts_keep_their_digits(usd, text):
    """A run of a cent is not shown as free."""
    assert dollars(usd) == text
