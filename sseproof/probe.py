"""One connection to a server, kept byte for byte with the time of every chunk.

Strategy: a blocking socket and an h11 client connection that only reads. A request is written by h11 (or by
hand, when it shall be a bad one); every recv is kept in `raw` with the seconds since the request began to be
sent; h11 strips the transfer coding and what it yields is kept in `chunks`. Every wait has one deadline for the
whole of it, so a server that drips a byte a second meets the same limit as one that is silent. How a body
ended is a value (`ended`), not an exception: whether that was right is for the case to say.

Rule of this file: it knows HTTP and sockets, and nothing of server-sent events.

It has more lines than most because one connection, and all that can happen on it, is one idea.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

import h11

from sseproof.transcript import printable, transcript

HEAD_BYTES = 64 * 1024  # status line and headers; also a chunk header or the trailers
KEEP_BYTES = 64 * 1024 * 1024
RAW_BYTES = 1024 * 1024
SEND_S = 10.0
_RECV_BYTES = 256 * 1024
_SENT_KEPT_BYTES = 4 * 1024
_PIECE_BYTES = 128  # what a chunk costs beside its bytes: a tuple, a number, an object's head


class _Wait(NamedTuple):
    deadline_s: float  # on time.monotonic()
    within_s: float
    what: str


class ProbeError(Exception):
    """Say what the server did that is no HTTP, or no answer at all."""


class ProbeTimeout(Exception):
    """Say what did not come within its limit, and what came instead."""


class Chunk(NamedTuple):
    """Some bytes and when they came, in seconds since the request began to be sent."""

    seconds: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """A response's status line and headers: names in lower case, order and repetition as sent."""

    status: int
    reason: str
    http_version: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0  # when it was complete

    def get(self, name: str) -> str | None:
        """Return the first header of that name, or None."""
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[str]:
        """Return the values of every header of that name, in the order sent."""
        return [value for key, value in self.headers if key == name.lower()]


