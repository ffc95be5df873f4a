"""N clients hear one topic, and one in ten of them reads nothing.

    locust -f loadtest/slow.py --headless --host http://127.0.0.1:8000 --users 50 --spawn-rate 50 \
        --publish-rate 50 --payload-bytes 10000 --measure 10 --tally /tmp/slow.json

All figures are of those who read; against `broadcast` with the same numbers they show what the others do to them.
Who reads nothing has a small receive buffer, so what it is sent waits in the server: its memory grows up to a bound,
or without one. "sleepers" says how many such streams were opened: one that is reset is opened again after a second. A
server that gives such a client up may do so without a word to it; then only its memory tells.
"""

import socket
from urllib.parse import quote

import gevent
from locust import User, constant, events, task

from sseproof.bodies import request_bytes
from sseproof.findings import add_to_tally
from sseproof.locust import EventStreamUser
from sseproof.reactor import resolve

RECEIVE_BYTES = 4096
LOOK_S = 0.5


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--transport", choices=["sse"], default="sse", help="how the topic is heard")


def path_of(user):
    return f"/events/topic?topic={quote(user.environment.parsed_options.topic, safe='')}"


class Reader(EventStreamUser):
    weight = 9

    @property
    def path(self):
        return path_of(self)


class Sleeper(User):
    """Ask for the stream and never read a byte of it."""

    weight = 1
    wait_time = constant(1)
    opened = 0  # of this process

    @task
    def sleep(self):
        host, _, port = self.host.removeprefix("http://").rstrip("/").partition(":")
        address = resolve(host, int(port or 80))
        with socket.socket(address.family, socket.SOCK_STREAM) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            try:
                connection.connect((address.ip, address.port))
                connection.sendall(request_bytes("GET", path_of(self), address.host))
            except OSError:
                return  # the readers' failures tell of a server that is not there
            Sleeper.opened += 1
            while not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                gevent.sleep(LOOK_S)


def put(tally, parts):
    tally["sleepers"] = sum(part["opened"] for part in parts)


@events.init.add_listener
def extend_the_tally(environment, **_):
    add_to_tally(environment, "slow", lambda: {"opened": Sleeper.opened}, put)
