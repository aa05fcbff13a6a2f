"""The planted rates are what comes out, and each answer depends on nothing but what was asked."""

from __future__ import annotations

from math import sqrt

import pytest

from exx import BackendError, Item, Request, RequestId
from exx.testing import check_backend
from exx_dry_run.backend import DryRunBackend, Rates
from exx_dry_run.invent import invented, span_of

PASSAGE = "The old mill stood by a slow river and ground barley for eleven villages until the great flood."
N = 4000


def items(count=N, *, context=PASSAGE, unanswerable=False):
    """Items whose answer is ``barley``."""
    made = [
        Item("set", f"i{n}", "What did it grind?", () if unanswerable else ("barley",), context, unanswerable)
        for n in range(count)
    ]
    return {item.key: item for item in made}


def ask(backend, prepared, condition, temp=0.0, sample=0):
    """The responses to every item, in the order of the items."""
    with backend.connect("m", prepared) as connection:
        return [connection.answer(request(item, condition, temp, sample)) for item in prepared.values()]


def request(item, condition, temp=0.0, sample=0):
    """A request about an item."""
    custom_id = RequestId(item.dataset, item.id, condition, temp, sample, item.type).encode()
    return Request(custom_id, "k" * 64, "m", [{"role": "user", "content": "x" * 400}], {})


def near(share, expected):
    """Within four standard errors of a binomial share."""
    return abs(share - expected) <= 4 * sqrt(expected * (1 - expected) / N)


def test_planted_rates_come_out():
    """Each arm's shares of right, abstaining and invented answers are those of the options, and not swapped."""
    control, treatment = (
        Rates(accuracy=0.3, abstain=0.2, unsupported=0.1),
        Rates(accuracy=0.7, abstain=0.05, unsupported=0.2),
    )
    backend = DryRunBackend(control=control, treatment=treatment)
    for condition, rates in (("control", control), ("treatment", treatment)):
        texts = [response.text for response in ask(backend, items(), condition)]
        assert near(texts.count("barley") / N, rates.accuracy)
        assert near(texts.count("I don't know.") / N, rates.abstain)
        assert near(sum(text.endswith("q") for text in texts) / N, rates.unsupported)


def test_the_treatment_wins_as_often_as_the_closed_form_says():
    """P(treatment alone right) = rho * max(0, t - c) + (1 - rho) * t * (1 - c), and the mirror image for losses."""
    c, t, rho = 0.4, 0.6, 0.7
    backend = DryRunBackend(control=Rates(accuracy=c), treatment=Rates(accuracy=t), correlation=rho)
    arms = zip(*(ask(backend, items(), condition) for condition in ("control", "treatment")), strict=True)
    pairs = [(a.text == "barley", b.text == "barley") for a, b in arms]
    assert near(pairs.count((False, True)) / N, rho * (t - c) + (1 - rho) * t * (1 - c))
    assert near(pairs.count((True, False)) / N, (1 - rho) * c * (1 - t))


def test_fully_correlated_arms_lose_nothing():
    """With a correlation of 1 and a better treatment, no item is right under the control alone."""
    backend = DryRunBackend(control=Rates(accuracy=0.4), treatment=Rates(accuracy=0.6), correlation=1.0)
    arms = zip(*(ask(backend, items(), condition) for condition in ("control", "treatment")), strict=True)
    assert not any(a.text == "barley" != b.text for a, b in arms)


def test_order_changes_nothing():
    """An answer depends on the request alone: asked backwards, the answers are the same."""
    prepared = items(200)
    forwards = ask(DryRunBackend(), prepared, "control")
    backwards = ask(DryRunBackend(), dict(reversed(prepared.items())), "control")
    assert forwards == backwards[::-1]


def test_another_seed_gives_other_answers():
    """The seed matters, and is part of the identity, so that stored answers of another seed are not reused."""
    first, second = DryRunBackend(seed=1), DryRunBackend(seed=2)
    assert ask(first, items(100), "control") != ask(second, items(100), "control")
    assert first.identity("m") != second.identity("m")


def test_latency_is_no_part_of_the_identity():
    """Waiting changes no answer."""
    assert DryRunBackend(latency=1.0).identity("m") == DryRunBackend().identity("m")


def test_replicates_differ_only_when_it_is_warm():
    """At temperature 0 replicates are the same; above it they are drawn anew."""
    prepared = items(200)
    texts = {
        (temp, sample): [r.text for r in ask(DryRunBackend(), prepared, "control", temp, sample)]
        for temp in (0.0, 0.7)
        for sample in (0, 1)
    }
    assert texts[0.0, 0] == texts[0.0, 1]
    assert texts[0.7, 0] != texts[0.7, 1]


def test_unanswerable_questions_are_answered_rightly_by_abstaining():
    """The share ``accuracy`` abstains, and nothing else does."""
    backend = DryRunBackend(control=Rates(accuracy=0.25, abstain=0.5))
    texts = [response.text for response in ask(backend, items(unanswerable=True), "control")]
    assert near(texts.count("I don't know.") / N, 0.25)


def test_wrong_answers_come_from_the_passage_or_from_nowhere():
    """A supported wrong answer is a span of the passage without the right answer; an invented one is not in it."""
    backend = DryRunBackend(control=Rates(accuracy=0.0, abstain=0.0, unsupported=0.5))
    texts = {response.text for response in ask(backend, items(), "control")}
    made_up = {text for text in texts if text.endswith("q")}
    assert made_up
    assert texts > made_up
    assert not any(word in PASSAGE for text in made_up for word in text.split())
    assert all(text in PASSAGE and "barley" not in text for text in texts - made_up)


def test_closed_book_questions_have_no_passage_to_quote():
    """Without a passage every wrong answer is invented."""
    backend = DryRunBackend(control=Rates(accuracy=0.0, abstain=0.0, unsupported=0.0))
    assert all(response.text.endswith("q") for response in ask(backend, items(50, context=None), "control"))


def test_a_passage_that_is_the_answer_has_no_wrong_span():
    """Where every span touches the answer, there is none to quote."""
    assert span_of(Item("s", "1", "?", ("barley",), "barley barley"), 5) is None


def test_failures_and_truncations_are_planted_too():
    """Failed requests carry an error and no text; truncated ones say so."""
    responses = ask(DryRunBackend(fail_rate=0.2, truncate_rate=0.3), items(), "treatment")
    failed = [r for r in responses if r.error]
    assert near(len(failed) / N, 0.2)
    assert all(r.text is None for r in failed)
    assert near(sum(r.finish_reason == "length" for r in responses) / (N - len(failed)), 0.3)


def test_usage_counts_four_characters_a_token():
    """400 characters of prompt are 100 tokens."""
    (response, *_) = ask(DryRunBackend(), items(1), "control")
    assert response.usage.prompt_tokens == 100


def test_an_unknown_item_is_refused():
    """A request about an item that was never prepared names it."""
    (item,) = items(1).values()
    with DryRunBackend().connect("m", {}) as connection, pytest.raises(BackendError, match=r"no prepared item set\|i0"):
        connection.answer(request(item, "control"))


def test_rates_beyond_one_are_refused():
    """Shares of one arm cannot add up to more than all its answers."""
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        Rates(accuracy=0.9, abstain=0.2, unsupported=0.1)


def test_invented_words_differ():
    """Different numbers mostly give different words."""
    assert len({invented(number) for number in range(1000)}) > 900


def test_keeps_the_contract():
    """What exx asks of every backend: see exx.testing."""
    check_backend(DryRunBackend)
