"""All streams are open, events are published; then every client cuts its stream at once and comes back at once.

    locust -f loadtest/storm.py --headless --host http://127.0.0.1:8000 --users 200 --spawn-rate 200 \
        --publish-rate 20 --measure 10 --tally /tmp/storm.json

Each comes back with its Last-Event-ID, so nothing may be missing: "seen" equals "due". Histogram "back" is the time
from the cut to the new stream's head; its maximum is when all were back. The first storm is a second into the window
(without --measure: into the run), the next ones follow every --storm-every seconds, as long as that much is left.
Clients do not wait for the announced retry: the worst case, as when a proxy in front is restarted.
"""

import time
from urllib.parse import quote

import gevent
from locust import events
from locust.runners import MasterRunner

from sseproof.findings import add_to_tally, put_histogram
from sseproof.histogram import encoded, histogram, record
from sseproof.locust import EventStreamUser
from sseproof.tally import EVERYTHING, NOT_YET
from sseproof.users import process_of

FIRST_S = 1.0


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--transport", choices=["sse"], default="sse", help="what is cut")
    parser.add_argument("--storm-every", type=float, default=10.0, help="seconds from one storm to the next")


class Stormy(EventStreamUser):
    here = set()  # noqa: RUF012  (all of this process)
    back = histogram()
    cut = 0
    cut_ns = 0  # when this one was cut; 0: it is not waiting to be back

    @property
    def path(self):
        return f"/events/topic?topic={quote(self.environment.parsed_options.topic, safe='')}"

    def begun(self, head):
        reader = super().begun(head)
        Stormy.here.add(self)
        if self.cut_ns:
            back_ns, self.cut_ns = time.time_ns() - self.cut_ns, 0
            record(Stormy.back, [back_ns])
            self.environment.events.request.fire(
                request_type="SSE",
                name="back",
                response_time=back_ns / 1e6,
                response_length=0,
                exception=None,
            )
        return reader

    def ended(self, why, kind):
        Stormy.here.discard(self)
        super().ended(why, kind)

    def pause(self, seconds):
        """Come back at once after a cut of our own; as an EventSource does after any other end."""
        super().pause(0 if self.cut_ns else seconds)

    def cut_off(self, now_ns):
        self.cut_ns = now_ns
        self.channel.close()
        self.ended(None, "storm")


def storm():
    """Cut whatever is served just now, in one go: none is back before the last is cut."""
    now_ns = time.time_ns()
    for user in [user for user in Stormy.here if user.channel.is_open]:
        Stormy.cut += 1
        user.cut_off(now_ns)


def weather(environment):
    """Cut all streams when it is time; every process knows the window, so all do so at the same time."""
    process = process_of(environment)
    while process.window == NOT_YET:
        gevent.sleep(0.05)
    is_endless = process.window == EVERYTHING
    at_ns = (time.time_ns() if is_endless else process.window[0]) + round(FIRST_S * 1e9)
    while at_ns < process.window[1]:
        gevent.sleep(max(0.0, (at_ns - time.time_ns()) / 1e9))
        gevent.get_hub().loop.run_callback(storm)  # where a channel's owner is always told that it has ended
        at_ns += round(environment.parsed_options.storm_every * 1e9)


def put(tally, parts):
    put_histogram(tally, "back", [part["back"] for part in parts])
    cut, back = sum(part["cut"] for part in parts), tally["quantiles"]["back"]["n"]
    tally["storm"] = {"cut": cut, "back": back}
    if back < cut:
        tally["failures"]["storm: cut streams were not back when the run ended"] = cut - back


@events.init.add_listener
def prepare(environment, **_):
    add_to_tally(environment, "storm", lambda: {"cut": Stormy.cut, "back": encoded(Stormy.back)}, put)

    def start(**_):
        if not isinstance(environment.runner, MasterRunner):
            gevent.spawn(weather, environment)

    environment.events.test_start.add_listener(start)
