"""Two small loops, one async and one blocking, that send each event when it is due.

A *plan* is a generator of `(due, event)`: wait until the Unix time `due`, in seconds, then send the event; with
None for an event it only waits. Whoever is woken goes on at once: a topic's subscriber by an event, and any stream
by the server's end. What is common to both loops is the generator `Stream._steps`; only the waiting differs.
"""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Any, Protocol

from .event import PING, Event

NOW, FOREVER = 0.0, math.inf
Plan = Generator[tuple[float, Event | None], None, None]


class Wake(Protocol):
    """A sleeper that can be woken: by a published event, or by the server's end."""

    loop: asyncio.AbstractEventLoop | None  # whose thread alone may set it; None: any thread

    def set(self) -> None: ...
    def is_set(self) -> bool: ...
    def clear(self) -> None: ...


class AsyncWake:
    """Sleep in an event loop. Not thread-safe: `set` belongs to the loop's thread."""

    __slots__ = ("_set", "_sleeper", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._set = False
        self._sleeper: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._set = True
        self._rouse()

    def is_set(self) -> bool:
        return self._set

    def clear(self) -> None:
        self._set = False

    async def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when woken. 0 lets the others run once."""
        if self._set or seconds <= 0:
            await asyncio.sleep(0)
            return
        self._sleeper = self.loop.create_future()
        timer = None if seconds == FOREVER else self.loop.call_later(seconds, self._rouse)
        try:
            await self._sleeper
        finally:
            self._sleeper = None
            if timer:
                timer.cancel()

    def _rouse(self) -> None:
        if self._sleeper and not self._sleeper.done():
            self._sleeper.set_result(None)


class BlockingWake(threading.Event):
    """Sleep in a thread of one's own."""

    loop = None

    def pause(self, seconds: float) -> None:
        """Return after so many seconds, or when woken."""
        self.wait(None if seconds == FOREVER else max(0.0, seconds))


class Presence(Protocol):
    """What a stream needs to know of the server it runs in."""

    stopping: bool

    def enter(self, name: str, wake: Wake) -> None: ...
    def leave(self, name: str, wake: Wake) -> None: ...


class Stream:
    """Iterate over the events of one response, with `async for` or, in a thread, with `for`.

    It counts as opened from its first event and as closed when it ends, in whatever way, exactly once.
    A keep-alive comment is put in after `ping_s` seconds without an event; 0 leaves that to the framework.
    With a reconnection time, in milliseconds, it begins with a block that sets it and dispatches nothing.
    """

    __slots__ = ("_closed", "_name", "_ping_s", "_plan", "_presence", "_retry", "_running", "_wake")

    def __init__(
        self,
        presence: Presence,
        name: str,
        plan: Callable[[Wake], Plan],
        ping_s: float,
        retry: int | None = None,
    ):
        self._presence, self._name, self._plan = presence, name, plan
        self._ping_s, self._retry = ping_s, retry
        self._wake: Wake | None = None
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[Event]:
        wake = self._wake = AsyncWake()
        self._running = self._steps(wake)
        try:
            for step in self._running:
                if isinstance(step, Event):
                    yield step
                else:
                    await wake.wait(step)
        finally:
            self._running.close()

    def __iter__(self) -> Iterator[Event]:
        wake = self._wake = BlockingWake()
        self._running = self._steps(wake)
        try:
            for step in self._running:
                if isinstance(step, Event):
                    yield step
                else:
                    wake.pause(step)
        finally:
            self._running.close()

    def close(self) -> None:
        """End the stream, begun or not: for frameworks that may drop a generator without closing it."""
        self._closed = True
        if self._wake:
            self._wake.set()
            with suppress(ValueError):  # it is running, in a thread of its own, and sees that it is closed
                self._running.close()

    def _steps(self, wake: Wake) -> Generator[Event | float, None, None]:
        """Yield each event to send now, or the seconds to sleep."""
        self._presence.enter(self._name, wake)
        plan = self._plan(wake)
        try:
            last, announced = time.time(), self._retry is None
            for due, event in plan:
                # Only now, for by its first step a topic's plan has subscribed; or it waits until it can.
                if not announced and due != FOREVER:
                    announced = True
                    yield Event(retry=self._retry)
                    yield 0.0
                slept = False
                while not wake.is_set() and (left := due - time.time()) > 0:
                    quiet = last + self._ping_s - time.time() if self._ping_s else FOREVER
                    if quiet <= 0:
                        last = time.time()
                        yield PING
                    else:
                        slept = True
                        yield min(left, quiet)
                wake.clear()  # before looking: what wakes us from here on is not lost
                if self._presence.stopping or self._closed:
                    return
                if event is not None:
                    last = time.time()
                    yield event
                    if not slept:
                        yield 0.0  # a long replay lets the other streams go on
        finally:
            plan.close()
            self._presence.leave(self._name, wake)


async def wait_for(answer: Callable[[Wake], Generator[float, None, Any]]) -> Any:
    """Run an answer that has to wait: its generator yields seconds to sleep and returns the answer."""
    wake = AsyncWake()
    with closing(answer(wake)) as steps:
        try:
            while True:
                await wake.wait(next(steps))
        except StopIteration as end:
            return end.value


def wait_for_blocking(answer: Callable[[Wake], Generator[float, None, Any]]) -> Any:
    """Do the same in a thread."""
    wake = BlockingWake()
    with closing(answer(wake)) as steps:
        try:
            while True:
                wake.pause(next(steps))
        except StopIteration as end:
            return end.value
