"""Clients come, see a few events and go, all the time; one in ten stays.

    locust -f loadtest/churn.py --headless --host http://127.0.0.1:8000 --users 100 --spawn-rate 100 \
        --measure 10 --tally /tmp/churn.json

It shows how many visits a second a server takes ("visits_per_s": those that saw an event; and histograms "connect", "headers" and
"first_event"), what they do to those who stay ("seen" and "due" are theirs, staleness is everybody's), and, over
minutes, what leaks: `nox -s bench` samples file descriptors and memory, and looks afterwards whether any stream is
still open. All hear the server's own clock, so nothing is published.
"""

import time

import gevent
from locust import constant, events

from sseproof.findings import add_to_tally
from sseproof.locust import EventStreamUser
from sseproof.reactor import Channel


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--transport", choices=["sse"], default="sse", help="what comes and goes")
    parser.add_argument("--interval", type=float, default=0.05, help="seconds between two events")
    parser.add_argument("--visit-events", type=int, default=5, help="events a visitor stays for")


class Stayer(EventStreamUser):
    weight = 1

    @property
    def path(self):
        return f"/events/ticks?interval={self.environment.parsed_options.interval:g}"


class Visitor(Stayer):
    weight = 9
    finite = True  # nobody comes back to where it was
    wait_time = constant(0)
    timer = None
    visits = taken = 0  # of this process; taken: those that ended in the window and had seen an event

    def begun(self, head):
        reader = super().begun(head)
        options = self.environment.parsed_options
        self.after((options.visit_events + 0.5) * options.interval, self.go)
        return reader

    def after(self, seconds, then, *args):
        self.timer = gevent.get_hub().loop.timer(seconds)
        self.timer.start(then, *args)

    def go(self, looked=False):
        if self.channel.client.expected is None:
            if not looked:
                # After a stall of this process the timer is due together with what has come: that is read first.
                self.timer.close()
                return self.after(0.01, self.go, True)
            self.tally.fail("visit: a client went without having seen an event")
        else:
            Visitor.taken += self.tally.in_window(time.time_ns())
        Visitor.visits += 1
        self.channel.close()
        self.ended(None, "done")

    def ended(self, why, kind):
        if kind == "end":
            why, kind = "the server ended a stream that has no end", "cut"
        super().ended(why, kind)

    def leave(self):
        """Go; who comes next is another client, with a sequence of its own."""
        if self.timer is not None:
            self.timer.close()
        super().leave()
        self.channel = Channel(self.tally, self)


def put(tally, parts):
    tally["visits"] = sum(part["visits"] for part in parts)
    if tally["window"]:
        seconds = (tally["window"]["until_ns"] - tally["window"]["from_ns"]) / 1e9
        tally["visits_per_s"] = sum(part["taken"] for part in parts) / seconds


@events.init.add_listener
def extend_the_tally(environment, **_):
    add_to_tally(environment, "churn", lambda: {"visits": Visitor.visits, "taken": Visitor.taken}, put)
