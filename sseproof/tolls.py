"""What a proxy or a broker costs: each way through it, held against the same way without it.

Strategy: both were measured on the same server in the same blocks, so a ratio is taken trial by trial, as in pairs.py. Rule
of the file: what the door itself takes is told beside what the server takes, never within it; and trials too few to rank
are too few to say that something costs more, whatever their interval says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sseproof import intervals, pairs, reading, show, shown
from sseproof.canvas import plain
from sseproof.intervals import Interval
from sseproof.reading import Row, Run
from sseproof.show import number
from sseproof.shown import cell, scaled

DOORS = {"nginx": "through nginx", "redis": "on Redis"}
PROGRAMS = {"nginx": "nginx", "redis": "Redis"}
OWN = "door_cpu_s_per_1000"


@dataclass(frozen=True)
class Pair:
    """A figure without the door and through it, and the second divided by the first; None where there is none."""

    direct: Interval | None
    through: Interval | None
    ratio: Interval | None

    @property
    def side(self) -> int:
        """Give 1 or -1 where the door certainly makes it more or less, else 0."""
        if self.ratio is None or self.ratio.trials < intervals.RANKED_FROM:
            return 0
        return (self.ratio.low > 1) - (self.ratio.high < 1)


@dataclass(frozen=True)
class Toll:
    """One server in one way of a scenario. `own` is the door's CPU, in seconds for 1,000 deliveries."""

    server: str
    figures: Mapping[str, Pair]
    own: Interval | None
    row: Row


def split(way: str) -> tuple[str, str]:
    """Give a way without its door, and the door: "sse@nginx" is "sse", "nginx"."""
    direct, _, door = way.partition("@")
    return direct, door


def is_direct(way: str) -> bool:
    return not split(way)[1]


def name(way: str) -> str:
    """Name a way with its door in words: "sse through nginx"."""
    direct, door = split(way)
    return f"{direct} {DOORS.get(door, f'through {door}')}" if door else direct


def names(rows: Sequence[Row]) -> list[str]:
    """Give what is told of a scenario: the two figures it ranks by, the server's CPU, the bytes."""
    own = [*(rows[0].trials[0].get("figures") or reading.FIGURES)][:2]
    return list(dict.fromkeys([*own, pairs.CPU, pairs.BYTES]))


def read(run: Run) -> dict[tuple[str, str], list[Toll]]:
    """Give what each door costs, by scenario and way ("sse@nginx"), in the order of the servers' names."""
    found = {}
    for (scenario, way), rows in run.tables.items():
        if is_direct(way):
            continue
        told = names(rows)
        figures = {each: _pairs(run, scenario, way, each) for each in told}
        own, seed = pairs.values(run, way, OWN, scenario), int(run.header["seed"])
        found[scenario, way] = [
            Toll(
                row.server,
                {each: figures[each].get(row.server, Pair(None, None, None)) for each in told},
                intervals.interval(list(own[row.server].values()), seed) if row.server in own else None,
                row,
            )
            for row in sorted(rows, key=lambda row: row.server)
        ]
    return found


def _pairs(run: Run, scenario: str, way: str, figure: str) -> dict[str, Pair]:
    seed = int(run.header["seed"])
    through = pairs.values(run, way, figure, scenario)
    direct = pairs.values(run, split(way)[0], figure, scenario)
    return {
        server: Pair(
            intervals.interval(list(direct[server].values()), seed) if server in direct else None,
            intervals.interval(list(through[server].values()), seed) if server in through else None,
            intervals.ratio(through[server], direct[server], seed)
            if server in through and server in direct
            else None,
        )
        for server in {*through, *direct}
    }


def section(run: Run) -> dict[str, Any] | None:
    """Give the page's section: a table with a sentence above it for each way through a door; None without one."""
    found = read(run)
    tables = [_table(run, scenario, way, tolls) for (scenario, way), tolls in found.items()]
    return {"tables": tables, "programs": _programs(run)} if tables else None


def _programs(run: Run) -> list[str]:
    given = run.header.get("doors")
    return [plain(str(each), 120) for each in given.values()] if isinstance(given, Mapping) else []


def _table(run: Run, scenario: str, way: str, tolls: Sequence[Toll]) -> dict[str, Any]:
    direct, door = split(way)
    told = names([toll.row for toll in tolls])
    rows = []
    for toll in tolls:
        first, size = toll.figures[told[0]], show.scale(told[0])
        rows.append({
            "server": plain(toll.server),
            "direct": cell(scaled(first.direct, size)),
            "through": cell(scaled(first.through, size), void=shown.is_void(toll.row)),
            "ratios": [cell(toll.figures[each].ratio) for each in told],
            "own": cell(scaled(toll.own, 1e3)),
            "seen": f"{toll.row.seen:,} of {toll.row.due:,}" if toll.row.due else shown.DASH,
            "why": "; ".join(plain(each, 120) for each in toll.row.reasons),
        })  # fmt: skip
    return {
        "title": f"{scenario}: {shown.way_name(direct)} {DOORS.get(door, f'through {door}')}",
        "door": PROGRAMS.get(door, door),
        "heads": [show.titled(each).replace("\n", " ") for each in told[:2]],
        "said": sentence(run, scenario, way, tolls),
        "rows": rows,
    }


def sentence(run: Run, scenario: str, way: str, tolls: Sequence[Toll]) -> str:
    """Say what a door costs over all servers, and whether enough trials say so."""
    direct, door = split(way)
    first, *_ = told = names([toll.row for toll in tolls])
    ratios = {each: pairs.ratio(run, way, direct, each, scenario) for each in (first, pairs.CPU)}
    if (found := ratios[first]) is None:
        return "No trial without a mark has its like on the other side: nothing can be said."
    label = show.titled(told[0]).replace("\n", " ").removesuffix(" ms")
    words = [f"{label} is {pairs.told(found.found)} times that without it"]
    if cpu := ratios[pairs.CPU]:
        words.append(f"the server's CPU {pairs.told(cpu.found)} times")
    own = [toll.own.median for toll in tolls if toll.own]
    if own:
        took = number(float(median(own)) * 1e3)
        words.append(f"{PROGRAMS.get(door, door)} itself takes {took} ms of CPU for 1,000 deliveries")
    least = min((each.trials for each in found.by_server.values()), default=0)
    sure = "" if least >= intervals.RANKED_FROM else (
        f" With {least} pair{'s' * (least != 1)} of trials a server this is a first look: a verdict takes "
        f"{intervals.RANKED_FROM}."
    )  # fmt: skip
    said = "; ".join(words)
    return f"{said[0].upper()}{said[1:]} ({found.over}).{sure}"
