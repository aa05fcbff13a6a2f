"""The schema of a config accepts what exx accepts and refuses what exx refuses, as far as a schema can tell."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
from attrs import field, frozen
from attrs.validators import deep_iterable, ge, in_, le, matches_re, max_len

from exx.config.docstrings import field_docs, summary
from exx.config.json_schema import Option, config_schema
from exx.config.load import build_config
from exx.config.structure import Origin
from exx.errors import ConfigError

jsonschema = pytest.importorskip("jsonschema")


@frozen(kw_only=True)
class Served:
    """A backend.

    Attributes:
        url: Where it is,
            on which port.
        jobs: Most jobs, at least 1.
    """

    name: ClassVar[str] = "served"
    url: str = field(validator=matches_re("http.*"))
    jobs: int = field(default=4, validator=[ge(1), le(8)])
    mode: Literal["fast", "slow"] = "fast"
    omit: tuple[str, ...] = field(default=(), validator=deep_iterable(in_(("seed", "stop")), max_len(1)))


@frozen(kw_only=True)
class Overlap:
    """A detector."""

    name: ClassVar[str] = "overlap"
    min_token_overlap: float = 0.6
    stem: bool = False


@frozen(kw_only=True)
class Sample:
    """A dataset."""

    name: ClassVar[str] = "sample"


PLUGINS = [
    Option("backend", "served", Served),
    Option("detector", "overlap", Overlap),
    Option("dataset", "sample", Sample),
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema with a backend, a detector and a dataset."""
    made = config_schema(PLUGINS)
    jsonschema.Draft202012Validator.check_schema(made)
    return made


def problems(schema, config) -> list[str]:
    """What the schema has against a config."""
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(config)]


GOOD: list[dict[str, Any]] = [
    {},
    {"temps": [0, 0.7], "samples_per_item": {"0.7": 5}},
    {"backend": {"name": "served", "url": "http://x", "jobs": 8, "omit": ["seed"]}, "datasets": ["sample"]},
    {"datasets": [{"name": "sample"}]},
    {"prompt_sets": "default"},
    {"prompt_sets": ["a", "b"]},
    {"prompt_sets": {"mine": {"control": "c.txt", "treatment": {"text": "Think."}}}},
    {"unsupported": "overlap"},
    {"unsupported": {"min_token_overlap": 0.7, "stem": True}},
    {"unsupported": {"strategy": "overlap", "threshold": 0.5}},
    {"pricing": None, "cache": False, "verdict": {"margin": None}},
    {"abstention": {"markers": ["dunno"]}},
    {"sizes": {"open_book_max_items": None, "sample_max_items": 3}},
    {"stats": {"tost_margins": {"em": 0.5}, "risk_thresholds": [0, 1]}},
]
BAD: list[dict[str, Any]] = [
    {"temp": [0.0]},
    {"temps": [2.5]},
    {"temps": []},
    {"temps": 0.0},
    {"top_p": 0},
    {"top_k": 1.5},
    {"cache": "on"},
    {"max_new_tokens": {"open_book": 0}},
    {"samples_per_item": {"0.0": 0}},
    {"stats": {"tost_margins": {"em": 2}}},
    {"stats": {"seed": 1}},
    {"pricing": {"input_per_million": 1.0}},
    {"verdict": {"primary": []}},
    {"abstention": "never"},
    {"prompt_sets": {"mine": {"control": "c.txt"}}},
]
PLUGINS_BAD: list[dict[str, Any]] = [
    {"backend": "other"},
    {"backend": {"name": "served"}},
    {"backend": {"name": "served", "url": "ftp://x"}},
    {"backend": {"name": "served", "url": "http://x", "jobs": 0}},
    {"backend": {"name": "served", "url": "http://x", "mode": "medium"}},
    {"backend": {"name": "served", "url": "http://x", "omit": ["top_p"]}},
    {"backend": {"name": "served", "url": "http://x", "omit": ["seed", "stop"]}},
    {"datasets": [{"name": "sample", "size": 3}]},
    {"unsupported": {"strategy": "overlap", "threshold": 2}},
    {"unsupported": {"strategy": "nli"}},
    {"unsupported": {"own": 1}},
]


@pytest.mark.parametrize("config", GOOD)
def test_what_exx_reads_fits(schema, config):
    """Both say yes."""
    assert problems(schema, config) == []
    build_config(config, Origin("test"))


@pytest.mark.parametrize("config", BAD)
def test_what_exx_refuses_does_not_fit(schema, config):
    """Both say no."""
    assert problems(schema, config)
    with pytest.raises(ConfigError, match="test: 1 problem"):
        build_config(config, Origin("test"))


@pytest.mark.parametrize("config", PLUGINS_BAD)
def test_options_of_plugins_are_held_to_their_bounds(schema, config):
    """Required ones, bounds, choices, unknown ones, and plugins that are not installed."""
    assert problems(schema, config)


def test_every_key_has_words_and_a_default(schema):
    """What an editor shows beside a key; an option's words come from its class, put on one line."""
    keys = schema["properties"]
    without = [name for name, made in keys.items() if not made.get("description")]

    assert without == []
    assert keys["temps"]["default"] == [0.0]
    assert keys["datasets"]["default"] == ["squad_v2", "triviaqa", "nq_open"]
    served = schema["$defs"]["backend.served"]["properties"]
    assert served["url"]["description"] == "Where it is, on which port."
    assert served["jobs"] == {
        "description": "Most jobs, at least 1.",
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 8,
        "default": 4,
    }


def test_docstrings_are_read_up_to_the_next_section():
    """Only the attributes' own lines belong to them."""

    class Described:
        """First line,
        and more of it.

        Attributes:
            one: The first.
            two: The second
                goes on.

        Raises:
            three: Not an attribute.
        """

    assert summary(Described) == "First line, and more of it."
    assert field_docs(Described) == {"one": "The first.", "two": "The second goes on."}
    assert field_docs(int) == {}
