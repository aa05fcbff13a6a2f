"""Costs are sums over predictions.csv, at the price in the config, and say what they do not know."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exx.costs import Tally, compute_costs, tally
from exx.errors import DataError
from exx.prices import Priced
from exx.records import Price

COLUMNS = ("custom_id", "condition", "temp", "finish_reason", "response_text", "prompt_tokens", "completion_tokens")
MORE = ("error", "cached_tokens", "reasoning_tokens")
FULL = Priced(model="m", price=Price(input_per_million=2.0, output_per_million=10.0))
HALF = Priced(model="m", price=Price(input_per_million=2.0, output_per_million=10.0, factor=0.5), batch=True)


def row(condition="control", prompt=100, completion=10, *, temp="0.0", finish="stop", error="", text="x", more=(0, 0)):
    """One row of a predictions file."""
    return ("id", condition, temp, finish, text, prompt, completion, error, *more)


def write(path: Path, rows, columns=(*COLUMNS, *MORE)) -> Path:
    """Write a predictions file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(row[: len(columns)] for row in rows)
    return path


@pytest.fixture
def lopsided(tmp_path):
    """Two control requests, one of them failed; three treatment requests, one of them cut off. Sums done by hand."""
    return write(
        tmp_path / "predictions.csv",
        [
            row("control", 100, 10, more=(40, 0)),
            row("control", 0, 0, finish="", error="HTTP status 503", text=""),
            row("treatment", 130, 20),
            row("treatment", 130, 20, text="two\nlines, and a comma"),
            row("treatment", 140, 1000, finish="length", more=(0, 900)),
        ],
    )


def test_counts_and_tokens_by_hand(lopsided):
    """Every count of both arms is the one counted by hand, so swapped arms would show."""
    costs = compute_costs(lopsided, priced=FULL)
    control, treatment = (costs["conditions"][arm]["0.0"] for arm in ("control", "treatment"))

    assert (control["requests"], control["answered"], control["failed"], control["truncated"]) == (2, 1, 1, 0)
    assert (treatment["requests"], treatment["answered"], treatment["failed"], treatment["truncated"]) == (3, 3, 0, 1)
    assert control["tokens"] == {
        "prompt": 100,
        "completion": 10,
        "cached": 40,
        "reasoning": 0,
        "total": 110,
        "failed_attempts": 0,
    }
    assert (treatment["tokens"]["prompt"], treatment["tokens"]["reasoning"], treatment["tokens"]["total"]) == (
        400,
        900,
        1440,
    )
    assert costs["total"]["tokens"]["total"] == 1550


def test_money_by_hand(lopsided):
    """Control: 100 × 2 + 10 × 10 = 300 millionths; treatment: 400 × 2 + 1,040 × 10 = 11,200 millionths."""
    costs = compute_costs(lopsided, priced=FULL)

    assert costs["conditions"]["control"]["0.0"]["usd"]["total"] == pytest.approx(300e-6)
    assert costs["conditions"]["treatment"]["0.0"]["usd"]["total"] == pytest.approx(11_200e-6)
    assert costs["conditions"]["treatment"]["0.0"]["usd"]["per_1000_requests"] == pytest.approx(11.2 / 3)
    assert costs["total"]["usd"]["spent"] == pytest.approx(11_500e-6)


def test_difference_is_treatment_minus_control_per_answer(lopsided):
    """Per 1,000 answers the control takes 100,000 prompt tokens, the treatment 400,000 / 3; the failure is left out."""
    change = compute_costs(lopsided, priced=FULL)["difference"]["0.0"]

    assert change["prompt_tokens_per_1000_requests"] == pytest.approx(400_000 / 3 - 100_000)
    assert change["usd_per_1000_requests"] == pytest.approx(11.2 / 3 - 0.3)


