"""Other clients on the same streams as ours, each as its own documentation shows it, one kind per process.

    python -m sseproof.rivals aiohttp --port 8000 --streams 300 --warm-up 1 --measure 3

Strategy: a client counts its events in a Meter and, of every 64th, how long after it was sent it was in its hands; all
else about an event is left undone, which is in the rivals' favour. When as many events have come as there are streams,
a warm-up begins, then the window; the process says what it took in one line of JSON and leaves. The file is
a list of clients, hence long. Rule of the file: a rival is imported by the function that runs it, so that none pays
for another's memory.

It has more lines than most because each rival client is short and stands beside the others.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import re
import resource
import select
import socket
import sys
import threading
import time
from array import array
from collections.abc import Awaitable, Callable
from typing import Any

import psutil

CONNECT_S = 30.0  # until every stream has brought an event
EVERY = 64
_SENT = re.compile(r'"sent_ns":([0-9]+)')


class Meter:
    """Count events, and sample how late they are. Times in nanoseconds of the Unix clock."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.url = f"http://127.0.0.1:{asked.port}/"
        self.count = 0
        self.lags_ns = array("q")
        self.before_bytes = 0

    def take(self, data: str) -> None:
        """Count an event, whose data is given."""
        self.count += 1
        if self.count % EVERY == 0 and (sent := _SENT.search(data)):
            self.lags_ns.append(time.time_ns() - int(sent[1]))

    def look(self) -> tuple[float, float, int, int]:
        """Give wall clock and own CPU time in seconds, events, samples."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return time.monotonic(), used.ru_utime + used.ru_stime, self.count, len(self.lags_ns)

    def connecting(self) -> None:
        """Take note of the memory before the first connection."""
        self.before_bytes = psutil.Process().memory_info().rss

    def steps(self) -> Any:
        """Yield how many seconds to sleep until all is measured; then print the report and end the process."""
        deadline_s = time.monotonic() + CONNECT_S
        while self.count < self.asked.streams:
            if time.monotonic() > deadline_s:
                print(
                    f"{self.count} events after {CONNECT_S:g} s, expected {self.asked.streams}",
                    file=sys.stderr,
                )
                sys.stderr.flush()
                os._exit(1)
            yield 0.02
        yield self.asked.warm_up
        begun = self.look()
        yield self.asked.measure
        print(json.dumps(self.report(begun, self.look())), flush=True)
        os._exit(0)  # threads and tasks are in the middle of their streams, as they should be

    def report(
        self, begun: tuple[float, float, int, int], ended: tuple[float, float, int, int]
    ) -> dict[str, Any]:
        """Say what the window took."""
        wall_s, cpu_s, events = (ended[at] - begun[at] for at in range(3))
        lags_ns = sorted(self.lags_ns[begun[3] : ended[3]])
        grown_bytes = psutil.Process().memory_info().rss - self.before_bytes
        return {
            "events": events,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "after_sent_p50_ns": quantile(lags_ns, 0.5),
            "after_sent_p99_ns": quantile(lags_ns, 0.99),
            "bytes_per_stream": grown_bytes / self.asked.streams,
        }


def quantile(ordered: Any, share: float) -> int | None:
    """Give the smallest value that so great a share does not pass; None of nothing."""
    return int(ordered[max(0, -int(-share * len(ordered) // 1) - 1)]) if len(ordered) else None


def bare(meter: Meter) -> None:
    """Poll, receive, count blank lines: the floor."""
    epoll, receive = select.epoll(), {}
    meter.connecting()
    for _ in range(meter.asked.streams):
        sock = socket.create_connection(("127.0.0.1", meter.asked.port))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        epoll.register(sock, select.EPOLLIN)
        receive[sock.fileno()] = sock.recv
    steps, reads = meter.steps(), 0
    until_s = time.monotonic() + next(steps)
    while True:
        for number, _ in epoll.poll(0.02):
            raw = receive[number](65536)
            meter.count += raw.count(b"\n\n")
            reads += 1
            if reads % EVERY == 0 and (sent := _SENT.search(raw.decode("ascii"))):
                meter.lags_ns.append(time.time_ns() - int(sent[1]))
        if time.monotonic() >= until_s:
            until_s = time.monotonic() + next(steps)


def reactor(meter: Meter) -> None:
    """Our reactor on a bare gevent loop: what is left of our user without locust around it."""
    gevent = importlib.import_module("gevent")
    from sseproof import bodies, pieces, tally
    from sseproof import reactor as ours
    from sseproof.readers import EventStreamReader

    counted, memo = tally.Tally("sse"), pieces.Memo()

    class Owner:
        def begun(self, head: bodies.Head) -> EventStreamReader:
            return EventStreamReader(head, memo)

        def noticed(self, piece: pieces.Piece) -> None:
            pass

        def ended(self, why: str | None, kind: str) -> None:
            print(f"a stream ended: {kind}: {why}", file=sys.stderr)

    address = ours.resolve("127.0.0.1", meter.asked.port)
    request = bodies.request_bytes("GET", "/", address.host)
    meter.connecting()
    channels = [ours.Channel(counted, Owner()) for _ in range(meter.asked.streams)]
    for channel in channels:
        channel.open(address, request, ours.Limits())
    for wait_s in meter.steps():
        until_s = time.monotonic() + wait_s
        while (left_s := until_s - time.monotonic()) > 0:
            gevent.sleep(min(0.1, left_s))
            counted.flush()
            meter.count = counted.deliveries


def iter_lines(meter: Meter) -> None:
    """Locust's FastHttpUser, a greenlet per stream, with its own iter_lines."""
    _locust(meter, lambda client: client.iter_lines("/"))


