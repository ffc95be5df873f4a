"""A run for other programs: JUnit XML, a Markdown summary, CSV and Parquet, a badge per server, the files' schemas.

    sseproof export RUN...          nox -s report -- RUN makes the page

Strategy: KINDS says which function makes which file. Rule of the file: no name that stands in a result file becomes a path
before it has been made a plain file's name, and a file replaces the one before it in one step.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sseproof import badge, environment, files, junit, records, results, short, sources, summary
from sseproof.ledger import near
from sseproof.terminal import Parser, UsageError, plainly

EXAMPLES = """examples:
  sseproof export                                     all of it, of the newest run
  sseproof export 20260101T120000Z-1a2b               of that one, into reports/20260101T120000Z-1a2b/
  sseproof export my-cases my-bench --to out          the cases of one, the figures of the other, into out/
  sseproof export my-run --only junit,summary         conformance.junit.xml and summary.md
  sseproof export my-run --only summary --link "$URL"  the summary, with a link to where the page is

exit code: 0 written, 2 usage, 3 no result file could be read, or only some"""
SCHEMAS = Path(__file__).parent / "schema"
NO_PYARROW = "Parquet needs pyarrow, which is not here: pip install -e '.[report]' in sseproof's folder"


Made = Iterator[tuple[str, bytes]]


def _junit(found: sources.Sources, _: Mapping[str, Any]) -> Made:
    if found.conformance is not None:
        yield "conformance.junit.xml", junit.render(found.conformance)


def _summary(found: sources.Sources, options: Mapping[str, Any]) -> Made:
    yield "summary.md", summary.render(found, page=options["link"]).encode()


def _csv(found: sources.Sources, options: Mapping[str, Any]) -> Made:
    yield from ((f"{name}.csv", records.csv(table)) for name, table in _tables(found, options))


def _parquet(found: sources.Sources, options: Mapping[str, Any]) -> Made:
    if has_pyarrow():
        yield from ((f"{name}.parquet", records.parquet(table)) for name, table in _tables(found, options))


def _tables(found: sources.Sources, options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if found.conformance is not None:
        yield "verdicts", records.verdicts(found.conformance)
    if found.bench is not None:
        yield "trials", records.trials(found.bench, histograms=options["histograms"])


def _badges(found: sources.Sources, _: Mapping[str, Any]) -> Made:
    if found.conformance is not None:
        made = badge.of(found.conformance)
        yield from ((f"badges/{file}", made[server].encode()) for server, file in badge.files(made).items())


def _schema(*_: Any) -> Made:
    yield from ((f"schema/{file.name}", file.read_bytes()) for file in sorted(SCHEMAS.glob("*.json")))


KINDS: Mapping[str, Callable[[sources.Sources, Mapping[str, Any]], Made]] = {
    "junit": _junit, "summary": _summary, "csv": _csv, "parquet": _parquet, "badges": _badges, "schema": _schema,
}  # fmt: skip


def has_pyarrow() -> bool:
    """Say whether Parquet can be written."""
    return importlib.util.find_spec("pyarrow") is not None


def write(
    found: sources.Sources,
    folder: Path,
    only: Collection[str] = tuple(KINDS),
    *,
    link: str = "index.html",
    histograms: bool = False,
) -> list[Path]:
    """Write the files of these KINDS into a folder and return them; without pyarrow there is no Parquet among them.

    `link` is where the summary says the page is. Raises ResultsError for records that are none, OSError for the folder.
    """
    options = {"link": link, "histograms": histograms}
    written = []
    for kind in (kind for kind in KINDS if kind in only):
        try:
            made = list(KINDS[kind](found, options))
        except results.BAD as error:
            what = f"{' + '.join(found.names)} holds what no {kind} can be made of"
            raise results.ResultsError(f"{what}: {type(error).__name__}: {error}") from None
        written += [files.put(folder / name, content) for name, content in made]
    return written


# -- the command line


def _kinds(given: str) -> list[str]:
    kinds = [kind.strip() for kind in given.split(",") if kind.strip()]
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(
                f"there is no {kind!r}{near(kind, KINDS) or '; there are ' + ', '.join(KINDS)}"
            )
    if not kinds:
        raise argparse.ArgumentTypeError(f"nothing is named; there are {', '.join(KINDS)}")
    return kinds


def _parser() -> Parser:
    what = "Write runs for other programs: JUnit XML, Markdown, CSV, Parquet, badges and the schemas."
    parser = Parser("sseproof export", what, EXAMPLES)
    parser.add_argument(
        "runs", nargs="*", metavar="RUN", help="a run's name, its folder or its file; default: the newest"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="default: reports/RUN/")
    parser.add_argument(
        "--only", type=_kinds, default=list(KINDS), metavar="KIND,...", help=f"of {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--link", default="index.html", metavar="URL", help="where the summary says the page is"
    )
    parser.add_argument(
        "--histograms", action="store_true", help="with the trials' histograms, as base64 text"
    )
    return parser


@plainly("export")
def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Write what is asked for and print each path; 2 for a wrong command line, 3 for results that cannot be read."""
    try:
        given = _parser().parse_args(arguments)
        if given.only == ["parquet"] and not has_pyarrow():
            raise UsageError(NO_PYARROW)
        found = sources.read(sources.find(given.runs, root))
        if not found.names:
            raise results.ResultsError("; ".join(found.problems))
        folder = given.to or root / "reports" / results.run_id(found.names[-1])
        written = write(found, folder, given.only, link=given.link, histograms=given.histograms)
    except (UsageError, results.ResultsError, OSError) as error:
        print(f"sseproof export: {results.visible(str(error), 1000)}", file=sys.stderr)
        return 3 if isinstance(error, results.ResultsError) else 2
    for path in written:
        print(path.relative_to(root) if path.is_relative_to(root) else path)
    problems = list(found.problems)
    if "parquet" in given.only and not has_pyarrow():
        print(f"sseproof export: {NO_PYARROW}", file=sys.stderr)
    for problem in (*problems, *short.halves(found)):
        print(f"sseproof export: {results.visible(problem, 1000)}", file=sys.stderr)
    return 3 if problems else 0
