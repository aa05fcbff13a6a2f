"""Whether the passage entails the answer, as a model for natural language inference sees it.

Sources:
    Laban, Schnabel, Bennett & Hearst, TACL 10 (2022) 163-177 (SummaC): windows of the text, the best of them for each
        sentence that is judged, the mean over these.
    Chen, Choi & Durrett, Findings of EMNLP (2021) 3841-3854: an answer is judged with its question, as a statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import and_, ge, in_, le, min_len

from exx import GroundedAnswers

DEFAULT_MODEL = "MoritzLaurer/DeBERTa-v3-base-mnli-fever-anli"
DEFAULT_REVISION = "0e2603d5d3d3ef9b2910814b34eebe1a2101da65"


@frozen(kw_only=True)
class NliDetector:
    """Support is the probability that the passage entails the answer, by a model of ``transformers``.

    The passage is read in overlapping windows of a few sentences, and the best window counts; the answer is judged
    sentence by sentence, a short one together with its question as a statement.

    Attributes:
        model: A name on the hub, or a folder that ``save_pretrained`` made (``~`` expands; relative to the working
            directory). Its weights must be safetensors; no code from the hub is run.
        revision: Commit, tag or branch of a model on the hub; it must be given for any but the default model, so that
            the same config means the same model tomorrow.
        threshold: Support below this counts as unsupported; in [0, 1].
        device: ``cpu``, ``cuda``, or ``auto`` for the graphics card where there is one.
        batch_size: Pairs of a window and a statement judged at once, at least 1; changes speed and memory only.
        max_length: Most tokens of such a pair, at least 32; less where the model takes less.
        window_sentences: Sentences of the passage in a window, at least 1; two or more overlap by half.
        answer_sentences: What becomes of the sentences of an answer: their ``mean``, or the weakest (``min``).
        entailment_label: Which of the model's labels means entailment, by name or number; needed only where the names
            in the model's config do not tell.
    """

    name: ClassVar[str] = "nli"

    model: str = field(default=DEFAULT_MODEL, validator=min_len(1))
    revision: str | None = None
    threshold: float = field(default=0.5, validator=and_(ge(0.0), le(1.0)))
    device: Literal["auto", "cpu", "cuda"] = field(default="auto", validator=in_(("auto", "cpu", "cuda")))
    batch_size: int = field(default=32, validator=ge(1))
    max_length: int = field(default=512, validator=ge(32))
    window_sentences: int = field(default=3, validator=ge(1))
    answer_sentences: Literal["mean", "min"] = field(default="mean", validator=in_(("mean", "min")))
    entailment_label: str | None = None

    @property
    def cutoff(self) -> float:
        """The least probability of entailment that counts as supported."""
        return self.threshold

    @property
    def pinned(self) -> str | None:
        """The revision to ask for: the one given, or that of the default model; None if neither."""
        return DEFAULT_REVISION if self.revision is None and self.model == DEFAULT_MODEL else self.revision

    def support(self, batch: Sequence[GroundedAnswers]) -> Sequence[float]:
        """Ask the model about every claim; probabilities in [0, 1]. The model is loaded once a process.

        Raises:
            BackendError: The model cannot be had or is no classifier of entailment, or torch is not installed.
        """
        from exx_nli.judge import judge

        return judge(self, batch)
