"""The charts of a benchmark, each with one idea: staleness over a cost, how staleness is spread, a figure per server,
staleness over clients, throughput on paper.

Strategy: numbers come in, SVG goes out; what is told and what it means is costs.py's and standings.py's. Rules of the
file: a transport has its colour and its mark in every chart (Okabe and Ito's palette, which the colour-blind tell apart;
the marks tell it in print), text is in the page's ink, things are named where they stand, and what nobody measured is
dashed and says "on paper".

It has more lines than most because each chart is short and all share colours, marks and rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.axes import Axes

from sseproof.canvas import INK, LINE, PAPER, QUIET, draw, linear, logarithmic, plain, titles
from sseproof.intervals import Interval
from sseproof.labels import Label, along, place, width_pt
from sseproof.scaling import Law
from sseproof.sentence import number

COLOURS = {
    "sse": "#0072B2", "poll-0.1s": "#E69F00", "poll-1s": "#D55E00", "poll-5s": "#56B4E9", "long-poll": "#CC79A7",
    "websocket": "#009E73",
}  # fmt: skip
MARKS = {"sse": "o", "poll-0.1s": "v", "poll-1s": "s", "poll-5s": "^", "long-poll": "D", "websocket": "P"}
OTHER = ("#8A8A8A", "X")
SERVER_MARKS, SERVER_DASHES = "osD^vPX", ("-", (0, (5, 1.5)), (0, (1.5, 1.5)))
ROW_PT, STRIP_PT = 30.0, 46.0
PAPER_UP_TO = 1_000_000


class Point(NamedTuple):
    """One way to get the events: its name here, the lines beside its mark, staleness in ms over a cost."""

    way: str
    lines: Sequence[str]
    staleness: Interval
    cost: Interval


class Curve(NamedTuple):
    """One way's (or server's) points, and the lines beside them."""

    key: str
    lines: Sequence[str]
    points: Sequence[tuple[float, float]]


class Strip(NamedTuple):
    """How one way's events are spread: bins in ms (from, to, share), and the headline figures, in ms too."""

    way: str
    title: str
    note: str
    bins: Sequence[tuple[float, float, float]]
    p50: float
    p99: float


class Row(NamedTuple):
    """One server: a note beside its name, its figures from the first mark to the last, or why there are none."""

    name: str
    note: str
    figures: Sequence[Interval]
    instead: str = ""


def colour(way: str) -> str:
    """Give a transport's colour, the same in every chart."""
    return COLOURS.get(way, OTHER[0])


def over_cost(
    name: str, alt: str, points: Sequence[Point], across: str,
    limits: tuple[tuple[float, float], tuple[float, float]], height_pt: float = 250,
) -> Markup:  # fmt: skip
    """Draw staleness (ms, logarithmic) over a cost; `limits` are the least and the most of cost and of staleness."""

    def paint(axes: Axes) -> None:
        (_, most), (low, high) = limits
        linear(axes, "x", -0.04 * most, most * 1.08 or 1)
        logarithmic(axes, "y", low / 2.2, high * 2.2)
        titles(axes, across, "staleness p50, ms")
        avoided = []
        for point in points:
            x, y = point.cost, point.staleness
            own = colour(point.way)
            axes.plot([x.low, x.high], [y.median, y.median], color=own, linewidth=1.4)
            axes.plot([x.median, x.median], [y.low, y.high], color=own, linewidth=1.4)
            axes.plot(
                [x.median], [y.median], MARKS.get(point.way, OTHER[1]), color=own, markersize=7.5, zorder=4 if point.way == "sse" else 3,
                markeredgecolor=INK, markeredgewidth=0.7,
            )  # fmt: skip
            avoided += along([(x.low, y.median), (x.high, y.median)], axes)
            avoided += along([(x.median, y.low), (x.median, y.high)], axes)
        place(
            axes, [Label(each.lines, [(each.cost.median, each.staleness.median)]) for each in points], avoided
        )

    return draw(name, alt, height_pt, paint)


