"""What a benchmark says of a tutorial's claim: one function for each, from what was read to a verdict and its figure.

Strategy: each function states its rule in its docstring, which the page prints beside the verdict. A ratio decides
from RANKED_FROM pairs of trials whose interval lies on one side of 1. Rule of the file: no verdict without data of this
report, and data that leave a claim open make it "undecided", never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sseproof import intervals, pairs, reading
from sseproof.pairs import CPU, REQUESTS, STALENESS, Ratio, every
from sseproof.said import number, said
from sseproof.sentence import count, names
from sseproof.sources import Sources

HOLDS, HOLDS_NOT, IN_PART = "holds", "holds not", "in part"
UNDECIDED, NOT_MEASURED = "undecided", "not measured in this run"
FULL = 0.9  # of a core: a server that takes more has nothing left
WASTED = 1.0  # requests per event: beyond it some must have come back empty


class Finding(NamedTuple):
    verdict: str
    figure: str = ""


MISSING = Finding(NOT_MEASURED)
UNPAIRED = Finding(UNDECIDED, "Measured, but no block has a trial without a mark of each way on one server.")
Judge = Callable[[Sources], Finding]


def latency(found: Sources) -> Finding:
    """Holds if, for every polling interval, polling is staler than SSE on the same server; in part if for some."""
    if found.bench is None:
        return MISSING
    run = found.bench
    ratios = {way: each for way in pairs.polls(run) if (each := pairs.ratio(run, way, "sse", STALENESS))}
    if not ratios:
        return _unpaired(run, "sse", *pairs.polls(run))
    told = [
        f"{every(way)}: {pairs.told(each.found)} times that of SSE ({each.over})"
        for way, each in ratios.items()
    ]
    return Finding(_verdict(list(ratios.values())), f"Staleness at p50, polling {'; '.join(told)}.")


def requests(found: Sources) -> Finding:
    """Holds if polling took more requests per event than SSE, and at some interval more than one: some came back empty.

    In part if it took more than SSE and never more than one, so that none need have been empty.
    """
    if found.bench is None:
        return MISSING
    run = found.bench
    sse, ways = (
        pairs.values(run, "sse", REQUESTS),
        {way: pairs.values(run, way, REQUESTS) for way in pairs.polls(run)},
    )
    more = [
        own[block] - sse[server][block]
        for way in ways.values()
        for server, own in way.items()
        for block in own.keys() & sse.get(server, {}).keys()
    ]
    if not more:
        return _unpaired(run, "sse", *ways)
    medians = {way: each.median for way, own in ways.items() if (each := pairs.middle(own))}
    asked = pairs.middle(sse)
    told = ", ".join(f"{median:.2f} {every(way)}" for way, median in medians.items())
    rate = _load(run, next(iter(medians)), "publish_rate")
    at = f" with {rate:,} events a second" if rate else ""
    figure = f"Requests per event{at}: {told}; by SSE {asked.median if asked else 0:.2f} ({count(len(more), 'pair')} of trials)."
    if len(more) < intervals.RANKED_FROM:
        return Finding(UNDECIDED, figure)
    if max(more) <= 0:
        return Finding(HOLDS_NOT, figure)
    if min(more) <= 0:
        return Finding(IN_PART, figure)
    if max(medians.values()) > WASTED:
        return Finding(HOLDS, figure)
    return Finding(
        IN_PART,
        f"{figure} Never more than one: here no request need have come back empty; with rarer events some would.",
    )


def overload(found: Sources) -> Finding:
    """Holds if polling more often costs more CPU per delivery and fills a core of some server at the shortest interval.

    In part if it costs more and fills none. The number of clients is the same throughout; only the frequency differs.
    """
    if found.bench is None or len(ways := list(pairs.polls(found.bench))) < 2:
        return MISSING
    run, often, rarely = found.bench, ways[0], ways[-1]
    dearer = pairs.ratio(run, often, rarely, CPU)
    if dearer is None:
        return _unpaired(run, often, rarely)
    full = {way: _full(run, way) for way in (often, "sse")}
    users = _load(run, often, "users")
    asked = f"{users:,} clients, " if users else ""
    figure = (
        f"CPU per delivery {every(often)} is {pairs.told(dearer.found)} times that {every(rarely)} ({asked}{dearer.over}). "
        f"{every(often).capitalize()}, {_filled(full[often])}; by SSE, {_filled(full['sse'])}."
    )
    if dearer.side > 0 and not dearer.split:
        return Finding(HOLDS if any(full[often].values()) else IN_PART, figure)
    return Finding(_verdict([dearer]), figure)


def memory(found: Sources) -> Finding:
    """Holds if an open stream makes every measured server grow: its interval lies above 0, from five trials on each.

    In part if some grow for certain and others not.
    """
    rows = found.bench.tables.get(("hold", "sse"), ()) if found.bench else ()
    grown = {row.server: own for row in rows if (own := row.figures.get("kib_per_stream"))}
    if found.bench is None or not pairs.measured(found.bench, "sse", "hold"):
        return MISSING
    if not grown:
        return Finding(UNDECIDED, f"Measured, but without a figure of {names([row.server for row in rows])}.")
    trials = sum(own.trials for own in grown.values())
    told = ", ".join(
        f"{said(row.server, 60)} {pairs.told(grown[row.server])}{pairs.doubt(row)}"
        for row in rows
        if row.server in grown
    )
    unknown = [row.server for row in rows if row.server not in grown]
    users = _load(found.bench, "sse", "users", "hold")
    figure = (
        f"KiB per open stream{f', {users:,} at once' if users else ''}: {told} ({count(trials, 'trial')})."
    )
    figure += f" No figure of {names(unknown)}." if unknown else ""
    enough = [own.trials >= intervals.RANKED_FROM for own in grown.values()]
    signs = {
        sure and (own.low > 0) - (own.high <= 0) for sure, own in zip(enough, grown.values(), strict=True)
    }
    return Finding(_of_sides(signs), figure)


def websocket(found: Sources) -> Finding:
    """Holds if SSE is staler than WebSocket on the same server (interval over servers); in part if it depends on which."""
    if found.bench is None:
        return MISSING
    stale = pairs.ratio(found.bench, "sse", "websocket", STALENESS)
    if stale is None:
        return _unpaired(found.bench, "sse", "websocket")
    each = ", ".join(f"{said(server, 60)} {pairs.told(own)}" for server, own in stale.by_server.items())
    figure = f"Staleness at p50, SSE is {pairs.told(stale.found)} times WebSocket ({stale.over}: {each})."
    if cpu := pairs.ratio(found.bench, "sse", "websocket", CPU):
        figure += f" CPU per delivery: {pairs.told(cpu.found)} times."
    return Finding(_verdict([stale]), figure)


def _verdict(ratios: Sequence[Ratio]) -> str:
    """Judge that all of these lie above 1."""
    return IN_PART if any(each.split for each in ratios) else _of_sides({each.side for each in ratios})


def _of_sides(sides: set[int]) -> str:
    """Judge by who is certainly above (1), certainly not (-1), or neither (0), which leaves a claim open."""
    if 1 in sides:
        return HOLDS if sides == {1} else IN_PART
    return HOLDS_NOT if sides == {-1} else UNDECIDED


def _unpaired(run: reading.Run, one: str, *others: str) -> Finding:
    """Tell ways that were not measured from such whose trials cannot be paired."""
    both = pairs.measured(run, one) and any(pairs.measured(run, other) for other in others)
    return UNPAIRED if both else MISSING


def _full(run: reading.Run, way: str) -> Mapping[str, bool]:
    shares = pairs.values(
        run, way, "cpu_share", marked=True
    )  # whoever is so full that he loses events is full
    return {server: intervals.interval(list(own.values())).median >= FULL for server, own in shares.items()}


def _filled(full: Mapping[str, bool]) -> str:
    return f"{sum(full.values())} of {count(len(full), 'server')} take {100 * FULL:.0f} % of a core or more"


def _load(run: reading.Run, way: str, name: str, scenario: str = pairs.SCENARIO) -> int | float | None:
    rows = run.tables.get((scenario, way), ())
    found = number(rows[0].trials[0]["load"].get(name)) if rows else None
    return int(found) if found is not None and found.is_integer() else found
