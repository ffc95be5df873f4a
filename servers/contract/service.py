"""The contract itself: which route answers what. One `Service` is the whole state of a server.

`stream`, `socket` and `answer` are all an adapter calls. They take a `Request` and raise a `Refusal`; what they
return is free of any framework. It has a few lines more than 200 because every route is here, beside its neighbours.
"""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .about import about
from .cors import cors_headers, preflight
from .counts import Presence
from .demos import DEMOS, resilient
from .drive import Plan, Stream, Wake, wait_for, wait_for_blocking
from .echo import echo
from .event import Event, text, unfit
from .hub import Hub
from .message import Answer, Refusal, Request, check_length
from .options import Options, read_options, refuse_option
from .page import page
from .sessions import Sessions
from .ticks import missed_ticks, ticks

_READ, _WRITE = ("GET", "HEAD"), ("POST",)
STREAMS = dict.fromkeys([*DEMOS, "ticks", "topic", "progress", "resilient"], _READ)
STREAMS |= {"echo": (*_READ, *_WRITE), "chat": _WRITE}
SOCKETS = {"ticks": ("GET",), "topic": ("GET",)}
PAGE = {"": _READ}
JSON = {"about": _READ, "open": _READ, "ticks": _READ, "topic": (*_READ, *_WRITE), "session": _WRITE}
Waiting = Generator[float, None, Answer]


@dataclass(kw_only=True)
class Service:
    """Answer every route of the contract, for one server process.

    `encoder` names the distribution whose code writes the events, or "ours". `workers` says whether the server
    can be several processes, `pings` whether the framework sends keep-alive comments itself.
    """

    framework: str
    http_server: str
    encoder: str = "ours"
    websocket: bool = False
    blocking: bool = False
    workers: bool = False
    pings: bool = False
    options: Options = field(default_factory=read_options)

    def __post_init__(self) -> None:
        if self.options.workers > 1 and not self.workers:
            refuse_option(f"--workers: {self.http_server} is run here as one process")
        self.hub = _hub(self.options)
        self.sessions = Sessions(self.options.sessions, self.options.session_ttl)
        self.presence = Presence()

    def stream(self, request: Request) -> Stream:
        """Give the stream a request asks for, not yet begun, or raise a Refusal."""
        name = _checked(request, "/events/", STREAMS)
        is_echo = name == "echo"  # which sends nothing but its script
        plan = echo(request, self.encoder == "ours") if is_echo else self._plan(name, request)
        retry = None if is_echo else self.options.retry
        # A blocking generator cannot be interrupted: it has to wake up by itself to see that its client has left.
        pings = self.pings and not request.flag("blocking")
        return Stream(self.presence, _name(request), plan, 0.0 if pings else self.options.ping, retry)

    def socket(self, request: Request, ping_s: float = 0.0) -> Stream:
        """Give the events of a WebSocket, which needs no comments: the protocol has pings of its own.

        A blocking server that asks for comments gets to look, every `ping_s` seconds, whether its client is there.
        """
        name = _checked(request, "/ws/", SOCKETS)
        return Stream(self.presence, _name(request), self._plan(name, request), ping_s)

    async def answer(self, request: Request) -> Answer:
        """Answer a request for the page or below /json/, or raise a Refusal."""
        return await wait_for(lambda wake: self._answer(request, wake))

    def answer_blocking(self, request: Request) -> Answer:
        """Do the same in a thread."""
        return wait_for_blocking(lambda wake: self._answer(request, wake))

    def stop(self) -> None:
        """End every stream and every long-poll; call it in the event loop's thread, if there is one."""
        self.presence.stop()

    @property
    def http2(self) -> bool:
        """Tell whether the HTTP server speaks HTTP/2: hypercorn does on any socket, to whoever begins with it."""
        return self.http_server == "hypercorn"

    @property
    def stopping(self) -> bool:
        return self.presence.stopping

    def cors(self, origin: str | None) -> dict[str, str]:
        """Give the headers every response carries."""
        return cors_headers(origin, self.options.allow_origin)

    def preflight(self, method: str, headers: Mapping[str, str]) -> Answer | None:
        """Answer a CORS preflight, or return None if the request is none."""
        return preflight(method, headers, self.options.allow_origin)

    def _plan(self, name: str, request: Request) -> Callable[[Wake], Plan]:
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
            return resilient(request, self.options.retry)
        return DEMOS[name](request)

    def _answer(self, request: Request, wake: Wake) -> Waiting:
        if request.path == "/":
            _checked(request, "/", PAGE)
            return page()
        name = _checked(request, "/json/", JSON)
        if name == "topic":
            return (
                yield from self._publish(request, wake)
                if request.method == "POST"
                else self._poll(request, wake)
            )
        if name == "session":
            return Answer(201, {"session": self.sessions.make()})
        if name == "ticks":
            return Answer(200, missed_ticks(request, self.options.history))
        return Answer(200, about(self) if name == "about" else self._open(request))

    def _open(self, request: Request) -> dict[str, Any]:
        found: dict[str, Any] = dict(self.presence.count(request.query.get("as")))
        if (topic := request.query.get("topic")) is not None:
            found["subscribers"] = self.hub.subscribers(topic)
        if (prefix := request.query.get("prefix")) is not None:
            found["names"] = self.presence.names(prefix)
        return found

    def _poll(self, request: Request, wake: Wake) -> Waiting:
        topic, after = request.text("topic"), request.query.get("after") or None
        wait = request.number("wait", 0, 0, 60)
        kept, box = yield from self.hub.joining(topic, after, wake)
        try:
            if after and not kept.events and not kept.reset:
                self.presence.watch(wake)  # a server that stops answers at once
                until = time.monotonic() + wait
                try:
                    while not box.events and not box.cut and not self.stopping:
                        if (left := until - time.monotonic()) <= 0:
                            break
                        yield left
                        wake.clear()
                finally:
                    self.presence.unwatch(wake)
            events = [*kept.events, *box.events] if after else []
        finally:
            self.hub.leave(box)
        found = {
            "events": [as_json(event) for event in events],
            "last": events[-1].id if events else kept.last,
        }
        return Answer(200, {**found, "reset": True} if kept.reset else found)

    def _publish(self, request: Request, wake: Wake) -> Waiting:
        topic, sent = request.text("topic"), request.json()
        items = [_item(item) for item in (sent if isinstance(sent, list) else [sent])]
        self.hub.make_room(topic)
        ids = yield from self.hub.publish(topic, items, wake)
        return Answer(202, {"ids": ids})


def _hub(options: Options) -> Any:
    numbers = options.history, options.mailbox, options.topics
    if options.broker == "memory":
        return Hub(*numbers)
    from .redis_hub import RedisHub  # here, because the memory broker needs nothing installed

    return RedisHub(options.broker, *numbers)


def _checked(request: Request, prefix: str, routes: Mapping[str, tuple[str, ...]]) -> str:
    """Give the name behind a prefix, or refuse: 404 unknown, 405 not with this method, 413 too large."""
    name = request.path.removeprefix(prefix)
    if not request.path.startswith(prefix) or name not in routes:
        raise Refusal(404, f"nothing at {request.path!r}")
    if request.method not in routes[name]:
        allowed = ", ".join(routes[name])
        raise Refusal(405, f"{request.method} is not allowed here, only {allowed}", {"Allow": allowed})
    check_length(request.path, len(request.body))
    return name


def _name(request: Request) -> str:
    return request.query.get("as", "")[:200]


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
