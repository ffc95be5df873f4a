"""The doors between a server and its users that a run may go through: a browser, a proxy, a broker.

Their cases are marked `door("browser")` and run only when that door is asked for. Rule of the file: what is asked for
by name and cannot be had is an error before the first case, with the words that install it; what is not asked for is
counted and told.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Door:
    """Where a case goes through: the option that asks for it, the programs any of which serves, and what brings them."""

    option: str
    value: str  # of the option; "" where it takes none
    programs: tuple[str, ...]
    package: str  # Debian's
    module: str  # Python's that is needed besides; "" for none
    variable: str  # names another program, by its path

    @property
    def words(self) -> str:
        return f"{self.option} {self.value}".strip()

    def find(self) -> str:
        """Give the program's path. Raises pytest.UsageError, with what to do, where it is missing."""
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
                f"{self.words} needs {names}, which is not installed: apt-get install {self.package}"
                f" (or name one in {self.variable})"
            )
        if self.module and not importlib.util.find_spec(self.module):
            raise pytest.UsageError(
                f"{self.words} needs the package {self.module}: pip install {self.module}"
            )
        return path


DOORS = {
    "browser": Door("--browser", "", ("chromium", "chromium-browser", "google-chrome"), "chromium", "playwright", "SSEPROOF_CHROMIUM"),
    "proxy": Door("--proxy", "nginx", ("nginx",), "nginx-light", "h2", "SSEPROOF_NGINX"),
    "broker": Door("--broker", "redis", ("redis-server", "valkey-server"), "redis-server", "", "SSEPROOF_REDIS"),
}  # fmt: skip


def add_options(group: pytest.OptionGroup) -> None:
    """Add the options that ask for a door."""
    group.addoption("--browser", action="store_true", help="run the cases of a real browser too (Chromium)")
    group.addoption("--proxy", choices=["nginx"], help="run the cases behind this proxy too")
    group.addoption("--broker", choices=["redis"], help="run the cases of servers on this broker too")


def asked(config: pytest.Config) -> set[str]:
    """Give the names of the doors that are asked for. Raises pytest.UsageError for what cannot be had."""
    if config.option.collectonly:  # a list of all there is needs none of them
        return set(DOORS)
    names = {name for name in DOORS if getattr(config.option, name)}
    for name in sorted(names):
        DOORS[name].find()
    return names


def of(item: pytest.Item) -> str | None:
    """Give the name of the door a case goes through, if any."""
    marker = item.get_closest_marker("door")
    return str(marker.args[0]) if marker else None


def told(names: set[str]) -> str:
    """Give the options that ask for these doors."""
    return " ".join(door.words for name, door in DOORS.items() if name in names)
