"""Publish to a topic at a fixed rate, as a process of its own: `python -m sseproof.publisher --port 8000 --rate 100`.

Open loop: event n is due at start + n / rate whatever happened to the one before. Events go out in order on one
keep-alive connection; while an answer is awaited the next ones wait, and then go together as one list, each with its
own due time, so a server that takes its time shows as lateness and never lowers the rate. What a server refuses, or
cannot be asked, is counted and not sent again: again might be twice.

It obeys its stdin: `window FROM_NS UNTIL_NS` says which due times to report on, and the end of stdin, which the
kernel brings about however its parent ends, means: report one JSON line on stdout and exit.

It has more lines than most because a keep-alive client, its schedule and its report are one process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import socket
import sys
import time
from typing import Any
from urllib.parse import quote

from sseproof.bodies import Body, Head, read_head, request_bytes
from sseproof.histogram import histogram, record, summary
from sseproof.pieces import Broken

PATIENCE_S = 10.0  # with a connection or an answer
BATCH_BYTES = 256 * 2**10  # of one POST, a quarter of what servers take
RETRY_S = 0.1
LAST_S = 2.0  # with the last answer, when all is over
_STDIN = 0


class Publisher:
    """One topic's publisher. Times in nanoseconds of the Unix clock."""

    def __init__(self, host: str, port: int, topic: str, rate_hz: float, payload_bytes: int) -> None:
        self.address = (host, port)
        self.target = f"/json/topic?topic={quote(topic, safe='')}"
        self.rate_hz = rate_hz
        self.pad = "x" * payload_bytes
        self.start_ns = time.time_ns()
        self.window = (0, 2**62)
        self.number = 0  # of the next event
        self.sent: list[tuple[int, int, int]] = []  # number, due, sent; not yet answered
        self.lateness = histogram()
        self.counts = {"sent": 0, "refused": 0}
        self.failure: str | None = None
        self._socket: socket.socket | None = None
        self._received = b""
        self._body: tuple[Head, Body] | None = None
        self._asked_s = self._failed_s = 0.0
        self._last_error = ""

    def due_ns(self, n: int) -> int:
        """Give the moment at which event n is due."""
        return self.start_ns + round(n * 1e9 / self.rate_hz)

    def run(self) -> None:
        """Publish until stdin ends."""
        buffered = b""
        while True:
            now_ns = time.time_ns()
            if not self.sent and now_ns >= self.due_ns(self.number):
                self.publish(now_ns)
            wait_s = 0.5 if self.sent else max(0.0, (self.due_ns(self.number) - time.time_ns()) / 1e9)
            answers = [self._socket.fileno()] if self.sent and self._socket is not None else []
            ready, _, _ = select.select([_STDIN, *answers], [], [], min(wait_s, 0.5))
            if _STDIN in ready:
                orders = os.read(_STDIN, 4096)
                if not orders:
                    return self.finish()
                *lines, buffered = (buffered + orders).split(b"\n")
                for line in lines:
                    self.obey(line.decode())
            if answers and answers[0] in ready:
                self.listen()
            elif self.sent and time.monotonic() - self._asked_s > PATIENCE_S:
                self.give_up(f"no answer to a POST in {PATIENCE_S:g} s")

    def finish(self) -> None:
        """Wait for the answer to what was sent last."""
        until_s = time.monotonic() + LAST_S
        while self.sent and self._socket is not None and (left_s := until_s - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left_s)[0]:
                self.listen()
        if self.sent:
            self.give_up(f"no answer to the last POST in {LAST_S:g} s")

    def obey(self, order: str) -> None:
        """Take a window and count anew; it is told before it begins."""
        word, *numbers = order.split()
        if word == "window":
            self.window = (int(numbers[0]), int(numbers[1]))
            self.lateness = histogram()
            self.counts = dict.fromkeys(self.counts, 0)
            self.failure = None

    def publish(self, now_ns: int) -> None:
        """Send all that is due by now in one POST."""
        items, size = [], 0
        while self.due_ns(self.number) <= now_ns and size < BATCH_BYTES:
            due_ns = self.due_ns(self.number)
            event = {"n": self.number, "due_ns": due_ns, "sent_ns": now_ns, "pad": self.pad}
            items.append({"data": json.dumps(event, separators=(",", ":"))})
            size += len(items[-1]["data"])
            self.sent.append((self.number, due_ns, now_ns))
            self.number += 1
        body = json.dumps(items[0] if len(items) == 1 else items).encode()
        try:
            self.connect()
            assert self._socket is not None
            host = f"{self.address[0]}:{self.address[1]}"
            kind = (("Content-Type", "application/json"),)
            self._socket.sendall(request_bytes("POST", self.target, host, kind, body))
            self._asked_s = time.monotonic()
        except OSError as error:
            self.give_up(f"cannot publish to {self.address[0]}:{self.address[1]}: {error}")

    def connect(self) -> None:
        """Make a connection unless there is one that still stands; raise OSError."""
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()  # a kept connection that is readable now was closed by the server
        if self._socket is None:
            if time.monotonic() - self._failed_s < RETRY_S:
                raise ConnectionError(self._last_error)
            try:
                self._socket = socket.create_connection(self.address, PATIENCE_S)
            except OSError as error:
                self._failed_s, self._last_error = time.monotonic(), str(error)
                raise
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def listen(self) -> None:
        """Read an answer; when it is whole, count what it stands for."""
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
            if not data:
                raise Broken("the connection was closed without an answer")
            if self._body is None:
                self._received += data
                found = read_head(self._received)
                if found is None:
                    return
                self._body, data = (found[0], Body(found[0])), found[1]
            head, body = self._body
            body.feed(data)
        except (OSError, Broken) as error:
            return self.give_up(f"publishing failed: {error}")
        if body.ended:
            self.answered(head)

    def answered(self, head: Head) -> None:
        """Count events as sent, or as refused by the server's word."""
        if head.status != 202:
            self.count("refused")
            self.failure = f"a POST was answered {head.status}, expected 202"
        else:
            self.count("sent")
        self._received, self._body = b"", None
        if not head.keep_alive:
            self.close()

    def give_up(self, why: str) -> None:
        """Count as refused what waits for an answer, and begin with a new connection."""
        self.failure = why
        self.count("refused")
        self.close()

    def count(self, what: str) -> None:
        """Count the events of one POST that were due in the window."""
        within = [sent for sent in self.sent if self.window[0] <= sent[1] < self.window[1]]
        self.counts[what] += len(within)
        record(self.lateness, [sent_ns - due_ns for _, due_ns, sent_ns in within])
        self.sent.clear()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._received, self._body = None, b"", None

    def report(self) -> dict[str, Any]:
        """Give what a tally says of its publisher."""
        late = summary(self.lateness)
        return {
            **self.counts,
            "late_p50_ns": late["p50"],
            "late_p99_ns": late["p99"],
            "late_max_ns": late["max"],
            "start_ns": self.start_ns,
            "rate_hz": self.rate_hz,
            # One that was refused now and then is a finding about the server; one that published nothing is no load.
            "failure": None if self.counts["sent"] else self.failure,
            "refusal": self.failure if self.counts["refused"] else None,
        }


def main() -> None:
    """Publish as the command line says, until stdin ends."""
    parser = argparse.ArgumentParser(
        prog="python -m sseproof.publisher", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--topic", default="main")
    parser.add_argument("--rate", type=float, required=True, help="events per second")
    parser.add_argument("--payload-bytes", type=int, default=0, help="length of each event's pad")
    options = parser.parse_args()
    if not 0 < options.rate <= 100_000:
        parser.error(f"--rate is {options.rate:g}, expected over 0 and up to 100000 events per second")
    publisher = Publisher(options.host, options.port, options.topic, options.rate, options.payload_bytes)
    print(json.dumps({"start_ns": publisher.start_ns, "rate_hz": publisher.rate_hz}), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        publisher.run()
    # Who asked for it may have been killed: its end is told there, and no traceback of ours is to hide it.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), (json.dumps(publisher.report()) + "\n").encode("ascii"))


if __name__ == "__main__":
    main()
