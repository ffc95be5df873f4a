"""A run held against its bounds: what is broken, what cannot be told, and how much was checked at all.

A bound on a ratio is *broken* when the whole interval lies beyond it, and at least GATED_FROM trials say so: three trials of
three beyond a bound that leaves room are no chance. If only the median lies beyond it, that is *unstable*. A count needs no
interval and breaks its bound with one trial. Against a base run a figure is *broken* when the interval of head / base
excludes 1 and its median is beyond the bound, which takes intervals.RANKED_FROM trials on each side: with 1.25 a slowdown
of 1.5 is found in more than 95 of 100 pairs of runs, and two runs of the same code fail in less than 5, which
tests/test_gate.py counts. Rule of the file: every finding carries the figure, the bound and the command that shows it,
and what could not be checked is counted, never passed.

It has more lines than most because bounds, counts and the base run are held by one rule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sseproof import changes, intervals, reading, results, sentence, telling
from sseproof.bounds import REST, Bounds
from sseproof.changes import BOUND, Changes, Figure
from sseproof.intervals import Interval
from sseproof.reading import Row, Trial
from sseproof.sources import Sources

GATED_FROM = 3
LISTED = 20
"""So many cases of one verdict are told one by one."""


class Finding(NamedTuple):
    """One line of the gate. `kind` is "broken", "unstable" or "unchecked"."""

    kind: str
    words: str
    command: str


@dataclass
class Held:
    """What came of it. `checked` counts what was held against a bound, `unmeasured` the bounds that found no figure."""

    findings: list[Finding] = field(default_factory=list)
    checked: Counter[str] = field(default_factory=Counter)
    unmeasured: int = 0

    def of(self, kind: str) -> list[Finding]:
        """Give the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def add(self, kind: str, words: str, command: str) -> None:
        """Keep a finding."""
        self.findings.append(Finding(kind, words, command))


def hold(run: Sources, bounds: Bounds, changed: Changes | None = None) -> Held:
    """Hold a run against its bounds, and against its base where `changed` says how it differs from that."""
    found = Held()
    if run.conformance is not None:
        _verdicts(found, run, bounds)
    if run.bench is not None:
        for (scenario, way), rows in run.bench.tables.items():
            reference = changes.reference({row.server: row for row in rows})
            if all(row.server != reading.REFERENCE for row in rows):
                words = f"{scenario} by {way}: no ratio to {reading.REFERENCE}, which was not measured beside the rest"
                found.add("unchecked", words, f"nox -s bench -- --server {reading.REFERENCE} ...")
            for row in rows:
                _row(found, run.bench, f"{scenario} by {way}, {row.server}", row, reference, bounds)
    if changed is not None:
        _base(found, changed, bounds)
    return found


# -- cases


def _verdicts(found: Held, run: Sources, bounds: Bounds) -> None:
    frame = run.conformance
    assert frame is not None
    header = frame.attrs["header"]
    shows = f"sseproof report {header['run']}"
    if bounds.verdicts:
        found.checked["cases"] += len(frame)
    for verdict, bound in bounds.verdicts.items() if len(frame) else ():
        if verdict == "problems":
            problems = (frame.attrs["footer"] or {}).get("problems", [])
            if len(problems) > bound:
                for problem in problems:
                    found.add("broken", f"{problem} (problems: {len(problems)}, at most {bound:g})", shows)
            continue
        rows = frame[frame["verdict"] == verdict]
        if len(rows) <= bound:
            continue
        limit = f"{verdict}: {len(rows)}, at most {bound:g}"
        pairs = list(zip(rows["server"], rows["case"], strict=True))
        for server, case in pairs[:LISTED]:
            what = f"{server}: {results.sentence(case)} ({limit})"
            found.add("broken", what, results.command(header, server, case))
        if more := len(pairs[LISTED:]):
            found.add("broken", f"{more} more cases ({limit})", shows)


# -- figures


