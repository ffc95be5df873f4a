"""What a run's trials say together: per scenario, way and server a median with its interval, a rank or why there is none.

Rule of the file: all of it is computed from the result file. A trial with a mark (not conforming, generator-bound,
lossy, unhealthy) ranks nobody; a lossy one gives no figure of latency either, for what was lost is in no quantile. Of
trials of the same number (a failed one that was run again) the last counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sseproof import intervals, results
from sseproof.intervals import Interval

REFERENCE = "stdlib_asyncio"
HIGHER_IS_BETTER = ("largest", "visits_per_s", "tokens_per_s")
QUANTILE = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 0.0}
FIGURES = ("staleness.p50", "staleness.p99")
COSTS = ("server_cpu_s_per_1000", "wire_bytes_per_event", "requests_per_event")
Key = tuple[str, str]
Trial = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One server in one way of a scenario. `figures` and `costs` are by name; what is not known is missing."""

    server: str
    trials: Sequence[Trial]
    figures: Mapping[str, Interval]
    ratio: Interval | None
    costs: Mapping[str, Interval]
    seen: int
    due: int
    rank: str
    ties: Sequence[str]  # the servers that it is certainly neither before nor after
    reasons: Sequence[str]

    @property
    def wanted(self) -> int:
        """How many trials the run planned of it."""
        return int(self.trials[0]["load"]["trials"])

    @property
    def void(self) -> bool:
        """Tell whether loss took the latency away."""
        return not self.figures and bool(self.due)


@dataclass(frozen=True)
class Run:
    """A whole run; `complete` says that it went its whole way, `abouts` is each server's /json/about."""

    header: dict[str, Any]
    trials: Sequence[Trial]
    complete: bool
    tables: Mapping[Key, Sequence[Row]]
    abouts: Mapping[str, Any] = field(default_factory=dict)
    resumed: Sequence[Mapping[str, Any]] = ()


def read(path: Path) -> Run:
    """Read a run; raises ResultsError for a file that is none."""
    records = results.read_lines(path, results.BENCH_FIELDS, "bench")
    by_number = {record["number"]: record for record in records if record["kind"] == "trial"}
    try:
        trials = [_with_bytes(record) for record in by_number.values()]
        tables = _tables(trials, int(records[0]["seed"]))
    except results.BAD as error:
        raise results.ResultsError(
            f"{path} holds a trial that is none: {type(error).__name__}: {error}"
        ) from None
    complete = records[-1]["kind"] == "footer" and len(trials) == records[0]["planned"]
    abouts = {str(record["name"]): record["about"] for record in records if record["kind"] == "server"}
    resumed = [record for record in records if record["kind"] == "resumed"]
    return Run(records[0], trials, complete, tables, abouts, resumed)


def figure(record: Trial, name: str) -> float | None:
    """Give a trial's figure: "staleness.p99" in nanoseconds, or a number of its tally, its derived or its usage.

    None where it has none, and for a quantile of too few samples.
    """
    tally = record.get("tally") or {}
    kind, _, quantile = name.partition(".")
    if quantile:
        found = tally.get("quantiles", {}).get(kind)
        enough = found and found["n"] and intervals.tellable(QUANTILE[quantile], found["n"])
        return float(found[quantile]) if enough else None
    for part in (tally, record.get("derived") or {}, record.get("usage") or {}):
        if isinstance(value := part.get(name), int | float):
            return float(value)
    return None


def _tables(trials: Sequence[Trial], seed: int) -> dict[Key, list[Row]]:
    found: dict[Key, dict[str, list[Trial]]] = {}
    for record in sorted(trials, key=lambda record: (record["scenario"], record["way"], record["server"])):
        of_way = found.setdefault((record["scenario"], record["way"]), {})
        of_way.setdefault(record["server"], []).append(record)
    return {key: _rows(servers, seed) for key, servers in found.items()}


