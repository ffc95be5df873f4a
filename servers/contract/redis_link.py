"""The thread in which a process speaks to Redis, so that servers with an event loop and servers with threads do it alike.

It begins with the first call, not with the hub: a server that forks its workers makes the hub before.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from .drive import Wake


class Link:
    """Run coroutines in an event loop of its own; `begin` is the first, and runs beside the others."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, None]]):
        self._begin = begin
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def call(self, coroutine: Coroutine[Any, Any, Any], wake: Wake | None = None) -> Future[Any]:
        """Run a coroutine; its sleeper, if any, is woken at its end."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._loop,), daemon=True)
                self._thread.start()
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        if wake:
            future.add_done_callback(lambda _: rouse([wake]))
        return future

    def close(self) -> None:
        """End the loop and all that runs in it."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        begun = loop.create_task(self._begin())
        loop.run_forever()
        for tasks in (asyncio.all_tasks(loop) - {begun}, {begun}):
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=5))
        loop.run_until_complete(asyncio.sleep(0))  # what was closed last is closed
        loop.close()


def rouse(wakes: Iterable[Wake]) -> None:
    """Wake sleepers from another thread than theirs; those of one event loop all at once, which costs it one look."""
    sleepers: dict[asyncio.AbstractEventLoop | None, list[Wake]] = defaultdict(list)
    for wake in wakes:
        sleepers[wake.loop].append(wake)
    for loop, of_one in sleepers.items():
        if loop is None:
            _set(of_one)
        else:
            with suppress(RuntimeError):  # it has ended, and its streams with it
                loop.call_soon_threadsafe(_set, of_one)


def _set(wakes: list[Wake]) -> None:
    for wake in wakes:
        wake.set()
