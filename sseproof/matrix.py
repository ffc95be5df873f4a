"""A run as a person in a terminal reads it: what failed, one line each; the matrix; the counts.

Takes what results.read() gives and returns text, so that an old run can be shown again. Rule of the
file: a server's bytes pass through results.visible() first and are never read as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sseproof import results
from sseproof.terminal import recorder

if TYPE_CHECKING:
    import pandas as pd

LAUNCH = "launch: "
"""How the because of every case of a server begins that never came up; such cases are told once."""

GAP = 2
TOLD_PER_SERVER = 20
WIDTH = 100


class Cell(NamedTuple):
    """One server's verdicts in one group: what is written, its colour, and the counts by verdict."""

    text: str
    colour: str
    counts: Counter[str]


def cells(run: pd.DataFrame) -> dict[tuple[str, str], Cell]:
    """Sum a run up by (server, group); pairs without a verdict are left out."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for server, group, verdict in zip(run["server"], run["group"], run["verdict"], strict=True):
        counted.setdefault((server, group), Counter())[verdict] += 1
    return {pair: _cell(counts) for pair, counts in counted.items()}


def _cell(counts: Counter[str]) -> Cell:
    # Notes and skips judge nothing: they are neither passed nor missed.
    judged = {verdict: n for verdict, n in counts.items() if verdict not in ("note", "skip")}
    missed = [
        f"{n}{results.VERDICTS[v].letter}" for v in results.VERDICTS if v != "pass" and (n := judged.get(v))
    ]
    if not judged:
        return Cell(
            " ".join(f"{n}{results.VERDICTS[v].letter}" for v, n in sorted(counts.items())), "dim", counts
        )
    if not missed:
        return Cell(str(counts["pass"]), "green", counts)
    worst = next(v for v in ("error", "fail", "stale", "warn", "known") if v in judged)
    return Cell(
        f"{counts['pass']}/{sum(judged.values())} {' '.join(missed)}", results.VERDICTS[worst].colour, counts
    )


def groups(run: pd.DataFrame) -> list[str]:
    """List the groups of a run in the order they came."""
    return list(dict.fromkeys(run["group"]))


def encoder(about: dict[str, Any] | None) -> str:
    """Say whose encoder wrote a server's events, from its /json/about."""
    if not about:
        return "not started"
    return results.visible(
        f"{about.get('encoder', '?')} {about.get('encoder_version') or ''}".strip()[:40], 80
    )


def show(run: pd.DataFrame, *, colour: bool) -> str:
    """Tell a whole run: misses with the command to run each again, matrix, counts."""
    console = recorder(WIDTH, colour=colour)
    with console.capture() as capture:
        _misses(console, run)
        for table in _tables(run):
            console.print()
            console.print(table)
        console.print()
        if releases := run.attrs["header"].get("with"):
            console.print(Text(results.visible(f"with {', '.join(releases)}", 500)), soft_wrap=True)
        counts = Counter(run["verdict"])
        for verdict, (letter, style, meaning) in results.VERDICTS.items():
            if counts[verdict]:
                console.print(
                    Text(f"{counts[verdict]:>6} {verdict:<5} {letter}  ", style).append(meaning, "default")
                )
        console.print(Text(outcome(counts), "bold"), soft_wrap=True)
    return capture.get()


def outcome(counts: Mapping[str, int]) -> str:
    """Say in a sentence what decides of a run's cases on its exit code."""
    unwelcome = [f"{counts[each]:,} {each}" for each in results.UNWELCOME if counts.get(each)]
    if unwelcome:
        return f"Not as it has to be: {', '.join(unwelcome)}."
    return "No required case is missed that is not listed as known." if counts else "Nothing was judged."


def _misses(console: Console, run: pd.DataFrame) -> None:
    header = run.attrs["header"]
    told: Counter[str] = Counter()
    launches: Counter[tuple[str, str]] = Counter()
    order = list(header["servers"])
    for row in sorted(
        run.to_dict("records"), key=lambda row: order.index(row["server"]) if row["server"] in order else 0
    ):
        server, verdict, because = row["server"], row["verdict"], results.visible(row["because"], 2000)
        if verdict not in (*results.UNWELCOME, "warn"):
            continue
        if verdict == "error" and because.startswith(LAUNCH):
            launches[server, because] += 1
            continue
        told[server] += 1
        if told[server] > TOLD_PER_SERVER:
            continue
        line = Text(f"{verdict.upper():<5} {server} {row['group']}: ", results.VERDICTS[verdict].colour)
        line.append(results.visible(results.sentence(row["case"]), 200), "bold default")
        line.append(f" - {_line(because)}", "default")
        console.print(line, soft_wrap=True)
        console.print(Text(f"      {results.command(header, server, row['case'])}", "dim"), soft_wrap=True)
    for server, n in told.items():
        if n > TOLD_PER_SERVER:
            console.print(f"      {server}: {n - TOLD_PER_SERVER} more are on the page")
    for (server, because), n in launches.items():
        console.print(Text(f"ERROR {server}: {n} cases not judged", "red"), soft_wrap=True)
        console.print(Text("      " + because.removeprefix(LAUNCH).replace("\n", "\n      ")), soft_wrap=True)


def _line(because: str, limit: int = 200) -> str:
    first = because.split("\n", 1)[0]
    return first if len(first) <= limit else first[: limit - 3] + "..."


def _tables(run: pd.DataFrame) -> Iterator[Table]:
    """Make the matrix, in as many tables as it takes for no line to be over WIDTH."""
    found, abouts = cells(run), run.attrs["servers"]
    judged = set(run["server"])
    names = {
        server: Text(f"{server}\n").append(
            encoder(abouts.get(server)) if server in judged else "not reached", "dim"
        )
        for server in run.attrs["header"]["servers"]
    }
    taken = WIDTH
    parts: list[list[str]] = []
    for group in groups(run):
        wide = GAP + max(len(group), *(len(cell.text) for pair, cell in found.items() if pair[1] == group))
        if taken + wide > WIDTH:
            taken = max(
                len(line) for name in names.values() for line in (*name.plain.split("\n"), "its encoder")
            )
            parts.append([])
        taken += wide
        parts[-1].append(group)
    for part in parts:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
        for title in ("server\nits encoder", *part):
            table.add_column(Text(title), no_wrap=True)
        for server, name in names.items():
            row = [found.get((server, group), Cell("-", "dim", Counter())) for group in part]
            table.add_row(name, *(Text(cell.text, cell.colour) for cell in row))
        yield table
