"""A calibration on the terminal: a line per bout, then the clients, truth row by row, and the figures.

Rule of the file: what is printed is plain text in a pipe, and coloured only on a terminal without NO_COLOR (rich sees
to that).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from sseproof.figures import LOADS, VERDICTS, Records, bouts, by_block, cost_ratio, cpu_us, span_of, verdicts
from sseproof.intervals import Interval, interval


def told(record: Mapping[str, Any]) -> str:
    """Tell a bout in a line."""
    name = f"{record['purpose']:<7} {record['client']:<10} {record['mode']:<5} {record['streams']} streams:"
    if record["state"] != "ok":
        return f"{name} {record['state']}: {record['reason']}"
    if "truth" in record:
        off = "; ".join(_told_truth(row) for row in record["truth"] if not row["agrees"])
        return f"{name} try {record['attempt']}, " + (
            f"disagrees: {off}" if off else "measured and known agree"
        )
    if record["mode"] == "quiet":
        return f"{name} {record['held']:,} held, {record['rss_bytes'] / 2**20:.0f} MiB, {record['connects_per_s']:,.0f} connects/s"
    late = ", the source was late" if record["source_late"] else ""
    return f"{name} {_number(record['cpu_us_per_event'])} us/event, {record['events']:,} seen of due: {_share([record])}{late}"


def _told_truth(row: Mapping[str, Any]) -> str:
    if row["what"] == "n":
        return f"{row['measured']:,} deliveries measured, {row['known'][0]:,} known"
    low, high = (value / 1e6 for value in row["known"])
    return f"{row['what']} {row['measured'] / 1e6:.2f} ms, known {low:.2f} to {high:.2f} ms, room {row['room'] / 1e6:.2f} ms"


def show(records: Records, console: Console | None = None) -> None:
    """Print the tables; plain text in a pipe, colours only on a terminal without NO_COLOR."""
    console = console or Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 120)
    for purpose, where in LOADS.items():
        if found := bouts(records, purpose):
            console.print(_clients(found, f"clients {where}"))
    for record in bouts(records, "truth"):
        console.print(_truth(record))
    table = Table(
        "figure",
        "found",
        "blocks",
        "limit",
        "verdict",
        title="what the generator is held to",
        title_justify="left",
    )
    for figure in verdicts(records):
        value = (
            _span(Interval(figure["median"], figure["low"], figure["high"], figure["trials"]))
            if "median" in figure
            else ""
        )
        colour = VERDICTS[figure["verdict"]]
        table.add_row(
            figure["what"],
            value,
            str(figure.get("trials", "")),
            figure["limit"],
            f"[{colour}]{figure['verdict']}[/]",
        )
    console.print(table)
    if late := sum(each["kind"] == "bout" and bool(each.get("source_late")) for each in records):
        console.print(f"In {late} bouts the source was late by over 10 ms at p99: it was not given its core.")


def _clients(found: Records, title: str) -> Table:
    columns = (
        "client",
        "CPU us/event",
        "core",
        "x bare",
        "x ours",
        "seen of due",
        "in hand after p50, p99 ms",
        "KiB/stream",
        "n",
    )
    table = Table(*columns, title=title, title_justify="left")
    for client in dict.fromkeys(["bare", "ours", *sorted(each["client"] for each in found)]):
        own = [each for each in found if each["client"] == client]
        if own:
            costs, memory = (
                by_block(own, client, cpu_us),
                [each["bytes_per_stream"] / 1024 for each in own if "bytes_per_stream" in each],
            )
            table.add_row(
                client, _span(span_of(costs)), _span(cost_ratio(found, client, "bare")), _span(cost_ratio(found, client, "ours")),
                _share(own), _in_hand(own), _number(interval(memory).median) if memory else "", str(len(own)),
            )  # fmt: skip
    return table


def _in_hand(own: Records) -> str:
    """Say how long after an event was sent it was in the client's hands: medians over its bouts."""
    found = []
    for name in ("p50", "p99"):
        given = [each["reader"][name] if "reader" in each else each[f"after_sent_{name}_ns"] for each in own]
        times = [ns / 1e6 for ns in given if ns is not None]
        found.append(_number(interval(times).median) if times else "?")
    return "" if found == ["?", "?"] else ", ".join(found)


def _truth(record: Mapping[str, Any]) -> Table:
    table = Table("staleness", "known ms", "measured ms", "room ms", "", title=f"truth: {record['mode']}, try {record['attempt']}", title_justify="left")  # fmt: skip
    for row in record["truth"]:
        scale, form = (1, ",.0f") if row["what"] == "n" else (1e6, ",.3f")
        known = " to ".join(f"{value / scale:{form}}" for value in dict.fromkeys(row["known"]))
        measured, room = f"{row['measured'] / scale:{form}}", f"{row['room'] / scale:{form}}"
        table.add_row(
            row["what"], known, measured, room, "[green]agrees[/]" if row["agrees"] else "[red]disagrees[/]"
        )
    return table


def _span(found: Interval | None) -> str:
    if found is None:
        return ""
    return _number(found.median) + (
        f" ({_number(found.low)} to {_number(found.high)})" if found.trials > 1 else ""
    )


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _share(own: Records) -> str:
    """Tell the median of what its bouts saw of what was due."""
    shares = [each["seen_share"] for each in own if each["seen_share"] is not None]
    return f"{interval(shares).median:.1%}" if shares else "no pace"
