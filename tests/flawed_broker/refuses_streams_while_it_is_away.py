# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Answers 503 to an EventSource while the broker is away, which gives up then."""

import base
import stdlib_asyncio
from contract.message import Refusal
from contract.redis_hub import RedisHub

CAUGHT_BY = {
    "test_a_client_that_comes_while_the_broker_is_away_gets_what_it_missed",
}
# Who publishes right after the broker's start is refused too.
MAY_TRIP = {
    "test_publishing_while_the_broker_is_away_is_refused_for_now",
    "test_what_the_broker_refuses_is_refused_for_now",
}


def make_room(self, name):
    if self._said and not self._back.is_set():
        raise Refusal(503, "the broker is away", {"Retry-After": "1"})


RedisHub.make_room = make_room

base.run(stdlib_asyncio)