def spread(name: str, alt: str, strips: Sequence[Strip]) -> Markup:
    """Draw a row for each way: how many of its events were so stale (ms, logarithmic), with p50 and p99 marked."""

    def paint(axes: Axes) -> None:
        edges = [edge for strip in strips for low, high, _ in strip.bins for edge in (low, high)]
        logarithmic(axes, "x", min(edges) / 1.1, max(edges) * 1.1)
        axes.set_ylim(0.03 - len(strips), 0)
        axes.set_yticks([])
        axes.set_xlabel("staleness, ms", labelpad=3)
        axes.grid(visible=False)
        for number_of, strip in enumerate(strips):
            floor = -number_of - 0.97
            _words(axes, -number_of - 0.27, strip.title, strip.note)
            axes.vlines(axes.get_xticks(), floor, floor + 0.55, color=LINE, linewidth=0.8)
            most = max(share for _, _, share in strip.bins)
            heights = [floor + 0.55 * share / most for _, _, share in strip.bins]
            axes.stairs(heights, [strip.bins[0][0], *(high for _, high, _ in strip.bins)], baseline=floor,
                        fill=True, color=colour(strip.way))  # fmt: skip
            for value, dashes in ((strip.p50, "-"), (strip.p99, (0, (2, 1.5)))):
                axes.plot([value, value], [floor, floor + 0.56], color=INK, linewidth=1.2, linestyle=dashes)
            axes.axhline(floor, color=QUIET, linewidth=0.8)

    return draw(name, alt, 40 + STRIP_PT * len(strips), paint, left_pt=10, top_pt=4)


def per_server(
    name: str, alt: str, rows: Sequence[Row], across: str, *, log: bool = True, series: Sequence[str] = (),
    line: tuple[float, str] | None = None,
) -> Markup:  # fmt: skip
    """Draw a row for each server: its name, beneath it its figures with their intervals, and a line to hold them against.

    Of two figures the first is a filled mark and the second a hollow one; `series` names them at the first row.
    """

    def paint(axes: Axes) -> None:
        given = [value for row in rows for each in row.figures for value in (each.low, each.high)]
        given += [line[0]] if line else []
        low, high = _with_room(axes, min(given), max(given), log=log)
        (logarithmic if log else linear)(axes, "x", low, high)
        axes.set_ylim(-len(rows), 0)
        axes.set_yticks([])
        axes.set_xlabel(across, labelpad=3)
        axes.grid(visible=False)
        if line:
            axes.annotate(line[1], (line[0], 1), (0, 6), xycoords=("data", "axes fraction"),
                          textcoords="offset points", ha="center", color=QUIET)  # fmt: skip
        for place_of, row in enumerate(rows):
            _row(axes, row, -place_of, series if place_of == 0 else (), line[0] if line else None)

    top_pt = 18 if line else 4
    return draw(name, alt, 36 + top_pt + ROW_PT * len(rows), paint, left_pt=10, top_pt=top_pt)


def climb(name: str, alt: str, curves: Sequence[Curve], bound_ms: float | None) -> Markup:
    """Draw p99 staleness over clients for each server, with the bound that ends a climb."""

    def paint(axes: Axes) -> None:
        everything = [point for curve in curves for point in curve.points]
        values = [y for _, y in everything] + ([bound_ms] if bound_ms else [])
        linear(axes, "x", 0, max(x for x, _ in everything) * 1.25)
        logarithmic(axes, "y", min(values) / 1.5, max(values) * 1.8)
        titles(axes, "clients", "staleness p99, ms")
        avoided: list[tuple[float, float]] = []
        if bound_ms:
            axes.axhline(bound_ms, color=QUIET, linewidth=1, linestyle=(0, (4, 2)))
            right = axes.get_xlim()[1]
            avoided += along([(0, bound_ms), (right, bound_ms)], axes)
        for index, curve in enumerate(curves):
            axes.plot(
                *zip(*curve.points, strict=True), color=COLOURS["sse"], linewidth=1.4, markersize=5,
                marker=SERVER_MARKS[index % len(SERVER_MARKS)],
                linestyle=SERVER_DASHES[index % len(SERVER_DASHES)], markeredgecolor=PAPER, markeredgewidth=0.5,
            )  # fmt: skip
            avoided += along(curve.points, axes)
        wanted = [Label(curve.lines, [curve.points[-1]]) for curve in curves]
        if bound_ms:
            right = axes.get_xlim()[1]
            wanted.append(
                Label(
                    [f"bound {number(bound_ms)} ms"],
                    [(right * at, bound_ms) for at in (0.85, 0.6, 0.3, 0.12)],
                )
            )
        place(axes, wanted, avoided)

    return draw(name, alt, 280, paint)


