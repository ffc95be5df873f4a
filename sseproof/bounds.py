"""What a run is held against, from loadtest/gate.toml or a file of one's own; docs/gate.md says how to write one.

Rule of the file: it is read strictly. A key, a figure or a scenario that does not exist is an error with a near match, since
a bound that is never held against anything looks exactly like one that holds. A time is never bounded as such: it
would be true of one machine.

It has more lines than most because reading a table strictly means a sentence for each way it can be wrong.
"""

from __future__ import annotations

import fnmatch
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sseproof import changes, reading, results, show
from sseproof.ledger import near

KINDS = ("conformance", "bench")
COUNTS = (
    "failed", "lost", "refused", "unserved", "broken", "duplicates", "reordered", "unhealthy", "not_conforming",
)  # fmt: skip
NUMBERS = (*reading.COSTS, *reading.HIGHER_IS_BETTER, "kib_per_stream", "cpu_share")
FIGURES = (*(f"{kind}.{quantile}" for kind in show.NANOSECONDS for quantile in reading.QUANTILE), *NUMBERS)
BASE_COUNTS = ("worse_cases", "gone_cases")
REST = "*"


class BoundsError(Exception):
    """A bound that cannot be right; the message names its place and the way out."""


@dataclass(frozen=True)
class Bound:
    """The bounds of some servers in some ways: at most so many times the reference, at most so many.

    `trials` goes before the same counts of the whole file.
    """

    scenario: str
    way: str
    server: str
    x_reference: Mapping[str, float]
    at_most: Mapping[str, float]
    trials: Mapping[str, float] = field(default_factory=dict)

    def covers(self, scenario: str, way: str, server: str) -> bool:
        """Say whether this is about that server in that way."""
        given = ((scenario, self.scenario), (way, self.way), (server, self.server))
        return all(_matches(text, pattern) for text, pattern in given)


@dataclass(frozen=True)
class Bounds:
    """A whole file. `base` has, by figure, how many times worse than the base run is too much; "*" is any other."""

    unstable: str = "tell"
    needs: Sequence[str] = ()
    verdicts: Mapping[str, float] = field(default_factory=dict)
    trials: Mapping[str, float] = field(default_factory=dict)
    each: Sequence[Bound] = ()
    base: Mapping[str, float] = field(default_factory=dict)
    base_counts: Mapping[str, float] = field(default_factory=dict)

    def of(self, scenario: str, way: str, server: str) -> Bound:
        """Give all that bounds a server in a way; of entries that bound the same figure the last goes."""
        found = Bound(scenario, way, server, {}, {}, dict(self.trials))
        for bound in self.each:
            if bound.covers(scenario, way, server):
                found = replace(
                    found,
                    x_reference={**found.x_reference, **bound.x_reference},
                    at_most={**found.at_most, **bound.at_most},
                    trials={**found.trials, **bound.trials},
                )
        return found


