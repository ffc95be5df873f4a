"""A benchmark run as a person in a terminal reads it: a table per way of getting the events, and what it cannot say.

    sseproof show RUN

Rule of the file: read from bench.jsonl alone; 80 columns are enough, a pipe gets no control character, and what a
server has written passes through results.visible() first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sseproof import environment, intervals, reading, results, sources, terminal
from sseproof.intervals import Interval
from sseproof.plan import split
from sseproof.reading import Row, Run
from sseproof.sentence import number, share
from sseproof.terminal import Parser, UsageError, coloured, plainly, recorder

EXAMPLES = """examples:
  sseproof show 20260101T120000Z-1a2b
  sseproof show ../base/results/base

exit code: 0 told, 2 usage, 3 no benchmark of that name, or a file that is none"""
NANOSECONDS = ("staleness", "reader_staleness", "lag", "connect", "headers", "first_event", "gap", "back")
TITLES = {
    "kib_per_stream": "KiB per\nstream", "cpu_share": "CPU\nshare", "visits_per_s": "visits\nper s",
    "largest": "most\nclients",
}  # fmt: skip
WIDTH = 80
LEGEND = (
    "Medians over trials, below them the 95 % interval (bootstrap over trials); x ref: the first figure, held against "
    f"{reading.REFERENCE} in the same blocks; tied: the paired difference to somebody includes 0; CPU: of the server's processes "
    "for 1,000 deliveries; per event: bytes of both directions, headers included, and requests."
)


def show(path: Path, *, width: int = WIDTH, colour: bool = False) -> str:
    """Tell a run from its file; raises ResultsError for a file that is none."""
    run = reading.read(path)
    run.header["run"] = sources.called(path, run.header["run"])
    console = recorder(width, colour=colour)
    with console.capture() as capture:
        _tell(console, run)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _tell(console: Console, run: Run) -> None:
    header = run.header
    machine, chosen = header["machine"], header.get("options") or {}
    facts = [
        f"run {header['run']}", f"profile {chosen.get('profile', '?')}", header["started"],
        f"{machine.get('cores')} cores", machine.get("cpu", ""), machine.get("kernel", ""),
        "" if header.get("server_cores") else "server and generator share a core",
        "not judged by any case" if chosen.get("no_conformance") else "",
    ]  # fmt: skip
    console.print(", ".join(filter(None, facts)), soft_wrap=True)
    for (scenario, way), rows in run.tables.items():
        console.print()
        console.print(_table(results.visible(f"{scenario} by {named(way)}", 200), rows))
        for row in rows:
            for reason in row.reasons:
                told = " | ".join(results.visible(f"{row.server}: {reason}", 400).split("\n"))
                console.print(Text(f"  {told}", "yellow"), soft_wrap=True)
        if (trials := max(row.wanted for row in rows)) < intervals.RANKED_FROM:
            what = f"{trials} trial{'s' * (trials > 1)} of each, a rank takes {intervals.RANKED_FROM}"
            console.print(f"  a quick look: no ranking claimed ({what})", soft_wrap=True)
    _tell_doors(console, run)
    console.print("", Text(LEGEND, "dim"), sep="\n")
    if not run.complete:
        missing, planned = header["planned"] - len(run.trials), header["planned"]
        rest = f"nox -s bench -- --resume {header['run']}"
        told = f"This run was cut short: {missing} of {planned} trials are missing. The rest: {rest}"
        console.print(Text(told, "bold red"), soft_wrap=True)


def _table(title: str, rows: Sequence[Row]) -> Table:
    names = [*(rows[0].trials[0].get("figures") or reading.FIGURES)][:2]
    heads = ["server\nrank", *map(titled, names), "x ref", "seen\nof due", "CPU ms\n/1,000", "per\nevent"]
    table = _empty(title, heads, 1)
    for row in rows:
        table.add_row(
            Text(f"{results.visible(row.server, 200)}\n").append(
                row.rank or "not ranked", "" if row.rank else "dim"
            ),
            *(_cell(row.figures.get(name), scale(name), void=row.void) for name in names),
            _cell(row.ratio),
            share(row.seen, row.due),
            _cell(row.costs.get("server_cpu_s_per_1000"), 1e3),
            _per_event(row.costs),
        )
    return table


def _empty(title: str, heads: Sequence[str], gap: int) -> Table:
    """Give a table without rows: words to the left in the first column, figures to the right in the others."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, gap, 0, 0),
    )  # fmt: skip
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left", no_wrap=True)
    return table


