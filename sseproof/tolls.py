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
from sseproof.plan import split
from sseproof.reading import Row, Run
from sseproof.sentence import number
from sseproof.shown import cell, scaled

PROGRAMS = {"nginx": "nginx", "redis": "Redis"}
OWN = "door_cpu_s_per_1000"
EVERYWHERE = (pairs.CPU, pairs.BYTES)


@dataclass(frozen=True)
class Pair:
    """A figure without the door and through it, and the second divided by the first; None where there is none."""

    direct: Interval | None = None
    through: Interval | None = None
    ratio: Interval | None = None


@dataclass(frozen=True)
class Toll:
    """What one server's figures are on both sides. `own` is the door's CPU, in seconds for 1,000 deliveries."""

    server: str
    figures: Mapping[str, Pair]
    own: Interval | None
    row: Row


@dataclass(frozen=True)
class Crossing:
    """One way of a scenario through a door: its figures, the first it is ranked by, their ratios and CPU's, the servers."""

    scenario: str
    way: str  # "sse@nginx"
    names: Sequence[str]  # one or two, and never CPU or bytes, which every crossing has
    ratios: Mapping[str, pairs.Ratio | None]
    tolls: Sequence[Toll]

    @property
    def door(self) -> str:
        return split(self.way)[1]


def read(run: Run) -> list[Crossing]:
    """Give what each door costs, each way through it by itself, its servers in the order of their names."""
    return [
        _crossing(run, scenario, way, rows) for (scenario, way), rows in run.tables.items() if split(way)[1]
    ]


def _crossing(run: Run, scenario: str, way: str, rows: Sequence[Row]) -> Crossing:
    direct, seed = split(way)[0], int(run.header["seed"])
    own_names = [*(rows[0].trials[0].get("figures") or reading.FIGURES)]
    first = [each for each in own_names if each not in EVERYWHERE][:2] or [reading.FIGURES[0]]
    names = [*first, *EVERYWHERE]

    def side(way: str, name: str) -> dict[str, Interval]:
        found = pairs.values(run, way, name, scenario)
        return {server: intervals.interval(list(own.values()), seed) for server, own in found.items()}

    without, through = ({name: side(each, name) for name in names} for each in (direct, way))
    ratios = {name: pairs.ratio(run, way, direct, name, scenario) for name in names}
    own = side(way, OWN)

    def pair(server: str, name: str) -> Pair:
        ratio = found.by_server.get(server) if (found := ratios[name]) else None
        return Pair(without[name].get(server), through[name].get(server), ratio)

    tolls = [
        Toll(row.server, {name: pair(row.server, name) for name in names}, own.get(row.server), row)
        for row in sorted(rows, key=lambda row: row.server)
    ]
    return Crossing(scenario, way, first, ratios, tolls)


def section(run: Run) -> dict[str, Any] | None:
    """Give the page's section: a table with a sentence above it for each way through a door; None without one."""
    tables = [_table(crossing) for crossing in read(run)]
    return {"tables": tables, "programs": _programs(run)} if tables else None


def _programs(run: Run) -> list[str]:
    given = run.header.get("doors")
    return [plain(str(each), 120) for each in given.values()] if isinstance(given, Mapping) else []


def _table(crossing: Crossing) -> dict[str, Any]:
    names, door = crossing.names, crossing.door
    rows = []
    for toll in crossing.tolls:
        first, size = toll.figures[names[0]], show.scale(names[0])
        rows.append({
            "server": plain(toll.server),
            "direct": cell(scaled(first.direct, size)),
            "through": cell(scaled(first.through, size), void=toll.row.void),
            "ratios": [cell(toll.figures[each].ratio) for each in (*names, *EVERYWHERE)],
            "own": cell(scaled(toll.own, 1e3)),
            "seen": f"{toll.row.seen:,} of {toll.row.due:,}" if toll.row.due else shown.DASH,
            "why": "; ".join(plain(each, 120) for each in toll.row.reasons),
        })  # fmt: skip
    return {
        "title": f"{crossing.scenario}: {shown.way_name(split(crossing.way)[0])} {show.through(door)}",
        "door": PROGRAMS.get(door, door),
        "heads": [_label(each) for each in names],
        "said": sentence(crossing),
        "rows": rows,
    }


def _label(name: str) -> str:
    return show.titled(name).replace("\n", " ")


def sentence(crossing: Crossing) -> str:
    """Say what a door costs over all servers, and whether enough trials say so."""
    first = crossing.names[0]
    if (found := crossing.ratios[first]) is None:
        return "No trial without a mark has its like on the other side: nothing can be said."
    words = [f"{_label(first).removesuffix(' ms')} is {pairs.told(found.found)} times that without it"]
    if cpu := crossing.ratios[pairs.CPU]:
        words.append(f"the server's CPU {pairs.told(cpu.found)} times")
    own = [toll.own.median for toll in crossing.tolls if toll.own]
    if own:
        took = number(float(median(own)) * 1e3)
        program = PROGRAMS.get(crossing.door, crossing.door)
        words.append(f"{program} itself takes {took} ms of CPU for 1,000 deliveries")
    least = min((each.trials for each in found.by_server.values()), default=0)
    sure = "" if least >= intervals.RANKED_FROM else (
        f" With {least} pair{'s' * (least != 1)} of trials a server this is a first look: a verdict takes "
        f"{intervals.RANKED_FROM}."
    )  # fmt: skip
    said = "; ".join(words)
    return f"{said[0].upper()}{said[1:]} ({found.over}).{sure}"
