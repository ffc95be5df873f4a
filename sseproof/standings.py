"""Servers against each other: what each gives by SSE, held against the reference, and under each scenario's strain.

Strategy: a table of charts, all of one kind: a row per server, a figure with its interval, the rank as reading.py gives
it; capacity.py adds its two. Rule of the file: whoever is not ranked is shown all the same, and says why.

It has more lines than most because the charts are a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sseproof import capacity, charts, shown
from sseproof.canvas import plain
from sseproof.reading import REFERENCE, Row, Run
from sseproof.shown import Chart, cell, figure, rank, scaled, share, words

READ = "A mark is the median over trials, its line the 95 % interval; one trial has none."


class Told(NamedTuple):
    """A chart with a row per server: where its figure is found, its unit, and how to read it."""

    id: str
    scenario: str
    figure: str
    scale: float
    unit: str
    title: str
    across: str
    caption: str
    log: bool = True


TOLD = (
    Told("servers-headers", "broadcast", "headers.p50", 1e-6, "ms", "Time to the headers", "time to the response's head, p50, ms",
         "From the request to the head of its answer, while the clients of the broadcast come. A server that keeps the head until the first event makes a browser wait for its open event."),
    Told("servers-memory", "hold", "kib_per_stream", 1.0, "KiB", "Memory per stream", "KiB per open, quiet stream",
         "How much the whole process tree grew over the idle server, divided by its streams; the kernel's sockets are not in it.", log=False),
    Told("servers-first-token", "chat", "first_event.p50", 1e-6, "ms", "Chat: time to the first token", "time to the first token, p50, ms",
         "From the POST to the first token of its answer."),
    Told("servers-gap", "chat", "gap.p99", 1e-6, "ms", "Chat: gaps between tokens", "time between two tokens, p99, ms",
         "Tokens are due at an even pace (dashed); one gap in a hundred is longer than the mark."),
    Told("servers-storm", "storm", "back.max", 1e-6, "ms", "Storm: time until all are back", "from the cut until the last stream is back, ms",
         "Every stream is cut at once, and every client comes back at once with the id it saw last."),
)  # fmt: skip
STRAINS = (
    ("churn", "visits_per_s", 1.0), ("slow", "staleness.p99", 1e-6), ("capacity", "largest", 1.0), ("hold", "cpu_share", 100.0),
)  # fmt: skip

COLUMNS = {
    "rank": "Rank", "p50": "Staleness p50, ms", "p99": "p99, ms", "ratio": f"\u00d7 {REFERENCE}", "seen": "Seen of due",
    "servers-headers": "Headers p50, ms", "servers-memory": "KiB per stream", "hold-cpu_share": "Holding, % of a core",
    "servers-first-token": "First token p50, ms", "servers-gap": "Gap p99, ms", "servers-storm": "Storm: all back, ms",
    "capacity-largest": "Most clients", "slow-staleness.p99": "Beside slow readers p99, ms",
    "churn-visits_per_s": "Visits per s",
}  # fmt: skip
"""Of the table: what is told of each server, by its key in `_table`'s rows."""


def servers(run: Run) -> dict[str, Any]:
    """Give the section: its charts, the table, who is not ranked and why."""
    rows = list(run.tables.get(("broadcast", "sse"), ()))
    drawn = [_staleness(rows), _ratio(rows), *(_told(run, told) for told in TOLD), capacity.climb(run)]
    paper, said = capacity.on_paper(run)
    return {
        "charts": drawn,
        "paper": paper,
        "said": said,
        "rows": (table := _table(run, rows)),
        "columns": {
            key: head
            for key, head in COLUMNS.items()
            if any(row[key] not in ("", shown.DASH) for row in table)
        },
        "too_few": shown.too_few(rows),
        "reasons": [
            f"{plain(scenario)}, {plain(row.server)}: {plain(why, 300)}"
            for (scenario, way), others in run.tables.items()
            if way == "sse"
            for row in others
            for why in row.reasons
        ],
    }


def _staleness(rows: Sequence[Row]) -> Chart:
    id_, title = "servers-staleness", "Staleness by SSE"
    found = [(row, [scaled(row.figures.get(f"staleness.{q}"), 1e-6) for q in ("p50", "p99")]) for row in rows]
    drawn = [
        charts.Row(_name(row), _note(row), [each for each in own if each and each.low > 0], _instead(row))
        for row, own in found
    ]
    if not rows:
        missing, command = shown.not_measured("broadcast")
        return Chart(id_, title, missing=missing, command=command)
    if not any(row.figures for row in drawn):
        return Chart(id_, title, missing=shown.in_vain(rows))
    told = [
        f"{plain(row.server)} {words(p50, 'ms', void=True)} p50, {words(p99, 'ms', void=True)} p99, {_note(row)}"
        for row, (p50, p99) in found
    ]
    caption = f"Filled: p50, hollow: p99; each step along the axis is a multiple. {READ} Tied: the paired difference to somebody holds 0."
    svg = charts.per_server(
        id_,
        "Staleness by SSE: " + "; ".join(told),
        drawn,
        "staleness, ms",
        series=("p50", "p99")[: len(drawn[0].figures)],
    )
    return Chart(id_, title, caption, svg)


