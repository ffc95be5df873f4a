"""Users whose connections live in the reactor: what all transports share, and the event stream.

A user's greenlet only waits; whatever arrives is handled by the reactor's callbacks, which wake it when its stream has
ended. An EventStreamUser behaves as a browser's EventSource: it reconnects after the announced time with
Last-Event-ID, unless the server answers 204 or anything that is no event stream, after which it is idle. A stream by
POST, as LLM chats have it, is one conversation: it is not resumed, and the next begins after `wait_time`.

It has more lines than most because what all users share and the event stream explain each other.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.event import Event as Signal
from gevent.hub import Waiter
from locust import User, constant, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import STATE_RUNNING, STATE_SPAWNING
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from sseproof.bodies import Head, request_bytes
from sseproof.pieces import Broken, Piece
from sseproof.process import Process
from sseproof.reactor import Address, Channel, Limits, resolve
from sseproof.readers import LIMIT_BYTES, EventStreamReader
from sseproof.wire import Event

PAUSE_S = 1.0  # an EventSource's default, and what follows any failure

_processes: dict[int, Process] = {}


def process_of(environment: Environment) -> Process:
    """Give what this process keeps for a locust environment, making it if need be."""
    if id(environment) not in _processes:
        _processes[id(environment)] = Process(environment)
        _processes[id(environment)].start()
    return _processes[id(environment)]


class SocketUser(User):
    """A user with one connection in the reactor. Subclasses say what is sent and what follows an end."""

    abstract = True
    label = ""  # names its tally and its rows
    limits = Limits()
    limit_bytes = LIMIT_BYTES
    wait_time = constant(PAUSE_S)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.process = process_of(environment)
        self.tally = self.process.tally(self.label)
        self.channel = Channel(self.tally, self)
        self._waiter: Any = None

    def address(self) -> Address:
        """Find the server's address; raise StopUser, with a failure, for a host that is none."""
        parts = urlsplit(self.host or "")
        try:
            if parts.scheme != "http" or not parts.hostname:
                raise ValueError(f"the host is {self.host!r}, expected http://NAME:PORT")
            return resolve(parts.hostname, parts.port or 80)
        except (OSError, ValueError) as error:
            self.tally.fail(f"connect: {self.host}: {error}")
            raise StopUser() from None

    def begun(self, head: Head) -> Any:
        """Give the reader for what follows a head; only event streams leave their head to the reactor."""
        raise Broken(f"answers {head.status}")

    def noticed(self, piece: Piece) -> None:
        """Look at a piece that holds more than numbered events."""

    def ended(self, why: str | None, kind: str) -> None:
        """Wake the greenlet that waits for the connection's end."""
        if self._waiter is not None:
            self._waiter.switch((why, kind))

    def on_event(self, event: Event) -> None:
        """Look at an event that is not ours, in the loop: override it, but never block in it."""

    def show(self, piece: Piece) -> None:
        """Hand foreign events to `on_event`; a reset, which says that events are gone, is a failure."""
        for event in piece.foreign:
            if event.type == "reset":
                self.tally.fail("reset: the server no longer has what was asked for")
            self.on_event(event)

    def leave(self) -> None:
        """Close the connection; if the test goes on without this user, nothing more is owed to it."""
        self.channel.close()
        runner = self.environment.runner
        if runner is not None and runner.state in (STATE_RUNNING, STATE_SPAWNING):
            self.tally.left(self.channel.client)

    def idle(self) -> None:
        """Do nothing until the user is stopped."""
        self._may_stop(True)
        Signal().wait()

    def pause(self, seconds: float) -> None:
        """Wait; a user that is asked to stop need not wait to the end."""
        self._may_stop(True)
        gevent.sleep(seconds)
        self._may_stop(False)

    def _may_stop(self, yes: bool) -> None:
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        self._state = LOCUST_STATE_WAITING if yes else LOCUST_STATE_RUNNING

    def wait_for_end(self) -> tuple[str | None, str]:
        """Wait until the connection has ended: why (None: in order) and at which stage."""
        found: tuple[str | None, str] = self._waiter.get()
        return found


