"""The known failures: faults of a framework that are understood, with their cause and a link.

`conformance/known_failures.toml` is a list of tables:

    [[known]]
    server = "aiohttp_web"              # a file of servers/, without .py
    case = "test_a_comment_*"           # the case's id; * and ? match, [ is just a bracket
    reason = "why it fails, in a sentence"
    versions = "aiohttp-sse 3.0"        # where it was seen (optional)
    link = "https://..."                # the issue upstream (optional)

Rule of the file: the list can only say less than the battery finds. An entry that matches nothing, or
whose case passes, is told and turns the exit code; so the list cannot rot.
"""

from __future__ import annotations

import difflib
import fnmatch
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

REQUIRED = ("server", "case", "reason")
OPTIONAL = ("versions", "link")


class LedgerError(Exception):
    """An entry that cannot be right; the message names its file and line."""


@dataclass(frozen=True)
class Known:
    """One entry: the cases of one server that may fail, and why."""

    server: str
    case: str
    reason: str
    versions: str = ""
    link: str = ""
    line: int = 0

    def covers(self, server: str, case: str) -> bool:
        """Say whether this entry lists this case of this server."""
        return server == self.server and fnmatch.fnmatchcase(case, self.case.replace("[", "[[]"))

    def __str__(self) -> str:
        where = f" ({self.versions})" if self.versions else ""
        return f"{self.reason}{where}" + (f" {self.link}" if self.link else "")


def read(path: Path, servers: Sequence[str]) -> list[Known]:
    """Read the list, held against the names of all servers; a file that is not there lists nothing.

    Raises LedgerError for what is no TOML, an unknown key, a missing one and an unknown server.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        return []
    except (ValueError, OSError) as error:
        raise LedgerError(f"{path.name}: {error}") from None
    if unknown := document.keys() - {"known"}:
        raise LedgerError(f"{path.name}: unknown key {sorted(unknown)[0]!r}, expected [[known]] tables only")
    entries = document.get("known", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise LedgerError(f"{path.name}: known is no list of tables, write [[known]]")
    # TOML parsers give no places; tables of one name stand in the order of their headers.
    lines = [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if line.split("#")[0].strip() == "[[known]]"
    ]
    lines += [0] * (len(entries) - len(lines))
    return [
        _entry(entry, f"{path.name}, line {line}", line, servers)
        for entry, line in zip(entries, lines, strict=False)
    ]


def _entry(entry: dict[str, object], place: str, line: int, servers: Sequence[str]) -> Known:
    if unknown := entry.keys() - {*REQUIRED, *OPTIONAL}:
        key = sorted(unknown)[0]
        raise LedgerError(f"{place}: unknown key {key!r}{near(key, (*REQUIRED, *OPTIONAL))}")
    fields: dict[str, str] = {}
    for key in (*REQUIRED, *OPTIONAL):
        value = entry.get(key, "")
        if not isinstance(value, str) or (key in REQUIRED and not value.strip()):
            raise LedgerError(
                f"{place}: {key} is {value!r}, expected "
                + ("a text that says it" if key in REQUIRED else "a text")
            )
        fields[key] = value
    if fields["server"] not in servers:
        raise LedgerError(
            f"{place}: no server is called {fields['server']!r}{near(fields['server'], servers)}"
        )
    return Known(**fields, line=line)


def near(word: str, names: Iterable[str]) -> str:
    """Name the likeliest meant ones, as the end of a message; nothing when none is near."""
    matches = difflib.get_close_matches(word, list(names), n=3)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""


def unmatched(known: Sequence[Known], cases: Iterable[str]) -> list[str]:
    """Tell each entry that lists no case of the battery, given the ids of all of them."""
    cases = sorted(cases)
    return [
        f"known_failures.toml, line {entry.line}: no case is called {entry.case!r}{near(entry.case, cases)}"
        for entry in known
        if not any(entry.covers(entry.server, case) for case in cases)
    ]
