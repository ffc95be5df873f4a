"""N clients hear one topic: by SSE, by polling, by long-polling or by WebSocket.

    locust -f loadtest/broadcast.py --headless --host http://127.0.0.1:8000 --users 300 --spawn-rate 300 \
        --transport sse --publish-rate 100 --measure 10 --tally /tmp/sse.json
"""

from urllib.parse import quote

from locust import events
from locust.runners import WorkerRunner

from sseproof.locust import EventStreamUser, LongPollUser, PollUser, WebSocketUser


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument(
        "--transport",
        choices=["sse", "poll", "long-poll", "websocket"],
        default="sse",
        help="how every client hears the topic",
    )
    parser.add_argument("--poll-every", type=float, default=1.0, help="seconds between a client's polls")
    parser.add_argument("--hold", type=float, default=20.0, help="seconds a long-poll is held at most")


def path_of(user, prefix):
    return f"{prefix}?topic={quote(user.environment.parsed_options.topic, safe='')}"


class Listener(EventStreamUser):
    @property
    def path(self):
        return path_of(self, "/events/topic")


class Poller(PollUser):
    @property
    def path(self):
        return path_of(self, "/json/topic")

    @property
    def poll_every(self):
        return self.environment.parsed_options.poll_every


class LongPoller(LongPollUser):
    @property
    def path(self):
        return path_of(self, "/json/topic")

    @property
    def wait_s(self):
        return self.environment.parsed_options.hold


class SocketListener(WebSocketUser):
    @property
    def path(self):
        return path_of(self, "/ws/topic")


USERS = {"sse": Listener, "poll": Poller, "long-poll": LongPoller, "websocket": SocketListener}


@events.init.add_listener
def choose(environment, **_):
    """Let only the users of the chosen transport be spawned; a worker spawns what its master says."""
    if not isinstance(environment.runner, WorkerRunner):
        environment.user_classes = [USERS[environment.parsed_options.transport]]
