"""The doors between a server and its users that a run may go through: a browser, a proxy, a broker.

Their cases are marked `door("browser")` and run only when that door is asked for. Rule of the file: what is asked for
by name and cannot be had is an error before the first case, with the words that install it; what is not asked for is
counted and told.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Door:
    """Where a case goes through: the option that asks for it, the programs any of which serves, and what brings them."""

    option: str
    value: str  # of the option; "" where it takes none
    programs: tuple[str, ...]
    package: str  # Debian's
    module: str  # Python's that is needed besides; "" for none, a space between two
    variable: str  # names another program, by its path
    plugin: str  # ours, whose fixtures open it

    @property
    def words(self) -> str:
        return f"{self.option} {self.value}".strip()

    def find(self) -> str:
        """Give the program's path. Raises pytest.UsageError, with what to do, where it or a module is missing."""
        path = self.program()
        for module in self.module.split():
            if not importlib.util.find_spec(module):
                raise pytest.UsageError(f"{self.words} needs the package {module}: pip install {module}")
        return path

    def program(self, words: str = "") -> str:
        """Give the program's path. Raises pytest.UsageError, with what to do, where it is missing.

        `words` are the options that ask for it, where they are not the battery's.
        """
        given = os.environ.get(self.variable)
        if given and not shutil.which(given):
            raise pytest.UsageError(f"{self.variable} is {given!r}, expected a program that can be run")
        path = given or next(filter(None, map(shutil.which, self.programs)), None)
        # Debian keeps daemons where only root looks.
        path = path or next(
            (found for name in self.programs if (found := shutil.which(f"/usr/sbin/{name}"))), None
        )
        if not path:
            names = " or ".join(self.programs)
            raise pytest.UsageError(
                f"{words or self.words} needs {names}, which is not installed: apt-get install {self.package}"
                f" (or name one in {self.variable})"
            )
        return path


DOORS = {
    "browser": Door("--browser", "", ("chromium", "chromium-browser", "google-chrome"), "chromium", "playwright", "SSEPROOF_CHROMIUM", "sseproof.browser"),
    "proxy": Door("--proxy", "nginx", ("nginx",), "nginx-light", "h2 trustme", "SSEPROOF_NGINX", "sseproof.nginx"),
    "broker": Door("--broker", "redis", ("redis-server", "valkey-server"), "redis-server", "", "SSEPROOF_REDIS", "sseproof.redis_server"),
}  # fmt: skip


def add_options(group: pytest.OptionGroup) -> None:
    """Add the options that ask for a door."""
    group.addoption("--browser", action="store_true", help="run the cases of a real browser too (Chromium)")
    group.addoption("--proxy", choices=["nginx"], help="run the cases behind this proxy too")
    group.addoption("--broker", choices=["redis"], help="run the cases of servers on this broker too")
    group.addoption(
        "--workers",
        type=int,
        metavar="N",
        help="with --broker redis: run all cases on it, against servers of so many processes each",
    )


def open_(config: pytest.Config) -> None:
    """Register the fixtures of the doors that are asked for. Raises pytest.UsageError for what cannot be had."""
    if config.option.workers and not config.option.broker:
        raise pytest.UsageError("--workers needs --broker redis: topics in memory belong to one process")
    for name, door in DOORS.items():
        if getattr(config.option, name):
            if not config.option.collectonly:  # a list of all there is needs none of them
                door.find()  # before its fixtures, which import what may be missing
            config.pluginmanager.import_plugin(door.plugin)


def options(config: pytest.Config) -> tuple[str, ...]:
    """Give the options that every server of this run is started with besides: those of --workers."""
    if not config.option.workers:
        return ()
    plugin: Any = config.pluginmanager.get_plugin(DOORS["broker"].plugin)
    found: tuple[str, ...] = plugin.options(config)
    return found


def one_process(words: str) -> str:
    """Give what a server that takes no --workers has said of it; nothing where it said nothing of the kind."""
    found = re.search(r"--workers: (.*is run here as one process)", words)
    return found[1] if found else ""


def asked(config: pytest.Config) -> set[str]:
    """Give the names of the doors that are asked for; all of them for a list."""
    return {name for name in DOORS if config.option.collectonly or getattr(config.option, name)}


def of(item: pytest.Item) -> str | None:
    """Give the name of the door a case goes through, if any."""
    marker = item.get_closest_marker("door")
    return str(marker.args[0]) if marker else None


def told(names: set[str]) -> str:
    """Give the options that ask for these doors."""
    return " ".join(door.words for name, door in DOORS.items() if name in names)
