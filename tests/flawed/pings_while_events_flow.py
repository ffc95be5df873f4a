# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Sends a comment when it is time, whether or not events flow."""

import time

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {
    "test_a_quiet_stream_carries_no_more_comments_than_asked_for",
    "test_no_comment_comes_while_events_flow",
}


def steps(self, wake, right=contract.Stream._steps):
    pinged = time.monotonic()
    for step in right(self, wake):
        yield step
        if time.monotonic() - pinged >= self._ping_s:
            pinged = time.monotonic()
            yield contract.event.PING


contract.Stream._steps = steps

base.run(stdlib_asyncio)
