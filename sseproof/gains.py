"""What SSE saves over polling in a benchmark, and which servers tie: two sentences of the report's first section.

Rule of the file: what speaks for polling is said like what speaks for SSE, and nothing is called different that its
interval does not hold apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sseproof import intervals, pairs, reading
from sseproof.pairs import BYTES, CPU, REQUESTS, STALENESS, Ratio, every
from sseproof.said import number, said
from sseproof.sentence import Sentence, count, names

USUAL_POLL = "poll-1s"


def saved(run: reading.Run) -> Sentence:
    ways = {way: found for way in pairs.polls(run) if (found := pairs.ratio(run, way, "sse", STALENESS))}
    if not ways:
        text = "What SSE saves over polling: no trials of both on one server are without a mark in this run."
        return Sentence(text, "polling", "nox -s bench -- --scenario broadcast")
    way = USUAL_POLL if USUAL_POLL in ways else next(iter(ways))
    fresh, cpu, size = ways[way], pairs.ratio(run, "sse", way, CPU), pairs.ratio(run, "sse", way, BYTES)
    parts = [_than(fresh, "as fresh", "as stale", "staleness at p50")]
    if cpu:
        parts.append(_cpu(cpu))
    if size:
        parts.append(f"{pairs.told(size.found)} times the bytes")
    asked = [pairs.middle(pairs.values(run, each, REQUESTS)) for each in ("sse", way)]
    if asked[0] and asked[1]:
        parts.append(f"{asked[0].median:.2f} requests per event instead of {asked[1].median:.2f}")
    others = [
        f"{pairs.told(found.found)} times that of polling {every(each)}{'' if found.side else ' (not surely different)'}"
        for each in ways
        if each != way and (found := pairs.ratio(run, "sse", each, CPU))
    ]
    held = f" Its CPU is {' and '.join(others)}." if others else ""
    text = (
        f"Against polling {every(way)}, on the same server, SSE is {', '.join(parts)} ({fresh.over}).{held}"
    )
    return Sentence(text, "polling")


def _than(found: Ratio, above: str, below: str, what: str) -> str:
    if not found.side:
        why = "too few pairs to be sure" if found.pairs < intervals.RANKED_FROM else "the interval holds 1"
        return f"not surely different in {what} (polling's is {pairs.told(found.found)} times as much; {why})"
    median, low, high, trials = found.found
    if found.side > 0:
        return f"{pairs.told(found.found)} times {above} ({what})"
    return f"{pairs.told(intervals.Interval(1 / median, 1 / high, 1 / low, trials))} times {below} ({what})"


def _cpu(found: Ratio) -> str:
    told = f"{pairs.told(found.found)} times the server CPU per 1,000 deliveries"
    if found.side > 0:
        return f"at {told} (so polling is cheaper there: one answer brings many events)"
    return f"at {told}" + ("" if found.side else " (not surely different)")


def tied(run: reading.Run) -> Sentence:
    ranked = {key: rows for key, rows in run.tables.items() if any(row.rank for row in rows)}
    if not ranked:
        wanted = [
            number(row.trials[0]["load"]["trials"]) or 0 for rows in run.tables.values() for row in rows
        ]
        most = int(max(wanted, default=0))
        why = (
            f"{count(most, 'trial')} of each"
            if most < intervals.RANKED_FROM
            else "no server has so many without a mark"
        )
        return Sentence(
            f"Nothing is ranked, nor tied: a rank takes {intervals.RANKED_FROM} trials ({why}).", "servers"
        )
    key = (pairs.SCENARIO, "sse") if (pairs.SCENARIO, "sse") in ranked else next(iter(ranked))
    rows = ranked[key]
    places: dict[int, list[reading.Row]] = {}
    for row in rows:
        if row.rank:
            places.setdefault(int(row.rank.partition(",")[0]), []).append(row)
    first = (rows[0].trials[0].get("figures") or reading.FIGURES)[0]
    told = [_place(rank, places) for rank in sorted(places)]
    alone = (
        ""
        if any(row.ties for row in rows) or any(len(each) > 1 for each in places.values())
        else "; no two tie"
    )
    rest = len(run.tables) - len(ranked)
    more = f" In {count(rest, 'table')} of {len(run.tables)} nothing is ranked." if rest else ""
    what = said(f"{str(first).replace('.', ' ')} of {key[0]} by {key[1]}", 200)
    return Sentence(f"By {what}: {', '.join(told)}{alone}.{more}", "servers")


def _place(rank: int, places: Mapping[int, Sequence[reading.Row]]) -> str:
    """Tell who shares a rank, and who of them is tied with somebody of a better one."""
    rows = places[rank]
    own = [row.server for row in rows]
    before = [row.server for better in sorted(places) if better < rank for row in places[better]]
    across = {row.server: [each for each in before if each in row.ties] for row in rows}
    if len(own) == 1:
        told = [f"tied with {names(across[own[0]])}"] if across[own[0]] else []
    else:
        told = ["tied" if any(each in row.ties for row in rows for each in own) else "too few blocks of both"]
        told += [
            f"{names([server])} also with {names(others)}" for server, others in across.items() if others
        ]
    return f"{rank} {names(own)}" + (f" ({'; '.join(told)})" if told else "")
