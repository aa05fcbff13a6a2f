"""The configuration as frozen classes: every key of experiment.yaml, its type, bounds and default, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen
from attrs.validators import and_, deep_iterable, ge, gt, le, lt, min_len, optional

from exx.config.words import near


def _each(check: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Mapping[str, Any]], None]:
    """Hold every value of a mapping to a bound, and name its key when one breaks it."""

    def validate(instance: Any, attribute: Any, mapping: Mapping[str, Any]) -> None:
        for key, value in mapping.items():
            check(instance, attribute.evolve(name=f"{attribute.name}.{key}"), value)

    return validate


def _caps(_: Any, attribute: Any, sizes: Mapping[str, int | None]) -> None:
    """Refuse what limits nothing: a misspelt cap would leave a dataset, and its bill, at full size."""
    known = ("open_book_max_items", "closed_book_max_items")
    for key in sizes:
        close = get_close_matches(key, known, n=1, cutoff=0.9)
        if not key.endswith("_max_items") or (close and key not in known):
            raise ValueError(f"'{attribute.name}.{key}' unknown key{near(key, (*known, '<dataset>_max_items'))}")


_margin: Any = and_(gt(0.0), le(1.0))
_positive = ge(1)
_share = and_(ge(0.0), le(1.0))
_temps: Any = and_(min_len(1), deep_iterable(and_(ge(0.0), le(2.0))))


@frozen
class PluginRef:
    """A plugin by name, with its options: ``overlap`` or ``{name: overlap, min_token_overlap: 0.7}``."""

    name: str
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class PromptText:
    """A prompt given as a file, or in place as ``{text: …}``."""

    path: Path | None = None
    text: str | None = None


@frozen(kw_only=True)
class PromptFiles:
    """A prompt set of one's own: a system prompt for each arm."""

    control: PromptText
    treatment: PromptText


@frozen(kw_only=True)
class TaskInstructions:
    """What every question is introduced with, the same in both arms; default: those of the set ``default``."""

    open_book: PromptText | None = None
    closed_book: PromptText | None = None


@frozen(kw_only=True)
class TokenLimits:
    """Longest answer per item type, in tokens."""

    closed_book: int = field(default=1024, validator=_positive)
    open_book: int = field(default=1024, validator=_positive)


@frozen(kw_only=True)
class TokenSweep:
    """Answer lengths to try, paired by position."""

    closed_book: tuple[int, ...] = field(default=(), validator=deep_iterable(_positive))
    open_book: tuple[int, ...] = field(default=(), validator=deep_iterable(_positive))


@frozen(kw_only=True)
class Sweep:
    """Values to cross with each other; an empty list leaves the top-level value."""

    models: tuple[str, ...] = ()
    prompt_sets: tuple[str, ...] = ()
    temps: tuple[float, ...] = field(default=(), validator=deep_iterable(and_(ge(0.0), le(2.0))))
    top_p: tuple[float, ...] = field(default=(), validator=deep_iterable(and_(gt(0.0), le(1.0))))
    top_k: tuple[int, ...] = field(default=(), validator=deep_iterable(ge(0)))
    max_new_tokens: TokenSweep = TokenSweep()


@frozen(kw_only=True)
class TrialSpec:
    """One trial spelt out; what is left out is taken from the top level."""

    id: str | None = None
    model: str | None = None
    prompt_set: str | None = None
    temps: tuple[float, ...] | None = field(default=None, validator=optional(_temps))
    top_p: float | None = field(default=None, validator=optional(and_(gt(0.0), le(1.0))))
    top_k: int | None = field(default=None, validator=optional(ge(0)))
    max_new_tokens: TokenLimits | None = None


@frozen(kw_only=True)
class Paths:
    """Folders, relative to the working directory."""

    raw_dir: Path = Path("data/raw")
    prepared_dir: Path = Path("data/prepared")
    batch_inputs_dir: Path = Path("data/batch_inputs")
    results_dir: Path = Path("results")
    reports_dir: Path = Path("reports")
    run_manifest: Path = Path("results/run_manifest.json")
    experiments_dir: Path = Path("experiments")


@frozen(kw_only=True)
class Pricing:
    """US dollars per million tokens; the batch discount is a factor that multiplies."""

    input_per_million: float = field(validator=ge(0.0))
    output_per_million: float = field(validator=ge(0.0))
    cached_input_per_million: float | None = field(default=None, validator=optional(ge(0.0)))
    batch_discount: float = field(default=0.5, validator=_share)


