# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends one comment, and no second."""

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_a_quiet_stream_carries_a_comment"}


def steps(self, wake, right=contract.Stream._steps):
    pings = 0
    for step in right(self, wake):
        pings += step is contract.event.PING
        if step is not contract.event.PING or pings == 1:
            yield step


contract.Stream._steps = steps

base.run(stdlib_asyncio)