def test_batch_discount_multiplies(lopsided):
    """A factor of a half leaves half of the price, and the file says that it was applied."""
    online, batch = (compute_costs(lopsided, priced=priced) for priced in (FULL, HALF))

    assert batch["total"]["usd"]["total"] == pytest.approx(online["total"]["usd"]["total"] / 2)
    assert (online["price"]["batch_discount_applied"], batch["price"]["batch_discount_applied"]) == (False, True)
    assert (online["price"]["batch_discount"], batch["price"]["batch_discount"]) == (1.0, 0.5)


def test_cached_tokens_have_their_own_price(lopsided):
    """Of the control's 100 prompt tokens 40 were cached: 60 × 2 + 40 × 0.25 + 10 × 10 = 230 millionths, not 300."""
    cheap = Price(input_per_million=2.0, output_per_million=10.0, cached_per_million=0.25)
    costs = compute_costs(lopsided, priced=Priced(model="m", price=cheap))

    assert costs["conditions"]["control"]["0.0"]["usd"]["total"] == pytest.approx(230e-6)
    assert costs["price"]["cached_input_per_million"] == 0.25


def test_failed_attempts_are_spent_and_in_no_rate(lopsided):
    """50 × 2 + 3 × 10 = 130 millionths more for the treatment, which leaves its price per request as it was."""
    lost = {("treatment", 0.0): Tally(requests=2, prompt=50, completion=3)}
    treatment = compute_costs(lopsided, priced=FULL, attempts=lost)["conditions"]["treatment"]["0.0"]

    assert (treatment["failed_attempts"], treatment["tokens"]["failed_attempts"]) == (2, 53)
    assert treatment["usd"]["failed_attempts"] == pytest.approx(130e-6)
    assert treatment["usd"]["spent"] == treatment["usd"]["total"] == pytest.approx(11_330e-6)
    assert treatment["usd"]["per_1000_requests"] == pytest.approx(11.2 / 3)


def test_reuse_is_saved_and_not_spent(lopsided):
    """What the store answered is taken out of what was spent; the total and the price per request stay."""
    reused = {("control", 0.0): Tally(requests=1, prompt=100, completion=10)}
    costs = compute_costs(lopsided, priced=FULL, reused=reused)
    control = costs["conditions"]["control"]["0.0"]

    assert control["reused"] == 1
    assert (control["usd"]["spent"], control["usd"]["saved"]) == (0.0, pytest.approx(300e-6))
    assert costs["total"]["usd"]["saved"] == pytest.approx(300e-6)
    assert control["usd"]["per_1000_requests"] == pytest.approx(0.3)


def test_more_reused_than_answered_is_refused(lopsided):
    """Reuse that exceeds the file is a mistake of the caller, not a negative price."""
    with pytest.raises(ValueError, match=r"more reused than answered for \('control', 0.0\)"):
        compute_costs(lopsided, priced=FULL, reused={("control", 0.0): Tally(requests=9)})


def test_no_price_gives_reasons_instead_of_zeros(lopsided):
    """Without a price every sum of money is null and says what to set; tokens are there all the same."""
    costs = compute_costs(lopsided, priced=Priced(model="m", reason="no price: set pricing.input_per_million"))

    assert costs["price"]["source"] is None
    assert costs["total"]["usd"]["spent"] is None
    assert "pricing.input_per_million" in costs["total"]["usd"]["reason"]
    assert costs["difference"]["0.0"]["usd_per_1000_requests"] is None
    assert costs["difference"]["0.0"]["prompt_tokens_per_1000_requests"] is not None


def test_answers_without_token_counts_are_no_free_answers(tmp_path):
    """A server that gives no counts leaves money undefined; one that gives some leaves the others out of the rate."""
    silent = write(tmp_path / "silent.csv", [row("control", "", ""), row("treatment", 0, 0)])
    partly = write(tmp_path / "partly.csv", [row("control", 0, 0), row("control", 100, 10)])

    assert compute_costs(silent, priced=FULL)["total"]["usd"]["reason"] == "the server gave no token counts"
    usd = compute_costs(partly, priced=FULL)["total"]["usd"]
    assert usd["per_1000_requests"] == pytest.approx(0.3)
    assert usd["reason"] == "1 answers came without token counts and are left out"


