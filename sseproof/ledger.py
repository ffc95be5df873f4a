"""The known failures: faults of a framework that are understood, with their cause and a link.

`conformance/known_failures.toml` is a list of tables:

    [[known]]
    server = "*_uvicorn"                 # files of servers/, without .py
    case = "test_a_comment_*"            # cases' ids; in both * and ? match, [ is just a bracket
    reason = "why it fails, in a sentence"
    versions = "uvicorn >=0.54, <0.60"   # the releases it is true of; all when left out
    link = "https://..."                 # the issue upstream (optional)

The package is one that the server names in /json/about: its framework, encoder or HTTP server. Outside the
range an entry is not there: a miss is a fail, and a pass is a pass.

Rule of the file: the list can only say less than the battery finds. An entry that matches nothing, lists
what cannot fail or says what another one says, or whose case passes, is told and turns the exit code; so the
list cannot rot. It has more than 200 lines because each of these ways to be wrong has its sentence.
"""

from __future__ import annotations

import difflib
import fnmatch
import itertools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

REQUIRED = ("server", "case", "reason")
OPTIONAL = ("versions", "link")
SPEAKERS = ("framework", "encoder", "http_server")
"""The keys of /json/about that name a package; its version is at the same key with `_version`."""


class LedgerError(Exception):
    """An entry that cannot be right; the message names its file and line."""


@dataclass(frozen=True)
class Known:
    """One entry: the cases of some servers that may fail, with which releases, and why."""

    server: str
    case: str
    reason: str
    versions: str = ""
    link: str = ""
    line: int = 0

    def covers(self, server: str, case: str) -> bool:
        """Say whether this entry lists this case of this server, whatever the release."""
        return _matches(server, self.server) and _matches(case, self.case)

    def holds(self, about: object) -> bool:
        """Say whether this entry is true of the release that this /json/about names; an unknown one is in no range."""
        if not self.versions:
            return True
        try:
            version = Version(self.version_in(about))
        except InvalidVersion:
            return False
        return Requirement(self.versions).specifier.contains(version, prereleases=True)

    def version_in(self, about: object) -> str:
        """Give the version that this /json/about names of the range's package; "" where it names none."""
        return packages(about).get(canonicalize_name(Requirement(self.versions).name), "")

    def overlaps(self, other: Known) -> bool:
        """Say whether there can be a release of which both are true; of two packages there always can."""
        if not self.versions or not other.versions:
            return True
        one, two = Requirement(self.versions), Requirement(other.versions)
        if canonicalize_name(one.name) != canonicalize_name(two.name):
            return True
        return not (one.specifier & two.specifier).is_unsatisfiable()

    def __str__(self) -> str:
        where = f" ({self.versions})" if self.versions else ""
        return f"{self.reason}{where}" + (f" {self.link}" if self.link else "")


def packages(about: object) -> dict[str, str]:
    """Give the packages that a server's /json/about names, with their versions; what has none is left out."""
    if not isinstance(about, Mapping):
        return {}
    named = [(about.get(key), about.get(f"{key}_version")) for key in SPEAKERS]
    return {
        canonicalize_name(name): version
        for name, version in named
        if isinstance(name, str) and isinstance(version, str)
    }


