"""The records that flow through an experiment: frozen, typed, and the same for every plugin.

``Item`` → ``Request`` → ``Response`` → ``Prediction`` → per-item scores → ``Finding``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote

import orjson
from attrs import field, frozen

Condition = Literal["control", "treatment"]
ItemType = Literal["open", "closed"]
Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

CONDITIONS: tuple[Condition, Condition] = ("control", "treatment")

_UNSAFE = re.compile(r"[|%\x00-\x1f\x7f-\x9f\u2028\u2029]")


@frozen
class Item:
    """One question, with what counts as a right answer to it.

    Attributes:
        dataset: Name of the dataset; together with ``id`` it identifies the item everywhere.
        id: Unique within the dataset, stable from run to run.
        question: Non-empty text.
        answers: Right answers and their aliases; empty only for an unanswerable item.
        context: The passage of an open-book item, None for a closed-book one.
        is_unanswerable: The passage does not hold the answer: abstaining is right.
        group: Items with the same group (a shared passage, say) are not independent of each other.
    """

    dataset: str
    id: str
    question: str
    answers: tuple[str, ...]
    context: str | None = None
    is_unanswerable: bool = False
    group: str | None = None

    @property
    def type(self) -> ItemType:
        """``open`` with a passage to read, ``closed`` without one."""
        return "closed" if self.context is None else "open"

    @property
    def key(self) -> str:
        """``dataset|id``, each percent-encoded where it must be: the item's name across files."""
        return f"{_encode(self.dataset)}|{_encode(self.id)}"


class RequestId(NamedTuple):
    """What a ``custom_id`` says: which item was asked, in which arm, how warm and which time."""

    dataset: str
    item_id: str
    condition: Condition
    temp: float
    sample_index: int
    type: ItemType

    @property
    def item_key(self) -> str:
        """The key of the item asked about; equal to ``Item.key``."""
        return f"{_encode(self.dataset)}|{_encode(self.item_id)}"

    def encode(self) -> str:
        """``dataset|item_id|condition|temp|sample_index|type``, decodable whatever the fields hold."""
        dataset, item_id = _encode(self.dataset), _encode(self.item_id)
        return f"{dataset}|{item_id}|{self.condition}|{self.temp!r}|{self.sample_index}|{self.type}"

    @classmethod
    def decode(cls, text: str) -> RequestId:
        """Read back what ``encode`` wrote.

        Raises:
            ValueError: The text does not have the six fields, or one of them is out of its range.
        """
        parts = text.split("|")
        if len(parts) != 6:
            raise ValueError(f"custom_id {text!r} has {len(parts)} fields, expected 6 separated by '|'")
        dataset, item_id, condition, temp, sample, kind = parts
        if condition not in CONDITIONS or kind not in ("open", "closed"):
            raise ValueError(f"custom_id {text!r}: unknown condition {condition!r} or type {kind!r}")
        return cls(_decode(dataset), _decode(item_id), condition, float(temp), int(sample), kind)  # type: ignore[arg-type]


def _encode(text: str) -> str:
    if text.isalnum() or not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def _decode(text: str) -> str:
    return unquote(text, errors="strict") if "%" in text else text


@frozen
class Request:
    """One question to a model.

    Attributes:
        custom_id: ``RequestId.encode()`` of what is asked.
        key: sha256 (hex) of everything that determines the answer; see ``request_key``.
        model: The model's name as the backend knows it.
        messages: Chat messages, ``{"role": …, "content": …}``, the system prompt first.
        params: Decoding parameters: ``temperature``, ``top_p``, ``top_k``, ``max_tokens``, ``stop``, ``seed``.
    """

    custom_id: str
    key: str
    model: str
    messages: Sequence[Mapping[str, str]]
    params: Mapping[str, Any]


def request_key(
    identity: Mapping[str, Json],
    model: str,
    messages: Sequence[Mapping[str, str]],
    params: Mapping[str, Any],
    sample: int,
) -> str:
    """Name a request by the sha256 of the canonical JSON of everything that determines its answer.

    Args:
        identity: What the backend says of itself (``OnlineBackend.identity``).
        model: The model's name.
        messages: The whole conversation.
        params: Decoding parameters.
        sample: Index of the replicate, so that replicates are asked separately.
    """
    whole = {"backend": identity, "model": model, "messages": messages, "params": params, "sample": sample}
    return hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest()


