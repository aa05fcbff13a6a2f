"""Small records for tests, each with whatever a test does not care about filled in."""

from __future__ import annotations

from exx.records import AnsweredItem, Condition, GroundedAnswers, Item, Json, Request, RequestId, request_key


def make_item(
    question: str = "What is the capital of France?",
    *answers: str,
    id: str = "1",  # noqa: A002 - it is what the field is called
    dataset: str = "made_up",
    context: str | None = None,
    is_unanswerable: bool = False,
    group: str | None = None,
) -> Item:
    """Make an item; without answers, an answerable one has ``Paris``."""
    right = answers or (() if is_unanswerable else ("Paris",))
    return Item(dataset, id, question, right, context=context, is_unanswerable=is_unanswerable, group=group)


def make_answered(item: Item, *texts: str) -> AnsweredItem:
    """Make an item with these answers to it; an abstention is the empty text."""
    return AnsweredItem(item, texts)


def make_grounded(context: str, *claims: str, question: str = "What is true?") -> GroundedAnswers:
    """Make a passage with these answers, all to one question."""
    return GroundedAnswers(context, tuple((question, claim) for claim in claims))


def make_request(
    item: Item,
    condition: Condition = "control",
    *,
    model: str = "made-up",
    system: str = "Answer.",
    temp: float = 0.0,
    sample: int = 0,
    max_tokens: int = 16,
) -> Request:
    """Make the request that asks an item, as the core would: system prompt, passage if any, question."""
    asked = f"Passage: {item.context}\n\nQuestion: {item.question}" if item.context else f"Question: {item.question}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": asked}]
    params: dict[str, Json] = {"temperature": temp, "top_p": 1.0, "top_k": 50, "max_tokens": max_tokens}
    key = request_key({"name": "made_up"}, model, messages, params, sample)
    custom_id = RequestId(item.dataset, item.id, condition, temp, sample, item.type).encode()
    return Request(custom_id, key, model, messages, params)


def edge_items(dataset: str = "made_up") -> list[Item]:
    """Items that plugins stumble over: no answers, many aliases, odd characters, a passage that is long or one word."""
    long = "The river ran past the mill. " * 400
    return [
        make_item("Who wrote Hamlet?", "William Shakespeare", "Shakespeare", id="plain", dataset=dataset),
        make_item("Which river?", "Loire", id="open", dataset=dataset, context="The Loire is a river.", group="a"),
        make_item("Which lake?", id="none", dataset=dataset, context="No lake here.", is_unanswerable=True, group="a"),
        make_item("Which mill?", "the old mill", id="long", dataset=dataset, context=long),
        make_item("Quel « café » ?", "Zoë’s café ☕", "ZOË'S CAFE", id="ünï|code %", dataset=dataset),
        make_item("How much is 6 × 7?", "42", "forty-two", "１２", id="number", dataset=dataset),
        make_item("A question\nof two lines?", "a", "the", "...", id="articles", dataset=dataset, context="the"),
    ]