def _row(
    found: Held, bench: reading.Run, place: str, row: Row, reference: Row | None, bounds: Bounds
) -> None:
    shows = f"sseproof show {bench.header['run']}"
    done = [trial for trial in row.trials if trial["state"] != "skipped"]
    if not done:
        return
    before = found.checked["bounds"]
    first = done[0]
    limits = bounds.of(str(first["scenario"]), str(first["way"]), row.server)
    for name, number in counts(done).items():
        if name in limits.trials:
            found.checked["bounds"] += 1
            if number > limits.trials[name]:
                why = f": {_first(done, name)}" if _first(done, name) else ""
                what = (
                    f"{place}: {name.replace('_', ' ')} is {number:,}, at most {limits.trials[name]:g}{why}"
                )
                found.add("broken", what, shows)
    seed = int(bench.header["seed"])
    for name, bound in limits.at_most.items():
        if own := changes.values(row, name):
            value = intervals.interval(list(own.values()), seed)
            found.checked["bounds"] += 1
            if value.low > bound:
                what = f"{place}: {telling.label(name)} is {_told(value)}, at most {bound:g}"
                found.add("broken", what, shows)
            elif value.median > bound:
                what = f"{place}: {telling.label(name)} is {_told(value)}, the bound of {bound:g} lies within"
                found.add("unstable", what, shows)
        elif changes.values(row, name, marked=True):
            what = f"{place}: {telling.label(name)}: no trial counts ({'; '.join(row.reasons)})"
            found.add("unstable", what, shows)
        else:
            found.unmeasured += 1
    if row.server != reading.REFERENCE:
        for name, bound in limits.x_reference.items():
            _ratio(found, place, shows, name, bound, row, reference, seed)
    if found.checked["bounds"] > before:
        found.checked["trials"] += len(done)


def _ratio(
    found: Held, place: str, shows: str, name: str, bound: float, row: Row, reference: Row | None, seed: int
) -> None:
    """Hold a figure against a multiple of the reference's; of what is better when higher the bound is the least."""
    what = f"{place}: {telling.label(name)}"
    if reference is None or not changes.values(row, name, marked=True):
        found.unmeasured += 1
        return
    values = list(changes.relative(changes.values(row, name), reference, name).values())
    if not values:
        why = "; ".join(row.reasons or reference.reasons) or "no block has both"
        found.add("unstable", f"{what}: no trial counts ({why})", shows)
        return
    value = intervals.interval(values, seed)
    most, median, low = bound, value.median, value.low
    side = "at most"
    if name in reading.HIGHER_IS_BETTER:
        most, median, low, side = -bound, -value.median, -value.high, "at least"
    found.checked["bounds"] += 1
    if low > most and value.trials >= GATED_FROM:
        found.add("broken", f"{what} is {_told(value)} x {reading.REFERENCE}, {side} {bound:g}", shows)
    elif median > most:
        few = value.trials < GATED_FROM
        because = f"a bound breaks with {GATED_FROM} trials" if few else "the bound lies within"
        words = f"{what} is {_told(value)} x {reading.REFERENCE}, {side} {bound:g}; {because}"
        found.add("unstable", words, shows)


def counts(trials: Sequence[Trial]) -> dict[str, int]:
    """Count over a server's trials what ought not to be. Loss that a scenario allows carries no mark, and is none."""
    measured = [trial for trial in trials if trial["state"] == "ok"]
    lossy = [trial for trial in measured if any("were not seen" in mark for mark in trial["marks"])]

    def told(words: str) -> int:
        """Sum the first number of each mark that says so, which is where it is counted: 1 where it has none."""
        marks = [mark for trial in measured for mark in trial["marks"] if words in mark]
        numbers = [re.search(r"\d[\d,]*", mark) for mark in marks]
        return sum(int(found[0].replace(",", "")) if found else 1 for found in numbers)

    def marked(kind: str) -> int:
        return sum(any(mark.startswith(kind) for mark in trial["marks"]) for trial in measured)

    def tallied(name: str) -> int:
        return sum(int(trial["tally"].get(name) or 0) for trial in measured)

    return {
        "failed": sum(trial["state"] == "failed" for trial in trials),
        "lost": sum(int(trial["tally"]["due"]) - int(trial["tally"]["seen"]) for trial in lossy),
        "refused": sum(
            int((trial["tally"].get("publisher") or {}).get("refused") or 0) for trial in measured
        ),
        # Where clients may come and go, those that stayed are not those that were served.
        "unserved": told("were not served"),
        "broken": told("streams were cut, broken or refused"),
        "duplicates": tallied("duplicates"),
        "reordered": tallied("reordered"),
        "unhealthy": marked("unhealthy"),
        "not_conforming": marked("not conforming"),
    }