@frozen(kw_only=True)
class Unsupported:
    """Which detector judges unsupported claims; keys of its own become its options.

    ``threshold`` and ``min_token_overlap`` are accepted for every strategy, as in the reference system, and reach
    a detector that has an option of that name.
    """

    strategy: str = "overlap"
    threshold: float = field(default=0.5, validator=_share)
    min_token_overlap: float = field(default=0.6, validator=_share)
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class StudySwitches:
    """Switches of the study analyses."""

    enable_unsupported_sensitivity: bool = True
    enable_mixed_effects: bool = True
    enable_power_analysis: bool = True
    enable_cost_effectiveness: bool = True


@frozen(kw_only=True)
class Stats:
    """Settings that analyses share: an analysis with an option of the same name takes its value from here."""

    bootstrap_samples: int = field(default=5000, validator=_positive)
    permutation_samples: int = field(default=5000, validator=_positive)
    random_seed: int = field(default=1337, validator=ge(0))
    enable_permutation: bool = True
    enable_fdr: bool = True
    risk_thresholds: tuple[float, ...] = field(default=(0.0, 0.25, 0.5, 0.75, 1.0), validator=deep_iterable(_share))
    tost_alpha: float = field(default=0.05, validator=and_(gt(0.0), lt(0.5)))
    tost_margins: Mapping[str, float] = field(
        factory=lambda: {"em": 0.01, "f1": 0.01}, validator=_each(and_(gt(0.0), le(1.0)))
    )
    families: Mapping[str, tuple[str, ...]] = field(factory=dict)


@frozen(kw_only=True)
class Verdict:
    """What the verdict is about: primary metrics and guards, what matters, and how sure is sure enough."""

    primary: tuple[str, ...] = field(default=("answer_match",), validator=min_len(1))
    guards: tuple[str, ...] = ("false_answer_rate", "unsupported_rate", "cost")
    margin: float | None = field(default=0.01, validator=optional(_margin))
    margins: Mapping[str, float] = field(factory=dict, validator=_each(and_(gt(0.0), le(1.0))))
    cost_increase: float = field(default=0.1, validator=ge(0.0))
    alpha: float = field(default=0.05, validator=and_(gt(0.0), lt(0.5)))


@frozen(kw_only=True)
class Markers:
    """Abstention markers of one's own: an answer that is one of these, or begins with one, abstains."""

    markers: tuple[str, ...] = field(validator=min_len(1))


AbstentionSetting = Literal["default", "none"] | Markers
PromptChoice = PromptFiles | str


@frozen(kw_only=True)
class Config:
    """A whole experiment; see docs/reference/configuration.md for every key."""

    model_id: str | None = None
    backend: PluginRef = PluginRef("fireworks")
    datasets: tuple[PluginRef, ...] = field(
        default=(PluginRef("squad_v2"), PluginRef("triviaqa"), PluginRef("nq_open")), validator=min_len(1)
    )
    temps: tuple[float, ...] = field(default=(0.0,), validator=_temps)
    samples_per_item: Mapping[str, int] = field(factory=dict, validator=_each(_positive))
    max_new_tokens: TokenLimits = TokenLimits()
    top_p: float = field(default=1.0, validator=and_(gt(0.0), le(1.0)))
    top_k: int = field(default=50, validator=ge(0))
    stop: tuple[str, ...] = ()
    use_batch_api: bool = True
    sizes: Mapping[str, int | None] = field(factory=dict, validator=and_(_caps, _each(optional(ge(0)))))
    paths: Paths = Paths()
    pricing: Pricing | None = None
    prompt_sets: Mapping[str, PromptChoice] = field(factory=dict)
    default_prompt_set: str | None = None
    task_instructions: TaskInstructions = TaskInstructions()
    model_aliases: Mapping[str, str] = field(factory=dict)
    models: tuple[str, ...] = ()
    sweep: Sweep = Sweep()
    trials: tuple[TrialSpec, ...] = ()
    abstention: AbstentionSetting = "default"
    cache: Literal["reuse", "refresh", "off"] = "reuse"
    unsupported: Unsupported = Unsupported()
    scorers: tuple[PluginRef, ...] | None = None
    fallback_scorer: str = "squad_v2"
    analyses: tuple[PluginRef, ...] | None = None
    reporters: tuple[PluginRef, ...] | None = None
    optional: StudySwitches = StudySwitches()
    stats: Stats = Stats()
    verdict: Verdict = Verdict()
