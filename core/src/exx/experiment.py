"""A config bound to the plugins it names: every option structured and checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, fields, frozen

from exx.config.schema import Config, PluginRef, PromptFiles, PromptText
from exx.config.structure import Origin, structure
from exx.config.trials import Narrowing, Trial, expand_trials
from exx.errors import ConfigError, ExxError, PluginError, UsageError
from exx.plugins import Offer, Owner, Registry
from exx.prices import Priced, Seller, find_price
from exx.records import Json, Price, PromptTexts
from exx.sources import Source

_STAT_SWITCHES = {"permutation": "enable_permutation", "multiple_testing": "enable_fdr"}
_STUDY_SWITCHES = {
    "unsupported_sensitivity": "enable_unsupported_sensitivity",
    "mixed_effects": "enable_mixed_effects",
    "power": "enable_power_analysis",
    "cost_effectiveness": "enable_cost_effectiveness",
}


@frozen
class Bound:
    """A plugin's class with its options filled in, and who it belongs to."""

    kind: str
    name: str
    instance: Any
    owner: Owner
    options: Mapping[str, Any]

    def stamp(self) -> dict[str, Json]:
        """What identifies this plugin in a fingerprint and in a report."""
        return {
            "name": self.name,
            "distribution": self.owner.distribution,
            "version": self.owner.version,
            "options": {key: _plain(value) for key, value in sorted(self.options.items())},
        }

    def failure(self, cause: BaseException) -> PluginError:
        """The exception to raise ``from`` one that the plugin raised."""
        return PluginError(self.name, str(self.owner), f"{type(cause).__name__}: {cause}")

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the plugin; a failure that is not its own refusal names the plugin."""
        try:
            return getattr(self.instance, method)(*arguments)
        except ExxError:
            raise
        except Exception as cause:
            raise self.failure(cause) from cause


@frozen
class Prompts:
    """The texts of a trial's prompt set, and where each came from."""

    texts: PromptTexts
    sources: Mapping[str, str]