def _first(trials: Sequence[Trial], name: str) -> str:
    """Give the reason of the first trial that a count is about, where one is recorded."""
    if name == "failed":
        return next((str(trial["reason"]) for trial in trials if trial["state"] == "failed"), "")
    begins = {"unhealthy": "unhealthy: ", "not_conforming": "not conforming: "}.get(name)
    marks = [mark for trial in trials for mark in trial["marks"]]
    return next((mark.removeprefix(begins) for mark in marks if begins and mark.startswith(begins)), "")


# -- against a base


def _base(found: Held, changed: Changes, bounds: Bounds) -> None:
    for note in changed.uncompared:
        found.add("unchecked", f"against the base: {note}", "")
    shows = changed.commands.get("conformance", "")
    both = changed.same_cases + len(changed.cases)
    if bounds.base_counts:
        found.checked["cases against the base"] += both
    for name, bound in bounds.base_counts.items() if both else ():
        chosen = [case for case in changed.cases if case.change == name.removesuffix("_cases")]
        if len(chosen) > bound:
            for case in chosen[:LISTED]:
                turned = f"{case.base} -> {case.head or 'not judged'}"
                words = f"{case.server}: {results.sentence(case.case)}: {turned}"
                limit = f"{name.replace('_', ' ')}: {len(chosen)}, at most {bound:g}"
                found.add("broken", f"{words} ({limit})", shows)
            if more := len(chosen[LISTED:]):
                found.add("broken", f"{more} more {name.replace('_', ' ')}, at most {bound:g}", shows)
    shows, unjudged = changed.commands.get("bench", ""), Counter[str]()
    for figure in changed.figures:
        bound = bounds.base.get(figure.name, bounds.base.get(REST, 0.0))
        if not bound:
            continue
        if figure.basis == BOUND:
            if figure.server != reading.REFERENCE:
                unjudged[f"{figure.scenario} by {figure.way}"] += 1
            continue
        _regress(found, figure, bound, shows)
    for way, number in unjudged.items():
        words = f"{way}: {number} figures are bound to the machine, as {reading.REFERENCE} was not measured in both runs"
        found.add("unchecked", words, shows)


def _regress(found: Held, figure: Figure, bound: float, shows: str) -> None:
    what = f"{figure.scenario} by {figure.way}, {figure.server}: {telling.label(figure.name)}"
    if figure.ratio is None:
        found.add("unstable", f"{what} against the base: {figure.because}", shows)
        return
    found.checked["figures against the base"] += 1
    worse = changes.harm(figure.ratio, figure.name)
    if not worse.median > bound:
        return
    words = f"{what} is {_told(worse)} times the base's"
    if figure.name in reading.HIGHER_IS_BETTER:
        words = f"{what} is {_told(worse)} times less than the base's"
    if worse.trials < intervals.RANKED_FROM:
        few = f"{worse.trials} trials count, it takes {intervals.RANKED_FROM}"
        found.add("unstable", f"{words}, at most {bound:g}; {few}", shows)
    elif worse.low > 1:
        found.add("broken", f"{words}, at most {bound:g}", shows)
    else:
        found.add("unstable", f"{words}, at most {bound:g}; it may as well be none, 1 lies within", shows)


def _told(value: Interval) -> str:
    if value.trials < 2:
        return f"{sentence.number(value.median)} (1 trial)"
    return f"{sentence.number(value.median)} ({sentence.number(value.low)}-{sentence.number(value.high)}, {value.trials} trials)"


def lacking(run: Sources, bounds: Bounds) -> Iterator[str]:
    """Say what the bounds need and the run has not, with the command that makes it."""
    there: Mapping[str, object] = {"conformance": run.conformance, "bench": run.bench}
    for kind in bounds.needs:
        if there[kind] is None:
            yield f"no {kind} run was given, and the bounds need one: nox -s {kind}"
