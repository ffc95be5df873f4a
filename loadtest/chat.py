"""N people talk to a chat: each asks by POST, hears the answer token by token, thinks, and asks again.

    locust -f loadtest/chat.py --headless --host http://127.0.0.1:8000 --users 20 --spawn-rate 20 \
        --measure 5 --tally /tmp/chat.json

It shows the time to the first token (histogram "first_event"), the time between two tokens ("gap"), by how much the
slow ones differ from the usual one ("jitter_ns": p99 of the gap minus its median) and tokens per second. The payload
is anybody's: nothing in it is numbered, so events are read by `sseproof.wire`, and a lost token cannot be seen; an
answer that ends without its `done` is a failure.
"""

import json
import time

from locust import between, events

from sseproof.findings import add_to_tally
from sseproof.locust import EventStreamUser


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--transport", choices=["sse"], default="sse", help="how an answer comes")
    parser.add_argument("--token-rate", type=float, default=50.0, help="tokens per second of one answer")


class Talker(EventStreamUser):
    method = "POST"
    headers = {"Content-Type": "application/json"}  # noqa: RUF012  (read only)
    done = "[DONE]"
    wait_time = between(0.1, 0.5)
    begun_count = answered_count = 0  # answers of this process
    done_count = 0  # of these, those whose end came in the window

    @property
    def path(self):
        return f"/events/chat?rate={self.environment.parsed_options.token_rate:g}"

    @property
    def body(self):
        return json.dumps({"message": f"question {Talker.begun_count}"})

    def begun(self, head):
        reader = super().begun(head)
        Talker.begun_count += 1
        return reader

    def ended(self, why, kind):
        if kind == "done":
            Talker.answered_count += 1
            Talker.done_count += self.tally.in_window(time.time_ns())
        elif kind == "end":  # in order, as HTTP goes, but not as an answer
            why, kind = "the answer ended before its `done`", "cut"
        super().ended(why, kind)

    def leave(self):
        """Close the connection, and stay a client: the next question follows."""
        self.channel.close()


def put(tally, parts):
    gap = tally["quantiles"]["gap"]
    tally["jitter_ns"] = gap["p99"] - gap["p50"]
    if tally["window"]:
        seconds = (tally["window"]["until_ns"] - tally["window"]["from_ns"]) / 1e9
        done = sum(part["done"] for part in parts)  # an event, but no token
        tally["tokens_per_s"] = max(0, tally["came"] - done) / seconds
    tally["answers"] = {name: sum(part[name] for part in parts) for name in ("begun", "whole")}


@events.init.add_listener
def extend_the_tally(environment, **_):
    def part():
        return {"begun": Talker.begun_count, "whole": Talker.answered_count, "done": Talker.done_count}

    add_to_tally(environment, "chat", part, put)
