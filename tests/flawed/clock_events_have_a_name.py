# /// script
# requires-python = ">=3.11"
# dependencies = ["h11", "psutil"]
# ///
"""Names the clock's events `clock`, so that no onmessage hears of them."""

from dataclasses import replace

import base
import contract
import stdlib_asyncio

CAUGHT_BY = {"test_clock_sends_events_of_default_type"}


def clock(request, right=contract.demos.clock):
    def plan(wake):
        for due, event in planned(wake):
            yield due, event and replace(event, event="clock")

    planned = right(request)
    return plan


contract.demos.DEMOS["clock"] = clock
base.run(stdlib_asyncio)
