"""Sockets on gevent's loop: no greenlet and no object per event.

A Channel is one client's line to its server, opened as often as its owner asks. All channels' sockets are in one epoll
set, and gevent's loop watches that set's own descriptor: one callback of the loop then serves every socket that is
readable, which takes a third less of Python's time than a watcher for each, and no memory for it. For each there is
one `recvmsg`, one look into the memo (sseproof.pieces) and one check of the sequence; what came goes into the tally's
log and is counted later, by the thousand. With each read comes the kernel's own receive time (SO_TIMESTAMPNS): of
several segments read at once the last one's, so a client that is behind is never flattered. All channels of a process
share one thread, which is why nothing here may block.

It has more lines than most because the life of one connection, from connect to close, belongs together.
"""

from __future__ import annotations

import errno
import functools
import os
import socket as sockets
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import gevent
from gevent import monkey
from gevent import socket as gevent_socket

from sseproof.bodies import Head, read_head
from sseproof.pieces import NOTHING, Broken, Memo, Piece
from sseproof.tally import NO_STAMP, Client, Tally

RECEIVE_BYTES = 64 * 2**10
PER_SOURCE = 20_000  # connections from one source address; Linux has 28,232 ports for each by default
_ANCILLARY_BYTES = 64
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the same number is the control message's type
_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h: the port is chosen at connect, when the other side is known
_READ, _WRITE = 1, 4  # EPOLLIN and EPOLLOUT
_AT_ONCE = 512  # sockets served before the loop's other callbacks have their turn
_Epoll: Any = monkey.get_original("select", "epoll")  # which gevent hides
_Socket: Any = monkey.get_original("socket", "socket")  # gevent's own would wait for us
_time_ns = time.time_ns


class Address(NamedTuple):
    """Where a server listens; `host` is what the Host header says."""

    family: int
    ip: str
    port: int
    host: str


class Limits(NamedTuple):
    """How long a connection and an answer's head may take, in seconds."""

    connect_s: float = 10.0
    head_s: float = 30.0


class Reader(Protocol):
    """What reads the bytes behind a head (sseproof.readers)."""

    memo: Memo
    last_id: str

    def take(self, raw: bytes) -> Piece: ...

    def cut(self) -> str | None: ...


class Owner(Protocol):
    """Whom a channel tells what happens on it. Called in the loop: must not block."""

    def begun(self, head: Head) -> Reader:
        """Give the reader for what follows a head; raise Broken to refuse it."""

    def noticed(self, piece: Piece) -> None:
        """Look at a piece that holds more than numbered events."""

    def ended(self, why: str | None, kind: str) -> None:
        """Take note that the connection is closed: in order, or with a plain sentence why not, and its kind."""


@functools.cache
def resolve(host: str, port: int) -> Address:
    """Look a host up, once; raise OSError."""
    family, _, _, _, found = gevent_socket.getaddrinfo(host, port, type=sockets.SOCK_STREAM)[0]
    name = f"[{host}]" if ":" in host else host
    return Address(int(family), str(found[0]), port, name if port == 80 else f"{name}:{port}")


def source_address(address: Address, number: int, worker: int) -> str | None:
    """Give the source for a client's connections: another 127.x.y.z for every 20,000 and for every process."""
    if address.family != sockets.AF_INET or not address.ip.startswith("127."):
        return None
    block = number // PER_SOURCE
    return f"127.0.{worker % 256}.{1 + block % 254}" if block or worker else None