def on_paper(name: str, alt: str, points: Sequence[tuple[float, float]], law: Law) -> Markup:
    """Draw throughput over clients as it was measured, the law fitted to it, and dashed what that says up to a million."""

    def paint(axes: Axes) -> None:
        first, last = min(n for n, _ in points), max(n for n, _ in points)
        measured = [(n, law.throughput(n)) for n in _ratios(first, last, 20)]
        paper = [(n, law.throughput(n)) for n in _ratios(last, PAPER_UP_TO, 60)]
        shown = [x for _, x in (*points, *measured, *paper) if x > 0]
        logarithmic(axes, "x", first / 2, PAPER_UP_TO * 2)
        logarithmic(axes, "y", max(min(shown), max(shown) / 1e5) / 2, max(shown) * 2.5)
        titles(axes, "clients", "events delivered per second")
        own = COLOURS["sse"]
        axes.plot(*zip(*measured, strict=True), color=own, linewidth=2)
        axes.plot(*zip(*paper, strict=True), color=own, linewidth=1.4, linestyle=(0, (4, 3)))
        axes.plot(*zip(*points, strict=True), "o", color=own, markersize=5, markeredgecolor=PAPER, markeredgewidth=0.5)  # fmt: skip
        avoided = [*along(measured, axes), *along(paper, axes)]
        place(axes, [
            Label(["measured"], [points[len(points) // 2]]),
            Label(["on paper"], [paper[len(paper) // 4], paper[len(paper) // 3], paper[len(paper) // 2]]),
        ], avoided)  # fmt: skip

    return draw(name, alt, 230, paint, left_pt=48)


def _row(axes: Axes, row: Row, top: float, series: Sequence[str], line: float | None) -> None:
    """Paint one server's row, whose upper edge is at `top`: words above, marks below, the grid only beside these."""
    marks = top - 0.72
    _words(axes, top - 0.4, row.name, row.note)
    if not row.figures:
        axes.text(0, marks - 0.1, plain(row.instead, 60), transform=axes.get_yaxis_transform(), color=QUIET)
        return
    axes.vlines(axes.get_xticks(), marks - 0.22, marks + 0.22, color=LINE, linewidth=0.8)
    if line is not None:
        axes.vlines(line, marks - 0.28, marks + 0.28, color=QUIET, linewidth=1.2, linestyle=(0, (3, 1.5)))
    # Two intervals that overlap on one line would look like a single one.
    apart = 0.1 if len(row.figures) > 1 and row.figures[1].low <= row.figures[0].high else 0.0
    for index, each in enumerate(row.figures):
        own, is_first = COLOURS["sse"], index == 0
        y = marks + (apart if is_first else -apart)
        axes.plot([each.low, each.high], [y, y], color=own, linewidth=2)
        axes.plot([each.median], [y], "o", color=own if is_first else PAPER, markersize=7,
                  markeredgecolor=own, markeredgewidth=1.6)  # fmt: skip
        is_left = is_first and len(row.figures) > 1
        told = f"{series[index]} {number(each.median)}" if series else number(each.median)
        axes.annotate(
            told, (each.low if is_left else each.high, y), (-7 if is_left else 7, 0),
            textcoords="offset points", ha="right" if is_left else "left", va="center",
        )  # fmt: skip


def _words(axes: Axes, y: float, left: str, right: str) -> None:
    axes.text(0, y, plain(left), transform=axes.get_yaxis_transform())
    axes.text(1, y, plain(right, 60), transform=axes.get_yaxis_transform(), ha="right", color=QUIET)


def _with_room(axes: Axes, low: float, high: float, *, log: bool) -> tuple[float, float]:
    """Widen limits so that a figure fits beside the outermost marks."""
    box = axes.get_window_extent()
    share = (width_pt("p50 1,000") + 12) / box.width
    if not log:
        return 0.0, (high or 1.0) / (1 - share)
    room = (math.log(high / low) or math.log(2)) * share / (1 - 2 * share)
    return low / math.exp(room), high * math.exp(room)


def _ratios(low: float, high: float, steps: int) -> list[float]:
    return [low * (high / low) ** (step / steps) for step in range(steps + 1)]
