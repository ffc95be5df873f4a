"""What changed between two runs: cases by their verdict, figures by how many times the head's is the base's.

    between(sources.read([base]), sources.read([head]))

Two runs are not interleaved: the machine may have been busier in one of them, or another machine. So a figure of time
is first divided by that of the reference in the same block of its own run, and these ratios are compared ("x ref").
What is counted (bytes and requests per event, KiB per stream) is compared as it is. Where a way has no reference, and for
the reference itself, times are compared as they are and said to be bound to the machine; if the two runs name
different machines they are not judged at all. Nor are two different loads.

The verdict follows from the interval of head / base: medians of the trials of each run, resampled apart from each
other, as nothing pairs them.

- *worse*, *better*: the interval excludes 1 and the medians differ by more than BEYOND.
- *same*: they do not, and the interval lies within 1/ROOM..ROOM.
- *unstable*: neither can be said; always with fewer than intervals.RANKED_FROM trials that count on a side.

With 5 trials the median of a resample is the smallest or the largest often enough that the interval is rather too wide
than too narrow: tests count less than 5 % false alarms. BEYOND keeps what is certain but tiny from being told, ROOM is
what five trials on a busy machine of two cores can decide at all. Rule of the file: pure, from result files.

It has more lines than most because computing what changed in cases and in figures is one comparison.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sseproof import intervals, ledger, reading
from sseproof.intervals import Interval, Values
from sseproof.reading import Row
from sseproof.sources import Sources

if TYPE_CHECKING:
    import pandas as pd

ROOM = 1.25
BEYOND = 1.1
VERDICTS = ("worse", "better", "unstable", "same")
DIVIDED = (*reading.COSTS, "visits_per_s", "tokens_per_s")
COUNTED = ("wire_bytes_per_event", "requests_per_event", "kib_per_stream")
FLOORS = {"requests_per_event": 0.01, "cpu_share": 0.01}
"""Less than this is taken for this: a stream's one request over a thousand events is no figure to divide by."""

BADNESS = {"pass": 0, "note": 0, "skip": 0, "known": 1, "warn": 1, "stale": 1, "fail": 2, "error": 2}
REFERENCED, COUNT, BOUND = "x ref", "count", "as is"
_OF_NO_MATTER = ("trials", "drain_s", "join_s")


class Case(NamedTuple):
    """A case that changed: from one verdict to another, "" where the run has not judged it."""

    server: str
    group: str
    case: str
    base: str
    head: str
    change: str  # "worse", "better", "other", "new", "gone"


class Figure(NamedTuple):
    """One figure of one server in one way, in both runs. `ratio` is head / base; None where there is none."""

    scenario: str
    way: str
    server: str
    name: str
    basis: str  # REFERENCED, COUNT, or BOUND: a time that holds on one machine only
    base: Interval | None
    head: Interval | None
    ratio: Interval | None
    verdict: str
    because: str


@dataclass
class Changes:
    """All that changed. `uncompared` says what could not be compared and why, `moved` which packages differ, `missing`
    what a run ought to hold."""

    base: str
    head: str
    cases: list[Case] = field(default_factory=list)
    same_cases: int = 0
    figures: list[Figure] = field(default_factory=list)
    uncompared: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)  # by kind: what tells that part

    @property
    def notes(self) -> list[str]:
        """What to know beside the changes."""
        return [*self.uncompared, *self.moved]

    @property
    def compared(self) -> int:
        """How many things are in both runs; 0 means that they have nothing in common."""
        return self.same_cases + len(self.figures) + sum(bool(c.base and c.head) for c in self.cases)


def between(base: Sources, head: Sources) -> Changes:
    """Compare two runs, whatever of them could be read."""
    found = Changes(" + ".join(base.names) or "nothing", " + ".join(head.names) or "nothing")
    for what, run in (("base", base), ("head", head)):
        found.missing += [f"{what}: {each}" for each in unfinished(run)]
    for kind in ("conformance", "bench"):
        one, other = getattr(base, kind), getattr(head, kind)
        if (one is None) != (other is None):
            found.uncompared.append(f"only the {'head' if one is None else 'base'} holds a {kind} run")
        elif one is not None and kind == "conformance":
            found.commands[kind] = _command(one.attrs["header"], other.attrs["header"])
            _cases(found, one, other)
        elif one is not None:
            found.commands[kind] = _command(one.header, other.header)
            _figures(found, one, other)
    return found


