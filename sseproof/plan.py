"""What a benchmark run does, as data: scenarios and profiles from loadtest/scenarios.toml, trials in a random order.

A *way* is a transport as a scenario uses it (`poll-1s` is polling once a second), `sse@nginx` the same way through a
*door*: a proxy before the server, or a broker behind it. A run is cut into blocks: of each way, all servers are
measured in the same blocks, so that they can be compared pair by pair under the same conditions, and within a block
the order is by chance. A way with fewer trials than others is spread over the blocks.
Rule of the file: it starts nothing, and the same seed gives the same plan, so that `--resume` finds its place.

It has more lines than most because reading a table strictly means a sentence for each way it can be wrong.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from sseproof.ledger import near

PROFILES = ("quick", "full", "soak")
REQUIRED = ("file", "shows", "transports", "profiles")
TRANSPORTS = ("sse", "poll", "long-poll", "websocket")


class PlanError(Exception):
    """A choice or a file that cannot be right; the message names the way out."""


@dataclass(frozen=True)
class Load:
    """The numbers of one trial. Rates are per second; a rate of 0 means that nothing is published.

    The warm-up begins when all users are served, `join_s` after the last was started at the latest.
    """

    users: int
    spawn_rate: float
    warm_up_s: float
    measure_s: float
    drain_s: float = 2.0
    join_s: float = 10.0
    publish_rate: float = 0.0
    payload_bytes: int = 0
    trials: int = 1
    options: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long locust is at it, from the first user to the last event waited for, if all are served at once."""
        return self.users / self.spawn_rate + self.warm_up_s + self.measure_s + self.drain_s


@dataclass(frozen=True)
class Way:
    """One way to get a scenario's events, and what it stands on."""

    name: str
    transport: str
    options: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    needs: str = ""
    door: str = ""

    def through(self, door: str) -> Way:
        """Give this way through a door."""
        return replace(self, name=f"{self.name}@{door}", door=door)


def split(way: str) -> tuple[str, str]:
    """Part a way's name from its door's: "sse@nginx" is "sse" and "nginx", "sse" is "sse" and ""."""
    direct, _, door = way.partition("@")
    return direct, door


@dataclass(frozen=True)
class Scenario:
    """One locustfile with its ways, and for each profile the ways' numbers.

    `figures` are what its servers are ranked by (the first) and told with. `allows` names what voids no figure here:
    "absence" of clients for a part of the window, "loss" of events.
    """

    name: str
    file: Path
    shows: str
    servers: tuple[str, ...]
    figures: tuple[str, ...]
    allows: tuple[str, ...]
    ways: Mapping[str, Way]
    profiles: Mapping[str, Mapping[str, Load]]


@dataclass(frozen=True)
class Trial:
    """One fresh server under one load. `number` is its place in the run, from 1; `block` counts from 1 too."""

    number: int
    block: int
    scenario: str
    file: Path
    way: Way
    server: str
    load: Load
    figures: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()


# -- reading the file


