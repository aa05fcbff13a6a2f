"""From a config to its trials: explicit ones, or the cross product of a sweep, each with a slug."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import PurePath

from attrs import evolve, frozen

from exx.config.schema import Config, TokenLimits, TrialSpec
from exx.errors import ConfigError, UsageError


@frozen(kw_only=True)
class Trial:
    """One combination of model, prompt set and decoding settings; both arms of it are asked.

    Attributes:
        slug: Folder name, such as ``gpt-oss-120b-default-tp1-tk50-mx1024-1024``.
        model: The model's full name, aliases resolved.
        prompt_set: Name of the prompt set.
        temps: Temperatures, each asked of every item.
        top_p: Nucleus share.
        top_k: Candidates kept.
        max_new_tokens: Longest answer per item type.
    """

    slug: str
    model: str
    prompt_set: str
    temps: tuple[float, ...]
    top_p: float
    top_k: int
    max_new_tokens: TokenLimits


@frozen(kw_only=True)
class Narrowing:
    """What the command line keeps of a config's trials; None keeps everything."""

    models: tuple[str, ...] | None = None
    prompt_sets: tuple[str, ...] | None = None
    temps: tuple[float, ...] | None = None


def expand_trials(config: Config, default_model: str | None, narrowing: Narrowing = Narrowing()) -> tuple[Trial, ...]:
    """List the trials of a config, in a fixed order.

    Raises:
        ConfigError: No model is named, or two different trials come to one slug.
        UsageError: The narrowing leaves nothing.
    """
    specs = [*config.trials, *(_sweep(config) if _sweeps(config) or not config.trials else ())]
    trials = list(dict.fromkeys(_trial(config, spec, default_model) for spec in specs))
    kept = [narrowed for trial in trials if (narrowed := _narrow(config, trial, narrowing))]
    if not kept:
        have = sorted({f"{t.model} × {t.prompt_set}" for t in trials})
        raise UsageError("no trial is left by --models, --prompt-sets and --temps", hint=f"the config has {have}")
    slugs = [trial.slug for trial in kept]
    twice = sorted({slug for slug in slugs if slugs.count(slug) > 1})
    if twice:
        raise ConfigError("trials", [f"different trials share the name {slug!r}; give each an id" for slug in twice])
    return tuple(kept)


def _sweeps(config: Config) -> bool:
    sweep = config.sweep
    return any((sweep.models, sweep.prompt_sets, sweep.top_p, sweep.top_k, sweep.temps, *_token_lists(config)))


def _token_lists(config: Config) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return config.sweep.max_new_tokens.closed_book, config.sweep.max_new_tokens.open_book


def _sweep(config: Config) -> Iterator[TrialSpec]:
    models: Sequence[str | None] = config.sweep.models or config.models or (config.model_id,)
    sets = config.sweep.prompt_sets or (_default_set(config),)
    crossed = product(models, sets, config.sweep.top_p or (None,), config.sweep.top_k or (None,), _limits(config))
    for model, prompt_set, top_p, top_k, limits in crossed:
        yield TrialSpec(
            model=model,
            prompt_set=prompt_set,
            temps=config.sweep.temps or None,
            top_p=top_p,
            top_k=top_k,
            max_new_tokens=limits,
        )


def _limits(config: Config) -> Sequence[TokenLimits | None]:
    closed, opened = _token_lists(config)
    if closed and opened and len(closed) != len(opened):
        problem = f"sweep.max_new_tokens: {len(closed)} closed_book values beside {len(opened)} open_book values"
        raise ConfigError("sweep", [f"{problem}; they are paired by position"])
    if not closed and not opened:
        return (None,)
    top = config.max_new_tokens
    length = max(len(closed), len(opened))
    pairs = zip(closed or (top.closed_book,) * length, opened or (top.open_book,) * length, strict=True)
    return [TokenLimits(closed_book=c, open_book=o) for c, o in pairs]


def _default_set(config: Config) -> str:
    if config.default_prompt_set is not None:
        return config.default_prompt_set
    if len(config.prompt_sets) == 1:
        return next(iter(config.prompt_sets))
    return "default"


def _trial(config: Config, spec: TrialSpec, default_model: str | None) -> Trial:
    named = spec.model or config.model_id or default_model
    if named is None:
        raise ConfigError("config", ["model_id: required, since the backend has no default model"])
    trial = Trial(
        slug="",
        model=config.model_aliases.get(named, named),
        prompt_set=spec.prompt_set or _default_set(config),
        temps=tuple(dict.fromkeys(spec.temps or config.temps)),
        top_p=config.top_p if spec.top_p is None else spec.top_p,
        top_k=config.top_k if spec.top_k is None else spec.top_k,
        max_new_tokens=spec.max_new_tokens or config.max_new_tokens,
    )
    return evolve(trial, slug=safe_name(spec.id) if spec.id else _slug(trial))


def _slug(trial: Trial) -> str:
    name = PurePath(trial.model.replace("\\", "/")).name or trial.model
    limits = trial.max_new_tokens
    return safe_name(
        f"{name}-{trial.prompt_set}-tp{trial.top_p:g}-tk{trial.top_k}-mx{limits.closed_book}-{limits.open_book}"
    )


def safe_name(text: str) -> str:
    """A folder name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:120] or "trial"


def _narrow(config: Config, trial: Trial, narrowing: Narrowing) -> Trial | None:
    aliases = config.model_aliases
    if narrowing.models is not None and trial.model not in {aliases.get(m, m) for m in narrowing.models}:
        return None
    if narrowing.prompt_sets is not None and trial.prompt_set not in narrowing.prompt_sets:
        return None
    if narrowing.temps is None:
        return trial
    temps = tuple(t for t in trial.temps if t in narrowing.temps)
    return evolve(trial, temps=temps) if temps else None


def temp_label(temp: float) -> str:
    """Temperature as file names have it: 0.0 → ``0``, 0.7 → ``07``, 1.0 → ``10``."""
    return "0" if temp == 0 else repr(float(temp)).replace(".", "")
