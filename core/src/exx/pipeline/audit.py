"""How long every prompt is, and what the treatment's costs beside the control's, before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from exx.config.trials import Trial
from exx.experiment import Experiment
from exx.pipeline.build import user_message
from exx.pipeline.estimate import absent_datasets, chosen_items
from exx.prices import Priced
from exx.records import Item, Json, PromptTexts, Usage
from exx.tokens import Tokenizer, message_tokens, tokenizer_for


def audit(experiment: Experiment) -> dict[str, Any]:
    """Measure the prompts of every model and prompt set; no network.

    Returns:
        ``prompts``: one entry for each model and prompt set; ``notes``: what the numbers leave out.
    """
    absent = absent_datasets(experiment)
    items = [] if absent else chosen_items(experiment)
    trials = list({(trial.model, trial.prompt_set): trial for trial in experiment.trials}.values())
    notes = [f"{', '.join(absent)} is not on this machine yet, so no questions are measured; exx prepare fetches it"]
    entries = [_entry(experiment, trial, items) for trial in trials]
    worth = dict.fromkeys(tokenizer_for(trial.model).words() for trial in trials)
    return {"prompts": entries, "notes": [*worth, *(notes if absent else [])]}


def _entry(experiment: Experiment, trial: Trial, items: Sequence[Item]) -> dict[str, Any]:
    texts, tokenizer = experiment.prompts(trial).texts, tokenizer_for(trial.model)
    control, treatment = tokenizer.count(texts.control), tokenizer.count(texts.treatment)
    return {
        "model": trial.model,
        "prompt_set": trial.prompt_set,
        "tokenizer": {"name": tokenizer.name, "own": tokenizer.own},
        "system": {"control": control, "treatment": treatment},
        "task_instructions": {
            "open_book": tokenizer.count(texts.open_book),
            "closed_book": tokenizer.count(texts.closed_book),
        },
        "datasets": _datasets(texts, items, tokenizer),
        "difference_per_1000_requests": _difference(treatment - control, experiment.priced(trial.model)),
    }


def _datasets(texts: PromptTexts, items: Sequence[Item], tokenizer: Tokenizer) -> dict[str, dict[str, Json]]:
    """Tokens of whole prompts by dataset and arm: system prompt, task, passage and question."""
    lengths: dict[str, list[int]] = {}
    for item in items:
        lengths.setdefault(item.dataset, []).append(message_tokens(tokenizer, user_message(texts, item)))
    systems = {arm: message_tokens(tokenizer, getattr(texts, arm)) for arm in ("control", "treatment")}
    return {
        name: {"items": len(own), **{arm: _spread(own, system) for arm, system in systems.items()}}
        for name, own in lengths.items()
    }


def _spread(lengths: Sequence[int], system: int) -> dict[str, Json]:
    return {
        "min": min(lengths) + system,
        "median": median(lengths) + system,
        "max": max(lengths) + system,
    }


def _difference(tokens: int, priced: Priced) -> dict[str, Json]:
    """What the treatment's prompt costs more, answers left out: nobody knows their length yet."""
    price = priced.price
    if price is None:
        return {"prompt_tokens": 1000 * tokens, "usd": None, "price": None, "reason": priced.reason}
    # The price is linear, so that of a shorter treatment is a negative sum.
    return {
        "prompt_tokens": 1000 * tokens,
        "usd": round(price.usd(Usage(prompt_tokens=1000 * tokens)), 9),
        "price": {
            "source": price.source,
            "date": price.date,
            "input_per_million": price.input_per_million,
            "batch_discount": price.factor,
            "batch_discount_applied": priced.batch,
        },
        "reason": None,
    }