def _matches(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


# -- reading the file


def read(path: Path, servers: Sequence[str]) -> list[Known]:
    """Read the list, held against the names of all servers; a file that is not there lists nothing.

    Raises LedgerError for what is no TOML, an unknown key, a missing one, an unknown server and a bad range.
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
    known = [
        _entry(entry, f"{path.name}, line {line}", line, servers)
        for entry, line in zip(entries, lines, strict=False)
    ]
    for first, second in itertools.combinations(known, 2):
        if (first.server, first.case) == (second.server, second.case) and first.overlaps(second):
            raise LedgerError(f"{path.name}, {_twice(first, second)}")
    return known


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
    known = Known(**fields, line=line)
    if not any(_matches(server, known.server) for server in servers):
        raise LedgerError(
            f"{place}: no server is called {known.server!r}{_near_server(known.server, servers)}"
        )
    if known.versions:
        _check_range(known.versions, place)
    return known


def _near_server(pattern: str, servers: Sequence[str]) -> str:
    """Name the servers that are near as a whole or, of a pattern, in one of their parts; else all of them."""
    parts = {part for server in servers for part in server.split("_")}
    meant = [near for part in pattern.split("_") for near in difflib.get_close_matches(part, parts)]
    like = [server for server in servers if any(part in server.split("_") for part in meant)]
    there = f"; there are {', '.join(servers)}"
    return near(pattern, servers) or (f"; did you mean {' or '.join(like)}?" if like else there)


def _check_range(text: str, place: str) -> None:
    problem = ""
    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        problem = "expected a package and its releases"
    else:
        if wanted.extras or wanted.marker or wanted.url or not wanted.specifier:
            problem = "expected a package and its releases, nothing else; for all releases leave it out"
        elif wanted.specifier.is_unsatisfiable():
            problem = "which no release can be in"
    if problem:
        raise LedgerError(f'{place}: versions is {text!r}, {problem} ("uvicorn >=0.54, <0.60")')


# -- holding it against the battery


def misfits(known: Sequence[Known], servers: Sequence[str], levels: Mapping[str, str]) -> list[str]:
    """Tell each entry that lists no required case, and each two that say the same; `levels` is by case id.

    A pattern may cover other levels too, as long as it covers a required case: only those can fail.
    """
    problems = []
    required: dict[Known, set[str]] = {}
    for entry in known:
        found = [case for case in levels if _matches(case, entry.case)]
        required[entry] = {case for case in found if levels[case] == "required"}
        if found and not required[entry]:
            problems.append(
                f"line {entry.line}: {found[0]} is {levels[found[0]]}, only required cases can be known failures"
            )
    for first, second in itertools.combinations(required, 2):
        both = required[first] & required[second]
        of_both = [name for name in servers if _matches(name, first.server) and _matches(name, second.server)]
        if both and of_both and first.overlaps(second):
            problems.append(f"{_twice(first, second)}: {min(both)} of {of_both[0]}")
    return [f"known_failures.toml, {problem}" for problem in problems]


def _twice(first: Known, second: Known) -> str:
    return f"lines {first.line} and {second.line} list the same case of the same server and release"


def unmatched(known: Sequence[Known], cases: Iterable[str]) -> list[str]:
    """Tell each entry that lists no case of the battery, given the ids of all of them."""
    cases = sorted(cases)
    return [
        f"known_failures.toml, line {entry.line}: {_near_case(entry.case, cases)}"
        for entry in known
        if not any(_matches(case, entry.case) for case in cases)
    ]


def _near_case(pattern: str, cases: Sequence[str]) -> str:
    name, _, parameters = pattern.partition("[")
    of_name = [case.partition("[")[2] for case in cases if case.partition("[")[0] == name]
    if not of_name:
        names = dict.fromkeys(case.partition("[")[0] for case in cases)
        whole = difflib.get_close_matches(pattern, cases, n=3) if parameters else []
        meant = f"; did you mean {' or '.join(whole)}?" if whole else near(name, names)
        return f"no case is called {pattern!r}{meant}"
    if of_name == [""]:
        return f"{name} has no parameters, the entry has [{parameters}"
    there = [f"{name}[{each}" for each in of_name]
    like = difflib.get_close_matches(parameters, of_name, n=3, cutoff=0.5)
    meant = (
        f"; did you mean {' or '.join(f'{name}[{each}' for each in like)}?"
        if like
        else f"; there are {', '.join(there[:5])}{', ...' if len(there) > 5 else ''}"
    )
    every = "" if parameters else f' ("{name}*" means them all)'
    return f"{pattern!r} is no case of {name}{meant}{every}"


def foreign(known: Sequence[Known], abouts: Mapping[str, object]) -> Iterator[str]:
    """Tell each entry whose range is of a package that a server it lists does not name in its /json/about."""
    for entry in known:
        for server, about in abouts.items():
            named = packages(about)
            wanted = Requirement(entry.versions).name if entry.versions else ""
            if wanted and named and _matches(server, entry.server) and canonicalize_name(wanted) not in named:
                runs = ", ".join(f"{name} {version}" for name, version in named.items())
                yield (
                    f"known_failures.toml, line {entry.line}: versions is about {wanted!r}, "
                    f"but {server} runs {runs}{near(wanted, named)}"
                )


def near(word: str, names: Iterable[str]) -> str:
    """Name the likeliest meant ones, as the end of a message; nothing when none is near."""
    matches = difflib.get_close_matches(word, list(names), n=3)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""


def of_another(known: Sequence[Known], server: str, case: str) -> Known | None:
    """Give an entry that lists this case for another server alone."""
    found = (entry for entry in known if _matches(case, entry.case) and not _matches(server, entry.server))
    return next(found, None)


def entry_of(known: Sequence[Known], server: str, case: str, about: Any) -> tuple[Known | None, Known | None]:
    """Give the entry that lists this case of this server's release, and one that lists it for other releases."""
    found = [entry for entry in known if entry.covers(server, case)]
    return (
        next((entry for entry in found if entry.holds(about)), None),
        next((entry for entry in found if not entry.holds(about)), None),
    )
