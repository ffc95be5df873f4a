"""Names beside what they name on a chart, where there is room for them.

Strategy: each label has a few places it may be near (one for a point, several for a curve) and tries a ring of positions
around each; the cheapest wins, where covering another label, a point or a curve costs most, leaving the chart as
much, and distance a little. As a label placed early may be in a later one's way, all are placed more than once, from the
first on and from the last on. A label far from its place gets a thin line to it. Widths are those of matplotlib's own
font, which is wider than a browser's.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.transforms import IdentityTransform

from sseproof.canvas import INK, QUIET, TEXT_PT, plain

LINE_PT = 11.5
ROOM_PT = 4.0
RINGS_PT = (6.0, 14.0, 24.0, 36.0, 50.0)
FAR_PT = 14.0
_Box = tuple[float, float, float, float]
_Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Label(NamedTuple):
    """Lines of text, the first in full colour, near one of these places (in the chart's own units)."""

    lines: Sequence[str]
    near: Sequence[tuple[float, float]]


class Spot(NamedTuple):
    """Where a label is put: its box in points, what it points at, the side of the text that is next to that."""

    box: _Box
    at: tuple[float, float]
    side: str
    distance: float


@functools.lru_cache(maxsize=512)
def width_pt(text: str) -> float:
    """Give how wide a text is at most, in points."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=TEXT_PT), ismath=False)
    return float(width)


def place(axes: Axes, labels: Sequence[Label], avoided: Sequence[tuple[float, float]]) -> None:
    """Write labels where they cover neither each other nor the points that are to be avoided."""
    if not labels:
        return
    labels = [Label([plain(line) for line in label.lines], label.near) for label in labels]
    frame = axes.get_window_extent()
    edges = (frame.x0, frame.y0, frame.x1, frame.y1)
    obstacles = axes.transData.transform(np.array(avoided, dtype=np.float64).reshape(-1, 2))
    tried = [_candidates(axes, label) for label in labels]
    order = range(len(labels))
    settled = [_settled(tried, each, obstacles, edges) for each in (order, order[::-1])]
    _, spots = min(settled, key=lambda found: found[0])
    for label, spot in zip(labels, spots, strict=True):
        _write(axes, label, spot)


def _settled(
    tried: Sequence[Sequence[Spot]], order: Sequence[int], obstacles: _Array, edges: _Box
) -> tuple[float, list[Spot]]:
    """Place labels in an order, then each once more with all others there; give what it costs, and where they are."""
    spots: dict[int, Spot] = {}
    costs: dict[int, float] = {}
    for _ in range(3):
        for index in order:
            others = [spot.box for number, spot in spots.items() if number != index]
            priced = [(_cost(spot, others, obstacles, edges), spot) for spot in tried[index]]
            costs[index], spots[index] = min(priced, key=lambda found: found[0])
    return sum(costs.values()), [spots[index] for index in range(len(tried))]


def along(curve: Sequence[tuple[float, float]], axes: Axes) -> list[tuple[float, float]]:
    """Give points all along a curve, close enough to each other that no label fits between them."""
    shown = axes.transData.transform(np.array(curve, dtype=np.float64).reshape(-1, 2))
    found = [shown[:1]]
    for one, other in itertools.pairwise(shown):
        steps = max(1, int(np.hypot(*(other - one)) / 4))
        found.append(one + (other - one) * np.linspace(0, 1, steps + 1)[1:, None])
    back = axes.transData.inverted().transform(np.concatenate(found))
    return [(float(x), float(y)) for x, y in back]


def _candidates(axes: Axes, label: Label) -> list[Spot]:
    width, height = max(map(width_pt, label.lines)), LINE_PT * len(label.lines)
    found = []
    for x, y in axes.transData.transform(np.array(label.near, dtype=np.float64)):
        for distance in RINGS_PT:
            for across, up in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
                left = x + across * distance - width * (1 - across) / 2
                low = y + up * distance - height * (1 - up) / 2
                side = {1: "left", 0: "center", -1: "right"}[across]
                found.append(
                    Spot(
                        (left, low, left + width, low + height),
                        (float(x), float(y)),
                        side,
                        distance * (1.5 if across and up else 1),
                    )
                )
    return found


def _cost(
    spot: Spot,
    others: Sequence[_Box],
    obstacles: _Array,
    edges: _Box,
) -> float:
    left, low, right, high = spot.box
    cost = spot.distance
    for other in others:
        across = min(right, other[2]) - max(left, other[0]) + ROOM_PT
        up = min(high, other[3]) - max(low, other[1]) + ROOM_PT
        cost += 50 * max(0.0, across) * max(0.0, up)
    outside = max(0.0, edges[0] - left, right - edges[2]) + max(0.0, edges[1] - low, high - edges[3])
    inside = (
        (obstacles[:, 0] > left - ROOM_PT)
        & (obstacles[:, 0] < right + ROOM_PT)
        & (obstacles[:, 1] > low - ROOM_PT)
        & (obstacles[:, 1] < high + ROOM_PT)
    )
    return cost + 500 * outside + 200 * float(inside.sum())


def _write(axes: Axes, label: Label, spot: Spot) -> None:
    points = IdentityTransform()
    left, low, right, high = spot.box
    x = {"left": left, "center": (left + right) / 2, "right": right}[spot.side]
    if spot.distance > FAR_PT:
        ends = (min(max(spot.at[0], left), right), min(max(spot.at[1], low), high))
        line = Line2D(
            (spot.at[0], ends[0]), (spot.at[1], ends[1]), color=QUIET, linewidth=0.6, transform=points
        )
        axes.add_artist(line)
    for number, words in enumerate(label.lines):
        y = high - LINE_PT * (number + 1) + 2.5
        axes.text(x, y, words, color=QUIET if number else INK, ha=spot.side, transform=points)
