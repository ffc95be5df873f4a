"""What the sections of a benchmark say alike: transports by their names, figures with their intervals, what is missing.

Rule of the file: a figure is told with its interval where there is one, and with what was seen of what was due; what was
not measured is said with the command that measures it, what was measured in vain with the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sseproof import intervals, reading, sentence
from sseproof.canvas import plain
from sseproof.intervals import Interval
from sseproof.reading import Row, Run
from sseproof.sentence import number

WAYS = {"sse": "SSE", "long-poll": "long-polling", "websocket": "WebSocket"}
DASH = "\u2013"
ORDER = ("sse", "websocket", "long-poll")


@dataclass(frozen=True)
class Chart:
    """A chart with its title and how to read it; without a drawing, `missing` says why and `command` what helps."""

    id: str
    title: str
    caption: str = ""
    svg: Markup | None = None
    missing: str = ""
    command: str = ""


def way_name(way: str) -> str:
    """Name a way as people do: "poll-0.1s" is "polling 0.1 s"."""
    found = re.fullmatch(r"poll-([\d.]+)s", way)
    return f"polling {found[1]} s" if found else WAYS.get(way, plain(way, 20))


def way_order(way: str) -> tuple[int, float, str]:
    """Order ways: what pushes, then what polls, the shortest interval first."""
    found = re.fullmatch(r"poll-(\d+(?:\.\d+)?)s", way)
    return (ORDER.index(way) if way in ORDER else len(ORDER), float(found[1]) if found else math.inf, way)


def not_measured(scenario: str) -> tuple[str, str]:
    """Say that a scenario is not in the run, and which command measures it."""
    profile = "" if scenario == "broadcast" else " --profile full"
    return "Not measured in this run", f"nox -s bench --{profile} --scenario {scenario}"


def in_vain(rows: Sequence[Row]) -> str:
    """Say why nothing came of what was measured."""
    reasons = [
        f"{plain(row.server)}: {'; '.join(plain(why, 160) for why in row.reasons)}"
        for row in rows
        if row.reasons
    ]
    return "Measured, but no trial gave this figure" + (f" ({' | '.join(reasons[:4])})" if reasons else "")


def figure(run: Run, row: Row, name: str, scale: float = 1.0) -> Interval | None:
    """Give any figure of a row's counting trials, by reading.figure's name; None where no trial has it."""
    values = [reading.figure(trial, name) for trial in reading.counting(row.trials)]
    found = [value for value in values if value is not None]
    return scaled(intervals.interval(found, int(run.header["seed"])) if found else None, scale)


def scaled(found: Interval | None, scale: float) -> Interval | None:
    """Give an interval in another unit; None where it is none that can be drawn."""
    if found is None or not all(math.isfinite(value) for value in found[:3]):
        return None
    return Interval(found.median * scale, found.low * scale, found.high * scale, found.trials)


def words(found: Interval | None, unit: str = "", *, void: bool = False) -> str:
    """Tell a figure: the median, its unit, and in brackets the interval where there is more than one trial."""
    if found is None:
        return "void" if void else DASH
    span = f" ({_number(found.low)}{DASH}{_number(found.high)})" if found.trials > 1 else ""
    return f"{_number(found.median)}{unit and ' ' + unit}{span}"


def cell(found: Interval | None, *, void: bool = False) -> str:
    """Tell a figure in a table: the median, and its interval on a line of its own."""
    return words(found, void=void).replace(" (", "\n").rstrip(")")


def _number(value: float) -> str:
    return "0" if not value else f"{value:.1g}" if abs(value) < 0.01 else number(value)


def share(row: Row) -> str:
    """Tell what was seen of what was due; one event lost of a million is not rounded away."""
    if not row.due:
        return ""
    return f"{sentence.share(row.seen, row.due).replace('%', ' %')} seen"


def rank(row: Row) -> str:
    """Tell a row's rank, ties as ties."""
    return f"rank {row.rank}" if row.rank else "not ranked"


def option(rows: Sequence[Row], name: str) -> float | None:
    """Give the number that the load was given for an option; None where it was given none."""
    given = [str(each) for each in rows[0].trials[0]["load"].get("options") or ()]
    try:
        value = float(given[given.index(name) + 1])
    except (ValueError, IndexError):
        return None
    return value if value > 0 else None


def too_few(rows: Sequence[Row]) -> str:
    """Say that a run planned too few trials to rank anybody; nothing where it did not."""
    most = max((row.wanted for row in rows), default=0)
    if not most or most >= intervals.RANKED_FROM:
        return ""
    return (
        f"Nobody is ranked: {most} trial{'s' * (most > 1)} of each, and a rank takes {intervals.RANKED_FROM}."
    )
