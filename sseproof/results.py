"""What a run leaves behind: one JSON object per line, each flushed as soon as it is known.

A file opens with a header, goes on with servers and verdicts (of a benchmark: trials) as they come, and is closed by
a footer. Only a run that went its whole way writes the footer, so a file without one is a run cut short, however it
ended: Ctrl-C, a crash, a full disk. Rule of the file: whatever is shown of a run (the matrix, the
page, the exit code's reasons) is computed from what read() gives, never from a run's memory.

It has more lines than most because conformance and bench write the same kind of file.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import math
import os
import re
import secrets
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from sseproof import typed

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
NOBODY = "no server"  # what a verdict of none is told as: of a worker that died
RESERVED = ("latest", "templates", "readme.md")  # what stands in reports/ beside the runs


class Verdict(NamedTuple):
    letter: str
    colour: str  # a name that rich and the page's style sheet both know
    meaning: str


VERDICTS = {
    "pass": Verdict(".", "green", "the server does what the case asks"),
    "fail": Verdict("F", "red", "a required case is missed"),
    "warn": Verdict("w", "yellow", "a recommended case is missed"),
    "note": Verdict("n", "blue", "what the server does where the standard leaves it open"),
    "known": Verdict("k", "magenta", "missed, and listed with its cause in known_failures.toml"),
    "stale": Verdict("S", "red", "listed in known_failures.toml, yet it passes"),
    "skip": Verdict("s", "blue", "the server does not declare what the case needs"),
    "error": Verdict("E", "red", "not judged: launch, harness or a server that died"),
}
"""The closed set of verdicts, in the order they are told."""

UNWELCOME = ("fail", "stale", "error")
"""The verdicts that turn a run's exit code to 1."""

LEVELS = {
    "required": "The standard or an RFC says MUST, or a client that keeps to them loses data.",
    "recommended": "A good server does this; no standard demands it.",
    "observed": "The standard leaves it open; the report says what the server does.",
}

COLUMNS = {
    "server": "str", "case": "str", "group": "str", "parameters": "object", "level": "str", "anchor": "str",
    "why": "str", "verdict": "str", "seconds": "float", "because": "str", "finding": "str", "known": "str",
    "transcript": "str",
}  # fmt: skip


FIELDS = {
    "header": ("run", "started", "machine", "seed", "servers"),
    "server": ("name", "about"),
    "verdict": ("server", "case", "verdict"),
    "footer": ("counts", "seconds", "slow", "problems"),
}
"""What each kind of line has at least."""

BENCH_FIELDS = {
    "header": ("run", "started", "machine", "seed", "servers", "planned"),
    "resumed": ("started", "load_average"),
    "server": ("name", "about"),
    "trial": ("number", "block", "scenario", "way", "server", "state", "reason", "marks", "load"),
    "footer": ("counts", "seconds"),
}
"""The same for a benchmark's file."""


BAD = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What code raises on a record that is none, whatever its types; such a file is told, never a traceback."""


class ResultsError(Exception):
    """A file that holds no readable results; the message says what it holds instead."""


def run_id(given: str | None) -> str:
    """Give the name of a run and its folders; raises ResultsError for what is no folder's name.

    That is the given one, else SSEPROOF_RUN's (by it nox makes one run of its sessions), else one of time and chance.
    """
    name = (
        given
        or os.environ.get("SSEPROOF_RUN")
        or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    )
    if len(name) > 200 or not re.fullmatch(r"(?=[.-]*\w)[\w.-]+", name):
        wanted = "a folder's name of at most 200 letters, digits, '-', '_' and '.'"
        raise ResultsError(f"--run is {visible(repr(name), 100)}, expected {wanted}")
    if name.casefold() in RESERVED:
        raise ResultsError(f"--run is {name!r}, which reports/ has a use for: choose another name")
    return name


def seed(text: str) -> int:
    """Read a command line's seed; raises ArgumentTypeError for one that no result file can hold or no generator takes."""
    with contextlib.suppress(ValueError):
        if 0 <= (value := int(text)) < 2**63:
            return value
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is no seed, expected a whole number from 0 to 2**63 - 1")


