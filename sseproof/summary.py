"""A run as Markdown: what a CI job shows on its own page ($GITHUB_STEP_SUMMARY), or a comment on a change.

Strategy: counts, the matrix, each miss in a line with the command that shows it again, the benchmark's tables, the reasons
beside what is not ranked. Rule of the file: what a file or a server said stands in code spans, where no Markdown, no HTML
and no @mention means anything; `code` makes them, and nothing else may write such text.

It has more lines than most because the parts of one document stand in its order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sseproof import intervals, matrix, results, sentence, show
from sseproof.intervals import Interval
from sseproof.junit import whole_run
from sseproof.reading import FIGURES, REFERENCE, Row, Run
from sseproof.records import text
from sseproof.sources import Sources

if TYPE_CHECKING:
    import pandas as pd

LIMIT_BYTES = 1_000_000  # GitHub refuses a summary of more than 1 MiB
TOLD_PER_SERVER = 20
UNITS = {"server_cpu_s_per_1000": 1e3, "wire_bytes_per_event": 1.0, "requests_per_event": 1.0}


def render(found: Sources, *, page: str = "index.html") -> str:
    """Tell what there is to report; `page` is the address of the whole report, a link or a path."""
    lines = [f"# sseproof: {' + '.join(code(name) for name in found.names) or 'no run'}", ""]
    lines += [f"- **{code(problem, 1000)}**" for problem in found.problems] + [""] * bool(found.problems)
    if found.conformance is not None:
        lines += [*_conformance(found.conformance), ""]
    if found.bench is not None:
        lines += [*_bench(found.bench), ""]
    end = ["", _page(page)]
    return (
        "\n".join([*_within(lines, LIMIT_BYTES - len("\n".join(end).encode()) - 200), *end]).replace(
            "\n\n\n", "\n\n"
        )
        + "\n"
    )


def code(value: object, limit: int = 200, *, cell: bool = False) -> str:
    """Write any text as a code span of one line; in a table's `cell` a pipe would end it, so there it is an escape."""
    words = " ".join(results.visible(text(value), limit).split()) or "?"
    words = words.replace("|", r"\x7c") if cell else words
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
    room = " " if words[0] == "`" or words[-1] == "`" else ""
    return f"{fence}{room}{words}{room}{fence}"


def _page(page: str) -> str:
    safe = re.fullmatch(r"https?://[\w./:%?=&#~+-]+|[\w./-]+", page, re.ASCII)
    return f"The whole report, with each case's bytes: {f'[{page}]({page})' if safe else code(page)}"


def _within(lines: Sequence[str], limit_bytes: int) -> list[str]:
    """Give the lines that fit, and say how many do not."""
    taken: list[str] = []
    size = 0
    for number, line in enumerate(lines):
        size += len(line.encode()) + 1
        if size > limit_bytes:
            open_ones = taken.count("<details>") - taken.count("</details>")
            cut = f"*Cut here: {len(lines) - number:,} more lines would be more than a summary may hold.*"
            return [*taken, "", *["</details>", ""] * open_ones, cut]
        taken.append(line)
    return taken


# -- conformance


def _conformance(run: pd.DataFrame) -> Iterator[str]:
    header, counts = run.attrs["header"], Counter(run["verdict"])
    yield "## Conformance"
    yield ""
    yield _verdict(run, counts)
    yield ""
    told = [f"{counts[verdict]:,} {verdict}" for verdict in results.VERDICTS if counts[verdict]]
    facts = [
        f"run {code(header['run'])}",
        f"seed {code(header.get('seed'))}",
        f"revision {code(header.get('revision'))}",
    ]
    facts += [f"with {code(release)}" for release in header.get("with") or []][:20]
    yield f"{', '.join(told) or 'Nothing was judged'}; {', '.join(facts)}."
    yield ""
    yield from _matrix(run)
    yield from _misses(run, "What turns the exit code", results.UNWELCOME)
    yield from _misses(run, "Missed, without turning the exit code", ("known", "warn"), folded=True)


def _verdict(run: pd.DataFrame, counts: Counter[str]) -> str:
    unwelcome = [f"{counts[verdict]:,} {verdict}" for verdict in results.UNWELCOME if counts[verdict]]
    told = [f"**{', '.join(unwelcome)}.**"] if unwelcome else []
    told += [f"**{code(wrong, 500)}**" for wrong in whole_run(run)[:20]]
    good = (
        "**No required case is missed that is not listed as known.**"
        if len(run)
        else "**Nothing was judged.**"
    )
    return " ".join(told) or good