@define(slots=False, eq=False)
class Experiment:
    """A config with its plugins; each kind is looked up when it is first asked for."""

    config: Config
    origin: Origin
    registry: Registry
    narrowing: Narrowing = field(factory=Narrowing)

    @cached_property
    def backend(self) -> Bound:
        """The backend that answers: the one the config names, or what that one says is to be used without batches."""
        named = self._named_backend
        if self.config.use_batch_api or not getattr(named.instance, "batch", False):
            return named
        return self._online(named)

    @cached_property
    def _named_backend(self) -> Bound:
        return self._bind("backend", self.config.backend, "backend")

    @cached_property
    def simulated(self) -> bool:
        """Answers are synthesised: no model is asked."""
        return bool(getattr(self.backend.instance, "simulates", False))

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """Every trial, in order."""
        return expand_trials(self.config, self._named_backend.call("default_model"), self.narrowing)

    @cached_property
    def datasets(self) -> tuple[Bound, ...]:
        """The datasets, in the config's order."""
        refs = self.config.datasets
        return tuple(self._bind("dataset", ref, f"datasets[{i}]") for i, ref in enumerate(refs))

    @cached_property
    def scorers(self) -> tuple[Bound, ...]:
        """The scorers the config names, or every installed one."""
        return self._named_or_all("scorer", self.config.scorers, "scorers")

    @cached_property
    def reporters(self) -> tuple[Bound, ...]:
        """The reporters the config names, or every installed one."""
        return self._named_or_all("reporter", self.config.reporters, "reporters")

    @cached_property
    def detector(self) -> Bound:
        """The detector of unsupported claims."""
        setting = self.config.unsupported
        offer = self._find("detector", setting.strategy, "unsupported.strategy")
        names = _option_names(offer)
        shared = {"threshold": setting.threshold, "min_token_overlap": setting.min_token_overlap}
        options = {key: value for key, value in shared.items() if key in names} | dict(setting.options)
        return self._instance(offer, options, "unsupported")

    @cached_property
    def analyses(self) -> tuple[Bound, ...]:
        """The analyses the config names, or every installed one, without those that are switched off."""
        return tuple(bound for bound in self._every_analysis() if self._enabled(bound.name))

    @property
    def by_batch(self) -> bool:
        """A batch service answers, at its discount."""
        return bool(getattr(self.backend.instance, "batch", False))

    @property
    def price(self) -> Price | None:
        """What tokens of the first trial's model cost; None without a price."""
        return self.priced().price

    def priced(self, model: str | None = None, day: date | None = None) -> Priced:
        """A model with its price: the config's, else the one listed for its seller.

        Args:
            model: The model; None: the first trial's.
            day: The day whose price it is to be, for a listed one; default: today.
        """
        pricing = self.config.pricing
        if pricing is None and model is None:
            model = self.trials[0].model
        seller = None if pricing is not None else Seller.of(self.backend.instance)
        return find_price(model or "", pricing=pricing, batch=self.by_batch, seller=seller, day=day)

    def study(self, name: str) -> Bound:
        """A study analysis by name, with the config's options for it; switches don't matter to one that is asked for.

        Raises:
            ConfigError: There is none of this name, or it is no study analysis.
        """
        found = [bound for bound in self._every_analysis() if bound.name == name]
        bound = found[0] if found else self._bind("analysis", PluginRef(name), "exx analyze")
        if bound.instance.level != "study":
            problem = f"{name} works on every {bound.instance.level}, not on a whole trial"
            raise ConfigError(self.origin.source, [problem], hint="exx stats asks it")
        return bound

    def prompts(self, trial: Trial) -> Prompts:
        """The texts a trial uses.

        Raises:
            ConfigError: A file is missing, a text is empty, or control and treatment are the same.
        """
        choice = self.config.prompt_sets.get(trial.prompt_set, trial.prompt_set)
        if isinstance(choice, PromptFiles):
            where = f"prompt_sets.{trial.prompt_set}"
            control, control_from = self._text(choice.control, f"{where}.control")
            treatment, treatment_from = self._text(choice.treatment, f"{where}.treatment")
        else:
            ref = PluginRef(choice) if isinstance(choice, str) else choice
            bound = self._bind("prompt_set", ref, f"prompt_sets.{trial.prompt_set}")
            texts: PromptTexts = bound.call("texts")
            control, treatment = texts.control, texts.treatment
            control_from = treatment_from = f"{ref.name} ({bound.owner})"
        if control == treatment:
            problem = f"prompt_sets.{trial.prompt_set}: control and treatment are the same text"
            raise ConfigError(self.origin.source, [problem], hint="an experiment needs two different system prompts")
        opened, opened_from = self._instruction("open_book")
        closed, closed_from = self._instruction("closed_book")
        return Prompts(
            PromptTexts(control=control, treatment=treatment, open_book=opened, closed_book=closed),
            {
                "control": control_from,
                "treatment": treatment_from,
                "open_book": opened_from,
                "closed_book": closed_from,
            },
        )

    def portable(self) -> Config:
        """The config with the paths among its datasets' and its backend's options made absolute."""
        refs = tuple(_absolute(bound) for bound in self.datasets)
        return evolve(self.config, datasets=refs, backend=_absolute(self._named_backend))

    def check(self) -> None:
        """Bind everything, so that every problem of a config shows before anything runs."""
        problems: dict[str, None] = {}
        hints: dict[str, None] = {}
        for check in self._checks():
            try:
                check()
            except ConfigError as error:
                problems |= dict.fromkeys(error.problems)
                hints |= dict.fromkeys([error.hint] if error.hint else [])
        if problems:
            raise ConfigError(self.origin.source, list(problems), hint="\n  → ".join(hints) or None)

    def _checks(self) -> Iterator[Callable[[], Any]]:
        for name in ("backend", "datasets", "scorers", "detector", "analyses", "reporters", "trials"):
            yield partial(getattr, self, name)
        try:
            trials = self.trials
        except ConfigError:
            return  # told by the check before
        for trial in trials:
            yield partial(self.prompts, trial)
        for model in dict.fromkeys(trial.model for trial in trials):
            yield partial(self.backend.call, "identity", model)

    def _instruction(self, which: str) -> tuple[str, str]:
        given: PromptText | None = getattr(self.config.task_instructions, which)
        if given is not None:
            return self._text(given, f"task_instructions.{which}")
        offer = self._find("prompt_set", "default", f"task_instructions.{which}")
        texts = self._instance(offer, {}, "task_instructions").call("texts")
        return getattr(texts, which), f"default ({offer.owner})"

    def _text(self, prompt: PromptText, where: str) -> tuple[str, str]:
        if prompt.path is None:
            text, source = prompt.text or "", "in the config"
        else:
            text, source = self._read(prompt.path, where), str(prompt.path)
        if not text.strip():
            raise ConfigError(self.origin.source, [f"{self.origin.locate(where)}: the prompt is empty ({source})"])
        return text.strip(), source

    def _read(self, path: Path, where: str) -> str:
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as cause:
            reason = "no such file" if isinstance(cause, FileNotFoundError) else f"cannot be read ({cause})"
            problem = f"{self.origin.locate(where)}: {path}: {reason}"
            raise ConfigError(self.origin.source, [problem]) from cause

    def _every_analysis(self) -> tuple[Bound, ...]:
        return self._named_or_all("analysis", self.config.analyses, "analyses", self._stats_options)

    def _enabled(self, analysis: str) -> bool:
        if analysis in _STAT_SWITCHES:
            return bool(getattr(self.config.stats, _STAT_SWITCHES[analysis]))
        return bool(getattr(self.config.optional, _STUDY_SWITCHES.get(analysis, ""), True))

    def _stats_options(self, offer: Offer) -> dict[str, Any]:
        shared = {name: getattr(self.config.stats, name) for name in _field_names(type(self.config.stats))}
        return {key: _plain(value) for key, value in shared.items() if key in _option_names(offer)}

    def _named_or_all(
        self,
        kind: str,
        refs: tuple[PluginRef, ...] | None,
        where: str,
        shared: Callable[[Offer], dict[str, Any]] | None = None,
    ) -> tuple[Bound, ...]:
        if refs is None:
            refs = tuple(PluginRef(name) for name in sorted(self.registry.offers(kind)))
        bound = []
        for index, ref in enumerate(refs):
            offer = self._find(kind, ref.name, f"{where}[{index}]")
            options = (shared(offer) if shared else {}) | dict(ref.options)
            bound.append(self._instance(offer, options, f"{where}[{index}]", ref.options))
        return tuple(bound)

    def _online(self, named: Bound) -> Bound:
        """The backend that stands in for one that asks by batches."""
        where = "use_batch_api"
        if not hasattr(named.instance, "online"):
            problem = f"{self.origin.locate(where)}: false, and the backend {named.name!r} can only ask by batches"
            hint = "set use_batch_api: true, or name an online backend (exx plugins list shows them)"
            raise ConfigError(self.origin.source, [problem], hint=hint)
        name, options = named.call("online")
        if name not in self.registry.offers("backend"):
            problem = f"{self.origin.locate(where)}: false, and the backend {name!r}, which {named.name!r} then uses, "
            hint = f"pip install exx-{name.replace('_', '-')}, or set use_batch_api: true"
            raise ConfigError(self.origin.source, [f"{problem}is not installed"], hint=hint)
        bound = self._instance(self._find("backend", name, where), options, f"backend ({name})")
        if getattr(bound.instance, "batch", False):
            raise PluginError(named.name, str(named.owner), f"online() names {name!r}, which asks by batches too")
        return bound

    def _bind(self, kind: str, ref: PluginRef, where: str) -> Bound:
        return self._instance(self._find(kind, ref.name, where), ref.options, where)

    def _find(self, kind: str, name: str, where: str) -> Offer:
        try:
            return self.registry.find(kind, name)
        except UsageError as cause:
            problem = f"{self.origin.locate(where)}: {cause.message}"
            raise ConfigError(self.origin.source, [problem], hint=cause.hint) from cause

    def _instance(
        self, offer: Offer, options: Mapping[str, Any], where: str, given: Mapping[str, Any] | None = None
    ) -> Bound:
        try:
            instance = structure(dict(options), offer.cls, self.origin, where)
        except ConfigError as error:
            raise self._at_home(error, options, given, where) from error
        return Bound(offer.kind, offer.name, instance, offer.owner, options)

    def _at_home(
        self, error: ConfigError, options: Mapping[str, Any], given: Mapping[str, Any] | None, where: str
    ) -> ConfigError:
        """The same problems, those of values that came from ``stats`` under the key they have there."""
        taken = options.keys() - given.keys() if given is not None else ()
        moved = {f"{where}.{key}:": f"{self.origin.locate(f'stats.{key}')}:" for key in taken}
        problems = []
        for problem in error.problems:
            old = next((place for place in moved if problem.startswith(place)), None)
            problems.append(problem if old is None else moved[old] + problem.removeprefix(old))
        return ConfigError(error.source, problems, hint=error.hint)