def read(path: Path) -> dict[str, Scenario]:
    """Read the scenarios; raises PlanError for what is no TOML, an unknown key or a number that cannot be."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{path.name}: {error}") from None
    _known(document, {"scenarios"}, path.name)
    found = {}
    try:
        for name, table in document.get("scenarios", {}).items():
            found[name] = _scenario(name, table, path.parent, f"{path.name}, scenarios.{name}")
    except (AttributeError, TypeError) as error:
        raise PlanError(f"{path.name}: a value is of another type than it can be: {error}") from None
    return found


def _scenario(name: str, table: Mapping[str, Any], folder: Path, place: str) -> Scenario:
    _known(table, {*REQUIRED, "servers", "cases", "figures", "allows"}, place)
    if missing := set(REQUIRED) - table.keys():
        raise PlanError(f"{place}: {min(missing)} is missing")
    ways = {
        way: _way(way, given, table.get("cases", ()), f"{place}.transports.{way}")
        for way, given in table["transports"].items()
    }
    profiles = {}
    for profile, numbers in table["profiles"].items():
        where = f"{place}.profiles.{profile}"
        _known({profile: 0}, set(PROFILES), f"{place}.profiles")
        of_all = {key: value for key, value in numbers.items() if key != "transports"}
        chosen = numbers.get("transports", {key: {} for key in ways})
        _known(chosen, set(ways), f"{where}.transports")
        profiles[profile] = {
            way: _load({**of_all, **own}, f"{where} for {way}") for way, own in chosen.items()
        }
    allows = tuple(table.get("allows", ()))
    _known(dict.fromkeys(allows), {"absence", "loss"}, f"{place}.allows")
    return Scenario(
        name,
        folder / table["file"],
        table["shows"],
        servers=tuple(table.get("servers", ())),
        figures=tuple(table.get("figures", ())),
        allows=allows,
        ways=ways,
        profiles=profiles,
    )


def _way(name: str, given: Mapping[str, Any], cases: Iterable[str], place: str) -> Way:
    _known(given, {"transport", "options", "cases", "needs"}, place)
    transport = given.get("transport", name)
    _known({transport: 0}, set(TRANSPORTS), f"{place}, transport")
    every = (*cases, *given.get("cases", ()))
    return Way(name, transport, tuple(given.get("options", ())), every, given.get("needs", ""))


def _load(given: Mapping[str, Any], place: str) -> Load:
    _known(given, {field.name for field in fields(Load)}, place)
    for key in ("users", "spawn_rate", "warm_up_s", "measure_s"):
        if key not in given:
            raise PlanError(f"{place}: {key} is missing")
    may_be_0 = {"warm_up_s", "drain_s", "join_s", "publish_rate", "payload_bytes"}
    for key, value in given.items():
        whole = key in {"users", "payload_bytes", "trials"}
        if key == "options":
            continue
        if (
            not isinstance(value, int if whole else int | float)
            or value < 0
            or (not value and key not in may_be_0)
        ):
            wanted = f"a {'whole ' if whole else ''}number {'from' if key in may_be_0 else 'above'} 0"
            raise PlanError(f"{place}: {key} is {value!r}, expected {wanted}")
    return Load(**{**given, "options": tuple(given.get("options", ()))})


def _known(table: Mapping[str, Any], names: set[str], place: str) -> None:
    for key in table:
        if key not in names:
            raise PlanError(f"{place}: there is no {key!r}{near(key, names) or _all(names)}")


def _all(names: Iterable[str]) -> str:
    return f"; there are {', '.join(sorted(names)) or 'none'}"


# -- choosing


def choose(
    scenarios: Mapping[str, Scenario],
    profile: str,
    servers: Sequence[str],
    *,
    names: Sequence[str] = (),
    transports: Sequence[str] = (),
    trials: int | None = None,
    doors: Sequence[str] = (),
    seed: int,
) -> list[Trial]:
    """Plan a run in the order of its trials; raises PlanError naming near matches.

    Each of `doors` adds to every way the same one through it, in the same blocks: only so can be told what it costs. A
    broker has nothing to do where nothing is published.

    Without `names` all scenarios of the profile are run. A transport means every way that uses it, a way's name
    that one, also where the profile leaves it out. `trials` goes before the profile's.
    """
    _one_of(profile, PROFILES, "profile")
    ways = {way.name: way for scenario in scenarios.values() for way in scenario.ways.values()}
    for name in names:
        _one_of(name, scenarios, "scenario")
    for name in transports:
        _one_of(name, {*ways, *(way.transport for way in ways.values())}, "transport")
    combinations = []
    for scenario in (scenarios[name] for name in dict.fromkeys(names or scenarios)):
        if profile not in scenario.profiles:
            if names:
                there = _all(scenario.profiles)
                raise PlanError(f"scenario {scenario.name} has no profile {profile!r}{there}")
            continue
        if not scenario.file.is_file():
            if names:
                raise PlanError(f"scenario {scenario.name} has no file: {scenario.file.name} is not there")
            continue
        wanted = [server for server in servers if not scenario.servers or server in scenario.servers]
        for way, load in _loads(scenario, profile, transports).items():
            load = replace(load, trials=trials or load.trials)
            direct = scenario.ways[way]
            through = [direct.through(door) for door in doors if door != "redis" or load.publish_rate]
            combinations.append((scenario, [direct, *through], load, wanted))
    if not any(wanted for *_, wanted in combinations):
        raise PlanError(
            "nothing is left to measure: no scenario chosen has this profile, transport and server"
        )
    if "redis" in doors and not any(load.publish_rate for _, _, load, _ in combinations):
        raise PlanError("nothing is published in the scenarios chosen: a broker has nothing to do there")
    return _in_order(combinations, random.Random(seed))


def _loads(scenario: Scenario, profile: str, transports: Sequence[str]) -> dict[str, Load]:
    """Give the chosen ways; one that is named but not in the profile takes the numbers of the profile's first."""
    there = scenario.profiles[profile]
    if not transports:
        return dict(there)
    named = {way.name: way for way in scenario.ways.values() if way.name in transports}
    kinds = [way for way in there if scenario.ways[way].transport in transports]
    return {way: there.get(way) or next(iter(there.values())) for way in dict.fromkeys([*named, *kinds])}


def _one_of(name: str, names: Iterable[str], what: str) -> None:
    names = list(names)
    if name not in names:
        raise PlanError(f"there is no {what} {name!r}{near(name, names) or _all(names)}")


def _in_order(
    combinations: Sequence[tuple[Scenario, Sequence[Way], Load, Sequence[str]]], chance: random.Random
) -> list[Trial]:
    blocks: list[list[Trial]] = [[] for _ in range(max(load.trials for _, _, load, _ in combinations))]
    for scenario, ways, load, servers in combinations:
        one = Trial(0, 0, scenario.name, scenario.file, ways[0], "", load, scenario.figures, scenario.allows)
        for block in chance.sample(range(len(blocks)), load.trials):
            blocks[block] += [
                replace(one, block=block + 1, way=way, server=server) for way in ways for server in servers
            ]
    for trials in blocks:
        chance.shuffle(trials)
    return [replace(trial, number=number) for number, trial in enumerate((t for b in blocks for t in b), 1)]
