"""The model: found, loaded from safetensors alone, checked to be a classifier of entailment, and asked in batches.

The order of the labels differs between models, so the model's own config says which one is entailment, or the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from exx import BackendError
from exx_nli.weights import find

if TYPE_CHECKING:
    import torch

_DECIMALS = 5
_NAMES = re.compile(r"entail(s|ed|ment)?", re.IGNORECASE)
INSTALL = "pip install 'exx[nli]', or in the tree: make setup-nli"


@define(eq=False)
class Entailment:
    """A model that says how probable it is that one text entails another.

    Attributes:
        tokenizer: Its tokenizer.
        network: The network, in evaluation mode, on its device.
        column: Which of its outputs is entailment.
        longest: Most tokens it takes, those that mark the two texts included.
        added_tokens: How many tokens mark the two texts.
    """

    tokenizer: Any
    network: Any
    column: int
    longest: int
    added_tokens: int
    _counts: dict[str, int] = field(factory=dict)

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        found = self._counts.get(text)
        if found is None:
            found = self._counts[text] = len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
        return found

    def probabilities(self, pairs: Sequence[tuple[str, str]], *, batch_size: int, max_length: int) -> list[float]:
        """Probability that the first text entails the second, for each pair; in [0, 1], to 5 decimals.

        Filling a batch up to its longest pair changes the last digits of float32, hence the rounding.

        Args:
            pairs: Premise and hypothesis; those of like length best lie together.
            batch_size: Pairs that are asked about at once.
            max_length: Most tokens of a pair; what is longer is cut at the end of the premise.
        """
        import torch

        found: list[float] = []
        with torch.inference_mode():
            for first in range(0, len(pairs), batch_size):
                logits = self._logits(pairs[first : first + batch_size], max_length)
                shares = torch.softmax(logits.double(), dim=-1)[:, self.column]
                found += [round(share, _DECIMALS) for share in shares.tolist()]
        self._counts.clear()
        return found

    def _logits(self, pairs: Sequence[tuple[str, str]], max_length: int) -> torch.Tensor:
        inputs = self.tokenizer(
            [premise for premise, _ in pairs],
            [hypothesis for _, hypothesis in pairs],
            truncation="only_first",
            max_length=max_length,
            padding=True,
            return_tensors="pt",
        )
        logits: torch.Tensor = self.network(**inputs.to(self.network.device)).logits
        return logits


@lru_cache(maxsize=1)
def load(model: str, revision: str | None, device: str, entailment_label: str | None) -> Entailment:
    """Load a model; asked again for the same one, the same object.

    Args:
        model: A name on the hub or a folder.
        revision: Of a model on the hub.
        device: ``auto``, ``cpu`` or ``cuda``.
        entailment_label: Name or number of the label that means entailment; None: see the model's config.

    Raises:
        BackendError: torch or transformers is missing, the weights are, or this is no classifier of entailment.
    """
    try:
        import torch
        import transformers
    except ImportError as cause:
        raise BackendError(f"detector 'nli' needs torch and transformers: {cause}", hint=INSTALL) from cause
    chosen = _device(device, cuda=torch.cuda.is_available())
    folder = find(model, revision)
    with _quietly(transformers):
        config = _made(transformers.AutoConfig, folder)
        column = entailment_column(_labels(config, folder), entailment_label, folder)
        tokenizer = _made(transformers.AutoTokenizer, folder)
        network = _network(transformers.AutoModelForSequenceClassification, folder, config)
    network = network.float().eval().to(chosen)
    return Entailment(
        tokenizer, network, column, _longest(tokenizer, network), tokenizer.num_special_tokens_to_add(pair=True)
    )


def _device(wanted: str, *, cuda: bool) -> str:
    if wanted == "cuda" and not cuda:
        raise BackendError(
            "detector 'nli' is to use device: cuda, and torch finds no such device here",
            hint="device: auto uses one where there is one; or install the build of torch for this machine's driver",
        )
    return "cuda" if cuda and wanted != "cpu" else "cpu"


@contextmanager
def _quietly(transformers: Any) -> Iterator[None]:
    """Without the library's progress bars and advice, which would run into what exx shows."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _made(kind: Any, folder: Path, **options: Any) -> Any:
    """Have something made from a folder's files, and say which folder it was if that fails."""
    from safetensors import SafetensorError

    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as cause:
        reason = str(cause).strip().partition("\n")[0]
        raise BackendError(
            f"detector 'nli' cannot use the model in {folder}: {reason}",
            hint="it needs config.json, a tokenizer and safetensors, as save_pretrained writes them",
        ) from cause


def _labels(config: Any, folder: Path) -> Mapping[int, str]:
    problem = getattr(config, "problem_type", None)
    if problem in ("regression", "multi_label_classification"):
        raise BackendError(f"the model in {folder} is made for {problem}, not to tell entailment from the rest")
    return {int(number): str(label) for number, label in config.id2label.items()}


def entailment_column(labels: Mapping[int, str], wanted: str | None, where: Path | str) -> int:
    """Find the output that means entailment.

    Args:
        labels: The model's labels by number.
        wanted: The user's word for it: a label or a number.
        where: The model, for messages.

    Raises:
        BackendError: None of the labels is it, or several are, or there is but one label.
    """
    shown = ", ".join(f"{number}: {label}" for number, label in sorted(labels.items()))
    if len(labels) < 2:
        raise BackendError(
            f"the model in {where} has one output ({shown}): it cannot tell entailment from the rest",
            hint="choose a model for natural language inference: one with labels such as entailment and contradiction",
        )
    if wanted is not None:
        meant = [n for n, label in labels.items() if label.lower() == wanted.lower() or str(n) == wanted]
    else:
        meant = [n for n, label in labels.items() if _NAMES.fullmatch(label.strip())]
    if len(meant) != 1:
        how = f"none is {wanted!r}" if wanted is not None else "which of them is entailment is not clear"
        raise BackendError(
            f"the model in {where} has the labels {shown}; {how}",
            hint="say which one means entailment, as the model's page does: unsupported: {strategy: nli, "
            "entailment_label: …}, by name or number",
        )
    return meant[0]


def _network(kind: Any, folder: Path, config: Any) -> Any:
    network, told = _made(kind, folder, config=config, use_safetensors=True, output_loading_info=True)
    absent = sorted(told["missing_keys"]) + sorted(str(name) for name in told.get("mismatched_keys", ()))
    if absent:
        # Otherwise the library fills them with random numbers, and the verdicts would be random too.
        raise BackendError(
            f"the weights in {folder} lack {', '.join(absent[:3])}{' …' if len(absent) > 3 else ''}: "
            "this model was not trained to classify pairs of texts",
            hint="choose a model for natural language inference (its page says text classification or zero-shot)",
        )
    return network


def _longest(tokenizer: Any, network: Any) -> int:
    """Most tokens the model takes; some models keep the first few positions for themselves."""
    positions = getattr(network.config, "max_position_embeddings", None)
    longest = [int(tokenizer.model_max_length)]
    if isinstance(positions, int) and positions > 0:
        table = getattr(getattr(network.base_model, "embeddings", None), "position_embeddings", None)
        reserved = getattr(table, "padding_idx", None)
        longest.append(positions - (reserved + 1 if reserved is not None else 0))
    return min(longest)