def _ratio(rows: Sequence[Row]) -> Chart:
    id_, title = "servers-ratio", f"Staleness relative to {REFERENCE}"
    found = [(row, ratio) for row in rows if (ratio := scaled(row.ratio, 1.0)) and ratio.low > 0]
    if not found:
        why = f"Not measured in this run: {REFERENCE} in the same blocks as another server"
        return Chart(id_, title, missing=why, command=f"nox -s bench -- --server {REFERENCE} --server NAME")
    told = [f"{plain(row.server)} {words(ratio, 'times')}" for row, ratio in found]
    svg = charts.per_server(
        id_, f"p50 staleness by SSE, as a multiple of {REFERENCE} in the same blocks: {'; '.join(told)}",
        [charts.Row(row.server, f"{ratio.trials} block{'s' * (ratio.trials > 1)}", [ratio]) for row, ratio in found], f"times the p50 of {REFERENCE}", line=(1.0, REFERENCE),
    )  # fmt: skip
    caption = (
        "p50 divided by the reference's in the same block: the figure that carries over to another machine best. "
        f"{READ} A line that reaches the dashed one is no difference."
    )
    return Chart(id_, title, caption, svg)


def _told(run: Run, told: Told) -> Chart:
    rows = list(run.tables.get((told.scenario, "sse"), ()))
    if not rows:
        missing, command = shown.not_measured(told.scenario)
        return Chart(told.id, told.title, missing=missing, command=command)
    is_ranked = told.figure == _first(rows)
    found = [(row, figure(run, row, told.figure, told.scale)) for row in rows]
    given = [(row, each) for row, each in found if each and each.low >= 0 and (each.low or not told.log)]
    if not given:
        return Chart(told.id, told.title, missing=shown.in_vain(rows))
    given.sort(key=lambda pair: pair[1].median)
    drawn = [charts.Row(_name(row), rank(row) if is_ranked else "", [each]) for row, each in given]
    without = [row for row in rows if row not in [row for row, _ in given]]
    drawn += [charts.Row(_name(row), rank(row) if is_ranked else "", [], _instead(row)) for row in without]
    alt = f"{told.title}: " + "; ".join(
        [f"{plain(row.server)} {words(each, told.unit)}" for row, each in given]
        + [f"{plain(row.server)}: {_instead(row)}" for row in without]
    )
    svg = charts.per_server(told.id, alt, drawn, told.across, log=told.log, line=_due(told, rows))
    return Chart(told.id, told.title, f"{told.caption} {READ}", svg)


def _due(told: Told, rows: Sequence[Row]) -> tuple[float, str] | None:
    """Give the pace a chat's tokens are due at, as a line to hold gaps against."""
    rate = shown.option(rows, "--token-rate") if told.figure.startswith("gap") else None
    return (1e3 / rate, f"due every {1e3 / rate:g} ms") if rate else None


def _first(rows: Sequence[Row]) -> str:
    return str((rows[0].trials[0].get("figures") or ["staleness.p50"])[0])


def _name(row: Row) -> str:
    return f"{plain(row.server)} (reference)" if row.server == REFERENCE else plain(row.server)


def _note(row: Row) -> str:
    return ", ".join(filter(None, [share(row), rank(row)]))


def _instead(row: Row) -> str:
    """Say in a few words why a server has no figure."""
    reason = plain(row.reasons[0], 48) if row.reasons else "no trial gave this figure"
    return f"void: {reason}" if row.void else reason


def _table(run: Run, broadcast: Sequence[Row]) -> list[dict[str, str]]:
    """Give every figure of every server, as words; a server of any scenario by SSE has its row."""
    by_scenario = {
        scenario: {row.server: row for row in rows}
        for (scenario, way), rows in run.tables.items()
        if way == "sse"
    }
    names = dict.fromkeys(
        [row.server for row in broadcast] + [name for rows in by_scenario.values() for name in rows]
    )
    found = []
    for name in names:
        own: dict[str, str] = {
            "server": plain(name),
            "rank": "",
            "p50": shown.DASH,
            "p99": shown.DASH,
            "ratio": shown.DASH,
            "seen": shown.DASH,
        }
        if row := by_scenario.get("broadcast", {}).get(name):
            own |= {
                q: cell(scaled(row.figures.get(f"staleness.{q}"), 1e-6), void=row.void)
                for q in ("p50", "p99")
            }
            own |= {
                "rank": row.rank or "not ranked",
                "ratio": cell(scaled(row.ratio, 1.0)),
                "seen": share(row).removesuffix(" seen") or shown.DASH,
            }
        for key, scenario, what, scale in (
            *((told.id, told.scenario, told.figure, told.scale) for told in TOLD),
            *((f"{scenario}-{what}", scenario, what, scale) for scenario, what, scale in STRAINS),
        ):
            other = by_scenario.get(scenario, {}).get(name)
            own[key] = cell(figure(run, other, what, scale) if other else None)
        found.append(own)
    return found
