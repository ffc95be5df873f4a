"""What changed between two runs, told: a table for a terminal, Markdown for a pull request, cells for the page.

Rule of the file: 80 columns are enough, a pipe gets no control character, and what a server or a foreign file has
written passes through results.visible() first; in Markdown nothing of it is markup either.

It has more lines than most because three forms of one table are kept side by side.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sseproof import reading, results, sentence, show
from sseproof.changes import BEYOND, BOUND, REFERENCED, VERDICTS, Case, Changes, Figure
from sseproof.intervals import Interval
from sseproof.terminal import recorder

COLOURS = {"worse": "red", "better": "green", "unstable": "yellow", "same": "dim", "other": "blue"}
LISTED = 20
"""So many cases that are new or gone, and so many unstable figures, are told by name; the page has all."""

LEGEND = (
    f"head/base: of the medians, below it the 95 % interval. worse, better: it excludes 1 and the medians differ more than "
    f"{BEYOND:g} times; unstable: too few trials, or too wide an interval, to tell. x: times {reading.REFERENCE} in the same "
    "blocks; *: as it is, true of one machine only."
)


def text(found: Changes, *, width: int = show.WIDTH, colour: bool = False, every: bool = False) -> str:
    """Tell the changes as text; `every` lists what stayed the same too."""
    console = recorder(width, colour=colour)
    with console.capture() as capture:
        console.print(f"base {clean(found.base)}, head {clean(found.head)}", soft_wrap=True)
        for note in (*found.missing, *found.notes):
            console.print(Text(f"  {clean(note)}", "yellow"), soft_wrap=True)
        _tell_cases(console, found)
        _tell_figures(console, found, every=every)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _tell_cases(console: Console, found: Changes) -> None:
    if not found.cases and not found.same_cases:
        return
    console.print()
    changed, moved, more = _split(found.cases)
    for case in (*changed, *moved):
        line = Text(f"{case.change:<8} ", COLOURS.get(case.change, "blue"))
        line.append(f"{clean(case.server)}: {clean(results.sentence(case.case))}", "")
        line.append(f"  {_turn(case)}", "dim")
        console.print(line, soft_wrap=True)
    if more:
        console.print(f"... and {more} more that are new or gone", soft_wrap=True)
    console.print(summary(found)[0], soft_wrap=True)


def _tell_figures(console: Console, found: Changes, *, every: bool) -> None:
    if not found.figures:
        return
    console.print()
    ways: dict[str, list[Figure]] = {}
    for figure in told(found.figures, every=every):
        ways.setdefault(f"{figure.scenario} by {figure.way}", []).append(figure)
    for way, figures in ways.items():
        console.print(_table(way, figures))
        console.print()
    console.print(summary(found)[-1], soft_wrap=True)
    console.print(Text(LEGEND, "dim"))


def _table(way: str, figures: Sequence[Figure]) -> Table:
    table = Table(
        title=Text(clean(way)), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for head in ("server", "figure", "base", "head", "head/base", "verdict"):
        number = head in ("base", "head", "head/base")
        table.add_column(head, justify="right" if number else "left", no_wrap=head != "server")
    for figure in figures:
        below = spread(figure.ratio)
        table.add_row(
            Text(clean(figure.server)),
            Text(clean(label(figure.name))),
            value(figure, figure.base),
            value(figure, figure.head),
            Text(times(figure.ratio)).append(f"\n{below}" if below else "", "dim"),
            Text(figure.verdict, COLOURS[figure.verdict]),
        )
    return table


# -- Markdown


def markdown(found: Changes) -> str:
    """Tell the changes as Markdown: what changed in tables, what could not be told counted."""
    lines = [f"### sseproof: {safe(found.base)} → {safe(found.head)}", ""]
    lines += [f"- {line}" for line in summary(found)]
    lines += [f"- ⚠ {safe(note)}" for note in found.missing]
    lines += [f"- {safe(note)}" for note in found.notes]
    changed, moved, more = _split(found.cases)
    if changed or moved:
        lines += ["", "| change | server | case | from | to |", "| --- | --- | --- | --- | --- |"]
        for case in (*changed, *moved):
            cells = (
                case.change,
                case.server,
                results.sentence(case.case),
                case.base or "-",
                case.head or "-",
            )
            lines.append(f"| {' | '.join(map(safe, cells))} |")
        lines += ["", f"... and {more} more that are new or gone"] if more else []
    if figures := told(found.figures):
        lines += ["", "| verdict | figure | base | head | head/base | 95 % interval |"]
        lines.append("| --- | --- | --: | --: | --: | --: |")
        for figure in figures:
            columns = (
                figure.verdict,
                f"{figure.scenario} by {figure.way}, {figure.server}: {label(figure.name)}",
                value(figure, figure.base),
                value(figure, figure.head),
                times(figure.ratio),
                spread(figure.ratio) or "-",
            )
            lines.append(f"| {' | '.join(map(safe, columns))} |")
        lines += ["", safe(LEGEND.replace("below it", "beside it"))]
    return "\n".join(lines) + "\n"


# -- words that all three share


def summary(found: Changes) -> list[str]:
    """Count it in a sentence for the cases and one for the figures, as far as there are any."""
    said = []
    if found.cases or found.same_cases:
        counts = Counter(case.change for case in found.cases)
        parts = [f"{counts[key]} {key}" for key in ("worse", "better", "other", "new", "gone") if counts[key]]
        said.append(
            f"cases: {', '.join(parts) or 'none changed'}, {found.same_cases:,} with the same verdict"
        )
    if found.figures:
        verdicts = Counter(figure.verdict for figure in found.figures)
        said.append("figures: " + ", ".join(f"{verdicts[key]} {key}" for key in VERDICTS))
    return said or ["nothing is in both runs"]


def told(figures: Iterable[Figure], *, every: bool = False) -> list[Figure]:
    """Choose what a table lists: all that is worse or better, and what is unstable where its medians differ."""
    figures = list(figures)
    if every:
        return figures
    sure = [figure for figure in figures if figure.verdict in ("worse", "better")]
    unsure = [figure for figure in figures if figure.verdict == "unstable" and _moved(figure)]
    return sure + sorted(unsure, key=_distance, reverse=True)[:LISTED]


def _moved(figure: Figure) -> bool:
    return figure.ratio is None or not 1 / BEYOND <= figure.ratio.median <= BEYOND


def _distance(figure: Figure) -> float:
    if figure.ratio is None or not figure.ratio.median > 0:
        return 0.0
    return max(figure.ratio.median, 1 / figure.ratio.median)


def _split(cases: Sequence[Case]) -> tuple[list[Case], list[Case], int]:
    changed = [case for case in cases if case.base and case.head]
    moved = [case for case in cases if not (case.base and case.head)]
    return changed, moved[:LISTED], len(moved[LISTED:])


def _turn(case: Case) -> str:
    return f"{case.base} -> {case.head}" if case.base and case.head else case.base or case.head


def label(name: str) -> str:
    """Write a figure's name for people; its dot stays, as bounds are written with it."""
    return {
        "server_cpu_s_per_1000": "CPU per 1,000",
        "wire_bytes_per_event": "bytes per event",
        "requests_per_event": "requests per event",
        "kib_per_stream": "KiB per stream",
        "visits_per_s": "visits per s",
        "largest": "most clients",
    }.get(name, name.replace("_", " "))


