"""Two runs compared: `sseproof compare BASE HEAD`, in the terminal, as Markdown and as a page.

Strategy: changes.py computes, telling.py words it; here is the command line and the page. Rule of the file: it exits with 0
whatever changed, since the gate is what judges; only a run that is not whole has another exit code, and even then
all there is gets told.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sseproof import changes, comparison, environment, files, results, show, sources, telling, terminal
from sseproof.page import templates

EXAMPLES = """examples:
  sseproof compare 20260101T120000Z-1a2b 20260102T120000Z-3c4d
  sseproof compare results/before results/after --all      what stayed the same too
  sseproof compare base head --markdown > comment.md       for a pull request

A run is named by its id, its folder or its file. The page is reports/compare-BASE-HEAD/index.html.
Measure both with the same options, and with --server stdlib_asyncio beside your own: its trials in the same
blocks are what makes two runs comparable. Verdicts take 5 trials: nox -s bench -- --trials 5
exit code: 0 compared, 2 usage, 3 results that are cut short, cannot be read or have nothing in common"""


def page(found: changes.Changes) -> str:
    """Make the HTML of what changed: one file that needs nothing else."""
    # The style sheet is ours, included by the template, and never passes through finalize.
    return (
        templates(2_000)
        .get_template("compare.html")
        .render(
            found=found,
            telling=telling,
            verdicts=results.VERDICTS,
            changed=[case for case in found.cases if case.base and case.head],
            moved=[case for case in found.cases if not (case.base and case.head)],
            by_verdict={
                verdict: chosen
                for verdict in changes.VERDICTS
                if (chosen := [figure for figure in found.figures if figure.verdict == verdict])
            },
            sentence=results.sentence,
        )
    )


def write(found: changes.Changes, root: Path) -> Path:
    """Write the page, in one step; its folder is named after both runs, whatever these are called."""
    one, other = (comparison.safe(name)[:80] for name in (found.base, found.head))
    path = root / "reports" / f"compare-{one}-{other}" / "index.html"
    return files.put(path, page(found).encode())


@terminal.plainly("compare")
def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Tell what changed between the runs that are named; 2 for a wrong command line, 3 for runs that are not whole."""
    what = "Tell what changed between two runs: cases, and figures with their interval."
    parser = terminal.Parser("sseproof compare", what, EXAMPLES)
    parser.add_argument("base", metavar="BASE", help="the run before")
    parser.add_argument("head", metavar="HEAD", help="the run after")
    parser.add_argument(
        "--markdown", action="store_true", help="print Markdown, for a pull request's comment"
    )
    parser.add_argument("--all", action="store_true", help="list the figures that stayed the same too")
    try:
        options = parser.parse_args(arguments)
        found = changes.between(
            *(sources.read(sources.find([run], root)) for run in (options.base, options.head))
        )
    except terminal.UsageError as error:
        print(f"sseproof compare: {results.visible(str(error), 1000)}", file=sys.stderr)
        return 2
    except (results.ResultsError, OSError) as error:
        print(f"sseproof compare: {results.visible(str(error), 1000)}", file=sys.stderr)
        return 3
    _tell(found, markdown=options.markdown, every=options.all)
    try:
        written = write(found, root)
    except OSError as error:
        print(f"sseproof compare: no page: {error}", file=sys.stderr)
        return 2
    if options.markdown:
        print(written.relative_to(root), file=sys.stderr)
    else:
        terminal.say(f"{written.relative_to(root)}\n")
    if not found.compared:
        print("sseproof compare: the two runs have nothing in common", file=sys.stderr)
    return 0 if found.compared and not found.missing else 3


def _tell(found: changes.Changes, *, markdown: bool, every: bool) -> None:
    told = (
        telling.markdown(found)
        if markdown
        else telling.text(found, width=terminal.width(show.WIDTH), colour=terminal.coloured(), every=every)
    )
    terminal.say(told)
