"""What a benchmark's run says, as a table: scenario, way and server, with intervals, ties and what was not ranked.

    sseproof show RUN

Rule of the file: read from bench.jsonl alone. A trial that failed, lost events or was bound by the generator gives no
figure; it is told below the table with its reason.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sseproof import environment, results
from sseproof.intervals import RANKED_FROM, interval, ranks, tellable

Record = Mapping[str, Any]
WIDTH = 110


def show(path: Path, width: int = WIDTH) -> str:
    """Tell a run in text without control characters; raises results.ResultsError for a file that is none."""
    records = results.read_lines(path, results.BENCH_FIELDS)
    planned = records[0]["planned"]
    trials = [record for record in records if record["kind"] == "trial"]
    console = Console(file=io.StringIO(), width=width, no_color=True)
    if not trials:
        console.print("no trial has been finished")
    for scenario in dict.fromkeys(trial["scenario"] for trial in trials):
        console.print(_table(scenario, [trial for trial in trials if trial["scenario"] == scenario]))
    for trial in trials:
        for reason in filter(None, [trial["reason"], *trial["marks"]]):
            state = "unranked" if trial["state"] == "ok" else trial["state"]
            what = f"trial {trial['number']}, {trial['way']} on {trial['server']}: {results.visible(reason, 300)}"
            console.print(f"{state}: {what}", markup=False, highlight=False)
    if records[-1]["kind"] != "footer":
        console.print(f"This run was cut short: {len(trials)} of {planned} trials are there.")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _table(scenario: str, trials: Sequence[Record]) -> Table:
    table = Table(
        title=f"{scenario}: staleness in ms, median over trials of each trial's quantile [95 % interval]"
    )
    for name in ("way", "server", "p50", "p99", "seen/due", "CPU ms/1000", "bytes/event", "trials", "rank"):
        table.add_column(name, justify="left" if name in ("way", "server") else "right")
    for way in dict.fromkeys(trial["way"] for trial in trials):
        of_way = [trial for trial in trials if trial["way"] == way]
        servers = sorted({trial["server"] for trial in of_way})
        found = {name: [trial for trial in of_way if trial["server"] == name] for name in servers}
        placed = ranks({name: _by_block(_sound(own), "p99") for name, own in found.items()})
        for name, own in found.items():
            table.add_row(way, name, *_cells(own), _rank(placed, name))
    return table


def _cells(trials: Sequence[Record]) -> list[str]:
    sound = _sound(trials)
    told = [trial for trial in trials if "tally" in trial]
    seen, due = (sum(trial["tally"][key] for trial in told) for key in ("seen", "due"))
    costs = [trial["derived"]["server_cpu_s_per_1000"] for trial in sound]
    sizes = [trial["derived"]["wire_in_bytes_per_event"] for trial in sound]
    cpu = [cost * 1000 for cost in costs if cost is not None]
    return [
        _interval(_by_block(sound, "p50").values()),
        _interval(_by_block(sound, "p99").values()),
        f"{seen:,}/{due:,}",
        _interval(cpu),
        _interval([size for size in sizes if size is not None]),
        f"{len(sound)}/{len(trials)}",
    ]


def _sound(trials: Iterable[Record]) -> list[Record]:
    """Give the trials whose figures count."""
    return [trial for trial in trials if trial["state"] == "ok" and not trial["marks"]]


def _by_block(trials: Iterable[Record], quantile: str) -> dict[int, float]:
    """Give a quantile of staleness in ms by block, of those trials that saw enough events to tell it."""
    share = float(quantile.removeprefix("p")) / 100
    found = ((trial["block"], trial["tally"]["quantiles"]["staleness"]) for trial in trials)
    return {block: told[quantile] / 1e6 for block, told in found if tellable(share, told["n"])}


def _interval(values: Iterable[float]) -> str:
    given = list(values)
    if not given:
        return "-"
    told = interval(given)
    return f"{told.median:.3g}" + (f" [{told.low:.3g}, {told.high:.3g}]" if told.trials > 1 else "")


def _rank(placed: Mapping[str, int | None], name: str) -> str:
    own = placed[name]
    if own is None:
        return f"no: < {RANKED_FROM} trials"
    return f"{own}" + (" tied" if list(placed.values()).count(own) > 1 else "")


def main(arguments: Sequence[str]) -> int:
    """Tell the run that is named, by its id or its file; return the exit code."""
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print("usage: sseproof show RUN   (a run's id, or its bench.jsonl)")
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    given = Path(arguments[0])
    path = given if given.suffix else environment.ROOT / "results" / given / "bench.jsonl"
    try:
        print(show(path), end="")
    except (results.ResultsError, KeyError, TypeError) as error:
        print(f"show: {path} cannot be told: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
