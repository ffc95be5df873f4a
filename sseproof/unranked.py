"""Which trials of a benchmark count for nothing, and why; which figures are too unsteady to lean on.

Rule of the file: a kind of reason is told once, with how many trials it is true of and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sseproof import pairs, reading
from sseproof.said import number, said

WIDE = 1.5  # an interval whose ends lie further apart than this is told as wide; *unstable* is a verdict on two runs


@dataclass(frozen=True)
class Mark:
    """A kind of reason for which trials do not count: of how many, where, and one of them in full."""

    kind: str
    trials: int
    where: Sequence[str]
    example: str


def missing(run: reading.Run) -> int:
    """Count the trials that were planned and are not in the file."""
    planned = number(run.header["planned"])
    return 0 if planned is None else max(0, int(planned) - len(run.trials))


def left_out(run: reading.Run) -> int:
    """Count the trials that have a mark or were not measured."""
    return sum(bool(reading.why(record)) for record in run.trials)


def marks(run: reading.Run) -> list[Mark]:
    """Gather why trials do not count, the most frequent first: marks, and trials that were skipped or failed."""
    gathered: dict[str, tuple[set[int], dict[str, None], str]] = {}
    for (scenario, way), rows in run.tables.items():
        for row in rows:
            for record in row.trials:
                for mark in reading.why(record):
                    kind = mark.partition(":")[0]
                    trials, where, _ = gathered.setdefault(kind, (set(), {}, mark.partition(":")[2].strip()))
                    trials.add(id(record))
                    where[f"{scenario} by {way}: {row.server}"] = None
    found = [
        Mark(said(kind, 80), len(trials), [said(each, 120) for each in where], said(example))
        for kind, (trials, where, example) in gathered.items()
    ]  # fmt: skip
    return sorted(found, key=lambda mark: -mark.trials)


def tables(run: reading.Run) -> list[str]:
    """Name the tables in which nobody has a rank."""
    return [
        said(f"{scenario} by {way}", 120)
        for (scenario, way), rows in run.tables.items()
        if not any(row.rank for row in rows)
    ]


def wide(run: reading.Run) -> list[str]:
    """Name the figures whose interval is wide, each table's first figure only."""
    found = []
    for (scenario, way), rows in run.tables.items():
        for row in rows:
            for name, own in list(row.figures.items())[:1]:
                if own.trials > 1 and own.high > WIDE * own.low:
                    told = f"{pairs.told(own, 1e-6)} ms" if "." in name else pairs.told(own)
                    found.append(said(f"{scenario} by {way}: {row.server}, {name} {told}"))
    return found
