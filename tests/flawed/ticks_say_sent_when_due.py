# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Tells of each tick that it was sent when it was due."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_tick_tells_when_it_was_sent"}


def tick(self, n, right=contract.ticks.Clock.tick):
    return {**right(self, n), "sent_ns": n * self.interval_ns}


contract.ticks.Clock.tick = tick
base.run(stdlib_asyncio)