def readline(meter: Meter) -> None:
    """Locust's FastHttpUser, a greenlet per stream, with the response's readline."""

    def lines(client: Any) -> Any:
        # The public readline() ends lines at CR LF only, so of a stream with LF it would never return one.
        response = client.get("/", stream=True)._response
        while line := response.readline(b"\n"):
            yield line.decode("utf-8")

    _locust(meter, lines)


def _locust(meter: Meter, lines: Callable[[Any], Any]) -> None:
    locust = importlib.import_module("locust")
    gevent = importlib.import_module("gevent")
    from locust.env import Environment

    user: Any = locust.FastHttpUser

    class Listener(user):  # type: ignore[misc]
        host = meter.url.rstrip("/")
        network_timeout = connection_timeout = 60.0
        insecure = True

        @locust.task  # type: ignore[untyped-decorator]
        def listen(self) -> None:
            for line in lines(self.client):
                if line.startswith("data:"):
                    meter.take(line)

    runner = Environment(user_classes=[Listener]).create_local_runner()
    meter.connecting()
    runner.start(meter.asked.streams, spawn_rate=meter.asked.streams)
    for wait_s in meter.steps():
        gevent.sleep(wait_s)


def aiohttp(meter: Meter) -> None:
    """aiohttp, a task per stream, line by line from response.content."""
    library = importlib.import_module("aiohttp")

    async def run() -> None:
        none = library.ClientTimeout(total=None, sock_read=None)
        async with library.ClientSession(connector=library.TCPConnector(limit=0), timeout=none) as session:

            async def listen() -> None:
                async with session.get(meter.url) as response:
                    async for line in response.content:
                        if line.startswith(b"data:"):
                            meter.take(line.decode("utf-8"))

            await _streams(meter, listen)

    asyncio.run(run())


def httpx_sse(meter: Meter) -> None:
    """httpx-sse on asyncio, a task per stream, one client for all."""
    httpx, library = importlib.import_module("httpx"), importlib.import_module("httpx_sse")

    async def run() -> None:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(limits=limits, timeout=None) as client:

            async def listen() -> None:
                async with library.aconnect_sse(client, "GET", meter.url) as source:
                    async for event in source.aiter_sse():
                        meter.take(event.data)

            await _streams(meter, listen)

    asyncio.run(run())


async def _streams(meter: Meter, listen: Callable[[], Awaitable[None]]) -> None:
    meter.connecting()
    tasks = [asyncio.ensure_future(listen()) for _ in range(meter.asked.streams)]
    for wait_s in meter.steps():
        await asyncio.sleep(wait_s)
        for task in tasks:
            if task.done():
                task.result()


def sseclient(meter: Meter) -> None:
    """sseclient-py on requests, a thread per stream."""
    requests, library = importlib.import_module("requests"), importlib.import_module("sseclient")

    def listen() -> None:
        for event in library.SSEClient(requests.get(meter.url, stream=True)).events():
            meter.take(event.data)

    meter.connecting()
    for _ in range(meter.asked.streams):
        threading.Thread(target=listen, daemon=True).start()
    for wait_s in meter.steps():
        time.sleep(wait_s)


CLIENTS: dict[str, Callable[[Meter], None]] = {
    "bare": bare, "reactor": reactor, "iter_lines": iter_lines, "readline": readline,
    "aiohttp": aiohttp, "httpx_sse": httpx_sse, "sseclient": sseclient,
}  # fmt: skip
"""What each is called in the results; `bare` is the floor, `reactor` ours without locust."""


def main(arguments: list[str]) -> None:
    """Run one client as the command line says; the process ends with its report."""
    parser = argparse.ArgumentParser(prog="sseproof.rivals", description="Take streams with another client.")
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument(
        "--warm-up", type=float, default=1.0, help="seconds from the first events to the window"
    )
    parser.add_argument("--measure", type=float, default=3.0, help="length of the window in seconds")
    asked = parser.parse_args(arguments)
    CLIENTS[asked.client](Meter(asked))


if __name__ == "__main__":
    main(sys.argv[1:])