def _rows(servers: Mapping[str, Sequence[Trial]], seed: int) -> list[Row]:
    names = next(iter(servers.values()))[0].get("figures") or FIGURES
    first, sign = names[0], -1 if names[0] in HIGHER_IS_BETTER else 1
    clean = {server: _by_block(_clean(trials), first) for server, trials in servers.items()}
    signed = {server: {block: sign * value for block, value in own.items()} for server, own in clean.items()}
    ranks = intervals.ranks(signed, seed)
    rows = [_row(server, trials, names, clean, ranks[server], seed) for server, trials in servers.items()]
    return sorted(
        rows, key=lambda row: sign * row.figures[first].median if first in row.figures else math.inf
    )


def _row(
    server: str,
    trials: Sequence[Trial],
    names: Sequence[str],
    clean: Mapping[str, intervals.Values],
    ranked: intervals.Rank,
    seed: int,
) -> Row:
    measured = [record for record in trials if record["state"] == "ok"]
    told = counting(trials)
    own, reference = _by_block(told, names[0]), clean.get(REFERENCE, {})
    return Row(
        server=server,
        trials=trials,
        figures=_intervals(told, names, seed),
        ratio=None if server == REFERENCE else intervals.ratio(own, reference, seed),
        costs=_intervals(
            told or measured, COSTS, seed
        ),  # those of the same trials, or what stands side by side is not of one load
        seen=sum(record["tally"]["seen"] for record in measured),
        due=sum(record["tally"]["due"] for record in measured),
        rank="" if ranked.place is None else f"{ranked.place}, tied" if ranked.ties else f"{ranked.place}",
        ties=ranked.ties,
        reasons=_reasons(trials, len(clean[server])),
    )


def _clean(trials: Sequence[Trial]) -> list[Trial]:
    return [record for record in trials if record["state"] == "ok" and not record["marks"]]


def counting(trials: Sequence[Trial]) -> list[Trial]:
    """Give the trials that figures are of: the unmarked, and where there is none all that lost nothing."""
    measured = [record for record in trials if record["state"] == "ok"]
    return _clean(trials) or [record for record in measured if "lossy" not in _kinds(record["marks"])]


def why(record: Trial) -> Sequence[str]:
    """Say why a trial does not count: its marks, or that it was not measured; nothing where it does."""
    marks: Sequence[str] = record["marks"]
    return marks if record["state"] == "ok" else [f"{record['state']}: {record['reason']}"]


def _kinds(marks: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(mark.partition(":")[0] for mark in marks))


def _with_bytes(record: Trial) -> Trial:
    """Add the bytes of both directions, which a trial keeps apart; one that was not measured has none."""
    if record["state"] != "ok":
        return record
    both = [record["derived"].get(f"wire_{way}_bytes_per_event") for way in ("in", "out")]
    total = None if None in both else sum(both)
    return {**record, "derived": {**record["derived"], "wire_bytes_per_event": total}}


def _by_block(records: Sequence[Trial], name: str) -> dict[int, float]:
    found = {record["block"]: figure(record, name) for record in records}
    return {block: value for block, value in found.items() if value is not None}


def _intervals(records: Sequence[Trial], names: Sequence[str], seed: int) -> dict[str, Interval]:
    values = {name: list(_by_block(records, name).values()) for name in names}
    return {name: intervals.interval(own, seed) for name, own in values.items() if own}


def _reasons(trials: Sequence[Trial], clean: int) -> list[str]:
    """Say why a server's trials do not count: each kind of reason once, with how many trials it is true of."""
    told: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for record in trials:
        counts.update(_kinds(why(record)))
        for mark in why(record):
            told.setdefault(mark.partition(":")[0], mark)
    said = [f"{counts[kind]} of {len(trials)} trials {mark}" for kind, mark in told.items()]
    if clean < intervals.RANKED_FROM <= trials[0]["load"]["trials"]:
        said.append(f"{clean} trials count, a rank takes {intervals.RANKED_FROM}")
    return said
