# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil", "redis"]
# ///
"""Wakes who streams for an event of the broker, and not who polls."""

import base
import stdlib_asyncio
from contract.drive import BlockingWake
from contract.redis_hub import RedisHub

CAUGHT_BY = {
    "test_a_held_poll_is_answered_by_an_event_of_another_process",
}


def enter(self, name, wake, counts, right=RedisHub._enter):
    return right(self, name, wake if counts else BlockingWake(), counts)


RedisHub._enter = enter

base.run(stdlib_asyncio)