class EventStreamUser(SocketUser):
    """Listen to one event stream.

    `path`, `method`, `headers` and `body` are read anew for each request, so any of them may be a property. `done`
    is the data of an event after which the client closes ("[DONE]"). `finite` says that a server may end the
    stream in order: so it is by default for any method but GET; then an end is no cut and is not resumed.
    """

    abstract = True
    label = "sse"
    path = "/"
    method = "GET"
    headers: dict[str, str] = {}  # noqa: RUF012  (read only)
    body: str | bytes = b""
    done: str | None = None
    finite: bool | None = None

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._reader: EventStreamReader | None = None
        self._last_id, self._retry_s, self._over = "", PAUSE_S, False

    @task
    def listen(self) -> None:
        """Listen until the stream is over; as a task, or from a task of your own."""
        address = self.address()
        is_finite = self.finite if self.finite is not None else self.method.upper() != "GET"
        again = False
        try:
            while True:
                self._may_stop(not is_finite)
                why, kind = self._once(address, again)
                self._judge(why, kind, is_finite)
                if self._over or (is_finite and kind == "refused"):
                    break
                if is_finite:
                    return self.pause(PAUSE_S) if why else None
                self.pause(self._retry_s)
                again = True
            if is_finite and kind == "refused":
                return self.pause(PAUSE_S)
            self.idle()
        finally:
            self.leave()

    def _once(self, address: Address, again: bool) -> tuple[str | None, str]:
        if again:
            self.tally.reconnected()
        self._waiter = Waiter()
        self.channel.open(address, self._request(address), self.limits)
        return self.wait_for_end()

    def _request(self, address: Address) -> bytes:
        fields = {"Accept": "text/event-stream", "Cache-Control": "no-store", **self.headers}
        if self._last_id:
            fields["Last-Event-ID"] = self._last_id
        body = self.body.encode() if isinstance(self.body, str) else self.body
        return request_bytes(self.method, self.path, address.host, tuple(fields.items()), body)

    def begun(self, head: Head) -> EventStreamReader:
        """Take an event stream, and nothing else."""
        if head.status == 204:
            self._over = True
            raise Broken("answers 204")
        if head.status != 200:
            raise Broken(f"wrong status: {self.path} answers {head.status}, expected 200")
        if head.media_type != "text/event-stream":
            got = head.media_type or "no media type"
            raise Broken(f"wrong media type: {self.path} answers with {got}, expected text/event-stream")
        if head.encoding not in ("", "identity"):
            raise Broken(f"wrong coding: {self.path} is sent as {head.encoding}, expected none")
        self.tally.joined(self.channel.client)
        memo = self.process.memo("chunked" if head.chunked else "plain")
        self._reader = EventStreamReader(head, memo, self._last_id, self.limit_bytes)
        return self._reader

    def noticed(self, piece: Piece) -> None:
        """Show foreign events; close after the one that means the end."""
        self.show(piece)
        if self.done is not None and any(event.data == self.done for event in piece.foreign):
            self.channel.close()
            self.ended(None, "done")

    def _judge(self, why: str | None, kind: str, is_finite: bool) -> None:
        """Count what an end means, and keep what the next request needs."""
        if self._reader is not None and not is_finite:
            self._last_id = self._reader.last_id
            self._retry_s = PAUSE_S if self._reader.retry_s is None else self._reader.retry_s
        self._reader = None
        over = kind == "refused" and self._over  # 204: the server's word that there is nothing more
        if (why and not over) or (kind == "end" and not is_finite):
            self.tally.broke()
        if kind == "refused":
            if not self._over:
                self.tally.fail(why if why and ": " in why else f"refused: {why}")
                self._over = not is_finite
        elif why:
            self.tally.fail(f"{kind}: {why}")
        elif kind == "end" and not is_finite:
            self.tally.fail("cut: the server ended the stream, expected it to go on")
        if kind == "cut" or (kind == "end" and not is_finite):
            self.tally.cut()
