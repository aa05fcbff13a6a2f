"""Phase poll: collects the response to every request, in the order of the requests, as raw result rows.

Jobs at a batch service are followed by phase submit, since what runs next depends on what has come back; when this
phase begins, every response is in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import orjson
from attrs import asdict, define, field

from exx import __version__
from exx.drift import Witness
from exx.errors import RunError
from exx.pipeline.asking import all_chunks, inputs_of_asking
from exx.pipeline.context import FilePhase, Outcome, Scope, TrialContext
from exx.pipeline.items import PreparedItems
from exx.records import CONDITIONS, Condition, Json, Request, RequestId, Response, Usage
from exx.responses import Stored
from exx.state.files import atomic_path
from exx.state.ledger import digest


class Poll(FilePhase):
    """Write results_combined.jsonl."""

    name: ClassVar[str] = "poll"
    scope: ClassVar[Scope] = "trial"

    def inputs(self, ctx: TrialContext) -> dict[str, str]:
        """What was asked, of whom, and what came of it: asked again by itself, a failure may have become an answer."""
        answers = digest(ctx.details("submit"))
        return {**inputs_of_asking(ctx), "answers": answers, "exx-core": __version__}

    def run(self, ctx: TrialContext) -> Outcome:
        """Join every request with its stored response; a request without one is an error, never a missing row."""
        path = ctx.results / "results_combined.jsonl"
        tally = _Tally()
        witnesses = {condition: Witness() for condition in CONDITIONS}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            for request, stored in _answered(ctx, tally):
                tally.count(request, stored, ctx)
                witnesses[_arm(request)].see(stored.response)
                row = result_row(request.custom_id, stored.response)
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        # Beside the raw results, not in them: what they are made of is to be the same whenever it was answered.
        ctx.ledger.document["answered"] = {arm: witness.to_json() for arm, witness in witnesses.items()}
        return Outcome(artifacts=[path], summary=tally.words(), details=tally.details())


def _arm(request: Request) -> Condition:
    return RequestId.decode(request.custom_id).condition


def _answered(ctx: TrialContext, tally: _Tally) -> Iterator[tuple[Request, Stored]]:
    with ctx.open_store() as store:
        tally.note_attempts(store.attempts())
        for chunk in all_chunks(ctx, PreparedItems(ctx.prepared)):
            ctx.stop.check()
            found = store.get([request.key for request in chunk])
            for request in chunk:
                if request.key not in found:
                    hint = "exx resume asks for what is missing; if it comes to this again, move the damaged store away"
                    raise RunError(f"no response is stored for {request.custom_id} in {store.path}", hint=hint)
                yield request, found[request.key]


def result_row(custom_id: str, response: Response) -> dict[str, Any]:
    """A raw result row, in the form in which batch services give them."""
    if response.error is not None:
        return {"custom_id": custom_id, "response": None, "error": {"message": response.error}}
    usage = response.usage
    thought = {"completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens}}
    choice = {
        "index": 0,
        "finish_reason": response.finish_reason,
        "message": {"role": "assistant", "content": response.text},
    }
    return {
        "custom_id": custom_id,
        "response": {
            "id": response.request_id,
            "model": response.model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
                "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
                **(thought if usage.reasoning_tokens else {}),
            },
        },
        "error": None,
    }


@define
class _Tally:
    rows: int = 0
    failed: int = 0
    reused: dict[str, dict[str, int]] = field(factory=dict)
    attempts: dict[str, dict[str, int]] = field(factory=dict)
    _of_request: dict[str, list[Usage]] = field(factory=dict)

    def note_attempts(self, attempts: Iterable[tuple[str, Usage]]) -> None:
        """Note what failed attempts took, to be counted when their requests come up."""
        for key, usage in attempts:
            self._of_request.setdefault(key, []).append(usage)

    def count(self, request: Request, stored: Stored, ctx: TrialContext) -> None:
        self.rows += 1
        if stored.response.error is not None:
            self.failed += 1
        if stored.buyer != f"{ctx.run.id}/{ctx.trial.slug}":
            _add(self.reused, request, stored.response.usage)
        for usage in self._of_request.pop(request.key, ()):
            _add(self.attempts, request, usage)

    def words(self) -> str:
        return f"{self.rows} rows" + (f", {self.failed} of them failed" if self.failed else "")

    def details(self) -> dict[str, Json]:
        return {"rows": self.rows, "failed": self.failed, "reused": self.reused, "attempts": self.attempts}


def _add(sums: dict[str, dict[str, int]], request: Request, usage: Usage) -> None:
    asked = RequestId.decode(request.custom_id)
    place = sums.setdefault(f"{asked.condition}|{asked.temp!r}", {"requests": 0, **asdict(Usage())})
    place["requests"] += 1
    for name, tokens in asdict(usage).items():
        place[name] += tokens
