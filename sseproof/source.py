"""A sender whose truth is known: numbered events, each with the moment at which the kernel had it.

    python -m sseproof.source --streams 300 --rate 100 --seconds 10 --record FILE

Strategy: one thread with epoll answers any request with a chunked event stream. When all streams are there it begins:
event n is due at start + n / rate and goes to every stream in a write of its own, whether or not the clients keep
up; what a full socket refuses is sent when there is room. What it prints: first its port, last a report, each a line
of JSON. The record holds three 64-bit numbers per delivery, in the machine's byte order: when it was due, and just
before and just after the kernel took its last byte, in Unix nanoseconds; over loopback the kernel's receive time lies
between the two, however long this process was kept waiting. Rule of the file: the standard library only, and nothing of
ours; hence one file, longer than others.

Modes: `paced`; `flood`, the next round as soon as the last one is in the kernel; `stall`, paced but for one second
of silence, after which it catches up; `delay`, where each event goes out on the beat and its due time is set back by
the next of `delays_ns`; `quiet`, which sends no event at all.

It has more lines than most because its four ways to send share one loop.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import select
import socket
import sys
import time
from array import array

MODES = ("paced", "flood", "stall", "delay", "quiet")
LIMIT_S = 120.0  # from the start until all streams are there
STALL_S = 1.0
LEAD_S = 0.3  # from the last stream's head to the first event
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_SEND_BYTES = (
    16 * 2**10
)  # of kernel memory on our side of a stream in a flood: what waits, waits at the client's


def event(n: int, due_ns: int, sent_ns: int, payload_bytes: int) -> bytes:
    """Write one event of ours as one chunk."""
    pad = "x" * payload_bytes
    text = f'data: {{"n":{n},"due_ns":{due_ns},"sent_ns":{sent_ns},"pad":"{pad}"}}\n\n'.encode("ascii")
    return b"%x\r\n%s\r\n" % (len(text), text)


def delays_ns(count: int, seed: int) -> list[int]:
    """Give delays to set due times back by: from 2 ms up, exponential with a mean of 20 ms, in random order.

    Taken at equal steps of the distribution, so that their quantiles are the distribution's own for any `count`.
    """
    steps = [2e6 - 20e6 * math.log(1 - (at + 0.5) / count) for at in range(count)]
    random.Random(seed).shuffle(steps)
    return [round(step) for step in steps]


class Stream:
    """One client's socket, and how far it is."""

    __slots__ = ("blocked", "next", "rest", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.next = -1  # the event it is owed next; -1 until its request is answered
        self.rest = b""  # of an event of which the kernel has taken a part
        self.blocked = False


class Source:
    """Serve the streams from the first connection to the last farewell."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.listener = socket.create_server((options.host, options.port), backlog=4096)
        self.listener.setblocking(False)
        self.epoll = select.epoll()
        self.epoll.register(self.listener, select.EPOLLIN)
        self.streams: dict[int, Stream] = {}
        self.chunks: list[bytes] = []
        self.dues_ns = array("q")
        self.record = array("q")
        self.late_ns = array("q")
        self.recording = bool(options.record)
        self.blocked = self.answered = self.left = self.deliveries = 0
        self.accepted_s: list[float] = []
        self.delays = delays_ns(997, options.seed)

    def run(self) -> None:
        """Accept, begin when all are there, send until the time is over or everybody has left."""
        deadline_s = time.monotonic() + LIMIT_S
        while self.answered < self.options.streams:
            if time.monotonic() > deadline_s:
                sys.exit(
                    f"source: {self.answered} streams after {LIMIT_S:g} s, expected {self.options.streams}"
                )
            self.serve(0.1)
        start_ns = time.time_ns() + round(LEAD_S * 1e9)
        until_ns = start_ns + round(self.options.seconds * 1e9)
        while (now_ns := time.time_ns()) < until_ns and self.streams:
            waits_ns = self.round(start_ns, now_ns)
            # epoll counts in milliseconds and may be late by one: the last one is waited for with no sleep.
            self.serve(max(0.0, waits_ns / 1e9 - 0.0012))

    def round(self, start_ns: int, now_ns: int) -> int:
        """Send the next event, if it is time; return how long there is nothing to do, in nanoseconds."""
        mode, n = self.options.mode, len(self.chunks)
        if mode == "quiet":
            return 100_000_000
        if mode == "flood":
            if now_ns < start_ns or self.blocked:
                return 10_000_000
            self.send(now_ns)
            return 0
        due_ns: int = start_ns + round(n * 1e9 / self.options.rate)
        beat_ns: int = due_ns
        if mode == "stall":
            silent_ns = start_ns + round(self.options.stall_at * 1e9)
            if silent_ns <= due_ns < silent_ns + STALL_S * 1e9:
                beat_ns = silent_ns + round(STALL_S * 1e9)
        elif mode == "delay":
            due_ns -= self.delays[n % len(self.delays)]
        if now_ns < beat_ns:
            return beat_ns - now_ns
        self.late_ns.append(now_ns - beat_ns)
        self.send(due_ns)
        return 0

    def send(self, due_ns: int) -> None:
        """Send a new event to every stream that is not behind."""
        n = len(self.chunks)
        chunk = event(n, due_ns, time.time_ns(), self.options.payload_bytes)
        self.chunks.append(chunk)
        self.dues_ns.append(due_ns)
        for stream in list(self.streams.values()):
            if not stream.blocked and stream.next >= 0:
                self.push(stream)

    def push(self, stream: Stream) -> None:
        """Hand to the kernel what a stream is owed, event by event, until it takes no more."""
        try:
            while stream.next < len(self.chunks):
                chunk = stream.rest or self.chunks[stream.next]
                before_ns = time.time_ns()
                sent = stream.socket.send(chunk)
                if sent < len(chunk):
                    stream.rest = chunk[sent:]
                    continue
                stream.rest = b""
                self.deliveries += 1
                if self.recording:
                    self.record.extend((self.dues_ns[stream.next], before_ns, time.time_ns()))
                stream.next += 1
        except BlockingIOError:
            if not stream.blocked:
                stream.blocked, self.blocked = True, self.blocked + 1
                self.epoll.modify(stream.socket, select.EPOLLIN | select.EPOLLOUT)
            return
        except OSError:
            return self.leave(stream)
        if stream.blocked:
            stream.blocked, self.blocked = False, self.blocked - 1
            self.epoll.modify(stream.socket, select.EPOLLIN)

    def serve(self, wait_s: float) -> None:
        """Accept, answer, part, and send on what waited for room."""
        for number, events in self.epoll.poll(wait_s):
            stream = self.streams.get(number)
            if number == self.listener.fileno():
                self.accept()
            elif stream is not None and events & ~select.EPOLLOUT:
                self.read(stream)
            elif stream is not None:
                self.push(stream)

    def accept(self) -> None:
        """Take every connection that waits."""
        for _ in range(1000):
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.options.mode == "flood":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
            self.streams[sock.fileno()] = Stream(sock)
            self.epoll.register(sock, select.EPOLLIN)
            self.accepted_s.append(time.monotonic())

    def read(self, stream: Stream) -> None:
        """Answer a request, of which only the end of its head is looked for; or see a client off."""
        try:
            data = stream.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            return self.leave(stream)
        stream.rest = (stream.rest + data)[-65536:] if stream.next < 0 else stream.rest
        if stream.next < 0 and b"\r\n\r\n" in stream.rest:
            stream.rest, stream.next = b"", len(self.chunks)
            stream.socket.send(HEAD)
            self.answered += 1

    def leave(self, stream: Stream) -> None:
        """Close a stream whose client has gone."""
        self.blocked -= stream.blocked
        self.streams.pop(stream.socket.fileno(), None)
        stream.socket.close()
        self.left += 1

    def report(self) -> dict[str, float]:
        """Say what was done: events made, deliveries, streams, and how many connections came per second."""
        first_s, last_s = (self.accepted_s or [0.0])[0], (self.accepted_s or [0.0])[-1]
        late_ns = sorted(self.late_ns) or [0]
        return {
            "late_p50_ns": late_ns[len(late_ns) // 2],
            "late_p99_ns": late_ns[len(late_ns) * 99 // 100],
            "events": len(self.chunks),
            "deliveries": self.deliveries,
            "streams": len(self.accepted_s),
            "left": self.left,
            "accepted_in_s": round(last_s - first_s, 4),
            "cpu_s": time.process_time(),
        }


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="sseproof.source", description="Send numbered events at known times."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0: any that is free")
    add("--streams", type=int, default=1, help="begin when so many are there")
    add("--rate", type=float, default=100.0, help="events per second on each stream")
    add("--seconds", type=float, default=10.0, help="from the first event until it ends")
    add("--mode", choices=MODES, default="paced")
    add("--stall-at", type=float, default=3.0, help="seconds from the first event to the second of silence")
    add("--payload-bytes", type=int, default=64, help="length of each event's pad")
    add("--seed", type=int, default=0, help="of the order of delays")
    add("--record", default="", help="file for due and handed-over times")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Serve as the command line says."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    source = Source(options(arguments))
    print(json.dumps({"port": source.listener.getsockname()[1]}), flush=True)
    source.run()
    if source.recording:
        with open(source.options.record, "wb") as file:
            source.record.tofile(file)
    print(json.dumps(source.report()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
