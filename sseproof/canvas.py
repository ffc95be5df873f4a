"""An empty chart, and the SVG it becomes: text that stays text, in the colours of the page around it.

Strategy: matplotlib draws with a few colours that nobody else uses, and what it wrote is gone through once: those colours
become the page's (`currentColor`, `var(--line)`), so a chart reads on light and on dark paper alike; ids that nothing
refers to go, the others get the chart's name in front, so two charts on a page do not collide. Rule of the file: a text
on a chart is never markup and never mathematics, whoever wrote it.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sseproof import results

INK, QUIET, LINE, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
"""Stand for the page's own colours until the chart is written."""
BECOMES = {
    INK: "currentColor",
    QUIET: "var(--quiet, currentColor)",
    LINE: "var(--line, #8886)",
    PAPER: "var(--paper, #fff)",
}
LONGEST_ALT = 4_000
WIDTH_PT, TEXT_PT = 324.0, 9.5
"""On a phone 390 px wide this text is still over 10 px high."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "text.parse_math": False, "font.size": TEXT_PT, "text.color": INK, "axes.edgecolor": QUIET,
    "axes.labelcolor": INK, "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "xtick.labelsize": TEXT_PT, "ytick.labelsize": TEXT_PT, "axes.facecolor": "none",
    "figure.facecolor": "none", "grid.color": LINE, "grid.linewidth": 0.8, "axes.linewidth": 0.8,
}  # fmt: skip
_NO_XML = re.compile(r"[\ufffe\uffff\s]+")
_COLOURS = re.compile("|".join(BECOMES))
_LONG = re.compile(r"\d+\.\d{3,}")


def plain(text: object, limit: int = 34) -> str:
    """Make a text that a server may have written fit into one line of a chart."""
    told = _NO_XML.sub(" ", results.visible(str(text)))
    return told if len(told) <= limit else told[: limit - 1] + "…"


def draw(
    name: str,
    alt: str,
    height_pt: float,
    paint: Callable[[Axes], None],
    *,
    left_pt: float = 40,
    top_pt: float = 18,
) -> Markup:
    """Paint an empty chart and give its SVG; `name` is unique on the page, `alt` says what the chart finds."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH_PT / 72, height_pt / 72), dpi=72)
        FigureCanvasSVG(figure)
        bottom_pt, right_pt = 36, 16
        axes = figure.add_axes((
            left_pt / WIDTH_PT, bottom_pt / height_pt,
            1 - (left_pt + right_pt) / WIDTH_PT, 1 - (bottom_pt + top_pt) / height_pt,
        ))  # fmt: skip
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        axes.grid(visible=True)
        written = io.BytesIO()
        with warnings.catch_warnings():
            # The browser has the glyphs that matplotlib's own font lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            paint(axes)
            figure.savefig(
                written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
            )
    return _finished(written.getvalue(), name, alt)


def titles(axes: Axes, across: str, upwards: str) -> None:
    """Write what the axes tell, with units; the upper one lies flat, for nobody reads sideways."""
    axes.set_xlabel(across, labelpad=3)
    axes.annotate(
        upwards, (0, 1), (4, 7), xycoords=("figure fraction", "axes fraction"), textcoords="offset points"
    )


def linear(axes: Axes, which: str, low: float, high: float) -> None:
    """Let an axis ("x" or "y") go from low to high in equal steps."""
    axes.set(**{f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def logarithmic(axes: Axes, which: str, low: float, high: float) -> None:
    """Let an axis ("x" or "y") go from low to high (both above 0) in equal ratios."""
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(ticks(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Give round numbers between two, as far apart as it takes not to be more than so many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
    for steps, every in ((fine, 1), ((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
        found = [step * 10.0**power for power in powers if power % every == 0 for step in steps]
        if len(within := [value for value in found if low <= value <= high]) <= most:
            return within
    return [low, high]


def tick(value: float) -> str:
    """Write a number beside an axis."""
    if abs(value) >= 999_999.5:
        return f"{value / 1e6:g}M"
    return f"{round(value, 9):,.10g}" if abs(value) < 1e-9 or abs(value) >= 1e-4 else f"{value:g}"


def _finished(written: bytes, name: str, alt: str) -> Markup:
    root = ElementTree.fromstring(written)  # comments and document type are gone with this
    used = {f"#{found}" for found in re.findall(r"[\"(]#([^\")]+)[\")]", written.decode())}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):  # its style would be the whole page's
                parent.remove(child)
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
        node.attrib = dict(_attributes(node.attrib.items(), used, name))
        if not (node.text or "").strip():
            node.text = None
        node.tail = None
    box = root.attrib["viewBox"]
    root.attrib = {
        "xmlns": "http://www.w3.org/2000/svg", "viewBox": box, "role": "img", "aria-label": plain(alt, LONGEST_ALT),
        "class": "chart", "style": "stroke-linejoin: round; stroke-linecap: butt; fill: currentColor",
    }  # fmt: skip
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _attributes(given: Iterable[tuple[str, str]], used: set[str], name: str) -> list[tuple[str, str]]:
    found = []
    for key, value in given:
        key = key.rpartition("}")[2]
        if key == "id":
            if f"#{value}" not in used:
                continue
            value = f"{name}-{value}"
        elif key in ("href", "clip-path"):
            value = value.replace("#", f"#{name}-")
        elif key == "style":
            value = _COLOURS.sub(lambda colour: BECOMES[colour[0]], value)
            value = re.sub(r"font-family: [^;]*;? ?|font: (?=[^;]*px)", "", value)
        elif key not in ("x", "y", "d", "transform", "width", "height"):
            found.append((key, value))
            continue
        found.append((key, _LONG.sub(lambda long: f"{float(long[0]):.2f}", value)))
    return found
