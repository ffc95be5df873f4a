# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Answers a poll by nothing while the broker is away."""

import base
import stdlib_asyncio
from contract.hub import Kept
from contract.message import Refusal
from contract.redis_hub import RedisHub

CAUGHT_BY = {
    "test_a_poll_while_the_broker_is_away_is_refused_for_now",
}


def joining(self, name, id, wake, right=RedisHub.joining):
    try:
        return (yield from right(self, name, id, wake))
    except Refusal:
        return Kept(None, [], id), self._enter(name, wake, counts=False)


RedisHub.joining = joining

base.run(stdlib_asyncio)
