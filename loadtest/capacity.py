"""More and more clients hear one topic, step by step, until staleness passes a bound or events are missing.

    locust -f loadtest/capacity.py --headless --host http://127.0.0.1:8000 --users 1000 --spawn-rate 1000 \
        --publish-rate 20 --measure 50 --steps 10 --bound-ms 100 --tally /tmp/capacity.json

The users are all there from the start (so a window can be kept whole); each connects when its step begins, as long as
the step before has held. "steps" has users, p50, p99, seen and due of each, up to the first that did not hold;
"largest" is the most users that did. "on_paper" is the Universal Scalability Law fitted to the steps' throughput: a
prediction, for loads nobody measured. Outside of "steps", "seen" and "due" are of the first step's clients, staleness is of all.
"""

import time
from urllib.parse import quote

from locust import events

from sseproof.findings import add_to_tally
from sseproof.locust import EventStreamUser
from sseproof.scaling import on_paper
from sseproof.steps import StepTally, joined_up
from sseproof.users import process_of

MANY = (10_000, 100_000, 1_000_000)


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--transport", choices=["sse"], default="sse", help="how the topic is heard")
    parser.add_argument("--steps", type=int, default=5, help="steps in which the users come")
    parser.add_argument("--bound-ms", type=float, default=100.0, help="p99 staleness that a step may have")


class Climber(EventStreamUser):
    def __init__(self, environment):
        options, process = environment.parsed_options, process_of(environment)
        new = StepTally(self.label, process.window, max(1, options.steps), options.publish_rate)
        process.tallies.setdefault(self.label, new)
        super().__init__(environment)

    @property
    def path(self):
        return f"/events/topic?topic={quote(self.environment.parsed_options.topic, safe='')}"

    def on_start(self):
        """Wait for this user's step; stay away if the load before it was too much already."""
        if not self.environment.parsed_options.measure:
            return  # no window, no steps
        if self.channel.client.number % len(self.tally.steps):
            while not self.tally.has_window:
                self.pause(0.1)
        step = self.channel.client.number % len(self.tally.steps)
        bound_ns = self.environment.parsed_options.bound_ms * 1e6
        for number in range(step):
            self.pause(max(0.0, (self.tally.begins_ns(number + 1) - time.time_ns()) / 1e9))
            if not self.tally.held(number, bound_ns):
                self.idle()


@events.init.add_listener
def extend_the_tally(environment, **_):
    bound_ns = environment.parsed_options.bound_ms * 1e6

    def part():
        tally = process_of(environment).tallies.get(Climber.label)
        return {"steps": tally.part() if isinstance(tally, StepTally) else []}

    def put(tally, parts):
        steps = joined_up([part["steps"] for part in parts], bound_ns)
        points = [(step["users"], step["events_per_s"]) for step in steps]
        tally["steps"] = steps
        tally["largest"] = max((step["users"] for step in steps if step["held"]), default=0)
        tally["on_paper"] = on_paper(points, MANY)

    add_to_tally(environment, "capacity", part, put)
