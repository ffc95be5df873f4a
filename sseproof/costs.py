"""SSE against polling: what staleness costs by each way to get the events, which is what the project exists to tell.

Strategy: of the broadcast scenario, for one server (the reference where it was measured) a chart for each cost, how
staleness is spread, and what the others give by CPU; a table has it all. Rules of the file: staleness is an event's, from
when it was due, never a poll's response time; what was seen of what was due stands beside every figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sseproof import charts, histogram, reading, shown
from sseproof.canvas import plain
from sseproof.charts import Point, Strip
from sseproof.pairs import SCENARIO
from sseproof.plan import split
from sseproof.reading import REFERENCE, Row, Run
from sseproof.sentence import number
from sseproof.shown import Chart, cell, scaled, share, way_name, words

COSTS = {
    "cpu": ("server_cpu_s_per_1000", 1e3, "Staleness over the server's CPU", "ms of CPU per 1,000", "server CPU, ms per 1,000 deliveries"),
    "bytes": ("wire_bytes_per_event", 1.0, "Staleness over bytes on the wire", "B per event", "bytes per event, both directions, headers included"),
    "requests": ("requests_per_event", 1.0, "Staleness over requests", "requests per event", "requests per event delivered"),
}  # fmt: skip
HOW = (
    "Lower is fresher, further left is cheaper; each step up the axis is a multiple. A mark is the median over trials, its "
    "lines the 95 % interval; one trial has none."
)
Found = Mapping[str, Mapping[str, Row]]


def polling(run: Run) -> dict[str, Any]:
    """Give the section: charts for one server, those of the others, the table, and what has no point and why."""
    found: dict[str, dict[str, Row]] = {}
    # Those through a door are in tolls.py.
    ways = {way for scenario, way in run.tables if scenario == SCENARIO and not split(way)[1]}
    for way in sorted(ways, key=shown.way_order):
        for row in run.tables[SCENARIO, way]:
            found.setdefault(row.server, {})[way] = row
    missing, command = shown.not_measured(SCENARIO) if not found else ("", "")
    section: dict[str, Any] = {
        "missing": missing,
        "command": command,
        "server": "",
        "charts": [],
        "others": [],
    }
    section |= {"servers": _table(found), "absent": [], "trials": _trials(found)}
    if not found:
        return section
    servers = sorted(found, key=lambda server: (server != REFERENCE, list(run.header["servers"]).index(server)
                                                if server in run.header["servers"] else 0))  # fmt: skip
    first = next((server for server in servers if _points(found[server], "cpu")), servers[0])
    section["server"] = plain(first)
    section["absent"] = [
        f"{way_name(way)}{'' if server == first else f' on {plain(server)}'}: {why}"
        for server in dict.fromkeys([first, *servers])
        for way, row in found[server].items()
        if (why := _absent(row))
    ]
    section["charts"] = [_over(cost, f"polling-{cost}", first, found, [first]) for cost in COSTS]
    section["charts"].append(_spread(first, found[first]))
    section["others"] = [
        _over("cpu", f"polling-cpu-{place}", server, found, servers)
        for place, server in enumerate((each for each in servers if each != first), 2)
    ]
    return section


def bins(of: Any, per_decade: int = 16) -> list[tuple[float, float, float]]:
    """Sort a histogram's samples into bins of equal ratio: (from ms, to ms, share), the empty ones between them too."""
    counts = np.ctypeslib.as_array(of.counts)
    used = np.flatnonzero(counts)
    if not used.size:
        return []
    ms = np.array([of.get_value_from_index(int(index)) for index in used]) / 1e6
    steps = np.floor(np.log10(np.maximum(ms, 1e-3)) * per_decade).astype(np.int64)
    shares = np.bincount(steps - steps.min(), counts[used].astype(np.float64)) / of.total_count
    edges = 10.0 ** (np.arange(steps.min(), steps.max() + 2) / per_decade)
    return [
        (float(low), float(high), float(share))
        for low, high, share in zip(edges, edges[1:], shares, strict=False)
    ]


