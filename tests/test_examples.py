"""The examples fit the schema that editors are pointed to, and the schema is that of the installed plugins."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from exx.cli.setting_up import installed_schema

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_schema_beside_the_examples_is_the_one_of_the_code():
    """`exx schema --out examples/schema.json` makes it anew."""
    assert json.loads((EXAMPLES / "schema.json").read_text("utf-8")) == installed_schema()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*.yaml")), ids=lambda path: path.parent.name)
def test_an_example_fits_the_schema_it_names(path):
    """Its first line names the file, relative to its own folder."""
    text = path.read_text("utf-8")
    line, *_ = text.splitlines()
    assert line.startswith("# yaml-language-server: $schema=")
    schema = json.loads((path.parent / line.partition("=")[2]).read_text("utf-8"))
    jsonschema.validate(yaml.safe_load(text), schema, cls=jsonschema.Draft202012Validator)
