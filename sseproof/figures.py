"""What a calibration's records say of the figures our generator is held to: each with its verdict.

Rule of the file: all of it is computed from records (sseproof.results), so that an old run can be shown anew; a ratio
is taken within a block, told as the median over blocks with its interval and their number, and a figure is met or
missed by its median.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sseproof.intervals import Interval, interval, ratio

FIELDS = {
    "header": ("run", "started", "machine", "seed", "planned"),
    "bout": ("purpose", "block", "state", "reason", "client", "mode"),
    "figure": ("what", "verdict", "limit"),
    "footer": ("counts", "wrong", "seconds"),
}
"""What each kind of line has at least."""

LOADS = {
    "paced": "at 300 streams x 100 events/s",
    "flood": "at saturation",
    "calm": "at 300 streams x 10 events/s",
}
"""How a purpose's load is told. A client that is behind takes many events per read, and each for less: so its cost is
told where everybody keeps up, too."""
VERDICTS = {"met": "green", "missed": "red", "not measured": "yellow"}
FLOOR = 1.3
TIMES_LESS = 5.0
KIB_PER_STREAM = 20.0
CONNECTS_PER_S = 2000.0
HALF = 0.5
Records = Sequence[Mapping[str, Any]]
Value = Callable[[Mapping[str, Any]], float | None]


def bouts(records: Records, purpose: str) -> list[Mapping[str, Any]]:
    """Give the bouts for one purpose that gave a result."""
    return [
        each
        for each in records
        if each["kind"] == "bout" and each["purpose"] == purpose and each["state"] == "ok"
    ]


def by_block(found: Records, client: str, value: Value) -> dict[int, float]:
    """Give a client's value in each block that has one."""
    given = {each["block"]: value(each) for each in found if each["client"] == client}
    return {block: number for block, number in given.items() if number is not None}


def cpu_us(record: Mapping[str, Any]) -> float | None:
    """Give a bout's CPU time per event it saw, in microseconds."""
    cost: float | None = record["cpu_us_per_event"]
    return cost


def verdicts(records: Records) -> list[dict[str, Any]]:
    """Judge the figures the generator is held to."""
    found = []
    for purpose, where in LOADS.items():
        some = bouts(records, purpose)
        if purpose != "calm":
            floor = cost_ratio(some, "ours", "bare")
            found.append(_at_most(f"CPU per event, ours / bare epoll loop, {where}", floor, FLOOR))
        for rival in ("httpx_sse", "iter_lines", "readline"):
            less = cost_ratio(some, rival, "ours")
            found.append(_at_least(f"CPU per event, {rival} / ours, {where}", less, TIMES_LESS))
    paced = bouts(records, "paced")
    shares = by_block(paced, "ours", lambda each: each["kernel"]["p50"] / each["reader"]["p50"])
    found.append(_at_most("p50, by the kernel / by the reader, at 30,000 events/s", span_of(shares), HALF))
    return found + _held(bouts(records, "hold")) + _workers(bouts(records, "workers"))


def _held(held: Records) -> list[dict[str, Any]]:
    sizes = {each["held"]: each for each in held if each["held"] == each["streams"]}
    slope = connects = None
    if len(sizes) > 1:
        few, many = min(sizes), max(sizes)
        kib = (sizes[many]["rss_bytes"] - sizes[few]["rss_bytes"]) / (many - few) / 1024
        slope = Interval(kib, kib, kib, 1)
        rate = sizes[many]["connects_per_s"]
        connects = Interval(rate, rate, rate, 1)
    return [
        _at_most("KiB per stream in one process, from 2,000 to 10,000 quiet streams", slope, KIB_PER_STREAM),
        _at_least("connects per second, 10,000 streams", connects, CONNECTS_PER_S),
    ]


def _workers(many: Records) -> list[dict[str, Any]]:
    """Say whether halving the streams per worker moves p50 by less than its interval."""

    def p50_ms(processes: int) -> dict[int, float]:
        return by_block([each for each in many if each["processes"] == processes], "ours", _p50_ms)

    one, two = span_of(p50_ms(1)), span_of(p50_ms(2))
    what = "p50 in ms, 250 streams per worker, against the interval with 500"
    if one is None or two is None:
        return [_figure(what, None, "", None)]
    within = two.low <= one.high and one.low <= two.high
    return [_figure(what, two, f"overlapping {one.low:.2f} to {one.high:.2f}", within)]


def _p50_ms(record: Mapping[str, Any]) -> float:
    return float(record["kernel"]["p50"] / 1e6)


def cost_ratio(found: Records, one: str, other: str) -> Interval | None:
    """Give what one client takes per event divided by what another takes, over the blocks that have both."""
    return ratio(by_block(found, one, cpu_us), by_block(found, other, cpu_us))


def span_of(values: Mapping[int, float]) -> Interval | None:
    """Give the median over blocks with its interval, None of nothing."""
    return interval(list(values.values())) if values else None


def _at_most(what: str, found: Interval | None, limit: float) -> dict[str, Any]:
    return _figure(what, found, f"at most {limit:g}", None if found is None else found.median <= limit)


def _at_least(what: str, found: Interval | None, limit: float) -> dict[str, Any]:
    return _figure(what, found, f"at least {limit:g}", None if found is None else found.median >= limit)


def _figure(what: str, found: Interval | None, limit: str, met: bool | None) -> dict[str, Any]:
    verdict = "not measured" if met is None else "met" if met else "missed"
    return {"what": what, "limit": limit, "verdict": verdict, **({} if found is None else found._asdict())}
