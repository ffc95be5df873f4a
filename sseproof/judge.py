"""From what a case did to its verdict, in the process where it ran.

Rule of the file: whose fault it was is decided by the exception's type and by whether the server still
lives, never by its words. AssertionError, ProbeError and ProbeTimeout are what a server does on the wire;
every other exception is ours, and so is whatever happens outside the case itself.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from typing import Any

import hypothesis.errors
import pytest

from sseproof import ledger, results
from sseproof.client import Client
from sseproof.launch import LaunchError, Server
from sseproof.matrix import LAUNCH
from sseproof.probe import ProbeError, ProbeTimeout
from sseproof.stream import StreamTimeout

# Flaky: a random script that failed once and not again. The script is the same, so it is the server that differs.
THE_SERVERS = (AssertionError, ProbeError, ProbeTimeout, pytest.fail.Exception, hypothesis.errors.Flaky)
BECAUSE_CHARACTERS = 4000
TRACEBACK_CHARACTERS = 8000
SIDE_CHARACTERS = 240


def record(item: pytest.Item, server: str, case: str) -> dict[str, Any]:
    """Open the record of one case on one server; its verdict is still empty."""
    level = next(marker for marker in item.iter_markers() if marker.name in results.LEVELS)
    params = item.callspec.params  # type: ignore[attr-defined]
    return {
        "server": server,
        "case": case,
        "group": item.path.stem.removeprefix("test_"),
        "parameters": {name: repr(value)[:200] for name, value in params.items() if name != "subject"},
        "level": level.name,
        "anchor": level.args[0],
        "why": (inspect.getdoc(getattr(item, "function", None)) or "")
        .partition("\n\n")[0]
        .replace("\n", " "),
        "verdict": "",
        "seconds": 0.0,
        "because": "",
        "finding": "",
        "known": "",
        "transcript": "",
        "timed_out": False,
        "died": False,
    }


def judge(
    record: dict[str, Any], report: pytest.TestReport, call: pytest.CallInfo[None], client: Client | None
) -> None:
    """Bring the record up to date with one phase of its case, and the report's outcome with the record.

    A report fails only with a verdict that is unwelcome, so that the exit code, -x, --lf and JUnit agree.
    """
    record["seconds"] = round(record["seconds"] + report.duration, 4)
    error = call.excinfo.value if call.excinfo else None
    if report.skipped:
        words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        record.update(verdict="skip", because=words.removeprefix("Skipped: "))
    elif error is None and call.when == "call":
        record["verdict"] = "note" if record["level"] == "observed" else "pass"
    elif error is not None and call.when == "call" and isinstance(error, THE_SERVERS):
        record["timed_out"] = isinstance(error, ProbeTimeout | StreamTimeout)
        missed = {"required": "fail", "recommended": "warn", "observed": "note"}
        record.update(verdict=missed[record["level"]], because=_words(error))
    elif error is not None:
        launch = LAUNCH if isinstance(error, LaunchError) else f"{type(error).__name__}: "
        where = "" if isinstance(error, LaunchError) or call.when == "call" else f" (in its {call.when})"
        record.update(verdict="error", because=f"{launch}{_words(error)}{where}")
    if client and call.when == "call" and error is not None and record["verdict"] != "skip":
        record["transcript"] = client.transcript()
    if call.when == "teardown" and client:
        client.let_go()  # a failed case's frames live until the next one fails
    if call.when == "teardown" and client and record["died"]:
        _died(record, client.process)
    if error is not None and record["verdict"] == "error" and not isinstance(error, LaunchError):
        record["transcript"] += f"\n\n{report.longreprtext[-TRACEBACK_CHARACTERS:]}"
    if call.when == "call" or report.failed or record["died"]:
        _settle(record, report)


def _died(record: dict[str, Any], process: Server) -> None:
    """Make it an error that the server died over this case, whatever the case saw."""
    seen = f" (the case saw: {record['because']})" if record["because"] else ""
    words = process.last_words()
    printed = f"its last words: {words.splitlines()[-1]}\n{words}" if words else "it printed nothing"
    record.update(verdict="error", because=f"the server died in the middle of the case{seen}; {printed}")


def held_against(record: dict[str, Any], report: pytest.TestReport, known: Sequence[ledger.Known]) -> None:
    """Turn a required miss that is listed into known, and a pass that is listed as failing into stale."""
    about = record.get("about")
    entry, elsewhere = ledger.entry_of(known, record["server"], record["case"], about)
    if record["level"] != "required":
        pass  # can miss without failing the run
    elif entry and record["verdict"] == "fail":
        record.update(verdict="known", known=str(entry))
    elif entry and record["verdict"] == "pass":
        because = f"it passes, yet known_failures.toml, line {entry.line}, lists it"
        because += (
            f" for {entry.versions}: end its range before this release or take it out"
            if entry.versions
            else ": take the entry out"
        )
        record.update(verdict="stale", because=because, known=str(entry))
    elif elsewhere and record["verdict"] == "fail":
        runs = elsewhere.version_in(about) or "another package"
        record["because"] += (
            f"\n(known_failures.toml, line {elsewhere.line}, lists it for {elsewhere.versions} only; this is {runs})"
        )
    elif record["verdict"] == "fail" and (
        other := ledger.of_another(known, record["server"], record["case"])
    ):
        record["because"] += (
            f"\n(known_failures.toml, line {other.line}, lists it for {other.server}: if yours is the same stack, list it there too)"
        )
    _settle(record, report)


def _settle(record: dict[str, Any], report: pytest.TestReport) -> None:
    if record["verdict"] != "skip":
        report.outcome = "failed" if record["verdict"] in results.UNWELCOME else "passed"
        told = f"{record['because']}\n\n{record['transcript']}".strip()
        # Text that UTF-8 can carry: a server's lone surrogate must not stop xdist or JUnit.
        report.longrepr = results.visible(told) if report.failed else None


def clean(value: Any) -> Any:
    """Make a record plain values in text that UTF-8 can carry: what xdist can send."""
    if isinstance(value, dict):
        return {clean(str(key)): clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [clean(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def _words(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, AssertionError):
        text = text.removeprefix("assert ")
    notes = [note for note in getattr(error, "__notes__", []) if "You can reproduce" not in note]
    return "\n".join([text, *notes])[:BECAUSE_CHARACTERS]


def both_sides(op: str, left: object, right: object) -> list[str]:
    """Explain a failed comparison; of ==: what came (left), what was expected (right), where they part."""
    if op != "==":
        return [f"{_short(left)} {op} {_short(right)} does not hold"]
    lines = [f"received {_short(left)}, expected {_short(right)}"]
    if "[...]" not in lines[0]:
        return lines  # both are there to be seen
    if isinstance(left, list | tuple | str | bytes) and isinstance(right, type(left)):
        if len(left) != len(right):
            lines.append(f"received {len(left)} long, expected {len(right)} long")
        missing = object()
        pairs = itertools.zip_longest(left, right, fillvalue=missing)
        place = next((index for index, (a, b) in enumerate(pairs) if a != b), None)
        if place is not None and len(left) + len(right) > 2:
            here = slice(place, place + (1 if isinstance(left, list | tuple) else 40))
            lines.append(
                f"they part at {place}: received {_short(left[here])}, expected {_short(right[here])}"
            )
    return lines


def _short(value: object) -> str:
    if isinstance(value, str | bytes) and len(value) > 10 * SIDE_CHARACTERS:
        value = value[: 10 * SIDE_CHARACTERS]  # the repr of megabytes would be thrown away
    if isinstance(value, list | tuple) and len(value) > 2 * SIDE_CHARACTERS:
        value = [*value[:SIDE_CHARACTERS], *value[-SIDE_CHARACTERS:]]
    told = repr(value)
    cut = SIDE_CHARACTERS // 2
    return told if len(told) <= SIDE_CHARACTERS else f"{told[:cut]}[...]{told[-cut:]}"
