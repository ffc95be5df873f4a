"""A stream of an HTTP/2 connection that behaves as probe.Stream does, so that a case does not see which it holds.

`ended` is "complete" with END_STREAM, "reset" by RST_STREAM or GOAWAY, "cut" or "reset" with its connection. `raw`
holds moments only, for the bytes of a connection belong to all its streams. Rule of the file: what has been read is
acknowledged, and nothing else is.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterable
from typing import Any, NoReturn

import h2.events

from sseproof import probe
from sseproof.http2 import Connection
from sseproof.probe import KEEP_BYTES, SEND_S, Allowance, Chunk, Head, ProbeError, ProbeTimeout

_SENT_KEPT_BYTES = 4 * 1024


def dial(
    host: str,
    port: int,
    *,
    trusting: ssl.SSLContext | None = None,
    within_s: float = 5.0,
    rcvbuf_bytes: int | None = None,
    keep_bytes: int = KEEP_BYTES,
    allowance: Allowance | None = None,
) -> Stream:
    """Open a connection for one stream, as probe.connect does; leaving the stream leaves the connection."""
    connection = Connection(host, port, trusting, within_s=within_s, rcvbuf_bytes=rcvbuf_bytes)
    return Stream(connection, keep_bytes, allowance, alone=True)


class Stream(probe.Stream):
    """One request and its answer. When it shares its connection, `close` and `reset` leave by RST_STREAM."""

    def __init__(
        self,
        connection: Connection,
        keep_bytes: int = KEEP_BYTES,
        allowance: Allowance | None = None,
        *,
        rcvbuf_bytes: None = None,  # a connection's, not a stream's
        alone: bool = False,
    ) -> None:
        super().__init__(connection.socket, connection.authority, keep_bytes, allowance)
        self.connection = connection
        self._alone = alone
        self._number = 0
        self._news: deque[tuple[float, h2.events.Event | str]] = deque()

    def send_request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        body: bytes = b"",
        *,
        http_version: str = "2",
        within_s: float = SEND_S,
    ) -> None:
        """Send a request; with a body, Content-Length is added unless given. Text goes as UTF-8."""
        asked = {b":method": method, b":scheme": self.connection.scheme}
        asked |= {b":authority": self.authority, b":path": target}
        pairs = [(name, value.encode()) for name, value in asked.items()]
        pairs += [(probe._octets(name).lower(), probe._octets(value)) for name, value in headers]
        if (body or method in {"POST", "PUT", "PATCH"}) and b"content-length" not in dict(pairs):
            pairs.append((b"content-length", str(len(body)).encode()))
        told = b"".join(b"\n%s: %s" % pair for pair in pairs[4:])
        sent = b"%s %s HTTP/2%s\n\n%s" % (method.encode(), target.encode(), told, body[:_SENT_KEPT_BYTES])
        self.sent, self.sent_bytes = sent[:_SENT_KEPT_BYTES], len(sent)
        self.started_ns, self.started_s = probe.moment()
        self._number = self.connection.begin(self, pairs, body, within_s)

    def take(self, news: h2.events.Event | str) -> None:
        """Keep what the connection has for this stream, with its time; text says how the connection went."""
        self._news.append((self.now_s(), news))

    def _read_head(self, wait: probe._Wait) -> Head:
        while self.head is None:
            if self.ended:
                raise ProbeError(
                    f"the server has {self.ended} the stream before a whole head: {self._seen()}"
                )
            self._go_on(wait)
        return self.head

    def _read_some(self, wait: probe._Wait) -> bool:
        self._read_head(wait)
        while self.ended is None:
            if self._spent:
                raise ProbeError(self._spent)
            if self._go_on(wait):
                return True
        return False

    def _go_on(self, wait: probe._Wait) -> bool:
        """Take one of the news, waited for; True when it was some of the body."""
        while not self._news:
            if not self.connection.receive(wait.deadline_s):
                awaited = wait.what if self.head else "response head"
                raise ProbeTimeout(f"no {awaited} within {wait.within_s:.3g} s: {self._seen()}")
        at_s, news = self._news.popleft()
        if isinstance(news, h2.events.ResponseReceived):
            self.head = _head(news, at_s)
        elif isinstance(news, h2.events.DataReceived):
            return self._keep(at_s, news.data or b"", news.flow_controlled_length or 0)
        elif isinstance(news, h2.events.StreamEnded):
            self._end("complete")
        elif isinstance(news, h2.events.StreamReset) or news == "reset":
            self._end("reset")
        elif news == "closed":
            self._end("cut")
        return False

    def _keep(self, at_s: float, data: bytes, cost_bytes: int) -> bool:
        self.connection.acknowledge(self._number, cost_bytes)
        self.received_bytes += cost_bytes
        self.raw.append(Chunk(at_s, b""))
        self.body_bytes += len(data)
        if self.body_bytes > self.keep_bytes:
            self._give_up(f"the limit is {self.keep_bytes}")
        self.charge(len(data) + 2 * probe._PIECE_BYTES)
        if data:
            self.chunks.append(Chunk(at_s, data))
        return bool(data)

    @property
    def gone(self) -> str | None:
        """Tell whether the server has "closed" or "reset" the connection, as far as has been read."""
        return self.connection.gone

    def read_stray(self, within_s: float) -> bytes:
        """Return nothing: a frame after the end of a stream is an error of the connection's."""
        return b""

    def close(self) -> None:
        """Leave with FIN, or by RST_STREAM where others share the connection."""
        if self._alone:
            self.connection.close()
        elif self._number and not self.ended:
            self.connection.cancel(self._number)

    def reset(self) -> None:
        """Leave with RST, or by RST_STREAM where others share the connection."""
        if self._alone:
            self.connection.reset()
        else:
            self.close()

    def _of_http_1(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("this belongs to HTTP/1.1, where a connection has one exchange at a time")

    send_raw = receive = next_request = _of_http_1


def _head(news: h2.events.ResponseReceived, at_s: float) -> Head:
    pairs = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in news.headers]
    status = dict(pairs).get(":status", "")
    if not (status.isascii() and status.isdigit()):
        raise ProbeError(f"the response has no :status: {pairs[:5]}")
    return Head(int(status), "", "2", [pair for pair in pairs if not pair[0].startswith(":")], at_s)
