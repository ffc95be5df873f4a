"""Releases compared: what each run of the battery found, where they differ, and how that is told.

Takes the runs' result files and returns text, so that an old comparison can be told again. Rule of the file:
what is compared is what the server did, never what the ledger made of it; a release that could not be judged
is said to be so, and is neither good nor bad.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sseproof import environment, ledger, matrix, results
from sseproof.terminal import recorder

LATEST = "latest"
OUTCOMES = {"stale": "pass", "known": "fail"}
"""What the ledger made of a verdict, back to what the server did."""

GOOD, BAD = ("pass",), ("fail", "warn")
LAUNCHED_WORDS = 600


@dataclass
class Release:
    """One release and its run: where the results are, which version the server named, why it was not judged."""

    name: str
    run: str
    version: str = ""
    because: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)  # by "group: case"
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{LATEST} {self.version}".strip() if self.name == LATEST else self.name


@dataclass
class Change:
    """One case whose outcome is not the same everywhere; releases oldest first, "" where there is none."""

    case: str
    outcomes: list[str]
    first_bad: str
    first_good: str


def safe(release: str) -> str:
    """Make a release part of a folder's name."""
    return re.sub(r"[^\w.-]", "_", release)


def read(folder: Path, server: str, package: str, name: str, run: str) -> Release:
    """Read one run; `because` says why nothing follows from it, if that is so."""
    release = Release(name, run)
    try:
        frame = results.read(folder / run / "conformance.jsonl")
    except results.ResultsError as error:
        output = folder / run.removesuffix(f"-{safe(name)}") / f"{run}.txt"
        printed = output.read_text("utf-8", "replace") if output.exists() else str(error)
        usage = re.search(r"^ERROR: (.*)$", printed, re.MULTILINE)
        release.because = f"usage: {usage[1]}" if usage else environment.last_lines(printed)
        return release
    named = ledger.packages(frame.attrs["servers"].get(server))
    release.version = named.get(canonicalize_name(package), "")
    release.counts = dict(Counter(frame["verdict"]))
    unlaunched = [text for text in frame["because"] if text.startswith(matrix.LAUNCH)]
    if unlaunched:
        release.because = unlaunched[0].removeprefix(matrix.LAUNCH)[:LAUNCHED_WORDS]
    elif not frame.attrs["complete"]:
        release.because = f"its run was cut short; results/{run}/conformance.jsonl has what there is"
    elif name != LATEST and release.version and not SpecifierSet(f"=={name}").contains(release.version, True):
        release.because = f"the server runs {package} {release.version}"
    for group, case, verdict, told in zip(
        frame["group"], frame["case"], frame["verdict"], frame["finding"], strict=True
    ):
        release.outcomes[f"{group}: {case}"] = OUTCOMES.get(verdict, verdict)
        release.findings[f"{group}: {case}"] = told if verdict == "note" else ""
    return release


def changes(releases: Sequence[Release]) -> tuple[list[Change], int]:
    """Give the cases whose outcome differs between these releases (oldest first), and the number of the others.

    The first good release is the first after the first bad one, where there is one: so it says when it was mended.
    """
    cases = dict.fromkeys(case for release in releases for case in release.outcomes)
    found = []
    for case in cases:
        outcomes = [release.outcomes.get(case, "") for release in releases]
        if len(set(outcomes)) == 1:
            continue
        bad = [n for n, outcome in enumerate(outcomes) if outcome in BAD]
        good = [n for n, outcome in enumerate(outcomes) if outcome in GOOD]
        mended = [n for n in good if bad and n > bad[0]] or good
        first_bad, first_good = ((releases[n[0]].name if n else "") for n in (bad, mended))
        found.append(Change(case, outcomes, first_bad, first_good))
    return found, len(cases) - len(found)


def show(server: str, package: str, releases: Sequence[Release], *, colour: bool, width: int = 0) -> str:
    """Tell the comparison as text: what was not judged, the table, what is noted otherwise, the counts."""
    judged = [each for each in releases if not each.because]
    found, same = changes(judged)
    width = max(matrix.WIDTH, width, 70 + sum(len(each.title) + 2 for each in judged))
    console = recorder(width, colour=colour)
    with console.capture() as capture:
        _tell_releases(console, server, package, releases)
        if found and len(judged) > 1:
            console.print(_table(judged, found, no_wrap=width > 3 * matrix.WIDTH))
        for case in judged[0].findings if len(judged) > 1 else ():
            noted = [each.findings.get(case, "") for each in judged]
            if all(noted) and len(set(noted)) > 1:
                group, _, name = case.partition(": ")
                console.print(
                    Text(f"noted otherwise, {group}: {results.sentence(name)}", "blue"), soft_wrap=True
                )
                for each, words in zip(judged, noted, strict=True):
                    console.print(Text(f"      {each.title}: {results.visible(words, 200)}"), soft_wrap=True)
        if len(judged) > 1:
            console.print(f"{len(found):>6} cases changed, {same} did not", soft_wrap=True)
        else:
            console.print(f"{len(judged)} of {len(releases)} releases were judged: nothing to compare")
    return capture.get()


def _tell_releases(console: Console, server: str, package: str, releases: Sequence[Release]) -> None:
    for each in releases:
        if each.because:
            console.print(Text(f"not judged: {package} {each.name}", "red"), soft_wrap=True)
            console.print("      " + results.visible(each.because).replace("\n", "\n      "), soft_wrap=True)
        else:
            counts = ", ".join(f"{each.counts[v]} {v}" for v in results.VERDICTS if each.counts.get(v))
            console.print(f"{package} {each.title}: {counts}", soft_wrap=True)
    if releases and not any(each.version for each in releases):
        console.print(
            f"{server} does not name {package} in /json/about: whether it ran these releases is not checked",
            soft_wrap=True,
        )


def _table(releases: Sequence[Release], found: Sequence[Change], *, no_wrap: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("case", no_wrap=no_wrap)
    for each in releases:
        table.add_column(Text(each.title), no_wrap=True)
    table.add_column("first bad", no_wrap=True)
    table.add_column("first good", no_wrap=True)
    for change in found:
        group, _, case = change.case.partition(": ")
        cells = [
            Text(outcome or "-", results.VERDICTS[outcome].colour if outcome else "dim")
            for outcome in change.outcomes
        ]
        name = Text(f"{group}: {results.visible(results.sentence(case), 200)}")
        table.add_row(name, *cells, change.first_bad or "-", change.first_good or "-")
    return table