@frozen
class Usage:
    """Tokens that one request took.

    Attributes:
        prompt_tokens: Of the conversation.
        completion_tokens: Of the answer, reasoning included.
        cached_tokens: Those of the prompt that were served from a cache.
        reasoning_tokens: Those of the completion that the model thought with; 0 where the server does not say.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


@frozen
class Prerequisite:
    """What a backend needs from the machine it runs on; it says so in an optional method ``prerequisites()``.

    Attributes:
        kind: ``credential``: an environment variable; ``host``: a server that has to be reached.
        name: The variable's name, or the server's address.
        hint: What to do when it is not there.
        required: Nothing works without it.
    """

    kind: Literal["credential", "host"]
    name: str
    hint: str
    required: bool = True


@frozen(kw_only=True)
class Price:
    """What tokens cost, in US dollars per million.

    Attributes:
        input_per_million: Prompt tokens.
        output_per_million: Tokens of the answer, reasoning included.
        cached_per_million: Prompt tokens served from the server's cache; None when they cost what the others do.
        factor: What every sum is multiplied by: the batch discount where it applies, else 1.
        source: Where the price is from, such as ``config``.
        date: The day it was true, such as ``2026-08-21``; None if nobody said.
    """

    input_per_million: float
    output_per_million: float
    cached_per_million: float | None = None
    factor: float = 1.0
    source: str = "config"
    date: str | None = None

    def usd(self, usage: Usage) -> float:
        """Dollars for this many tokens; the cached ones are part of the prompt's."""
        cached = self.input_per_million if self.cached_per_million is None else self.cached_per_million
        prompt = (usage.prompt_tokens - usage.cached_tokens) * self.input_per_million + usage.cached_tokens * cached
        return self.factor * (prompt + usage.completion_tokens * self.output_per_million) / 1e6


@frozen
class Response:
    """What came back for one request; a failure is a response too, with ``error`` set and no text.

    Attributes:
        key: The request's key.
        text: The answer, as received.
        finish_reason: ``stop``, ``length`` (truncated) or what else the model's server says.
        usage: Tokens used.
        request_id: The server's own name for the exchange.
        model: The model that answered, as it calls itself.
        error: Why there is no answer, or None.
        precision: The numbers it computed with (``BF16``, ``FP8``, …), where the service says so.
        answered_at: When, in seconds since 1970; None: when it is stored, which is what the response store fills in. No
            part of what makes two responses equal.
    """

    key: str
    text: str | None
    finish_reason: str | None = None
    usage: Usage = Usage()
    request_id: str | None = None
    model: str | None = None
    error: str | None = None
    precision: str | None = None
    answered_at: float | None = field(default=None, eq=False)


JobState = Literal["queued", "running", "succeeded", "failed", "expired", "cancelled", "unknown"]


@frozen(kw_only=True)
class BatchJob:
    """What a batch service is asked to do at once.

    Attributes:
        id: Deterministic: 1 to 55 of ``a-z 0-9 -``, beginning with a letter, not ending in ``-``; so up to eight more
            characters fit where a service takes 63.
        model: The model's name as the backend knows it.
        requests: The requests; can be gone through more than once, read from disk each time.
        rows: How many they are.
        condition: The arm, for labels.
        temp: Temperature, for labels; the requests' own parameters count.
        part: Number of the part, from 1.
        attempt: 1 for the first job of a part; later ones ask again for what was left unanswered.
        follows: Id of the job whose unanswered rows these are; None for the first.
    """

    id: str
    model: str
    requests: Iterable[Request]
    rows: int
    condition: Condition
    temp: float
    part: int
    attempt: int = 1
    follows: str | None = None


@frozen(kw_only=True)
class JobStatus:
    """How a job is, as its service tells.

    Attributes:
        state: ``queued`` and ``running`` go on; ``succeeded``, ``failed``, ``expired`` and ``cancelled`` are final;
            ``unknown`` is a word of the service's that the backend does not know, and counts as going on.
        raw_state: The service's own word.
        message: What the service says beside, such as why a job failed.
        processed: Rows done so far, for the display only; None if not told.
        answered: Rows with an answer, once final; None if not told. A download that holds fewer is fetched again.
        has_output: The job did not succeed, and yet there are rows to fetch.
        conclusive: Once final: rows without an answer are not to be asked again, since the same would come of it.
        precision: The numbers the model computes with; noted for every row that does not say so itself.
    """

    state: JobState
    raw_state: str = ""
    message: str = ""
    processed: int | None = None
    answered: int | None = None
    has_output: bool = False
    conclusive: bool = False
    precision: str | None = None

    @property
    def final(self) -> bool:
        """It will not change any more."""
        return self.state in ("succeeded", "failed", "expired", "cancelled")