def named(way: str) -> str:
    """Name a way with its door in words: "sse through nginx"."""
    direct, door = split(way)
    return f"{direct} {through(door)}" if door else direct


def through(door: str) -> str:
    return "on Redis" if door == "redis" else f"through {door}"


def _tell_doors(console: Console, run: Run) -> None:
    from sseproof import tolls  # which tells it by what is here

    for crossing in tolls.read(run):
        names = crossing.names
        heads = ["\n\nserver", f"{titled(names[0])}\nwithout", "\n\nwith", "\n\nx"]
        heads += [f"{titled(each).removesuffix(' ms')}\nx" for each in names[1:]]
        heads += ["server's\nCPU\nx", f"{crossing.door}'s\nCPU ms\n/1,000"]
        table = _empty(f"{crossing.scenario}: {named(crossing.way)}, held against the same without", heads, 0)
        for toll in crossing.tolls:
            first = toll.figures[names[0]]
            table.add_row(
                results.visible(toll.server, 200),
                _cell(first.direct, scale(names[0])),
                _cell(first.through, scale(names[0]), void=toll.row.void),
                *(_cell(toll.figures[name].ratio) for name in (*names, tolls.EVERYWHERE[0])),
                _cell(toll.own, 1e3),
            )
        console.print()
        console.print(table)
        console.print(f"  {tolls.sentence(crossing)}", soft_wrap=True)


def titled(name: str) -> str:
    kind, _, quantile = name.partition(".")
    return f"{kind.replace('_', ' ')}\n{quantile} ms" if quantile else TITLES.get(name, name)


def scale(name: str) -> float:
    return 1e-6 if name.partition(".")[0] in NANOSECONDS else 1.0


def _cell(found: Interval | None, scale: float = 1.0, *, void: bool = False) -> Text:
    if found is None:
        return Text("void" if void else "-", "yellow" if void else "dim")
    text = Text(number(found.median * scale))
    if found.trials > 1:
        text.append(f"\n{number(found.low * scale)}-{number(found.high * scale)}", "dim")
    return text


def _per_event(costs: Mapping[str, Interval]) -> str:
    size, requests = costs.get("wire_bytes_per_event"), costs.get("requests_per_event")
    if size is None or requests is None:
        return "-"
    return f"{number(size.median)} B\n{requests.median:.2f} req"


def tell(path: Path) -> None:
    """Print a run, as wide as the terminal and coloured if it takes that; raises ResultsError."""
    sys.stdout.write(show(path, width=terminal.width(WIDTH), colour=coloured()))


@plainly("show")
def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Tell the run that is named, by its id, folder or file; 2 for a wrong command line, 3 for what is no benchmark."""
    parser = Parser("sseproof show", "Tell a benchmark's run in the terminal.", EXAMPLES)
    parser.add_argument("run", metavar="RUN", help="a run's name, its folder or its bench.jsonl")
    try:
        name = parser.parse_args(arguments).run
        [path] = sources.find([name], root)
        if path.is_dir():
            path /= "bench.jsonl"
            if not path.is_file():
                raise results.ResultsError(
                    f"{name} holds no benchmark: sseproof report {name} tells its cases"
                )
        tell(path)
    except UsageError as error:
        print(f"sseproof show: {results.visible(str(error), 1000)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # a reader that has had enough
        raise
    except (results.ResultsError, OSError) as error:
        print(f"sseproof show: {results.visible(str(error), 1000)}", file=sys.stderr)
        return 3
    return 0
