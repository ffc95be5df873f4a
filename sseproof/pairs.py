"""Two ways of getting the same events, held against each other on the same server and in the same block.

Strategy: a ratio is taken trial by trial, so that a slow server or a busy hour is on both its sides. What several
servers say together is the median of their own medians, with the interval over servers; of one server, the interval
over its blocks. Rule of the file: only trials without a mark are paired, and fewer than RANKED_FROM pairs are sure of
nothing, whatever their interval says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sseproof import intervals, reading
from sseproof.intervals import Interval
from sseproof.sentence import number

SCENARIO = "broadcast"
STALENESS, CPU, BYTES, REQUESTS = "staleness.p50", *reading.COSTS

ByServer = Mapping[str, intervals.Values]


@dataclass(frozen=True)
class Ratio:
    """One way's figure divided by another's; `pairs` is of how many trials of each."""

    found: Interval
    pairs: int
    by_server: Mapping[str, Interval]

    @property
    def side(self) -> int:
        """Give 1 or -1 where it is certainly above or below 1, else 0."""
        return _side(self.found) if self.pairs >= intervals.RANKED_FROM else 0

    @property
    def split(self) -> bool:
        """Say whether one server is certainly above 1 and another certainly below."""
        sides = {_side(own) for own in self.by_server.values() if own.trials >= intervals.RANKED_FROM}
        return {1, -1} <= sides

    @property
    def over(self) -> str:
        """Say what it is of: "3 servers, 7 pairs of trials"."""
        servers = len(self.by_server)
        return f"{servers} server{'s' * (servers != 1)}, {self.pairs} pair{'s' * (self.pairs != 1)} of trials"


def _side(found: Interval) -> int:
    return (found.low > 1) - (found.high < 1)


def value(record: reading.Trial, name: str) -> float | None:
    """Give a trial's figure by its name in the costs or the histograms; None where it is not there or no number."""
    try:
        found = reading.figure(record, name)
    except (LookupError, TypeError, AttributeError, ValueError):
        return None
    return found if found is not None and math.isfinite(found) else None


def values(
    run: reading.Run, way: str, name: str, scenario: str = SCENARIO, *, marked: bool = False
) -> ByServer:
    """Give a figure of a way's unmarked trials by server and block; `marked` takes in the others."""
    found: dict[str, dict[int, float]] = {}
    for row in run.tables.get((scenario, way), ()):
        for record in row.trials:
            if record["state"] == "ok" and (marked or not record["marks"]):
                own = value(record, name)
                if own is not None:
                    found.setdefault(row.server, {})[record["block"]] = own
    return found


def measured(run: reading.Run, way: str, scenario: str = SCENARIO) -> bool:
    """Say whether any trial of a way was measured, with or without a mark."""
    return any(
        record["state"] == "ok" for row in run.tables.get((scenario, way), ()) for record in row.trials
    )


def ratio(run: reading.Run, one: str, other: str, name: str, scenario: str = SCENARIO) -> Ratio | None:
    """Divide a figure of one way by that of another, on the same servers; None where no trials are paired."""
    above, below = (values(run, way, name, scenario) for way in (one, other))
    seed = int(run.header["seed"])
    by_server = {
        server: found
        for server in above.keys() & below.keys()
        if (found := intervals.ratio(above[server], below[server], seed)) is not None
    }
    if not by_server:
        return None
    by_server = dict(sorted(by_server.items()))
    all_of_them = [found.median for found in by_server.values()]
    found = next(iter(by_server.values())) if len(by_server) == 1 else intervals.interval(all_of_them, seed)
    return Ratio(found, sum(each.trials for each in by_server.values()), by_server)


def middle(found: ByServer, seed: int = 0) -> Interval | None:
    """Give the median of the servers' medians, with its interval; None where there is nothing."""
    own = [intervals.interval(list(blocks.values()), seed).median for blocks in found.values()]
    return intervals.interval(own, seed) if own else None


def polls(run: reading.Run) -> dict[str, float]:
    """List the ways that poll, each with its interval in seconds, the shortest first."""
    named = {
        way: re.fullmatch(r"poll-(\d+(?:\.\d+)?)s", str(way))
        for scenario, way in run.tables
        if scenario == SCENARIO
    }
    return dict(
        sorted(((way, float(match[1])) for way, match in named.items() if match), key=lambda poll: poll[1])
    )


def every(way: str) -> str:
    """Say how often a way polls: "poll-5s" is "every 5 s"."""
    return f"every {way.removeprefix('poll-').removesuffix('s')} s"


def doubt(row: reading.Row) -> str:
    """Give " (marked)" for a row whose figures are of marked trials only, since it has no others."""
    clean = any(record["state"] == "ok" and not record["marks"] for record in row.trials)
    return "" if clean else " (marked)"


def told(found: Interval, scale: float = 1.0) -> str:
    """Write a figure with its interval where it has one: "1.85 (1.62-2.04)"."""
    median, low, high = (number(each * scale) for each in found[:3])
    return f"{median} ({low}-{high})" if found.trials > 1 else median