def _points(ways: Mapping[str, Row], cost: str) -> list[Point]:
    name, scale, *_ = COSTS[cost]
    points = []
    for way, row in ways.items():
        staleness = scaled(row.figures.get("staleness.p50"), 1e-6)
        paid = scaled(row.costs.get(name), scale)
        if staleness and paid and staleness.low > 0:
            points.append(Point(way, [way_name(way), share(row)], staleness, paid))
    return points


def _over(cost: str, name: str, server: str, found: Found, scaled_to: Sequence[str]) -> Chart:
    """Draw one server's ways over a cost; the axes are those of all servers it is to be held against."""
    _, _, title, unit, across = COSTS[cost]
    points = _points(found[server], cost)
    is_alone = len(scaled_to) == 1
    title = f"{title}: {plain(server)}" if is_alone else plain(server)
    if not points:
        return Chart(name, title, missing=shown.in_vain(list(found[server].values())))
    shared = [point for each in scaled_to for point in _points(found[each], cost)]
    limits = (
        (0.0, max(point.cost.high for point in shared)),
        (min(point.staleness.low for point in shared), max(point.staleness.high for point in shared)),
    )
    alt = f"{plain(server)}: " + "; ".join(
        f"{way_name(point.way)} delivers at {words(point.staleness, 'ms')} p50 for {words(point.cost, unit)}, {point.lines[1]}"
        for point in points
    )
    return Chart(name, title, HOW if is_alone else "", charts.over_cost(name, alt, points, across, limits))


def _spread(server: str, ways: Mapping[str, Row]) -> Chart:
    name, title = "polling-spread", f"How staleness is spread: {plain(server)}"
    strips, told = [], []
    for way, row in ways.items():
        p50, p99 = (scaled(row.figures.get(f"staleness.{q}"), 1e-6) for q in ("p50", "p99"))
        if p50 and p99 and p50.median > 0 and (found := bins(_merged(row))):
            note = f"p50 {number(p50.median)}, p99 {number(p99.median)} ms, {share(row)}"
            strips.append(Strip(way, way_name(way), note, found, p50.median, p99.median))
            told.append(f"{way_name(way)} {note}")
    if not strips:
        return Chart(name, title, missing="The records hold no histogram of staleness that can be read.")
    alt = f"{plain(server)}, how staleness is spread: {'; '.join(told)}"
    caption = (
        "The higher, the more events were so stale, each way by its own measure; each step along the axis is a multiple. The "
        "line is p50, the dashed one p99. All trials that count are taken together. To the right a step is longer, so what is "
        "spread evenly over an interval rises towards its end."
    )
    return Chart(name, title, caption, charts.spread(name, alt, strips))


def _merged(row: Row) -> Any:
    total = histogram.histogram()
    for trial in reading.counting(row.trials):
        text = ((trial.get("tally") or {}).get("histograms") or {}).get("staleness")
        try:
            total.decode_and_add(text)
        except Exception:  # no text, or none of a histogram: the decoder has an error for each byte
            continue
    return total


def _absent(row: Row) -> str:
    """Say why a way has no point; nothing where it has one."""
    if row.figures.get("staleness.p50"):
        return ""
    return "; ".join(plain(why, 200) for why in row.reasons) or "no trial gave a p50"


def _trials(found: Found) -> str:
    counts = sorted(
        {
            sum(trial["state"] == "ok" for trial in row.trials)
            for ways in found.values()
            for row in ways.values()
        }
        - {0}
    )
    return "" if not counts else f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _table(found: Found) -> list[dict[str, Any]]:
    """Give each server with a row of words for each of its ways."""
    return [
        {"name": plain(server), "ways": [_row(way, row) for way, row in ways.items()]}
        for server, ways in found.items()
    ]


def _row(way: str, row: Row) -> dict[str, str]:
    own = {key: cell(scaled(row.costs.get(name), scale)) for key, (name, scale, *_) in COSTS.items()}
    for q in ("p50", "p99"):
        own[q] = cell(scaled(row.figures.get(f"staleness.{q}"), 1e-6), void=row.void)
    why = "; ".join(plain(each, 120) for each in row.reasons)
    return own | {
        "way": way_name(way),
        "seen": f"{row.seen:,} of {row.due:,}" if row.due else shown.DASH,
        "why": why,
    }
