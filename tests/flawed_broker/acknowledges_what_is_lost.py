# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Answers 202 to what the broker did not take."""

import base
import stdlib_asyncio
from contract.message import Refusal
from contract.redis_hub import RedisHub

CAUGHT_BY = {
    "test_nothing_acknowledged_is_lost_or_doubled_when_the_broker_dies_and_is_back",
    "test_publishing_while_the_broker_is_away_is_refused_for_now",
    "test_what_the_broker_refuses_is_refused_for_now",
}


def publish(self, name, items, wake, right=RedisHub.publish):
    try:
        return (yield from right(self, name, items, wake))
    except Refusal:
        return ["lost"] * len(items)


RedisHub.publish = publish

base.run(stdlib_asyncio)
