"""The conformance cases a scenario stands on, run against the very process that is timed.

They are the battery's own functions, called here without pytest: so only cases without parameters and with no other
fixture than `server` can be named ("test_delivery::test_topics_do_not_leak_into_each_other"). Rule of the file: a
name is checked before a run starts anything.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sseproof import environment, launch, results
from sseproof.client import Client
from sseproof.judge import THE_SERVERS
from sseproof.ledger import near

CASES = environment.ROOT / "conformance"


class CheckError(Exception):
    """A name that is no case that can be run here."""


def find(name: str, folder: Path = CASES) -> Callable[[Client], None]:
    """Give the function of a case; raises CheckError naming what is near, or why it cannot be run alone."""
    file, _, function = name.partition("::")
    files = [path.stem for path in folder.glob("test_*.py")]
    if file not in files:
        raise CheckError(f"case {name!r}: there is no {file}.py in conformance/{near(file, files)}")
    there = dict(inspect.getmembers(_module(folder / f"{file}.py"), inspect.isfunction))
    if function not in there:
        raise CheckError(f"case {name!r}: {file}.py has no such function{near(function, there)}")
    case: Callable[[Client], None] = there[function]
    if list(inspect.signature(case).parameters) != ["server"]:
        raise CheckError(
            f"case {name!r} takes more than `server`: parameters and other fixtures are the battery's"
        )
    return case


@cache
def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"conformance_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failures(server: launch.Server, names: Sequence[str], folder: Path = CASES) -> list[str]:
    """Run these cases against a server that is up; give a sentence for each that it misses.

    A case that breaks for another reason than the server's answer is a failure too, and says what broke: what was not
    judged has not passed.
    """
    found = []
    for name in names:
        case = find(name, folder)
        if missing := _missing(case, server.about.get("capabilities") or []):
            found.append(f"{results.sentence(name.partition('::')[2])}: not declared: {missing}")
            continue
        try:
            with Client(server) as client:
                case(client)
        except THE_SERVERS as error:
            found.append(f"{results.sentence(name.partition('::')[2])}: {_first_line(error)}")
        except (Exception, pytest.skip.Exception) as error:
            found.append(
                f"{results.sentence(name.partition('::')[2])}: not judged: {type(error).__name__}: {_first_line(error)}"
            )
    return found


def _missing(case: Callable[..., Any], declared: Iterable[str]) -> str:
    marks = [mark for mark in getattr(case, "pytestmark", []) if mark.name == "needs"]
    return ", ".join(sorted({word for mark in marks for word in mark.args} - set(declared)))


def _first_line(error: BaseException) -> str:
    return results.visible(str(error).strip().split("\n", 1)[0] or "no more was said", 200)