class Writer:
    """Write one run's file, a line at a time; refuses a file that is there already, unless it is to go on with it."""

    def __init__(self, path: Path, header: Mapping[str, Any], *, resume: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume:
            self._file = path.open("r+", encoding="ascii")
            self._lock(path)
            self._file.truncate(path.read_bytes().rfind(b"\n") + 1)  # what was cut in mid-write
            self._file.seek(0, 2)
            self.line("resumed", header)
            return
        try:
            self._file = path.open("x", encoding="ascii")
        except FileExistsError:
            raise ResultsError(
                f"{path} is there already: two runs cannot share a file, choose another --run"
            ) from None
        self._lock(path)
        self.line("header", {"format": FORMAT, **header})

    def _lock(self, path: Path) -> None:
        """Have the file for ourselves until it is closed, however that comes; raises ResultsError if somebody has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ResultsError(f"{path} is being written just now: wait until that run has ended") from None
        except OSError:  # a file system without locks
            pass

    def line(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Append one record of this kind ("server", "verdict", "footer") and flush it."""
        # ASCII escapes carry what UTF-8 cannot (a lone surrogate) and no line end but our own.
        self._file.write(json.dumps({"kind": kind, **fields}, default=repr) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path | str) -> pd.DataFrame:
    """Read a run: one row per verdict, columns COLUMNS, times in seconds.

    `.attrs` holds "header" (dict), "servers" (name -> /json/about), "footer" (dict, or None) and
    "complete": whether the run went its whole way. Raises ResultsError for anything that is no such file.
    """
    import pandas as pd  # half a second that no worker of a run has to spend

    records = read_lines(path, FIELDS, "conformance")
    rows = [record for record in records if record["kind"] == "verdict"]
    missing = {"str": "", "float": math.nan, "object": None}
    columns = {name: [row.get(name, missing[kind]) for row in rows] for name, kind in COLUMNS.items()}
    # Python's own strings, whatever else is installed: pyarrow's cannot hold a lone surrogate, which a server may send.
    kinds: dict[str, Any] = {"str": pd.StringDtype("python", na_value=math.nan)}
    frame = pd.DataFrame(
        {name: pd.Series(columns[name], dtype=kinds.get(kind, kind)) for name, kind in COLUMNS.items()}
    )
    footer = records[-1] if records[-1]["kind"] == "footer" else None
    frame.attrs = {
        "header": records[0],
        "servers": {record["name"]: record["about"] for record in records if record["kind"] == "server"},
        "footer": footer,
        "complete": footer is not None and sum(footer["counts"].values()) == len(rows),
    }
    return frame


def read_lines(
    path: Path | str, fields: Mapping[str, tuple[str, ...]], schema: str = ""
) -> list[dict[str, Any]]:
    """Read a file's records, each of a kind that `fields` names and with at least those fields; the first is the header.

    With a schema ("conformance", "bench") each field is of the type it names. Raises ResultsError for anything that is no
    such file.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror}") from None
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line end was cut in mid-write
        why = ""
        try:
            record = typed.loads(line)
            sound = all(name in record for name in fields[record["kind"]])
        except (ValueError, TypeError, KeyError):
            record, sound = {"kind": None}, False
        if number == 1 and (record["kind"] != "header" or record.get("format") != FORMAT):
            raise ResultsError(
                f"{path} is no result file of this version: its first line is no header of format {FORMAT}"
            )
        if sound and record["kind"] == "header" and number > 1:
            raise ResultsError(f"{path}, line {number}, is a second header: two runs in one file are none")
        if sound and schema:
            why = typed.fault(record, schema)
        if why or not sound:
            raise ResultsError(f"{path}, line {number}, is damaged: {why or repr(line[:60])}")
        records.append(record)
    if not records:
        raise ResultsError(f"{path} holds no results: it is empty or was cut in its first line")
    return records


def sentence(case: str) -> str:
    """Say a case's id as the sentence it is: "test_a_is_b[cr-id]" is "a is b [cr-id]"."""
    name, bracket, parameters = case.partition("[")
    return name.removeprefix("test_").replace("_s_", "'s_").replace("_", " ") + (
        f" [{parameters}" if bracket else ""
    )


def command(header: Mapping[str, Any], server: str, case: str) -> str:
    """Give the shell command that runs just this case on this server again."""
    where = header["servers"].get(server, server)
    words = [f"--server={where}"] if "/" in where else ["--server", where]
    if server in ("", NOBODY):
        words = []
    for release in header.get("with", []):
        words += ["--with", release]
    # pytest's -k reads only these characters; an id with others is reached by its function's name.
    selection = case if re.fullmatch(r"[\w:+\-.\[\]/]+", case) else case.partition("[")[0]
    return shlex.join(["nox", "-s", "conformance", "--", *words, "-k", selection])


_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str, limit: int = 20_000) -> str:
    """Show text that a server may have written: control and direction characters as escapes, its middle cut.

    The limit is in characters. The result is still text: a page has to escape it for HTML besides.
    """
    if len(text) > limit:
        head, tail = text[: limit * 3 // 4], text[len(text) - limit // 4 :]
        text = f"{head}\n[... {len(text) - limit:,} more characters not shown ...]\n{tail}"
    return _HIDDEN.sub(lambda hidden: ascii(hidden[0])[1:-1], text)
