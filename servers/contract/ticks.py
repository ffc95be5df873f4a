"""Ticks: a clock that every client shares. Tick n is due at n x interval into the Unix epoch."""

import json
import time
from collections.abc import Callable
from typing import Any

from .drive import Plan, Wake
from .event import Event
from .message import BODY_LIMIT_BYTES, Refusal, Request


class Clock:
    """Count the ticks of one interval, in whole nanoseconds so that tick n has one due time everywhere."""

    def __init__(self, request: Request, history: int):
        self.interval_ns = round(request.number("interval", 0.1, 0.001, 3600) * 1e9)
        self.pad = "x" * request.whole("size", 0, 0, BODY_LIMIT_BYTES)
        self._history = history

    @property
    def newest(self) -> int:
        """Give the number of the tick that was due last."""
        return time.time_ns() // self.interval_ns

    def next_after(self, id: str | None) -> int:
        """Give the tick to go on with: the one after the id, or, if it is none of ours, the next one due."""
        newest = self.newest
        if id and id.isdecimal() and id.isascii() and len(id) < 20 and 0 <= newest - int(id) <= self._history:
            return int(id) + 1
        return newest + 1

    def due(self, n: int) -> float:
        """Give the Unix time in seconds at which a tick is due."""
        return n * self.interval_ns / 1e9

    def tick(self, n: int) -> dict[str, Any]:
        return {"n": n, "due_ns": n * self.interval_ns, "sent_ns": time.time_ns(), "pad": self.pad}


def ticks(request: Request, history: int) -> Callable[[Wake], Plan]:
    """Plan the stream of ticks, after the last event ID if there is one."""
    clock = Clock(request, history)
    count = request.whole("count", 10**15, 1, 10**15)

    def plan(wake: Wake) -> Plan:
        first = clock.next_after(request.last_event_id)
        for n in range(first, first + count):
            yield clock.due(n), None
            while time.time_ns() < n * clock.interval_ns:  # a float of seconds rounds, up to 240 ns early
                pass
            yield 0.0, Event(data=json.dumps(clock.tick(n)), id=str(n))

    return plan


def missed_ticks(request: Request, history: int) -> dict[str, Any]:
    """Give the ticks after a number, for clients that poll; without one the newest."""
    clock = Clock(request, history)
    newest = clock.newest
    after = request.query.get("after")
    first = clock.next_after(after) if after else newest
    if len(clock.pad) * (newest + 1 - first) > 32 * BODY_LIMIT_BYTES:
        raise Refusal(422, f"size is {len(clock.pad)}: {newest + 1 - first} ticks of it are over 32 MiB")
    ticks = [clock.tick(n) for n in range(first, newest + 1)]
    return {"events": ticks, "last": newest}