@frozen
class JobRow:
    """One row of a job's output.

    Attributes:
        custom_id: As in the request.
        response: The response; its ``key`` is left empty, the core fills it in.
    """

    custom_id: str
    response: Response


@frozen
class Prediction:
    """One row of predictions.csv: a request joined with its response."""

    id: RequestId
    custom_id: str
    text: str
    finish_reason: str
    usage: Usage
    request_id: str
    model: str
    error: str


@frozen
class Metric:
    """What a scorer measures on one answer, in [0, 1].

    Attributes:
        name: Column name in per_item_scores.csv.
        title: Words for a report.
        higher_is_better: False for rates of something unwanted; None where neither direction is good by itself.
        binary: Every single answer scores 0 or 1 (means over replicates lie between).
    """

    name: str
    title: str
    higher_is_better: bool | None = True
    binary: bool = True


@frozen
class AnsweredItem:
    """An item with every answer to it: both arms, all temperatures, all replicates.

    Attributes:
        item: The question and its right answers.
        texts: The answers; an abstention arrives as the empty string.
    """

    item: Item
    texts: tuple[str, ...]


@frozen
class GroundedAnswers:
    """A passage with every answer given on it.

    Attributes:
        context: The passage.
        claims: ``(question, answer)`` pairs, no abstentions among them.
    """

    context: str
    claims: tuple[tuple[str, str], ...]


@frozen
class PromptTexts:
    """A prompt set: a system prompt per arm, and the task instruction per item type, which both arms share."""

    control: str
    treatment: str
    open_book: str
    closed_book: str


@frozen
class Provenance:
    """Where a dataset's items came from.

    Attributes:
        source: A path, an address or ``bundled``.
        sha256: Digest of the file that was read.
        revision: The pinned revision of a hub repository.
        licence: The dataset's licence, where known.
    """

    source: str
    sha256: str | None = None
    revision: str | None = None
    licence: str | None = None


@frozen
class Address:
    """Where in an experiment a sample lies.

    Attributes:
        temp: Temperature.
        type: ``open`` or ``closed``.
        subgroup: ``(column, value)`` such as ``("dataset", "squad_v2")``; None for all items together.
    """

    temp: float
    type: str
    subgroup: tuple[str, str] | None = None


@frozen(kw_only=True)
class Finding:
    """What one analysis says about one sample: the same record for every analysis.

    Differences are treatment − control. A value that is not defined is None, and ``reason`` says why.

    Attributes:
        analysis: Name of the analysis.
        metric: Metric it is about.
        address: Where.
        n: Complete pairs it rests on.
        estimate: Point estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
        level: Confidence level of the interval, such as 0.95.
        p_value: Two-sided, in [0, 1].
        q_value: The p-value adjusted for its family; filled in by an adjustment.
        family: The family it was adjusted in.
        reason: Why something is None.
        details: Whatever else the analysis has to say; written under the analysis's own name.
        summary: Keys this finding contributes beside its own entry in significance.json (``ci_95``, say).
        block_level: Its entry is repeated at the level of the block (as contracts.md has it for McNemar's test of EM).
        block_path: Where in the block its entry is repeated, when not directly under the analysis's name:
            ``("tost", "em")``, say.
        default_for: Where this finding stands among those that could stand for their metric: ``interval`` (of the mean
            difference) and ``p_value`` (of "the mean difference is 0"); the highest number wins. With shared groups
            also ``interval_items`` and ``p_value_items``: its details hold ``items``, a mapping with ``interval`` and
            ``p_value`` as if items were independent. A finding about anything else has none, and is in no family.
    """

    analysis: str
    metric: str
    address: Address
    n: int
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    family: str | None = None
    reason: str | None = None
    details: Mapping[str, Json] = field(factory=dict)
    summary: Mapping[str, Json] = field(factory=dict)
    block_level: bool = False
    block_path: tuple[str, ...] = ()
    default_for: Mapping[str, int] = field(factory=dict)