def read(path: Path) -> Bounds:
    """Read a file; raises BoundsError for what is no TOML, an unknown key or figure, and a number that cannot be."""
    place = path.name
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BoundsError(f"{place}: {error}") from None
    _known(document, ("unstable", "needs", "conformance", "trials", "bound", "base"), place)
    unstable, needs = document.get("unstable", "tell"), document.get("needs", [])
    if unstable not in ("tell", "fail"):
        raise BoundsError(f'{place}: unstable is {unstable!r}, expected "tell" or "fail"')
    if not isinstance(needs, list) or not all(isinstance(each, str) for each in needs):
        raise BoundsError(f"{place}: needs is {needs!r}, expected a list of {' and '.join(KINDS)}")
    _known(dict.fromkeys(needs), KINDS, f"{place}, needs")
    entries = document.get("bound", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BoundsError(f"{place}: bound is no list of tables, write [[bound]]")
    base = _table(document, "base", place)
    _known(base, ("figures", *BASE_COUNTS), f"{place}, base")
    worse = _numbers(_table(base, "figures", f"{place}, base"), (*FIGURES, REST), f"{place}, base.figures")
    for name, number in worse.items():
        if number <= 1:
            raise BoundsError(f"{place}, base.figures: {name} is {number:g}, expected a factor above 1")
    counts = {key: value for key, value in base.items() if key != "figures"}
    verdicts = ("problems", *(each for each in results.VERDICTS if each != "pass"))
    return Bounds(
        unstable,
        needs,
        _numbers(_table(document, "conformance", place), verdicts, f"{place}, conformance"),
        _numbers(_table(document, "trials", place), COUNTS, f"{place}, trials"),
        [_bound(entry, f"{place}, bound {number}") for number, entry in enumerate(entries, 1)],
        worse,
        _numbers(counts, BASE_COUNTS, f"{place}, base"),
    )


def _bound(entry: Mapping[str, Any], place: str) -> Bound:
    _known(entry, ("scenario", "way", "server", "x_reference", "at_most", "trials"), place)
    words = {key: entry.get(key, "*") for key in ("scenario", "way", "server")}
    for key, value in words.items():
        if not isinstance(value, str) or not value:
            raise BoundsError(f"{place}: {key} is {value!r}, expected a name; * and ? match")
    x_reference = _numbers(_table(entry, "x_reference", place), FIGURES, f"{place}, x_reference")
    given = _table(entry, "at_most", place)
    for name in given:
        if name in FIGURES and name not in changes.COUNTED:
            raise BoundsError(
                f"{place}, at_most: {name} depends on the machine; bound it by x_reference, "
                f"as a multiple of {reading.REFERENCE}'s in the same run"
            )
    trials = _numbers(_table(entry, "trials", place), COUNTS, f"{place}, trials")
    if not x_reference and not given and not trials:
        raise BoundsError(f"{place}: it bounds nothing; write x_reference, at_most or trials")
    return Bound(
        **words,
        x_reference=x_reference,
        at_most=_numbers(given, changes.COUNTED, f"{place}, at_most"),
        trials=trials,
    )


def _table(table: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise BoundsError(f"{place}: {key} is {found!r}, expected a table")
    return found


def _numbers(table: Mapping[str, Any], names: Sequence[str], place: str) -> dict[str, float]:
    _known(table, names, place)
    for key, value in table.items():
        sound = isinstance(value, int | float) and not isinstance(value, bool)
        if not sound or not 0 <= value < math.inf:
            # [x_reference] staleness.p50 = 2 is a table in a table to TOML; the name has to be quoted.
            quoted = (
                f'; a name with a dot is quoted: "{key}.{next(iter(value), "p50")}"'
                if isinstance(value, dict)
                else ""
            )
            raise BoundsError(f"{place}: {key} is {value!r}, expected a number from 0{quoted}")
    return {key: float(value) for key, value in table.items()}


def _known(table: Mapping[str, Any], names: Sequence[str], place: str) -> None:
    for key, value in table.items():
        if key in names:
            continue
        if isinstance(value, dict) and any(name.startswith(f"{key}.") for name in names):
            inner = next(iter(value), "p50")
            raise BoundsError(f'{place}: a name with a dot is quoted: "{key}.{inner}"')
        meant = near(key, names) or f"; there are {', '.join(names if len(names) < 15 else NUMBERS)}"
        raise BoundsError(f"{place}: there is no {key!r}{meant}")


def check_names(given: Bounds, ways: Iterable[tuple[str, str]], servers: Iterable[str], place: str) -> None:
    """Raise BoundsError for an entry about a scenario or way that does not exist, or a server that looks misspelt.

    `ways` are all (scenario, way) there are. A server may be somebody's own that this run has left out.
    """
    ways, servers = list(ways), list(servers)
    for number, bound in enumerate(given.each, 1):
        where = f"{place}, bound {number}"
        scenarios = dict.fromkeys(scenario for scenario, _ in ways)
        of_it = dict.fromkeys(way for scenario, way in ways if _matches(scenario, bound.scenario))
        if not of_it:
            meant = near(bound.scenario, scenarios) or f"; there are {', '.join(scenarios)}"
            raise BoundsError(f"{where}: no scenario is called {bound.scenario!r}{meant}")
        if not any(_matches(way, bound.way) for way in of_it):
            meant = near(bound.way, of_it) or f"; there are {', '.join(of_it)}"
            raise BoundsError(f"{where}: scenario {bound.scenario} has no way {bound.way!r}{meant}")
        if bound.server != "*" and not any(_matches(server, bound.server) for server in servers):
            meant = near(bound.server, servers)
            if meant or "*" in bound.server or "?" in bound.server:
                raise BoundsError(f"{where}: no server is called {bound.server!r}{meant}")


def _matches(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))
