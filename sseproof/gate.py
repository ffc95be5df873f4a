"""The gate of a CI job: `sseproof gate RUN [--base RUN]` tells why a run may not pass, and says it by its exit code.

Strategy: bounds.py reads what is allowed, held.py holds the run against it, changes.py compares it with a base; here are the
command line and the lines. Rule of the file: a gate that checked nothing, or only half a run, has no verdict: that
is exit code 3, whatever the half was like.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sseproof import bounds, changes, environment, held, plan, results, sources, telling
from sseproof.held import Held
from sseproof.sources import Sources
from sseproof.terminal import Parser, UsageError, coloured, plainly, recorder, say

DEFAULT = "loadtest/gate.toml"
EXAMPLES = f"""examples:
  sseproof gate                                   the newest run against {DEFAULT}
  sseproof gate conformance-run bench-run         the cases of one, the figures of the other
  sseproof gate head --base base                  and no case or figure worse than before
  sseproof gate my-run --bounds my-gate.toml

A run is named by its id, its folder or its file. Each line has the figure, its bound, and the command that shows it.
Against a base it takes 5 trials of each and the reference in both runs:
  nox -s bench -- --server stdlib_asyncio --server path/to/my_server.py --transport sse --trials 5 --run base
exit code: 0 it passes, 1 a bound is broken, 2 usage, 3 results are cut short or missing, or there is nothing to check"""

COLOURS = {"broken": "red", "missing": "red", "unstable": "yellow", "unchecked": "yellow", "gate": "bold"}


@plainly("gate")
def main(arguments: Sequence[str], root: Path = environment.ROOT) -> int:
    """Hold the runs that are named against their bounds, tell the reasons, and return the exit code."""
    what = "Hold a run against its bounds: ratios to the reference, counts, and a base run."
    parser = Parser("sseproof gate", what, EXAMPLES)
    parser.add_argument(
        "run", nargs="*", metavar="RUN", help="one run, or two of different kinds; default: the newest"
    )
    parser.add_argument(
        "--base", action="append", default=[], metavar="RUN", help="a run from before (repeatable)"
    )
    parser.add_argument("--bounds", metavar="FILE", help=f"another file than {DEFAULT}")
    try:
        options = parser.parse_args(arguments)
        path = Path(options.bounds) if options.bounds else root / DEFAULT
        limits = bounds.read(path)
        run = sources.read(sources.find(options.run, root))
        base = sources.read(sources.find(options.base, root)) if options.base else None
        _check_names(limits, [run, *([base] if base else [])], path.name, root)
    except (UsageError, bounds.BoundsError, plan.PlanError) as error:
        print(f"sseproof gate: {telling.clean(str(error), 1000)}", file=sys.stderr)
        return 2
    except (results.ResultsError, OSError) as error:
        print(f"sseproof gate: {telling.clean(str(error), 1000)}", file=sys.stderr)
        return 3
    return _judge(run, base, limits)


def _check_names(limits: bounds.Bounds, runs: Sequence[Sources], place: str, root: Path) -> None:
    """Hold the names in the file against the scenarios and servers there are, and against those of the runs."""
    file = root / "loadtest" / "scenarios.toml"
    if not file.is_file():
        return  # nothing says which names there are
    ways = [(name, way) for name, scenario in plan.read(file).items() for way in scenario.ways]
    ways += [key for run in runs if run.bench for key in run.bench.tables]
    servers = [script.stem for script in (root / "servers").glob("*_*.py")]
    bounds.check_names(limits, ways, [*servers, *(name for run in runs for name in run.servers)], place)


def _judge(run: Sources, base: Sources | None, limits: bounds.Bounds) -> int:
    changed = None if base is None else changes.between(base, run)
    missing = [*changes.unfinished(run), *held.lacking(run, limits)]
    if base is not None and changed is not None:
        missing += [f"base: {each}" for each in changes.unfinished(base)]
        if not changed.compared:
            missing.append(
                f"the base has nothing in common with the run: {'; '.join(changed.notes) or 'it is empty'}"
            )
    found = held.hold(run, limits, changed)
    checked = sum(found.checked.values())
    if not checked and not missing:
        missing.append("nothing to check: the run holds no verdict and no trial that a bound is about")
    # A line is a line, however long: a pipe or a CI log cuts none.
    out = recorder(colour=coloured())
    with out.capture() as lines:
        for each in missing:
            _line(out, "missing", each, "")
        for finding in found.findings:
            _line(out, finding.kind, finding.words, finding.command)
        broken, unstable = len(found.of("broken")), len(found.of("unstable"))
        stopped = bool(broken) or (bool(unstable) and limits.unstable == "fail")
        verdict = "no verdict" if missing else "failed" if stopped else "passed"
        tail = [f"{broken} broken"] * bool(broken) + [f"{unstable} unstable"] * bool(unstable)
        _line(out, "gate", f"{verdict}: {', '.join([*tail, _checked(found, run, changed is not None)])}", "")
    say(lines.get())
    return 3 if missing else int(stopped)


def _line(out: Console, kind: str, words: str, command: str) -> None:
    line = Text(f"{kind}: ", COLOURS[kind]).append(telling.clean(words, 600), "")
    if command:
        line.append(": ", "").append(telling.clean(command, 600), "dim")
    out.print(line, soft_wrap=True)


def _checked(found: Held, run: Sources, with_base: bool) -> str:
    """Say what was checked, and which kind of results was not there to be."""
    told = ("cases", "trials", "bounds", "cases against the base", "figures against the base")
    said = [f"{found.checked[what]:,} {what}" for what in told if found.checked[what]] or ["nothing"]
    absent = [f"no {kind} run was given" for kind in bounds.KINDS if getattr(run, kind) is None]
    absent += [f"{found.unmeasured} bounds found no figure"] * bool(found.unmeasured) + ["no base"] * (
        not with_base
    )
    tail = f" ({', '.join(absent)})" if absent else ""
    return f"{', '.join(said)} checked in {' + '.join(run.names) or 'no run'}{tail}"