def _option_names(offer: Offer) -> set[str]:
    return _field_names(offer.cls)


def _absolute(bound: Bound) -> PluginRef:
    """A plugin as a config names it, in a form that means the same from any folder."""
    options = dict(bound.options)
    for key in options.keys() & _field_names(type(bound.instance)):
        value = getattr(bound.instance, key, None)
        if isinstance(value, Source) and not value.is_url:
            options[key] = str(value.path.absolute())
        elif isinstance(value, Path):
            options[key] = str(value.absolute())
    return PluginRef(bound.name, options)


def _field_names(cls: type[Any]) -> set[str]:
    return {f.alias for f in fields(cls)}


def _plain(value: Any) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def with_dry_run(config: Config) -> Config:
    """The same experiment with the backend ``dry_run``: no model is asked and no network is touched."""
    if config.backend.name == "dry_run":
        return config
    return evolve(config, backend=PluginRef("dry_run"))


def with_account(config: Config, registry: Registry, account_id: str) -> Config:
    """The same experiment, asked by another account of the backend's service.

    Raises:
        UsageError: The backend knows no accounts.
    """
    ref = config.backend
    if "account_id" not in _option_names(registry.find("backend", ref.name)):
        hint = "--account-id is for backends with an option account_id; exx plugins show NAME lists a backend's options"
        raise UsageError(f"the backend {ref.name!r} knows no accounts", hint=hint)
    return evolve(config, backend=PluginRef(ref.name, {**ref.options, "account_id": account_id}))