def value(figure: Figure, found: Interval | None) -> str:
    """Write one side of a figure: "3.14 x" of the reference, or a number, with * where it is bound to the machine."""
    if found is None:
        return "-"
    if figure.basis == REFERENCED:
        return f"{sentence.number(found.median)} x"
    scale, unit = 1.0, ""
    if figure.name.partition(".")[0] in show.NANOSECONDS:
        scale, unit = 1e-6, " ms"
    elif figure.name == "server_cpu_s_per_1000":
        scale, unit = 1e3, " ms"
    return f"{sentence.number(found.median * scale)}{unit}{'*' * (figure.basis == BOUND)}"


def times(ratio: Interval | None) -> str:
    """Write head / base."""
    return "-" if ratio is None else f"{sentence.number(ratio.median)}"


def spread(ratio: Interval | None) -> str:
    """Write the interval of head / base; nothing where one trial of each gives none."""
    if ratio is None or ratio.trials < 2:
        return ""
    return f"{sentence.number(ratio.low)}-{sentence.number(ratio.high)}"


def clean(words: str, limit: int = 300) -> str:
    """Make one line of what somebody else may have written."""
    return " | ".join(results.visible(words, limit).split("\n"))


def safe(words: str) -> str:
    """The same where nothing may be markup: every sign that Markdown or HTML reads is escaped."""
    escaped = re.sub(r"([\\`*_\[\]<>|#~@!])", r"\\\1", clean(words))
    return (
        escaped.replace("&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\@", "@\u2060")
    )
