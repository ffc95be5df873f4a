"""A relay between a browser and a server on the loopback: it keeps what was asked, and can break or bend what is said.

It is what shows that a browser sends a header, and what cuts a connection while the server lives on. Strategy: bytes
pass as they come, one thread each way. Rule of the file: it knows no more of HTTP than where a message's head ends.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HEAD_BYTES = 64 * 1024
_REQUEST = re.compile(rb"\A[A-Z]+ (\S+) HTTP/1\.1\r\n")


@dataclass(frozen=True)
class Asked:
    """Hold the head of one request: when it came (monotonic seconds), its target, its headers by lower-case name."""

    at_s: float
    method: str
    target: str
    headers: dict[str, str]


class Relay:
    """A port of its own that leads to a server. Leaving the context closes it with all its connections."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._bend: Callable[[bytes], bytes] | None = None
        self._asked: list[Asked] = []
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.origin = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def asked(self, path: str) -> list[Asked]:
        """Give the requests for a path, in the order they came."""
        with self._lock:
            return [each for each in self._asked if each.target.partition("?")[0] == path]

    def cut(self) -> None:
        """End every connection now there is; the next one is let through."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _end(each)

    def bend(self, change: Callable[[bytes], bytes] | None) -> None:
        """Have the head of every answer from now on be changed on its way."""
        self._bend = change

    def lead_to(self, host: str, port: int) -> None:
        """Lead new connections to another server."""
        self._to = host, port

    def close(self) -> None:
        """Refuse new connections and end those there are."""
        _end(self._listening)
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._to, timeout=10)
        except OSError:  # nobody there: so it is for the browser
            _end(near)
            return
        for each in (near, far):
            each.settimeout(None)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets |= {near, far}
        back = threading.Thread(target=self._pass_back, args=(far, near), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := near.recv(2**16):
                self._keep(data)
                far.sendall(data)
        _end(far)  # the browser has left: the server is to see it
        back.join()
        _end(near)
        with self._lock:
            self._sockets -= {near, far}

    def _pass_back(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(2**16):
                if self._bend is not None and data.startswith(b"HTTP/"):
                    while b"\r\n\r\n" not in data and len(data) < HEAD_BYTES and (more := far.recv(2**16)):
                        data += more
                    head, blank, rest = data.partition(b"\r\n\r\n")
                    data = self._bend(head) + blank + rest
                near.sendall(data)
        _end(near)

    def _keep(self, data: bytes) -> None:
        request = _REQUEST.match(data)
        if request:
            first, *lines = data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
            method, target, _ = first.split(" ")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            with self._lock:
                self._asked.append(Asked(time.monotonic(), method, target, headers))


def _end(connection: socket.socket) -> None:
    """Shut a socket down, which wakes whoever waits on it, and close it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