class Allowance:
    """The memory that all streams which share it may keep together; what one lets go another may take."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = self.left_bytes = most_bytes
        self._lock = threading.Lock()

    def take(self, cost_bytes: int) -> bool:
        """Take so many bytes (negative: give back); False when there were not so many left."""
        with self._lock:
            self.left_bytes -= cost_bytes
            return self.left_bytes >= 0


def connect(
    host: str,
    port: int,
    *,
    rcvbuf_bytes: int | None = None,
    within_s: float = 5.0,
    keep_bytes: int = KEEP_BYTES,
    allowance: Allowance | None = None,
) -> Stream:
    """Open a connection; a small `rcvbuf_bytes` lets the server feel a reader that does not read.

    Raises ProbeError when it is refused and ProbeTimeout when nobody answers.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if rcvbuf_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf_bytes)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pieces of a request leave one by one
        sock.settimeout(within_s)
        sock.connect((host, port))
    except TimeoutError:
        sock.close()
        raise ProbeTimeout(f"no connection to {host}:{port} after {within_s:.3g} s") from None
    except OSError as exc:
        sock.close()
        raise ProbeError(f"no connection to {host}:{port}: {exc.strerror or exc}") from exc
    return Stream(sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", keep_bytes, allowance)


class Stream:
    """One connection and the exchange on it; leaving the context closes it.

    `head`, `body`, `chunks`, `raw` (every recv; its bytes for the first MiB) and `ended` are what has been read so far. `ended` is None while the response
    goes on, then "complete" (last chunk or content-length reached), "closed" (the server closed a response that
    has no other end), "cut" (closed before the end that was promised) or "reset".
    """

    def __init__(
        self,
        sock: socket.socket,
        authority: str,
        keep_bytes: int = KEEP_BYTES,
        allowance: Allowance | None = None,
    ) -> None:
        self.socket = sock
        self.authority = authority
        self.keep_bytes = keep_bytes
        self._allowance = allowance
        self._charged_bytes = 0
        self._held = memoryview(b"")  # received, and not yet read
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        self._gone: str | None = None  # "closed" or "reset", once the server has done so
        self._forget()

    def _forget(self) -> None:
        self.charge(-self._charged_bytes)
        self._spent = ""  # why nothing more of the body is read, once that is so
        self.head: Head | None = None
        self.chunks: list[Chunk] = []
        self.raw: list[Chunk] = []
        self.ended: str | None = None
        self.started_s: float | None = None  # time.monotonic() when the request began to be sent
        self.started_ns = 0  # the same moment in Unix time
        self.sent = b""
        self.sent_bytes = 0
        self._send_error: OSError | None = None
        self._http10 = False
        self.received_bytes = 0
        self.body_bytes = 0
        self._body = b""
        self._body_chunks = 0  # how many chunks are in _body
        self.end_s = 0.0
        self._trailing = b""  # what h11 was given beyond the end of the response
        self._raw_at_end = self._received_at_end = 0

    # -- sending

    def send_request(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        body: bytes = b"",
        *,
        http_version: str = "1.1",
        within_s: float = SEND_S,
    ) -> None:
        """Send a request; Host and, with a body, Content-Length are added unless given. Text goes as UTF-8.

        A server may refuse a long body before it has read it: that is no error here but a head to be read.
        Raises ValueError for what HTTP does not allow (`send_raw` sends anything).
        """
        pairs = [(_octets(name), _octets(value)) for name, value in headers]
        names = {name.lower() for name, _ in pairs}
        if b"host" not in names:
            pairs.insert(0, (b"Host", self.authority.encode()))
        framed = names & {b"content-length", b"transfer-encoding"}
        if not framed and (body or method in {"POST", "PUT", "PATCH"}):
            pairs.append((b"Content-Length", str(len(body)).encode()))
        try:
            start = self._h11.send(h11.Request(method=method, target=target, headers=pairs)) or b""
            rest = (self._h11.send(h11.Data(data=body)) or b"") if body else b""
            rest += self._h11.send(h11.EndOfMessage()) or b""
        except (h11.LocalProtocolError, UnicodeEncodeError) as exc:
            raise ValueError(f"no HTTP request: {exc}") from exc
        if http_version == "1.0":  # h11 speaks 1.1 only, but the request line is all that differs
            self._http10 = True
            start = start.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
        if len(rest) > _RECV_BYTES:  # not worth a copy
            self._send(start, within_s)
            start = b""
        self._send(start + rest, within_s)

    def send_raw(
        self, data: bytes, *, pause_s: float = 0.0, piece_bytes: int | None = None, within_s: float = SEND_S
    ) -> None:
        """Send these bytes as they are, in pieces of `piece_bytes` with a pause after each but the last."""
        step = piece_bytes or len(data) or 1
        for at in range(0, len(data), step):
            if at and pause_s:
                time.sleep(pause_s)
            self._send(data[at : at + step], within_s)
            if self._send_error:
                break

    def _send(self, data: bytes, within_s: float) -> None:
        if self.started_s is None:
            self.started_ns, self.started_s = moment()
        self.sent += data[: max(0, _SENT_KEPT_BYTES - len(self.sent))]
        self.sent_bytes += len(data)
        self.socket.settimeout(within_s)
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise ProbeTimeout(
                f"the server did not take {len(data)} bytes of request in {within_s:.3g} s"
            ) from None
        except OSError as exc:  # its answer may be waiting all the same: read_head finds it, or tells of this
            self._send_error = exc

    # -- reading

    @property
    def body(self) -> bytes:
        """Return the body so far, without its transfer coding."""
        if self._body_chunks < len(self.chunks):
            more = b"".join(chunk.data for chunk in self.chunks[self._body_chunks :])
            self._body_chunks = len(self.chunks)
            self.charge(len(more))
            self._body += more
        return self._body

    def read_head(self, within_s: float = 5.0) -> Head:
        """Read the status line and headers, at most 64 KiB with any interim (1xx) response before them.

        Raises ProbeTimeout when they are not there in time, ProbeError when what comes is not HTTP.
        """
        return self._read_head(_wait(within_s, "response head"))

    def _read_head(self, wait: _Wait) -> Head:
        if self._h11.our_state is h11.IDLE:  # the request was sent raw: h11 must still learn what is answered
            method = "HEAD" if self.sent.startswith(b"HEAD ") else "GET"
            headers = [("Host", "raw"), ("Upgrade", "any")]  # or it would not have us be given a 101
            self._h11.send(h11.Request(method=method, target="/", headers=headers))
            self._h11.send(h11.EndOfMessage())
        while self.head is None:
            event = self._next_event()
            if isinstance(event, h11.Response) or getattr(event, "status_code", 0) == 101:
                assert isinstance(event, h11.Response | h11.InformationalResponse)
                self.head = Head(
                    event.status_code,
                    event.reason.decode("latin-1"),
                    event.http_version.decode(),
                    [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers],
                    self.raw[-1].seconds,
                )
                if event.status_code == 101:  # from here on it is another protocol's: all of it is `stray`
                    self._end("complete")
            elif event is h11.NEED_DATA:
                if self._gone:
                    self._end("cut" if self._gone == "closed" else "reset")
                    also = f"; sending: {self._send_error}" if self._send_error else ""
                    raise ProbeError(
                        f"the server {self._gone} the connection before a whole head: {self._seen()}{also}"
                    )
                self._receive(wait)
        return self.head

    def read_some(self, within_s: float = 5.0) -> bool:
        """Read one more chunk of the body; False when it has ended. Raises ProbeTimeout, ProbeError."""
        return self._read_some(_wait(within_s, "more of the body"))

    def read_until(self, done: Callable[[bytes], bool], within_s: float, what: str) -> None:
        """Read until `done(body)`; `what` names in the message what was awaited.

        Raises ProbeTimeout when the time is over and ProbeError when the body ended without it.
        """
        wait = _wait(within_s, what)
        while not done(self.body):
            if not self._read_some(wait):
                raise ProbeError(f"no {what}: the body ended ({self.ended}) after {self.body_bytes} bytes")

    def read_to_end(self, within_s: float = 5.0) -> bytes:
        """Read to the end, whichever it is (see `ended`), and return the body."""
        wait = _wait(within_s, "end of the body")
        while self._read_some(wait):
            pass
        return self.body

    def _read_some(self, wait: _Wait) -> bool:
        self._read_head(wait)
        while self.ended is None:
            if self._spent:
                raise ProbeError(self._spent)
            event = self._next_event()
            if isinstance(event, h11.Data) and event.data:
                self.body_bytes += len(event.data)
                if self.body_bytes > self.keep_bytes:
                    self._give_up(f"the limit is {self.keep_bytes}")
                self.charge(len(event.data) + _PIECE_BYTES)
                self.chunks.append(Chunk(self.raw[-1].seconds, bytes(event.data)))
                return True
            if isinstance(event, h11.EndOfMessage):
                self._end("complete" if self._framed() else "closed")
            elif event is h11.NEED_DATA:
                if self._gone:
                    self._end("cut" if self._gone == "closed" else "reset")
                else:
                    self._receive(wait)
        return False

    def charge(self, cost_bytes: int) -> None:
        """Count what is kept of this stream, here or by a reader, and give it up when no memory is left for it."""
        self._charged_bytes += cost_bytes
        if self._allowance and not self._allowance.take(cost_bytes) and cost_bytes > 0:
            self._give_up(f"all streams together may keep {self._allowance.most_bytes}")

    def release(self) -> None:
        """Leave the allowance: what was received stays as long as somebody holds on to it."""
        self.charge(-self._charged_bytes)
        self._allowance = None

    def let_go(self) -> None:
        """Of what was received keep what a transcript shows."""
        self.chunks, self.raw = _beginning_and_end(self.chunks), _beginning_and_end(self.raw)
        self._raw_at_end = min(self._raw_at_end, len(self.raw))
        self._body, self._body_chunks = b"", len(self.chunks)
        self.charge(-self._charged_bytes)

    def _give_up(self, limit: str) -> NoReturn:
        """Read no more of a response that is too long: a server may flood many streams."""
        self._spent = f"received {self.body_bytes} bytes of body, {limit}"
        self.let_go()
        raise ProbeError(self._spent)

    def _framed(self) -> bool:
        """Tell whether the response has an end of its own, other than the connection's."""
        assert self.head is not None
        no_body = self.sent.startswith(b"HEAD ") or self.head.status in {204, 304}
        return no_body or any(self.head.get(name) for name in ("content-length", "transfer-encoding"))

    def _next_event(self) -> object:
        try:
            return self._h11.next_event()
        except h11.RemoteProtocolError as exc:
            if self._gone:  # that is h11's word for an end before the promised one
                return h11.NEED_DATA
            if self.head is None and self.received_bytes > HEAD_BYTES:
                raise ProbeError(
                    f"the response head is longer than {HEAD_BYTES} bytes: {self._seen()}"
                ) from exc
            raise ProbeError(f"the server does not speak HTTP ({exc}): {self._seen()}") from exc

    def _receive(self, wait: _Wait) -> None:
        """Take what comes before the deadline, or the news that nothing will come any more."""
        left_s = wait.deadline_s - time.monotonic()
        # One byte over the limit tells a head that is too long; h11 alone would take one that comes all at once.
        room = _RECV_BYTES if self.head else HEAD_BYTES + 1 - self.received_bytes
        if room <= 0:
            raise ProbeError(f"the response head is longer than {HEAD_BYTES} bytes: {self._seen()}")
        data = self._recv(left_s, room) if left_s > 0 else None
        if data is None and not self._gone:
            awaited = wait.what if self.head else "response head"
            raise ProbeTimeout(f"no {awaited} within {wait.within_s:.3g} s: {self._seen()}")
        start = b"".join(chunk.data for chunk in self.raw[:5])[:5]
        if start != b"HTTP/"[: len(start)]:  # h11 would wait for the end of the head before it says so
            raise ProbeError(f"the server does not speak HTTP: {self._seen()}")
        if self._gone != "reset":
            self._h11.receive_data(data or b"")
        if self.received_bytes > 2 * self.keep_bytes + HEAD_BYTES:  # transfer coding that dwarfs its content
            raise ProbeError(f"received {self.received_bytes} bytes, the limit is {self.keep_bytes} of body")

    def receive(self, size_bytes: int, within_s: float) -> None:
        """Receive so many bytes, to be read later, in one call of the kernel: fewer at an end or when the time is over.

        In a process whose threads are busy every call waits its turn at Python's lock; a client that takes what it is
        sent in many calls looks stalled then, and a server may cut it off.
        """
        limit = struct.pack("ll", int(within_s), int(within_s % 1 * 1e6))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self.socket.settimeout(None)
        try:
            self._held = memoryview(bytes(self._held) + self.socket.recv(size_bytes, socket.MSG_WAITALL))
        except BlockingIOError:
            pass
        except OSError:  # told once: who reads later would see an end like any other
            self._gone = "reset"

    def _recv(self, wait_s: float, room: int = _RECV_BYTES) -> bytes | None:
        """Keep one recv; None when nothing came or the connection is gone (`_gone` tells)."""
        self.socket.settimeout(wait_s)
        try:
            # What is held goes on in pieces like any other: a flood is counted, and given up, piece by piece.
            data = bytes(self._held[:room]) or self.socket.recv(room)
            self._held = self._held[room:]
        except (TimeoutError, BlockingIOError):
            return None
        except OSError:
            self._gone = "reset"
            return None
        if not data:
            self._gone = "closed"
            return None
        # Of a long body the decoded chunks are kept; what came raw is kept for its beginning only.
        known = self.received_bytes > RAW_BYTES and self.ended is None
        self.raw.append(Chunk(self.now_s(), b"" if known else data))
        self.received_bytes += len(data)
        self.charge(len(self.raw[-1].data) + _PIECE_BYTES)
        return data

    def _end(self, how: str) -> None:
        self.ended, self.end_s, self._raw_at_end = how, self.now_s(), len(self.raw)
        self._received_at_end = self.received_bytes
        self._trailing = bytes(self._h11.trailing_data[0]) if how == "complete" else b""

    def now_s(self) -> float:
        """Give the seconds since the request began to be sent."""
        return 0.0 if self.started_s is None else time.monotonic() - self.started_s

    def _seen(self) -> str:
        """Say in a clause what has been received so far."""
        if not self.raw:
            return f"received 0 bytes in {self.now_s():.2f} s"
        size, last = self.received_bytes, self.raw[-1].seconds
        seen = f"received {size} bytes in {self.now_s():.2f} s, the last of them at {last:.2f} s"
        return seen if self.head else f"{seen}, beginning {printable(self.raw[0].data[:60])!s}"

    # -- after the response

    @property
    def stray(self) -> bytes:
        """Return what came after the end of a complete response, without waiting for it."""
        return self.read_stray(0.0)

    def read_stray(self, within_s: float) -> bytes:
        """Return what comes after the end of a complete response in that time, or until the server closes: 1 MiB of it."""
        if self.ended != "complete":
            return b""
        deadline_s = time.monotonic() + within_s
        with contextlib.suppress(ProbeError):  # too much for the allowance
            while not self._gone and self.socket.fileno() >= 0:
                got = self._recv(max(0.0, deadline_s - time.monotonic()))
                if got is None or self.received_bytes - self._received_at_end > RAW_BYTES:
                    break
        return self._trailing + b"".join(chunk.data for chunk in self.raw[self._raw_at_end :])

    @property
    def gone(self) -> str | None:
        """Tell whether the server has "closed" or "reset" the connection, as far as has been read."""
        return self._gone

    def next_request(self) -> None:
        """Begin anew on the same connection; raises ProbeError saying why when it cannot be used again."""
        stray = self.stray
        if self.ended != "complete":
            self._not_reusable(f"its response has not come to its end ({self.ended or 'still open'})")
        if stray:
            self._not_reusable(f"{len(stray)} stray bytes followed the response: {printable(stray[:60])}")
        if self._http10 or self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            self._not_reusable("one side said that it closes after this response")
        if self._gone:
            self._not_reusable(f"the server {self._gone} it")
        self._h11.start_next_cycle()
        self._forget()

    def _not_reusable(self, why: str) -> NoReturn:
        raise ProbeError(f"the connection serves no second request: {why}")

    def waiting_bytes(self) -> int:
        """Count the bytes that have arrived and not been read (FIONREAD), reading none."""
        return int(struct.unpack("i", fcntl.ioctl(self.socket, termios.FIONREAD, b"\0" * 4))[0])

    def half_close(self) -> None:
        """Send FIN and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Leave with FIN."""
        leave(self.socket)

    def reset(self) -> None:
        """Leave with RST."""
        abort(self.socket)

    def fileno(self) -> int:
        """Return the socket's descriptor, for selectors; decoded bytes may be pending besides."""
        return self.socket.fileno()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def transcript(self) -> str:
        """Show the exchange as text of at most about 8 KB: no control character, nothing but what was seen."""
        return transcript(self)


def moment() -> tuple[int, float]:
    """Give one moment by two clocks: Unix time in nanoseconds, and time.monotonic() in seconds.

    The second is read on both sides of the first, and the closest of a few tries is taken: who is taken off the core between two
    readings would set each arrival of a stream back by as long.
    """
    tries = []
    for _ in range(3):
        before_s, unix_ns, after_s = time.monotonic(), time.time_ns(), time.monotonic()
        tries.append((after_s - before_s, unix_ns, (before_s + after_s) / 2))
    _, unix_ns, steady_s = min(tries)
    return unix_ns, steady_s


def leave(sock: socket.socket) -> None:
    """Close a connection with FIN. Unread bytes are drained first, for with them the kernel would send RST."""
    with contextlib.suppress(OSError):  # it may be closed already
        socket.socket.shutdown(sock, socket.SHUT_WR)  # not TLS's farewell: a client that is gone says none
        sock.setblocking(False)
        deadline_s = time.monotonic() + 0.1  # a server that floods us gets its RST
        while time.monotonic() < deadline_s and sock.recv(_RECV_BYTES):
            pass
    sock.close()


def abort(sock: socket.socket) -> None:
    """Close a connection with RST; one that is closed stays as it is."""
    if sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def _beginning_and_end(chunks: list[Chunk]) -> list[Chunk]:
    return [Chunk(seconds, data[:1000]) for seconds, data in [*chunks[:60], *chunks[60:][-20:]]]


def _wait(within_s: float, what: str) -> _Wait:
    return _Wait(time.monotonic() + within_s, within_s, what)


def _octets(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
