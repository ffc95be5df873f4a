"""The command line every server file takes, and the socket it listens on."""

import argparse
import importlib.util
import os
import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Options:
    """Hold the options of one server. Times in seconds, except `retry`, in milliseconds."""

    host: str
    port: int
    ping: float
    retry: int
    history: int
    mailbox: int
    sessions: int
    session_ttl: float
    topics: int
    allow_origin: frozenset[str]
    broker: str
    workers: int

    @property
    def user_timeout_s(self) -> float:
        """Give how long a client may take nothing before the kernel gives its connection up.

        Nothing: neither acknowledge what was sent, nor make room for more. So who reads nothing goes too.
        """
        return max(3.0, 2 * self.ping)

    @property
    def departure_s(self) -> float:
        """Give within how long a client that vanished without FIN is noticed: by the pings it leaves unanswered."""
        return self.user_timeout_s + 2 * self.ping + 1


def refuse_option(message: str) -> NoReturn:
    """End the server for a wrong option: one line on stderr and exit 2."""
    _Parser(allow_abbrev=False).error(message)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def _number(kind: type, low: float, high: float):  # type: ignore[no-untyped-def]
    def read(value: str) -> float:
        try:
            number = kind(value)
        except ValueError:
            number = None
        if number is None or not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{value!r}, expected a number from {low:g} to {high:g}")
        return number

    return read


def _broker(value: str) -> str:
    if value == "memory":
        return value
    expected = "expected memory or redis://HOST:PORT"
    try:
        url = urlsplit(value)
        fit = url.scheme in ("redis", "rediss") and url.hostname and (url.port or 6379)
    except ValueError:  # of the port
        fit = False
    if not fit or not re.fullmatch(r"(/\d{0,5})?", url.path) or url.query or url.fragment:
        shown = re.sub(r"//.*@", "//...@", value)  # a password is nobody's business
        raise argparse.ArgumentTypeError(f"{shown!r}, {expected}")
    if not importlib.util.find_spec("redis"):
        raise argparse.ArgumentTypeError("redis:// needs the package redis: uv run --with redis ...")
    return value


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; a wrong value is one line on stderr and exit 2."""
    parser = _Parser(description="Serve the contract.", allow_abbrev=False)
    whole = 10**9
    parser.add_argument(
        "--port", type=_number(int, 0, 65535), default=8000, help="0 takes any free one; 8000"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 127.0.0.1")
    parser.add_argument("--ping", type=_number(float, 0.05, 3600), default=15.0, metavar="S")
    parser.add_argument("--retry", type=_number(int, 0, whole), default=1000, metavar="MS")
    parser.add_argument("--history", type=_number(int, 1, whole), default=10_000, metavar="N")
    parser.add_argument("--mailbox", type=_number(int, 1, whole), default=1024, metavar="N")
    parser.add_argument("--sessions", type=_number(int, 1, whole), default=1000, metavar="N")
    parser.add_argument("--session-ttl", type=_number(float, 0.1, whole), default=60.0, metavar="S")
    parser.add_argument("--topics", type=_number(int, 1, whole), default=10_000, metavar="N")
    parser.add_argument("--allow-origin", action="append", metavar="ORIGIN", help="repeatable")
    parser.add_argument("--broker", type=_broker, default="memory", help="or redis://HOST:PORT; memory")
    parser.add_argument("--workers", type=_number(int, 1, 64), default=1, metavar="N", help="processes; 1")
    found = parser.parse_args(arguments)
    if found.workers > 1 and found.broker == "memory":
        parser.error(
            "--workers: topics in memory belong to one process, several need --broker redis://HOST:PORT"
        )
    return Options(
        host=found.host,
        port=found.port,
        ping=found.ping,
        retry=found.retry,
        history=found.history,
        mailbox=found.mailbox,
        sessions=found.sessions,
        session_ttl=found.session_ttl,
        topics=found.topics,
        allow_origin=frozenset(found.allow_origin or ["http://localhost:8080"]),
        broker=found.broker,
        workers=int(found.workers),
    )


def listen(options: Options) -> socket.socket:
    """Open the listening socket and print the server's URL; a port in use is one line and exit 1.

    The socket is ours, not the HTTP server's, so that `--port 0` and its first line mean the same everywhere.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    host = f"[{options.host}]" if family == socket.AF_INET6 else options.host
    try:
        sock = socket.create_server((options.host, options.port), family=family, backlog=2048)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        print(
            f"{os.path.basename(sys.argv[0])}: cannot listen on {host}:{options.port}: {why}", file=sys.stderr
        )
        raise SystemExit(1) from None
    # Python says protocol 0 of a socket it made so, and asyncio turns Nagle's algorithm off only where it says TCP;
    # asked anew, the kernel names the protocol.
    sock = socket.socket(fileno=sock.detach())
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; the accepted sockets inherit it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * options.user_timeout_s))
    print(f"http://{host}:{sock.getsockname()[1]}", flush=True)
    return sock
