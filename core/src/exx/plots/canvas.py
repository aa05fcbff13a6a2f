"""What all figures share: a sheet to draw on, two colours for the arms, and the way from matplotlib to clean SVG.

matplotlib writes style attributes and a style element, which a page's content security policy forbids; they become
presentation attributes here. Ink is ``currentColor``, so that a figure is dark on light and light on dark.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTROL = "#0072b2"
TREATMENT = "#d55e00"
"""Blue and vermilion of Okabe & Ito (2008): told apart with every common kind of colour vision."""
INK = "#010203"
"""Stands for the page's own text colour while matplotlib draws."""
FAINT = 0.25

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_LIGHT_AND_DARK = "svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}"
_SETTINGS: Any = {
    "svg.hashsalt": "exx",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "path.simplify": True,
}


class Sheet:
    """A figure while it is drawn; ``svg`` is there once the context is left."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.svg = ""


@contextmanager
def sheet(size: tuple[float, float], *, title: str, description: str, standalone: bool = False) -> Iterator[Sheet]:
    """Draw on a sheet of this size in inches.

    Args:
        size: Width and height in inches.
        title: What the figure shows, in a few words; the accessible name.
        description: What there is to see, for those who cannot: the alternative text.
        standalone: For a file of its own instead of a place in a page.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        drawn = Sheet(figure.add_subplot())
        yield drawn
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn.svg = _clean(out.getvalue(), title, description, standalone)


def _clean(raw: bytes, title: str, description: str, standalone: bool) -> str:
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(raw)
    _drop(root, {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"})
    for element in root.iter():
        _plain_style(element)
    # matplotlib's own style element says this for every element; on the root it is inherited.
    root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt", "role": "img", "aria-label": title}
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    _, _, width, _ = root.attrib["viewBox"].split()
    root.attrib["width"] = f"{float(width) * 4 / 3:g}"
    for place, (name, text) in enumerate((("title", title), ("desc", description))):
        said = ET.Element(f"{{{_SVG}}}{name}")
        said.text = text
        root.insert(place, said)
    if standalone:
        style = ET.Element(f"{{{_SVG}}}style")
        style.text = _LIGHT_AND_DARK
        root.insert(2, style)
    text = ET.tostring(root, encoding="unicode").replace(INK, "currentColor")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n' if standalone else text


def _drop(element: ET.Element, tags: set[str]) -> None:
    for child in list(element):
        if child.tag in tags:
            element.remove(child)
        else:
            _drop(child, tags)


def _plain_style(element: ET.Element) -> None:
    style: str = element.attrib.pop("style", "")
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        name = name.strip()
        if name == "font":  # "9px 'DejaVu Sans', sans-serif": the family is the page's own
            size = next(word for word in value.split() if word.endswith("px"))
            element.attrib |= {"font-size": size, "font-family": "inherit"}
        elif name:
            element.attrib[name] = value.strip()


def legend(axes: Axes, **options: Any) -> None:
    """Name what is drawn, above the axes and clear of it."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, handlelength=1.6, **options)


def grid(axes: Axes, axis: str) -> None:
    """Draw faint lines to read values by."""
    axes.grid(axis=axis, color=INK, alpha=0.15, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def zero_line(axes: Axes, vertical: bool = True) -> None:
    """Draw the line of no difference."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0, color=INK, linewidth=0.9, alpha=0.7, zorder=1)