class Channel:
    """One client's connection and what is checked of it.

    `open` connects and sends a request; `send` sends another on the same connection. Times in nanoseconds of the
    Unix clock. `worker` numbers this process among those of a run, so that sources differ.
    """

    worker = 0

    __slots__ = (
        "_connected", "_head_data", "_is_stuck", "_outgoing", "_socket", "_timer",
        "asked_ns", "client", "owner", "reader", "tally",
    )  # fmt: skip

    def __init__(self, tally: Tally, owner: Owner) -> None:
        self.tally = tally
        self.client: Client = tally.add_client()
        self.client.channel = self
        self.owner = owner
        self.reader: Reader | None = None
        self._socket: Any = None
        self._timer: Any = None
        self._connected: Callable[[], None] | None = None
        self._head_data = b""
        self._outgoing = b""
        self._is_stuck = False
        self.asked_ns = 0

    @property
    def is_open(self) -> bool:
        """Tell whether there is a connection, or one being made."""
        return self._socket is not None

    def open(self, address: Address, request: bytes, limits: Limits, reader: Reader | None = None) -> None:
        """Connect and send the request; how it goes on is told to the owner.

        A reader given here reads the head too, and its owner calls `answered` when there is one.
        """
        self.close()
        self.reader = reader
        begun_ns = _time_ns()
        try:
            sock = self._socket = _Socket(address.family, sockets.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
            if source := source_address(address, self.client.number, self.worker):
                sock.setsockopt(sockets.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
            try:
                sock.setsockopt(sockets.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            except OSError:  # the reader's clock has to do
                self.tally.clock = "reader"
            code = sock.connect_ex((address.ip, address.port))
        except OSError as error:
            code = error.errno or errno.EIO
        if code not in (0, errno.EINPROGRESS):
            return self._end(_why(code, address), "connect")
        self._outgoing = request
        why = f"{address.host} did not accept the connection in {limits.connect_s:g} s"
        self._after(limits.connect_s, why, "connect")
        self._connected = functools.partial(self._begin, address, begun_ns, limits)
        poller().add(self, self._socket.fileno())

    def _begin(self, address: Address, begun_ns: int, limits: Limits) -> None:
        code = self._socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_ERROR)
        if code:
            return self._end(_why(code, address), "connect")
        self.tally.connects_ns.append(_time_ns() - begun_ns)
        self.client.receive = self._socket.recvmsg
        request, self._outgoing = self._outgoing, b""
        poller().want(self._socket.fileno(), _READ)
        self.tally.opened(self.client)
        self.ask(request, limits)

    def ask(self, request: bytes, limits: Limits) -> None:
        """Send a request on the open connection; an answer is due within the limit."""
        self.asked_ns = _time_ns()
        self.tally.requests += self.tally.in_window(self.asked_ns)
        self._after(limits.head_s, f"the server sent no complete answer in {limits.head_s:g} s", "headers")
        self.send(request)

    def answered(self) -> None:
        """Take note that the head, or the whole answer, is there."""
        self._stop_timer()
        self.tally.heads_ns.append(_time_ns() - self.asked_ns)

    def send(self, data: bytes) -> None:
        """Send without waiting; what does not fit goes when there is room."""
        if self._socket is not None:
            self.tally.sent(len(data))
            self._outgoing += data
            self._flush()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
        except BlockingIOError:
            poller().want(self._socket.fileno(), _READ | _WRITE)
            self._is_stuck = True
        except OSError as error:
            self._end(f"the connection broke while sending: {os.strerror(error.errno or 0)}", "cut")
        else:
            if self._is_stuck:
                self._is_stuck = False
                poller().want(self._socket.fileno(), _READ)

    def serve(self, events: int) -> None:
        """Go on as far as the kernel says it can: to be connected, to send, or to read what is not plainly next."""
        if self._connected is not None:
            connected, self._connected = self._connected, None
            return connected()
        if self._outgoing and events & _WRITE:
            self._flush()
        if self._socket is not None and events & ~_WRITE:
            try:
                raw, ancillary, _, _ = self.client.receive(RECEIVE_BYTES, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                return self._end(f"the connection broke: {os.strerror(error.errno or 0)}", "cut")
            self.take(raw, ancillary)

    def take(self, raw: bytes, ancillary: Any) -> None:
        """Take bytes that no memo knows, or a piece that is not plainly the next."""
        client = self.client
        piece = client.memo.get(raw)
        if piece is None:
            self._catch_up()
            piece = self._read(raw)
            if piece is None:
                return
            client.memo = NOTHING if self.reader is None else self.reader.memo
        elif piece.last_id is not None:
            client.last = piece
        piece = client.check(piece)
        self.tally.add(self.client, piece, _time_ns(), ancillary[0][2] if ancillary else NO_STAMP)
        if piece.notable:
            self._notice(piece)

    def _catch_up(self) -> None:
        """Tell the reader the last event ID of what was found in its memo."""
        last, self.client.last = self.client.last, None
        if last is not None and last.last_id is not None and self.reader is not None:
            self.reader.last_id = last.last_id

    def _read(self, raw: bytes) -> Piece | None:
        """Read bytes that no memo knows: a head, the end, or anything in mid-event."""
        if not raw:
            self._end_of_file()
            return None
        try:
            if self.reader is not None:
                return self.reader.take(raw)
            self._head_data += raw
            found = read_head(self._head_data)
            if found is None:
                return Piece(len(raw))
            head, rest = found
            self._head_data = b""
            self.answered()
            self.reader = self.owner.begun(head)
            piece = self.reader.take(rest)
            return piece.changed(len(raw), piece.ours)
        except Broken as error:
            self.tally.received(len(raw))
            self._end(str(error), "refused" if self.reader is None else "broken")
            return None

    def _end_of_file(self) -> None:
        if self.reader is None:
            got = f"after {len(self._head_data)} bytes of a head" if self._head_data else "without an answer"
            return self._end(f"the connection was closed {got}", "headers")
        missing = self.reader.cut()
        return self._end(missing, "cut" if missing else "end")

    def _notice(self, piece: Piece) -> None:
        self.owner.noticed(piece)
        if piece.ended and self._socket is not None:
            self._end(None, "end")

    def _end(self, why: str | None, kind: str) -> None:
        self.close()
        self.owner.ended(why, kind)

    def close(self) -> None:
        """Close the connection, if there is one, and tell nobody."""
        self._stop_timer()
        if self._socket is not None:
            poller().remove(self._socket.fileno())
            self._socket.close()
        self._catch_up()
        self.client.memo, self.client.receive = NOTHING, None
        self._socket = self.reader = self._connected = None
        self._head_data = self._outgoing = b""
        self._is_stuck = False

    def _after(self, seconds: float, why: str, kind: str) -> None:
        self._stop_timer()
        self._timer = gevent.get_hub().loop.timer(seconds)
        self._timer.start(self._end, why, kind)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None


class Poller:
    """The epoll set of all channels of this process, served from gevent's loop."""

    def __init__(self) -> None:
        self._epoll = _Epoll()
        self._clients: dict[int, Client] = {}
        self._watcher = gevent.get_hub().loop.io(self._epoll.fileno(), 1)
        self._watcher.start(self._serve)

    def add(self, channel: Channel, descriptor: int) -> None:
        """Watch a connection being made."""
        self._clients[descriptor] = channel.client
        self._epoll.register(descriptor, _WRITE)

    def want(self, descriptor: int, events: int) -> None:
        """Watch for other events."""
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Forget a connection that is about to be closed."""
        if self._clients.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def _serve(self) -> None:
        """Read from every socket that is readable: what runs per event is here, and written for speed."""
        clients, now = self._clients, _time_ns
        tally: Tally | None = None
        known, known_memo, piece = b"", None, None
        for descriptor, events in self._epoll.poll(0, _AT_ONCE):
            client = clients.get(descriptor)
            if client is None:  # closed by what another socket of this turn has brought
                continue
            if events != _READ:
                client.channel.serve(events)
                continue
            try:
                raw, ancillary, _, _ = client.receive(RECEIVE_BYTES, _ANCILLARY_BYTES)
            except OSError:
                client.channel.serve(events)  # which meets it again, if it is more than a false alarm
                continue
            if raw != known or client.memo is not known_memo:  # not what the socket before has brought
                known, known_memo = raw, client.memo
                piece = known_memo.get(raw)
            if piece is None or piece.first != client.expected:
                client.channel.take(raw, ancillary)
                known_memo = None
                continue
            client.expected = piece.after
            if piece.last_id is not None:
                client.last = piece
            if client.tally is not tally:
                tally = client.tally
                add_who, add_piece, add_read = tally.who.append, tally.pieces.append, tally.read_ns.append
                stamps = tally.stamps
            add_who(client.number)
            add_piece(piece)
            add_read(now())
            stamps += ancillary[0][2] if ancillary else NO_STAMP


@functools.cache
def poller() -> Poller:
    """Give this process's poller; it is made when first needed, which is after locust has forked."""
    return Poller()


def _why(code: int, address: Address) -> str:
    """Say why there is no connection, with the way out where it is ours to find."""
    if code == errno.EMFILE:
        return "no file descriptor left for another connection; raise the limit: ulimit -n 1048576"
    if code == errno.EADDRNOTAVAIL:
        return "no port left for another connection; widen: sysctl net.ipv4.ip_local_port_range='1024 65535'"
    return f"cannot connect to {address.ip}:{address.port}: {os.strerror(code)}"
