"""Figures are clean SVG: the same bytes each time, no styles for a page to allow, hostile words kept as words."""

from __future__ import annotations

from math import comb
from xml.etree import ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from exx.plots import (
    Interval,
    bootstrap_law,
    cost_plane,
    discordance,
    forest,
    risk_coverage,
    sensitivity,
)
from exx.plots.bootstrap import _law

HOSTILE = "</text><script>alert(1)</script> $\\frac{1}{0$ & \u202e]]>"
ROWS = [
    Interval(label="Answer match", estimate=0.061, low=0.012, high=0.11, clear=True),
    Interval(label=HOSTILE, estimate=-0.02, low=None, high=None),
]
RISK = {"curve": {"control": [{"coverage": 0.6, "risk": 0.333}, {"coverage": 1.0, "risk": 0.6}], "treatment": []}}
TABLE = {"both": 50, "b": 12, "c": 3, "neither": 35}
SWEEP = {
    "in_words": "It is not.",
    "recorded": {"up_to": 0.6},
    "curve": [
        {"threshold": 0.0, "difference": 0.0, "low": None, "high": None},
        {"threshold": 1.0, "difference": 0.1, "low": 0.05, "high": 0.15},
    ],
}
VALUES, COUNTS = np.array([-1.0, 0.0, 1.0]), np.array([3, 85, 12])


def figures(title="Figure", **more):
    """Every figure once."""
    return {
        "forest": forest(ROWS, title=title, margin=0.01, **more),
        "risk": risk_coverage(RISK, title=title, **more),
        "discordance": discordance(TABLE, title=title, **more),
        "law": bootstrap_law(VALUES, COUNTS, low=0.02, high=0.16, title=title, **more),
        "sensitivity": sensitivity(SWEEP, title=title, **more),
        "cost": cost_plane([(0.1, 0.02), (0.2, -0.01)], (0.15, 0.01), title=title, **more),
    }


@pytest.fixture(scope="module")
def drawn():
    """Every figure, drawn once, with a hostile title."""
    return figures(HOSTILE)


def test_the_same_bytes_every_time(drawn):
    """No date, no random ids."""
    assert figures(HOSTILE) == drawn


def test_nothing_that_a_strict_page_forbids(drawn):
    """No style attribute or element, no script, no address outside the figure."""
    for svg in drawn.values():
        elements = list(ET.fromstring(svg).iter())
        assert not [
            e for e in elements if "style" in e.attrib or e.tag.rpartition("}")[2] in ("style", "script", "image")
        ]
        links = [value for e in elements for key, value in e.attrib.items() if key.endswith("href")]
        assert all(link.startswith("#") for link in links)


def test_ink_is_the_text_colour_of_the_page(drawn):
    """So that it is light on a dark page."""
    for svg in drawn.values():
        assert "currentColor" in svg
        assert "#010203" not in svg and "#000000" not in svg


def test_each_figure_says_what_it_shows(drawn):
    """A role, a title, and a description with the numbers, hostile words and all."""
    for svg in drawn.values():
        root = ET.fromstring(svg)
        assert (root.attrib["role"], root[0].text) == ("img", HOSTILE)
        assert root[1].tag.endswith("desc") and root[1].text
    said = {name: ET.fromstring(svg)[1].text for name, svg in drawn.items()}
    assert "Answer match: +6.1 (+1.2 to +11.0)" in said["forest"]
    assert f"{HOSTILE}: −2.0 (no interval)" in said["forest"]
    assert "treatment alone right on 12, neither right on 35" in said["discordance"]
    assert "control: 33.3 % wrong at a coverage of 60.0 %, 60.0 % at 100.0 %" in said["risk"]
    assert said["sensitivity"] == "It is not."
    assert "ahead in 50 % of 2 resamples" in said["cost"]


def test_a_file_of_its_own_brings_its_colours():
    """For light and dark, as a picture in a page has no text colour to take."""
    svg = figures(standalone=True)["discordance"]

    assert svg.startswith("<?xml") and "prefers-color-scheme:dark" in svg


def test_the_law_is_the_binomial_one():
    """For deltas of 0 and 1 the bootstrap sum is binomial; compared with its mass function at every count."""
    means, heights = _law(np.array([0.0, 1.0]), np.array([14, 6]))

    mass = {k: comb(20, k) * 0.3**k * 0.7 ** (20 - k) for k in range(21)}
    assert {round(20 * m) for m in means} >= {0, 6, 15}
    for mean, height in zip(means, heights, strict=True):
        k = round(20 * mean)
        assert height == pytest.approx(mass.get(k, 0.0), abs=1e-12)


def test_the_law_leans_to_where_the_deltas_are():
    """Twelve gains and three losses of 100: the mean is +0.09, and its mirror image −0.09."""
    for sign in (1, -1):
        means, heights = _law(sign * VALUES, COUNTS)
        assert float(means @ heights / heights.sum()) == pytest.approx(sign * 0.09, abs=1e-4)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        pytest.param(lambda: forest([], title="x"), "no difference", id="forest"),
        pytest.param(lambda: risk_coverage({"reason": "no pairs"}, title="x"), "no pairs", id="risk"),
        pytest.param(lambda: discordance({"b": 1}, title="x"), "no table", id="table"),
        pytest.param(lambda: sensitivity({"curve": [], "reason": "no claim"}, title="x"), "no claim", id="sweep"),
        pytest.param(lambda: cost_plane([], (0, 0), title="x"), "no resample", id="cost"),
        pytest.param(
            lambda: bootstrap_law(np.array([0.5]), np.array([9]), low=None, high=None, title="x"), "vary", id="constant"
        ),
    ],
)
def test_nothing_to_draw_is_refused_with_its_reason(draw, words):
    """No empty axes."""
    with pytest.raises(ValueError, match=words):
        draw()