def test_all_requests_failed(tmp_path):
    """No answer, no price per answer, and a reason."""
    failed = write(tmp_path / "p.csv", [row("control", 0, 0, error="down"), row("treatment", 0, 0, error="down")])
    usd = compute_costs(failed, priced=FULL)["total"]["usd"]

    assert (usd["total"], usd["per_1000_requests"], usd["reason"]) == (0.0, None, "no request was answered")


def test_reference_file_without_error_and_cached_columns(tmp_path):
    """The reference system's columns are enough."""
    path = write(tmp_path / "p.csv", [row("control"), row("treatment")], columns=COLUMNS)

    assert tally(path)["control", 0.0].failed == 0


def test_source_and_date_of_the_price_are_kept(lopsided):
    """Where a price is from, and of which day, goes into the file as it was given."""
    price = Price(input_per_million=1.0, output_per_million=1.0, source="table 1.2", date="2025-03-01")
    costs = compute_costs(lopsided, priced=Priced(model="m", price=price, note="more above 200,000"))

    assert (costs["price"]["source"], costs["price"]["date"]) == ("table 1.2", "2025-03-01")
    assert (costs["price"]["model"], costs["price"]["note"]) == ("m", "more above 200,000")


def test_very_long_answers_are_read(tmp_path):
    """An answer longer than the csv module's own limit of 131,072 characters is no obstacle."""
    path = write(tmp_path / "p.csv", [row("control", text="word " * 60_000)])

    assert tally(path)["control", 0.0].prompt == 100


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([row(prompt="many")], "row 1 after the header: tokens must be whole numbers", id="tokens"),
        pytest.param([row("placebo")], "condition must be control or treatment, found 'placebo'", id="condition"),
        pytest.param([row(temp="warm")], "temp must be a number, found 'warm'", id="temperature"),
    ],
)
def test_damage_is_told_with_the_command_that_mends_it(tmp_path, rows, message):
    """A cell that cannot be what it should be is named, and so is the command that makes the file anew."""
    with pytest.raises(DataError, match=message) as caught:
        tally(write(tmp_path / "predictions.csv", rows))
    assert "exx parse" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "no such file", id="missing"),
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"condition,temp\ncontrol,0.0\n", "no column finish_reason, prompt_tokens", id="columns"),
        pytest.param(
            b"condition,temp,finish_reason,prompt_tokens,completion_tokens\ncontrol,0.0\n",
            "line 2: 2 columns, expected 5",
            id="short row",
        ),
        pytest.param(
            b'condition,temp,finish_reason,prompt_tokens,completion_tokens\ncontrol,0.0,"stop', "damaged", id="cut off"
        ),
        pytest.param(
            b"condition,temp,finish_reason,prompt_tokens,completion_tokens\n\xff,0,0,0,0\n", "damaged", id="bytes"
        ),
    ],
)
def test_unreadable_files_are_data_errors(tmp_path, content, message):
    """Whatever is wrong with the file, one message names it."""
    path = tmp_path / "predictions.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        tally(path)


counts = st.integers(min_value=1, max_value=5_000)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=30), st.booleans())
def test_spent_and_saved_add_up_to_the_total(tmp_path_factory, tokens, batch):
    """However much is reused, nothing is paid twice and nothing gets lost."""
    path = write(tmp_path_factory.mktemp("p") / "p.csv", [row("control", p, c) for p, c in tokens])
    part = tokens[: len(tokens) // 2]
    saved = Tally(requests=len(part), prompt=sum(p for p, _ in part), completion=sum(c for _, c in part))
    usd = compute_costs(path, priced=HALF if batch else FULL, reused={("control", 0.0): saved})["total"]["usd"]

    assert usd["spent"] + usd["saved"] == pytest.approx(usd["total"], abs=1e-8)
    assert usd["total"] == pytest.approx((0.5 if batch else 1) * sum(2 * p + 10 * c for p, c in tokens) / 1e6, abs=1e-8)