def _command(base: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    return f"sseproof compare {base['run']} {head['run']}"


def unfinished(run: Sources) -> list[str]:
    """Say what a run ought to hold and does not, each with the command that makes it."""
    said = list(run.problems)
    if run.conformance is not None and not run.conformance.attrs["complete"]:
        name = run.conformance.attrs["header"]["run"]
        asked = shlex.join(["--", *_again(run.conformance.attrs["header"].get("options") or [])])
        again = f"nox -s conformance {asked}".removesuffix(" --")
        said.append(f"{name} was cut short after {len(run.conformance)} verdicts; anew: {again}")
    if run.bench is not None and not run.bench.complete:
        name, planned = run.bench.header["run"], run.bench.header["planned"]
        rest = f"nox -s bench -- --resume {name}"
        said.append(f"{name} was cut short after {len(run.bench.trials)} of {planned} trials: {rest}")
    return said


def _again(options: Sequence[str]) -> list[str]:
    """Give a command line without the name of its run, which is there already."""
    words = [str(each) for each in options]
    if "--run" in words:
        at = words.index("--run")
        del words[at : at + 2]
    return [each for each in words if not each.startswith("--run=")]


# -- cases


def _cases(found: Changes, base: pd.DataFrame, head: pd.DataFrame) -> None:
    sides = [base, head]
    names = [list(map(str, side.attrs["header"]["servers"])) for side in sides]
    both = set(names[0]) & set(names[1])
    found.uncompared += _only(names, "judged")
    columns = ("server", "group", "case", "verdict")
    verdicts = [
        {(s, g, c): v for s, g, c, v in zip(*(side[key] for key in columns), strict=True) if s in both}
        for side in sides
    ]
    whole = [side.attrs["complete"] for side in sides]
    left = 0
    for key in {**verdicts[0], **verdicts[1]}:
        one, other = (side.get(key, "") for side in verdicts)
        if one == other:
            found.same_cases += 1
        elif (not one and not whole[0]) or (not other and not whole[1]):
            left += 1
        else:
            found.cases.append(Case(*key, one, other, _change(one, other)))
    if left:
        found.uncompared.append(f"{left} cases are in one run only, as the other was cut short")
    found.cases.sort(key=lambda case: ("worse", "better", "other", "new", "gone").index(case.change))
    for server in sorted(both):
        one, other = (ledger.packages(side.attrs["servers"].get(server)) for side in sides)
        moved = [f"{n} {one[n]} -> {other[n]}" for n in one if n in other and one[n] != other[n]]
        if moved:
            found.moved.append(f"{server}: {', '.join(moved)}")


def _change(base: str, head: str) -> str:
    if not base or not head:
        return "gone" if base else "new"
    by = BADNESS.get(head, 2) - BADNESS.get(base, 2)
    return "worse" if by > 0 else "better" if by < 0 else "other"


def _only(names: Sequence[Sequence[str]], done: str) -> Iterator[str]:
    for side, own, other in (("base", *names), ("head", *reversed(names))):
        if only := [name for name in own if name not in other]:
            yield f"{done} in the {side} only: {', '.join(only)}"


# -- figures


def _figures(found: Changes, base: reading.Run, head: reading.Run) -> None:
    ways = [[f"{scenario} by {way}" for scenario, way in run.tables] for run in (base, head)]
    found.uncompared += _only(ways, "measured")
    moved = _other_machine(base.header["machine"], head.header["machine"])
    if moved:
        found.uncompared.append(f"not the same machine ({moved}): what is bound to it is not judged")
    older = len({any("came" in (each.get("tally") or {}) for each in run.trials) for run in (base, head)}) > 1
    if older:
        what = "costs, visits_per_s and tokens_per_s are not compared"
        found.uncompared.append(
            f"{what}: one of the runs is of an older sseproof, which divided them otherwise"
        )
    seed, loads = int(base.header["seed"]), dict[str, list[str]]()
    for key in (key for key in base.tables if key in head.tables):
        sides = [{row.server: row for row in run.tables[key]} for run in (base, head)]
        where = " by ".join(key)
        found.uncompared += [f"{where}: {each}" for each in _only([list(side) for side in sides], "measured")]
        for server in (server for server in sides[0] if server in sides[1]):
            rows = [side[server] for side in sides]
            if other := _other_load(*rows):
                loads.setdefault(other, []).append(where)
                continue
            references = [reference(side) for side in sides]
            for name in (each for each in names(rows[0]) if not (older and each in DIVIDED)):
                figure = _figure(key, name, rows, references, seed, moved)
                if figure is not None:
                    found.figures.append(figure)
    for load, where_all in loads.items():
        places = ", ".join(dict.fromkeys(where_all))
        found.uncompared.append(f"not compared, the load is another ({load}): {places}")
    found.figures.sort(key=lambda figure: VERDICTS.index(figure.verdict))


def names(row: Row) -> list[str]:
    """Give the names of a row's figures and costs."""
    return list(dict.fromkeys([*(row.trials[0].get("figures") or reading.FIGURES), *reading.COSTS]))


def values(row: Row, name: str, *, marked: bool = False) -> dict[int, float]:
    """Give a figure of each trial that counts, by block.

    For a time that is each one without a mark, and `marked` takes in the others. A cost is of the same trials, and where there are
    none of what else was measured, as in `reading`.
    """
    kept = [trial for trial in row.trials if trial["state"] == "ok"]
    if name in reading.COSTS and not marked:
        kept = reading.counting(row.trials) or kept
    elif not marked:
        kept = [trial for trial in kept if not trial["marks"]]
    found = {trial["block"]: reading.figure(trial, name) for trial in kept}
    return {block: value for block, value in found.items() if value is not None}


def reference(rows: Mapping[str, Row]) -> Row | None:
    """Give the reference of a way; None where it was not measured, as one that cannot do a way is skipped."""
    row = rows.get(reading.REFERENCE)
    return row if row and any(trial["state"] == "ok" for trial in row.trials) else None


def relative(own: Values, of: Row | None, name: str) -> dict[int, float]:
    """Divide a server's values by the reference's of the same blocks."""
    others = {} if of is None else values(of, name)
    floor = FLOORS.get(name, 0.0)
    pairs = {block: (max(own[block], floor), max(others[block], floor)) for block in own if block in others}
    return {block: one / other for block, (one, other) in pairs.items() if other}


def _figure(
    key: reading.Key,
    name: str,
    rows: Sequence[Row],
    references: Sequence[Row | None],
    seed: int,
    moved: str,
) -> Figure | None:
    server, own = rows[0].server, [values(row, name) for row in rows]
    if not any(values(row, name, marked=True) for row in rows):
        return None
    basis = COUNT if name in COUNTED else BOUND
    if basis == BOUND and server != reading.REFERENCE and None not in references:
        basis = REFERENCED
        own = [relative(side, ref, name) for side, ref in zip(own, references, strict=True)]
    base, head = (list(side.values()) for side in own)
    found = [intervals.interval(side, seed) if side else None for side in (base, head)]
    ratio = over(head, base, FLOORS.get(name, 0.0), seed) if base and head else None
    verdict, because = judge(ratio, name)
    if not (base and head):
        because = _nothing(base, rows, basis)
    elif basis == BOUND and moved:
        verdict, because = "unstable", f"another machine: {moved}"
    return Figure(key[0], key[1], server, name, basis, found[0], found[1], ratio, verdict, because)


def over(head: Sequence[float], base: Sequence[float], floor: float = 0.0, seed: int = 0) -> Interval | None:
    """Give the median of head divided by that of base, and what 95 % of the resampled ones lie in; None for a base of 0.

    The trials of the interval are those of the side that has fewer.
    """
    draw = np.random.default_rng(seed)
    given = [np.maximum(np.asarray(side, dtype=np.float64), floor) for side in (head, base)]
    drawn = [side[draw.integers(len(side), size=(intervals.RESAMPLES, len(side)))] for side in given]
    above, below = (np.median(side, axis=1) for side in drawn)
    if not np.all(below > 0):
        return None
    tail = 50 * (1 - intervals.CONFIDENCE)
    low, high = np.percentile(above / below, [tail, 100 - tail])
    median = float(np.median(given[0]) / np.median(given[1]))
    return Interval(median, float(low), float(high), min(len(head), len(base)))


def harm(ratio: Interval, name: str) -> Interval:
    """Turn a ratio so that more is worse: that of a figure of which more is better is turned over."""
    if name not in reading.HIGHER_IS_BETTER:
        return ratio
    turned = [1 / value if value else float("inf") for value in ratio[:3]]
    return Interval(turned[0], turned[2], turned[1], ratio.trials)


def judge(ratio: Interval | None, name: str) -> tuple[str, str]:
    """Give the verdict on head / base, and why it is unstable where it is."""
    if ratio is None:
        return "unstable", "nothing to divide by"
    median, low, high, trials = harm(ratio, name)
    if trials < intervals.RANKED_FROM:
        return (
            "unstable",
            f"{trials} trial{'s' * (trials != 1)} count, a verdict takes {intervals.RANKED_FROM}",
        )
    if low > 1 and median > BEYOND:
        return "worse", ""
    if high < 1 and median < 1 / BEYOND:
        return "better", ""
    if low >= 1 / ROOM and high <= ROOM:
        return "same", ""
    return "unstable", f"the interval is too wide to tell: it takes 1 in and leaves 1/{ROOM:g}-{ROOM:g}"


def _nothing(base: Sequence[float], rows: Sequence[Row], basis: str) -> str:
    side, row = ("head", rows[1]) if base else ("base", rows[0])
    why = "; ".join(row.reasons) or ("no block with the reference" if basis == REFERENCED else "no value")
    return f"no trial of the {side} counts: {why}"


def _other_machine(base: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    facts = [(key, base.get(key), head.get(key)) for key in ("cpu", "cores", "kernel")]
    return ", ".join(f"{key} {one}, {other}" for key, one, other in facts if one != other)


def _other_load(base: Row, head: Row) -> str:
    one, other = (row.trials[0]["load"] for row in (base, head))
    keys = [key for key in {**one, **other} if key not in _OF_NO_MATTER]
    return ", ".join(
        f"{key} {one.get(key)} -> {other.get(key)}" for key in keys if one.get(key) != other.get(key)
    )