def _matrix(run: pd.DataFrame) -> Iterator[str]:
    found, groups = matrix.cells(run), matrix.groups(run)
    servers = dict.fromkeys([*run.attrs["header"]["servers"], *run["server"]])
    yield from _table(
        ["server", *(code(group, 40, cell=True) for group in groups)],
        [[code(server, 60, cell=True), *(found[server, group].text if (server, group) in found else "-" for group in groups)]
         for server in servers],
    )  # fmt: skip
    letters = ", ".join(f"{v.letter} {name}" for name, v in results.VERDICTS.items() if name != "pass")
    yield f"Passed of judged, then what was missed: {letters}."
    yield ""


def _misses(run: pd.DataFrame, title: str, verdicts: Sequence[str], *, folded: bool = False) -> Iterator[str]:
    rows: list[dict[str, Any]] = run[run["verdict"].isin(verdicts)].to_dict("records")  # type: ignore[assignment]
    if not rows:
        return
    yield from (
        ("<details>", f"<summary>{title}: {len(rows):,}</summary>", "") if folded else (f"### {title}", "")
    )
    told: Counter[str] = Counter()
    launches: Counter[tuple[str, str]] = Counter()
    for row in sorted(rows, key=lambda row: verdicts.index(row["verdict"])):
        server, because = text(row["server"]), text(row["because"])
        if row["verdict"] == "error" and because.startswith(matrix.LAUNCH):
            launches[server, because] += 1
            continue
        told[server] += 1
        if told[server] <= TOLD_PER_SERVER:
            yield _miss(run.attrs["header"], row)
    for server, count in told.items():
        if count > TOLD_PER_SERVER:
            yield f"- {code(server)}: {count - TOLD_PER_SERVER:,} more are in the report"
    for (server, because), count in launches.items():
        yield f"- **error** {code(server)}: {count:,} cases not judged: {code(because.removeprefix(matrix.LAUNCH), 1000)}"
    yield from ("", "</details>", "") if folded else ("",)


def _miss(header: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    server, case = text(row["server"]), text(row["case"])
    why = text(row["known"]) if row["verdict"] == "known" else text(row["because"]).partition("\n")[0]
    where = f"- **{row['verdict']}** {code(server)} {code(row['group'])}: {code(results.sentence(case))}: {code(why, 400)}"
    return f"{where}; run {code(results.command(header, server, case), 500)}"


# -- benchmark


def _bench(run: Run) -> Iterator[str]:
    header, chosen = run.header, run.header.get("options") or {}
    yield "## Benchmark"
    yield ""
    if not run.complete:
        missing = f"{len(run.trials):,} of {code(header.get('planned'))} trials are there"
        yield f"**This run was cut short: {missing}. The rest: {code('nox -s bench -- --resume ' + text(header['run']))}**"
        yield ""
    machine = header.get("machine") or {}
    facts = [
        f"run {code(header['run'])}",
        f"profile {code(chosen.get('profile'))}",
        f"seed {code(header.get('seed'))}",
    ]
    facts += [f"{code(machine.get('cores'))} cores", code(machine.get("cpu"))]
    yield f"{', '.join(facts)}. Medians over trials with their 95 % intervals."
    yield ""
    for (scenario, way), rows in run.tables.items():
        yield f"### {code(scenario)} by {code(way)}"
        yield ""
        names = list(rows[0].trials[0].get("figures") or FIGURES)[:2]
        heads = [code(show.titled(name), cell=True) for name in names]
        heads = [
            "server",
            "rank",
            *heads,
            f"x {REFERENCE}",
            "seen of due",
            "CPU ms per 1,000",
            "bytes per event",
            "requests per event",
        ]
        yield from _table(heads, [_row(row, names) for row in rows])
        yield from (f"- {code(row.server)}: {code(reason, 400)}" for row in rows for reason in row.reasons)
        if (trials := max(row.wanted for row in rows)) < intervals.RANKED_FROM:
            yield f"- A quick look: no ranking claimed ({trials} of each, a rank takes {intervals.RANKED_FROM} trials)."
        yield ""


def _row(row: Row, names: Sequence[str]) -> list[str]:
    void = "void" if not row.figures and row.due else "-"
    return [
        code(row.server, 60, cell=True),
        row.rank or "not ranked",
        *(_cell(row.figures.get(name), show.scale(name), void) for name in names),
        _cell(row.ratio),
        sentence.share(row.seen, row.due),
        *(_cell(row.costs.get(name), scale) for name, scale in UNITS.items()),
    ]


def _cell(found: Interval | None, scale: float = 1.0, missing: str = "-") -> str:
    if found is None:
        return missing
    low, high = (sentence.number(value * scale) for value in (found.low, found.high))
    return sentence.number(found.median * scale) + (f" [{low}, {high}]" if found.trials > 1 else "")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" + " ---: |" * (len(heads) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
