"""The fixtures that lead through nginx, one a server process, started at first use; and those that speak HTTP/2.

Rule of the file: nginx that does not start, or dies in the middle of a case, is our fault and never the server's: the
case is an error with nginx's own words, and the next one gets another nginx.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest

from sseproof import http2_stream, launch
from sseproof.battery import DEATH_GRACE_S, RECORD
from sseproof.client import Client, Subject
from sseproof.http2 import Connection
from sseproof.http2_stream import Stream
from sseproof.nginx_process import Nginx


@pytest.fixture(scope="session")
def nginx(subject: Subject) -> Iterator[Callable[[], Nginx]]:
    """Give nginx before the server's process: `nginx()`. It is started at first, and again when it or that has died.

    One that did not start once is not tried again, as it is with a server.
    """
    begun: dict[launch.Server, Nginx] = {}
    failures: list[launch.LaunchError] = []

    def give() -> Nginx:
        process = subject.running()
        if failures:
            raise failures[0].with_traceback(None)  # which would grow with every case
        if process in begun and begun[process].lost():
            begun.pop(process).close()
        if process not in begun:
            try:
                begun[process] = Nginx((process.host, process.port))
            except launch.LaunchError as failure:
                failures.append(failure)
                raise
        return begun[process]

    yield give
    for each in begun.values():
        each.close()


@pytest.fixture(scope="session")
def proxied(nginx: Callable[[], Nginx]) -> Callable[[Client, str], Client]:
    """Give a server's client that goes through nginx by one of its settings: `proxied(server, "defaults")`."""
    return lambda server, setting: server.through(nginx().dial(setting))


@pytest.fixture(autouse=True)
def nginx_lives(request: pytest.FixtureRequest) -> Iterator[None]:
    """Make an error of a case behind nginx over which it has died."""
    if request.node.get_closest_marker("door") is None or "nginx" not in request.fixturenames:
        yield
        return
    before = request.getfixturevalue("nginx")()
    yield
    # A connection breaks before its nginx is seen to have died.
    if before.lost(DEATH_GRACE_S if request.node.stash[RECORD]["because"] else 0.0):
        raise before.died()


@pytest.fixture
def another_nginx(subject: Subject, request: pytest.FixtureRequest) -> Iterator[Nginx]:
    """Give a case an nginx of its own, which it may stop and start."""
    process = subject.running()
    with Nginx((process.host, process.port)) as own:
        yield own
        if own.lost(DEATH_GRACE_S if request.node.stash[RECORD]["because"] else 0.0):
            raise own.died()


@pytest.fixture(scope="session")
def http2() -> Callable[[Client], Client]:
    """Give a server's client that speaks HTTP/2 to it, by prior knowledge, on a connection for each stream."""

    def give(server: Client) -> Client:
        process = server.process
        return server.through(functools.partial(http2_stream.dial, process.host, process.port))

    return give


@pytest.fixture
def one_connection() -> Iterator[Callable[..., Client]]:
    """Give a server's client whose streams share one connection of HTTP/2: to it, or to an nginx before it."""
    with contextlib.ExitStack() as opened:

        def give(server: Client, through: Nginx | None = None) -> Client:
            process = server.process
            made = through.connection("http2") if through else Connection(process.host, process.port)
            return server.through(functools.partial(Stream, opened.enter_context(made)))

        yield give
