"""The contract itself: which route answers what. One `Service` is the whole state of a server.

`stream` and `answer` are all an adapter calls. Both take a `Request` and raise a `Refusal`; what they return
is free of any framework.
"""

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from . import demos
from .drive import NOW, Plan, Stream, Wake, wait_for, wait_for_blocking
from .echo import echo
from .event import Event, text, unfit
from .hub import Hub
from .message import Answer, Refusal, Request, check_length
from .options import Options, read_options
from .sessions import Sessions
from .ticks import missed_ticks, ticks

_MOST_NAMES = 10_000
_POST_TOO, _POST_ONLY = {"echo"}, {"chat"}
_METHODS = {"topic": ("GET", "HEAD", "POST"), "session": ("POST",)}
Waiting = Generator[float, None, Answer]


@dataclass(kw_only=True)
class Service:
    """Answer every route of the contract, for one server process.

    `encoder` names the distribution whose code writes the events, or "ours". `pings` says whether the
    framework sends keep-alive comments itself.
    """

    framework: str
    http_server: str
    encoder: str = "ours"
    websocket: bool = False
    blocking: bool = False
    pings: bool = False
    options: Options = field(default_factory=read_options)
    stopping: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.hub = Hub(self.options.history, self.options.mailbox)
        self.sessions = Sessions(self.options.sessions, self.options.session_ttl)
        self._wakes: set[Wake] = set()
        self._counts: OrderedDict[str, list[int]] = OrderedDict()
        self._total = [0, 0]
        self._lock = threading.Lock()

    # Streams

    def stream(self, request: Request) -> Stream:
        """Give the stream a request asks for, not yet begun, or raise a Refusal."""
        name = request.path.removeprefix("/events/")
        allowed = (
            ("POST",)
            if name in _POST_ONLY
            else ("GET", "HEAD", "POST")
            if name in _POST_TOO
            else ("GET", "HEAD")
        )
        plan = self._plan(name, request, allowed)
        ping_s = 0.0 if self.pings else self.options.ping
        return Stream(self, request.query.get("as", ""), plan, ping_s)

    def socket(self, request: Request) -> Stream:
        """Give the events of a WebSocket, which needs no comments: it has pings of its own."""
        name = request.path.removeprefix("/ws/")
        if name not in ("ticks", "topic"):
            raise Refusal(404, f"no WebSocket {name!r}")
        return Stream(
            self, request.query.get("as", ""), self._plan(name, request, ("GET",), announce=False), 0.0
        )

    def _plan(
        self, name: str, request: Request, allowed: tuple[str, ...], announce: bool = True
    ) -> Callable[[Wake], Plan]:
        if name not in demos.DEMOS and name not in ("echo", "ticks", "topic", "progress", "resilient"):
            raise Refusal(404, f"no stream {name!r}")
        if request.method not in allowed:
            raise Refusal(405, f"{request.method} is not allowed here", {"Allow": ", ".join(allowed)})
        check_length(request.path, len(request.body))
        if name == "echo":
            return echo(request, self.encoder == "ours")
        plan = self._make(name, request)
        return self._announced(plan) if announce else plan

    def _make(self, name: str, request: Request) -> Callable[[Wake], Plan]:
        if name == "ticks":
            return ticks(request, self.options.history)
        if name == "topic":
            topic = request.text("topic")
            self.hub.make_room(topic)
            return self.hub.plan(topic, request.last_event_id)
        if name == "progress":
            speed = request.number("speed", 1, 0.01, 1000)
            return self.sessions.progress(request, request.last_event_id, speed)
        if name == "resilient":
            return demos.resilient(request, self.options.retry)
        return demos.DEMOS[name](request)

    def _announced(self, plan: Callable[[Wake], Plan]) -> Callable[[Wake], Plan]:
        """Begin with a block that only sets the reconnection time: it dispatches nothing."""

        def announced(wake: Wake) -> Plan:
            with closing(plan(wake)) as steps:
                first = next(steps)  # a topic is subscribed to before anything is sent
                yield NOW, Event(retry=self.options.retry)
                yield first
                yield from steps

        return announced

    # JSON

    async def answer(self, request: Request) -> Answer:
        """Answer a request below /json/, or raise a Refusal."""
        return await wait_for(lambda wake: self._answer(request, wake))

    def answer_blocking(self, request: Request) -> Answer:
        """Do the same in a thread."""
        return wait_for_blocking(lambda wake: self._answer(request, wake))

    def _answer(self, request: Request, wake: Wake) -> Waiting:
        name = request.path.removeprefix("/json/")
        if not request.path.startswith("/json/") or name not in (
            "about",
            "open",
            "ticks",
            "topic",
            "session",
        ):
            raise Refusal(404, f"nothing at {request.path!r}")
        allowed = _METHODS.get(name, ("GET", "HEAD"))
        if request.method not in allowed:
            raise Refusal(405, f"{request.method} is not allowed here", {"Allow": ", ".join(allowed)})
        check_length(request.path, len(request.body))
        if name == "topic":
            return (
                yield from self._publish(request) if request.method == "POST" else self._poll(request, wake)
            )
        if name == "session":
            return Answer(201, {"session": self.sessions.make()})
        if name == "ticks":
            return Answer(200, missed_ticks(request, self.options.history))
        return Answer(200, self.about() if name == "about" else self._open(request))

    def about(self) -> dict[str, Any]:
        """Say who speaks: framework, encoder and HTTP server with their versions, and what they can do."""
        capabilities = [name for name in ("websocket", "blocking") if getattr(self, name)]
        return {
            "name": os.path.basename(sys.argv[0]).removesuffix(".py"),
            "framework": self.framework,
            "framework_version": _version(self.framework),
            "encoder": self.encoder,
            "encoder_version": _version(self.encoder),
            "http_server": self.http_server,
            "http_server_version": _version(self.http_server),
            "python": sys.version.split()[0],
            "pid": os.getpid(),
            "capabilities": capabilities,
            "departure_s": self.options.departure_s,
        }

    def _open(self, request: Request) -> dict[str, int]:
        name = request.query.get("as")
        with self._lock:
            opened, closed = self._total if name is None else self._counts.get(name, (0, 0))
        found = {"open": opened - closed, "opened": opened, "closed": closed}
        topic = request.query.get("topic")
        return found if topic is None else {**found, "subscribers": self.hub.subscribers(topic)}

    def _poll(self, request: Request, wake: Wake) -> Waiting:
        topic, after = request.text("topic"), request.query.get("after") or None
        wait = request.number("wait", 0, 0, 60)
        with self.hub.subscribe(topic, after, wake, counts=False) as (kept, box):
            if after and not kept.events and not kept.reset and wait:
                self._wake_at_stop(wake)
                try:
                    if not self.stopping:
                        yield wait
                finally:
                    self._wakes.discard(wake)
            events = [*kept.events, *box.events] if after else []
        found = {
            "events": [as_json(event) for event in events],
            "last": events[-1].id if events else kept.last,
        }
        return Answer(200, {**found, "reset": True} if kept.reset else found)

    def _publish(self, request: Request) -> Waiting:
        topic, sent = request.text("topic"), request.json()
        items = [_item(item) for item in (sent if isinstance(sent, list) else [sent])]
        self.hub.make_room(topic)
        ids = yield from self.hub.publish(topic, items)
        return Answer(202, {"ids": ids})

    # Counting and stopping

    def enter(self, name: str, wake: Wake) -> None:
        """Count a stream as opened."""
        with self._lock:
            self._total[0] += 1
            self._counts.setdefault(name, [0, 0])[0] += 1
            if len(self._counts) > _MOST_NAMES:
                self._counts.popitem(last=False)
        self._wake_at_stop(wake)

    def leave(self, name: str, wake: Wake) -> None:
        """Count a stream as closed: its clean-up has run."""
        with self._lock:
            self._total[1] += 1
            if name in self._counts:
                self._counts[name][1] += 1
        self._wakes.discard(wake)

    def stop(self) -> None:
        """End every stream and every long-poll; call it in the event loop's thread, if there is one."""
        self.stopping = True
        for wake in list(self._wakes):
            wake.set()

    def _wake_at_stop(self, wake: Wake) -> None:
        self._wakes.add(wake)
        if self.stopping:
            wake.set()

    def cors(self, origin: str | None) -> dict[str, str]:
        """Give the headers every response carries; an origin is compared whole and exactly."""
        if origin not in self.options.allow_origin:
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": str(origin),
            "Access-Control-Allow-Credentials": "true",
        }

    def preflight(self, method: str, headers: Any) -> Answer | None:
        """Answer a CORS preflight, or return None if the request is none."""
        if method != "OPTIONS" or not headers.get("access-control-request-method"):
            return None
        if headers.get("origin") not in self.options.allow_origin:
            return Answer(204)
        return Answer(
            204,
            headers={
                "Access-Control-Allow-Methods": "GET, HEAD, POST",
                "Access-Control-Allow-Headers": "Last-Event-ID, Content-Type, Cache-Control",
                "Access-Control-Max-Age": "600",
            },
        )


def as_json(event: Event) -> dict[str, Any]:
    """Give an event as a polling or WebSocket client sees it."""
    return {"id": event.id, "event": event.event or "message", "data": event.data}


def _item(item: Any) -> tuple[str, str | None]:
    if not isinstance(item, dict) or "data" not in item or set(item) - {"data", "event"}:
        raise Refusal(422, 'expected {"data": ..., "event": ...} or a list of such objects')
    event = Event(data=text(item["data"]), event=item.get("event"))
    if wrong := unfit(event):
        raise Refusal(422, wrong)
    return event.data, event.event


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return sys.version.split()[0] if distribution.startswith("asyncio") else None
