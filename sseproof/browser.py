"""The fixtures of a real browser: one Chromium a process of ours, a page for each case, and what stands beside them.

Rule of the file: a Chromium that does not start, hangs or crashes is our fault and never the server's: the case is an
error with Chromium's own words, and the next one gets another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError

from sseproof import tab
from sseproof.between import Relay
from sseproof.chromium import BrowserError, Chromium
from sseproof.client import Client, Subject
from sseproof.doors import DOORS
from sseproof.stream import StreamFault


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser behind `page`; cases do not ask for it."""
    browser = Chromium(DOORS["browser"].find())
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def open_page(chromium: Chromium) -> Callable[[], tab.Tab]:
    """Open a page that outlives a case, for a story: `with open_page() as page:`."""
    return lambda: tab.Tab(chromium)


@pytest.fixture(scope="session")
def kept(chromium: Chromium) -> Iterator[list[tab.Tab]]:
    """The page that one case after the other is given, if there is one: another costs a process each time."""
    pages: list[tab.Tab] = []
    yield pages
    for each in pages:
        each.drop()


@pytest.fixture
def page(kept: list[tab.Tab], open_page: Callable[[], tab.Tab]) -> Iterator[tab.Tab]:
    """A page of this case alone, with no cookies and no connections yet."""
    opened = kept.pop() if kept else open_page()
    yield opened
    try:
        opened.leave()
        kept.append(opened)
    except (BrowserError, StreamFault, PlaywrightError):  # the next case gets another
        opened.drop()


@pytest.fixture(scope="session")
def relay(subject: Subject) -> Iterator[Callable[[Client], Relay]]:
    """Stand between the browser and a server, at `relay(server).origin`, until the server's last case is over."""
    with contextlib.ExitStack() as stack:
        yield lambda server: stack.enter_context(Relay(server.process.host, server.process.port))


@pytest.fixture(scope="session")
def within() -> Callable[..., Any]:
    """Wait until a condition holds: `within(lambda: ..., "what is expected")`."""
    return tab.within


@pytest.fixture(scope="session")
def second(subject: Subject) -> Iterator[Callable[..., Client]]:
    """Start one more process of the server: `second("--port", "8001")`; it is stopped after the server's last case."""
    with contextlib.ExitStack() as stack:
        yield lambda *options: stack.enter_context(Client(stack.enter_context(subject.another(*options))))
