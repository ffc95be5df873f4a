"""The fixtures that put a server on Redis: one redis-server a worker of the run, and processes of the server on it.

Rule of the file: Redis that does not start, or dies in the middle of a case, is our fault and never the server's: the case
is an error with Redis's own words, and the next one finds it started again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from sseproof import launch
from sseproof.client import Client, Subject
from sseproof.doors import DOORS
from sseproof.redis_process import Redis

STARTED = pytest.StashKey[Redis]()


def of_run(config: pytest.Config) -> Redis:
    """Give this worker's redis-server, started at first use. Raises LaunchError."""
    if STARTED not in config.stash:
        config.stash[STARTED] = started = Redis(DOORS["broker"].find())
        config.add_cleanup(started.close)
    return config.stash[STARTED]


def options(config: pytest.Config) -> tuple[str, ...]:
    """Give the options of a server all of whose cases are run on Redis, by so many processes."""
    return ("--broker", of_run(config).url, "--workers", str(config.option.workers))


@pytest.fixture
def redis(pytestconfig: pytest.Config) -> Iterator[Redis]:
    """Give Redis, running. A case may stop, kill or pause it: it is started again after."""
    started = of_run(pytestconfig)
    started.start()
    yield started
    lost = started.died() if started.lost() else None
    started.start()
    if lost:
        raise lost


@pytest.fixture(scope="session")
def on_redis(subject: Subject, pytestconfig: pytest.Config) -> Iterator[Callable[..., launch.Server]]:
    """Give a process of the server on Redis, kept for the cases that follow: `on_redis("other", "--history", "9")`."""
    begun: dict[tuple[str, ...], launch.Server] = {}

    def give(*what: str) -> launch.Server:
        if what in begun and not begun[what].alive:
            begun.pop(what).stop()
        if what not in begun:
            begun[what] = subject.another("--broker", of_run(pytestconfig).url, *what[1:])
        return begun[what]

    yield give
    for process in begun.values():
        process.stop()


@pytest.fixture
def on_broker(
    redis: Redis, on_redis: Callable[..., launch.Server], subject: Subject
) -> Iterator[Callable[..., Client]]:
    """Give a client of a process of the server on Redis, by a name of the case's choice and its options.

    One that dies in the middle of a case makes an error of it, as it is with `server`.
    """
    with contextlib.ExitStack() as stack:
        clients: dict[tuple[str, ...], Client] = {}

        def give(*what: str) -> Client:
            if what not in clients:
                clients[what] = stack.enter_context(Client(on_redis(*what)))
            return clients[what]

        yield give
    for client in clients.values():
        _alive(client.process)


@pytest.fixture
def publishing(on_broker: Callable[..., Client]) -> Iterator[Callable[..., Client]]:
    """Give one more client of such a process, for a thread of its own: a client belongs to one."""
    with contextlib.ExitStack() as stack:
        yield lambda *what: stack.enter_context(Client(on_broker(*what).process))


@pytest.fixture
def for_itself(redis: Redis, subject: Subject) -> Iterator[Callable[..., Client]]:
    """Start a process of the server on Redis for this case alone, which may stop it: `for_itself().process.stop()`."""
    with contextlib.ExitStack() as stack:

        def give(*more: str) -> Client:
            process = stack.enter_context(subject.another("--broker", redis.url, *more))
            return stack.enter_context(Client(process))

        yield give


def _alive(process: launch.Server) -> None:
    if not process.alive:
        words = process.last_words()
        raise launch.LaunchError(process.name, "died on Redis, in the middle of the case", words=words)
