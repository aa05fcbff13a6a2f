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

    validate.each = check  # type: ignore[attr-defined]  # for those who read bounds off validators
    return validate


def _caps(_: Any, attribute: Any, sizes: Mapping[str, int | None]) -> None:
    """Refuse what limits nothing: a misspelt cap would leave a dataset, and its bill, at full size."""
    known = ("open_book_max_items", "closed_book_max_items")
    for key in sizes:
        close = get_close_matches(key, known, n=1, cutoff=0.9)
        if not key.endswith("_max_items") or (close and key not in known):
            raise ValueError(f"'{attribute.name}.{key}' unknown key{near(key, (*known, '<dataset>_max_items'))}")


_margin: Any = optional(and_(gt(0.0), le(1.0)))
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
    """A prompt set of one's own: a system prompt for each arm.

    Attributes:
        control: The control's system prompt: a text file, or the text itself.
        treatment: The treatment's system prompt. Control and treatment must differ.
    """

    control: PromptText
    treatment: PromptText


@frozen(kw_only=True)
class TaskInstructions:
    """What every question is introduced with, the same in both arms; default: those of the set ``default``.

    Attributes:
        open_book: What the user message of an open-book question begins with, in both arms; without it, the text of
            the installed set ``default``.
        closed_book: The same for closed-book questions.
    """

    open_book: PromptText | None = None
    closed_book: PromptText | None = None


@frozen(kw_only=True)
class TokenLimits:
    """Longest answer per item type, in tokens.

    Attributes:
        closed_book: Longest answer to a closed-book question, in tokens.
        open_book: Longest answer to an open-book question, in tokens.
    """

    closed_book: int = field(default=1024, validator=_positive)
    open_book: int = field(default=1024, validator=_positive)


@frozen(kw_only=True)
class TokenSweep:
    """Answer lengths to try, paired by position.

    Attributes:
        closed_book: Values to cross, paired by position with those for open-book questions.
        open_book: As many as for closed-book questions, or none.
    """

    closed_book: tuple[int, ...] = field(default=(), validator=deep_iterable(_positive))
    open_book: tuple[int, ...] = field(default=(), validator=deep_iterable(_positive))


@frozen(kw_only=True)
class Sweep:
    """Values to cross with each other; an empty list leaves the top-level value.

    Attributes:
        models: Models to cross; an empty list leaves ``models``, else ``model_id``.
        prompt_sets: Names of prompt sets to cross.
        temps: Temperatures of every swept trial, in place of ``temps``; they are not crossed, since one trial asks all
            its temperatures.
        top_p: Values to cross.
        top_k: Values to cross.
        max_new_tokens: Answer lengths to cross.
    """

    models: tuple[str, ...] = ()
    prompt_sets: tuple[str, ...] = ()
    temps: tuple[float, ...] = field(default=(), validator=deep_iterable(and_(ge(0.0), le(2.0))))
    top_p: tuple[float, ...] = field(default=(), validator=deep_iterable(and_(gt(0.0), le(1.0))))
    top_k: tuple[int, ...] = field(default=(), validator=deep_iterable(ge(0)))
    max_new_tokens: TokenSweep = TokenSweep()


@frozen(kw_only=True)
class TrialSpec:
    """One trial spelt out; what is left out is taken from the top level.

    Attributes:
        id: The trial's folder name; without it, one made of model, prompt set and decoding settings.
        model: Model or alias.
        prompt_set: Name of a prompt set.
        temps: Temperatures.
        top_p: As at the top level.
        top_k: As at the top level.
        max_new_tokens: As at the top level; a trial that has it does not look there, so what it leaves out is 1024.
    """

    id: str | None = None
    model: str | None = None
    prompt_set: str | None = None
    temps: tuple[float, ...] | None = field(default=None, validator=optional(_temps))
    top_p: float | None = field(default=None, validator=optional(and_(gt(0.0), le(1.0))))
    top_k: int | None = field(default=None, validator=optional(ge(0)))
    max_new_tokens: TokenLimits | None = None


@frozen(kw_only=True)
class Paths:
    """Folders, relative to the working directory.

    Attributes:
        raw_dir: Accepted for configs of another system; not used.
        prepared_dir: A copy of the latest run's prepared items, for other tools.
        batch_inputs_dir: A copy of the latest run's requests, for other tools.
        results_dir: Likewise: a run's results lie in its own folder.
        reports_dir: Likewise.
        run_manifest: Likewise.
        experiments_dir: The runs, and the response store they share.
    """

    raw_dir: Path = Path("data/raw")
    prepared_dir: Path = Path("data/prepared")
    batch_inputs_dir: Path = Path("data/batch_inputs")
    results_dir: Path = Path("results")
    reports_dir: Path = Path("reports")
    run_manifest: Path = Path("results/run_manifest.json")
    experiments_dir: Path = Path("experiments")


@frozen(kw_only=True)
class Pricing:
    """US dollars per million tokens; the batch discount is a factor that multiplies.

    Attributes:
        input_per_million: Prompt tokens.
        output_per_million: Tokens of the answers.
        cached_input_per_million: Prompt tokens served from a cache; without it, they cost what the others do.
        batch_discount: A factor that multiplies when a batch backend answered.
    """

    input_per_million: float = field(validator=ge(0.0))
    output_per_million: float = field(validator=ge(0.0))
    cached_input_per_million: float | None = field(default=None, validator=optional(ge(0.0)))
    batch_discount: float = field(default=0.5, validator=_share)


