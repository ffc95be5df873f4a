"""Every case function of the battery, found as a run finds them: pytest collects, and nothing is run.

So the list cannot leave one out. Rule of the file: a function is one entry, whatever its parameters.
"""

from __future__ import annotations

import contextlib
import inspect
import io
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sseproof import battery, cases, doors, results


class CatalogueError(Exception):
    """What cannot be listed; the message names the file."""


@dataclass
class Function:
    """One case function: what all of its parameters have in common."""

    name: str
    group: str
    line: int
    about: str  # what the group's file says of itself
    why: str
    levels: dict[str, list[str]] = field(default_factory=dict)  # level -> anchors
    ids: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


class _Collector:
    def __init__(self) -> None:
        self.functions: dict[tuple[str, str], Function] = {}
        self.problems: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.problems = session.config.stash[battery.COLLECTED].problems
        for item in session.items:
            name, group = getattr(item, "originalname", item.name), item.path.stem.removeprefix("test_")
            function = getattr(item, "function", None)
            about = inspect.getdoc(inspect.getmodule(function)) or ""
            why = inspect.getdoc(function) or ""
            entry = self.functions.setdefault(
                (group, name), Function(name, group, item.location[1] or 0, first(about), first(why))
            )
            entry.ids.append(cases.case_id(item))
            for marker in item.iter_markers():
                if marker.name in results.LEVELS:
                    anchors = entry.levels.setdefault(marker.name, [])
                    anchors += [marker.args[0]] if marker.args[0] not in anchors else []
                mark = _mark(marker)
                entry.marks += [mark] if mark and mark not in entry.marks else []


def _mark(marker: pytest.Mark) -> str:
    if marker.name == "needs":
        return f"for servers that declare {' and '.join(marker.args)}"
    if marker.name == "door":
        return f"only with `{doors.DOORS[marker.args[0]].words}`"
    return "only with `--slow`" if marker.name == "slow" else ""


def first(text: str) -> str:
    """Give a docstring's first paragraph as one line."""
    return " ".join(text.partition("\n\n")[0].split())


def collect(root: Path) -> list[Function]:
    """Collect every case function, in the order of its file. Raises CatalogueError with what pytest says."""
    collector, told = _Collector(), io.StringIO()
    options = ["--collect-only", "--assert=plain", "-p", "sseproof.battery", "-p", "no:cacheprovider"]
    options += ["-qq", "--slow", "-n", "0"]
    options += [f"--rootdir={root}", "-c", str(root / "pyproject.toml"), "--server=stdlib_asyncio"]
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        status = pytest.main([*options, str(root / "conformance")], plugins=[collector])
    if collector.problems or status != pytest.ExitCode.OK:
        raise CatalogueError("\n".join(collector.problems) or told.getvalue())
    return sorted(collector.functions.values(), key=lambda each: (each.group, each.line, each.name))
