"""Everything people read of a run, in one folder: `sseproof report RUN...`, `nox -s report -- RUN...`.

Made from result files alone, so that the report of an old run can be made anew. Rule of the file: a page replaces the
one before it in one step, and `reports/latest` points at the newest.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from sseproof import environment, files, page, results, short, sources, terminal

USAGE = """usage: sseproof report [RUN ...]

Make one page of a run, or of several: a conformance run and a benchmark are told together.

  sseproof report                                     the newest run
  sseproof report 20260101T120000Z-1a2b               that one
  sseproof report 20260101T120000Z-1a2b my-bench      the cases of one, the figures of the other
  sseproof report my-bench my-calibration             how good the load generator was, too

The page is reports/RUN/index.html, and reports/latest/ points at it.
exit code: 0 made, 2 usage, or it cannot be written, 3 no result file could be read, or only some"""


def write(paths: Iterable[Path], root: Path = environment.ROOT) -> tuple[Path, sources.Sources]:
    """Make the report of these runs; returns the page and what it was made of. Raises ResultsError for no run at all."""
    found = sources.read(paths)
    if not found.names:
        raise results.ResultsError(
            "; ".join(found.problems) or "a calibration alone makes no report: name a run beside it"
        )
    folder = root / "reports" / results.run_id(found.names[-1])
    files.put(folder / "index.html", page.render(found).encode())
    latest = root / "reports" / "latest"
    with contextlib.suppress(
        OSError
    ):  # a folder of that name is somebody's own; the page is there all the same
        made = latest.with_name(f".latest-{secrets.token_hex(4)}")
        made.symlink_to(folder.name)
        try:
            os.replace(made, latest)
        except OSError:
            made.unlink()
    return folder / "index.html", found


@terminal.plainly("report")
def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Make the report of the runs that are named; 2 for a wrong command line, 3 for results that cannot be read."""
    if asked := {"-h", "--help"} & set(arguments):
        print(USAGE)
    elif wrong := [each for each in arguments if each.startswith("-")]:
        print(f"sseproof report: there is no option {wrong[0]}\n\n{USAGE}", file=sys.stderr)
    if asked or wrong:
        return 0 if asked else 2
    began_s = time.monotonic()
    try:
        written, found = write(sources.find(arguments, root), root)
    except (results.ResultsError, terminal.UsageError, OSError) as error:
        print(f"sseproof report: {results.visible(str(error), 1000)}", file=sys.stderr)
        return 3 if isinstance(error, results.ResultsError) else 2
    for told in (*found.problems, *short.halves(found)):
        print(f"sseproof report: {results.visible(told, 1000)}", file=sys.stderr)
    size_kb = written.stat().st_size / 1000
    print(
        f"{results.visible(' + '.join(found.names), 200)}: {size_kb:,.0f} KB in {time.monotonic() - began_s:.1f} s"
    )
    print(written.relative_to(root))
    return 3 if found.problems else 0
