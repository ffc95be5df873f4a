"""Users that ask for news: every so often, or held by the server until there are some.

Both ask `/json/topic`-like answers, `{"events": [{"id", "event", "data"}], "last": ID}`, on a connection that is kept,
with the last ID they were told. An event's staleness ends when the answer that carries it is in hand: never the
poll's own response time, which would favour polling. Timers and answers are the reactor's; no greenlet runs for a poll.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import gevent
from gevent.hub import Waiter
from locust import task
from locust.env import Environment

from sseproof.bodies import request_bytes
from sseproof.pieces import Piece
from sseproof.reactor import Address, Limits
from sseproof.readers import AnswerReader
from sseproof.users import PAUSE_S, SocketUser


@functools.lru_cache(maxsize=256)  # most clients ask after the same event
def _request(path: str, host: str, after: str | None, wait_s: float) -> bytes:
    more = ([f"after={quote(after, safe='')}"] if after is not None else []) + (
        [f"wait={wait_s:g}"] if wait_s else []
    )
    target = path + ("&" if "?" in path else "?") * bool(more) + "&".join(more)
    return request_bytes("GET", target, host, (("Accept", "application/json"),))


class _AskingUser(SocketUser):
    """What both share: one connection, one question at a time, a timer for the next."""

    abstract = True
    path = "/json/topic?topic=main"
    wait_s = 0.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.after: str | None = None
        self._address: Address | None = None
        self._timer: Any = None
        self._is_asking = self._is_reused = self._had_after = False

    @task
    def ask(self) -> None:
        """Ask again and again until the user is stopped."""
        self._address = self.address()
        self._may_stop(True)
        self._timer = gevent.get_hub().loop.timer(self.first_after_s())
        try:
            self._timer.start(self._ask)
            Waiter().get()
        finally:
            self._timer.stop()
            self._timer.close()
            self._timer = None
            self.leave()

    def first_after_s(self) -> float:
        """Give how long to wait with the first question."""
        return 0.0

    def _again(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        """Ask next after so many seconds, in place of what was to come before."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = gevent.get_hub().loop.timer(seconds)
            self._timer.start(then or self._ask)

    def _ask(self) -> None:
        assert self._address is not None
        request = _request(self.path, self._address.host, self.after, self.wait_s)
        limits = Limits(self.limits.connect_s, self.limits.head_s + self.wait_s)
        self._is_asking, self._is_reused = True, self.channel.is_open
        self._had_after = self.after is not None
        if self.channel.is_open:
            self.channel.ask(request, limits)
        else:
            reader = AnswerReader(self.process.memo("answer"))
            self.channel.open(self._address, request, limits, reader)

    def noticed(self, piece: Piece) -> None:
        """Take an answer: remember where to go on, and say when to ask again."""
        self._is_asking = False
        self.channel.answered()
        self.after = piece.last_id if piece.last_id is not None else self.after
        self.tally.joined(self.channel.client)
        self.show(piece)
        reader = self.channel.reader
        if isinstance(reader, AnswerReader) and not reader.keep_alive:
            self.channel.close()
        self.follow(piece)

    def follow(self, piece: Piece) -> None:
        """Do what comes after an answer."""

    def ended(self, why: str | None, kind: str) -> None:
        """Ask on a new connection: at once where a kept one was closed under the question, else after a pause."""
        was_asking, self._is_asking = self._is_asking, False
        if was_asking and self._is_reused and kind in ("end", "cut", "headers"):
            self._again(0.0, self._repeat)
        elif why or was_asking:
            self.tally.fail(f"{kind}: {why or 'the connection was closed without an answer'}")
            self._again(self.pause_s())
        elif self.wait_s:
            self._again(self.pause_s())

    def _repeat(self) -> None:
        """Ask what a closed connection has left without an answer."""
        self._ask()

    def pause_s(self) -> float:
        """Give how long to wait after a failure."""
        return PAUSE_S


class PollUser(_AskingUser):
    """Ask for news every `poll_every` seconds, beginning at a random moment of the first period."""

    abstract = True
    label = "poll"
    poll_every = 1.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._next_s = 0.0

    def first_after_s(self) -> float:
        """Spread the users over the period, or they would all ask at once."""
        self._next_s = time.monotonic() + random.random() * self.poll_every
        return max(0.0, self._next_s - time.monotonic())

    def _ask(self) -> None:
        """Ask when it is time, unless the last question is still open; no answer shifts the times."""
        now_s = time.monotonic()
        self._next_s = max(self._next_s + self.poll_every, now_s)
        self._again(self._next_s - now_s)
        if not self._is_asking:
            super()._ask()

    def _repeat(self) -> None:
        """Ask again at once, and next when that was due anyway: else a poll would be left out."""
        self._again(max(0.0, self._next_s - time.monotonic()))
        super()._ask()

    def pause_s(self) -> float:
        """Give the time to the next poll, but no less than after any failure."""
        return max(PAUSE_S, self.poll_every)


class LongPollUser(_AskingUser):
    """Ask for news and let the server hold the question up to `wait_s` seconds; then ask again at once."""

    abstract = True
    label = "long-poll"
    wait_s = 20.0

    def follow(self, piece: Piece) -> None:
        """Ask again; but pause where the server does not hold a question it has no answer to."""
        held_s = (time.time_ns() - self.channel.asked_ns) / 1e9
        if piece.count or not self._had_after or held_s >= self.wait_s / 2:
            self._ask()
        else:
            self.tally.fail(f"long-poll: an empty answer at once, expected to be held {self.wait_s:g} s")
            self._again(PAUSE_S)