@frozen(kw_only=True)
class Unsupported:
    """Which detector judges unsupported claims; keys of its own become its options.

    ``threshold`` and ``min_token_overlap`` are accepted for every strategy, as in the reference system, and reach
    a detector that has an option of that name.

    Attributes:
        strategy: The detector: ``overlap``, ``baseline``, ``nli``, or any installed one.
        threshold: Passed to a detector that has an option ``threshold``.
        min_token_overlap: Passed to a detector that has an option ``min_token_overlap``.
        options: Options of the detector's own.
    """

    strategy: str = "overlap"
    threshold: float = field(default=0.5, validator=_share)
    min_token_overlap: float = field(default=0.6, validator=_share)
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class StudySwitches:
    """Switches of the study analyses.

    Attributes:
        enable_unsupported_sensitivity: Whether the analysis ``unsupported_sensitivity`` runs.
        enable_mixed_effects: Whether the analysis ``mixed_effects`` runs.
        enable_power_analysis: Whether the analysis ``power`` runs.
        enable_cost_effectiveness: Whether the analysis ``cost_effectiveness`` runs.
    """

    enable_unsupported_sensitivity: bool = True
    enable_mixed_effects: bool = True
    enable_power_analysis: bool = True
    enable_cost_effectiveness: bool = True


@frozen(kw_only=True)
class Stats:
    """Settings that analyses share: an analysis with an option of the same name takes its value from here.

    Attributes:
        bootstrap_samples: Resamples, where an interval cannot be computed exactly.
        permutation_samples: Sign patterns, where a test cannot be computed exactly.
        random_seed: The seed of the items' order, of sampling at temperatures above 0, and of every analysis that
            draws.
        enable_permutation: Whether the analysis ``permutation`` runs.
        enable_fdr: Whether the adjustment ``multiple_testing`` runs.
        risk_thresholds: The operating points of ``selective_risk``: a question counts as answered if at least this
            share of its answers did not abstain.
        tost_alpha: The level of each one-sided test of ``noninferiority``.
        tost_margins: The margins of ``noninferiority``, as shares; a metric without one is not tested.
        families: Which hypotheses ``multiple_testing`` adjusts together: ``em`` is a metric on all items,
            ``em/dataset`` the metric on every dataset; what is in none of these stays in ``primary``, ``secondary`` or
            ``slices``.
    """

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
    """What the verdict is about: primary metrics and guards, what matters, and how sure is sure enough.

    Attributes:
        primary: The metrics the experiment is made to answer for.
        guards: Metrics that must not get worse for a better answer to be good news; ``cost`` is the price of a
            request.
        margin: The largest difference that does not matter, as a share; ``null``: every difference matters, and
            nothing is ever equivalent.
        margins: Other margins, by metric.
        cost_increase: The relative rise of the price of a request that does not matter.
        alpha: How small p (adjusted, where it was adjusted) must be.
    """

    primary: tuple[str, ...] = field(default=("answer_match",), validator=min_len(1))
    guards: tuple[str, ...] = ("false_answer_rate", "unsupported_rate", "cost")
    margin: float | None = field(default=0.01, validator=_margin)
    margins: Mapping[str, float] = field(factory=dict, validator=_each(and_(gt(0.0), le(1.0))))
    cost_increase: float = field(default=0.1, validator=ge(0.0))
    alpha: float = field(default=0.05, validator=and_(gt(0.0), lt(0.5)))


@frozen(kw_only=True)
class Markers:
    """Abstention markers of one's own: an answer that is one of these, or begins with one, abstains."""

    markers: tuple[str, ...] = field(validator=min_len(1))


AbstentionSetting = Literal["default", "none"] | Markers
PromptChoice = PromptFiles | PluginRef | str


@frozen(kw_only=True)
class Config:
    """A whole experiment; see docs/reference/configuration.md for every key.

    Attributes:
        model_id: The model's name or path; without it, the backend's own default.
        backend: What answers.
        datasets: The questions.
        temps: Temperatures; every item is asked at each, in both arms.
        samples_per_item: Answers to each question at a temperature; 1 where nothing is said: ``{0.7: 5}``.
        max_new_tokens: Longest answers, in tokens.
        top_p: Share of the probability that is drawn from.
        top_k: Number of candidate tokens that are drawn from.
        stop: Texts that end an answer.
        use_batch_api: False: a backend that asks by batches is replaced by the online one it names for that.
        sizes: Most items: ``open_book_max_items``, ``closed_book_max_items``, ``<dataset>_max_items``.
        paths: Folders.
        pricing: US dollars per million tokens; without it no sums of money are given.
        prompt_sets: The pairs of system prompts: names of installed sets, or files of your own.
        default_prompt_set: The set a trial uses that names none; without it the only set of ``prompt_sets``, else
            ``default``.
        task_instructions: What every question is introduced with, the same in both arms.
        model_aliases: Short names for models.
        models: Models to run, one trial each.
        sweep: Values to cross with each other, a trial for each combination.
        trials: Explicit trials.
        abstention: Which answers count as declining to answer: a rule that reads sentences, only the empty answer, or
            markers of one's own.
        cache: ``reuse`` any stored answer, ``refresh``: only those this run asked for itself, ``off``: none.
        unsupported: The detector of unsupported answers.
        scorers: The scorers at hand; without it, every installed one.
        fallback_scorer: The scorer of datasets that no scorer names.
        analyses: The analyses; without it, every installed one.
        reporters: The reporters; without it, every installed one.
        optional: Switches of the study analyses.
        stats: Settings that analyses share.
        verdict: What the verdict is about.
    """

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
